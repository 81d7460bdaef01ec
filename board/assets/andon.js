// The tiles by line and station: each as it changes, in their order when nobody points at them, filters as one types.
import { attempt, soon } from "/assets/page.js";
import { follow } from "/assets/live.js";
import { KINDS, showPoint } from "/assets/tiles.js";

const EVERY = 1000;  // milliseconds between two questions for what has changed
const RESTING = 20000;  // so long after its last move nobody is taken to point at a tile
const TYPED = 250;

const plant = document.getElementById("plant");
const summary = document.getElementById("summary");
const filters = document.getElementById("filters");
let since = document.body.dataset.position;
let newest = 0;  // the row of the latest event: an answer may be from a moment before it
let moved = -RESTING;
let asked = 0;  // of whole loads: an answer to what is no longer asked for is left

async function part(name, query = {}) {
  const search = new URLSearchParams(location.search);
  for (const [key, value] of Object.entries({ ...query, part: name })) search.set(key, value);
  const response = await fetch(`/?${search}`);
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  return response.text();
}

// Everything anew: other filters, or a plan with other characteristics.
async function whole({ withForm = false } = {}) {
  const number = ++asked;
  const names = ["plant", "summary", ...(withForm ? ["choices"] : [])];
  const texts = await Promise.all(names.map((name) => part(name)));
  if (number !== asked) return;
  for (const [place, text] of texts.entries()) keepingFocus(() => { [plant, summary, filters][place].innerHTML = text; });
}

// What has changed since the last answer: tiles, those that are to be seen no more, and the counts.
async function changes() {
  const number = asked;
  const began = performance.now();
  const found = document.createElement("template");
  found.innerHTML = await part("changed", { since });
  const answer = found.content.querySelector("[data-position]");
  if (number !== asked || !answer) return;
  since = answer.dataset.position;
  document.getElementById("as-of").textContent = answer.dataset.asOf;
  keepingFocus(() => summary.replaceChildren(...answer.querySelector("nav").childNodes));
  if (![...answer.querySelectorAll("ul > li")].every(place)) await whole();
  settle();
  if (Number(since.split(":")[1]) < newest) refresh();
  // a page of a thousand tiles is not asked for again at once
  await new Promise((done) => { setTimeout(done, Math.min(10000, 5 * (performance.now() - began))); });
}

// Puts a tile where it belongs; false when its line or station is not here yet.
function place(tile) {
  const known = plant.querySelector(`[data-c="${CSS.escape(tile.dataset.c)}"]`);
  if (tile.dataset.gone !== undefined) {
    known?.remove();
    return true;
  }
  if (known) {
    const focused = known.contains(document.activeElement);
    known.replaceWith(tile);
    if (focused) tile.querySelector("a").focus({ preventScroll: true });
    return true;
  }
  const { line, station } = tile.dataset;
  const list = plant.querySelector(`[data-line="${CSS.escape(line)}"] > .stations > [data-station="${CSS.escape(station)}"] > .tiles`);
  list?.append(tile);
  return Boolean(list);
}

function keepingFocus(act) {
  const focus = document.activeElement?.id;
  act();
  if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
}

const keyOf = (tile) => `${tile.dataset.key} ${tile.dataset.c}`;
const worstOf = (place) => [...place.querySelectorAll("[data-key]")].reduce((least, tile) => (least < tile.dataset.key ? least : tile.dataset.key), "~");

function sort(parent, key) {
  const before = [...parent.children];
  const after = before.map((child) => [key(child), child]).sort(([a], [b]) => (a < b ? -1 : Number(a > b))).map(([, child]) => child);
  if (after.some((child, at) => child !== before[at])) parent.append(...after);
}

// Worst first again, and the counts of each line; not while somebody points at a tile or is on one with the keyboard.
function settle() {
  const pointed = plant.matches(":hover") && performance.now() - moved < RESTING;
  if (pointed || plant.contains(document.activeElement)) return;
  for (const empty of plant.querySelectorAll(".station:not(:has([data-c])), .line:not(:has([data-c]))")) empty.remove();
  for (const list of plant.querySelectorAll(".tiles")) sort(list, keyOf);
  for (const list of plant.querySelectorAll(".stations")) sort(list, (one) => `${worstOf(one)} ${one.dataset.station}`);
  const top = plant.querySelector(".plant-of");
  if (top.querySelector("[data-c]")) sort(top, (one) => `${worstOf(one)} ${one.dataset.line}`);
  for (const line of plant.querySelectorAll(".line")) count(line);
}

function count(line) {
  const tally = line.querySelector(".tally");
  const words = ["bad", "warn", "none", "good"].map((tone) => [tone, line.querySelectorAll(`.t-${tone}`)]).filter(([, { length }]) => length);
  tally.replaceChildren(...words.flatMap(([tone, tiles]) => {
    const word = document.createElement("span");
    word.className = `word ${tone}`;
    word.textContent = `${tiles[0].querySelector(".word").textContent.split(" ")[0]} ${tiles.length}`;
    return [word, " "];
  }));
}

const refresh = soon(() => attempt(changes), EVERY);
follow({
  kinds: KINDS,
  load() {
    newest = 0;
    return whole();
  },
  on(kind, row) {
    if (kind === "point") showPoint(row);
    newest = row.row;
    refresh();
  },
});

// Filters: the page's address changes with them, and the tiles without loading the page anew.
async function go(address, options) {
  history.pushState(null, "", address);
  await attempt(() => whole(options));
}

function addressOf(form) {
  const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
  return query.size ? `/?${query}` : "/";
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-filter]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  go(link.getAttribute("href"), { withForm: true });
});
filters.addEventListener("submit", (event) => {
  event.preventDefault();
  go(addressOf(filters));
});
filters.addEventListener("change", (event) => {
  if (event.target.matches("select")) go(addressOf(filters), { withForm: true });
});
let typed = 0;
filters.addEventListener("input", (event) => {
  if (!event.target.matches("#q")) return;
  clearTimeout(typed);
  typed = setTimeout(() => {
    history.replaceState(null, "", addressOf(filters));
    attempt(() => whole());
  }, TYPED);
});
window.addEventListener("popstate", () => attempt(() => whole({ withForm: true })));

// Keys: / to search, arrows from tile to tile.
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function nearest(from, [across, down]) {
  const own = from.getBoundingClientRect();
  const links = [...plant.querySelectorAll(".tile > a")];
  if (across) return links[links.indexOf(from) + across];
  let best = null;
  let least = Infinity;
  for (const link of links) {
    const box = link.getBoundingClientRect();
    const away = (box.top - own.top) * down;
    if (away < own.height / 2) continue;
    const distance = away * 4 + Math.abs(box.left - own.left);
    if (distance < least) [best, least] = [link, distance];
  }
  return best;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/" && !event.target.matches("input, select, textarea")) {
    event.preventDefault();
    document.getElementById("q").focus();
  }
  const from = event.target.closest?.(".tile > a");
  const to = from && ARROWS[event.key] && nearest(from, ARROWS[event.key]);
  if (to) {
    event.preventDefault();
    to.focus();
  }
});
plant.addEventListener("pointermove", () => { moved = performance.now(); });
plant.addEventListener("pointerleave", settle);
plant.addEventListener("focusout", (event) => { if (!plant.contains(event.relatedTarget)) setTimeout(settle); });
