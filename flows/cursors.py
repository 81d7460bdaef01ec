"""`forwarder.db`: how far each target has been served, and what a target refused."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from connectors.locking import RoleLock

REFUSALS_KEPT = 100  # per target and reason
BODY_KEPT = 4096  # characters of what was refused

_TABLES = """
CREATE TABLE IF NOT EXISTS "cursor" ("target" TEXT PRIMARY KEY, "history_uuid" TEXT NOT NULL,
    "row" INTEGER NOT NULL, "late" INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS "quarantine" ("number" INTEGER PRIMARY KEY, "target" TEXT NOT NULL, "reason" TEXT NOT NULL,
    "count" INTEGER NOT NULL, "history_uuid" TEXT NOT NULL, "row" INTEGER NOT NULL, "detail" TEXT NOT NULL,
    "body" TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS "quarantine_by_reason" ON "quarantine" ("target", "reason", "count");
"""


class Cursor(NamedTuple):
    """How far a target has been served: all rows up to `row`; `late`: late readings among them."""

    row: int = 0
    late: int = 0


class Refusal(NamedTuple):
    """What a target does not take: `reason` a short kebab word, `detail` its answer, `row` the row (at least)."""

    reason: str
    row: int
    detail: str
    body: str


class Cursors:
    """The forwarder's own database; raises `AlreadyRunning` when another forwarder has it. For several threads."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = RoleLock(Path(f"{path}.lock"), "forwarder")
        self._one = Lock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        path.chmod(0o600)
        # A cursor that a power cut takes back makes rows go out twice under their keys, which changes nothing.
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + _TABLES)

    def get(self, target: str, history_uuid: str) -> Cursor:
        """Where to go on; at the beginning for a history that this target has not seen."""
        with self._one:
            found = self._db.execute(
                'SELECT "row", "late" FROM "cursor" WHERE "target" = ? AND "history_uuid" = ?', (target, history_uuid)
            ).fetchone()
        return Cursor(*found) if found else Cursor()

    def advance(self, target: str, history_uuid: str, cursor: Cursor, refusals: Sequence[Refusal] = ()) -> None:
        """Remember that `target` has been served up to `cursor`, and what it refused, in one transaction."""
        with self._one:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.execute('INSERT OR REPLACE INTO "cursor" VALUES (?, ?, ?, ?)', (target, history_uuid, *cursor))
                for refusal in refusals:
                    self._keep(target, history_uuid, refusal)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk has SQLite undo it by itself
                    self._db.execute("ROLLBACK")
                raise

    def refused(self, target: str) -> int:
        """How much this target has refused so far."""
        with self._one:
            (count,) = self._db.execute(
                'SELECT coalesce(sum("most"), 0) FROM '
                '(SELECT max("count") AS "most" FROM "quarantine" WHERE "target" = ? GROUP BY "reason")',
                (target,),
            ).fetchone()
        return int(count)

    def close(self) -> None:
        """Close the file and let another forwarder have it."""
        with self._one:
            self._db.close()
        self._lock.release()

    def _keep(self, target: str, history_uuid: str, refusal: Refusal) -> None:
        (before,) = self._db.execute(
            'SELECT coalesce(max("count"), 0) FROM "quarantine" WHERE "target" = ? AND "reason" = ?',
            (target, refusal.reason),
        ).fetchone()
        self._db.execute(
            'INSERT INTO "quarantine" ("target", "reason", "count", "history_uuid", "row", "detail", "body") '
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (target, refusal.reason, before + 1, history_uuid, refusal.row, refusal.detail, refusal.body[:BODY_KEPT]),
        )
        self._db.execute(
            'DELETE FROM "quarantine" WHERE "target" = ? AND "reason" = ? AND "count" <= ?',
            (target, refusal.reason, before + 1 - REFUSALS_KEPT),
        )
