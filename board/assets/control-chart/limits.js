// Limits and specification as they were stored with each point, as runs of places with the same values.

const SIDES = { value: ["cl", "ucl", "lcl"], dispersion: ["dispersion_cl", "dispersion_ucl", "dispersion_lcl"] };

// [{ from, to, cl, ucl, lcl }]: from the middle before the first point of a run to the middle behind its last.
export function runsOfLimits(points, field, first, last) {
  const [cl, ucl, lcl] = SIDES[field].map((name) => points.columns[name]);
  return runs(points, first, last, (number) => [cl[number], ucl[number], lcl[number]])
    .map(({ from, to, values }) => ({ from, to, cl: values[0], ucl: values[1], lcl: values[2] }));
}

// The same of the specification: { from, to, lsl, usl, target }.
export function runsOfSpecification(points, first, last) {
  const known = new Map(points.answer.specification.map((one) => [one.revision, one]));
  return runs(points, first, last, (number) => [points.columns.specification_revision[number]])
    .flatMap(({ from, to, values }) => (known.has(values[0]) ? [{ from, to, ...known.get(values[0]) }] : []));
}

function runs(points, first, last, valuesOf) {
  const { place } = points.columns;
  const found = [];
  for (let number = first; number <= last; number += 1) {
    const values = valuesOf(number);
    const run = found.at(-1);
    if (run && values.every((value, which) => value === run.values[which])) run.to = place[number] + 0.5;
    else found.push({ from: run ? (run.to + place[number] - 0.5) / 2 : place[number] - 0.5, to: place[number] + 0.5, values });
    if (run && found.at(-1) !== run) run.to = found.at(-1).from;
  }
  return found;
}

// The sigma of what is plotted, as the stored limits say it: a third of their distance.
export function sigmaOf({ cl, ucl, lcl }) {
  if (cl === null) return null;
  if (ucl !== null) return (ucl - cl) / 3;
  return lcl === null ? null : (cl - lcl) / 3;
}

// The zones between the limits: [letter, low, high], the outermost first; none without limits.
export function zonesOf(run) {
  const sigma = sigmaOf(run);
  if (!sigma || sigma <= 0) return [];
  const low = run.lcl === null ? run.cl : run.lcl, high = run.ucl === null ? run.cl : run.ucl;
  const band = (letter, from, to) => [letter, Math.max(from, low), Math.min(to, high)];
  return [["A", 2, 3], ["B", 1, 2], ["C", 0, 1]].flatMap(([letter, near, far]) => [
    band(letter, run.cl + near * sigma, run.cl + far * sigma), band(letter, run.cl - far * sigma, run.cl - near * sigma),
  ]).filter(([, from, to]) => to > from);
}

// The places at which a new revision of the limits begins: [{ place, revision, state }].
export function revisions(points) {
  const { place, revision } = points.columns;
  const states = new Map(points.answer.limits.map((one) => [one.revision, one.state]));
  return place.flatMap((at, number) => (number && revision[number] && revision[number] !== revision[number - 1]
    ? [{ place: at, revision: revision[number], state: states.get(revision[number]) || "" }] : []));
}
