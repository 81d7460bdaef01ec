// The live connection of a page: one event stream for all that is on it, from where the page was rendered on.
//
// An element with `data-part="NAME" data-on="KINDS"` is rendered anew by the server when a row of one of these kinds
// comes (at most every `data-every` milliseconds, 1000 unless said), and stays as it is while somebody types in it;
// with `data-again` also every so many milliseconds, for what time alone changes.
import { attempt, data, get, inPlantTime, signIn, soon, t } from "/assets/page.js";

const STRIP = ["nothing-yet", "compiling"];  // notices that every page tells, because nothing is to be seen there yet
const REFUSED_AGAIN = 5000;  // milliseconds
const VITALS_EVERY = 5000;

const listeners = [];
const live = document.getElementById("live");
let source = null;
let again = null;
let position = document.body.dataset.position;

// `on(kind, row)` is told every row of `kinds`; `load` is called whenever something may have been missed, and with
// `start` at first: for a page that its script fills.
export function follow({ kinds, load, on, start = false }) {
  listeners.push({ kinds, load, on });
  if (start) attempt(load);
}

function show(state) {
  live.textContent = t(state);
  live.className = `live ${{ live: "on", reconnecting: "off", paused: "off" }[state]}`;
}

function open() {
  clearTimeout(again);
  source?.close();
  const query = new URLSearchParams();
  for (const kind of new Set(listeners.flatMap(({ kinds }) => kinds))) query.append("kind", kind);
  for (const glob of (document.body.dataset.follow || "").split("\n").filter(Boolean)) query.append("characteristic", glob);
  query.append("okr", document.body.dataset.okr);
  if (position) query.append("after", position);
  source = new EventSource(`/api/v1/events?${query}`);
  source.onopen = () => show("live");
  source.onerror = () => {
    show("reconnecting");
    // refused (too many listen): the browser gives up, and the board does not
    if (source.readyState === EventSource.CLOSED) again = setTimeout(open, REFUSED_AGAIN);
  };
  for (const name of ["ready", "reset"]) source.addEventListener(name, (event) => {
    position = event.lastEventId;
    for (const { load } of listeners) attempt(load);
  });
  for (const kind of query.getAll("kind")) source.addEventListener(kind, (event) => {
    position = event.lastEventId;
    const row = JSON.parse(event.data);
    for (const { kinds, on } of listeners) if (kinds.includes(kind)) on(kind, row);
  });
}

function close() {
  clearTimeout(again);
  source?.close();
  source = null;
}

// A browser has six connections to a server, and each stream takes one of them: only a page that is seen has one.
function follows() {
  if (document.hidden) { close(); show("paused"); } else if (!source) open();
}

function isTypedIn(place) {
  return place.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");
}

// Renders a part anew; what did not change stays, and so do the focus, what is unfolded, and what fields with an id hold.
async function renew(place) {
  if (isTypedIn(place)) return;
  const query = new URLSearchParams(location.search);
  query.set("part", place.dataset.part);
  const response = await fetch(`${location.pathname}?${query}`);
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  const text = await response.text();
  if (text === place.renderedAs || isTypedIn(place)) return;
  place.renderedAs = text;
  const focus = document.activeElement?.id;
  const unfolded = [...place.querySelectorAll("details[open][id]")].map(({ id }) => id);
  const typed = [...place.querySelectorAll("input[id], textarea[id]")].filter((field) => field.value !== field.defaultValue);
  place.innerHTML = text;
  for (const { id, value } of typed) {
    const field = document.getElementById(id);
    if (field) field.value = value;
  }
  for (const id of unfolded) document.getElementById(id)?.setAttribute("open", "");
  if (focus && place.contains(document.getElementById(focus))) document.getElementById(focus).focus();
  place.dispatchEvent(new CustomEvent("renewed", { bubbles: true }));
}

for (const place of document.querySelectorAll("[data-part]")) {
  const renewed = () => renew(place);
  const act = soon(() => attempt(renewed), Number(place.dataset.every || 1000));
  if (place.dataset.on) follow({ kinds: place.dataset.on.split(" "), load: act, on: act });
  if (place.dataset.again) setInterval(() => { if (!document.hidden) act(); }, Number(place.dataset.again));
}

// The OKR store has changed: the menu says how many alerts are open.
function showCount(kind, { changes, alerts }) {
  document.body.dataset.okr = changes;
  const place = document.getElementById("open-alerts");
  place.textContent = alerts;
  place.hidden = !alerts;
}

// Says the gravest fault in a line above everything; the page `Health` tells all.
async function watchVitals() {
  const health = await get(`/health?language=${data.language}`).catch(() => null);  // the event stream tells that the server is away
  if (!health) return;
  if (!health.problems) return isTypedIn(document.body) ? undefined : signIn();  // to strangers it says less
  const worst = health.problems.find(({ severity, code }) => severity === "fault" || STRIP.includes(code));
  const place = document.getElementById("vitals");
  const text = worst ? inPlantTime(worst.says) : "";
  if (place.textContent !== text) place.textContent = text;
  place.parentElement.hidden = !text;
}

if (live) {
  follow({ kinds: ["okr"], load() {}, on: showCount });
  // a page's own script comes behind this one and adds what it follows
  document.addEventListener("DOMContentLoaded", () => {
    if (document.body.dataset.starting !== undefined) follow({ kinds: ["point"], load: () => location.reload(), on: () => location.reload() });
    if (listeners.length) follows();
  });
  document.addEventListener("visibilitychange", follows);
  const watch = setInterval(() => { if (!document.hidden) watchVitals(); }, VITALS_EVERY);
  watchVitals();
  window.addEventListener("pagehide", () => { close(); clearInterval(watch); });
}
