"""Corrections: which reading is meant, what it counts for, and the day that is restated without the fault.

The engine keeps tallies and no readings, so a correction looks them up in the journal: everything is a function of what
stands there before the correction. What a reading counts for is kept as long as its day may be restated.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from math import isnan, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.plan import Plan
from connectors.columns import OVERDUE, PRODUCTION, Readings, Rejected
from connectors.errors import JournalHole
from connectors.journal_past import Past
from flows.day_replay import Framing
from flows.meant import Anchor, Meant, Refused, Search, Target
from flows.retaken import Place, Rebuild
from flows.timely import TickStream
from rules.events import Correction, Event
from rules.kernel import VOID_STATE
from rules.timeline import Timeline

HOUR_NS = 3_600 * 1_000_000_000
DAY_NS = 24 * HOUR_NS
SLACK_DAYS = 3  # beyond `restate_days`: a day is longer than its date, and a trailing one rests on those before it

Scratch = Callable[[int], Framing]  # a framing that has seen nothing, under the plan of an entry


class Corrections:
    """What readings count for that were corrected, and how to find those that are meant.

    `past` is the journal; without one (a past stretch that is taken again) corrections change nothing.
    """

    def __init__(self, plan_at: Callable[[int], Plan], past: Past | None, scratch: Scratch) -> None:
        self._plan_at, self._past, self._scratch = plan_at, past, scratch
        self._anchors: list[Anchor] = []
        # By characteristic and reading: its time, and (entry of the correction, value; nan: void), the newest last.
        self._kept: dict[tuple[str, int, int], tuple[int, list[tuple[int, float]]]] = {}

    def pass_time(self, seq: int, ns: int, plan_seq: int) -> None:
        """A tick at the confirmed time `ns`: remember the first of each hour."""
        if ns and not (self._anchors and ns // HOUR_NS == self._anchors[-1].ns // HOUR_NS):
            self._anchors.append(Anchor(seq - 1 if self._anchors else plan_seq, ns, plan_seq))

    def forget(self, now_ns: int, restate_days: int) -> None:
        """Forget what is past restating. Behind a frame only: its earlier corrections still ask for it."""
        self._anchors = _standing(self._anchors, now_ns, restate_days)
        oldest = _oldest(now_ns, restate_days)
        self._kept = {key: one for key, one in self._kept.items() if one[0] >= oldest}

    def take(
        self, events: Iterable[Event], ticks: TickStream, plan: Plan, timeline: Timeline
    ) -> tuple[list[Rebuild], list[Rejected]]:
        """What each correction tells the shards, in order, and those that were refused."""
        rebuilds: list[Rebuild] = []
        refused: list[Rejected] = []
        for event in events:
            if not isinstance(event.body, Correction) or self._past is None:
                continue
            reason, detail = "journal-gone", ""
            now_ns = ticks.at(event.seq)[1]
            anchors = _standing([one for one in self._anchors if one.ns <= now_ns], now_ns, plan.restate_days)
            try:
                search = Search(event, event.body, anchors, plan, timeline, self._past, self._plan_at, self._kept)
                earliest_ns = now_ns - plan.restate_days * DAY_NS
                meant = self._new(event.body, search.readings(self._scratch, earliest_ns))
                oldest = _oldest(now_ns, plan.restate_days)
                rebuilds += [self._rebuild(event, event.body, plan, one, oldest) for one in meant]
                continue
            except Refused as error:
                reason, detail = error.reason, str(error)
            except JournalHole:
                detail = "the journal does not reach back that far"  # where it lies is no part of the history
            name = plan.connectors[event.connector].name
            refused.append(Rejected(event.seq, event.idx, name, "", reason, f"{event.kind}: {detail}", b""))
        return rebuilds, refused

    def apply(self, readings: Readings, cause_seq: NDArray[np.int64], plan: Plan) -> Readings:
        """The readings that are taken, with what those that were corrected as they waited count for."""
        if not self._kept or not len(readings):
            return readings
        seqs = np.array(sorted({seq for _, seq, _ in self._kept}), np.int64)
        taken = np.isin(readings.state, (PRODUCTION, OVERDUE))
        rows = np.flatnonzero(np.isin(readings.seq, seqs) & taken)
        if not len(rows):
            return readings
        value, state = readings.value.copy(), readings.state.copy()
        for row in rows.tolist():
            name = plan.characteristics[int(readings.characteristic[row])].id
            _, told = self._kept.get((name, int(readings.seq[row]), int(readings.idx[row])), (0, []))
            for counts in [counts for seq, counts in told if seq < cause_seq[row]][-1:]:
                value[row], state[row] = counts, VOID_STATE if isnan(counts) else state[row]
        return replace(readings, value=value, state=state)

    def _new(self, body: Correction, meant: list[Meant]) -> list[Meant]:
        """Of what is meant that which does not count for that already."""
        value = _value(body)
        found = []
        for one in meant:
            told = {key: self._kept.get((one.name, *key), (0, []))[1][-1:] for key in one.targets}
            new = {
                key: target
                for key, target in one.targets.items()
                if not told[key] or repr(told[key][0][1]) != repr(value)
            }
            if new:
                found.append(one._replace(targets=new))
        if not found:
            raise Refused("already", "the reading counts for that already")
        return found

    def _rebuild(self, event: Event, body: Correction, plan: Plan, meant: Meant, oldest: int) -> Rebuild:
        """Remember what the readings count for from here on; gives what the shard is told, of nothing that is older."""
        number = next(k for k, spec in enumerate(plan.characteristics) if spec.id == meant.name)
        before: dict[Place, float] = {
            (seq, idx): told[-1][1]
            for (name, seq, idx), (time_ns, told) in self._kept.items()
            if name == meant.name and time_ns >= oldest
        }
        value = _value(body)
        for key, target in meant.targets.items():
            time_ns, told = self._kept.get((meant.name, *key), (target.time_ns, []))
            self._kept[meant.name, *key] = (time_ns, [*told, (event.seq, value)])
        now = before | dict.fromkeys(meant.targets, value)
        rows = tuple(_row(event, body, key, target) for key, target in sorted(meant.targets.items()))
        return Rebuild(event.seq, event.time_ns, number, meant.day, before, now, meant.pieces, rows)

    def to_plain(self) -> dict[str, Any]:
        """As plain values, for the state's bytes."""
        kept = [[*key, time_ns, told] for key, (time_ns, told) in sorted(self._kept.items())]
        return {"anchors": [tuple(one) for one in self._anchors], "kept": kept}

    def resume(self, plain: dict[str, Any]) -> None:
        """Go on with what `to_plain` gave."""
        self._anchors = [Anchor(*one) for one in plain["anchors"]]
        self._kept = {
            (name, seq, idx): (time_ns, [(at, value) for at, value in told])
            for name, seq, idx, time_ns, told in plain["kept"]
        }


def _oldest(now_ns: int, restate_days: int) -> int:
    return now_ns - (restate_days + SLACK_DAYS) * DAY_NS


def _standing(anchors: list[Anchor], now_ns: int, restate_days: int) -> list[Anchor]:
    """The anchors from the last one on that is as old as what may still be asked for."""
    oldest = _oldest(now_ns, restate_days)
    first = next((k for k in range(len(anchors)) if k + 1 == len(anchors) or anchors[k + 1].ns >= oldest), 0)
    return anchors[first:]


def _value(body: Correction) -> float:
    return nan if body.value is None else body.value


def _row(event: Event, body: Correction, key: Place, target: Target) -> tuple[Any, ...]:
    """A row of kind `correction` behind its characteristic, without its state."""
    told = (body.action, _value(body), target.value, body.who, body.why, event.time_ns)
    return (*key, target.time_ns, *told)
