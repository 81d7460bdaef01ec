"""History out: every result of the engine, in one SQLite file that only the engine writes.

An append-only log: one transaction a commit unit, rows numbered upstream by one counter over all kinds, and the
tables of what is current kept in the same transaction. What a repetition after a crash brings again
(`cause_seq` not above `applied_seq`) is passed over, or compared where `verify` is asked for.
"""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import uuid4

from connectors import history_schema as schema
from connectors.durable import sync_folder
from connectors.errors import HistoryAbsent, HistoryDiffers, HistoryError, HistoryForeign
from connectors.history_compare import compare_rows
from connectors.locking import RoleLock
from connectors.retention import Pruner, Retention
from connectors.wal import WalWatch
from rules.results import BY_NAME, KINDS, Kind

HistoryKind = Literal["plant", "what-if"]
Row = tuple[object, ...]

_POINT = {name: place for place, name in enumerate(schema.column_names(BY_NAME["point"]))}
_COPIED_AT = tuple(_POINT[name] for name in schema.COPIED)
_CHARACTERISTIC, _SEQ, _IDX, _TIME = (_POINT[name] for name in ("characteristic", "seq", "idx", "time"))


@dataclass(frozen=True, slots=True)
class Meta:
    """The history's single row about itself; `applied_seq` is the last journal entry whose results are in."""

    history_uuid: str
    journal_uuid: str
    applied_seq: int
    last_tick_ns: int
    kind: str
    schema_version: int
    last_row: int


@dataclass(frozen=True, slots=True)
class CommitUnit:
    """The results of the journal entries `first_seq..last_seq`, all of them: one transaction.

    `rows` maps a kind's name to its tuples in ascending `row`, each in the exact column order of
    `rules.results` (`row, cause_seq, ordinal`, then the kind's own), made of plain int, float, str, bytes, None.
    `closed`: the production days (date ordinals) that closed, each with the seq of the tick that closed it.
    """

    first_seq: int
    last_seq: int
    last_tick_ns: int
    rows: Mapping[str, Sequence[Row]]
    closed: Sequence[tuple[int, int]] = ()


class HistoryWriter:
    """The one writer of `path`; made if absent, refused if it belongs to another journal or writer.

    `bulk=True` leaves out the indexes by time until `finish_bulk()`, for a replay. `verify=True` compares rows
    that come again with those stored and raises `HistoryDiffers`. A commit survives the end of the process at
    once, and a power cut after `sync()`: WAL with `synchronous=NORMAL`. A checkpoint is on disk before anybody can
    read it: the gateway deletes journal segments that it covers. `retention` says what leaves the history
    (`connectors.retention`); nothing does without it.

    Readers never hold up a commit. While one holds its view, the WAL cannot start over and grows by what is
    written (about 4 kB a point), with a warning; it is cut back when the reader has let go.
    """

    def __init__(
        self,
        path: Path | str,
        journal_uuid: str,
        *,
        kind: HistoryKind = "plant",
        bulk: bool = False,
        verify: bool = False,
        retention: Retention | None = None,
    ) -> None:
        self._path = Path(path)
        self._verify = verify
        self._closed = False
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with ExitStack() as undo:
            self._lock = RoleLock(Path(f"{path}.lock"), "history writer")
            undo.callback(self._lock.release)
            self._db = _connect(self._path)
            undo.callback(self._db.close)
            if not self._has("meta"):
                with self._transaction():
                    self._create(journal_uuid, kind)
            self._meta = read_meta(self._db, self._path)
            self._check(journal_uuid, kind)
            with self._transaction():
                self._pruner = Pruner(self._db, self._path, journal_uuid, retention)
            self._indexed = self._has("point_by_time")
            if not bulk and not self._indexed:
                self.finish_bulk()
            self._wal = os.open(f"{self._path}-wal", os.O_RDONLY)
            self._watch = WalWatch(self._db, self._path, self._wal)
            undo.pop_all()
        sync_folder(self._path.parent)

    @property
    def meta(self) -> Meta:
        """What the file says of itself, as of the last commit."""
        return self._meta

    def commit(self, unit: CommitUnit) -> None:
        """Store one unit in one transaction; what is already applied is passed over.

        Raises `HistoryDiffers` (row numbers that go back; with `verify`, a repeated row that differs) and
        `HistoryError` (an unknown kind; a unit that begins behind a hole).
        """
        applied = self._meta.applied_seq
        if unit.first_seq > applied + 1 and applied:
            raise HistoryError(
                f"{self._path} holds the results up to journal entry {applied}: expected a unit "
                f"that begins at {applied + 1} or before, got {unit.first_seq}"
            )
        unknown = unit.rows.keys() - BY_NAME.keys()
        if unknown:
            raise HistoryError(f"unknown kinds of rows: {', '.join(sorted(unknown))}")
        fresh: Mapping[str, Sequence[Row]] = unit.rows
        if unit.first_seq <= applied:
            fresh = {name: [row for row in rows if _cause(row) > applied] for name, rows in unit.rows.items()}
            if self._verify:
                self._compare(unit, applied)
        if unit.last_seq <= applied:
            return
        self._write(unit, fresh)
        self._pruner.look()
        self._watch.look()

    def sync(self) -> None:
        """Everything committed so far is on disk when this returns, and survives a power cut."""
        os.fdatasync(self._wal)

    def finish_bulk(self) -> None:
        """Make the indexes that a replay left out, and complete the points it restated. Harmless twice."""
        with self._transaction():
            for statement in schema.TIME_INDEXES:
                self._db.execute(statement)
            for (row,) in self._db.execute('SELECT "row" FROM "restated" ORDER BY "row"').fetchall():
                self._complete(row)
            self._db.execute('DELETE FROM "restated"')
        self._indexed = True

    def close(self) -> None:
        """Write through and close; the next writer may open the file."""
        if self._closed:
            return
        self._closed = True
        self._pruner.close()
        self.sync()
        os.close(self._wal)
        self._db.close()
        self._lock.release()

    def _create(self, journal_uuid: str, kind: HistoryKind) -> None:
        for statement in (*schema.tables(), *schema.SMALL_INDEXES):
            self._db.execute(statement)
        self._db.execute(
            'INSERT INTO "meta" VALUES (1, ?, ?, 0, 0, ?, ?, 0)',
            (str(uuid4()), journal_uuid, kind, schema.SCHEMA_VERSION),
        )

    def _has(self, name: str) -> bool:
        return self._db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone() is not None

    def _check(self, journal_uuid: str, kind: HistoryKind) -> None:
        expected = {"schema_version": schema.SCHEMA_VERSION, "journal_uuid": journal_uuid, "kind": kind}
        for name, value in expected.items():
            if (got := getattr(self._meta, name)) != value:
                raise HistoryForeign(f"{self._path} is not this engine's: expected {name} {value!r}, got {got!r}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _durable(self) -> Iterator[None]:
        """Transactions in here are written through to the disk before they can be read."""
        self._db.execute("PRAGMA synchronous = FULL")
        try:
            yield
        finally:
            self._db.execute("PRAGMA synchronous = NORMAL")

    def _write(self, unit: CommitUnit, fresh: Mapping[str, Sequence[Row]]) -> None:
        filled = [rows for rows in fresh.values() if rows]
        first = min((_number(rows[0]) for rows in filled), default=self._meta.last_row + 1)
        last = max((_number(rows[-1]) for rows in filled), default=self._meta.last_row)
        if first <= self._meta.last_row:
            raise HistoryDiffers(
                f"{self._path}: expected row numbers above {self._meta.last_row} for new results, got {first}"
            )
        closed = [(day, seq) for day, seq in unit.closed if seq > self._meta.applied_seq]
        try:
            with self._durable() if fresh.get("checkpoint") else nullcontext(), self._transaction():
                self._pruner.note(closed, fresh, self._meta.last_row)
                for kind in KINDS:
                    if rows := fresh.get(kind.name):
                        self._insert(kind, rows)
                self._db.execute(
                    'UPDATE "meta" SET "applied_seq" = ?, "last_tick_ns" = ?, "last_row" = ?',
                    (unit.last_seq, unit.last_tick_ns, last),
                )
                self._pruner.prune(sum(map(len, filled)), unit.last_tick_ns)
        except BaseException:
            self._pruner.read()
            raise
        old = self._meta
        self._meta = Meta(
            old.history_uuid,
            old.journal_uuid,
            unit.last_seq,
            unit.last_tick_ns,
            old.kind,
            old.schema_version,
            last,
        )

    def _insert(self, kind: Kind, rows: Sequence[Row]) -> None:
        if kind.name == "point":
            self._insert_points(kind, rows)
            return
        self._db.executemany(schema.insert(kind), rows)
        if kind.name == "rejected":
            self._bound(kind, rows)
        if kind.name == "checkpoint":
            self._db.execute(schema.PRUNE_CHECKPOINTS, (schema.CHECKPOINTS_KEPT,))
        if kind in schema.CURRENT:
            places = [schema.column_names(kind).index(name) for name in kind.key]
            newest = {tuple(row[place] for place in places): row[0] for row in rows}
            self._db.executemany(schema.upsert_current(kind), [(*key, row) for key, row in newest.items()])

    def _bound(self, kind: Kind, rows: Sequence[Row]) -> None:
        """Delete what the rows push out: all but the last of each connector and reason that has new ones."""
        connector, reason = (schema.column_names(kind).index(name) for name in ("connector", "reason"))
        pairs = {(row[connector], row[reason]) for row in rows}
        self._db.executemany(
            'DELETE FROM "rejected" WHERE "connector" = ? AND "reason" = ? AND "count" <= (SELECT "count" FROM '
            '"rejected" WHERE "connector" = ? AND "reason" = ? ORDER BY "count" DESC LIMIT 1 OFFSET ?)',
            [(*pair, *pair, schema.REJECTED_KEPT) for pair in pairs],
        )

    def _insert_points(self, kind: Kind, rows: Sequence[Row]) -> None:
        values = _COPIED_AT[0]
        restated = [row for row in rows if row[values] is None]
        fresh = [row for row in rows if row[values] is not None] if restated else rows
        statement = schema.insert(kind)
        self._db.executemany(statement, fresh)
        newest = {row[_CHARACTERISTIC]: row for row in fresh}
        self._db.executemany(schema.UPSERT_POINT, [_latest(row) for row in newest.values()])
        for row in restated:
            self._db.execute(statement, row)
            if self._indexed:
                self._complete(_number(row))
            else:
                self._db.execute('INSERT INTO "restated" VALUES (?)', row[:1])
            self._db.execute(schema.RESTATE_POINT, (row[0], row[_CHARACTERISTIC], row[_SEQ], row[_IDX]))

    def _complete(self, row: int) -> None:
        """Copy into a restated point what its predecessor holds, and mark that one superseded."""
        older = self._db.execute(
            'SELECT b."row", b."values", b."refs", b."contexts" FROM "point" AS a JOIN "point" AS b '
            'ON b."characteristic" = a."characteristic" AND b."time" = a."time" AND b."seq" = a."seq" '
            'AND b."idx" = a."idx" AND b."row" < a."row" WHERE a."row" = ? ORDER BY b."row" DESC LIMIT 1',
            (row,),
        ).fetchone()
        if older is None:  # it has gone with its age; the restatement stands without its readings
            return
        if self._pruner.goes(older[0], row):  # as if it had gone: its readings go into the archive with it
            self._db.execute('UPDATE "point" SET "current" = 2 WHERE "row" = ?', older[:1])
            return
        self._db.execute(
            'UPDATE "point" SET "values" = ?, "refs" = ?, "contexts" = ? WHERE "row" = ?', (*older[1:], row)
        )
        self._db.execute('UPDATE "point" SET "current" = 0 WHERE "row" = ?', older[:1])

    def _compare(self, unit: CommitUnit, applied: int) -> None:
        again = {name: [row for row in rows if _cause(row) <= applied] for name, rows in unit.rows.items() if rows}
        numbers = [_number(row) for rows in again.values() for row in rows]
        if not numbers:
            return
        for kind in KINDS:
            stored = self._db.execute(
                f'SELECT {schema.quoted(schema.column_names(kind))} FROM "{kind.name}" WHERE "row" BETWEEN ? AND ?',
                (min(numbers), max(numbers)),
            )
            left = [row for row in again.get(kind.name, ()) if not self._may_be_gone(kind, row)]
            compare_rows(kind, {row[0]: row for row in stored if not self._may_be_gone(kind, row)}, left)

    def _may_be_gone(self, kind: Kind, row: Row) -> bool:
        return kind.name in schema.ARCHIVED and _number(row) <= self._pruner.archived_row


def read_meta(db: sqlite3.Connection, path: Path) -> Meta:
    """The single row of `meta`; raises `HistoryAbsent` while there is none, `HistoryForeign` for another file."""
    try:
        row = db.execute(
            'SELECT "history_uuid", "journal_uuid", "applied_seq", "last_tick_ns", "kind", "schema_version", '
            '"last_row" FROM "meta"'
        ).fetchone()
    except sqlite3.DatabaseError as error:
        if "no such table" in str(error):
            raise HistoryAbsent(f"{path} holds no history yet") from None
        raise HistoryForeign(f"{path}: expected a history of this release, got: {error}") from error
    return Meta(*row)


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30.0)
    os.chmod(path, 0o600)
    for pragma in (
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "wal_autocheckpoint = 4000",  # pages of 4 KiB: 16 MiB between checkpoints
        "journal_size_limit = 67108864",
        "cache_size = -65536",  # KiB: the index by time takes its inserts at as many places as characteristics
    ):
        db.execute(f"PRAGMA {pragma}")
    return db


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise HistoryError(f"expected a whole number in a row, got {value!r}")
    return value


def _number(row: Row) -> int:
    return _whole(row[0])


def _cause(row: Row) -> int:
    return _whole(row[1])


def _latest(row: Row) -> Row:
    return row[_CHARACTERISTIC], row[_SEQ], row[_IDX], row[0]
