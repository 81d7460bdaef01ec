// The points that are loaded: columns as `/api/v1/chart` tells them, and those that came since.

const TEXTS = ["time", "shift"];
export const COLUMNS = ["place", "seq", "idx", "value", "dispersion", "n", "cl", "ucl", "lcl", "dispersion_cl", "dispersion_ucl",
  "dispersion_lcl", "signals", "phase", "revision", "specification_revision", ...TEXTS];
export const keyOf = (row) => `${row.seq}:${row.idx}`;

export class Points {
  constructor(answer) {
    this.answer = answer;
    this.columns = answer.columns;
    this.readings = answer.readings || null;
    this.first = answer.before;
    this.end = answer.before + answer.count;  // the place behind the last
    this.raised = new Map();  // signals by their points
    for (const signal of answer.signals) this.raise(signal);
    this.corrections = new Map();
    for (const one of answer.corrections) this.corrections.set(one.place, [...(this.corrections.get(one.place) || []), one]);
  }

  get length() { return this.columns.place.length; }

  // The number in the columns of the last point at or before a place.
  at(place) {
    const places = this.columns.place;
    let low = 0, high = places.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (places[middle] <= place) low = middle + 1; else high = middle;
    }
    return low - 1;
  }

  nearest(place) {
    const number = this.at(place);
    const places = this.columns.place;
    if (number < 0) return 0;
    return number + 1 < places.length && places[number + 1] - place < place - places[number] ? number + 1 : number;
  }

  rules(number) {
    const bits = this.columns.signals[number];
    return bits ? this.answer.rules.filter((_, bit) => (bits >> bit) & 1) : [];
  }

  // The point as an object, with its rules, what was raised at it and what was corrected in it.
  point(number) {
    const found = Object.fromEntries(COLUMNS.map((name) => [name, this.columns[name][number]]));
    return { ...found, rules: this.rules(number), raised: this.raised.get(keyOf(found)) || [],
      corrections: this.corrections.get(found.place) || [], readings: this.readings && this.readings[number] };
  }

  // The number of the point with that key, searched from the newest; −1 for none.
  find(key) {
    for (let number = this.length - 1; number >= 0; number -= 1) {
      if (`${this.columns.seq[number]}:${this.columns.idx[number]}` === key) return number;
    }
    return -1;
  }

  raise(signal) {
    const others = (this.raised.get(keyOf(signal)) || []).filter(({ rule }) => rule !== signal.rule);
    this.raised.set(keyOf(signal), [...others, signal]);
  }

  // A point as the event stream tells it, at the place behind the last.
  add(row) {
    for (const name of COLUMNS) this.columns[name].push(name === "place" ? this.end : row[name] ?? null);
    if (this.readings) this.readings.push(row.values || null);
    this.end += 1;
  }

  // A point that is told anew.
  replace(number, row) {
    for (const name of COLUMNS) if (name !== "place") this.columns[name][number] = row[name] ?? null;
    if (this.readings && row.values) this.readings[number] = row.values;
  }
}
