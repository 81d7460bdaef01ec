"""Missed samples among readings, ticks and machine states: `rules.missed_samples` told of them in their order."""

from collections.abc import Iterable, Sequence
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.plan import Plan
from connectors.columns import OTHER_PURPOSE, Mark, Readings
from flows.holdback import AHEAD_NS
from rules.calendar import is_working_day
from rules.events import Event, MachineState
from rules.missed_samples import LEVELS, Expectations, Missed
from rules.spec import CharacteristicSpec
from rules.timeline import Timeline, days_of, end_of_day

Int64s = NDArray[np.int64]
SECOND_NS = 1_000_000_000
_FAR = 1 << 62


def place_of(spec: CharacteristicSpec) -> str:
    """Where a characteristic is measured, as the events of its machine name it: `line/station`."""
    return "/".join(part for part in (spec.line, spec.station) if part)


class Sampling:
    """The characteristics of a plan with `expected_every`; `now_ns` is the confirmed time, 0 before the first tick."""

    def __init__(self, plan: Plan, timeline: Timeline, now_ns: int, plain: dict[str, Any] | None = None) -> None:
        specs = [(n, spec) for n, spec in enumerate(plan.characteristics) if spec.expected_every_seconds > 0]
        self._index = [number for number, _ in specs]
        self._names = [spec.id for _, spec in specs]
        self._places = sorted({place_of(spec) for _, spec in specs})
        self._expected = np.full(len(plan.characteristics), -1, np.int64)  # plan index → place among the expected
        self._expected[self._index] = np.arange(len(specs))
        self._ahead_ns = AHEAD_NS + plan.clock_step_seconds * SECOND_NS
        self._now_ns = now_ns
        self._day, self._ends_ns, self._worked = 0, _FAR, True  # the day in hand: none before the first tick
        if now_ns:
            self._begin_day(timeline)
        self._expectations = Expectations(
            np.array([round(spec.expected_every_seconds * SECOND_NS) for _, spec in specs], np.int64),
            np.array([self._places.index(place_of(spec)) for _, spec in specs], np.int64),
            len(self._places),
            self._worked,
        )
        if plain:
            self._expectations.resume(plain, self._names, self._places)
        if now_ns:
            self._expectations.advance(now_ns)

    @property
    def active(self) -> bool:
        """Whether anything is expected."""
        return len(self._index) > 0

    def step(
        self,
        readings: Readings,
        cause_seq: Int64s,
        ticks: tuple[Int64s, Int64s, Int64s],
        events: Sequence[Event],
        timeline: Timeline,
    ) -> list[tuple[int, Missed]]:
        """What the ticks of a stretch find missing: `(seq of the tick, …)`.

        `ticks`: seq, confirmed time and how many readings come before, int64[t] each.
        """
        expected = self._expected[readings.characteristic]
        rows = np.flatnonzero((expected >= 0) & (readings.state != OTHER_PURPOSE) & ~np.isnan(readings.value))
        which, time_ns, cause = expected[rows], readings.time_ns[rows], cause_seq[rows]
        taken = 0
        found: list[tuple[int, Missed]] = []

        def take(until: int) -> int:
            if until > taken:
                part = slice(taken, until)
                self._expectations.take(which[part], np.maximum(time_ns[part], self._now_ns))
            return max(until, taken)

        for seq, now_ns, position, event in _moments(ticks, events):
            if event is not None:
                taken = take(int(np.searchsorted(cause, seq)))
                self._tell(event)
                continue
            taken = take(int(np.searchsorted(rows, position)))
            self._pass_to(now_ns, timeline)
            found += [(seq, missed) for missed in self._expectations.look(now_ns)]
        take(len(rows))
        return found

    def _tell(self, event: Event) -> None:
        if isinstance(event.body, MachineState) and event.place in self._places:
            time_ns = min(max(event.time_ns, self._now_ns), self._now_ns + self._ahead_ns)
            self._expectations.tell(self._places.index(event.place), event.body.state == "running", time_ns)

    def _pass_to(self, now_ns: int, timeline: Timeline) -> None:
        """The clock goes on; where a production day ends, the places without a state go by the next."""
        if not self._now_ns:
            self._now_ns = now_ns
            self._begin_day(timeline)
            self._expectations.begin_day(now_ns, self._worked)
        while now_ns >= self._ends_ns:
            ended_ns, self._day = self._ends_ns, self._day + 1
            self._ends_ns, self._worked = end_of_day(timeline, self._day), _works(timeline, self._day)
            self._expectations.begin_day(ended_ns, self._worked)
        self._now_ns = now_ns

    def _begin_day(self, timeline: Timeline) -> None:
        self._day = int(days_of(timeline, np.array([self._now_ns], np.int64))[0])
        self._ends_ns, self._worked = end_of_day(timeline, self._day), _works(timeline, self._day)

    def marks(self, found: Iterable[tuple[int, Missed]]) -> list[Mark]:
        """Those for which nothing may be expected any more."""
        return [Mark(seq, one.due_ns, self._index[one.which], "stale") for seq, one in found if one.level == 1]

    def signals(self, found: Iterable[tuple[int, Missed]]) -> list[tuple[Any, ...]]:
        """`(cause_seq, plan index, seq, idx, time, rule, value, limit)` of each; the limit in seconds."""
        return [
            (seq, self._index[one.which], seq, 0, one.due_ns, LEVELS[one.level], nan, one.limit_ns / SECOND_NS)
            for seq, one in found
        ]

    def to_plain(self) -> dict[str, Any]:
        """The state by names; it does not depend on how the journal was cut."""
        if self._now_ns:
            self._expectations.advance(self._now_ns)
        return self._expectations.to_plain(self._names, self._places)


def _moments(ticks: tuple[Int64s, Int64s, Int64s], events: Sequence[Event]) -> list[tuple[int, int, int, Event | None]]:
    """Ticks and machine states in the order of the journal: (seq, time, readings before, event)."""
    found: list[tuple[int, int, int, Event | None]] = [
        (seq, ns, position, None)
        for seq, ns, position in zip(*(column.tolist() for column in ticks), strict=True)
        if ns > 0
    ]
    states = [(event.seq, 0, 0, event) for event in events if isinstance(event.body, MachineState)]
    return sorted([*found, *states], key=lambda moment: moment[0]) if states else found


def _works(timeline: Timeline, day: int) -> bool:
    piece = next(piece for piece in reversed(timeline) if piece is timeline[0] or piece.from_day <= day)
    return is_working_day(piece.calendar, day)
