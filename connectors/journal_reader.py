"""Reading the journal: forward, over its segments, while it grows."""

import os
import sqlite3
from bisect import bisect_right
from pathlib import Path
from typing import Any

from connectors.errors import JournalAbsent, JournalError, JournalForeign, JournalHole, JournalShortened
from connectors.segments import Entry, check, connect, segment_name, segments

MOST_BYTES = 16 << 20  # of payloads read at once


def _bounded(cursor: sqlite3.Cursor) -> list[tuple[Any, ...]]:
    """The rows of a query on entries, up to the one whose payload reaches the bound."""
    rows: list[tuple[Any, ...]] = []
    size = 0
    for row in cursor:
        rows.append(row)
        size += len(row[6])
        if size >= MOST_BYTES:
            break
    return rows


class JournalReader:
    """A read-only view of a journal that follows it over its segments; many may read beside the writer.

    `uuid`, when given, is the journal that is expected: another one raises `JournalForeign`. Raises
    `JournalAbsent` when there is no journal yet. For one thread at a time.
    """

    def __init__(self, folder: Path, uuid: str | None = None) -> None:
        self._folder = folder
        self._db: sqlite3.Connection | None = None
        self._first = 0  # of the segment that is open
        self._version = (0, 0)  # of which segment and transaction `may_follow` has last told
        self.uuid = self._checked()
        if uuid is not None and uuid != self.uuid:
            raise JournalForeign(f"journal {folder} is {self.uuid}; expected {uuid}")

    @property
    def first_seq(self) -> int:
        """The seq with which the oldest segment begins."""
        return self._segments[0]

    def last_seq(self) -> int:
        """The seq of the newest entry; `first_seq - 1` in an empty journal."""
        self._list()
        return self._end(self._segments[-1])

    def read(self, after_seq: int, limit: int = 10_000) -> list[Entry]:
        """The next entries after `after_seq`, in order, at most `limit` and about 16 MiB, of one segment.

        Empty: nothing new.

        Raises `JournalHole` when entries are missing, `JournalShortened` when there is no entry `after_seq`,
        `JournalError` when a file cannot be read. With nothing new a call takes about 15 µs.
        """
        query = "SELECT * FROM entry WHERE seq > ? ORDER BY seq LIMIT ?"
        while True:
            db = self._at(after_seq + 1)
            try:
                rows = _bounded(db.execute(query, (after_seq, limit)))
            except sqlite3.Error as error:
                raise JournalError(f"journal {self._folder}: cannot read after {after_seq}: {error}") from error
            if rows:
                if rows[0][0] != after_seq + 1 or rows[-1][0] - after_seq != len(rows):
                    raise JournalHole(f"journal {self._folder}: entries are missing after {after_seq}")
                return list(map(Entry._make, rows))
            if not self._more(after_seq):
                return []

    def may_follow(self, after_seq: int) -> bool:
        """Whether something may have come since `read(after_seq)` last gave nothing; a fifth of the cost of reading.

        False for sure, then: no transaction has been committed to the segment, and no other one begins there.
        """
        if self._db is None:
            return True
        (version,) = self._db.execute("PRAGMA data_version").fetchone()
        same = (self._first, version) == self._version
        self._version = (self._first, version)
        return not same or os.path.exists(f"{self._folder}/{segment_name(after_seq + 1)}")

    def entry(self, seq: int) -> Entry:
        """The entry `seq`. Raises `JournalHole` or `JournalShortened` when it is not there."""
        entries = self.read(seq - 1, 1)
        if not entries:
            raise JournalShortened(f"journal {self._folder} ends before {seq}")
        return entries[0]

    def close(self) -> None:
        """Close the segment at hand; reading opens it again."""
        if self._db is not None:
            self._db.close()
            self._db = None
            self._version = (0, 0)  # another connection counts anew

    def _checked(self) -> str:
        """The uuid of the journal, found whole; its oldest segment may be deleted meanwhile."""
        while True:
            self._list()
            listed = self.first_seq
            try:
                return check(self._folder, self._segments)
            except JournalHole:
                if listed in segments(self._folder):
                    raise

    def _at(self, seq: int) -> sqlite3.Connection:
        """A connection to the segment in which `seq` is, or comes next."""
        while True:
            at = bisect_right(self._segments, seq) - 1
            if at < 0:
                raise JournalHole(
                    f"journal {self._folder} begins with {self.first_seq}; entry {seq} is not there any more"
                )
            first = self._segments[at]
            if self._db is not None and first == self._first:
                return self._db
            self.close()
            try:
                self._db, self._first = connect(self._folder, first, self.uuid), first
            except JournalHole:
                self._list()
                if self.first_seq <= first:  # not deleted with all that came before it
                    raise

    def _end(self, first: int) -> int:
        (last,) = self._at(first).execute("SELECT max(seq) FROM entry").fetchone()
        return first - 1 if last is None else int(last)

    def _changed_ns(self) -> int:
        return self._folder.stat().st_mtime_ns if self._folder.exists() else 0

    def _list(self) -> None:
        self._listed = self._changed_ns()  # before the listing: what comes later is seen next time
        self._segments = segments(self._folder)
        if not self._segments:
            raise JournalAbsent(f"no journal in {self._folder}: the gateway has not run there, or it was taken away")

    def _more(self, after_seq: int) -> bool:
        """Whether to look again: entries, or a segment that begins with the next seq, have come meanwhile."""
        if self._first != after_seq + 1 and os.path.exists(f"{self._folder}/{segment_name(after_seq + 1)}"):
            self._list()
            return True
        end = self._end(self._first)
        if end >= after_seq and self._changed_ns() == self._listed:
            return end > after_seq
        self._list()
        if self._segments[bisect_right(self._segments, after_seq + 1) - 1] != self._first:
            return True
        following = [first for first in self._segments if first > after_seq]
        if following and following[0] > after_seq + 1:
            raise JournalHole(f"journal {self._folder}: entries {end + 1} to {following[0] - 1} are missing")
        if end < after_seq:
            raise JournalShortened(f"journal {self._folder} ends with {end}; asked to read after {after_seq}")
        return end > after_seq
