// What every page with tiles does at once when a point comes: its value and time, before the server is asked.
import { number, soon, time } from "/assets/page.js";

const EVERY = 100;  // milliseconds: however many points come, so often are they drawn
export const KINDS = ["point", "capability", "day", "episode", "limits", "specification"];

// Whether a point comes before the one that is shown: an older one that is restated does. Without their Z times of any
// length are in the order of their text.
function isOlder(row, shown) {
  return shown && row.time.slice(0, -1) < shown.slice(0, -1);
}

const waiting = new Map();
const draw = soon(() => {
  for (const row of waiting.values()) show(row);
  waiting.clear();
}, EVERY);

function show(row) {
  for (const tile of document.querySelectorAll(`[data-c="${CSS.escape(row.characteristic)}"]`)) {
    const place = tile.querySelector(".value");
    const at = tile.querySelector("time");
    if (!place || isOlder(row, at.dateTime)) continue;
    place.textContent = number(row.value);
    at.dateTime = row.time;
    at.textContent = time(row.time).slice(5);
  }
}

// Shows a point on the tiles of its characteristic; what follows from it (status, Cpk, drawing) is the server's to say.
export function showPoint(row) {
  const known = waiting.get(row.characteristic);
  if (!isOlder(row, known?.time)) waiting.set(row.characteristic, row);
  draw();
}
