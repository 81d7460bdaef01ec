// Control charts on uPlot: points with the limits that were stored with them, signals by shape and colour.
// A point's place is its order, as on paper; nothing here computes a limit.
import { colour, svg, time } from "/assets/page.js";

// Which shape marks a point, the gravest first: [rule, shape, colour].
const SHAPES = [["out-of-spec", "square", "--bad"], ["beyond-3-sigma", "triangle", "--bad"]];
export const OTHER = ["", "diamond", "--warn"];
const DISPERSION = "dispersion-beyond-limits";

export function markOf(rules) {
  const here = rules.filter((rule) => rule !== DISPERSION);
  return here.length ? SHAPES.find(([rule]) => here.includes(rule)) || OTHER : null;
}

const locationMark = (point) => markOf(point.rules);
const dispersionMark = (point) => (point.rules.includes(DISPERSION) ? SHAPES[1] : null);

// The drawing in words, for who cannot see it: how many points, and which are marked, by shape.
function describe(container, points, chosen) {
  const shapes = points.map((point) => chosen(point)?.[1]);
  const counts = ["square", "triangle", "diamond"].map((shape) => `${shapes.filter((one) => one === shape).length} ${shape}s`);
  container.setAttribute("aria-label", `${points.length} points; marked: ${counts.join(", ")}`);
  container.dataset.marks = shapes.flatMap((shape, place) => (shape ? [`${points[place].seq}:${shape}`] : [])).join(" ");
}

function outline(shape, x, y, r) {
  const path = new Path2D();
  if (shape === "square") path.rect(x - r, y - r, 2 * r, 2 * r);
  if (shape === "triangle") { path.moveTo(x, y - 1.3 * r); path.lineTo(x + 1.2 * r, y + r); path.lineTo(x - 1.2 * r, y + r); }
  if (shape === "diamond") { path.moveTo(x, y - 1.4 * r); path.lineTo(x + 1.4 * r, y); path.lineTo(x, y + 1.4 * r); path.lineTo(x - 1.4 * r, y); }
  path.closePath();
  return path;
}

export function legendSign(shape, className) {
  const drawn = {
    square: () => svg("rect", { x: 2, y: 2, width: 10, height: 10 }),
    triangle: () => svg("path", { d: "M7 1 L13 12 L1 12 Z" }),
    diamond: () => svg("path", { d: "M7 0 L14 7 L7 14 L0 7 Z" }),
    dot: () => svg("circle", { cx: 7, cy: 7, r: 3.5 }),
    line: () => svg("path", { d: "M0 6 h14 v2 h-14 Z" }),
    dashes: () => svg("path", { d: "M0 6 h5 v2 h-5 Z M9 6 h5 v2 h-5 Z" }),
  };
  return svg("svg", { width: 14, height: 14, class: className, fill: "currentColor", "aria-hidden": "true" }, drawn[shape]());
}

function marks(points, field, chosen) {
  return (chart) => {
    const { ctx } = chart;
    const r = 5 * devicePixelRatio;
    ctx.save();
    points().forEach((point, place) => {
      const mark = chosen(point);
      if (!mark || point[field] === null) return;
      const path = outline(mark[1], chart.valToPos(place, "x", true), chart.valToPos(point[field], "y", true), r);
      ctx.strokeStyle = ctx.fillStyle = colour(mark[2]);
      ctx.lineWidth = 1.5 * devicePixelRatio;
      if (point.phase === 1) ctx.stroke(path);  // alarms nobody: hollow
      else ctx.fill(path);
    });
    ctx.restore();
  };
}

// Changes on the shop floor: an upright line before the first point after each, with what it was.
function changeLines(changes) {
  return (chart) => {
    const { ctx, bbox } = chart;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = colour("--warn");
    ctx.lineWidth = 1.5 * devicePixelRatio;
    ctx.font = `${11 * devicePixelRatio}px sans-serif`;
    ctx.textBaseline = "top";
    for (const { place, of, note } of changes()) {
      const x = Math.round(chart.valToPos(place - 0.5, "x", true));
      const text = note ? `${of}: ${note}` : of;
      ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      const room = bbox.left + bbox.width - x > ctx.measureText(text).width + 6 * devicePixelRatio;
      ctx.textAlign = room ? "left" : "right";
      ctx.fillText(text, x + (room ? 4 : -4) * devicePixelRatio, bbox.top + 2 * devicePixelRatio);
    }
    ctx.restore();
  };
}

// Readings that were voided or corrected: struck through where they were.
function strikes(points, struck) {
  return (chart) => {
    const { ctx } = chart;
    const r = 8 * devicePixelRatio;
    ctx.save();
    ctx.strokeStyle = colour("--bad");
    ctx.lineWidth = 2 * devicePixelRatio;
    points().forEach((point, place) => {
      for (const { was } of struck(point)) {
        const x = chart.valToPos(place, "x", true), y = chart.valToPos((point.refs || []).length > 1 ? was : point.value, "y", true);
        ctx.beginPath();
        ctx.moveTo(x - r, y + r / 2);
        ctx.lineTo(x + r, y - r / 2);
        ctx.stroke();
      }
    });
    ctx.restore();
  };
}

// The readings inside subgroups, as small dots behind the points.
function readingDots(points, wanted) {
  return (chart) => {
    if (!wanted()) return;
    const { ctx } = chart;
    ctx.save();
    ctx.fillStyle = colour("--reading-dot");
    points().forEach((point, place) => {
      for (const value of (point.values || []).length > 1 ? point.values : []) {
        ctx.beginPath();
        ctx.arc(chart.valToPos(place, "x", true), chart.valToPos(value, "y", true), 1.6 * devicePixelRatio, 0, 7);
        ctx.fill();
      }
    });
    ctx.restore();
  };
}

function options(container, { height, series, hooks, range, points, read }) {
  const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 0.5 }, ticks: { stroke: colour("--line"), width: 0.5 } };
  const short = (place) => {
    const point = points()[place];
    return point && Number.isInteger(place) ? time(point.time).replace(" ", "\n") : "";
  };
  return {
    width: container.clientWidth, height, series, hooks: { ...hooks, setCursor: [(chart) => read(chart.cursor.idx)] },
    legend: { show: false },
    cursor: { sync: { key: "characteristic" }, drag: { x: false, y: false }, y: false },
    scales: { x: { time: false, range: (_, low, high) => [low - 0.5, high + 0.5] }, y: { range } },
    axes: [{ ...axis, size: 44, space: 80, values: (_, places) => places.map(short) }, { ...axis, size: 70 }],
  };
}

const line = (stroke, more = {}) => ({ stroke, width: 1, points: { show: false }, paths: uPlot.paths.stepped({ align: 1 }), spanGaps: true, ...more });

function padded(lists) {
  let low = Infinity, high = -Infinity;
  for (const list of lists) for (const value of list) if (value !== null && value !== undefined) { low = Math.min(low, value); high = Math.max(high, value); }
  if (low > high) return [0, 1];
  const room = (high - low || Math.abs(high) || 1) * 0.08;
  return [low - room, high + room];
}

// Both charts of a characteristic over one list of points; `read(point)` is told what the pointer is at.
export class ControlChart {
  constructor(location, dispersion, read) {
    this.containers = [location, dispersion];
    this.points = [];
    this.changes = [];
    this.struck = () => [];
    this.specification = { lsl: null, usl: null, show: false };
    this.charts = [];
    const at = () => this.points;
    this.build = () => {
      for (const chart of this.charts) chart.destroy();
      const value = { stroke: colour("--value"), width: 1.2, points: { show: true, size: 5, fill: colour("--value") } };
      const limit = colour("--limit"), centre = colour("--centre"), spec = colour("--spec");
      const heights = this.containers.map((container) => container.clientHeight);
      this.charts = [
        new uPlot(options(location, {
          height: heights[0], points: at, read: (place) => read(this.points[place]),
          range: () => padded([...this.columns().slice(1), this.specification.show ? this.points.flatMap((p) => ((p.values || []).length > 1 ? p.values : [])) : []]),
          series: [{}, value, line(centre), line(limit), line(limit), line(spec, { dash: [6, 4], width: 1.4 }), line(spec, { dash: [6, 4], width: 1.4 })],
          hooks: { drawSeries: [(chart, series) => series === 1 && readingDots(at, () => this.specification.show)(chart)], draw: [marks(at, "value", locationMark), strikes(at, (point) => this.struck(point)), changeLines(() => this.changes)] },
        }), this.columns(), location),
        new uPlot(options(dispersion, {
          height: heights[1], points: at, read: (place) => read(this.points[place]),
          range: () => padded(this.dispersions().slice(1)),
          series: [{}, value, line(centre), line(limit), line(limit)],
          hooks: { draw: [marks(at, "dispersion", dispersionMark), changeLines(() => this.changes)] },
        }), this.dispersions(), dispersion),
      ];
    };
    new ResizeObserver(() => this.charts.forEach((chart, place) => {
      const { clientWidth: width, clientHeight: height } = this.containers[place];
      if (width !== chart.width) chart.setSize({ width, height });
    })).observe(location);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.points.length && this.build());
  }

  columns() {
    const { lsl, usl, show } = this.specification;
    const constant = (value) => this.points.map(() => (show ? value : null));
    return [this.points.map((_, place) => place), ...["value", "cl", "ucl", "lcl"].map((name) => this.points.map((p) => p[name])), constant(lsl), constant(usl)];
  }

  dispersions() {
    const names = ["dispersion", "dispersion_cl", "dispersion_ucl", "dispersion_lcl"];
    return [this.points.map((_, place) => place), ...names.map((name) => this.points.map((p) => p[name]))];
  }

  // `changes` are told by their times; each stands before the first point that is not older.
  // `struck(point)` are the corrections of its readings.
  show(points, specification, changes, struck) {
    this.points = points;
    this.struck = struck;
    this.containers[0].dataset.struck = points.flatMap(struck).map(({ seq, idx, action }) => `${seq}:${idx}:${action}`).join(" ");
    this.changes = changes.flatMap((change) => {
      const after = points.findIndex((point) => Date.parse(point.time) >= Date.parse(change.time));
      return after === 0 ? [] : [{ ...change, place: after < 0 ? points.length : after }];
    });
    this.containers[0].dataset.changes = this.changes.map(({ place, of, note }) => `${place}:${of}:${note}`).join(" ");
    this.specification = specification;
    this.containers.forEach((container, place) => describe(container, points, [locationMark, dispersionMark][place]));
    if (!points.length) return;
    if (!this.charts.length) return this.build();
    this.charts[0].setData(this.columns());
    this.charts[1].setData(this.dispersions());
    // A full window slides: its places stay, and what stands at them changes, so the labels are made anew.
    for (const drawn of this.charts) drawn.redraw(false, true);
  }
}
