// What the scripts of the pages share: fetching, elements, words and numbers.

export const data = JSON.parse(document.getElementById("script-data").textContent);
const timeZone = data.zone;
const instant = new Intl.DateTimeFormat("en-GB", {
  timeZone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
  hourCycle: "h23",
});

export async function get(path) {
  const response = await fetch(path, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(await reason(response));
  return response.json();
}

// A name that nobody else gives; `crypto.randomUUID` is there only on pages that came by TLS or from this machine.
export function unique() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": unique() },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw Object.assign(new Error(await reason(response)), { status: response.status });
  return response.json();
}

async function reason(response) {
  const body = await response.json().catch(() => ({}));
  return body.detail || `${response.status} ${response.statusText}`;
}

// The session has ended: sign in, and come back.
export function signIn() {
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
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

// A colour of the page as canvases take it: `light-dark()` resolved.
export function colour(name) {
  const probe = el("span", { hidden: true });
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

// A number with so many significant digits; a dash for what is undefined.
export function number(value, digits = 6) {
  if (value === null || value === undefined) return "–";
  return String(Number(value.toPrecision(digits)));
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

// A text with its RFC 3339 times as the plant's.
export function inPlantTime(text) {
  return text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, time);
}

// A text of the page's catalogue, with its {names} filled in.
export function t(key, values = {}) {
  if (!Object.hasOwn(data.t, key)) throw new Error(`the catalogue has no text ${key} for this page`);
  return data.t[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export function label(word) {
  return Object.hasOwn(data.labels, word) ? data.labels[word] : word;
}

// What a word of the board means, or nothing.
export function meaning(text) {
  return Object.hasOwn(data.meanings, text) ? data.meanings[text] : "";
}

// A heading begins with # when its column holds numbers, with ~ when a narrow screen has no room for it.
function cells(tag, headings, contents) {
  return contents.map((content, place) => {
    const marks = headings[place].match(/^[#~]*/)[0];
    const style = [marks.includes("#") && "number", marks.includes("~") && "wide"].filter(Boolean).join(" ");
    return el(tag, { class: style || null }, content);
  });
}

function tableRow(headings, contents) {
  return el("tr", {}, cells("td", headings, contents));
}

// `rows`: of contents.
export function table(headings, rows) {
  const texts = headings.map((heading) => heading.replace(/^[#~]+/, ""));
  return el("table", {},
    el("thead", {}, el("tr", {}, cells("th", headings, texts))),
    el("tbody", {}, rows.map((row) => tableRow(headings, row))));
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
    say("problem", t("cannot-load", { why: problem.message }));
    failed.add(act);
    setTimeout(() => { failed.delete(act); attempt(act); }, 3000);
  }
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
