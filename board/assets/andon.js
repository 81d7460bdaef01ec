// The list of characteristics, by line and station, with what is current of each.
import { attempt, el, fixed, get, number, soon, table, tableRow, time, word } from "/assets/page.js";
import { follow } from "/assets/live.js";

const HEADINGS = ["Characteristic", "Status", "#Cpk", "~Lower bound, n", "#Latest", "~At"];
const GRAVEST = ["alert", "out-of-spec", "below-floor", "signal", "below-target", "unstable", "drifting"];
const RULES = 2;  // so many are named in a row
const MANY = 50;  // changed characteristics: from here on all are asked for, and less often

const items = new Map();
const rows = new Map();  // the table rows that are shown
const groups = document.getElementById("groups");
const filter = document.getElementById("filter");
const changed = new Set();  // to be drawn
const dirty = new Set();  // to be asked for: statuses are the server's to judge
let rested = 0;

async function load() {
  const found = await get("/api/v1/characteristics");
  items.clear();
  dirty.clear();
  for (const item of found) items.set(item.characteristic, item);
  build();
}

const refresh = soon(() => attempt(ask), 1000);

async function ask() {
  const names = [...dirty];
  if (names.length > MANY) {
    if (performance.now() < rested) return refresh();
    await load();
    rested = performance.now() + 5000;
    return;
  }
  dirty.clear();
  const query = new URLSearchParams(names.map((name) => ["characteristic", name]));
  for (const item of names.length ? await get(`/api/v1/characteristics?${query}`) : []) {
    const known = items.has(item.characteristic);
    items.set(item.characteristic, item);
    if (known) changed.add(item.characteristic);
    else dirty.add(item.characteristic);
  }
  if (dirty.size) return load();
  redraw();
}

// What has changed, row by row: however many points come, four times a second.
const redraw = soon(() => {
  if (filter.value) return build();
  for (const name of changed) {
    const row = rows.get(name);
    if (row) row.replaceChildren(row.firstChild, ...[...rowOf(items.get(name)).children].slice(1));  // the link keeps its focus
  }
  changed.clear();
  summarise();
}, 250);

function build() {
  const text = filter.value.trim().toLowerCase();
  const by = new Map();
  rows.clear();
  changed.clear();
  for (const item of items.values()) {
    if (!`${item.characteristic} ${item.status}`.toLowerCase().includes(text)) continue;
    rows.set(item.characteristic, rowOf(item));
    if (!by.has(group(item))) by.set(group(item), []);
    by.get(group(item)).push(rows.get(item.characteristic));
  }
  groups.replaceChildren(...[...by].map(([name, members]) =>
    el("section", { class: "card" }, el("h2", {}, name), el("div", { class: "scroll" }, table(HEADINGS, members)))));
  if (items.size && !rows.size) groups.replaceChildren(el("p", { class: "quiet" }, `No name and no status has “${filter.value}” in it.`));
  summarise();
}

function summarise() {
  const counts = new Map(GRAVEST.map((status) => [status, 0]));
  for (const item of items.values()) counts.set(item.status, (counts.get(item.status) || 0) + 1);
  document.getElementById("summary").textContent = items.size
    ? [`${items.size} characteristics`, ...[...counts].filter(([, count]) => count).map(([status, count]) => `${count} ${status}`)].join(" · ")
    : "No characteristics yet: the engine has not read a plan.";
}

function group(item) {
  return [item.line, item.station].filter(Boolean).join(" / ") || "other";
}

/** What a Cpk rests on; a rate has no bound. */
function bounded(capability) {
  const bound = capability.cpk_lower === null ? "" : `≥ ${fixed(capability.cpk_lower)}, `;
  return `${bound}n = ${capability.n}`;
}

function rowOf(item) {
  const { capability, point, signals } = item;
  const path = item.characteristic.split("/").map(encodeURIComponent).join("/");
  const rules = signals.length > RULES ? [...signals.slice(0, RULES), `${signals.length - RULES} more`] : signals;
  return tableRow(HEADINGS, [
    el("a", { href: `/characteristics/${path}` }, ...broken(item.characteristic)),
    [word(item.status), el("small", { class: "wide" }, ` ${rules.join(", ")}`)],
    capability ? fixed(capability.cpk) : "–",
    el("small", {}, capability ? bounded(capability) : "no figure yet"),
    point ? `${number(point.value)} ${item.unit || ""}` : "–",
    el("small", {}, time(point && point.time)),
  ]);
}

// An id may break behind its slashes.
function broken(name) {
  return name.split("/").flatMap((part, place) => (place ? ["/", el("wbr"), part] : [part]));
}

// Whether point `a` comes before `b`: an older one that is restated does. In doubt `refresh` tells. Without their Z
// times of any length are in the order of their text.
function before(a, b) {
  const [x, y] = [a.time.slice(0, -1), b.time.slice(0, -1)];
  return x === y ? a.seq < b.seq || (a.seq === b.seq && a.idx < b.idx) : x < y;
}

filter.addEventListener("input", build);
follow({
  start: true,
  kinds: ["point", "signal", "capability", "day", "episode"],
  load,
  on(kind, row) {
    const item = items.get(row.characteristic);
    if (kind === "point" && item && (!item.point || !before(row, item.point))) {
      item.point = row;
      item.signals = row.rules;
      changed.add(row.characteristic);
      redraw();
    }
    dirty.add(row.characteristic);
    refresh();
  },
});
