"""Which of many points a chart draws, so that nothing remarkable is lost: `kept`.

The points are cut into buckets of equal length. Of each stay the first and the last, the least and the greatest value
and dispersion; and, over all buckets, every point with a signal and both sides of every step of limits, revision or
phase. Only where such points themselves are more than were asked for, each bucket keeps the first and the last of each
rule, and the widest and the narrowest limits.
"""

import numpy as np
from numpy.typing import NDArray

from board.chart.columns import DISPERSION, LOCATION, Columns
from rules.run_rules import RUN_RULES

Places = NDArray[np.int64]

IN_A_BUCKET = 6  # the first, the last, and two extremes of value and of dispersion
STEPPED = ("phase", "revision", "specification_revision", *LOCATION, *DISPERSION)
_REVISIONS = ("phase", "revision", "specification_revision")


def bucket_of(points: int, budget: int) -> int:
    """How many points a bucket holds; 1 where every point is drawn.

    >>> bucket_of(1000, 1000), bucket_of(1_000_000, 1200)
    (1, 5000)
    """
    return 1 if points <= budget else -(-points // max(1, budget // IN_A_BUCKET))


def kept(points: Columns, budget: int) -> Places:
    """The places of the points to draw, ascending: all of up to `budget` points."""
    total = len(points)
    size = bucket_of(total, budget)
    if size == 1:
        return np.arange(total)
    starts = np.arange(0, total, size)
    found = [starts, np.append(starts[1:], total) - 1]
    found += [extreme for name in ("value", "dispersion") for extreme in _extremes(points[name], size)]
    found += [_marked(points, size, budget), _steps(points, size, budget)]
    return np.unique(np.concatenate(found))


def _extremes(column: NDArray[np.generic], size: int) -> tuple[Places, Places]:
    """In each bucket the places of the least and of the greatest value; its first where all are undefined."""
    buckets = -(-len(column) // size)
    starts = np.arange(buckets) * size
    filled = np.full(buckets * size, np.nan)
    filled[: len(column)] = column
    each = filled.reshape(buckets, size)
    least = np.where(np.isnan(each), np.inf, each).argmin(axis=1)
    greatest = np.where(np.isnan(each), -np.inf, each).argmax(axis=1)
    return starts + least, starts + greatest


def _marked(points: Columns, size: int, budget: int) -> Places:
    """Every point with a signal; of too many the first and the last of each rule in each bucket."""
    signals = points.signals
    places = np.flatnonzero(signals)
    if len(places) <= budget:
        return places
    return _ends([places[(signals[places] >> rule.bit & 1).astype(bool)] for rule in RUN_RULES], size)


def _steps(points: Columns, size: int, budget: int) -> Places:
    """Both sides of every step; of too many the extremes of the limits, and the steps of what has revisions."""
    places = _changes(points, STEPPED)
    if len(places) <= budget:
        return np.concatenate([places, places - 1])
    limits = [extreme for name in (*LOCATION, *DISPERSION) for extreme in _extremes(points[name], size)]
    revised = _changes(points, _REVISIONS)
    if len(revised) > budget:
        revised = _ends([_changes(points, (name,)) for name in _REVISIONS], size)
    return np.concatenate([*limits, revised, revised - 1])


def _changes(points: Columns, names: tuple[str, ...]) -> Places:
    """The places of the points that differ from the one before in any of these columns; two undefined are equal."""
    differ = np.zeros(max(0, len(points) - 1), bool)
    for name in names:
        before, after = points[name][:-1], points[name][1:]
        steps = before != after
        if steps.any():
            differ |= steps & ~(np.isnan(before) & np.isnan(after))
    return np.flatnonzero(differ) + 1


def _ends(groups: list[Places], size: int) -> Places:
    """Of each group of places the first and the last in each bucket."""
    found = [np.zeros(0, np.int64)]
    for places in groups:
        buckets = places // size
        _, first = np.unique(buckets, return_index=True)
        _, last = np.unique(buckets[::-1], return_index=True)
        found += [places[first], places[::-1][last]]
    return np.concatenate(found)
