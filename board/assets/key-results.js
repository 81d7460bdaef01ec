// Alerts with their improvement tasks, and the tree of objectives with their key results.
import { attempt, day, el, fixed, get, inPlantTime, meaning, number, post, soon, svg, table, time, tone, word } from "/assets/page.js";
import { follow } from "/assets/live.js";

const STEPS = { acknowledge: "Acknowledge", plan: "Submit plan", verify: "Verify (quality)", close: "Close" };
const TEXTS = { acknowledge: "Note (optional)", plan: "The rectification plan", verify: "What was verified", close: "Closing note" };
const INDICES = { cpk: "Cpk", ppk: "Ppk", min: "Cpk or Ppk" };
const updates = new Map();
let me = "";

async function load() {
  const [alerts, tree, health] = await Promise.all([get("/api/v1/alerts"), get("/api/v1/objectives"), get("/health")]);
  const names = [];
  walk(tree, (kr) => names.push(kr));
  await Promise.all(names.filter((kr) => kr.revision !== null && updates.get(kr.id)?.revision !== kr.revision).map(async (kr) => {
    const rows = await get(`/api/v1/key-results/${encodeURIComponent(kr.id)}/updates?limit=60`);
    const known = rows.filter((row) => row.value !== null);
    updates.set(kr.id, { revision: kr.revision, known, values: known.map((row) => row.value) });
  }));
  const tick = health.processes.forwarder.last_tick;
  document.getElementById("clock").textContent = tick ? `as of ${time(tick)}` : "";
  drawAlerts(alerts);
  drawObjectives(tree);
}

function drawObjectives(tree) {
  const place = document.getElementById("objectives");
  if (isWritingIn(place)) return;
  const tops = tree.map(objective);
  place.replaceChildren(...(tops.length ? tops : [el("p", { class: "quiet" }, "No objectives: the plan has none, or it has not been passed on yet.")]));
}

function isWritingIn(place) {
  return place.contains(document.activeElement) && ["INPUT", "TEXTAREA"].includes(document.activeElement.tagName);
}

function walk(objectives, act) {
  for (const one of objectives) { one.key_results.forEach(act); walk(one.objectives, act); }
}

function drawAlerts(alerts) {
  const place = document.getElementById("alerts");
  if (isWritingIn(place)) return;
  const open = (alert) => (alert.state === "open" ? 2 : 0) + (alert.task.state !== "closed" ? 1 : 0);
  const cards = alerts.reverse().sort((a, b) => open(b) - open(a)).map(card);
  place.replaceChildren(...(cards.length ? cards : [el("p", { class: "quiet" }, "No alerts.")]));
}

function card(alert) {
  const index = alert.metric ? "value" : INDICES[alert.index] || "Cpk";
  const figure = (value) => alert.unit === "share" ? amount(alert, value) : fixed(value);
  const shown = { ppk: ["ppk"], min: ["cpk", "ppk"] }[alert.index] || ["cpk"];
  const days = alert.days.map((bad) => [day(bad.day), ...shown.map((name) => figure(bad[name])), String(bad.n ?? "–"), bad.verdict ? word(bad.verdict) : "–"]);
  return el("article", { class: `card${alert.state === "open" ? " alert-open" : ""}`, "data-alert": alert.alert },
    el("div", { class: "bar" }, el("h2", {}, alert.title || alert.alert), word(alert.state)),
    el("p", {}, subject(alert),
      " · ", day(alert.first_day), " to ", day(alert.last_day), ` · pooled ${index} ${figure(alert.cpk)} (at most ${figure(alert.cpk_upper)}, `
      + `${alert.confidence || "–"}), floor ${figure(alert.floor)} · owner ${alert.owner || "–"}`
      + (alert.co_owners && alert.co_owners.length ? ` with ${alert.co_owners.join(", ")}` : "")),
    el("p", {}, standing(alert)),
    alert.reaction ? el("p", { class: "quiet" }, `Reaction: ${alert.reaction}`) : null,
    days.length ? el("div", { class: "scroll" }, table(["Day", ...shown.map((name) => `#${alert.metric ? "Value" : INDICES[name]}`), "#n", "Verdict"], days)) : null,
    task(alert));
}

// What it is about: a characteristic, with its page, or a metric.
function subject(alert) {
  if (alert.metric) return `metric ${alert.metric}`;
  const path = alert.characteristic.split("/").map(encodeURIComponent).join("/");
  return el("a", { href: `/characteristics/${path}` }, alert.characteristic);
}

// What has become of it, in words.
function standing(alert) {
  const opened = alert.opened_day ? `Opened at the close of ${alert.opened_day}` : "Opened";
  const quiet = alert.reason ? `; ${alert.reason}` : "";
  const since = { open: `; not recovered yet${quiet}.`, recovered: alert.recovered_day ? `, recovered at the close of ${alert.recovered_day}.` : ", recovered since." };
  const after = alert.state !== "open" && alert.task.state !== "closed" && alert.task.due_at ? " Its task is still to be done." : "";
  return opened + (since[alert.state] || `, ${alert.state}${alert.reason ? `: ${alert.reason}` : ""}.`) + after;
}

function task(alert) {
  const { task: t } = alert;
  const missing = t.state === "open" || t.state === "acknowledged";
  return el("div", { class: "task" },
    el("div", { class: "bar" }, el("h3", {}, "Improvement task"), el("span", {}, word(t.state), " ", t.escalated ? word("escalated") : "")),
    t.due_at && missing ? el("p", { class: "quiet" }, `Rectification plan due ${time(t.due_at)}`) : null,
    alert.events.length ? el("ol", {}, alert.events.map((event) =>
      el("li", {}, `${time(event.at)} ${event.who}: ${event.event}${event.text ? ` – ${inPlantTime(event.text)}` : ""}`))) : null,
    t.next ? step(alert.alert, t.next) : null);
}

function step(name, next) {
  const who = el("input", { required: true, maxLength: 200, value: me, placeholder: "Your name", "aria-label": "Your name" });
  const text = el("textarea", { placeholder: TEXTS[next], "aria-label": TEXTS[next], required: next !== "acknowledge" });
  return submitted(el("form", {}, who, text, el("button", { type: "submit" }, STEPS[next])), async () => {
    me = who.value.trim();
    const path = name.split("/").map(encodeURIComponent).join("/");
    await post(`/api/v1/alerts/${path}/events`, { event: next, who: me, text: text.value.trim() });
  });
}

// A form whose sending is `act`: what went wrong stands below it.
function submitted(form, act) {
  const error = el("p", { class: "notice error", hidden: true });
  const button = form.querySelector("button");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      await act();
      document.activeElement.blur();
      await load();
    } catch (problem) {
      error.textContent = problem.message;
      error.hidden = false;
      button.disabled = false;
      if (problem.status === 409) await again(form, problem.message);
    }
  });
  return el("div", {}, form, error);
}

// Somebody else was faster: the card as it is now, with what was refused.
async function again(form, message) {
  const { alert, keyResult } = form.closest("[data-alert], [data-key-result]").dataset;
  document.activeElement.blur();
  await load();
  const card = alert ? `[data-alert="${CSS.escape(alert)}"]` : `[data-key-result="${CSS.escape(keyResult)}"]`;
  document.querySelector(card)?.append(el("p", { class: "notice error" }, message));
}

function objective(one) {
  return el("section", { class: "objective" },
    el("div", { class: "bar" }, el("h2", {}, `${one.id} ${one.title}`),
      el("span", { class: "level" }, [one.level, one.owner, one.period].filter(Boolean).join(" · "))),
    one.key_results.map(keyResult), one.objectives.map(objective));
}

function keyResult(kr) {
  const known = kr.progress !== null && kr.progress !== undefined;
  const shown = known ? Math.min(1, Math.max(0, kr.progress)) : 0;
  const bar = el("progress", { max: 1, value: shown, class: `p-${tone(kr.status)}`, "aria-label": `progress of ${kr.id}` });
  return el("div", { class: "kr", "data-key-result": kr.id },
    el("div", {}, el("strong", {}, `${kr.id} `), kr.title, el("br"), el("small", { class: "figure" }, figures(kr))),
    el("div", {}, bar, el("br"), el("small", {}, course(kr, known))),
    el("div", {}, word(kr.status), el("br"), el("small", {}, meaning(kr.reason) || kr.reason || "")),
    kr.kind === "milestone" && !(kr.progress >= 1) ? move(kr) : trend(kr));
}

// A milestone is moved here: who, how much of it is done, and what shows that.
function move(kr) {
  const who = el("input", { required: true, maxLength: 200, value: me, placeholder: "Your name", "aria-label": "Your name" });
  const share = el("input", { type: "number", min: 0, max: 100, value: 100, required: true, "aria-label": "Per cent done" });
  const evidence = el("textarea", { required: true, placeholder: "What shows it", "aria-label": "Evidence" });
  return submitted(el("form", {}, who, share, evidence, el("button", { type: "submit" }, "Record")), async () => {
    me = who.value.trim();
    await post(`/api/v1/key-results/${encodeURIComponent(kr.id)}/updates`,
      { who: me, progress: Number(share.value) / 100, evidence: evidence.value.trim() });
  });
}

const percent = (share) => `${Math.round(100 * share)} %`;

// A key result's value: an index as it is, a share in per cent, to a tenth where it takes that; else with its unit.
function amount(kr, value, digits) {
  if (value === null || value === undefined || kr.unit === "index" || !kr.unit) return number(value, digits);
  if (kr.unit !== "share") return `${number(value, digits)} ${kr.unit}`;
  return `${+(100 * value).toFixed(1)} %`;
}

// The value beside its goal, and what it rests on.
function figures(kr) {
  if (kr.kind === "milestone") return kr.evidence ? `${kr.who}, ${time(kr.as_of)}: ${kr.evidence}` : "milestone: moved by hand, with evidence";
  const goal = `goal ${kr.direction === "at-most" ? "≤" : "≥"} ${amount(kr, kr.target)}`;
  const groups = kr.sources?.some((one) => !("characteristic" in one)); // places, suppliers, …
  const members = kr.members > 1 ? `${kr.counted} of ${kr.members} ${groups ? "groups" : "characteristics"}` : "";
  if (kr.value !== null) {
    const basis = [`n = ${kr.n ?? "–"}`, members].filter(Boolean).join(", ");
    const bound = kr.lower === null && groups ? "" : `95 % lower bound ${amount(kr, kr.lower, 3)}, `;
    return [el("strong", {}, amount(kr, kr.value, 4)), `, ${goal} (${bound}${basis})`, later(kr)];
  }
  if (kr.status === "red" && kr.sources?.some((one) => one.counted && one.reason === "resolution")) {
    return [`nothing varies and parts are out of specification: no index, ${goal}`, members && ` (${members})`];
  }
  const last = updates.get(kr.id)?.known.at(-1);
  return [`${goal}; no value`, ...(kr.day ? [" on ", day(kr.day)] : []), members && `, ${members}`,
    ...(last ? [`; last ${amount(kr, last.value, 4)} on `, day(last.day)] : [])];
}

// What days of the period that were restated after its end would make of the frozen value.
function later(kr) {
  const restated = kr.restated_after_end;
  return restated ? `; restated after the end of the period: ${amount(kr, restated.value, 4)}` : "";
}

// How far it has come, and how far it should be by now.
function course(kr, known) {
  if (!known) return kr.kind === "milestone" ? "not begun" : "no progress known";
  if (kr.kind === "milestone") return kr.progress >= 1 ? "done" : `${percent(kr.progress)} done`;
  if (kr.kind === "maintain") {
    return `at target on ${percent(kr.progress * kr.required_share)} of its days, ${percent(kr.required_share)} wanted`;
  }
  const passed = kr.expected === null || kr.expected === undefined ? "" : `; ${percent(kr.expected)} of the period is over`;
  if (kr.progress >= 1) return `target met${passed}`;
  if (kr.progress < 0) return `${kr.direction === "at-most" ? "above" : "below"} its start of ${amount(kr, kr.start)}${passed}`;
  return `${percent(kr.progress)} of the way from ${amount(kr, kr.start)} to ${amount(kr, kr.target)}${passed}`;
}

// The values so far, with the target as a dashed line.
function trend(kr) {
  const values = (updates.get(kr.id)?.values || []).filter((value) => value !== null);
  if (values.length < 2) return null;
  const picture = svg("svg", { class: "trend", viewBox: "0 0 110 30", role: "img", "aria-label": `history of ${kr.id}: ${values.map((v) => fixed(v)).join(", ")}` });
  const all = [...values, kr.target ?? values[0]];
  const low = Math.min(...all), high = Math.max(...all);
  const y = (value) => (27 - (24 * (value - low)) / (high - low || 1)).toFixed(1);
  const x = (place) => ((108 * place) / (values.length - 1) + 1).toFixed(1);
  if (kr.target !== null) picture.append(svg("line", { x1: 0, x2: 110, y1: y(kr.target), y2: y(kr.target) }));
  picture.append(svg("polyline", { points: values.map((value, place) => `${x(place)},${y(value)}`).join(" ") }));
  return picture;
}

// The store is told a little after the history has it; the last look is a slow one for what no event tells.
const look = () => attempt(load);
const first = soon(look, 300);
const second = soon(() => new Promise((done) => { setTimeout(done, 1500); }).then(look), 2000);
setInterval(look, 15000);
follow({ start: true, kinds: ["key_result", "episode"], load, on() { first(); second(); } });
