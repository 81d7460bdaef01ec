// Location above dispersion on uPlot: one axis of places, one cursor. A point's place is its order, as on paper.
import { time } from "/assets/page.js";
import * as draw from "/assets/control-chart/draw.js";
import { runsOfLimits, runsOfSpecification } from "/assets/control-chart/limits.js";
import { markOf, palette } from "/assets/control-chart/shapes.js";

const FIELDS = ["value", "dispersion"];
const LABEL_WIDTH = 88;  // pixels
const AXIS_WIDTH = 70;

// [low, high] of all these numbers with a little room.
function padded(numbers) {
  let low = Infinity, high = -Infinity;
  for (const value of numbers) if (value !== null && value !== undefined) { low = Math.min(low, value); high = Math.max(high, value); }
  if (low > high) return [0, 1];
  const room = (high - low || Math.abs(high) || 1) * 0.08;
  return [low - room, high + room];
}

export class Plots {
  // `containers`: of the location and of the dispersion; `pointed(number)` is told which point the pointer is at.
  constructor(containers, { pointed, resized }) {
    this.containers = containers;
    this.pointed = pointed;
    this.shown = { zones: true, specification: false, readings: false };
    this.points = null;
    this.view = [0, 1];
    this.plots = [];
    new ResizeObserver(() => { this.fit(); resized(); }).observe(containers[0]);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.recolour());
    addEventListener("beforeprint", () => { document.documentElement.classList.add("printed"); this.recolour(); });
    addEventListener("afterprint", () => { document.documentElement.classList.remove("printed"); this.recolour(); });
  }

  get width() { return this.containers[0].clientWidth; }

  // Pixels of the plot's frame, and the place at a pixel from its left edge.
  get over() { return this.plots[0].over; }
  placeAt(pixel) { return this.plots[0].posToVal(pixel, "x"); }

  fit() {
    this.plots.forEach((plot, which) => {
      const { clientWidth: width, clientHeight: height } = this.containers[which];
      if (width && (width !== plot.width || height !== plot.height)) plot.setSize({ width, height });
    });
  }

  recolour() {
    if (!this.plots.length) return;
    for (const plot of this.plots) plot.destroy();
    this.plots = [];
    this.build();
  }

  build() {
    this.colours = palette();
    this.plots = FIELDS.map((field, which) => new uPlot(this.options(field, this.containers[which]), this.data(field), this.containers[which]));
    this.containers[0].dataset.drawn = "yes";
  }

  options(field, container) {
    const { quiet, line, value } = this.colours;
    const axis = { stroke: quiet, grid: { stroke: line, width: 0.5 }, ticks: { stroke: line, width: 0.5 } };
    return {
      width: container.clientWidth, height: container.clientHeight,
      series: [{}, { stroke: value, width: 1.2, points: { show: false } }],
      legend: { show: false },
      cursor: { sync: { key: "control-chart", scales: ["x", null] }, drag: { x: false, y: false, setScale: false }, y: false,
        points: { size: 11, width: 2, stroke: this.colours.accent, fill: "transparent" } },
      scales: { x: { time: false, auto: false, range: () => this.view }, y: { range: () => this.range(field) } },
      axes: [{ ...axis, grid: { show: false }, size: this.labelled(container) ? 44 : 8, splits: () => this.splits(), values: (_, places) => (this.labelled(container) ? this.labels(places) : places.map(() => "")) }, { ...axis, size: AXIS_WIDTH }],
      hooks: {
        drawClear: [(plot) => this.below(plot, field)],
        draw: [(plot) => this.above(plot, field)],
        init: [(plot) => plot.over.addEventListener("mousemove", (event) => this.pointed(this.points.nearest(plot.posToVal(event.offsetX, "x"))))],
      },
    };
  }

  // The lowest chart that is seen tells the times of both.
  labelled(container) { return container === this.containers.filter((one) => one.clientWidth).at(-1); }

  data(field) {
    return [this.points.columns.place, this.points.columns[field]];
  }

  // The numbers of the first and the last point that are seen, one more on either side for the line.
  seen() {
    const [low, high] = this.view;
    return [Math.max(0, this.points.at(low)), Math.min(this.points.length - 1, this.points.at(high) + 1)];
  }

  range(field) {
    if (!this.points) return [0, 1];
    const seen = this.seen();
    const numbers = this.points.columns[field].slice(seen[0], seen[1] + 1);
    for (const run of runsOfLimits(this.points, field, ...seen)) numbers.push(run.cl, run.ucl, run.lcl);
    if (field === "value" && this.shown.specification) {
      for (const run of runsOfSpecification(this.points, ...seen)) numbers.push(run.lsl, run.usl);
    }
    if (field === "value" && this.dotted()) {
      for (const values of this.points.readings.slice(seen[0], seen[1] + 1)) numbers.push(...(values || []));
    }
    return padded(numbers);
  }

  dotted() { return this.shown.readings && this.points.readings; }

  below(plot, field) {
    if (this.shown.zones && field === "value") draw.zones(plot, this.points, this.seen(), this.colours);
    draw.gaps(plot, this.points, this.colours, field === "value");
    draw.days(plot, this.points, this.colours, field === "value");
    if (field === "value" && this.dotted()) draw.readings(plot, this.points, this.seen(), this.colours);
  }

  above(plot, field) {
    const seen = this.seen();
    draw.limits(plot, this.points, field, seen, this.colours);
    if (field === "value" && this.shown.specification) draw.specification(plot, this.points, seen, this.colours);
    draw.dots(plot, this.points, field, seen, this.colours);
    if (field === "value") draw.strikes(plot, this.points, this.colours);
    draw.changes(plot, this.points, this.colours, field === "value");
  }

  // Labels stand at points, whose times they are: as many as there is room for.
  splits() {
    const { place } = this.points.columns;
    const room = Math.max(1, Math.floor((this.width - AXIS_WIDTH) / LABEL_WIDTH));
    const [low, high] = this.view;
    const found = new Set();
    for (let part = 0; part < room; part += 1) {
      const at = place[this.points.nearest(low + ((part + 0.5) / room) * (high - low))];
      if (at >= low && at <= high) found.add(at);
    }
    return [...found];
  }

  labels(places) {
    return places.map((place) => time(this.points.columns.time[this.points.nearest(place)]).replace(" ", "\n"));
  }

  // Puts the cursor on the point at a place; away with it where that is out of sight.
  point(place) {
    const seen = place !== null && place >= this.view[0] && place <= this.view[1];
    for (const plot of this.plots) plot.setCursor({ left: seen ? plot.valToPos(place, "x") : -10, top: 10 }, false);
  }

  show(points, view) {
    this.points = points;
    this.view = view;
    if (!this.plots.length) this.build();
    else this.plots.forEach((plot, which) => { plot.setData(this.data(FIELDS[which]), false); });
    this.look(view);
  }

  // Moves both to a range of places.
  look(view) {
    this.view = view;
    for (const plot of this.plots) plot.batch(() => { plot.setScale("x", { min: view[0], max: view[1] }); plot.redraw(false, true); });
    this.describe();
  }

  // What is drawn, for who cannot see it and for tests: marks by the points' journal entries, changes, corrections.
  describe() {
    const [first, last] = this.seen();
    const { seq, place } = this.points.columns;
    this.containers.forEach((container, which) => {
      const shapes = new Map();
      for (let number = first; number <= last; number += 1) {
        const mark = this.points.columns.signals[number] ? markOf(this.points.rules(number), FIELDS[which]) : null;
        if (mark && place[number] >= this.view[0] && place[number] <= this.view[1]) shapes.set(`${seq[number]}:${mark[1]}`, mark[1]);
      }
      const data = container.dataset;
      data.marks = [...shapes.keys()].join(" ");
      data.view = this.view.join(" ");
      data.counts = JSON.stringify(Object.fromEntries(["square", "triangle", "diamond"].map((shape) => [shape, [...shapes.values()].filter((one) => one === shape).length])));
    });
    const data = this.containers[0].dataset;
    data.points = String(this.points.end - this.points.first);
    data.bucket = String(this.points.answer.bucket);
    data.changes = this.points.answer.changes.map(({ before, of, note }) => `${before}:${of}:${note}`).join(" ");
    data.struck = [...this.points.corrections.values()].flat().map(({ seq: entry, idx, action }) => `${entry}:${idx}:${action}`).join(" ");
  }
}
