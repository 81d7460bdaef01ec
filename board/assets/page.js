// What every page shares: fetching, elements, words and numbers, and the live connection.

const timeZone = document.body.dataset.timeZone;
const meanings = JSON.parse(document.body.dataset.meanings);
const instant = new Intl.DateTimeFormat("en-GB", {
  timeZone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
  hourCycle: "h23",
});

for (const link of document.querySelectorAll("nav a")) {
  if (link.pathname === location.pathname) link.setAttribute("aria-current", "page");
}

export async function get(path) {
  const response = await fetch(path, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(await reason(response));
  return response.json();
}

export async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID() },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw Object.assign(new Error(await reason(response)), { status: response.status });
  return response.json();
}

async function reason(response) {
  const body = await response.json().catch(() => ({}));
  return body.detail || `${response.status} ${response.statusText}`;
}

// An element; properties by name, `class` and `data-…` and ARIA as attributes, null children left out.
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (name === "class" || name.includes("-")) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// A number with so many significant digits; a dash for what is undefined.
export function number(value, digits = 6) {
  if (value === null || value === undefined) return "–";
  return String(Number(value.toPrecision(digits)));
}

export function fixed(value, decimals = 2) {
  return value === null || value === undefined ? "–" : value.toFixed(decimals);
}

// 2026-11-03 17:02:30 in the plant's time zone.
export function moment(text) {
  if (!text) return "–";
  const part = Object.fromEntries(instant.formatToParts(new Date(text)).map(({ type, value }) => [type, value]));
  return `${part.year}-${part.month}-${part.day} ${part.hour}:${part.minute}:${part.second}`;
}

export function time(text) {
  return moment(text).slice(0, 16);
}

// A production day in one piece.
export function day(text) {
  return el("span", { class: "day" }, text || "–");
}

// A text with its RFC 3339 times as the plant's.
export function inPlantTime(text) {
  return text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, time);
}

const tones = {
  good: ["ok", "green", "recovered", "closed", "verified", "accepted", "fixed", "runs"],
  warn: ["signal", "below-target", "yellow", "unstable", "drifting", "provisional", "acknowledged", "planned", "stale",
    "incomplete", "resolution", "stopped"],
  bad: ["alert", "out-of-spec", "below-floor", "red", "open", "escalated", "rejected", "failed", "silent"],
};
const signs = { good: "✓", warn: "▲", bad: "✕", none: "○" };

export function tone(word) {
  return Object.keys(tones).find((name) => tones[name].includes(word)) || "none";
}

// What a word of the board means, or nothing.
export function meaning(text) {
  return Object.hasOwn(meanings, text) ? meanings[text] : "";
}

// A status: a sign, the word, and a colour that only repeats them.
export function word(status) {
  const kind = tone(status);
  return el("span", { class: `word ${kind}`, title: meaning(status) || null }, `${signs[kind]} ${status}`);
}

// A heading begins with # when its column holds numbers, with ~ when a narrow screen has no room for it.
function cells(tag, headings, contents) {
  return contents.map((content, place) => {
    const marks = headings[place].match(/^[#~]*/)[0];
    const style = [marks.includes("#") && "number", marks.includes("~") && "wide"].filter(Boolean).join(" ");
    return el(tag, { class: style || null }, content);
  });
}

export function tableRow(headings, contents) {
  return el("tr", {}, cells("td", headings, contents));
}

// `rows`: of contents, or elements of `tableRow`.
export function table(headings, rows) {
  const texts = headings.map((heading) => heading.replace(/^[#~]+/, ""));
  return el("table", {},
    el("thead", {}, el("tr", {}, cells("th", headings, texts))),
    el("tbody", {}, rows.map((row) => (row instanceof Element ? row : tableRow(headings, row)))));
}

// Shows the first `few` rows of a table in `place`, and all of them when asked.
export function foldedTable(place, headings, rows, few) {
  const all = place.dataset.all === "yes";
  const more = rows.length > few ? el("button", { type: "button", class: "more" }, all ? "Fewer" : `All ${rows.length}`) : null;
  more?.addEventListener("click", () => {
    place.dataset.all = all ? "" : "yes";
    foldedTable(place, headings, rows, few);
  });
  place.replaceChildren(table(headings, all ? rows : rows.slice(0, few)), ...(more ? [more] : []));
}

function say(id, text) {
  const place = document.getElementById(id);
  if (place.textContent !== text) place.textContent = text;
  place.hidden = !text;
}

// Does what asks the server; when that fails the page says so and does it again.
const failed = new Set();
export async function attempt(act) {
  if (failed.has(act)) return;
  try {
    await act();
    if (!failed.size) say("problem", "");
  } catch (problem) {
    say("problem", `The board cannot load: ${problem.message}. It tries again.`);
    failed.add(act);
    setTimeout(() => { failed.delete(act); attempt(act); }, 3000);
  }
}

// Notices that are told on every page, because nothing is to be seen there yet.
const STRIP = ["nothing-yet", "compiling"];

const REFUSED_AGAIN = 5000;  // milliseconds

// Follows the events of the server, while the page can be seen: a browser has six connections to a server, and each
// stream takes one of them. `load` is called at first and whenever something may have been missed.
export function follow({ kinds, characteristic, load, on }) {
  const query = new URLSearchParams();
  for (const kind of kinds) query.append("kind", kind);
  if (characteristic) query.append("characteristic", characteristic);
  const live = document.getElementById("live");
  const show = (text, state) => { live.textContent = text; live.className = `live ${state}`; };
  let source = null;
  let again = null;
  function open() {
    clearTimeout(again);
    source?.close();
    source = new EventSource(`/api/v1/events?${query}`);
    source.onopen = () => show("● live", "on");
    source.onerror = () => {
      show("○ reconnecting …", "off");
      // refused (too many listen): the browser gives up, and the board does not
      if (source.readyState === EventSource.CLOSED) again = setTimeout(open, REFUSED_AGAIN);
    };
    for (const name of ["ready", "reset"]) source.addEventListener(name, () => attempt(load));
    for (const kind of kinds) source.addEventListener(kind, (event) => on(kind, JSON.parse(event.data)));
  }
  function close() {
    clearTimeout(again);
    source?.close();
    source = null;
  }
  const follows = () => {
    if (document.hidden) { close(); show("○ paused", "off"); } else if (!source) open();
  };
  document.addEventListener("visibilitychange", follows);
  if (!document.hidden) open();
  const watch = setInterval(() => { if (!document.hidden) watchVitals(); }, 5000);
  watchVitals();
  window.addEventListener("pagehide", () => { close(); clearInterval(watch); });
}

// Calls `act` at most once in so many milliseconds, at once when it was idle; never twice at a time.
export function soon(act, milliseconds) {
  let state = "idle";
  let last = -Infinity;
  const run = async () => {
    state = "running";
    last = performance.now();
    await act();
    const again = state === "again";
    state = "idle";
    if (again) call();
  };
  function call() {
    if (state === "running") state = "again";
    if (state !== "idle") return;
    state = "waiting";
    setTimeout(run, Math.max(0, last + milliseconds - performance.now()));
  }
  return call;
}

// Says the gravest fault in a line above everything; the page `Service` tells all.
async function watchVitals() {
  const health = await get("/health").catch(() => null);  // the event stream tells that the server is away
  if (!health) return;
  const worst = health.problems.find(({ severity, code }) => severity === "fault" || STRIP.includes(code));
  const place = document.getElementById("vitals");
  const text = worst ? inPlantTime(worst.says) : "";
  if (place.textContent !== text) place.textContent = text;
  place.parentElement.hidden = !text;
}
