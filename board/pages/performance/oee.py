"""OEE by day and machine, its three factors, and the losses from planned time to good units: from stored sums.

The values are those of the metrics of kind `oee`. Their detail has each machine's sums, of which the same formulas
(`rules.event_metrics`) give the factors, and those of several days: times are added before they are divided.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import isnan
from typing import Any

from board.history.metric_days import MetricDay
from board.pages.performance.choice import Choice
from config.metric import MetricOptions
from config.models import PlantFile
from rules.event_metrics import EVENT_METRICS
from rules.event_tally import Tally, merged

FACTORS = ("availability", "performance", "quality")
STATE_LOSSES = ("down", "setup", "idle", "unknown")  # in the order in which they are taken off


@dataclass(frozen=True, slots=True)
class Figure:
    """OEE with its factors (None: undefined), and the words for why it is not whole or not to be believed."""

    day: int
    oee: float | None
    factors: Mapping[str, float | None]
    words: tuple[str, ...] = ()
    was: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Loss:
    """One step from planned time to good units: `hours` from `low` to `high`, both as shares of the planned time."""

    name: str
    hours: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine's OEE as a metric has it; `over` is that metric's. `whole` is of all its days together."""

    place: str
    metric: str
    over: str
    figures: tuple[Figure, ...]
    whole: Figure
    losses: tuple[Loss, ...]


def machines(
    choice: Choice, options: Mapping[str, MetricOptions], days: Mapping[str, Mapping[int, MetricDay]]
) -> list[Machine]:
    """Each chosen machine that a metric of kind `oee` has stored anything of: by day where there is such a metric."""
    found = {}
    by_day_last = sorted(
        (name for name, one in options.items() if one.kind == "oee"),
        key=lambda name: (options[name].over == "day", name),
    )
    for name in by_day_last:
        stored = days.get(name, {})
        for place in sorted(
            {str(group["place"]) for day in stored.values() for group in day.groups if "place" in group}
        ):
            if choice.covers(place):
                found[place] = _machine(place, name, options[name].over, stored)
    return [found[place] for place in sorted(found)]


def _machine(place: str, metric: str, over: str, stored: Mapping[int, MetricDay]) -> Machine:
    groups = {day: group for day, one in stored.items() for group in one.groups if group.get("place") == place}
    tallies = {day: tally_of(group) for day, group in groups.items()}
    figures = tuple(_figure(stored[day], group, tallies[day]) for day, group in sorted(groups.items()))
    # what is over more than a day holds the days before too: the newest is the whole
    sums = merged(tallies.values()) if over == "day" else tallies[max(tallies)]
    return Machine(place, metric, over, figures, of_sums(sums), tuple(losses(sums)))


def tally_of(group: Mapping[str, Any]) -> Tally:
    """The sums that a stored OEE names of one machine, as the formulas take them."""
    names = ("planned_ns", "states", "down", "total", "good", "ideal_ns")
    tally = Tally(**{name: group[name] for name in names if name in group})
    tally.paced = 0 if group.get("reason") == "no-ideal-cycle" else tally.total
    return tally


def _figure(stored: MetricDay, group: Mapping[str, Any], tally: Tally) -> Figure:
    words = tuple(str(group[name]) for name in ("reason", "warning") if group.get(name))
    return Figure(stored.day, group["value"], _factors(tally), words, stored.was)


def of_sums(tally: Tally) -> Figure:
    """OEE of sums of any number of days."""
    kind = EVENT_METRICS["oee"]
    words = tuple(word for word in (kind.reason(tally), kind.warning(tally)) if word)
    return Figure(0, _or_none(kind.value(tally)), _factors(tally), words)


def _factors(tally: Tally) -> dict[str, float | None]:
    return {name: _or_none(EVENT_METRICS[name].value(tally)) for name in FACTORS}


def _or_none(value: float) -> float | None:
    return None if isnan(value) else value


def losses(tally: Tally) -> Iterator[Loss]:
    """From planned time to the ideal time of good units: what was lost by states, then by speed, then by quality.

    A machine that was faster than its ideal cycle has a loss of speed below 0. Without planned time there is nothing to
    divide by, and without an ideal cycle of all units it ends with the running time.
    """
    if not tally.planned_ns:
        return
    left = float(tally.planned_ns)

    def step(name: str, ns: float) -> Loss:
        nonlocal left
        before, left = left, left - ns
        ends = sorted((before / tally.planned_ns, left / tally.planned_ns))
        return Loss(name, ns / 3.6e12, ends[0], ends[1])

    def total(name: str) -> Loss:
        return Loss(name, left / 3.6e12, 0.0, left / tally.planned_ns)

    yield total("planned")
    for state in STATE_LOSSES:
        if tally.states.get(state):
            yield step(state, tally.states[state])
    yield total("running")
    if tally.total in (0, tally.paced):
        yield step("speed", left - tally.ideal_ns)
        if tally.total:
            yield step("rejects", tally.ideal_ns * (tally.total - tally.good) / tally.total)
        yield total("good")


def advice(choice: Choice, options: Mapping[str, MetricOptions], plant: PlantFile | None) -> str:
    """What to add to the plant file, as TOML, so that the engine computes OEE by day of every chosen machine."""
    named = [name for one in options.values() if one.kind == "oee" and one.over == "day" for name in one.of]
    lacking = [place for place in choice.shown if not any(fnmatchcase(place, name) for name in named)]
    if plant is None or not lacking:
        return ""
    parts = [
        f"[machines.{json.dumps(place, ensure_ascii=False)}]\nideal_cycle_seconds = 30.0\n"
        for place in lacking
        if place not in plant.machines
    ]
    name = next(name for name in ("oee_by_day", *(f"oee_by_day_{n}" for n in range(2, 1000))) if name not in options)
    listed = ", ".join(json.dumps(place, ensure_ascii=False) for place in lacking)
    parts.append(f'[metrics.{name}]\nkind = "oee"\nof = [{listed}]\nover = "day"\n')
    return "\n".join(parts)


def without_cycle(choice: Choice, plant: PlantFile | None) -> list[str]:
    """The chosen machines whose table in the plant file has no ideal cycle: they have no performance and no OEE."""
    known = {} if plant is None else plant.machines
    return [place for place, machine in choice.shown.items() if place in known and not machine.ideal_cycle_ns]
