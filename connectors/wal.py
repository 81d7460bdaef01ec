"""A write-ahead log that cannot start over, because a reader holds its view: watched, reported, cut back."""

import logging
import os
import sqlite3
from pathlib import Path

STEP_BYTES = 64 << 20  # it is tried to start over each time that the file has grown by so much
WAIT_MS = 100  # for readers, at each try

log = logging.getLogger("plumbline.history")


class WalWatch:
    """Watches the WAL of `db`, whose open file is `wal`; `look` after a commit, outside any transaction.

    SQLite starts a WAL over when nobody reads from it. One reader that holds its view, or many whose views overlap
    for ever, prevent that. Then the file is cut back as soon as there is a moment without a reader of old pages,
    for which each try waits 100 ms: an attempt a 64 MiB, so that it never costs more than it saves.
    """

    def __init__(self, db: sqlite3.Connection, path: Path, wal: int, step_bytes: int = STEP_BYTES) -> None:
        self._db, self._path, self._wal, self._step = db, path, wal, step_bytes
        self._next = step_bytes
        self._told = False

    def look(self) -> None:
        """Cut the WAL back if it has grown too long; one warning when it cannot be, one line when it could."""
        size = os.fstat(self._wal).st_size
        if size > self._next and self._cut_back():
            size = os.fstat(self._wal).st_size
        if size <= self._step:
            self._next = self._step
            if self._told:
                log.info("%s-wal is short again: the reader has let go", self._path)
                self._told = False
        elif size > self._next:
            self._next = size + self._step
            if not self._told:
                log.warning("a reader holds %s: %s-wal grows until it lets go, now %d MiB",
                            self._path, self._path.name, size >> 20)  # fmt: skip
                self._told = True

    def _cut_back(self) -> bool:
        (before,) = self._db.execute("PRAGMA busy_timeout").fetchone()
        self._db.execute(f"PRAGMA busy_timeout = {WAIT_MS}")
        try:
            (busy, _, _) = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            self._db.execute(f"PRAGMA busy_timeout = {before}")
        return not busy
