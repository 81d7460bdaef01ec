"""The oracle of data quality: readings, ticks and states one by one, told plainly from docs/data-quality.md.

It imports nothing of the engine. It is told of one characteristic; times are seconds, days are those of UTC.
"""

from dataclasses import dataclass, field
from typing import NamedTuple


class Asked(NamedTuple):
    """The options of the characteristic, 0 and None for none; `overdue` gives the first day on which a gauge is."""

    expected_every: int = 0
    stuck: int = 0
    plausible: tuple[float, float] | None = None
    remeasure: str = "all"
    within: int = 600
    gauge: str = ""
    overdue: tuple[tuple[str, int], ...] = ()
    days_off: frozenset[int] = frozenset()


class Came(NamedTuple):
    """A reading as it came: `message` tells the measurements of a part apart."""

    seq: int
    idx: int
    time: int
    value: float
    part: str = ""
    gauge: str = ""
    purpose: str = ""


@dataclass
class Quality:
    """What becomes of the readings, in the order in which it is known."""

    asked: Asked
    signals: list[tuple[str, float]] = field(default_factory=list)  # rule, time
    aside: list[tuple[int, int, str]] = field(default_factory=list)  # seq, idx, state
    charted: list[tuple[int, int, bool]] = field(default_factory=list)  # seq, idx, of an overdue gauge

    def __post_init__(self) -> None:
        self.clock: int | None = None
        self.state: str | None = None
        self.waited = 0.0  # of running time, since the last sample
        self.counted_to: float = 0  # up to when
        self.missed: set[int] = set()  # how many times the interval has been told
        self.due: dict[int, float] = {}
        self.repeated: list[float] = []
        self.parts: list[tuple[str, tuple[int, int]]] = []
        self.waiting: list[Came] = []
        self.told: set[tuple[str, int]] = set()

    def runs_at(self, time: float) -> bool:
        if self.state is None:
            return int(time // 86_400) not in self.asked.days_off
        return self.state == "running"

    def count(self, until: float) -> None:
        """The seconds up to `until`, one production day at a time."""
        while self.counted_to < until:
            midnight = (self.counted_to // 86_400 + 1) * 86_400
            end = min(until, midnight) if self.state is None else until
            if self.runs_at(self.counted_to):
                for times in (1, 3):
                    limit = self.asked.expected_every * times
                    if self.waited < limit <= self.waited + end - self.counted_to:
                        self.due[times] = self.counted_to + limit - self.waited
                self.waited += end - self.counted_to
            self.counted_to = end

    def tick(self, now: int) -> None:
        if self.asked.expected_every:
            if self.clock is None:
                self.counted_to = now
            self.count(now)
            for times, rule in ((1, "missed-sample"), (3, "stale")):
                if times in self.due and times not in self.missed:
                    self.missed.add(times)
                    self.signals.append((rule, self.due[times]))
        self.clock = now
        if self.waiting and now >= self.waiting[0].time + self.asked.within:
            self.let_go()

    def machine(self, state: str, time: int) -> None:
        """A message of the machine, not ahead of the clock by more than a reading may be."""
        assert self.clock is not None
        self.count(max(time, self.clock))
        self.state = state

    def read(self, came: Came) -> None:
        if came.purpose or came.value != came.value:
            self.charted.append((came.seq, came.idx, False))  # the chart's own business
            return
        if self.asked.expected_every:
            arrival = came.time if self.clock is None else max(came.time, self.clock)
            self.count(arrival)
            self.waited, self.missed, self.due = 0.0, set(), {}
        self.repeat(came)
        if self.asked.plausible and not self.asked.plausible[0] <= came.value <= self.asked.plausible[1]:
            self.signals.append(("implausible", came.time))
            self.aside.append((came.seq, came.idx, "implausible"))
            return
        self.measured(came)

    def repeat(self, came: Came) -> None:
        if self.repeated and self.repeated[-1] != came.value:
            self.repeated = []
        self.repeated.append(came.value)
        if len(self.repeated) == self.asked.stuck:
            self.signals.append(("stuck", came.time))

    def measured(self, came: Came) -> None:
        overdue = self.overdue(came)
        if overdue:
            key = (came.gauge or self.asked.gauge, came.time // 86_400)
            if key not in self.told:
                self.told.add(key)
                self.signals.append(("gauge-overdue", came.time))
        own = (came.seq, came.time)
        if self.asked.remeasure == "first" and came.part:
            first = next((measured for part, measured in self.parts if part == came.part), None)
            if first is not None and first != own:
                self.aside.append((came.seq, came.idx, "remeasured"))
                return
            if first is None:
                self.parts = [*self.parts, (came.part, own)][-500:]
        if self.asked.remeasure == "last":
            if self.waiting and self.waiting[0].part != came.part:
                self.let_go()
            elif self.waiting and (self.waiting[0].seq, self.waiting[0].time) != own:
                self.aside += [(one.seq, one.idx, "remeasured") for one in self.waiting]
                self.waiting = []
            if came.part:
                self.waiting.append(came)
                return
        self.charted.append((came.seq, came.idx, overdue))

    def overdue(self, came: Came) -> bool:
        named = came.gauge or self.asked.gauge
        return any(gauge == named and came.time >= day * 86_400 for gauge, day in self.asked.overdue)

    def let_go(self) -> None:
        self.charted += [(one.seq, one.idx, self.overdue(one)) for one in self.waiting]
        self.waiting = []
