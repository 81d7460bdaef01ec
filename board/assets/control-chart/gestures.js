// Zoom and pan with wheel, drag, pinch and keys.
const CLICK = 4;  // pixels: less far is no drag
const STEP = 1.3;

// `container` holds the plots, `over()` is the first one's frame; `placeAt(pixel)`; `span` is changed, then `changed()` told.
export function gestures(container, { placeAt, span, changed, select, walk, jump }) {
  const held = new Map();  // pointers by their ids
  let moved = 0;
  const left = () => container.querySelector(".u-over").getBoundingClientRect().left;
  const width = () => container.querySelector(".u-over").clientWidth;

  // A page is scrolled with the wheel: only who has taken hold of the chart, or holds Ctrl, zooms with it.
  container.addEventListener("wheel", (event) => {
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
    if (!sideways && !event.ctrlKey && !container.contains(document.activeElement)) return;
    event.preventDefault();
    const turned = event.deltaY || event.deltaX;
    if (sideways) span.move(((event.deltaX || event.deltaY) / width()) * span.width);
    else span.zoom(STEP ** Math.max(-3, Math.min(3, turned / 100)), placeAt(event.clientX - left()));
    changed();
  }, { passive: false });

  container.addEventListener("pointerdown", (event) => {
    if (event.button || !event.target.closest(".u-over")) return;
    held.set(event.pointerId, event.clientX);
    moved = 0;
    container.focus({ preventScroll: true });
  });

  container.addEventListener("pointermove", (event) => {
    if (!held.has(event.pointerId)) return;
    const before = [...held.values()];
    held.set(event.pointerId, event.clientX);
    const after = [...held.values()];
    if (held.size === 1) {
      moved += Math.abs(after[0] - before[0]);
      if (moved < CLICK) return;
      if (!container.hasPointerCapture(event.pointerId)) container.setPointerCapture(event.pointerId);
      span.move(((before[0] - after[0]) / width()) * span.width);
    } else if (held.size === 2) {
      moved = CLICK;
      const apart = ([a, b]) => Math.max(10, Math.abs(a - b));
      span.zoom(apart(before) / apart(after), placeAt((after[0] + after[1]) / 2 - left()));
    }
    changed();
  });

  const ended = (event) => {
    if (held.delete(event.pointerId) && event.type === "pointerup" && moved < CLICK) select(placeAt(event.clientX - left()));
  };
  for (const name of ["pointerup", "pointercancel"]) container.addEventListener(name, ended);

  const zoomed = (factor) => { span.zoom(factor); changed(); };
  const panned = (share) => { span.pan(share); changed(); };
  const keys = {
    "+": () => zoomed(1 / STEP), "=": () => zoomed(1 / STEP), "-": () => zoomed(STEP), _: () => zoomed(STEP),
    ArrowLeft: (event) => (event.shiftKey ? panned(-0.25) : walk(-1)), ArrowRight: (event) => (event.shiftKey ? panned(0.25) : walk(1)),
    PageUp: () => panned(-0.9), PageDown: () => panned(0.9), Home: () => jump("first"), End: () => jump("last"),
    s: () => jump("next-signal"), S: () => jump("previous-signal"),
  };
  container.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key](event);
  });
}
