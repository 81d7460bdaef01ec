// What is loaded of the points: the stretch around what is seen, as closely as it can be drawn; and the whole in rough.
import { get } from "/assets/page.js";
import { Points, keyOf } from "/assets/control-chart/points.js";

const BUDGET = 2400;  // points that are drawn one by one
const ROUGH = 600;
const WITH_READINGS = 1000;
const LATELY = 2000;  // points that came while an answer was under way are put to it

export class Window {
  constructor(characteristic, span) {
    this.characteristic = characteristic;
    this.span = span;
    this.points = null;
    this.whole = null;
    this.origin = null;
    this.lately = [];
    this.asked = 0;
  }

  ask(parameters) {
    return get(`/api/v1/chart?${new URLSearchParams({ characteristic: this.characteristic, ...parameters })}`);
  }

  // The newest `count` at once, before anything else is known.
  async tail(count) {
    this.take(await this.ask({ last: count, points: BUDGET, readings: true }));
  }

  // All of it in rough.
  rough() { return this.ask({ points: ROUGH }); }

  // Takes over how many there are: what was loaded before counted from elsewhere.
  count(answer) {
    this.points = null;
    this.origin = answer.origin;
    this.renewWhole(answer);
    this.span.total = this.whole.end;
  }

  renewWhole(answer) {
    this.whole = this.complete(new Points(answer));
  }

  // The places of the points from one time to another: [first, behind the last].
  async places(times) {
    const { before, count } = await this.ask({ ...times, points: 12 });
    return [before, before + count];
  }

  take(answer) {
    this.points = this.complete(new Points(answer));
    this.span.total = Math.max(answer.total ?? 0, this.points.end, this.whole ? this.whole.end : 0);
  }

  // Points that came behind the last of an answer while it was under way.
  complete(points) {
    if (points.answer.total !== null && points.end !== points.answer.total) return points;
    const last = points.length ? points.columns.time.at(-1) : "";
    for (const row of this.lately) if (Date.parse(row.time) >= (Date.parse(last) || 0) && points.find(keyOf(row)) < 0) points.add(row);
    return points;
  }

  // Whether what is loaded is enough to draw the view.
  get suffices() {
    const { points, span } = this;
    if (!points || points.first > Math.max(0, Math.ceil(span.low)) || points.end < Math.min(span.total, Math.floor(span.high))) return false;
    return points.answer.bucket === 1 || points.end - points.first < 4 * span.width;
  }

  // Loads what the view needs, with as much again on either side; false when a later request has overtaken this one.
  async load() {
    const mine = ++this.asked;
    const { low, high, width, total } = this.span;
    const around = width < BUDGET ? Math.max(width, 200) : width / 2;
    const first = Math.max(0, Math.floor(low - around));
    const end = Math.min(total, Math.ceil(high + around));
    const readings = end - first <= WITH_READINGS;
    const answer = await this.ask({ first, count: Math.max(1, end - first + LATELY * (end === total)), points: BUDGET, readings });
    if (mine !== this.asked) return false;
    if (this.origin !== null && answer.origin !== this.origin) throw new Error("the oldest points have gone");
    this.take(answer);
    return true;
  }

  // Remembers a point that came, for an answer that does not hold it yet.
  keep(row) {
    this.lately.push(row);
    if (this.lately.length > LATELY) this.lately.shift();
  }

  // A point as the event stream tells it; true when it is a new one.
  came(row) {
    const number = this.points.find(keyOf(row));
    if (number >= 0) {
      this.points.replace(number, row);
      return false;
    }
    const newest = this.whole || this.points;
    if (newest.length && Date.parse(row.time) < Date.parse(newest.columns.time.at(-1))) return false;  // restated, and not loaded
    this.keep(row);
    if (this.points.end === this.span.total) this.points.add(row);
    if (this.whole) this.whole.add(row);
    this.span.grow();
    return true;
  }
}
