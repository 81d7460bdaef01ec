"""A machine's time: how long it was running, idle, down or being set up, and how often it failed.

A machine tells its state when it changes, and may repeat it. A state holds from the time of its message to that of the
next one, for at most the hours for which it is believed; before the first message, and after that time, it is unknown:
neither running nor down. Messages may come late and in any order: what they say is put where it belongs. Of two with
one time the one that came later in the journal stands, so that the reason of a stop can be told afterwards.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np

from rules.event_tally import Tally
from rules.events import MachineState, State
from rules.machine_spec import MachineSpec
from rules.planned_time import Span, is_planned_between, planned_spans
from rules.spec import CalendarSpec

PLANNED_STOP = "planned-stop"


class Stretch(NamedTuple):
    """A machine's state from `from_ns` up to `to_ns`; `message` is its number in the line, -1 for none."""

    from_ns: int
    to_ns: int
    state: State | Literal["unknown"]
    reason: str
    message: int


class MachineLine:
    """The states that a machine has told, by their time; no two have the same.

    `counted`: the stop that the first of them goes on with has been counted as a failure before it.
    """

    def __init__(self) -> None:
        self._times = array("q")
        self._words = array("I")  # each time's place in `_bodies`
        self._bodies: list[MachineState] = []  # each once, in the order in which they were met
        self._places: dict[MachineState, int] = {}
        self.counted = False

    def take(self, time_ns: int, body: MachineState) -> None:
        """Put a message where it belongs; messages are taken in the order of the journal.

        What follows from the states before `time_ns` stays as it was; any day from that of `time_ns` on may be another.
        """
        word = self._places.setdefault(body, len(self._bodies))
        if word == len(self._bodies):
            self._bodies.append(body)
        place = bisect_left(self._times, time_ns)
        if place < len(self._times) and self._times[place] == time_ns:
            self._words[place] = word
        else:
            self._times.insert(place, time_ns)
            self._words.insert(place, word)

    def stretches(self, from_ns: int, to_ns: int, valid_ns: int) -> Iterator[Stretch]:
        """The states from `from_ns` up to `to_ns`, without holes: where nothing is known the state is `unknown`."""
        place, at = bisect_right(self._times, from_ns) - 1, from_ns
        while at < to_ns:
            until = to_ns if place + 1 >= len(self._times) else min(to_ns, self._times[place + 1])
            if place >= 0:
                known, body = min(until, self._times[place] + valid_ns), self._body(place)
                if at < known:
                    yield Stretch(at, known, body.state, body.reason, place)
                    at = known
            if at < until:
                yield Stretch(at, until, "unknown", "", -1)
            place, at = place + 1, until

    def tally(self, calendar: CalendarSpec, machine: MachineSpec, day: int, within: Span) -> Tally:
        """What became of the planned production time of production day `day`, which lasts `within`.

        `planned_ns` is the sum of the states running, idle, setup, down and unknown; planned stops, the state
        `planned-stop`, are no part of it. `down` is by reason, "" where none was given. `repair_ns` is the part of the
        down time that belongs to failures, each counted once: at the first instant of planned production time in which
        its stop is known to last.
        """
        tally = Tally()
        stops: dict[int, int] = {}  # failures by the number of their first message, with the last one met
        first = -1
        for start, end in planned_spans(calendar, machine, day, within):
            for one in self.stretches(start, end, machine.valid_ns):
                length = one.to_ns - one.from_ns
                if one.state not in ("running", "unknown") and one.reason in machine.planned_stops:
                    _add(tally.states, PLANNED_STOP, length)
                    continue
                tally.planned_ns += length
                _add(tally.states, one.state, length)
                if one.state == "down":
                    _add(tally.down, one.reason, length)
                if one.message >= 0 and self._fails(one.message, machine):
                    tally.repair_ns += length
                    first = self._first_of_stop(one.message, machine, stops.get(first, -1), first)
                    stops[first] = one.message
        tally.failures = sum(not self._was_counted(first, machine, calendar, within[0]) for first in stops)
        return tally

    def forget(self, before_ns: int, machine: MachineSpec, calendar: CalendarSpec) -> None:
        """Forget the messages before the one in force at `before_ns`; what was before that can no longer be asked."""
        place = bisect_right(self._times, before_ns) - 1
        if place <= 0:
            return
        if self._fails(place, machine):
            first = self._first_of_stop(place, machine)
            self.counted = first < place and self._was_counted(first, machine, calendar, self._times[place])
        else:
            self.counted = False
        del self._times[:place]
        told = [self._body(one) for one in range(place, len(self._words))]
        self._bodies = list(dict.fromkeys(told))
        self._places = {body: number for number, body in enumerate(self._bodies)}
        self._words = array("I", (self._places[body] for body in told))

    def _body(self, message: int) -> MachineState:
        return self._bodies[self._words[message]]

    def _fails(self, message: int, machine: MachineSpec) -> bool:
        body = self._body(message)
        return body.state == "down" and body.reason not in machine.planned_stops + machine.not_failures

    def _first_of_stop(self, message: int, machine: MachineSpec, met: int = -1, first: int = -1) -> int:
        """The first message of the stop that `message` belongs to; of the stop of message `met` it is `first`."""
        while message > 0 and message != met and self._fails(message - 1, machine):
            message -= 1
        return first if message == met else message

    def _was_counted(self, first: int, machine: MachineSpec, calendar: CalendarSpec, before_ns: int) -> bool:
        """Whether the stop that begins with message `first` had planned time before `before_ns`."""
        if first == 0 and self.counted:
            return True
        for message in range(first, len(self._times)):
            start = self._times[message]
            if start >= before_ns or not self._fails(message, machine):
                return False
            after = self._times[message + 1] if message + 1 < len(self._times) else before_ns
            if is_planned_between(calendar, machine, start, min(start + machine.valid_ns, after, before_ns)):
                return True
        return False

    def to_plain(self) -> list[Any]:
        """As plain values, for the state's bytes."""
        bodies = [(body.state, body.reason) for body in self._bodies]
        return [self.counted, np.array(self._times, "<i8").tobytes(), np.array(self._words, "<u4").tobytes(), bodies]

    @classmethod
    def from_plain(cls, plain: list[Any]) -> "MachineLine":
        """What `to_plain` wrote."""
        line = cls()
        line.counted = plain[0]
        line._times.extend(np.frombuffer(plain[1], "<i8").tolist())
        line._words.extend(np.frombuffer(plain[2], "<u4").tolist())
        line._bodies = [MachineState(state, reason) for state, reason in plain[3]]
        line._places = {body: number for number, body in enumerate(line._bodies)}
        return line


def _add(sums: dict[str, int], key: str, amount: int) -> None:
    sums[key] = sums.get(key, 0) + amount
