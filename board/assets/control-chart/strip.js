// The whole history in a strip, with the range that is seen: dragged, it moves; at its ends it grows and shrinks.
import { palette, markOf } from "/assets/control-chart/shapes.js";

const GRIP = 10;  // pixels at either end

export class Strip {
  constructor(place, { span, changed }) {
    this.place = place;
    this.span = span;
    this.canvas = place.querySelector("canvas");
    this.window = place.querySelector(".seen");
    this.points = null;
    this.drag = null;
    new ResizeObserver(() => this.draw()).observe(place);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    place.addEventListener("pointerdown", (event) => { this.grab(event); changed(); });
    place.addEventListener("pointermove", (event) => { if (this.drag) { this.pull(event); changed(); } });
    for (const name of ["pointerup", "pointercancel"]) place.addEventListener(name, () => { this.drag = null; });
  }

  at(event) {
    const box = this.place.getBoundingClientRect();
    return ((event.clientX - box.left) / box.width) * this.span.total - 0.5;
  }

  grab(event) {
    const { span } = this;
    const place = this.at(event);
    const near = (GRIP / this.place.clientWidth) * span.total;
    if (Math.abs(place - span.low) < near && span.width > 3 * near) this.drag = "low";
    else if (Math.abs(place - span.high) < near && span.width > 3 * near) this.drag = "high";
    else {
      if (place < span.low || place > span.high) span.set(place - span.width / 2, place + span.width / 2);
      this.drag = place - span.low;
    }
    this.place.setPointerCapture(event.pointerId);
  }

  pull(event) {
    const { span } = this;
    const place = this.at(event);
    if (this.drag === "low") span.set(Math.min(place, span.high - 5), span.high);
    else if (this.drag === "high") span.set(span.low, Math.max(place, span.low + 5));
    else span.set(place - this.drag, place - this.drag + span.width);
  }

  show(points) {
    this.points = points;
    this.draw();
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!this.points || !this.points.length || !width) return;
    const ratio = devicePixelRatio, ctx = this.canvas.getContext("2d"), colours = palette();
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    ctx.scale(ratio, ratio);
    const { place, value } = this.points.columns;
    const known = value.filter((one) => one !== null);
    const low = Math.min(...known), high = Math.max(...known);
    const x = (number) => ((place[number] + 0.5) / this.span.total) * width;
    const y = (number) => height - 4 - ((value[number] - low) / (high - low || 1)) * (height - 12);
    ctx.strokeStyle = colours.value;
    ctx.lineWidth = 1;
    ctx.beginPath();
    value.forEach((one, number) => { if (one !== null) ctx.lineTo(x(number), y(number)); });
    ctx.stroke();
    value.forEach((one, number) => {
      const mark = this.points.columns.signals[number] && markOf(this.points.rules(number), "value");
      if (!mark) return;
      ctx.fillStyle = colours[mark[2]];
      ctx.fillRect(x(number) - 1, 0, 2, mark[2] === "bad" ? 6 : 3);
    });
    this.look();
  }

  // Where the range that is seen stands.
  look() {
    const { low, high, total } = this.span;
    const share = (place) => `${Math.min(100, Math.max(0, (100 * (place + 0.5)) / Math.max(1, total)))}%`;
    this.window.style.left = share(low);
    this.window.style.width = `calc(${share(high)} - ${share(low)})`;
  }
}
