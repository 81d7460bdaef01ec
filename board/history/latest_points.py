"""The latest points of every characteristic, for drawings of a few lines: their values and limits, no readings.

A point that is restated keeps its place. Looking them all up costs tenths of a second; following what is new nothing.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from board.history.queries import View

KEPT = 40  # points of a characteristic


class Latest(NamedTuple):
    """A charted point: when it was closed, its value (in the characteristic's unit), the limits that judged it.

    `signals` is the set of rules that it shows, a bit each; undefined numbers are None. They sort as they were charted.
    """

    time_ns: int
    seq: int
    idx: int
    value: float | None
    cl: float | None
    ucl: float | None
    lcl: float | None
    signals: int
    phase: int


_COLUMNS = '"time", "seq", "idx", "value", "cl", "ucl", "lcl", coalesce("signals", 0), "phase"'
_WALK = (
    f'SELECT "characteristic", {_COLUMNS} FROM "point" WHERE "row" <= ? AND "current" = 1 ORDER BY "row" DESC LIMIT ?'
)
_ONE = (
    f'SELECT {_COLUMNS} FROM "point" WHERE "characteristic" = ? AND "row" <= ? AND "current" = 1 '
    'ORDER BY "time" DESC, "row" DESC LIMIT ?'
)
_NEW = f'SELECT "characteristic", {_COLUMNS} FROM "point" WHERE "row" > ? AND "row" <= ? ORDER BY "row"'


def latest_points(view: View, last_row: int) -> dict[int, tuple[Latest, ...]]:
    """The last `KEPT` points of every characteristic up to that row, oldest first.

    While a replay has not made the index by time yet, those among the newest rows of all.
    """
    found: dict[int, list[Latest]] = {number: [] for number in view.names}
    if _is_indexed(view.db):
        for number, points in found.items():
            points.extend(Latest(*row) for row in view.db.execute(_ONE, (number, last_row, KEPT)))
    else:
        for number, *row in view.db.execute(_WALK, (last_row, KEPT * len(found))):
            found.setdefault(number, []).append(Latest(*row))
    return {number: tuple(sorted(points, key=lambda point: point[:3])[-KEPT:]) for number, points in found.items()}


def new_points(view: View, after: int, last_row: int) -> dict[int, list[Latest]]:
    """The points that came behind `after` up to `last_row`, in the order of their rows, by characteristic."""
    found: dict[int, list[Latest]] = {}
    for number, *row in view.db.execute(_NEW, (after, last_row)):
        found.setdefault(number, []).append(Latest(*row))
    return found


def followed(known: Sequence[Latest], new: Iterable[Latest]) -> tuple[Latest, ...]:
    """`known` with what has come: later ones behind it, restated ones in their place.

    >>> one, two = Latest(1, 1, 0, 5.0, 5.0, 6.0, 4.0, 0, 2), Latest(2, 2, 0, 5.5, 5.0, 6.0, 4.0, 0, 2)
    >>> again = two._replace(value=5.2)
    >>> [point.value for point in followed((one,), (two, again, one._replace(time_ns=0)))]
    [5.0, 5.2]
    """
    points = list(known)
    places = {point[:3]: place for place, point in enumerate(points)}
    for point in new:
        if (place := places.get(point[:3])) is not None:
            points[place] = point
        elif not points or point[:3] > points[-1][:3]:
            places[point[:3]] = len(points)
            points.append(point)
    return tuple(points[-KEPT:])


def _is_indexed(db: sqlite3.Connection) -> bool:
    """Whether the index by time is there; a replay makes it at its end."""
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = 'point_by_time'").fetchone() is not None
