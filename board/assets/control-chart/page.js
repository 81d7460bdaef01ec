// The control chart of a characteristic's page: what is seen, what is loaded for it, and what comes.
import { attempt, el, soon, t } from "/assets/page.js";
import { follow } from "/assets/live.js";
import { gestures } from "/assets/control-chart/gestures.js";
import { Plots } from "/assets/control-chart/plots.js";
import { say } from "/assets/control-chart/reading.js";
import { legendSign } from "/assets/control-chart/shapes.js";
import { Span } from "/assets/control-chart/span.js";
import { Strip } from "/assets/control-chart/strip.js";
import { Window } from "/assets/control-chart/window.js";

const byId = (id) => document.getElementById(id);
const place = byId("charts");
const { characteristic, unit, inspected, dispersion } = place.dataset;
const item = { unit, inspected: inspected === "yes", dispersion };
const presets = [...document.querySelectorAll("[data-span]")];
const USUAL = "50";
const INSTANT = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/;

const span = new Span();
const loaded = new Window(characteristic, span);
const plots = new Plots([byId("location"), byId("dispersion")], { pointed: (number) => read(number), resized: () => strip.look() });
const strip = new Strip(byId("strip"), { span, changed: () => moved() });
let preset = USUAL;  // what the view was chosen by: so many points, a span of time, or "" for a range of its own
let selected = null;  // the place of the point that was read last
let missed = 0;

function draw() {
  if (!loaded.points || !loaded.points.length) return;
  place.hidden = false;
  byId("no-points").hidden = true;
  plots.show(loaded.points, span.view);
  about();
}

// What stands around the chart: the strip's window, the legend, how much is drawn, what was missed.
function about() {
  strip.look();
  legend();
  plots.point(selected);
  const many = Math.round(Math.min(span.high, span.total) - Math.max(span.low, -0.5));
  const { bucket } = loaded.points.answer;
  byId("drawn").textContent = bucket > 1 ? t("drawn-thinned", { many, total: span.total, bucket }) : t("drawn", { many, total: span.total });
  byId("location").setAttribute("aria-label", t("described", { many, ...JSON.parse(byId("location").dataset.counts) }));
  byId("dispersion").setAttribute("aria-label", t("described", { many, ...JSON.parse(byId("dispersion").dataset.counts) }));
  if (span.live) missed = 0;
  const now = byId("to-now");
  now.hidden = span.live;
  now.textContent = missed ? t("to-now-missed", { n: missed }) : t("to-now");
  for (const button of presets) button.setAttribute("aria-pressed", String(button.dataset.span === preset));
  byId("location").dataset.live = span.live ? "yes" : "no";
  byId("location").dataset.total = String(span.total);
}

function legend() {
  const counts = { square: 0, triangle: 0, diamond: 0 };
  for (const id of ["location", "dispersion"]) for (const [shape, n] of Object.entries(JSON.parse(byId(id).dataset.counts))) counts[shape] += n;
  const { points } = loaded;
  const [first, last] = plots.seen();
  const phases = new Set(points.columns.phase.slice(first, last + 1));
  const entries = [["dot", "k-value", "point"], phases.has(1) && ["ring", "k-value", "baseline-point"], phases.has(0) && ["plus", "k-value", "unjudged-point"],
    ["line", "k-centre", "centre"], ["line", "k-limit", "limits"], plots.shown.zones && ["band", "k-warn", "zones"],
    counts.triangle && ["triangle", "k-bad", "beyond"], counts.square && ["square", "k-bad", "outside"], counts.diamond && ["diamond", "k-warn", "pattern"],
    points.corrections.size && ["line", "k-bad", "struck"], points.answer.changes.length && ["dashes", "k-warn", "change"],
    points.answer.gaps.length && ["band", "k-quiet", "gap"], plots.shown.specification && ["dashes", "k-spec", "specification"],
    plots.dotted() && ["dot", "k-reading", "single"]];
  byId("legend").replaceChildren(...entries.filter(Boolean).map(([shape, style, key]) => el("span", {}, legendSign(shape, style), t(`legend.${key}`))));
}

// ── what is seen ──
const more = soon(() => attempt(loadMore), 60);
const remember = soon(() => history.replaceState(null, "", address()), 300);

async function loadMore() {
  if (!settled || loaded.suffices || !loaded.whole) return;
  try {
    if (await loaded.load()) draw();
  } catch (problem) {
    await begin();  // places count anew where the oldest points have gone from the history
    if (!loaded.suffices) throw problem;
  }
}

function moved({ chosen = "" } = {}) {
  preset = chosen;
  if (!loaded.points || !loaded.points.length) return;
  plots.look(span.view);
  about();
  more();
  remember();
}

function address() {
  const query = new URLSearchParams(location.search);
  for (const name of ["from", "to", "span", "at"]) query.delete(name);
  if (preset && preset !== USUAL) query.set("span", preset);
  if (!preset) {
    const { points } = loaded;
    const first = points.nearest(Math.ceil(span.low)), last = points.nearest(Math.floor(span.high));
    query.set("from", points.columns.time[first]);
    if (!span.live) query.set("to", after(points.columns.time[last]));
  }
  const text = query.toString();
  return `${location.pathname}${text ? `?${text}` : ""}`;
}

// A time just behind another: ranges of the API do not hold their end.
function after(text) {
  return new Date(Date.parse(text) + 1).toISOString();
}

// Shows what a preset says, going back with the browser's button to what was seen before.
async function choose(name) {
  history.pushState(null, "", address());
  await show(name);
  remember();
}

async function show(name) {
  if (name === "all") span.set(-0.5, span.total - 0.5);
  else if (/^\d+$/.test(name)) span.latest(Number(name));
  else {
    const since = presets.find((button) => button.dataset.span === name)?.dataset.since;
    const [first] = since ? await loaded.places({ from: since }) : [0];
    span.set(Math.min(first, span.total - 5) - 0.5, span.total - 0.5);
  }
  preset = name;
  if (!loaded.suffices) await loaded.load();
  draw();
}

// Shows what the address says: a range of times, a preset, the surroundings of a time, or the latest points.
async function restore() {
  const query = new URLSearchParams(location.search);
  const at = query.get("at");
  if (at) return go(at);
  if (!query.get("from") && !query.get("to")) return show(query.get("span") || USUAL);
  const times = {};
  for (const name of ["from", "to"]) {
    const text = query.get(name);
    if (text) times[name] = INSTANT.test(text) ? text : place.dataset[name];  // the server knows what a day is
    if (!times[name]) delete times[name];
  }
  const [first, end] = await loaded.places(times);
  span.set(first - 0.5, end - 0.5);
  preset = "";
  if (!loaded.suffices) await loaded.load();
  draw();
}

// Shows the point of a time amid its neighbours, and selects it.
async function go(time, key = "") {
  const [at] = await loaded.places({ from: time });
  span.set(at - 25.5, at + 25.5);
  preset = "";
  if (!loaded.suffices) await loaded.load();
  draw();
  const number = key ? loaded.points.find(key) : loaded.points.nearest(at);
  select(number >= 0 ? number : loaded.points.nearest(at));
}

// ── one point ──
function read(number) {
  if (number < 0 || number >= loaded.points.length) return;
  selected = loaded.points.columns.place[number];
  byId("reading").replaceChildren(...say(loaded.points.point(number), item));
}

function select(number) {
  read(number);
  plots.point(selected);
}

function walk(step) {
  const [first, last] = plots.seen();
  const from = selected === null ? (step < 0 ? last + 1 : first - 1) : loaded.points.at(selected);
  reach(Math.min(Math.max(from + step, 0), loaded.points.length - 1));
}

function reach(number) {
  const at = loaded.points.columns.place[number];
  if (at < span.low || at > span.high) { span.reveal(at); moved(); }
  select(loaded.points.at(at));
}

function jump(where) {
  if (where === "first") span.set(-0.5, span.width - 0.5);
  if (where === "last") span.latest(span.width);
  if (where === "first" || where === "last") { selected = null; moved(); }
  const step = { "next-signal": 1, "previous-signal": -1 }[where];
  if (!step) return;
  const { signals } = loaded.points.columns;
  let number = selected === null ? plots.seen()[step < 0 ? 1 : 0] : loaded.points.at(selected) + step;
  while (number >= 0 && number < signals.length && !signals[number]) number += step;
  if (number >= 0 && number < signals.length) reach(number);
}

// ── what comes ──
// The first sight are the newest points alone, which takes no counting; then the whole is counted, and places with it.
let settled = false;

async function begin() {
  const query = new URLSearchParams(location.search);
  const usual = !["from", "to", "at"].some((name) => query.get(name)) && (query.get("span") || USUAL) === USUAL;
  if (!loaded.points && usual) {
    await loaded.tail(Number(USUAL));
    span.latest(Number(USUAL));
    settled = true;
    draw();
  }
  const answer = await loaded.rough();
  settled = false;
  loaded.count(answer);
  if (span.total) await restore();
  else nothing();
  settled = true;
  strip.show(loaded.whole);
  place.dataset.ready = "yes";
}

function nothing() {
  place.hidden = true;
  byId("no-points").hidden = false;
}

let waiting = false;
function soonest(act) {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; act(); });
}

const again = soon(() => attempt(async () => { if (settled && span.total && await loaded.load()) draw(); }), 2000);
const outline = soon(() => attempt(async () => { loaded.renewWhole(await loaded.rough()); strip.show(loaded.whole); }), 20_000);

follow({
  start: true,
  kinds: ["point", "signal", "limits", "specification", "correction", "event", "gap"],
  load: begin,
  on(kind, row) {
    if (kind === "point") arrived(row);
    else if (kind === "signal") loaded.points?.raise(row);
    else again();  // a revision, a change, a loss, a correction
    if (settled && loaded.points) soonest(draw);
  },
});

function arrived(row) {
  if (!settled) return loaded.keep(row);
  if (!loaded.points) return attempt(begin);
  if (!loaded.came(row)) return null;
  if (!span.live) missed += 1;
  if (loaded.whole) outline();
  return more();
}

gestures(byId("plots"), { placeAt: (pixel) => plots.placeAt(pixel), span, changed: moved, walk, jump,
  select: (at) => select(loaded.points.nearest(at)) });

const ACTS = { in: () => span.zoom(1 / 1.5), out: () => span.zoom(1.5), left: () => span.pan(-0.5), right: () => span.pan(0.5), now: () => span.latest(span.width) };
for (const button of document.querySelectorAll("[data-act]")) {
  button.addEventListener("click", () => { ACTS[button.dataset.act](); moved(); });
}
for (const button of presets) button.addEventListener("click", () => attempt(() => choose(button.dataset.span)));
for (const name of ["zones", "specification", "readings"]) {
  const box = byId(`with-${name}`);
  if (!box) continue;
  plots.shown[name] = box.checked;
  box.addEventListener("change", () => { plots.shown[name] = box.checked; draw(); });
}
addEventListener("popstate", () => attempt(restore));

// A signal in the table leads to its point.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-at]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  history.pushState(null, "", link.href);
  attempt(() => go(link.dataset.at, link.dataset.key));
  place.scrollIntoView({ block: "nearest" });
});

// [ and ] lead to the station's characteristic before and after this one.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select")) return;
  const link = { "[": "previous", "]": "next" }[event.key];
  if (link) byId(link)?.click();
});
