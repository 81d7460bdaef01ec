"""A control chart's points and all that is drawn with them, as the API tells it: columns of numbers and texts."""

from dataclasses import dataclass

import numpy as np

from board.chart.columns import DISPERSION, LOCATION, Columns
from board.chart.happenings import happenings
from board.chart.sample import bucket_of, kept
from board.chart.stored import Points, latest
from board.history.queries import View, listed
from board.history.rows import Shown
from board.times import rfc3339
from rules.run_rules import RUN_RULES

TOLD = ("seq", "idx", "value", "dispersion", "n", *LOCATION, *DISPERSION, "signals", "phase", "revision",
        "specification_revision")  # fmt: skip
MOST_WITH_READINGS = 2000  # points whose single readings are told


@dataclass(frozen=True, slots=True)
class Window:
    """Which points are asked for: those of `start_ns` ≤ time < `end_ns`, or from the place `first` on, or the `last`.

    `count` are so many of them from the beginning, `budget` how many are told before buckets are made of them.
    """

    start_ns: int | None = None
    end_ns: int | None = None
    first: int | None = None
    count: int | None = None
    last: int | None = None
    budget: int = 2000
    with_readings: bool = False


def chart(view: View, stored: Points, name: str, window: Window) -> Shown | None:
    """The chart of the characteristic `name`; None for one that is not there."""
    number = next((number for number, known in view.names.items() if known == name), None)
    if number is None:
        return None
    if window.last is not None and not stored.knows(number):
        points, before, total, origin = latest(view, number, window.last), 0, None, None
    else:
        everything = stored.all_of(view, number)
        start, end = _bounds(everything, window)
        points, before, total = everything.part(start, end), start, len(everything)
        origin = f"{everything['seq'][0]}:{everything['idx'][0]}" if total else None
    places = kept(points, window.budget)
    drawn = points.taken(places)
    found: Shown = {
        "characteristic": name, "total": total, "origin": origin, "before": before, "count": len(points),
        "bucket": bucket_of(len(points), window.budget), "rules": [rule.name for rule in RUN_RULES],
        "signal_counts": _counts(points), "columns": _columns(view, drawn, places + before),
    }  # fmt: skip
    if window.with_readings and len(drawn) == len(points) <= MOST_WITH_READINGS:
        found["readings"] = _readings(view, drawn)
    return found | happenings(view, name, points, before, to_now=total is None or before + len(points) == total)


def _bounds(points: Columns, window: Window) -> tuple[int, int]:
    """The first place that is asked for, and the one behind the last."""
    total = len(points)
    if window.last is not None:
        return max(0, total - window.last), total
    start, end = 0, total
    if window.start_ns is not None:
        start = int(np.searchsorted(points["time"], window.start_ns, "left"))
    if window.end_ns is not None:
        end = int(np.searchsorted(points["time"], window.end_ns, "left"))
    if window.first is not None:
        start = min(max(start, window.first), total)
    if window.count is not None:
        end = min(end, start + window.count)
    return start, max(start, end)


def _counts(points: Columns) -> dict[str, int]:
    """How many of the points show each rule; rules that none shows are left out."""
    signals = points.signals
    signals = signals[signals != 0]
    counts = {rule.name: int(np.count_nonzero(signals >> rule.bit & 1)) for rule in RUN_RULES}
    return {name: count for name, count in counts.items() if count}


def _columns(view: View, drawn: Columns, places: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Shown:
    times: list[int] = drawn["time"].tolist()
    return {
        "place": places.tolist(),
        "time": [rfc3339(time) for time in times],
        **{name: drawn[name].tolist() for name in TOLD},
        "shift": view.shifts(times),
    }


def _readings(view: View, drawn: Columns) -> list[list[float] | None]:
    """The readings in each point; None where they have gone with their age."""
    rows: list[int] = drawn["row"].tolist()
    found = dict(view.db.execute(f'SELECT "row", "values" FROM "point" WHERE "row" IN ({listed(rows)})'))
    blobs = (found.get(row) for row in rows)
    return [np.frombuffer(blob, "<f8").tolist() if isinstance(blob, bytes) else None for blob in blobs]
