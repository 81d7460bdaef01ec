"""The journal: what connectors acknowledged, with ticks, plans, gaps and commands, in one order, on disk.

This is its writer; `connectors.segments` says what the files are, `connectors.journal_reader` reads them.

A segment gets its name only when its first transaction is on disk, so that a reader never sees half a file. WAL with
`synchronous=FULL`: with NORMAL a power cut loses rows that were acknowledged.
"""

import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from connectors.durable import sync_folder
from connectors.errors import JournalUnwritable
from connectors.journal_reader import JournalReader
from connectors.locking import RoleLock
from connectors.segments import (
    CHECKPOINT,
    COMMAND,
    GAP,
    PLAN,
    SCHEMA,
    SCHEMA_VERSION,
    SYSTEM,
    TICK,
    Entry,
    check,
    segment_name,
    segments,
    tick_range,
)

__all__ = [
    "CHECKPOINT",
    "COMMAND",
    "GAP",
    "PLAN",
    "REPLAY_STATE",
    "SYSTEM",
    "TICK",
    "Entry",
    "JournalReader",
    "JournalWriter",
    "Row",
]

Row = tuple[int, str, str, int, int, bytes]  # received_ns, connector, topic, packet_id, dup, payload
_Numbered = tuple[int, int, str, str, int, int, bytes]

REPLAY_STATE = "replay.input"  # the state key that only the journal of a replay has

_PLAN_STATE = "journal.plan"
_ROW_BYTES = 40  # what SQLite adds to a row, about
_INSERT = "INSERT INTO entry VALUES(?, ?, ?, ?, ?, ?, ?)"
_SET = "INSERT INTO state VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value"


class JournalWriter:
    """The one writer of a journal; creates the folder (0700) and the journal when there is none.

    `segment_bytes` and `segment_seconds` (from its first tick to its last) say when a segment is full. For one
    thread at a time. Raises `AlreadyRunning` when another writer holds the folder, `JournalError` when what is there is
    not one whole journal.
    """

    def __init__(self, folder: Path, *, segment_bytes: int = 1 << 30, segment_seconds: int = 86_400) -> None:
        self._folder, self._segment_bytes, self._segment_ns = folder, segment_bytes, segment_seconds * 1_000_000_000
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = RoleLock(folder / "writer.lock", "journal")
        self._closed = False
        self._began_ns = self._tick_ns = 0  # the first and the last tick in the segment
        try:
            first_seqs = segments(folder)
            if first_seqs:
                self.uuid = check(folder, first_seqs)
            else:
                self.uuid, first_seqs = str(uuid.uuid4()), [1]
                self._create(1, {}, ())
            self._open(first_seqs[-1])
        except BaseException:
            self._lock.release()
            raise

    @property
    def last_seq(self) -> int:
        """The seq of the newest entry; 0 in an empty journal."""
        return self._last_seq

    @property
    def plan(self) -> bytes | None:
        """The payload of the last plan entry."""
        plan = self._state.get(_PLAN_STATE)
        return None if plan is None else plan.encode()

    def state(self, key: str) -> str | None:
        """The value last set with `append(..., state={key: value})`; it survives restarts and segments."""
        return self._state.get(key)

    def states(self, prefix: str) -> dict[str, str]:
        """All values whose keys begin with `prefix`, by the rest of the key."""
        return {key.removeprefix(prefix): value for key, value in self._state.items() if key.startswith(prefix)}

    def append(self, entries: Sequence[Row], state: Mapping[str, str] | None = None) -> int:
        """The seq of the first of `entries`, which are on disk, with `state`, in one transaction, on return.

        Raises `JournalUnwritable` when they are not: then nothing of them is in the journal.
        """
        plans = [row[5] for row in entries if row[1] == SYSTEM and row[2] == PLAN]
        changed = dict(state or {}) | ({_PLAN_STATE: plans[-1].decode()} if plans else {})
        try:
            if entries:
                self._make_room(entries[0][0])
            first = self._last_seq + 1
            self._transaction([(seq, *row) for seq, row in enumerate(entries, first)], changed)
        except (sqlite3.Error, OSError) as error:
            raise JournalUnwritable(f"journal {self._folder}: {error}") from error
        return first

    def close(self) -> None:
        """Close the segment and give the lock up; a second call does nothing."""
        if not self._closed:
            self._closed = True
            self._db.close()
            self._lock.release()

    def _transaction(self, rows: Sequence[_Numbered], state: dict[str, str]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany(_INSERT, rows)
            self._db.executemany(_SET, state.items())
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self._state |= state
        if rows:
            self._last_seq = rows[-1][0]
            self._ended = rows[-1][2:4] == (SYSTEM, CHECKPOINT)
            self._bytes += sum(len(row[6]) + len(row[3]) + _ROW_BYTES for row in rows)
            ticks = [row[6] for row in rows if row[2] == SYSTEM and row[3] == TICK]
            if ticks:
                self._tick_ns = int(ticks[-1])
                self._began_ns = self._began_ns or int(ticks[0])

    def _full(self) -> bool:
        too_long = self._tick_ns - self._began_ns >= self._segment_ns
        return self._last_seq >= self._first_seq and (too_long or self._bytes >= self._segment_bytes)

    def _make_room(self, received_ns: int) -> None:
        """End a full segment and begin the next; done in two transactions, and resumed between them."""
        received_ns = self._tick_ns or received_ns
        if not self._ended and self._full():
            self._transaction([(self._last_seq + 1, received_ns, SYSTEM, CHECKPOINT, 0, 0, b"{}")], {})
        if self._ended:
            first, plan = self._last_seq + 1, self._state.get(_PLAN_STATE)
            rows: list[_Numbered] = [] if plan is None else [(first, received_ns, SYSTEM, PLAN, 0, 0, plan.encode())]
            self._create(first, self._state, rows)
            self._db.close()
            self._open(first)

    def _create(self, first: int, state: Mapping[str, str], rows: Sequence[_Numbered]) -> None:
        path = self._folder / segment_name(first)
        for left_over in self._folder.glob("*.new*"):
            left_over.unlink()
        new = path.with_suffix(".new")
        with closing(sqlite3.connect(new, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous=FULL")
            db.executescript("BEGIN;" + SCHEMA)
            db.execute("INSERT INTO meta VALUES(?, ?, ?)", (self.uuid, first, SCHEMA_VERSION))
            db.executemany(_SET, state.items())
            db.executemany(_INSERT, rows)
            db.execute("COMMIT")
            db.execute("PRAGMA journal_mode=WAL")  # while it has no name: a kill in here leaves what no reader can mend
        new.chmod(0o600)
        new.rename(path)
        sync_folder(self._folder)

    def _open(self, first: int) -> None:
        path = self._folder / segment_name(first)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA synchronous=FULL")
        self._first_seq = first
        (last,) = self._db.execute("SELECT max(seq) FROM entry").fetchone()
        self._last_seq = first - 1 if last is None else int(last)
        query = "SELECT connector, topic FROM entry WHERE seq = ?"
        self._ended = self._db.execute(query, (self._last_seq,)).fetchone() == (SYSTEM, CHECKPOINT)
        self._state: dict[str, str] = dict(self._db.execute("SELECT key, value FROM state"))
        self._bytes = path.stat().st_size - 2 * len(self.plan or b"")  # it stands at the head and in the state
        self._began_ns, self._tick_ns = tick_range(self._db)
