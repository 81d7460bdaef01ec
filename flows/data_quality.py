"""Data quality in the framing step: what decides a reading's fate before any chart sees it.

In the order in which they are taken readings are looked at as they came (expected samples, stuck values), implausible
ones are set aside for review, those of an overdue gauge are marked, and of parts measured again one measurement is
left. What a characteristic does not ask for costs it nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from config.plan import Plan
from connectors.columns import ASIDE, OVERDUE, PRODUCTION, Mark, Readings, Rejected
from flows.remeasure import Remeasuring, Stretch
from flows.sampling import Sampling
from rules.calendar import day_start_ns
from rules.data_quality import PART, beyond_bound, stuck_at
from rules.events import Event
from rules.spec import CalendarSpec
from rules.timeline import Timeline, days_of

Int64s = NDArray[np.int64]
Row = tuple[Any, ...]
ALARMING = 2  # the phase of a signal that alarms

DAYS_AROUND = 2  # beyond restate_days: a reading taken is of no older day


class Checked(NamedTuple):
    """What goes on to the charts; ready rows of readings set aside and of signals; and marks, in order."""

    stretch: Stretch
    readings: list[Row]
    signals: list[Row]
    marks: list[Mark]

    def rows(self, too_late: Iterable[Row]) -> dict[str, list[Row]]:
        """The rows by kind, those of readings that came too late before the others."""
        rows = {"reading": [*too_late, *self.readings]}
        return {**rows, "signal": self.signals} if self.signals else rows


class DataQuality:
    """What the plan's characteristics ask for, and what has to be remembered for it.

    With `keep_aside` implausible readings stay where they are, in the state `ASIDE`.
    """

    def __init__(self, plan: Plan, timeline: Timeline, *, keep_aside: bool = False) -> None:
        self._keep_aside = keep_aside
        self._remeasuring = Remeasuring(plan)
        self._told: set[tuple[str, str, int]] = set()  # (characteristic, gauge, day) of signals
        self._last: dict[str, tuple[float, int, int]] = {}  # characteristic: value, times running, wanted
        self._use(plan, Sampling(plan, timeline, 0))

    def _use(self, plan: Plan, sampling: Sampling) -> None:
        self._plan, self._sampling = plan, sampling
        specs = plan.characteristics
        self._low = np.array([spec.plausible_low for spec in specs] or [np.nan])
        self._high = np.array([spec.plausible_high for spec in specs] or [np.nan])
        self._bounded = not (np.isnan(self._low).all() and np.isnan(self._high).all())
        self._stuck = np.array([spec.stuck for spec in specs] or [0], np.int64)
        last = [self._last.get(spec.id, (np.nan, 0, 0)) for spec in specs] or [(np.nan, 0, 0)]
        self._value = np.array([value for value, _, _ in last])
        # Told is told; what has come often enough for a lower number is told with the next.
        runs = [run if not wanted or run >= wanted else min(run, max(k - 1, 0))
                for (_, run, wanted), k in zip(last, self._stuck.tolist(), strict=True)]  # fmt: skip
        self._run = np.array(runs, np.int64)
        self._gauges = {gauge.id: number for number, gauge in enumerate(plan.gauges)}
        local = CalendarSpec(timezone=plan.calendar.timezone)
        self._overdue_ns = np.array(
            [day_start_ns(local, gauge.calibrated_until + 1) for gauge in plan.gauges], np.int64
        )
        self._own_gauge = np.array([self._gauges.get(spec.gauge, -1) for spec in specs] or [-1], np.int64)
        self._active = self._bounded or self._stuck.any() or len(plan.gauges) > 0 or sampling.active

    def step(
        self, stretch: Stretch, tick_seqs: Int64s, effective_ns: Int64s, events: Sequence[Event],
        timeline: Timeline, first_seq: int,
    ) -> Checked:  # fmt: skip
        """Take the next stretch of the journal, which begins with entry `first_seq`; ticks are int64[t] each."""
        if not self._active and not self._remeasuring.active:
            return Checked(stretch, [], [], [])
        readings, cause = stretch.readings, stretch.cause_seq
        signals, marks, aside = list[Row](), list[Mark](), list[Row]()
        if self._sampling.active:
            ticks = (tick_seqs, effective_ns, stretch.tick_positions)
            missed = self._sampling.step(readings, cause, ticks, events, timeline)
            signals += self._sampling.signals(missed)
            marks = self._sampling.marks(missed)
        if len(readings):
            signals += self._stuck_signals(readings, cause)
            stretch, out, of_bounds = self._without_implausible(stretch)
            aside += out
            signals += of_bounds
            signals += self._mark_overdue(stretch, timeline)
        if self._remeasuring.active:
            left = self._remeasuring.step(stretch, tick_seqs, effective_ns, first_seq)
            stretch = left.stretch
            aside += _aside_rows(left.aside, left.aside_cause, "remeasured")
        signals.sort(key=lambda row: (*row[:4], row[5]))  # by cause, characteristic, reading and rule
        return Checked(stretch, aside, [_whole(row) for row in signals], marks)

    def _stuck_signals(self, readings: Readings, cause: Int64s) -> Iterable[Row]:
        if not self._stuck.any():
            return
        rows = np.flatnonzero((self._stuck[readings.characteristic] > 0) & (readings.state == PRODUCTION))
        which = readings.characteristic[rows].astype(np.int64)
        for row in rows[stuck_at(which, readings.value[rows], self._stuck, self._value, self._run)].tolist():
            limit = float(self._stuck[readings.characteristic[row]])
            yield _signal(readings, cause, row, "stuck", limit)

    def _without_implausible(self, stretch: Stretch) -> tuple[Stretch, list[Row], list[Row]]:
        """The stretch without implausible readings; the rows of those, and their signals."""
        readings, cause, positions = stretch
        if not self._bounded:
            return stretch, [], []
        which = readings.characteristic
        bound = beyond_bound(readings.value, self._low[which], self._high[which])
        out = ~np.isnan(bound) & (readings.state == PRODUCTION)
        if not out.any():
            return stretch, [], []
        rows = np.flatnonzero(out)
        signals = [_signal(readings, cause, row, "implausible", float(bound[row])) for row in rows.tolist()]
        aside = _aside_rows(readings.take(rows), cause[rows], "implausible")
        readings = _ends_handed_on(readings, out)
        if self._keep_aside:
            return (
                Stretch(replace(readings, state=np.where(out, ASIDE, readings.state)), cause, positions),
                aside,
                signals,
            )
        before = np.append(0, np.cumsum(~out))
        return Stretch(readings.take(~out), cause[~out], before[positions]), aside, signals

    def _mark_overdue(self, stretch: Stretch, timeline: Timeline) -> Iterable[Row]:
        """Mark the readings of overdue gauges, in place; once a day and characteristic a signal for each gauge."""
        readings, cause, _ = stretch
        if not self._gauges:
            return
        named = np.array([self._gauge_of(text) for text in readings.contexts], np.int64)[readings.context]
        gauge = np.where(named == _NONE, self._own_gauge[readings.characteristic], named)
        known = (gauge >= 0) & (readings.state == PRODUCTION)
        rows = np.flatnonzero(known & (readings.time_ns >= self._overdue_ns[gauge]))
        if not len(rows):
            return
        readings.state[rows] = OVERDUE
        days = days_of(timeline, readings.time_ns[rows])
        keys = np.stack([readings.characteristic[rows], gauge[rows], days])
        for place in np.sort(np.unique(keys, axis=1, return_index=True)[1]).tolist():
            which, number, day = keys[:, place].tolist()
            key = (self._plan.characteristics[which].id, self._plan.gauges[number].id, day)
            if key not in self._told:
                self._told.add(key)
                yield _signal(readings, cause, int(rows[place]), "gauge-overdue", float("nan"))

    def _gauge_of(self, context: str) -> int:
        """The number of the gauge that a context names; −1 for another, `_NONE` where it names none."""
        if '"gauge"' not in context:
            return _NONE
        named = orjson.loads(context).get("gauge")
        return _NONE if named is None else self._gauges.get(str(named), -1)

    def waiting(self) -> Readings:
        """Readings of which it is not known yet whether another measurement of their part counts."""
        return self._remeasuring.held

    def replan(self, plan: Plan, timeline: Timeline, now_ns: int) -> list[Rejected]:
        """Go on under another plan; readings that wait of removed characteristics are refused."""
        self._remember()
        sampling = Sampling(plan, timeline, now_ns, self._sampling.to_plain())
        self._use(plan, sampling)
        return self._remeasuring.replan(plan)

    def _remember(self) -> None:
        """Keep by name how often each value came running."""
        own = zip(self._plan.characteristics, self._value.tolist(), self._run.tolist(), strict=False)
        self._last = {spec.id: (value, run, spec.stuck) for spec, value, run in own if spec.stuck}

    def to_plain(self, oldest_day: int) -> dict[str, Any]:
        """The state; `oldest_day` is the oldest production day of which a reading may still be taken."""
        self._remember()
        self._told = {key for key in self._told if key[2] >= oldest_day}
        return {
            "told": sorted(self._told),
            "last": sorted((name, *last) for name, last in self._last.items()),
            "sampling": self._sampling.to_plain(),
            "remeasuring": self._remeasuring.to_plain(),
        }

    def resume(self, plain: Mapping[str, Any], plan: Plan, timeline: Timeline, now_ns: int) -> None:
        """Go on with what `to_plain` gave under the same plan."""
        self._told = {(name, gauge, day) for name, gauge, day in plain["told"]}
        self._last = {name: (value, run, wanted) for name, value, run, wanted in plain["last"]}
        self._remeasuring = Remeasuring(plan)
        self._remeasuring.resume(plain["remeasuring"])
        self._use(plan, Sampling(plan, timeline, now_ns, plain["sampling"]))


_NONE = -2  # a context that names no gauge: that of the characteristic


def _signal(readings: Readings, cause: Int64s, row: int, rule: str, limit: float) -> Row:
    """The signal of one reading, without what all have in common."""
    where = int(readings.seq[row]), int(readings.idx[row]), int(readings.time_ns[row])
    return (int(cause[row]), int(readings.characteristic[row]), *where, rule, float(readings.value[row]), limit)


def _whole(row: Row) -> Row:
    """A signal as the history has it: with its part, its phase, and no revision of limits, which took no part."""
    *where, rule, value, limit = row
    return (*where, rule, PART, value, limit, ALARMING, 0)


def _aside_rows(readings: Readings, cause: Int64s, state: str) -> list[Row]:
    """Rows of kind `reading` of what no chart sees."""
    columns = (readings.characteristic, readings.seq, readings.idx, readings.time_ns, readings.value)
    texts = [readings.contexts[number] or None for number in readings.context.tolist()]
    plain = zip(cause.tolist(), *(column.tolist() for column in columns), texts, strict=True)
    return [(*row, state, text) for *row, text in plain]


def _ends_handed_on(readings: Readings, out: NDArray[np.bool_]) -> Readings:
    """The readings where an array whose last value is out ends with the last that is not."""
    ending = np.flatnonzero(out & readings.ends)
    if not len(ending):
        return readings
    ends = readings.ends.copy()
    for row in ending.tolist():
        before = row - 1
        while before >= 0 and _of_one_array(readings, before, row):
            if not out[before]:
                ends[before] = True
                break
            before -= 1
    return replace(readings, ends=ends)


def _of_one_array(readings: Readings, a: int, b: int) -> bool:
    return all(
        column[a] == column[b] for column in (readings.seq, readings.characteristic, readings.subgroup)
    ) and not bool(readings.ends[a])
