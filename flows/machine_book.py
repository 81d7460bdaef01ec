"""The machine book: what machines told of their states, and what that comes to by production day."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from config.plan import Plan
from flows.day_book import RESTATE_SLACK
from flows.event_shelf import Placed, Shelf
from rules.event_tally import Tally
from rules.events import MachineState
from rules.machine_spec import MachineSpec
from rules.machine_time import MachineLine
from rules.planned_time import Span
from rules.timeline import Timeline, days_of, end_of_day, piece_of_day


class MachineBook:
    """The line of each machine, and the tallies of closed days.

    A machine is a place that told a state or a count, or has a table in the plant file. Tallies are made when a day
    closes, and again when metrics are next looked at after a state of a closed day has come.
    """

    def __init__(self) -> None:
        self.tallies = Shelf()
        self._lines: dict[str, MachineLine] = {}
        self._late: dict[str, int] = {}  # since when a place's closed days may be others, in ns

    def take(self, place: str, time_ns: int, body: MachineState, closed_ns: int) -> None:
        """Put a state where it belongs; `settle` sees to days closed by then, which end with `closed_ns`."""
        self._lines.setdefault(place, MachineLine()).take(time_ns, body)
        if time_ns < closed_ns:
            self._late[place] = min(time_ns, self._late.get(place, time_ns))

    def know(self, place: str) -> None:
        """A place that counts units is a machine, though it may tell no states."""
        self._lines.setdefault(place, MachineLine())

    @property
    def is_late(self) -> bool:
        """Whether a closed day may be another."""
        return bool(self._late)

    def settle(self, plan: Plan, timeline: Timeline, closed: int) -> list[tuple[int, str]]:
        """State the closed days anew that late states may have changed; gives those that are others, with places."""
        changed = []
        for place, since_ns in sorted(self._late.items()):
            first = max(int(days_of(timeline, np.array([since_ns], np.int64))[0]), closed - plan.restate_days)
            for day in range(first, closed + 1):
                if self.tallies.put(day, place, self._tally(place, plan, timeline, day)):
                    changed.append((day, place))
        self._late = {}
        return sorted(changed)

    def close(self, days: Iterable[int], plan: Plan, timeline: Timeline) -> None:
        """State days that have closed."""
        for day in days:
            for place in self._places(plan):
                self.tallies.put(day, place, self._tally(place, plan, timeline, day))

    def within(self, span: Span, plan: Plan, timeline: Timeline) -> Iterator[Placed]:
        """What any stretch of time comes to, by place."""
        first, last = days_of(timeline, np.array([span[0], span[1] - 1], np.int64)).tolist()
        for place in self._places(plan):
            whole = Tally()
            for day in range(first, last + 1):
                whole.add(self._tally(place, plan, timeline, day, span))
            yield place, (), whole

    def forget(self, closed: int, oldest: int, plan: Plan, timeline: Timeline) -> None:
        """Forget the tallies before day `oldest`, and of the states those that no closed day can need any more."""
        self.tallies.forget(oldest)
        before_ns = end_of_day(timeline, closed - plan.restate_days - RESTATE_SLACK)
        for place, line in self._lines.items():
            line.forget(before_ns, machine_of(plan, place), timeline[0].calendar)

    def _places(self, plan: Plan) -> list[str]:
        return sorted(self._lines.keys() | {machine.id for machine in plan.machines})

    def _tally(self, place: str, plan: Plan, timeline: Timeline, day: int, clip: Span | None = None) -> Tally:
        within = end_of_day(timeline, day - 1), end_of_day(timeline, day)
        if clip is not None:
            within = max(within[0], clip[0]), min(within[1], clip[1])
        line = self._lines.get(place) or MachineLine()
        return line.tally(piece_of_day(timeline, day).calendar, machine_of(plan, place), day, within)

    def to_plain(self) -> dict[str, Any]:
        """The book as plain values, for the state's bytes."""
        lines = {place: line.to_plain() for place, line in sorted(self._lines.items())}
        return {"tallies": self.tallies.to_plain(), "lines": lines, "late": self._late}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "MachineBook":
        """The book that `to_plain` wrote."""
        book = cls()
        book.tallies = Shelf.from_plain(plain["tallies"])
        book._lines = {place: MachineLine.from_plain(line) for place, line in plain["lines"].items()}
        book._late = plain["late"]
        return book


def machine_of(plan: Plan, place: str) -> MachineSpec:
    """The machine as the plan has it; a place without a table has the defaults."""
    return next((machine for machine in plan.machines if machine.id == place), MachineSpec(place))
