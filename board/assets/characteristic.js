// One characteristic: its live control chart, figures, limits, signals and days.
import { ControlChart, legendSign } from "/assets/chart.js";
import { attempt, day, el, foldedTable, get, meaning, moment, number, soon, time, word } from "/assets/page.js";
import { follow } from "/assets/live.js";

const POINTS = matchMedia("(max-width: 40rem)").matches ? 100 : 300;
const name = document.getElementById("name").dataset.characteristic;
const query = new URLSearchParams({ characteristic: name });
const byId = (id) => document.getElementById(id);
const points = new Map();  // by journal entry and place, in the order of their times
const signals = new Map();
let changes = [];
let corrections = new Map();  // by journal entry and place of the reading
const withSpecification = byId("with-specification");
const chart = new ControlChart(byId("location"), byId("dispersion"), read);
const titles = { individuals: ["Individuals", "Moving range"], "xbar-r": ["Subgroup means (X̄)", "Ranges (R)"],
  "xbar-s": ["Subgroup means (X̄)", "Standard deviations (s)"],
  p: ["Share rejected (p)", ""], np: ["Units rejected (np)", ""], c: ["Defects (c)", ""], u: ["Defects a unit (u)", ""] };
const ofInspections = () => Boolean(item && ["p", "np", "c", "u"].includes(item.chart));
let item = null;
let chosen = false;

const keyOf = (row) => `${row.seq}:${row.idx}`;
const signalKey = (row) => `${row.seq}:${row.idx}:${row.rule}`;
const unit = (value) => (value === "–" ? value : `${value} ${(item && item.unit) || ""}`.trimEnd());

async function load() {
  const [found, latest, raised] = await Promise.all([
    get(`/api/v1/characteristics?${query}`), get(`/api/v1/points?${query}&limit=${POINTS}`),
    get(`/api/v1/signals?${query}&limit=50`),
  ]);
  points.clear();
  signals.clear();
  for (const point of latest) points.set(keyOf(point), point);
  for (const signal of raised) signals.set(signalKey(signal), signal);
  await summarise(found);
  draw();
}

async function summarise(found) {
  item = (found || (await get(`/api/v1/characteristics?${query}`)))[0] || null;
  notice(item ? "" : `There is no characteristic ${name} in the history (yet).`);
  byId("content").hidden = !item;
  if (!item) return;
  if (!chosen) { withSpecification.checked = item.chart === "individuals"; chosen = true; }
  const [changed, corrected] = await Promise.all([
    get(`/api/v1/changes?${query}&limit=100`), get(`/api/v1/corrections?${query}&limit=1000`),
  ]);
  changes = changed;
  corrections = new Map(corrected.map((one) => [keyOf(one), one]));
  const [location, dispersion] = titles[item.chart] || ["Control chart", "Dispersion"];
  byId("chart-title").textContent = `${location}${item.unit ? `, ${item.unit}` : ""}`;
  byId("dispersion-title").textContent = dispersion;
  byId("dispersion-title").hidden = byId("dispersion").hidden = ofInspections();
  byId("place").textContent = [item.line, item.station].filter(Boolean).join(" / ");
  byId("status").replaceChildren(word(item.status));
}

function notice(text) {
  const place = byId("notice");
  place.textContent = text;
  place.hidden = !text;
}

function draw() {
  const newest = [...points.values()].sort(compare).slice(-POINTS);
  points.clear();
  for (const point of newest) points.set(keyOf(point), point);
  const { lsl, usl } = item || { lsl: null, usl: null };
  byId("charts").hidden = !newest.length;
  byId("no-points").hidden = newest.length > 0;
  chart.show(newest, { lsl, usl, show: withSpecification.checked }, changes, struck);
  drawLegend();
  const latest = [...signals.values()].sort(compare).slice(-50).reverse();
  if (latest.length) foldedTable(byId("signals"), ["At", "Rule", "#Value", "#~Limit"], latest.map(signalRow), 12);
  else byId("signals").replaceChildren(el("p", { class: "quiet" }, "None."));
}

function struck(point) {
  return (point.refs || [point]).map((ref) => corrections.get(keyOf(ref))).filter(Boolean);
}

function struckThrough({ action, was, value, who, why, state }) {
  const now = action === "void" ? "void" : `corrected to ${number(value)}`;
  return [" · ", el("s", {}, number(was)), ` ${now} by ${who}: ${why}${state === "restated" ? "" : " (its day could not be restated)"}`];
}

function signalRow(signal) {
  const said = meaning(signal.rule) + (signal.phase === 1 ? "; in the baseline: alarms nobody" : "");
  const [date, clock] = time(signal.time).split(" ");
  return [[day(date), " ", day(clock)], [`${signal.rule} `, el("small", {}, said)], number(signal.value), number(signal.limit)];
}

function compare(a, b) {
  return Date.parse(a.time) - Date.parse(b.time) || a.seq - b.seq || a.idx - b.idx;
}

function drawLegend() {
  const entries = [["dot", "k-value", "point"], ["line", "k-centre", "centre line"], ["line", "k-limit", "control limits"],
    ["triangle", "k-bad", "beyond 3 sigma"], ["square", "k-bad", "out of specification"], ["diamond", "k-warn", "other run rule"]];
  if (corrections.size) entries.push(["line", "k-bad", "struck through: voided or corrected"]);
  if (changes.length) entries.push(["dashes", "k-warn", "change"]);
  if (withSpecification.checked) {
    entries.push(["dashes", "k-spec", "specification"]);
    if (item && item.chart !== "individuals" && !ofInspections()) entries.push(["dot", "k-reading", "single readings"]);
  }
  byId("legend").replaceChildren(...entries.map(([shape, style, text]) => el("span", {}, legendSign(shape, style), text)));
}

function read(point) {
  if (!point) return;
  const phase = ["not judged", "of the baseline", ""][point.phase] || "";
  byId("reading").replaceChildren(
    el("strong", {}, `${moment(point.time)}  ${unit(number(point.value))}`),
    point.ucl === null ? " · no limits yet" : ` · limits ${number(point.lcl)} to ${number(point.ucl)} (revision ${point.revision})`,
    ofInspections() ? ` · ${number(point.values ? point.values[0] : null)} in ${number(point.n)} inspected`
      : ` · ${byId("dispersion-title").textContent.toLowerCase()} ${number(point.dispersion, 4)}`,
    !ofInspections() && point.n > 1 && point.values ? ` · readings ${point.values.map((value) => number(value)).join(", ")}` : "",
    ...struck(point).flatMap(struckThrough),
    point.shift ? ` · shift ${point.shift}` : "", phase ? ` · ${phase}` : "", point.rules.length ? " · signals: " : "",
    el("strong", {}, point.rules.join(", ")));
}

const redraw = soon(draw, 250);
const refresh = soon(() => attempt(async () => { await summarise(); draw(); }), 1000);
withSpecification.addEventListener("change", draw);
follow({
  start: true,
  kinds: ["point", "signal", "capability", "day", "episode"],
  characteristic: name,
  load,
  on(kind, row) {
    if (kind === "point") points.set(keyOf(row), row);
    if (kind === "signal") signals.set(signalKey(row), row);
    if (kind === "point" || kind === "signal") redraw();
    refresh();
  },
});
