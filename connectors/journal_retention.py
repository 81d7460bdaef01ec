"""What leaves the journal: whole segments, the oldest first, once a stored checkpoint covers them.

A segment that ends with a checkpoint is not needed to rebuild any state once the history holds that checkpoint, which
is on disk before it can be read (`connectors.history`). It is kept all the same for `keep_days` of ticks, and while
the journal takes less than `keep_bytes`, so that what came can be looked at and computed again.

Only the journal's writer deletes. A kill between two steps leaves a journal without a hole, or files that belong to no
segment, which the next start removes.
"""

import logging
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from connectors.checkpoints import covered_seq
from connectors.durable import sync_folder
from connectors.errors import HistoryError, JournalError
from connectors.segments import connect, segment_name, segments, tick_range

DAY_NS = 86_400 * 1_000_000_000
BESIDE = ("-wal", "-shm")  # SQLite's files beside a segment

log = logging.getLogger("plumbline.journal")


class Closed(NamedTuple):
    """A segment to which nothing is added any more; `end_ns` is the last tick before its checkpoint."""

    first_seq: int
    last_seq: int
    end_ns: int
    size: int  # bytes on disk


def outdated(
    closed: Sequence[Closed], *, covered: int, open_bytes: int, now_ns: int, keep_ns: int, keep_bytes: int
) -> list[Closed]:
    """Of the closed segments, oldest first, those that may go: covered, and beyond the time or the size to keep."""
    size = open_bytes + sum(one.size for one in closed)
    going: list[Closed] = []
    for one in closed:
        if one.last_seq > covered or (now_ns - one.end_ns <= keep_ns and size <= keep_bytes):
            break
        size -= one.size
        going.append(one)
    return going


def delete(folder: Path, first_seq: int) -> None:
    """Delete a segment: what makes it one goes first, so that nobody finds a part of it."""
    path = folder / segment_name(first_seq)
    path.unlink()
    for suffix in BESIDE:
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what a kill has left of segments that were being deleted."""
    for suffix in BESIDE:
        for left in folder.glob(f"{'[0-9]' * 20}.db{suffix}"):
            if not Path(str(left).removesuffix(suffix)).exists():
                left.unlink()


class JournalRetention:
    """Deletes what may go of the journal in `folder`, by what the history at `history` covers."""

    def __init__(self, folder: Path, uuid: str, history: Path, *, keep_days: float, keep_gb: float) -> None:
        self._folder, self._uuid, self._history = folder, uuid, history
        self._keep_ns, self._keep_bytes = int(keep_days * DAY_NS), int(keep_gb * 1e9)
        self._known: dict[int, Closed] = {}
        self._said = ""
        sweep(folder)

    def step(self) -> list[Closed]:
        """Delete what may go now; what was deleted. What hinders it is in the log once, and tried again."""
        try:
            gone = self._delete()
        except (sqlite3.Error, OSError, HistoryError, JournalError) as error:
            if str(error) != self._said:
                log.warning("nothing is deleted from journal %s: %s", self._folder, error)
            self._said = str(error)
            return []
        self._said = ""
        return gone

    def _delete(self) -> list[Closed]:
        firsts = segments(self._folder)
        if len(firsts) < 2:
            return []
        closed = [self._closed(first, following - 1) for first, following in pairwise(firsts)]
        going = outdated(
            closed,
            covered=covered_seq(self._history, self._uuid),
            open_bytes=_size(self._folder, firsts[-1]),
            now_ns=max(self._last_tick_ns(firsts[-1]), closed[-1].end_ns),
            keep_ns=self._keep_ns,
            keep_bytes=self._keep_bytes,
        )
        for one in going:
            delete(self._folder, one.first_seq)
            self._known.pop(one.first_seq, None)
        if going:
            sync_folder(self._folder)
            log.info("journal: entries %d to %d are deleted", going[0].first_seq, going[-1].last_seq)
        return going

    def _closed(self, first: int, last: int) -> Closed:
        if first not in self._known:
            with closing(connect(self._folder, first, self._uuid)) as db:
                (end_ns,) = db.execute("SELECT received_ns FROM entry WHERE seq = ?", (last,)).fetchone()
            self._known[first] = Closed(first, last, end_ns, _size(self._folder, first))
        return self._known[first]

    def _last_tick_ns(self, first: int) -> int:
        with closing(connect(self._folder, first, self._uuid)) as db:
            return tick_range(db)[1]


def _size(folder: Path, first: int) -> int:
    path = folder / segment_name(first)
    return sum(part.stat().st_size for part in (path, Path(f"{path}-wal")) if part.exists())
