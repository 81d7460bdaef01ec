"""Daily Cpk as a drawing: each production day with its interval, floor and target, and what kind of day it was."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import isfinite, nan

from board.figures.scale import Scale, ticks
from board.history.rows import Shown
from board.times import parse_day
from rules.calendar import is_working_day
from rules.capability import UPPER_95, bissell_bound
from rules.spec import CalendarSpec
from rules.verdicts import BITS, COUNTS_FOR_BREACH_MASK

WIDTH, HEIGHT = 760.0, 240.0
LEFT, RIGHT, TOP, BOTTOM = 40.0, 750.0, 14.0, 200.0
MOST_DAYS = 92
ROOM = 1.6  # an interval that reaches beyond so many times the highest figure is cut there
WEEK = 7


@dataclass(frozen=True, slots=True)
class Day:
    """One production day with its figure: `kind` is good, below, breach, hollow (does not count) or none (no Cpk).

    `lower` and `upper` are one-sided 95 % bounds, nan where undefined; x, y and the ends of the bar are places.
    """

    day: str
    shown: Shown
    kind: str
    value: float
    lower: float
    upper: float
    x: float
    y: float
    y_lower: float
    y_upper: float

    @property
    def restated(self) -> bool:
        """Whether later data or a correction has changed it since it closed."""
        return int(str(self.shown["revision"])) > 1


@dataclass(frozen=True, slots=True)
class Daily:
    """The drawing: `rest` are the left edges of the days without work, each `step` wide."""

    days: tuple[Day, ...]
    rest: tuple[float, ...]
    step: float
    lines: tuple[tuple[str, float, float], ...]  # floor or target: its place, its value
    heights: tuple[tuple[float, float], ...]
    dates: tuple[tuple[float, str], ...]


def daily(
    rows: Sequence[Shown], breach: frozenset[str], item: Mapping[str, object], calendar: CalendarSpec
) -> Daily | None:
    """The drawing of `rows` (days as the API shows them, oldest first); None without any.

    `breach` are the days of open and past episodes; `item` the characteristic, with its floor and target.
    """
    if not rows:
        return None
    numbers = [parse_day(str(row["day"])) for row in rows]
    first, last = max(numbers[0], numbers[-1] - MOST_DAYS + 1), numbers[-1]
    step = round((RIGHT - LEFT) / (last - first + 1), 3)
    of_index = rows[-1]["cpk"] is not None or any(row["cpk"] is not None for row in rows)
    figure = "cpk" if of_index else "mean"
    bounds = [
        (number, row, *_bounds(row, figure)) for number, row in zip(numbers, rows, strict=True) if number >= first
    ]
    aims = [(name, _number(item[f"cpk_{name}"])) for name in ("floor", "target")] if of_index else []
    upright = _upright([(value, lower, upper) for _, _, value, lower, upper in bounds], [aim for _, aim in aims])

    def x(number: int) -> float:
        return round(LEFT + (number - first + 0.5) * step, 2)

    def y(value: float) -> float:
        return upright.at(min(max(value, upright.low), upright.high)) if isfinite(value) else BOTTOM

    days = tuple(
        Day(str(row["day"]), row, _kind(row, value, breach, item), value, lower, upper, x(number), y(value), y(lower),
            y(upper))
        for number, row, value, lower, upper in bounds
    )  # fmt: skip
    every = max(1, round((last - first + 1) / 10))
    return Daily(
        days=days,
        rest=tuple(round(x(number) - step / 2, 2) for number in range(first, last + 1)
                   if not is_working_day(calendar, number)),
        step=step,
        lines=tuple((name, y(aim), aim) for name, aim in aims if isfinite(aim)),
        heights=tuple((y(value), value) for value in ticks(upright.low, upright.high, 5)),
        dates=tuple((x(number), f"{date.fromordinal(number):%m-%d}") for number in range(last, first - 1, -every)),
    )  # fmt: skip


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else nan


def _bounds(row: Shown, figure: str) -> tuple[float, float, float]:
    """A day's figure, its stored lower bound, and the upper bound of the same kind from the stored figures."""
    value = _number(row[figure])
    if figure != "cpk":
        return value, nan, nan
    return (
        value,
        _number(row["cpk_lower"]),
        bissell_bound(value, _number(row["n"]), _number(row["within_df"]), UPPER_95),
    )


def _kind(row: Shown, value: float, breach: frozenset[str], item: Mapping[str, object]) -> str:
    found = row["verdicts"]
    told = found if isinstance(found, list) else []
    if not isfinite(value):
        return "none"
    if str(row["day"]) in breach:
        return "breach"
    if any(BITS.get(str(word), 0) & COUNTS_FOR_BREACH_MASK for word in told) and row["cpk"] is not None:
        return "hollow"
    return "below" if row["cpk"] is not None and value < _number(item["cpk_floor"]) else "good"


def _upright(bounds: Sequence[tuple[float, float, float]], aims: Sequence[float]) -> Scale:
    values = [value for value, _, _ in bounds if isfinite(value)] + [aim for aim in aims if isfinite(aim)] or [0.0, 1.0]
    low = min(0.0, *values, *(lower for _, lower, _ in bounds if isfinite(lower)))
    uppers = [upper for _, _, upper in bounds if isfinite(upper)]
    highest = max(values)
    high = max(highest * 1.08, min(max(uppers, default=highest), highest * ROOM)) if highest > 0 else 1.0
    return Scale(max(low, -high), high, BOTTOM, TOP)
