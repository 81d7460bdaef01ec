// The time line of machine states says what is pointed at, and is walked through with the arrow keys.

const isState = (target) => target.closest?.(".states .state");

function say(state) {
  const lane = state.closest("svg").getAttribute("aria-label");
  document.getElementById("pointed").textContent = `${lane}: ${state.getAttribute("aria-label")}`;
}

for (const kind of ["pointerover", "focusin"]) document.addEventListener(kind, (event) => {
  const state = isState(event.target);
  if (state) say(state);
});

// One state of a row is in the order of the tab key; the others are reached from it.
document.addEventListener("keydown", (event) => {
  const state = isState(event.target);
  if (!state) return;
  const all = [...state.parentElement.querySelectorAll(".state")];
  const place = { ArrowLeft: all.indexOf(state) - 1, ArrowRight: all.indexOf(state) + 1, Home: 0, End: all.length - 1 }[event.key];
  if (place === undefined || !all[place]) return;
  event.preventDefault();
  state.setAttribute("tabindex", "-1");
  all[place].setAttribute("tabindex", "0");
  all[place].focus();
});
