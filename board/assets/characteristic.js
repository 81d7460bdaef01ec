// One characteristic: its live control chart, figures, limits, signals and days.
import { ControlChart, legendSign } from "/assets/chart.js";
import { attempt, day, el, fixed, foldedTable, get, meaning, moment, number, post, soon, time, word } from "/assets/page.js";
import { follow } from "/assets/live.js";

const POINTS = matchMedia("(max-width: 40rem)").matches ? 100 : 300;
const name = document.getElementById("name").dataset.characteristic;
const query = new URLSearchParams({ characteristic: name });
const byId = (id) => document.getElementById(id);
const points = new Map();  // by journal entry and place, in the order of their times
const signals = new Map();
let changes = [];
let loose = [];
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
  const [changed, corrected, aside] = await Promise.all([
    get(`/api/v1/changes?${query}&limit=100`), get(`/api/v1/corrections?${query}&limit=1000`),
    get(`/api/v1/readings?${query}&of=loose&limit=50`),
  ]);
  loose = aside;
  changes = changed;
  corrections = new Map(corrected.map((one) => [keyOf(one), one]));
  const [location, dispersion] = titles[item.chart] || ["Control chart", "Dispersion"];
  byId("chart-title").textContent = `${location}${item.unit ? `, ${item.unit}` : ""}`;
  byId("dispersion-title").textContent = dispersion;
  byId("dispersion-title").hidden = byId("dispersion").hidden = ofInspections();
  byId("place").textContent = [item.line, item.station].filter(Boolean).join(" / ");
  byId("status").replaceChildren(word(item.status));
  byId("capability").replaceChildren(...pairs(figures(item)));
  byId("limits").replaceChildren(...pairs(limits(item)));
  offerAcceptance();
  await showDays();
}

function pairs(entries) {
  return entries.flatMap(([term, ...values]) => [el("dt", {}, term), el("dd", {}, ...values)]);
}

function figures({ capability: c, cpk_floor, cpk_target }) {
  if (ofInspections()) return c ? rate(c) : [["Rate", "no figure yet"]];
  if (!c) return [["Cpk", "no figure yet"]];
  return [
    ["Cpk", el("strong", {}, fixed(c.cpk)), ` at least ${fixed(c.cpk_lower)} (95 %), n = ${c.n}`],
    ["Floor, target", `${fixed(cpk_floor)}, ${fixed(cpk_target)}`],
    ["Cp, Cpl, Cpu", [c.cp, c.cpl, c.cpu].map((value) => fixed(value)).join(", ")],
    ["Ppk", `${fixed(c.ppk)} at least ${fixed(c.ppk_lower)} (95 %)`],
    ["Mean", unit(number(c.mean))],
    ["Sigma within, overall", `${number(c.sigma_within, 4)}, ${number(c.sigma_overall, 4)}`],
    ["Out of specification", `${c.out_of_spec} of ${c.n}`],
    ["Verdict", ...(c.verdicts || [c.verdict]).map((verdict) => el("div", {}, word(verdict), el("small", {}, ` ${meaning(verdict)}`)))],
    ["As of", time(c.time)],
  ];
}

function rate(c) {
  return [
    ["Rate", el("strong", {}, number(c.mean, 4)), ` a unit: ${c.out_of_spec} found in ${c.n} inspected, ${c.subgroups} inspections`],
    ["Verdict", ...(c.verdicts || [c.verdict]).map((verdict) => el("div", {}, word(verdict), el("small", {}, ` ${meaning(verdict)}`)))],
    ["As of", time(c.time)],
  ];
}

function limits({ limits: l, point, lsl, usl, target, reaction, alert }) {
  const origin = l && { fixed: "", rejected: "" }[l.state] === undefined
    ? `, from ${l.points} points${l.excluded ? ` without the ${l.excluded} beyond 3 sigma` : ""}` : "";
  return [
    ["Limits", ...(l ? [word(l.state), ` revision ${l.revision}${origin}`, el("div", {}, el("small", {}, meaning(l.state)))]
      : ["none yet: points are not judged by run rules"])],
    ...(l ? [["Centre, sigma", `${unit(number(l.center))}, ${number(l.sigma, 4)}`]] : []),
    ...(point && point.ucl !== null ? [["UCL, CL, LCL", [point.ucl, point.cl, point.lcl].map((value) => number(value)).join(", ")]] : []),
    ["Specification", specification(lsl, usl) + (target === null ? "" : `, target ${number(target)}`)],
    ...(reaction ? [["Reaction", reaction]] : []),
    ...(alert ? [["Alert", word("open"), " ", el("a", { href: "/okr" }, alert.rule), " since ", day(alert.opened_day)]] : []),
  ];
}

function specification(lsl, usl) {
  if (lsl === null && usl === null) return "none";
  if (lsl === null) return `at most ${unit(number(usl))}`;
  return usl === null ? `at least ${unit(number(lsl))}` : `${number(lsl)} to ${unit(number(usl))}`;
}

function offerAcceptance() {
  const place = byId("accept");
  const provisional = item.limits && item.limits.state === "provisional";
  if (!provisional) return place.replaceChildren();
  const { revision } = item.limits;  // an order that arrives late accepts no other limits than these
  if (place.firstChild && place.dataset.revision === String(revision)) return;
  place.dataset.revision = String(revision);
  const who = el("input", { name: "who", required: true, maxLength: 200, placeholder: "Your name", "aria-label": "Your name" });
  const button = el("button", { type: "submit" }, "Accept limits");
  const form = el("form", {}, who, button);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      await post("/api/v1/commands", { kind: "accept-limits", characteristic: name, revision, who: who.value.trim() });
      place.replaceChildren(el("p", { class: "quiet", role: "status" }, "Ordered; shown here once the engine has done it."));
      setTimeout(refresh, 2000);
    } catch (error) {
      button.disabled = false;
      notice(error.message);
    }
  });
  place.replaceChildren(form);
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
  const headings = ["At", "#Value", "State", "~Part", "Corrected"];
  byId("loose-card").hidden = !loose.length;
  foldedTable(byId("loose"), headings, loose.map(looseRow).reverse(), 8);
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

function looseRow({ time: at, value, state, context, correction }) {
  const [date, clock] = time(at).split(" ");
  const now = correction ? struckThrough(correction).slice(1) : [];
  return [[day(date), " ", day(clock)], number(value), [`${state} `, el("small", {}, meaning(state))], (context && context.part) || "–", now];
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

async function showDays() {
  const days = await get(`/api/v1/days?${query}&limit=20`);
  const headings = ["Day", "#Cpk", "~Lower bound", "#n", "#~Ppk", "#~Out", "#~Signals", "~Basis", "Verdict"];
  const rows = days.reverse().map((d) => (ofInspections() ? rateOfDay(d) : [d.day, [below(d.cpk), fixed(d.cpk)], fixed(d.cpk_lower), String(d.n), fixed(d.ppk),
    String(d.out_of_spec_day ?? "–"), String(d.signals ?? "–"), d.basis, word(d.verdict)]));
  const shown = ofInspections() ? ["Day", "#Rate", "#Found", "#Inspected", "#~Signals", "Verdict"] : headings;
  if (rows.length) foldedTable(byId("days"), shown, rows, 10);
  else byId("days").replaceChildren(el("p", { class: "quiet" }, "No production day has closed yet."));
}

function rateOfDay(d) {
  return [d.day, number(d.mean, 4), String(d.out_of_spec_day ?? "–"), String(d.n), String(d.signals ?? "–"), word(d.verdict)];
}

function below(cpk) {
  return cpk !== null && item.cpk_floor !== null && cpk < item.cpk_floor ? el("small", { class: "below" }, "▼ ", el("span", { class: "wide" }, "below floor ")) : null;
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
