"""Readings that wait: those ahead of the clock, and those of characteristics with `lateness_seconds`.

In go readings and ticks of a stretch of the journal; out come the readings in the order in which they are taken,
and each tick's place among them. A reading that waits is released at a tick, just before it, in (time, seq, idx)
order: what a closing tick releases still belongs to the day it closes. Ahead is what is ahead of the last tick; what
waits is released, and what is too late told, by the confirmed time (`flows.ticks.tick_step`), so that one wrong tick
releases nothing and makes no reading too late. How the journal was cut changes nothing.
"""

import json
from datetime import UTC, datetime
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from config.plan import Plan
from connectors.columns import UNKNOWN, Readings, Rejected

SCHEMA_VERSION = 2
AHEAD_NS = 5 * 1_000_000_000  # ahead of the last tick by this and one step of the clock: it waits
AHEAD_LIMIT_NS = 300 * 1_000_000_000  # ahead by more than this: it is refused

_DAY_NS = 86_400 * 1_000_000_000
_BEFORE_ALL = -(1 << 63)

Int64s = npt.NDArray[np.int64]


class Taken(NamedTuple):
    """What one stretch lets through."""

    readings: Readings  # in the order in which they are taken
    tick_positions: Int64s  # for each tick: how many of the readings come before it
    cause_seq: Int64s  # for each reading: its own seq, or that of the tick that released it
    rejected: list[Rejected]  # `ahead-of-clock`
    too_late: Readings  # older than restate_days: kept, change nothing


class HoldBack:
    """Holds readings back until their tick. Before the first tick of all nothing is ahead or too late."""

    def __init__(self, plan: Plan) -> None:
        self._use(plan)
        self._last_tick_ns: int | None = None
        self._effective_ns = 0  # 0: none yet
        self._held = Readings.empty()  # in the order in which they came
        self._release_ns: Int64s = np.empty(0, np.int64)

    def _use(self, plan: Plan) -> None:
        self._plan = plan
        lateness = [round(spec.lateness_seconds * 1e9) for spec in plan.characteristics]
        self._lateness_ns = np.array(lateness, np.int64)
        self._any_lateness = any(lateness)
        self._wait_ns = AHEAD_NS + plan.clock_step_seconds * 1_000_000_000
        self._restate_ns = plan.restate_days * _DAY_NS

    def __len__(self) -> int:
        """How many readings wait."""
        return len(self._held)

    @property
    def held(self) -> Readings:
        """The readings that wait, in the order in which they came."""
        return self._held

    def step(self, readings: Readings, tick_seqs: Int64s, tick_ns: Int64s, effective_ns: Int64s) -> Taken:
        """Takes readings and ticks of the next stretch; both in order of seq, no seq in both.

        `tick_seqs`, `tick_ns`: int64[t]; ticks go back only from a jump that is not confirmed. `effective_ns`:
        int64[t], the confirmed time at each tick, which never goes back, 0 for none.
        """
        last_ns = _BEFORE_ALL if self._last_tick_ns is None else self._last_tick_ns
        clock_ns = _at(readings.seq, tick_seqs, tick_ns, last_ns)
        confirmed_ns = _at(readings.seq, tick_seqs, effective_ns, self._effective_ns)
        known = clock_ns != _BEFORE_ALL
        ahead_ns = readings.time_ns - np.where(known, clock_ns, readings.time_ns)
        if len(tick_ns):
            self._last_tick_ns, self._effective_ns = int(tick_ns[-1]), int(effective_ns[-1])
        too_late = (confirmed_ns > 0) & (confirmed_ns - readings.time_ns > self._restate_ns)
        unusual = (ahead_ns > self._wait_ns) | too_late
        usual = not len(self._held) and not unusual.any()
        if usual and not (self._any_lateness and self._lateness_ns[readings.characteristic].any()):
            return Taken(readings, np.searchsorted(readings.seq, tick_seqs), readings.seq, [], Readings.empty())
        refused = ahead_ns > AHEAD_LIMIT_NS
        lateness_ns = self._lateness_ns[readings.characteristic]
        release_ns = readings.time_ns + lateness_ns
        waits = np.where(lateness_ns > 0, release_ns > confirmed_ns, ahead_ns > self._wait_ns) & ~refused & ~too_late
        rejected = self._refusals(readings.take(refused), ahead_ns[refused]) if refused.any() else []
        pool = Readings.concat([self._held, readings.take(waits)])
        pool_release_ns = np.concatenate([self._release_ns, release_ns[waits]])
        at_tick = np.searchsorted(effective_ns, pool_release_ns)  # the first tick at or after; t: none yet
        free = at_tick < len(tick_ns)
        self._held, self._release_ns = pool.take(~free), pool_release_ns[~free]
        through = readings.take(~(waits | refused | too_late))
        taken, cause_seq = _merged(through, pool.take(free), tick_seqs[at_tick[free]])
        positions = np.searchsorted(cause_seq, tick_seqs, side="right")
        return Taken(taken, positions, cause_seq, rejected, readings.take(too_late))

    def _refusals(self, readings: Readings, ahead_ns: Int64s) -> list[Rejected]:
        refusals = []
        for row, ahead in enumerate(ahead_ns.tolist()):
            number = int(readings.connector[row])
            connector = self._plan.connectors[number].name if number >= 0 else ""
            moment = datetime.fromtimestamp(int(readings.time_ns[row]) // 1_000_000_000, UTC)
            detail = (
                f"{self._plan.characteristics[int(readings.characteristic[row])].id}: expected a time at most "
                f"{AHEAD_LIMIT_NS // 10**9} s ahead of the last tick, got {moment:%Y-%m-%dT%H:%M:%SZ}, "
                f"{ahead / 1e9:.0f} s ahead"
            )
            seq, idx = int(readings.seq[row]), int(readings.idx[row])
            refusals.append(Rejected(seq, idx, connector, "", "ahead-of-clock", detail, b""))
        return refusals

    def replan(self, plan: Plan) -> list[Rejected]:
        """Goes on under another plan. What waits keeps its tick; readings of removed characteristics are refused."""
        numbers = {spec.id: number for number, spec in enumerate(plan.characteristics)}
        names = {one.name: number for number, one in enumerate(plan.connectors)}
        characteristics = np.array([numbers.get(spec.id, -1) for spec in self._plan.characteristics], np.int32)
        connectors = np.array([names.get(one.name, -1) for one in self._plan.connectors], np.int16)
        refusals = []
        if len(self._held):
            gone = characteristics[self._held.characteristic] < 0
            for row in np.flatnonzero(gone):
                old = self._plan.characteristics[int(self._held.characteristic[row])].id
                number = int(self._held.connector[row])
                connector = self._plan.connectors[number].name if number >= 0 else ""
                seq, idx = int(self._held.seq[row]), int(self._held.idx[row])
                detail = f"{old}: left the plan while the reading waited"
                refusals.append(Rejected(seq, idx, connector, "", UNKNOWN, detail, b"", old))
            self._held = self._held.take(~gone).renumber(characteristics, connectors)
            self._release_ns = self._release_ns[~gone]
        self._use(plan)
        return refusals

    def to_bytes(self) -> bytes:
        """The state; it belongs to the plan in force."""
        head = {"schema_version": SCHEMA_VERSION, "last_tick_ns": self._last_tick_ns, "rows": len(self._held)}
        text = json.dumps({**head, "effective_ns": self._effective_ns}).encode()
        release = self._release_ns.astype("<i8").tobytes()
        return b"".join([len(text).to_bytes(8, "little"), text, release, self._held.to_bytes()])

    @classmethod
    def from_bytes(cls, plan: Plan, state: bytes) -> Self:
        """What `to_bytes` wrote under the same plan. Raises `ValueError` for another schema version."""
        start = 8 + int.from_bytes(state[:8], "little")
        head = json.loads(state[8:start])
        if head["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"holdback: expected schema version {SCHEMA_VERSION}, got {head['schema_version']}")
        made = cls(plan)
        made._last_tick_ns, made._effective_ns = head["last_tick_ns"], head["effective_ns"]
        made._release_ns = np.frombuffer(state, "<i8", head["rows"], start).astype(np.int64)
        made._held = Readings.from_bytes(state[start + 8 * head["rows"] :])
        return made


def _at(seqs: Int64s, tick_seqs: Int64s, ns: Int64s, before_ns: int) -> Int64s:
    """For each seq what the last tick before it says, `before_ns` where none is."""
    return np.concatenate([np.array([before_ns], np.int64), ns])[np.searchsorted(tick_seqs, seqs)]


def _merged(through: Readings, released: Readings, released_by: Int64s) -> tuple[Readings, Int64s]:
    """Both in the order of what makes them appear; what one tick releases in (time, seq, idx) order."""
    if not len(released):
        return through, through.seq
    place = np.empty(len(released), np.int64)
    place[np.lexsort((released.idx, released.seq, released.time_ns))] = np.arange(len(released))
    cause_seq = np.concatenate([through.seq, released_by])
    order = np.lexsort((np.concatenate([np.arange(len(through)), place]), cause_seq))
    return Readings.concat([through, released]).take(order), cause_seq[order]
