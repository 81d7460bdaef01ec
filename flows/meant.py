"""Which readings a correction means: found in the journal, by the id of their message or by name, time and part.

Only what was taken, still waits, or was set aside as implausible can be corrected: what was refused, measured again or
is of another purpose than production counts for nothing.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import orjson

from config.plan import Plan
from connectors.attributes import REASON, fault_of
from connectors.columns import ASIDE, OVERDUE, PRODUCTION, UNKNOWN, Readings
from connectors.decode import Decoder
from connectors.journal_past import Past
from connectors.references import longest_plain, senders_of, values_of
from flows.day_replay import Framing, Replayed, replay
from flows.retaken import Piece, Place
from rules.events import Correction, Event
from rules.spec import ATTRIBUTE_CHARTS
from rules.timeline import Timeline, days_of

HOUR_NS = 3_600 * 1_000_000_000
MOST_HITS = 8  # messages with an id that are looked at: repetitions of one


class Anchor(NamedTuple):
    """A confirmed time `ns`, and an entry behind which nothing is yet to come that is older by more than an hour."""

    after_seq: int
    ns: int
    plan_seq: int


class Target(NamedTuple):
    """A reading that is meant: when it was taken, and its value as it came."""

    time_ns: int
    value: float


class Meant(NamedTuple):
    """The readings that are meant of a characteristic (its id) and a day, and all that it took from that day on."""

    name: str
    day: int
    targets: Mapping[Place, Target]
    pieces: tuple[Piece, ...]


class Refused(Exception):  # noqa: N818 - says what is the case
    """The correction cannot be taken: `reason` is a short word."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Search(NamedTuple):
    """A correction, and where what it means is to be found."""

    event: Event
    body: Correction
    anchors: Sequence[Anchor]
    plan: Plan
    timeline: Timeline
    past: Past
    plan_at: Callable[[int], Plan]
    known: Collection[tuple[str, int, int]]  # readings (characteristic, entry, place) that were corrected before

    def readings(self, scratch: Callable[[int], Framing], earliest_ns: int) -> list[Meant]:
        """What is meant, by characteristic and day; raises `Refused` with the reason where nothing is, or too much."""
        if not self.anchors:
            raise Refused("not-found", "nothing was measured before it")
        wanted = self._by_id() if self.body.ref_id else self._by_time()
        found: list[Meant] = []
        for day in sorted({day for _, day in wanted}):
            names = sorted(name for name, own in wanted if own == day)
            for name, taken in self._again(scratch, names, day).items():
                targets = self._targets(name, taken, wanted[name, day])
                if targets:
                    found.append(Meant(name, day, targets, taken.pieces))
        count = sum(len(one.targets) for one in found)
        if not count:
            raise Refused("not-counted", f"{self._named()} was not taken: it was refused, or is not of production")
        if any(target.time_ns < earliest_ns for one in found for target in one.targets.values()):
            raise Refused("too-late", f"{self._named()} is older than restate_days ({self.plan.restate_days})")
        if count > 1 and (self.body.action == "correct" or not self.body.ref_id):
            more = (
                "expected the name of one value that is no array" if self.body.ref_id else "expected the part, or ref"
            )
            raise Refused("ambiguous", f"{self._named()} stands for {count} readings: {more}")
        return found

    def _named(self) -> str:
        if self.body.ref_id:
            return f"the message {self.body.ref_id!r}" + (f", {self.body.name!r}" if self.body.name else "")
        return f"{self.body.name!r} at that time" + (f", part {self.body.part!r}" if self.body.part else "")

    def _by_id(self) -> dict[tuple[str, int], set[Place] | None]:
        """The readings of the messages with this id, by characteristic and day."""
        connector = self.plan.connectors[self.event.connector].name
        decoder = Decoder(self.plan)
        text, found, hits = longest_plain(self.body.ref_id), dict[tuple[str, int], set[Place] | None](), 0
        for entry in self.past.holding(connector, text, self.anchors[0].after_seq, self.event.seq):
            own = values_of(entry.payload, self.body.ref_id, self.body.name)
            if not own:
                continue
            hits += 1
            readings = decoder.decode([entry]).readings
            for row in range(len(readings)):
                if own.get(int(readings.idx[row])) != float(readings.value[row]):
                    continue  # another message's, or no number
                name = self.plan.characteristics[int(readings.characteristic[row])].id
                day = int(days_of(self.timeline, readings.time_ns[row : row + 1])[0])
                places = found.setdefault((name, day), set())
                if places is not None:
                    places.add((entry.seq, int(readings.idx[row])))
            if hits == MOST_HITS:
                break
        if not found:
            raise Refused("not-found", f"{self._named()} is not in the journal before it")
        return found

    def _by_time(self) -> dict[tuple[str, int], set[Place] | None]:
        """The characteristic that is named, and the day; which reading is known once they are taken again."""
        below = f"{self.event.place}/{self.body.name}" if self.event.place else self.body.name
        ids = {spec.id for spec in self.plan.characteristics}
        name = next((one for one in (self.body.name, below) if one in ids), None)
        if name is None:
            raise Refused(UNKNOWN, f"the plan has no characteristic {below!r}")
        day = int(days_of(self.timeline, np.array([self.body.time_ns], np.int64))[0])
        return {(name, day): None}

    def _again(self, scratch: Callable[[int], Framing], names: Sequence[str], day: int) -> dict[str, Replayed]:
        """What the characteristics took from that day on, up to the correction."""
        before = [one for one in self.anchors if self._day(one.ns + HOUR_NS) < day]
        start = before[-1] if before else self.anchors[0]
        senders = senders_of(self.plan, self.past.senders(start.after_seq, self.event.seq), names)
        batches = self.past.entries(start.after_seq, self.event.seq, senders)
        return replay(scratch(start.plan_seq), batches, self.plan_at, self.plan, names, self.timeline, day)

    def _day(self, ns: int) -> int:
        return int(days_of(self.timeline, np.array([ns], np.int64))[0])

    def _targets(self, name: str, taken: Replayed, places: set[Place] | None) -> dict[Place, Target]:
        """Of what was taken or waits that which is meant; of a message that counted twice the last."""
        found: dict[Place, Target] = {}
        for readings in (*(piece.readings for piece in taken.pieces), taken.waiting):
            for row in self._rows(readings, places):
                if readings is taken.waiting and self._will_be_aside(name, float(readings.value[row])):
                    raise Refused(
                        "not-counted", f"{self._named()} still waits, and is not plausible: send it again later"
                    )
                key = (int(readings.seq[row]), int(readings.idx[row]))
                if readings.state[row] == ASIDE and self.body.action == "void" and (name, *key) not in self.known:
                    continue  # it counts for nothing anyway
                fault = self._fault(name, float(readings.size[row]))
                if fault:
                    raise Refused(REASON, f"{name}: {fault}")
                found[key] = Target(int(readings.time_ns[row]), float(readings.value[row]))
        if places is None:
            return found
        newest = max((seq for seq, _ in found), default=0)
        return {key: target for key, target in found.items() if key[0] == newest}

    def _fault(self, name: str, size: float) -> str:
        """Why an attribute chart cannot take the right value as a count; empty where it can, or is none."""
        chart = next(one.chart for one in self.plan.characteristics if one.id == name)
        if chart not in ATTRIBUTE_CHARTS or self.body.value is None:
            return ""
        return fault_of(chart, self.body.value, size)

    def _will_be_aside(self, name: str, value: float) -> bool:
        spec = next(one for one in self.plan.characteristics if one.id == name)
        return value < spec.plausible_low or value > spec.plausible_high

    def _rows(self, readings: Readings, places: set[Place] | None) -> Iterator[int]:
        production = np.isin(readings.state, (PRODUCTION, OVERDUE, ASIDE))
        if places is not None:
            entries = np.isin(readings.seq, np.array(sorted({seq for seq, _ in places}), np.int64))
            for row in np.flatnonzero(production & entries).tolist():
                if (int(readings.seq[row]), int(readings.idx[row])) in places:
                    yield row
            return
        for row in np.flatnonzero(production & (readings.time_ns == self.body.time_ns)).tolist():
            context = readings.contexts[int(readings.context[row])]
            part = orjson.loads(context).get("part") if context else None
            if not self.body.part or str(part) == self.body.part:
                yield row
