// The shapes by which points are told apart: a colour only repeats what the shape says.
import { colour, svg } from "/assets/page.js";

// Which shape marks a point, the gravest first: [rule, shape, colour].
const SHAPES = [["out-of-spec", "square", "bad"], ["beyond-3-sigma", "triangle", "bad"]];
const OTHER = ["", "diamond", "warn"];
const DISPERSION = "dispersion-beyond-limits";

const COLOURS = { value: "--value", limit: "--limit", centre: "--centre", spec: "--spec", quiet: "--quiet", line: "--line",
  good: "--good", warn: "--warn", bad: "--bad", ink: "--ink", reading: "--reading-dot", accent: "--accent" };

// The page's colours as canvases take them, as they are now.
export function palette() {
  return Object.fromEntries(Object.entries(COLOURS).map(([name, variable]) => [name, colour(variable)]));
}

// The [rule, shape, colour] of a point in the chart of the location, or of the dispersion; null for none.
export function markOf(rules, field) {
  if (field === "dispersion") return rules.includes(DISPERSION) ? SHAPES[1] : null;
  const here = rules.filter((rule) => rule !== DISPERSION);
  return here.length ? SHAPES.find(([rule]) => here.includes(rule)) || OTHER : null;
}

// A path around (x, y); `r` in the canvas' own pixels.
export function outline(shape, x, y, r) {
  const path = new Path2D();
  if (shape === "square") path.rect(x - r, y - r, 2 * r, 2 * r);
  if (shape === "triangle") { path.moveTo(x, y - 1.3 * r); path.lineTo(x + 1.2 * r, y + r); path.lineTo(x - 1.2 * r, y + r); }
  if (shape === "diamond") { path.moveTo(x, y - 1.4 * r); path.lineTo(x + 1.4 * r, y); path.lineTo(x, y + 1.4 * r); path.lineTo(x - 1.4 * r, y); }
  path.closePath();
  return path;
}

const DRAWN = {
  square: () => svg("rect", { x: 2, y: 2, width: 10, height: 10 }),
  triangle: () => svg("path", { d: "M7 1 L13 12 L1 12 Z" }),
  diamond: () => svg("path", { d: "M7 0 L14 7 L7 14 L0 7 Z" }),
  dot: () => svg("circle", { cx: 7, cy: 7, r: 3.5 }),
  ring: () => svg("circle", { cx: 7, cy: 7, r: 3.5, fill: "none", stroke: "currentColor", "stroke-width": 1.5 }),
  plus: () => svg("path", { d: "M6 3 h2 v3 h3 v2 h-3 v3 h-2 v-3 h-3 v-2 h3 Z" }),
  line: () => svg("path", { d: "M0 6 h14 v2 h-14 Z" }),
  dashes: () => svg("path", { d: "M0 6 h5 v2 h-5 Z M9 6 h5 v2 h-5 Z" }),
  band: () => svg("path", { d: "M2 1 h10 v12 h-10 Z", opacity: 0.4 }),
};

// A sign of the legend.
export function legendSign(shape, className) {
  return svg("svg", { width: 14, height: 14, class: className, fill: "currentColor", "aria-hidden": "true" }, DRAWN[shape]());
}
