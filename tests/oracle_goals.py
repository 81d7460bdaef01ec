"""What a key result says, in the slowest way that can be read: every update looks at all that there was, from the first
look on. The words are those of the design, section 9, and of docs/key-results.md.

Nothing is remembered between two updates: `told` is given the key result and everything that has happened to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf, isnan, nan
from typing import Any, NamedTuple

from rules.spec import KeyResultSpec

COLOURS = ("red", "yellow", "green")  # from bad to good
REASONS = {"red": "far-behind", "yellow": "behind", "green": "on-course"}
ROUNDING = 1e-12  # a ratio that is a threshold but for rounding has reached it


@dataclass(frozen=True)
class Figure:
    """A metric's value; `reason`: why not all members count."""

    value: float
    lower: float
    n: int
    members: int
    counted: int
    reason: str = ""

    @property
    def missing(self) -> bool:
        return self.counted == 0 or isnan(self.value)

    @property
    def sufficient(self) -> bool:
        return self.counted == self.members and not isnan(self.value)


class Look(NamedTuple):
    """The key result is looked at: as the production day `closes`, or between (`closes` None)."""

    figure: Figure
    closes: int | None
    passed: int  # production days of the period that have closed, and all of them
    total: int
    age: int  # working days since the newest usable day
    breach: bool = False  # of a member or of the metric
    over: bool = False  # the period, with its last day closed
    usable: bool = True  # the day that closes


class Restated(NamedTuple):
    """A closed day of the period has now this figure."""

    day: int
    figure: Figure
    usable: bool = True
    over: bool = False


Events = Sequence[Look | Restated]


def told(spec: KeyResultSpec, events: Events) -> dict[str, Any]:
    """What the key result says after the last event, which is a look."""
    last = events[-1]
    assert isinstance(last, Look)
    inside = [one for one in events if not one.over]
    looks = [one for one in inside if isinstance(one, Look)]
    if last.over:
        sufficient = [look.figure for look in looks if look.figure.sufficient]
        figure = sufficient[-1] if sufficient else Figure(nan, nan, 0, 0, 0)
    else:
        figure = last.figure
    way, expected = _way(spec, inside, figure, last)
    status, reason = _status(spec, inside) if looks else ("insufficient", "no-data")
    return {
        "value": figure.value,
        "lower": figure.lower,
        "n": figure.n,
        "members": figure.members,
        "counted": figure.counted,
        "progress": way,
        "clamped": way if isnan(way) else min(max(way, 0.0), 1.0),
        "expected": expected,
        "status": status,
        "reason": reason,
        **_would_be(spec, events),
    }


def meets(spec: KeyResultSpec, value: float) -> bool:
    """Whether it is at target; where nothing varies and parts are out (-inf) never."""
    at = value >= spec.target if spec.direction == "at-least" else value <= spec.target
    return at and value != -inf


def progress(spec: KeyResultSpec, value: float) -> float:
    """The share of the way from the start to the target, at least 1 at target."""
    if isnan(value) or value == -inf:
        return value
    way = (value - spec.start) / (spec.target - spec.start)
    return max(1.0, way) if meets(spec, value) else way


def _days(events: Events) -> dict[int, tuple[Figure, bool]]:
    """Every day that has closed, as it is by now: its figure, and whether it was usable."""
    days = {}
    for one in events:
        if isinstance(one, Restated):
            days[one.day] = one.figure, one.usable
        elif one.closes is not None:
            days[one.closes] = one.figure, one.usable
    return days


def _share(spec: KeyResultSpec, events: Events) -> float:
    """Of a `maintain`: the share of the sufficient days at target over the required share."""
    kept = [meets(spec, figure.value) for figure, usable in _days(events).values() if usable and figure.sufficient]
    return kept.count(True) / len(kept) / spec.required_share if kept else nan


def _way(spec: KeyResultSpec, inside: Events, figure: Figure, look: Look) -> tuple[float, float]:
    """Progress, and what is expected of it by now."""
    if spec.kind == "maintain":
        return _share(spec, inside), 1.0
    way = progress(spec, figure.value)
    if not look.over and not figure.sufficient:  # an incomplete value makes nothing better
        before = [one.figure for one in inside if isinstance(one, Look) and one.figure.sufficient]
        if before and not isnan(way):
            way = min(way, progress(spec, before[-1].value))
    if look.over:
        return way, 1.0
    return way, look.passed / look.total if look.total else nan


def _would_be(spec: KeyResultSpec, events: Events) -> dict[str, Any]:
    """The mark of a restatement after the end, with what value and progress would be."""
    if not any(isinstance(one, Restated) and one.over for one in events):
        return {"restated_after_end": False, "restated_value": nan, "restated_progress": nan}
    of_period = [one for one in events if isinstance(one, Restated) or not one.over]
    days = _days(of_period)
    sufficient = [days[day][0].value for day in sorted(days) if days[day][0].sufficient]
    value = sufficient[-1] if sufficient else nan
    way = _share(spec, of_period) if spec.kind == "maintain" else progress(spec, value)
    return {"restated_after_end": True, "restated_value": value, "restated_progress": way}


def _natural(spec: KeyResultSpec, inside: Events) -> tuple[str, str]:
    """What the last look of these says by itself, whatever was shown before: a status, its reason.

    The first of these words that holds, in their order; else the colour.
    """
    look = inside[-1]
    assert isinstance(look, Look)
    figure, reach = look.figure, spec.kind == "reach"
    ever = any(isinstance(one, Look) and one.figure.sufficient for one in inside)
    no_day = not reach and isnan(_share(spec, inside))
    few = look.passed < 5 or Fraction(look.passed) < Fraction(look.total, 20)
    words = [
        (look.breach, "red", "floor"),
        (figure.missing and not ever, "insufficient", figure.reason or "no-data"),
        (look.age >= 2, "stale", "no-usable-day"),
        (figure.missing and reach, "insufficient", figure.reason or "no-data"),
        (no_day, "insufficient", figure.reason or "no-sufficient-day"),
        (not figure.missing and not figure.sufficient, "incomplete", figure.reason or "missing"),
        (few and not look.passed == look.total > 0, "starting", "few-days"),
    ]
    for holds, status, reason in words:
        if holds:
            return status, reason
    way, expected = _way(spec, inside, figure, look)
    green = 1.0 if spec.kind == "maintain" else 0.95
    colour = "green" if way >= green * expected - ROUNDING else "yellow" if way >= 0.75 * expected - ROUNDING else "red"
    return colour, REASONS[colour]


def _status(spec: KeyResultSpec, inside: Events) -> tuple[str, str]:
    """What is shown after the last look: a worse colour at once, a better one when it held at two closes running."""
    places = [place for place, one in enumerate(inside) if isinstance(one, Look)]
    natural = [_natural(spec, inside[: place + 1]) for place in places]
    closing = [inside[place].closes is not None for place in places]  # type: ignore[union-attr] # of looks alone
    shown: list[str] = []  # the colour shown last, as of each look
    for at, (found, _) in enumerate(natural):
        before = shown[-1] if shown else ""
        if found not in COLOURS:
            shown.append(before)
        elif not before or _rank(found) <= _rank(before):
            shown.append(found)
        else:
            shown.append(_improved(natural, closing, at, before))
    status, reason = natural[-1]
    if status not in COLOURS or status == shown[-1]:
        return status, reason
    return shown[-1], "not-held-twice"


def _improved(natural: list[tuple[str, str]], closing: list[bool], at: int, before: str) -> str:
    """The colour at a look that by itself is better than the one shown `before`."""
    earlier = [place for place in range(at) if closing[place]]
    if not closing[at] or not earlier:
        return before
    since = [natural[place][0] for place in range(earlier[-1], at + 1)]
    held = since[0] in COLOURS and all(_rank(one) > _rank(before) for one in since if one in COLOURS)
    return min(since[0], since[-1], key=_rank) if held else before


def _rank(colour: str) -> int:
    return COLOURS.index(colour)
