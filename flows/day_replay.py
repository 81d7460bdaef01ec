"""A past stretch of the journal taken again: the readings of some characteristics, as they were taken the first time.

The same framing does it, beginning before the day in question, so that whatever it decides (what is a repetition, what
waits, what is refused) it decides again. Only what a characteristic's chart needs is kept.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import orjson
from numpy.typing import NDArray

from config.plan import Plan
from connectors.columns import OTHER_PURPOSE, Mark, Readings
from connectors.segments import Entry
from flows.frames import PlantFrame, ShardFrame, shard_of
from flows.retaken import Piece
from rules.timeline import Timeline, closed_days, days_of, end_of_day

PlanAt = Callable[[int], Plan]


class Framing(Protocol):
    """What turns entries into frames, and says what still waits then."""

    def frames(self, entries: Sequence[Entry]) -> Iterable[tuple[str, ShardFrame | PlantFrame]]:
        """The frames of a stretch."""
        ...

    def waiting(self) -> Readings:
        """Readings that have come and are not taken yet."""
        ...


class Replayed(NamedTuple):
    """What a characteristic took, in order, and what had come and still waited."""

    pieces: tuple[Piece, ...]
    waiting: Readings


def replay(
    framing: Framing,
    batches: Iterable[Sequence[Entry]],
    plan_at: PlanAt,
    plan: Plan,
    ids: Collection[str],
    timeline: Timeline,
    first_day: int,
) -> dict[str, Replayed]:
    """What each of `ids` took from `first_day` on; days by `timeline`, connectors as `plan` numbers them."""
    keys = {shard_of(name) for name in ids}
    pieces: dict[str, list[Piece]] = defaultdict(list)
    numbers = _numbers(plan, plan, ids)
    closing = Closing(timeline)
    closed = np.zeros(0, np.int64)
    for batch in batches:
        for _, frame in framing.frames(batch):
            if isinstance(frame, PlantFrame):
                of_frame = plan_at(frame.plan_seq)
                if of_frame is not numbers.plan:
                    numbers = _numbers(of_frame, plan, ids)
                closed = closing.of(frame.ticks.ns)
                continue
            if frame.shard not in keys:
                continue
            for name, index in numbers.characteristics.items():
                if shard_of(name) == frame.shard:
                    pieces[name].append(_piece(frame, index, numbers, closed, timeline, first_day))
    waiting = framing.waiting()
    return {
        name: Replayed(
            tuple(pieces[name]),
            waiting.take(waiting.characteristic == numbers.characteristics.get(name, -2)),
        )
        for name in ids
    }


class Closing:
    """The last closed day at each tick; days are looked up only where one may have closed since."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline, self._closed, self._next_ns = timeline, 0, 0

    def of(self, tick_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64[t] day ordinals for int64[t] times that never go back."""
        found = np.empty(len(tick_ns), np.int64)
        for place, ns in enumerate(tick_ns.tolist()):
            if ns >= self._next_ns:
                self._closed = closed_days(self._timeline, ns)
                self._next_ns = end_of_day(self._timeline, self._closed + 1)  # its grace comes on top
            found[place] = self._closed
        return found


class Numbers(NamedTuple):
    """Of a plan: the characteristics by index, and what its connectors are in the current one, -1 for none."""

    plan: Plan
    characteristics: dict[str, int]
    connectors: NDArray[np.int16]
    known: dict[str, int]  # the current plan's connectors


def _numbers(plan: Plan, current: Plan, ids: Collection[str]) -> Numbers:
    known = {one.name: number for number, one in enumerate(current.connectors)}
    connectors = np.array([known.get(one.name, -1) for one in plan.connectors] + [-1], np.int16)
    indices = {spec.id: k for k, spec in enumerate(plan.characteristics) if spec.id in ids}
    return Numbers(plan, indices, connectors, known)


def _piece(
    frame: ShardFrame,
    index: int,
    numbers: Numbers,
    closed: NDArray[np.int64],
    timeline: Timeline,
    first_day: int,
) -> Piece:
    readings = frame.readings
    day = days_of(timeline, readings.time_ns)
    own = np.flatnonzero((readings.characteristic == index) & (day >= first_day) & (readings.state != OTHER_PURPOSE))
    taken = readings.take(own)
    taken.connector[:] = numbers.connectors[taken.connector]
    gap = -1
    if frame.lead is not None and frame.lead.kind == "gap":
        gap = numbers.known.get(orjson.loads(frame.lead.body)["connector"], -1)
    return Piece(
        readings=taken,
        cause_seq=frame.cause_seq[own],
        day=day[own],
        tick_at=np.searchsorted(own, frame.ticks.at),
        tick_ns=frame.ticks.ns,
        tick_seq=frame.ticks.seq,
        tick_closed=closed,
        marks=tuple(one for one in frame.marks if isinstance(one, Mark) and one.characteristic == index),
        gap=gap,
    )
