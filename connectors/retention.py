"""What leaves the history, and when: rows that came more than `keep_days` production days ago, and by size.

The unit of age is the production day in which a row came: `closed` says with which row each production day ended, so
that age is a matter of the journal's ticks and never of the wall clock. A stretch of rows is first archived by a
process of its own, and once its files are on disk deleted a little at a time, inside the transactions that add rows.
What is current (a characteristic's latest point and capability) stays until another takes its place.

`retention`: rows up to `archived_row` are in the archive or `kept`, rows up to `gone_row` deleted or `kept`.
"""

import json
import logging
import sqlite3
import subprocess
import sys
import tempfile
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from connectors.archive import Archived, Stretch
from connectors.history_schema import ARCHIVED, RETENTION

STRETCH_ROWS = 250_000  # numbers of rows: some 50 MiB in the archiving process
LEAST = 200  # rows that a transaction may delete though it adds none: an idle plant is pruned too
RETRY_NS = 60_000_000_000  # of ticks, after an archive that could not be written

log = logging.getLogger("plumbline.history")


class Job(Protocol):
    """An archive being written."""

    def done(self) -> Archived | None:
        """The outcome, None while it is under way; `ArchiveFailed` when it has failed."""

    def abandon(self) -> None:
        """End it; files without a name may be left over."""


Archive = Callable[[Path, Stretch], Job]  # history and stretch


class ArchiveFailed(Exception):  # noqa: N818 - says what is the case
    """A stretch could not be archived; its rows stay, and it is tried again."""


@dataclass(frozen=True, slots=True)
class Retention:
    """Rows are kept for `keep_days` production days, and while the history takes less than `keep_bytes`."""

    keep_days: int
    keep_bytes: int
    archive: Archive
    stretch_rows: int = STRETCH_ROWS


class Pruner:
    """Keeps the history on `db` within its bounds; without `retention` it only notes when days closed.

    `note` and `prune` belong into a commit's transaction, `look` comes after it.
    """

    def __init__(self, db: sqlite3.Connection, path: Path, journal_uuid: str, retention: Retention | None) -> None:
        self._db, self._path, self._uuid, self._retention = db, path, journal_uuid, retention
        self._job: tuple[Stretch, Job] | None = None
        self._retry_ns = self._tick_ns = 0
        for statement in RETENTION:
            db.execute(statement)
        self.read()

    def read(self) -> None:
        """Know what the file knows: at first, and after a transaction that failed."""
        query = 'SELECT "archived_row", "gone_row" FROM "retention"'
        self.archived_row, self.gone_row = self._db.execute(query).fetchone()
        (self._releasing,) = self._db.execute('SELECT count(*) FROM "kept" WHERE "archived"').fetchone()
        self._due: list[tuple[int, int]] = [(0, self._horizon(None))]  # from which row on, up to which row rows go

    def note(
        self, closed: Iterable[tuple[int, int]], rows: Mapping[str, Sequence[Sequence[Any]]], row_before: int
    ) -> None:
        """Note with which row each production day of `closed` (day, seq of the tick) ended."""
        del self._due[:-1]
        for day, seq in closed:
            ends = (bisect_left(some, seq, key=_cause) for some in rows.values())
            last = [some[end - 1][0] for some, end in zip(rows.values(), ends, strict=True) if end]
            row = max(last, default=row_before)
            self._db.execute('INSERT OR IGNORE INTO "closed" VALUES (?, ?)', (day, row))
            self._due.append((row, self._horizon(day)))

    def goes(self, row: int, as_of_row: int) -> bool:
        """Whether `row` was due to go when `as_of_row` came: then nothing is taken over from it any more."""
        horizon = next((up_to for since, up_to in reversed(self._due) if since < as_of_row), 0)
        under_way = self._job[0].last_row if self._job else 0
        return row <= max(horizon, under_way, int(self.archived_row))

    def prune(self, added: int, tick_ns: int) -> None:
        """Delete archived rows, at most twice as many as were added; take over what has been archived meanwhile."""
        self._tick_ns = tick_ns
        most = max(2 * added, LEAST)
        if self._job is not None:
            self._take_over(*self._job)
        if self._releasing:
            most -= self._release(most)
        if self.gone_row < self.archived_row and most > 0:
            span = (self.gone_row, min(self.gone_row + most, self.archived_row))
            for kind in ARCHIVED:
                self._db.execute(
                    f'DELETE FROM "{kind}" WHERE "row" > ? AND "row" <= ? AND "row" NOT IN (SELECT "row" FROM "kept")',
                    span,
                )
            self._db.execute(_FORGET_REFUSALS, span)
            self.gone_row = span[1]
            self._db.execute('UPDATE "retention" SET "gone_row" = ?', (self.gone_row,))

    def look(self) -> None:
        """Begin to archive the next stretch when one is due and none is under way."""
        if self._retention is None or self._job is not None or self._tick_ns < self._retry_ns:
            return
        if self.gone_row < self.archived_row:
            return
        stretch = self._next()
        if stretch is not None:
            self._job = stretch, self._retention.archive(self._path, stretch)

    def close(self) -> None:
        """Give up what is being archived: the next writer begins it anew."""
        if self._job is not None:
            self._job[1].abandon()
            self._job = None

    def _horizon(self, closed_day: int | None) -> int:
        """The last row that is older than `keep_days` when `closed_day` (None: the newest noted) has closed."""
        if self._retention is None:
            return 0
        if closed_day is None:
            (closed_day,) = self._db.execute('SELECT coalesce(max("day"), 0) FROM "closed"').fetchone()
        query = 'SELECT coalesce(max("row"), 0) FROM "closed" WHERE "day" <= ?'
        (row,) = self._db.execute(query, (closed_day - self._retention.keep_days,)).fetchone()
        return int(row)

    def _next(self) -> Stretch | None:
        """The next stretch that is due: within one production day, and of a bounded number of rows."""
        assert self._retention is not None
        horizon = self._due[-1][1]
        if horizon <= self.archived_row and self._bytes() > self._retention.keep_bytes:
            (horizon,) = self._db.execute('SELECT coalesce(max("row"), 0) FROM "closed"').fetchone()
        query = 'SELECT "day", "row" FROM "closed" WHERE "row" > ? AND "row" <= ? ORDER BY "day" LIMIT 1'
        found = self._db.execute(query, (self.archived_row, horizon)).fetchone()
        if found is None:
            return None
        day, last_row = found
        return Stretch(
            self._uuid, day, self.archived_row, min(last_row, self.archived_row + self._retention.stretch_rows)
        )

    def _bytes(self) -> int:
        """What the rows take on disk; deleting makes the file no smaller, but its pages are used again."""
        pages, free, size = (
            self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    def _take_over(self, stretch: Stretch, job: Job) -> None:
        try:
            outcome = job.done()
        except ArchiveFailed as error:
            log.warning("nothing is deleted, since rows up to %d cannot be archived: %s", stretch.last_row, error)
            self._job, self._retry_ns = None, self._tick_ns + RETRY_NS
            return
        if outcome is None:
            return
        self._job = None
        kept = [(row, kind) for kind, row in outcome.kept]
        self._db.executemany('INSERT OR IGNORE INTO "kept" VALUES (?, ?, 0)', kept)
        self._db.executemany('UPDATE "kept" SET "archived" = 1 WHERE "row" = ?', [(row,) for row in outcome.released])
        self._db.execute('UPDATE "retention" SET "archived_row" = ?', (stretch.last_row,))
        self.archived_row = stretch.last_row
        self._releasing += len(outcome.released)

    def _release(self, most: int) -> int:
        """Delete rows that are current no longer and in the archive; gives how many."""
        query = 'SELECT "kind", "row" FROM "kept" WHERE "archived" ORDER BY "row" LIMIT ?'
        found = self._db.execute(query, (most,)).fetchall()
        for kind, row in found:
            self._db.execute(f'DELETE FROM "{kind}" WHERE "row" = ?', (row,))
            self._db.execute('DELETE FROM "kept" WHERE "row" = ?', (row,))
        self._releasing -= len(found)
        return len(found)


# Of each connector and reason the last refusal stays: it says how many there were.
_FORGET_REFUSALS = """DELETE FROM "rejected" WHERE "row" > ? AND "row" <= ? AND "count" < (SELECT max("newer"."count")
FROM "rejected" AS "newer" WHERE "newer"."connector" = "rejected"."connector"
AND "newer"."reason" = "rejected"."reason")"""


def archive_to(folder: Path) -> Callable[[Path, Stretch], "ArchiveProcess"]:
    """Archives into `folder`, each stretch by a process of its own that gives way to this one."""
    return lambda history, stretch: ArchiveProcess(history, folder, stretch)


class ArchiveProcess:
    """`python -m connectors.archive` on one stretch."""

    def __init__(self, history: Path, folder: Path, stretch: Stretch) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by done() or abandon()
        self._complained = tempfile.TemporaryFile()  # noqa: SIM115
        arguments = [str(history), str(folder), json.dumps(asdict(stretch))]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "connectors.archive", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._complained,
        )

    def done(self) -> Archived | None:
        """The outcome once the process has ended; `ArchiveFailed` with its last words when it failed."""
        status = self._process.poll()
        if status is None:
            return None
        with self._said, self._complained:
            self._said.seek(0)
            self._complained.seek(0)
            if status != 0:
                words = self._complained.read().decode(errors="replace").strip().splitlines()
                raise ArchiveFailed(words[-1] if words else f"the archiving process ended with {status}")
            said = json.loads(self._said.read())
        return Archived(said["rows"], [(kind, row) for kind, row in said["kept"]], said["released"])

    def wait(self) -> None:
        """Return when the process has ended."""
        self._process.wait()

    def abandon(self) -> None:
        """Kill the process: what it has not renamed is no file of the archive."""
        self._process.kill()
        self._process.wait()
        self._said.close()
        self._complained.close()


def _cause(row: Sequence[Any]) -> int:
    return int(row[1])
