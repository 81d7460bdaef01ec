"""A run chart: points in the order in which they were charted, with the stored limits that judged them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

from board.figures.scale import Scale, ticks

WIDTH, HEIGHT = 760.0, 220.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 750.0, 12.0, 196.0
COLUMNS = 300  # of more than twice as many points the least and the greatest of each column are drawn


class Plotted(NamedTuple):
    """One point: its value, its ucl, cl and lcl (nan where absent), and whether it lies beyond them."""

    value: float
    limits: tuple[float, ...]
    beyond: bool


@dataclass(frozen=True, slots=True)
class Run:
    """Places in the drawing: `line` through all points, a path for each of the limits, and what lies beyond them."""

    line: str
    limits: tuple[tuple[str, str], ...]
    beyond: tuple[tuple[float, float], ...]
    specification: tuple[tuple[str, float], ...]
    heights: tuple[tuple[float, float], ...]
    count: int


def run(points: Sequence[Plotted], specification: tuple[float, float]) -> Run | None:
    """The drawing of the points; None without any. Of `specification` (lsl, usl) is drawn what lies near them."""
    if not points:
        return None
    known = [value for one in points for value in (one.value, *one.limits) if isfinite(value)]
    low, high = min(known), max(known)
    room = (high - low or abs(high) or 1.0) * 0.5
    near = [limit for limit in specification if isfinite(limit) and low - room <= limit <= high + room]
    low, high = min([low, *near]), max([high, *near])
    margin = (high - low or abs(high) or 1.0) * 0.06
    upright = Scale(low - margin, high + margin, BOTTOM, TOP)
    along = Scale(0.0, max(len(points) - 1, 1), LEFT, RIGHT)
    return Run(
        line=" ".join(f"{along.at(i)},{upright.at(points[i].value)}" for i in _drawn([one.value for one in points])),
        limits=tuple((name, _steps([one.limits[place] for one in points], along, upright))
                     for place, name in enumerate(("ucl", "cl", "lcl"))),
        beyond=tuple((along.at(i), upright.at(one.value)) for i, one in enumerate(points) if one.beyond),
        specification=tuple((name, upright.at(limit)) for name, limit in zip(("LSL", "USL"), specification, strict=True)
                            if limit in near),
        heights=tuple((upright.at(value), value) for value in ticks(upright.low, upright.high, 5)),
        count=len(points),
    )  # fmt: skip


def _drawn(values: Sequence[float]) -> Iterator[int]:
    """The places of the points that are drawn, so that no extreme is lost."""
    if len(values) <= 2 * COLUMNS:
        yield from range(len(values))
        return
    for column in range(COLUMNS):
        places = range(column * len(values) // COLUMNS, (column + 1) * len(values) // COLUMNS)
        least, greatest = min(places, key=values.__getitem__), max(places, key=values.__getitem__)
        yield from sorted({least, greatest})


def _steps(limits: Sequence[float], along: Scale, upright: Scale) -> str:
    """A path that steps where the limits do, and is not there where there are none."""
    path, before = [], float("nan")
    half = (along.end - along.start) / max(along.high, 1.0) / 2
    for i, limit in enumerate(limits):
        if not isfinite(limit):
            before = limit
            continue
        if limit != before:
            left = round(along.at(i) - half, 2)
            path.append(f"{'L' if isfinite(before) else 'M'}{left} {upright.at(limit)}")
        if i + 1 == len(limits) or limits[i + 1] != limit:
            path.append(f"L{round(along.at(i) + half, 2)} {upright.at(limit)}")
        before = limit
    return "".join(path)
