"""Metrics held against the design's words (section 9), computed anew from what the history holds.

Every member's figure over `day`, `window` and `trailing`, which of them count, and the reduced value. What key results
make of it is told by `tests.chaos.key_results`.
"""

import json
from dataclasses import dataclass
from math import hypot, isnan, nan, sqrt
from pathlib import Path
from typing import Any

from config.plan import Plan
from connectors.journal import Entry
from rules.spec import CalendarSpec, CharacteristicSpec, MetricSpec
from tests.chaos.compare import Findings
from tests.chaos.episodes import plans_of, statements_of
from tests.chaos.oracle import Told
from tests.chaos.plant import FIRST_DAY
from tests.chaos.pushed import Row, table
from tests.oracle_events import Reading
from tests.oracle_figures import LOWER_95, degrees, deviation, exact_mean, sigma_estimate
from tests.oracle_streams import same

HINDERS = ("no-spec", "insufficient", "gauge", "resolution", "stale")
TRAILING_DAYS, TRAILING_N = 20, 125
STALE_DAYS = 2


@dataclass(frozen=True)
class Figure:
    """One member's: it counts, or says why not."""

    name: str
    value: float
    lower: float
    n: int
    counts: bool


def compare_goals(found: Findings, data: Path, entries: list[Entry], told: Told) -> None:
    """(b) Every row of a metric."""
    goals = _Goals(data, entries, told)
    compared = 0
    for row in table(data, "metric"):
        compared += 1
        different = goals.metric(row)
        if different:
            found.differs("metric", f"{row['metric']}, row {row['row']}: (there, told by the oracle) {different}")
    found.counts["told"] = found.counts.get("told", 0) + compared


class _Goals:
    def __init__(self, data: Path, entries: list[Entry], told: Told) -> None:
        self._plans = plans_of(entries)
        self._numbers = {row["name"]: row["characteristic"] for row in table(data, "characteristic")}
        self._days: dict[tuple[int, int], list[Row]] = {}  # the statements of (characteristic, day), in order
        # (cause, day) of the production days that had closed; those before the plant began to be heard of had. A day
        # without work whose first reading comes late has closed as none, and is one from then on.
        self._closings = [(0, FIRST_DAY.toordinal() - 1)]
        self._production: list[tuple[int, int]] = []
        for row in statements_of(data):
            self._days.setdefault((row["characteristic"], row["day"]), []).append(row)
            self._production.append((row["cause_seq"], row["day"]))
            if row["revision"] == 1:
                self._closings.append((row["cause_seq"], row["day"]))
        self._windows: dict[int, list[Row]] = {}
        for row in table(data, "capability"):
            self._windows.setdefault(row["characteristic"], []).append(row)
        self._points: dict[tuple[int, int], list[Row]] = {}  # as first charted, by the day of their first reading
        self._values: dict[tuple[int, int], list[tuple[int, float]]] = {}  # (cause, value) of production's readings
        day_of: dict[tuple[int, int], int] = {}
        for name, events in told.events.items():
            for event in events:
                if isinstance(event, Reading) and event.state == 0 and name in self._numbers:
                    day_of[event.seq, event.idx] = event.day
                    self._values.setdefault((self._numbers[name], event.day), []).append((event.cause, event.value))
        charted = set()
        for row in table(data, "point"):
            key = row["characteristic"], row["seq"], row["idx"]
            day = day_of.get((row["seq"], row["idx"]))  # none: `charts` has told of it
            if key not in charted and day is not None:
                charted.add(key)
                self._points.setdefault((row["characteristic"], day), []).append(row)

    def metric(self, row: Row) -> dict[str, Any]:
        """What differs in a metric's row: column → (there, told)."""
        cause = row["cause_seq"]
        plan = self._plan(cause)
        spec = next(one for one in plan.metrics if one.id == row["metric"])
        specs = {one.id: one for one in plan.characteristics}
        members = [self._member(plan, spec, specs[name], cause, row["day"]) for name in spec.members]
        counted = [one for one in members if one.counts]
        value, lower, n = reduced(spec, counted, specs)
        told = {
            "value": value,
            "lower": lower,
            "n": n,
            "members": len(members),
            "counted": len(counted),
            "complete": int(len(counted) == len(members)),
        }
        return differing(row, told) | self._details(row, members)

    def _details(self, row: Row, members: list[Figure]) -> dict[str, Any]:
        different = {}
        for given, want in zip(json.loads(row["detail"]), members, strict=True):
            told = {"characteristic": want.name, "value": want.value, "lower": want.lower, "n": want.n,
                    "counted": want.counts}  # fmt: skip
            if one := differing(given, told):
                different[want.name] = one
        return different

    def _plan(self, cause: int) -> Plan:
        return [plan for seq, plan in self._plans if seq <= cause][-1]

    def _member(self, plan: Plan, spec: MetricSpec, one: CharacteristicSpec, cause: int, day: int) -> Figure:
        """As of the newest closed day, or of an earlier one whose restated value the row tells."""
        who = self._numbers[one.id]
        if spec.over == "window":
            return self._stated(spec, one, [row for row in self._windows.get(who, []) if row["cause_seq"] <= cause])
        newest = min(day, max(closed for at, closed in self._closings if at <= cause))
        if spec.over == "day":
            return self._stated(spec, one, self._statements(who, newest, cause))
        return self._trailing(plan, spec, one, cause, newest)

    def _statements(self, who: int, day: int, cause: int) -> list[Row]:
        return [row for row in self._days.get((who, day), []) if row["cause_seq"] <= cause]

    def _stated(self, spec: MetricSpec, one: CharacteristicSpec, rows: list[Row]) -> Figure:
        """The newest statement's figure."""
        if not rows or not rows[-1]["n"]:
            return Figure(one.id, nan, nan, 0, False)
        row = rows[-1]
        value, lower = (nan if row[name] is None else row[name] for name in (spec.kind, f"{spec.kind}_lower"))
        hindered = set(HINDERS) & set(json.loads(row["verdicts"]))
        return Figure(one.id, value, lower, row["n"], counts(spec, value, lower) and not hindered)

    def _trailing(self, plan: Plan, spec: MetricSpec, one: CharacteristicSpec, cause: int, newest: int) -> Figure:
        """The last 20 production days (worked, or with anybody's data) pooled: each as it was last stated."""
        who = self._numbers[one.id]
        stated = {
            day: rows[-1]["cause_seq"]
            for number, day in self._days
            if number == who and day <= newest and (rows := self._statements(who, day, cause)) and rows[-1]["n"]
        }
        production = sorted({day for at, day in self._production if at <= cause and day <= newest})[-TRAILING_DAYS:]
        days = [day for day in sorted(stated) if len(production) < TRAILING_DAYS or day >= production[0]]
        values = [v for day in days for at, v in self._values[who, day] if at <= stated[day]]
        points = [p for day in days for p in self._points.get((who, day), []) if p["cause_seq"] <= stated[day]]
        spans = [(p["dispersion"], p["n"]) for p in points if p["dispersion"] is not None]
        mean = exact_mean(values)
        if spec.kind == "cpk":
            sigma = exact_mean([sigma_estimate(one.chart, dispersion, n) for dispersion, n in spans])
            df = sum(degrees(one.chart, n) for _, n in spans)
        else:
            sigma, df = deviation(values), len(values) - 1
        sides = [side for side in (one.usl - mean, mean - one.lsl) if not isnan(side)]
        value = min(sides) / (3 * sigma) if values and sigma > 0 else nan
        lower = value + LOWER_95 * sqrt(1 / (9 * len(values)) + value**2 / (2 * df)) if df > 0 else nan
        stale = working_days(plan.calendar, max(days, default=0) + 1, newest) >= STALE_DAYS if days else False
        enough = len(values) >= TRAILING_N and not stale
        return Figure(one.id, value, lower, len(values), counts(spec, value, lower) and enough)


def counts(spec: MetricSpec, value: float, lower: float) -> bool:
    """Whether there is a figure to count."""
    return not isnan(value) and not (spec.count_when == "lower" and isnan(lower))


def reduced(spec: MetricSpec, counted: list[Figure], specs: dict[str, CharacteristicSpec]) -> tuple[float, float, int]:
    """value, lower bound and n of the members that count."""
    if not counted:
        return nan, nan, 0
    values, n = [one.value for one in counted], sum(one.n for one in counted)
    if spec.reduce == "min":
        by_lower = spec.count_when == "lower"
        worst = min(counted, key=lambda one: (one.lower, one.value) if by_lower else (one.value, one.lower))
        value, lower, n = worst.value, worst.lower, worst.n
    elif spec.reduce == "mean":
        value = sum(values) / len(values)
        lower = value - hypot(*(one.value - one.lower for one in counted)) / len(counted)
    else:
        targets = [specs[one.name].cpk_target if isnan(spec.target) else spec.target for one in counted]
        value = sum(one.value >= target for one, target in zip(counted, targets, strict=True)) / len(counted)
        lower = sum(one.lower >= target for one, target in zip(counted, targets, strict=True)) / len(counted)
    return (lower if spec.count_when == "lower" else value), lower, n


def working_days(calendar: CalendarSpec, first: int, last: int) -> int:
    """How many of the days are worked: no Sunday, no holiday."""
    days = range(first, last + 1)
    return sum((day - 1) % 7 in calendar.working_days and day not in calendar.holidays for day in days)


def differing(row: Row, told: dict[str, Any]) -> dict[str, Any]:
    """column → (there, told) where they differ."""
    return {
        name: (row[name], want)
        for name, want in told.items()
        if not same(nan if row[name] is None and isinstance(want, float) else row[name], want)
    }
