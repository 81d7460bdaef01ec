// What is drawn around and upon the line of the points: each function takes the uPlot chart and what it draws.
import { label, t } from "/assets/page.js";
import { revisions, runsOfLimits, runsOfSpecification, zonesOf } from "/assets/control-chart/limits.js";
import { markOf, outline } from "/assets/control-chart/shapes.js";

const ZONE = { A: ["bad", 0.09], B: ["warn", 0.08], C: ["good", 0.08] };
const LEAST_BETWEEN_DAYS = 46;  // pixels
const SPARSE = 5;  // pixels a point from which on each has its dot

const px = () => devicePixelRatio;
const X = (chart, place) => chart.valToPos(place, "x", true);
const Y = (chart, value) => chart.valToPos(value, "y", true);

// Draws within the plot's frame, and leaves the context as it was.
function within(chart, act) {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.font = `${11 * px()}px sans-serif`;
  act(ctx, bbox);
  ctx.restore();
}

// The zones of the location between its limits, each with its letter.
export function zones(chart, points, [first, last], colours) {
  within(chart, (ctx, bbox) => {
    const runs = runsOfLimits(points, "value", first, last);
    for (const run of runs) {
      const left = X(chart, run.from), right = X(chart, run.to);
      for (const [letter, low, high] of zonesOf(run)) {
        const [name, alpha] = ZONE[letter];
        ctx.globalAlpha = alpha;
        ctx.fillStyle = colours[name];
        ctx.fillRect(left, Y(chart, high), right - left, Y(chart, low) - Y(chart, high));
      }
    }
    ctx.globalAlpha = 1;
    ctx.fillStyle = colours.quiet;
    ctx.textAlign = "right";
    ctx.textBaseline = "middle";
    for (const [letter, low, high] of runs.length ? zonesOf(runs.at(-1)) : []) {
      if (Y(chart, low) - Y(chart, high) > 11 * px()) ctx.fillText(letter, bbox.left + bbox.width - 3 * px(), Y(chart, (low + high) / 2));
    }
  });
}

function levels(chart, runs, names, style) {
  within(chart, (ctx) => {
    Object.assign(ctx, style);
    ctx.setLineDash((style.dash || []).map((length) => length * px()));
    for (const name of names) {
      ctx.beginPath();
      let before = null;
      for (const run of runs) {
        const y = run[name] === null ? null : Math.round(Y(chart, run[name])) + 0.5;
        if (y !== null) {
          if (before === null) ctx.moveTo(X(chart, run.from), y); else ctx.lineTo(X(chart, run.from), y);
          ctx.lineTo(X(chart, run.to), y);
        }
        before = y;
      }
      ctx.stroke();
    }
  });
}

export function limits(chart, points, field, [first, last], colours) {
  const runs = runsOfLimits(points, field, first, last);
  levels(chart, runs, ["cl"], { strokeStyle: colours.centre, lineWidth: px() });
  levels(chart, runs, ["ucl", "lcl"], { strokeStyle: colours.limit, lineWidth: 1.2 * px() });
}

export function specification(chart, points, [first, last], colours) {
  const runs = runsOfSpecification(points, first, last);
  levels(chart, runs, ["lsl", "usl"], { strokeStyle: colours.spec, lineWidth: 1.4 * px(), dash: [6, 4] });
}

// A line upright before a place, with a text beside it.
function upright(ctx, bbox, x, text, line) {
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  if (!text) return;
  const room = bbox.left + bbox.width - x > ctx.measureText(text).width + 6 * px();
  ctx.textAlign = room ? "left" : "right";
  ctx.textBaseline = "top";
  ctx.fillText(text, x + (room ? 4 : -4) * px(), bbox.top + (2 + 13 * line) * px());
}

// Production days: a thin line before the first point of each that there is room for.
export function days(chart, points, colours, withText) {
  within(chart, (ctx, bbox) => {
    ctx.strokeStyle = colours.line;
    ctx.fillStyle = colours.quiet;
    ctx.lineWidth = px();
    let free = -Infinity;
    for (const { place, day } of points.answer.days.slice(1)) {
      const x = Math.round(X(chart, place - 0.5)) + 0.5;
      if (x < Math.max(bbox.left, free) || x > bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.textAlign = "left";
      ctx.textBaseline = "bottom";
      if (withText) ctx.fillText(day.slice(5), x + 3 * px(), bbox.top + bbox.height - 2 * px());
      free = x + LEAST_BETWEEN_DAYS * px();
    }
  });
}

// Losses of data, as hatched bands between the points around them.
export function gaps(chart, points, colours, withText) {
  within(chart, (ctx, bbox) => {
    ctx.textAlign = "left";
    ctx.textBaseline = "top";
    for (const { after, before, reason, connector } of points.answer.gaps) {
      const inset = before - after > 1 ? 0.5 : 0.35;
      const left = Math.max(X(chart, after + inset), bbox.left), right = Math.min(X(chart, before - inset), bbox.left + bbox.width);
      if (right < bbox.left || left > bbox.left + bbox.width) continue;
      hatch(ctx, bbox, left, Math.max(right, left + 3 * px()), colours.quiet);
      ctx.fillStyle = colours.quiet;
      if (withText) ctx.fillText(t("gap-text", { connector, reason: label(reason) }), left + 4 * px(), bbox.top + 28 * px());
    }
  });
}

// Changes on the shop floor, and where new limits begin.
export function changes(chart, points, colours, withText) {
  within(chart, (ctx, bbox) => {
    ctx.lineWidth = 1.5 * px();
    ctx.strokeStyle = ctx.fillStyle = colours.warn;
    ctx.setLineDash([5 * px(), 4 * px()]);
    for (const { before, of, note } of points.answer.changes) {
      upright(ctx, bbox, Math.round(X(chart, before - 0.5)), withText && (note ? `${label(of)}: ${note}` : label(of)), 0);
    }
    ctx.strokeStyle = ctx.fillStyle = colours.limit;
    ctx.setLineDash([2 * px(), 3 * px()]);
    for (const { place, revision, state } of revisions(points)) {
      upright(ctx, bbox, Math.round(X(chart, place - 0.5)), withText && t("revision-text", { revision, state: label(state) }), 1);
    }
  });
}

function hatch(ctx, bbox, left, right, stroke) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, bbox.top, right - left, bbox.height);
  ctx.clip();
  ctx.globalAlpha = 0.06;
  ctx.fillStyle = ctx.strokeStyle = stroke;
  ctx.fillRect(left, bbox.top, right - left, bbox.height);
  ctx.globalAlpha = 0.3;
  ctx.lineWidth = px();
  ctx.beginPath();
  for (let x = Math.max(left, bbox.left) - bbox.height; x < Math.min(right, bbox.left + bbox.width); x += 8 * px()) {
    ctx.moveTo(x, bbox.top + bbox.height);
    ctx.lineTo(x + bbox.height, bbox.top);
  }
  ctx.stroke();
  ctx.restore();
}

// The points: full, hollow in the baseline, a plus where nothing judged them; those with signals by their shape.
export function dots(chart, points, field, [first, last], colours) {
  const { place, phase } = points.columns;
  const values = points.columns[field];
  const each = (last - first + 1) * SPARSE < chart.width;
  within(chart, (ctx) => {
    ctx.strokeStyle = ctx.fillStyle = colours.value;
    ctx.lineWidth = 1.3 * px();
    const r = 2.6 * px();
    for (let number = first; number <= last && each; number += 1) {
      if (values[number] === null) continue;
      const x = X(chart, place[number]), y = Y(chart, values[number]);
      ctx.beginPath();
      if (phase[number] === 0) {
        ctx.moveTo(x - r, y); ctx.lineTo(x + r, y); ctx.moveTo(x, y - r); ctx.lineTo(x, y + r);
        ctx.stroke();
      } else {
        ctx.arc(x, y, r, 0, 7);
        if (phase[number] === 1) ctx.stroke(); else ctx.fill();
      }
    }
    for (let number = first; number <= last; number += 1) {
      if (!points.columns.signals[number] || values[number] === null) continue;
      const mark = markOf(points.rules(number), field);
      if (!mark) continue;
      const path = outline(mark[1], X(chart, place[number]), Y(chart, values[number]), (each ? 5 : 3.5) * px());
      ctx.strokeStyle = ctx.fillStyle = colours[mark[2]];
      if (phase[number] === 1) ctx.stroke(path);  // alarms nobody: hollow
      else ctx.fill(path);
    }
  });
}

// The readings inside subgroups, as small dots behind the points.
export function readings(chart, points, [first, last], colours) {
  within(chart, (ctx) => {
    ctx.fillStyle = colours.reading;
    for (let number = first; number <= last; number += 1) {
      const values = points.readings[number] || [];
      for (const value of values.length > 1 ? values : []) {
        ctx.beginPath();
        ctx.arc(X(chart, points.columns.place[number]), Y(chart, value), 1.7 * px(), 0, 7);
        ctx.fill();
      }
    }
  });
}

// Readings that were voided or corrected: struck through where they were.
export function strikes(chart, points, colours) {
  within(chart, (ctx, bbox) => {
    const r = 8 * px();
    ctx.strokeStyle = colours.bad;
    ctx.lineWidth = 2 * px();
    for (const [place, corrections] of points.corrections) {
      for (const { was } of corrections) {
        const x = X(chart, place), y = Math.min(Math.max(Y(chart, was), bbox.top), bbox.top + bbox.height);
        ctx.beginPath();
        ctx.moveTo(x - r, y + r / 2);
        ctx.lineTo(x + r, y - r / 2);
        ctx.stroke();
      }
    }
  });
}
