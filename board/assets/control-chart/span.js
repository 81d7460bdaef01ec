// Which places are seen: moved, widened and narrowed; kept in the address, so that it can be shared and gone back to.
const LEAST = 5;  // points

export class Span {
  constructor() {
    this.total = 0;
    this.low = -0.5;
    this.high = 0.5;
    this.live = true;  // at the right edge: what comes is shown
  }

  get view() { return [this.low, this.high]; }
  get width() { return this.high - this.low; }
  get isAll() { return this.low <= -0.5 && this.high >= this.total - 0.5; }

  // Shows the places from `low` to `high`, as far as there are any.
  set(low, high) {
    const width = Math.min(Math.max(high - low, LEAST), Math.max(LEAST, this.total));
    const least = -0.5, most = Math.max(this.total, LEAST) - 0.5;
    this.low = Math.min(Math.max(low, least), most - width);
    this.high = this.low + width;
    this.live = this.high >= most - 0.01;
  }

  pan(share) { const by = share * this.width; this.set(this.low + by, this.high + by); }
  move(places) { this.set(this.low + places, this.high + places); }

  // Makes the span `factor` times as wide; the place `around` stays where it is seen.
  zoom(factor, around = this.live ? this.high : (this.low + this.high) / 2) {
    const width = Math.min(Math.max(this.width * factor, LEAST), Math.max(LEAST, this.total));
    const share = (around - this.low) / this.width;
    this.set(around - share * width, around + (1 - share) * width);
  }

  // The latest so many.
  latest(count) { this.set(this.total - 0.5 - count, this.total - 0.5); }

  // One more point has come: at the right edge the view goes with it, and one of all grows.
  grow() {
    const all = this.isAll && this.total > LEAST;
    this.total += 1;
    if (!this.live) return;
    if (all) this.set(-0.5, this.total - 0.5); else this.latest(this.width);
  }

  reveal(place) {
    if (place < this.low) this.move(place - this.low - 1);
    if (place > this.high) this.move(place - this.high + 1);
  }
}
