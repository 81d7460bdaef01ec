"""Episodes in the slowest way that can be read: every event looks at every day there ever was, from the first one on.

Nothing is folded, remembered or forgotten but the list of episodes itself. The words are those of the design,
section 8, and of docs/decisions/007-episodes-keep-their-names.md.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from typing import Any, NamedTuple

from rules.spec import BreachSpec

LONG_AGO = -(10**9)


class Event(NamedTuple):
    """What one tick states: figures by day (None: no data), and the production day that closes at it, if one does.

    Several days that close at one tick are as many events; what is restated at that tick comes with the first.
    """

    stated: Mapping[int, Any]
    closes: int | None = None


class Fault(NamedTuple):
    days: list[int]  # the bad ones
    recovered_day: int | None


@dataclass
class Told:
    """An episode as it was last told."""

    id: str
    named_after: int
    opened_day: int
    state: str = ""
    days: list[int] = field(default_factory=list)
    figures: list[Any] = field(default_factory=list)
    recovered_day: int | None = None
    floor: float = 0.0
    value: float = 0.0
    upper: float = 0.0
    confidence: str = ""
    clock: str = "none"
    reason: str = ""
    revision: int = 0

    def holds(self, days: list[int]) -> bool:
        """Whether one of `days` is a bad day of it, or the one that it is named after."""
        return any(day in self.days or day == self.named_after for day in days)


class Oracle:
    """The episodes of one subject and rule.

    `judge(spec, figure)` says bad, good, between or uncounted; `pool(spec, figures)` gives value and upper bound.
    What is stated of days `reach` or more before the newest closed one changes nothing.
    """

    def __init__(
        self, subject: str, rule: str, judge: Callable[..., str], pool: Callable[..., Any], reach: int
    ) -> None:
        self.subject, self.rule, self.judge, self.pool, self.reach = subject, rule, judge, pool, reach
        self.told: list[Told] = []  # in the order of their opening
        self.closed = LONG_AGO
        self._begin()

    def _begin(self) -> None:
        self.figures: dict[int, Any] = {}
        self.specs: list[tuple[int, BreachSpec]] = []  # in force from that closed day on

    def event(self, spec: BreachSpec, event: Event) -> list[dict[str, Any]]:
        """The rows that the event gives: every episode that is not as it was told before."""
        if not self.specs:
            self.specs = [(LONG_AGO, spec)]
        elif event.closes is not None and spec != self.specs[-1][1]:
            self.specs.append((event.closes, spec))
        for day, figure in event.stated.items():
            if day > self.closed - self.reach:
                self.figures[day] = figure
        if event.closes is not None:
            self.closed = event.closes
            self.figures.setdefault(event.closes, None)
        self.days = sorted(self.figures)
        self.judged = [self.judge(self._spec(day), self.figures[day]) for day in self.days]
        return self._tell(self._faults(), sorted(day for day in event.stated if day != event.closes))

    def withdraw(self, day: int) -> list[dict[str, Any]]:
        """The plan no longer has the subject after `day`: its days are forgotten, its episodes are not."""
        rows = []
        for one in self.told:
            if one.state == "open":
                one.state, one.clock, one.revision = "withdrawn", "none", one.revision + 1
                one.reason = f"characteristic removed on {date.fromordinal(day)}"
                rows.append(dict(vars(one)))
            elif one.state == "recovered":
                one.state, one.clock = "withdrawn", "none"
        self._begin()
        return rows

    def _spec(self, day: int) -> BreachSpec:
        return [spec for first, spec in self.specs if first <= day][-1]

    def _row_of(self, word: str, start: int, end: int) -> list[int]:
        """The places from `start` to `end` that are `word` and form one row that ends at `end`, gaps bridged."""
        row: list[int] = []
        gap: list[int] = []
        for place in range(end, start - 1, -1):
            if self.judged[place] == word and self._bridged(gap[::-1]):
                row, gap = [place, *row], []
            elif self.judged[place] == "uncounted":
                gap.append(place)
            else:
                break
        return row

    def _bridged(self, gap: list[int]) -> bool:
        specs = [self._spec(self.days[place]) for place in gap]
        return all(spec.on_gap == "skip" and length <= spec.max_gap_days for length, spec in enumerate(specs, 1))

    def _faults(self) -> list[Fault]:
        """Every fault there is, from the first day on."""
        faults: list[Fault] = []
        start = 0
        while True:
            opening = self._first("bad", start, start, "breach_days")
            if opening is None:
                return faults
            bad = self._row_of("bad", start, opening)
            end = self._first("good", opening + 1, opening + 1, "recovery_days")
            last = len(self.days) if end is None else end
            bad += [place for place in range(opening + 1, last) if self.judged[place] == "bad"]
            days = [self.days[place] for place in bad]
            if faults and self._relapse(start, opening):
                days = faults.pop().days + days
            faults.append(Fault(days, None if end is None else self.days[end]))
            if end is None:
                return faults
            start = end + 1

    def _first(self, word: str, start: int, begin: int, length: str) -> int | None:
        """The first place from `start` on where a row of `word` is long enough."""
        for place in range(start, len(self.days)):
            needed = getattr(self._spec(self.days[place]), length)
            if self.judged[place] == word and len(self._row_of(word, begin, place)) >= needed:
                return place
        return None

    def _relapse(self, start: int, opening: int) -> bool:
        """Whether the breach at `opening` comes soon enough after the recovery on the day before `start`."""
        since = range(start, opening + 1)
        return all(place - start + 1 <= self._spec(self.days[place]).relapse_days for place in since)

    def _tell(self, faults: list[Fault], restated: list[int]) -> list[dict[str, Any]]:
        names = [self._name(fault) for fault in faults]
        for first, name in enumerate(names):  # what lies between two parts of an episode is part of it
            for later in range(len(names) - 1, first, -1):
                if names[later] == name:
                    names[first:later] = [name] * (later - first)
                    break
        rows = []
        for one in list(self.told):
            parts = [fault for fault, name in zip(faults, names, strict=True) if name == one.id]
            before = repr(one)
            if parts:
                self._describe(one, parts)
            elif one.state in ("open", "recovered"):
                self._retract(one, faults, names, restated)
            if repr(one) != before:
                one.revision += 1
                rows.append(dict(vars(one)))
        for name in dict.fromkeys(names):
            if all(one.id != name for one in self.told):
                parts = [fault for fault, other in zip(faults, names, strict=True) if other == name]
                one = Told(name, parts[0].days[0], self.days[-1], revision=1)
                self._describe(one, parts)
                self.told.append(one)
                rows.append(dict(vars(one)))
        return rows

    def _name(self, fault: Fault) -> str:
        shared = [one for one in self.told if one.holds(fault.days)]
        alive = [one for one in shared if one.state in ("open", "recovered")]
        if shared:
            return (alive or shared)[0].id
        day = str(date.fromordinal(fault.days[0]))
        return day + "-" + sha256(json.dumps([self.subject, self.rule, day]).encode()).hexdigest()[:16]

    def _describe(self, one: Told, parts: list[Fault]) -> None:
        one.days = [day for part in parts for day in part.days]
        one.figures = [self.figures[day] for day in one.days]
        one.recovered_day = parts[-1].recovered_day
        one.state = "open" if one.recovered_day is None else "recovered"
        spec = self._spec(one.days[-1])
        one.floor = spec.floor
        one.value, one.upper = self.pool(spec, tuple(one.figures))
        one.confidence = "confirmed" if one.upper < spec.floor else "indicated"
        newest = [day for day, word in zip(self.days, self.judged, strict=True) if word != "uncounted"][-1]
        if one.state == "open" and one.days[-1] == newest:
            one.clock = "running"
        one.reason = "" if one.clock == "running" else "found only in restated days: no clock runs"

    def _retract(self, one: Told, faults: list[Fault], names: list[str], restated: list[int]) -> None:
        heirs = [name for fault, name in zip(faults, names, strict=True) if one.holds(fault.days)]
        days = ", ".join(str(date.fromordinal(day)) for day in restated)
        length = self._spec(one.days[-1]).breach_days
        one.reason = f"no run of {length} bad days is left: {days} restated"
        if heirs:
            one.reason = f"its days are part of {heirs[0]}"
        one.state, one.recovered_day, one.clock = "retracted", None, "none"
