// The wall: slides that follow each other, a clock, and a loud word when what is shown is old.
import { get, moment, t } from "/assets/page.js";
import { follow } from "/assets/live.js";
import { showPoint } from "/assets/tiles.js";

const OLD = 60;  // seconds that the engine's clock may be behind
const AWAY = 15;  // seconds without an answer of the board
const LOOK = 5000;

const wall = document.getElementById("wall");
const pause = document.getElementById("pause");
const seconds = Number(document.body.dataset.wall);
let shown = "";  // the slide, by its name: others may come and go
let paused = false;
let timer = 0;
let answered = Date.now();
let behind = 0;  // seconds, at the last answer

const slides = () => [...wall.querySelectorAll(".slide")];
const at = () => Math.max(0, slides().findIndex(({ dataset }) => dataset.slide === shown));

function show(place) {
  const all = slides();
  if (!all.length) return;
  const now = all[(place + all.length) % all.length];
  shown = now.dataset.slide;
  for (const one of all) one.toggleAttribute("data-later", one !== now);
}

function turn(by) {
  show(at() + by);
  clearTimeout(timer);
  if (!paused) timer = setTimeout(() => turn(1), seconds * 1000);
}

function setPaused(value) {
  paused = value;
  pause.setAttribute("aria-pressed", String(value));
  pause.textContent = value ? t("go-on") : t("pause");
  document.body.toggleAttribute("data-paused", value);
  turn(0);
}

document.getElementById("previous").addEventListener("click", () => turn(-1));
document.getElementById("next").addEventListener("click", () => turn(1));
pause.addEventListener("click", () => setPaused(!paused));
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const act = {
    " ": () => setPaused(!paused),
    ArrowLeft: () => turn(-1),
    ArrowRight: () => turn(1),
    f: () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()),
  }[event.key];
  if (!act || (event.key === " " && event.target.matches("button, a"))) return;
  event.preventDefault();
  act();
});

// The pointer, and the controls with it, are there while it moves.
let moving = 0;
document.addEventListener("pointermove", () => {
  document.body.toggleAttribute("data-moving", true);
  clearTimeout(moving);
  moving = setTimeout(() => document.body.toggleAttribute("data-moving", false), 4000);
});

function ago(value) {
  if (value >= 7200) return t("hours", { n: Math.round(value / 3600) });
  return value >= 120 ? t("minutes", { n: Math.round(value / 60) }) : t("seconds", { n: Math.round(value) });
}

function tell() {
  const now = Date.now();
  const away = (now - answered) / 1000;
  const place = document.getElementById("old");
  const text = away > AWAY ? t("away", { ago: ago(away) }) : behind > OLD ? t("old", { ago: ago(behind) }) : "";
  document.getElementById("clock").textContent = moment(new Date(now).toISOString()).slice(11);
  if (place.textContent !== text) place.textContent = text;
  place.hidden = !text;
  document.body.toggleAttribute("data-old", Boolean(text));
}

async function look() {
  const health = await get("/health").catch(() => null);
  if (health) {
    const { engine } = health.processes;
    answered = Date.now();
    behind = engine.lag_seconds ?? engine.written_seconds_ago ?? 0;
    if (engine.last_tick) document.getElementById("as-of").textContent = t("as-of", { time: moment(engine.last_tick) });
  }
  tell();
}

// A screen on a wall stays on where the browser lets a page ask for it.
function stayAwake() {
  if (!document.hidden) navigator.wakeLock?.request("screen").catch(() => null);
}

wall.addEventListener("renewed", () => show(at()));
follow({ kinds: ["point"], load() {}, on: (kind, row) => showPoint(row) });
setInterval(tell, 1000);
setInterval(look, LOOK);
document.addEventListener("visibilitychange", stayAwake);
stayAwake();
look();
turn(0);
