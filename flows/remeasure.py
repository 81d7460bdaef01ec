"""Parts that are measured more than once: which measurement counts, by the characteristic's `remeasure`.

`first`: a later one of the same part counts nothing. `last`: a measurement waits until another part comes, or a tick
finds `remeasure_within` over; measured again meanwhile, it counts nothing. The part is the field of that name in the
reading's context; the values of one message are one measurement. What counts nothing is kept, as `remeasured`.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from config.plan import Plan
from connectors.columns import ASIDE, OTHER_PURPOSE, UNKNOWN, Readings, Rejected
from connectors.context import hash_63
from rules.data_quality import Measured, Parts, last_ones, measured_again

Int64s = NDArray[np.int64]
SECOND_NS = 1_000_000_000
WAYS = ("all", "first", "last")


class Stretch(NamedTuple):
    """Readings in the order in which they are taken, each with its cause, and how many come before each tick."""

    readings: Readings
    cause_seq: Int64s
    tick_positions: Int64s


class Remeasured(NamedTuple):
    """What is left of a stretch; and the readings that count nothing, with what made that known."""

    stretch: Stretch
    aside: Readings
    aside_cause: Int64s


class Remeasuring:
    """Knows the parts of the characteristics with `first`, and holds what waits of those with `last`."""

    def __init__(self, plan: Plan) -> None:
        self._parts: dict[str, Parts] = {}
        self._held = Readings.empty()
        self._freed = Readings.empty()  # held until the plan let them go
        self._use(plan)

    def _use(self, plan: Plan) -> None:
        self._plan = plan
        specs = plan.characteristics
        self._way = np.array([WAYS.index(spec.remeasure) for spec in specs] or [0], np.int64)
        self._within_ns = np.array(
            [round(spec.remeasure_within_seconds * SECOND_NS) for spec in specs] or [0], np.int64
        )

    @property
    def active(self) -> bool:
        """Whether any characteristic asks for it, or something is to be let go."""
        return bool(self._way.any()) or len(self._freed) > 0

    @property
    def held(self) -> Readings:
        """What waits."""
        return self._held

    def step(self, stretch: Stretch, tick_seqs: Int64s, effective_ns: Int64s, first_seq: int) -> Remeasured:
        """Take the next stretch; `first_seq` is its first journal entry, the cause of what a plan lets go."""
        readings = stretch.readings
        way = self._way[readings.characteristic]
        counts = (readings.state != OTHER_PURPOSE) & (readings.state != ASIDE)
        counted = np.flatnonzero((way > 0) & counts & ~np.isnan(readings.value))
        if not len(counted) and not len(self._held) and not len(self._freed):
            return Remeasured(stretch, Readings.empty(), np.empty(0, np.int64))
        named = np.array([part_of(text) != 0 for text in readings.contexts])[readings.context[counted]]
        first, last = counted[(way[counted] == 1) & named], counted[way[counted] == 2]
        if not named.any() and not len(self._held):
            last = last[:0]  # no part comes, and none waits
        again = self._first(readings, first)
        through = np.ones(len(readings), np.bool_)
        through[again] = False
        aside, aside_cause = readings.take(again), stretch.cause_seq[again]
        merged, own = self._last(stretch, last, through, (tick_seqs, effective_ns), first_seq)
        aside = Readings.concat([aside, own.aside])
        aside_cause = np.concatenate([aside_cause, own.aside_cause])
        order = np.lexsort((aside.idx, aside.seq, aside.characteristic, aside_cause))
        return Remeasured(merged, aside.take(order), aside_cause[order])

    def _first(self, readings: Readings, rows: Int64s) -> Int64s:
        """The rows of parts that were measured before."""
        found: list[int] = []
        for which, measured in _by_characteristic(readings, rows, rows).items():
            name = self._plan.characteristics[which].id
            found += measured_again(measured, self._parts.setdefault(name, {}))
        return np.array(sorted(found), np.int64)

    def _last(
        self, stretch: Stretch, rows: Int64s, through: NDArray[np.bool_], ticks: tuple[Int64s, Int64s], first_seq: int
    ) -> tuple[Stretch, Remeasured]:
        """The stretch with what is let go at its place; and what has been superseded."""
        tick_seqs, effective_ns = ticks
        before = len(self._held)
        pool = Readings.concat([self._held, stretch.readings.take(rows)])
        at = np.concatenate([np.full(before, -1, np.int64), rows])
        due = pool.time_ns + self._within_ns[pool.characteristic]
        held: list[int] = []
        superseded: list[tuple[int, int]] = []
        placed: list[tuple[int, int, int]] = []  # pool row, place among the readings, tick (−1: before that reading)
        for measured in _by_characteristic(pool, np.arange(len(pool)), np.arange(len(pool))).values():
            own = [one.row for one in measured]
            places = (stretch.tick_positions, effective_ns)
            what = last_ones(measured, at[own].tolist(), due[own].tolist(), places)
            through[[int(at[one.row]) for one in measured if one.part and at[one.row] >= 0]] = False
            superseded += what.superseded
            placed += [(row, int(at[by]), -1) for row, by in what.followed]
            placed += [(row, int(stretch.tick_positions[tick]), tick) for row, tick in what.timed_out]
            held += what.held
        merged = self._merged(stretch, through, pool, placed, tick_seqs, first_seq)
        gone = np.array([row for row, _ in superseded], np.int64)
        cause = stretch.cause_seq[at[[by for _, by in superseded]]] if superseded else np.empty(0, np.int64)
        self._held = pool.take(np.array(sorted(held), np.int64))
        return merged, Remeasured(merged, pool.take(gone), cause)

    def _merged(
        self,
        stretch: Stretch,
        through: NDArray[np.bool_],
        pool: Readings,
        placed: list[tuple[int, int, int]],
        tick_seqs: Int64s,
        first_seq: int,
    ) -> Stretch:
        """What goes through with what was let go: by a tick just before it, by a reading just before that one."""
        rows = np.flatnonzero(through)
        freed, self._freed = self._freed, Readings.empty()
        if not placed and not len(freed):
            return _only(stretch, through, rows)
        of_pool, place, tick = np.array(placed, np.int64).reshape(-1, 3).T
        released = pool.take(of_pool)
        some = Readings.concat([freed, released, stretch.readings.take(rows)])
        by_tick = tick >= 0
        causes = np.where(by_tick, tick_seqs[tick] if len(tick_seqs) else 0, 0)
        causes[~by_tick] = stretch.cause_seq[place[~by_tick]]
        cause = np.concatenate([np.full(len(freed), first_seq), causes, stretch.cause_seq[rows]])
        where = np.concatenate([np.full(len(freed), -1), place, rows])
        last = len(tick_seqs)  # at one place: what ticks let go in their order, what the reading lets go, the reading
        ranks = (np.zeros(len(freed), np.int64), np.where(by_tick, tick, last), np.full(len(rows), last + 1))
        rank = where * (last + 2) + np.concatenate(ranks)
        order = np.lexsort((some.idx, some.seq, some.time_ns, rank))
        behind = stretch.tick_positions * (last + 2) + np.arange(last)  # what the tick let go is before it
        positions = np.searchsorted(rank[order], behind, side="right")
        return Stretch(some.take(order), cause[order], positions)

    def replan(self, plan: Plan) -> list[Rejected]:
        """Go on under another plan: what it no longer holds is let go; readings of removed ones are refused."""
        numbers = {spec.id: number for number, spec in enumerate(plan.characteristics)}
        names = {one.name: number for number, one in enumerate(plan.connectors)}
        characteristics = np.array([numbers.get(spec.id, -1) for spec in self._plan.characteristics] or [-1], np.int32)
        connectors = np.array([names.get(one.name, -1) for one in self._plan.connectors], np.int16)
        held = Readings.concat([self._freed, self._held])
        refused = []
        for row in np.flatnonzero(characteristics[held.characteristic] < 0).tolist():
            name, number = self._plan.characteristics[int(held.characteristic[row])].id, int(held.connector[row])
            connector = self._plan.connectors[number].name if number >= 0 else ""
            detail = f"{name}: left the plan while the reading waited"
            refused.append(Rejected(int(held.seq[row]), int(held.idx[row]), connector, "", UNKNOWN, detail, b"", name))
        held = held.take(characteristics[held.characteristic] >= 0).renumber(characteristics, connectors)
        self._use(plan)
        waits = self._way[held.characteristic] == WAYS.index("last")
        self._held, self._freed = held.take(waits), held.take(~waits)
        first = {spec.id for spec in plan.characteristics if spec.remeasure == "first"}
        self._parts = {name: parts for name, parts in self._parts.items() if name in first}
        return refused

    def to_plain(self) -> dict[str, Any]:
        """The state; it belongs to the plan in force."""
        parts = {name: [(part, *first) for part, first in self._parts[name].items()] for name in sorted(self._parts)}
        return {
            "parts": {name: np.array(rows, "<i8").tobytes() for name, rows in parts.items()},
            "held": self._held.to_bytes(),
            "freed": self._freed.to_bytes(),
        }

    def resume(self, plain: Mapping[str, Any]) -> None:
        """Go on with what `to_plain` gave under the same plan."""
        self._held, self._freed = Readings.from_bytes(plain["held"]), Readings.from_bytes(plain["freed"])
        for name, packed in plain["parts"].items():
            rows = np.frombuffer(packed, "<i8").reshape(-1, 3).tolist()
            self._parts[name] = {part: (seq, time_ns) for part, seq, time_ns in rows}


def _only(stretch: Stretch, through: NDArray[np.bool_], rows: Int64s) -> Stretch:
    """The stretch without the readings that do not go through."""
    if len(rows) == len(through):
        return stretch
    before = np.append(0, np.cumsum(through))
    return Stretch(stretch.readings.take(rows), stretch.cause_seq[rows], before[stretch.tick_positions])


def _by_characteristic(readings: Readings, rows: Int64s, names: Int64s) -> dict[int, list[Measured]]:
    """The readings at `rows`, called by their `names`, of each characteristic in their order."""
    parts = {number: part_of(readings.contexts[number]) for number in np.unique(readings.context[rows]).tolist()}
    found: dict[int, list[Measured]] = {}
    columns = (readings.characteristic[rows], readings.context[rows], readings.seq[rows], readings.time_ns[rows])
    for name, which, context, seq, time_ns in zip(
        names.tolist(), *(column.tolist() for column in columns), strict=True
    ):
        found.setdefault(which, []).append(Measured(name, parts[context], (seq, time_ns)))
    return found


def part_of(context: str) -> int:
    """A hash of the part that a context names; 0 where it names none."""
    if '"part"' not in context:
        return 0
    part = orjson.loads(context).get("part")
    return 0 if part is None else hash_63(b"part", str(part).encode())
