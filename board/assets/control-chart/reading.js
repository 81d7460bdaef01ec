// A point in words: in the line below the chart, which is read aloud as the cursor moves.
import { el, label, meaning, moment, number, t } from "/assets/page.js";

// The parts of the line for a point of the `item` (unit, and whether it is of inspections).
export function say(point, item) {
  const unit = (value) => (item.unit && value !== "–" ? `${value} ${item.unit}` : value);
  const parts = [el("strong", {}, `${moment(point.time)}  ${unit(number(point.value))}`)];
  const add = (text) => parts.push(" · ", text);
  add(point.ucl === null && point.lcl === null ? t("no-limits")
    : t("between", { lcl: number(point.lcl), ucl: number(point.ucl), cl: number(point.cl), revision: point.revision }));
  if (item.inspected) {
    if (point.readings) add(t("found", { found: number(point.readings[0]), n: number(point.n) }));
    else add(t("inspected", { n: number(point.n) }));
  } else if (point.dispersion !== null) {
    add(`${item.dispersion} ${number(point.dispersion, 4)}`);
  }
  if (!item.inspected && point.n > 1 && point.readings) add(t("readings", { values: point.readings.map((value) => number(value)).join(", ") }));
  for (const correction of point.corrections) parts.push(" · ", ...struckThrough(correction));
  if (point.shift) add(t("shift", { name: point.shift }));
  if (point.phase === 0) add(t("unjudged"));
  if (point.phase === 1) add(t("baseline"));
  if (point.rules.length) add(el("span", { class: "raised" }, `${t("signals")}: `, ...point.rules.flatMap((rule, place) => [place ? "; " : "", ...signal(point, rule)])));
  return parts;
}

// What a rule says of the point: its name, its meaning, and the value and limit that it fired at.
function signal(point, rule) {
  const fired = point.raised.find((one) => one.rule === rule);
  const name = el("strong", {}, label(rule));
  const said = meaning(rule) ? ` (${meaning(rule)})` : "";
  if (!fired) return [name, `${said} ${t("still")}`];
  return [name, said, fired.limit === null ? "" : ` ${t("at-limit", { value: number(fired.value), limit: number(fired.limit) })}`];
}

export function struckThrough({ action, was, value, who, why, state }) {
  const said = action === "void" ? t("voided", { who, why }) : t("corrected", { value: number(value), who, why });
  return [el("s", {}, number(was)), ` ${said}${state === "restated" ? "" : ` ${t("not-restated")}`}`];
}

