"""How fast things go: the differences between looks at counters that only grow, and at the free disk."""

import threading
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from board.history.queries import View, read_meta

OVER_SECONDS = 60.0  # rates are over so long, or as long as somebody has looked
LEAST_SECONDS = 3.0  # two looks nearer than that are no rate
MOST_ROWS = 300_000  # new since the last look: more are not counted, and the rates begin anew
DISK_EVERY_SECONDS = 60.0
DISK_SAMPLES = 1440  # a day of them
DISK_LEAST_SECONDS = 600.0  # what a disk loses in less says nothing of days
DAY_SECONDS = 86_400.0


class Look(NamedTuple):
    """Counters at one moment (`at` in s of any clock): journal entries, history rows, readings since the first look."""

    at: float
    entries: int
    row: int
    readings: int


@dataclass(frozen=True, slots=True)
class Rates:
    """Per second, over the last `seconds`."""

    seconds: float
    entries: float
    readings: float
    rows: float


@dataclass(frozen=True, slots=True)
class DiskLeft:
    """The `days` until nothing is taken in any more, at the rate of the last `seconds`; None: it does not get less."""

    seconds: float
    days: float | None


class Trend:
    """The looks of one web process; asked by several threads."""

    def __init__(self) -> None:
        self._looks: deque[Look] = deque()
        self._free: deque[tuple[float, int]] = deque(maxlen=DISK_SAMPLES)
        self._lock = threading.Lock()

    def look(self, view: View, entries: int, at: float) -> Rates | None:
        """The rates up to now; None until two looks are far enough apart. `entries`: the journal's newest."""
        with self._lock:
            row = read_meta(view.db).last_row
            last = self._looks[-1] if self._looks else Look(at, entries, row, 0)
            if row < last.row or entries < last.entries or row - last.row > MOST_ROWS:
                self._looks.clear()  # another history or journal, or a long pause
                last = Look(at, entries, row, 0)
            if self._looks and at - last.at < LEAST_SECONDS:
                return self._rates()
            self._looks.append(Look(at, entries, row, last.readings + _readings(view, last.row)))
            while len(self._looks) > 2 and at - self._looks[1].at >= OVER_SECONDS:
                self._looks.popleft()
            return self._rates()

    def _rates(self) -> Rates | None:
        first, last = self._looks[0], self._looks[-1]
        seconds = last.at - first.at
        if seconds < LEAST_SECONDS:
            return None
        grown = (getattr(last, name) - getattr(first, name) for name in ("entries", "readings", "row"))
        return Rates(seconds, *(amount / seconds for amount in grown))

    def note_free(self, free_bytes: int, at: float) -> None:
        """What the disk has left now."""
        with self._lock:
            if not self._free or at - self._free[-1][0] >= DISK_EVERY_SECONDS:
                self._free.append((at, free_bytes))

    def disk_left(self, least_bytes: int) -> DiskLeft | None:
        """Until when the free disk is at `least_bytes`; None until it has been looked at for ten minutes."""
        with self._lock:
            if not self._free:
                return None
            (began, before), (at, free) = self._free[0], self._free[-1]
        seconds, lost = at - began, before - free
        if seconds < DISK_LEAST_SECONDS:
            return None
        days = max(0, free - least_bytes) / lost * seconds / DAY_SECONDS if lost > 0 else None
        return DiskLeft(seconds, days)


def _readings(view: View, row: int) -> int:
    """The readings that rows behind one have brought: inside points, and those that are in none."""
    (inside,) = view.db.execute(
        'SELECT coalesce(sum(length("values")), 0) / 8 FROM "point" WHERE "row" > ?', (row,)
    ).fetchone()
    (loose,) = view.db.execute('SELECT count(*) FROM "reading" WHERE "row" > ?', (row,)).fetchone()
    return int(inside + loose)
