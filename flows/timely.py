"""Events in their time: what lies too far ahead of the clock, or too far back, is refused with its reason."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from config.plan import Plan
from connectors.columns import Rejected
from flows.holdback import AHEAD_LIMIT_NS
from flows.ticks import TickState
from rules.events import Event

DAY_NS = 86_400 * 1_000_000_000


class TickStream(NamedTuple):
    """The ticks of a frame: their entries, times and confirmed times; `before` is the state before the first."""

    seq: npt.NDArray[np.int64]
    ns: npt.NDArray[np.int64]
    effective_ns: npt.NDArray[np.int64]
    before: TickState

    def at(self, seq: int) -> tuple[int, int]:
        """The last tick before entry `seq` and the confirmed time by then; 0 for none."""
        place = int(np.searchsorted(self.seq, seq))
        if place:
            return int(self.ns[place - 1]), int(self.effective_ns[place - 1])
        return self.before.last_ns, self.before.effective_ns


def timely(events: Sequence[Event], ticks: TickStream, plan: Plan) -> tuple[tuple[Event, ...], list[Rejected]]:
    """The events that count, in order, and the refused ones: `ahead-of-clock` by more than 5 min, `too-late`.

    Before the first tick of all nothing is ahead or too late. Which it is depends on the ticks before an event in the
    journal, not on how it was cut.
    """
    taken: list[Event] = []
    refused: list[Rejected] = []
    for event in events:
        last_ns, confirmed_ns = ticks.at(event.seq)
        if last_ns and event.time_ns - last_ns > AHEAD_LIMIT_NS:
            refused.append(_refusal(event, plan, "ahead-of-clock", f"is further ahead of the clock ({_iso(last_ns)})"))
        elif confirmed_ns and confirmed_ns - event.time_ns > plan.restate_days * DAY_NS:
            refused.append(_refusal(event, plan, "too-late", f"is older than restate_days ({plan.restate_days})"))
        else:
            taken.append(event)
    return tuple(taken), refused


def _refusal(event: Event, plan: Plan, reason: str, what: str) -> Rejected:
    connector = plan.connectors[event.connector].name
    detail = f"{event.kind} of {event.place or 'the plant'}: its time {_iso(event.time_ns)} {what}"
    return Rejected(event.seq, event.idx, connector, "", reason, detail, b"")


def _iso(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9, UTC).isoformat(timespec="seconds")
