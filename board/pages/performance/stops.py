"""Downtime by reason as a Pareto chart: the reasons that cost most first, and what they add up to."""

from collections.abc import Sequence
from dataclasses import dataclass

from board.history.machine_states import Reason, downtime, machine_lines
from board.history.queries import View
from board.history.rows import Shown
from board.pages.performance.choice import Choice

MOST_BARS = 10  # what is beyond is one more bar


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its `minutes` in so many `stops`, its share and that of all up to it. `reason` None: all the others."""

    reason: str | None
    minutes: float
    stops: int
    share: float
    up_to: float
    machines: tuple[str, ...]


def pareto(view: View, choice: Choice) -> Shown:
    """Variables `downtime` (every reason) and `bars` (what the chart has room for)."""
    span = choice.span
    lines = machine_lines(view, choice.shown, span)
    reasons = downtime(lines, choice.shown, choice.calendar, choice.days, choice.until_ns)
    return {"downtime": bars(reasons), "bars": bars(reasons, MOST_BARS)}


def bars(reasons: Sequence[Reason], most: int = 1_000_000) -> list[Bar]:
    """Reasons, the longest first, as bars: the `most` longest and one of the others together."""
    whole = sum(one.ns for one in reasons)
    found: list[Bar] = []
    up_to = 0
    for one in reasons[:most]:
        up_to += one.ns
        found.append(
            Bar(one.reason, one.ns / 6e10, one.stops, one.ns / whole, up_to / whole, tuple(sorted(one.machines)))
        )
    if rest := reasons[most:]:
        ns = sum(one.ns for one in rest)
        named = tuple(sorted(set().union(*(one.machines for one in rest))))
        found.append(Bar(None, ns / 6e10, sum(one.stops for one in rest), ns / whole, 1.0, named))
    return found
