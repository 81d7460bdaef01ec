"""The points of characteristics as the history holds them, kept in memory as columns from one request to the next.

Reading a million points takes seconds; what has come since takes a moment, since rows are numbered: whatever is new or
restated has a greater number than what is known already.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from board.chart.columns import NAMES, SELECT, Column, Columns, columns_of
from board.history.queries import View, read_meta

MOST_BYTES = 256 * 1024 * 1024  # of all that is kept; what was asked for last always is
MOST_BEHIND = 200_000  # rows of the history behind which everything is read anew
GONE = 0.05  # the share of points that have left the history from which on they are left out here too

_CURRENT = f'SELECT {SELECT} FROM "point" WHERE "current" = 1 AND'
_OF_ONE = f'{_CURRENT} "characteristic" = ? ORDER BY "time"'
_LATEST = f'{_CURRENT} "characteristic" = ? ORDER BY "time" DESC, "seq" DESC, "idx" DESC LIMIT ?'
_NEW = f'{_CURRENT} +"characteristic" = ? AND "row" > ? ORDER BY "time"'  # found by the rows' numbers


@dataclass(slots=True)
class _Known:
    """What is known of one characteristic: the first `size` of each column, as of the history's `row`."""

    lock: Lock = field(default_factory=Lock)
    history_uuid: str = ""
    row: int = 0
    size: int = 0
    columns: dict[str, Column] = field(default_factory=dict)

    def points(self) -> Columns:
        return Columns({name: column[: self.size] for name, column in self.columns.items()})

    def add(self, more: Columns) -> None:
        """Puts points behind the last; what was given out before stays as it is."""
        end = self.size + len(more)
        if end > len(self.columns["row"]):
            room = end + end // 4
            for name, column in self.columns.items():
                grown = np.empty(room, column.dtype)
                grown[: self.size] = column[: self.size]
                self.columns[name] = grown
        for name, column in self.columns.items():
            column[self.size : end] = more[name]
        self.size = end

    def take(self, points: Columns) -> None:
        """Only these points, from now on."""
        self.columns, self.size = dict(points.by_name), len(points)


class Points:
    """The points of every characteristic that was asked for lately."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = Lock()
        self._known: OrderedDict[int, _Known] = OrderedDict()

    def knows(self, characteristic: int) -> bool:
        """Whether `all_of` would not have to read everything."""
        with self._lock:
            return characteristic in self._known

    def all_of(self, view: View, characteristic: int) -> Columns:
        """Every current point of that characteristic number as `view` sees it, or one that came later."""
        with self._lock:
            known = self._known.setdefault(characteristic, _Known())
            self._known.move_to_end(characteristic)
        with known.lock:
            self._renew(view, characteristic, known)
            found = known.points()
        self._bound()
        return found

    def _bound(self) -> None:
        with self._lock:
            sizes = {number: known.points().nbytes for number, known in self._known.items() if known.columns}
            total = sum(sizes.values())
            for number in list(self._known)[:-1]:
                if total <= self._most_bytes:
                    return
                total -= sizes.get(number, 0)
                del self._known[number]

    def _renew(self, view: View, characteristic: int, known: _Known) -> None:
        meta = read_meta(view.db)
        same = known.history_uuid == meta.history_uuid
        if same and meta.last_row <= known.row:
            return
        near = same and meta.last_row - known.row <= MOST_BEHIND
        if not (near and _follow(view, characteristic, known)):
            known.take(_read(view, characteristic))
        known.history_uuid, known.row = meta.history_uuid, meta.last_row
        _forget(view, known)


def _read(view: View, characteristic: int) -> Columns:
    return columns_of(view.db.execute(_OF_ONE, (characteristic,)))


def latest(view: View, characteristic: int, count: int) -> Columns:
    """The latest `count` points without reading the others."""
    rows = view.db.execute(_LATEST, (characteristic, count))
    return columns_of(reversed(rows.fetchall()))


def _follow(view: View, characteristic: int, known: _Known) -> bool:
    """Takes over what is new and what is restated; False where that does not fit to what is known."""
    came = columns_of(view.db.execute(_NEW, (characteristic, known.row)))
    if not len(came):
        return True
    restated = _places(known.points(), came)
    again = restated >= 0
    if again.any():
        changed = {name: column[: known.size].copy() for name, column in known.columns.items()}
        for name in NAMES:
            changed[name][restated[again]] = came[name][again]
        known.take(Columns(changed))
    new = came.taken(np.flatnonzero(~again))
    times = np.concatenate([known.points()["time"][-1:], new["time"]])
    if (np.diff(times) < 0).any():  # between older ones: its own place is found by reading all
        return False
    known.add(new)
    return True


def _places(points: Columns, came: Columns) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Where each of `came` stands among `points` already, −1 where it is new."""
    found = np.full(len(came), -1)
    starts = np.searchsorted(points["time"], came["time"], "left")
    ends = np.searchsorted(points["time"], came["time"], "right")
    for place, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        same = (points["seq"][start:end] == came["seq"][place]) & (points["idx"][start:end] == came["idx"][place])
        if same.any():
            found[place] = start + int(same.argmax())
    return found


def _forget(view: View, known: _Known) -> None:
    """Leaves out what has gone from the history, once it is more than a few."""
    asked = view.db.execute('SELECT "gone_row" FROM "retention"').fetchone()
    rows = known.points()["row"]
    stays = rows > (asked[0] if asked else 0)
    stays[-1:] = True  # the latest point never goes
    if (~stays).sum() > GONE * len(rows):
        known.take(known.points().taken(np.flatnonzero(stays)))
