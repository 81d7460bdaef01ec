"""What the engine resumes from, and what it does where that does not fit journal and history.

The recovery folder holds offset and states. It may be lost, or be another journal's or another version's, and results
may be ahead of it, never behind. Then the states are rebuilt: from the newest checkpoint of the history that the
journal reaches back to and this version reads, else from the journal's first entry. Rows that come again on the way
are passed over.
"""

import logging
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import lru_cache
from pathlib import Path

from bytewax.recovery import init_db_dir

from config.plan import Plan
from connectors.checkpoints import checkpoint_seqs, stored_state, stored_versions
from connectors.errors import HistoryForeign, JournalHole, PlumblineError
from connectors.history import CommitUnit, HistoryWriter
from connectors.journal_reader import JournalReader
from connectors.locking import RoleLock
from connectors.retention import Retention
from connectors.segments import CHECKPOINT, PLAN, SYSTEM, Entry
from flows import framing, plant_step, shard
from flows.engine_run import DataflowEnded
from flows.frames import PlantFrame
from flows.journal_source import Offset

log = logging.getLogger("plumbline.engine")

MEND = (
    "Restore what is missing from a backup, or begin a new history with `plumbline renew FILE`: "
    "it keeps the old one aside"
)


class CannotRebuild(PlumblineError):  # noqa: N818 - says what is the case
    """Journal, history and recovery folder do not fit, and nothing reaches back far enough to mend it from."""


class Recovery:
    """Where one run of the dataflow begins: where the recovery folder says, else at `base`.

    `base` is the journal entry whose checkpoint the states are rebuilt from, 0 for the journal's beginning, None when
    nothing reaches back. Raises `CannotRebuild` for a journal that ends before the history's results do.
    """

    def __init__(self, data: Path, reader: JournalReader, writer: HistoryWriter) -> None:
        self._path, self._reader, self._writer = data / "history.db", reader, writer
        self._rebuilds = False  # this run begins at the base
        self.faults: list[str] = []  # why the recovery folder does not fit
        applied = writer.meta.applied_seq
        if (last := reader.last_seq()) < applied:
            raise CannotRebuild(
                f"{self._path} holds results to entry {applied}, journal {reader.uuid} ends with {last}: expected a "
                f"journal that is not older than its history. {MEND}"
            )
        self._bases = self._usable()
        self.base = next(self._bases, None)

    def begins(self, offset: Offset | None) -> int | None:
        """The seq after which the journal is read; None when neither offset nor base is of use."""
        self.faults = self._faults(offset)
        self._rebuilds = offset is None
        if self.faults:
            return None
        if offset is not None:
            return offset[1]
        if self.base or self._writer.meta.applied_seq:
            log.warning("the state is rebuilt from %s", self._named())
        return self.base

    def stored(self, step: str, key: str) -> bytes | None:
        """The state that a step without one begins with."""
        if not self._rebuilds or not self.base:
            return None
        return stored_state(self._path, self.base, step, key)

    def drop(self, folder: Path) -> None:
        """Let the next run begin at the base; raises `CannotRebuild` when there is none.

        A base whose states turned out to be of another version is passed by.
        """
        if self._rebuilds:
            self.base = next(self._bases, None)
        if self.base is None:
            raise CannotRebuild(
                f"{self.faults[0]}; journal {self._reader.uuid} begins with entry {self._reader.first_seq}, and "
                f"{self._path} holds no checkpoint from there on that this version reads. {MEND}"
            )
        log.warning("the recovery folder is dropped: %s", self.faults[0])
        shutil.rmtree(folder)

    def _faults(self, offset: Offset | None) -> list[str]:
        """Why the offset does not fit: results may be ahead of it, never behind, and what follows must be there."""
        if offset is None:
            return ["there is no recovery state"] if self.base is None else []
        uuid, seq = offset
        applied, first, last = self._writer.meta.applied_seq, self._reader.first_seq, self._reader.last_seq()
        if uuid != self._reader.uuid:
            return [f"the recovery state belongs to journal {uuid}, this one is {self._reader.uuid}"]
        if applied < seq:
            return [f"the recovery state has read to entry {seq}, the history holds results to {applied}"]
        if last < seq:
            return [f"the recovery state has read to entry {seq}, the journal ends with {last}"]
        if seq + 1 < first:
            return [f"the recovery state has read to entry {seq}, the journal begins with {first}"]
        return []

    def _usable(self) -> Iterator[int]:
        """What the states could be rebuilt from, the best first."""
        read = {
            ("frame_entries", framing.SCHEMA_VERSION),
            ("chart_shards", shard.SCHEMA_VERSION),
            ("fold_plant", plant_step.SCHEMA_VERSION),
        }
        for seq in checkpoint_seqs(self._path):
            if seq + 1 >= self._reader.first_seq:
                if stored_versions(self._path, seq) == read:
                    yield seq
                else:
                    log.warning("the checkpoint at entry %d is of another version and is passed by", seq)
        if self._reader.first_seq == 1:
            yield 0

    def _named(self) -> str:
        return f"the checkpoint at entry {self.base}" if self.base else "the journal's first entry"


def open_history(data: Path, journal_uuid: str, retention: Retention | None) -> HistoryWriter:
    """The history beside a journal; raises `HistoryForeign` with what to do when it is another journal's."""
    try:
        return HistoryWriter(data / "history.db", journal_uuid, retention=retention)
    except HistoryForeign as error:
        raise HistoryForeign(f"{error}. {MEND}") from error


def renew_history(data: Path) -> Path | None:
    """Set the history aside, if there is one, and begin a new one where the journal begins; where the old one is now.

    Raises `JournalAbsent` without a journal and `AlreadyRunning` beside a running engine.
    """
    path = data / "history.db"
    reader = JournalReader(data / "journal")
    reader.close()
    with RoleLock(data / "history.db.lock", "history writer"):
        aside = _set_aside(path) if path.exists() else None
    if reader.first_seq > 1:
        writer = HistoryWriter(path, reader.uuid)
        writer.commit(first_checkpoint(reader.first_seq - 1))
        writer.close()
    return aside


def _set_aside(path: Path) -> Path:
    """Rename a history, after what its WAL holds is in the file; where it is damaged or read, the WAL goes with it."""
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    number = 1
    while (aside := path.with_name(f"history-{number}.db")).exists():
        number += 1
    path.rename(aside)
    with suppress(FileNotFoundError):
        Path(f"{path}-wal").rename(f"{aside}-wal")
    Path(f"{path}-shm").unlink(missing_ok=True)
    return aside


def first_checkpoint(seq: int) -> CommitUnit:
    """The checkpoint of an engine that has seen nothing, at journal entry `seq`: a history that begins behind it."""

    def no_plan(_seq: int) -> Plan:
        raise AssertionError("a state that has seen nothing names no plan")

    plant = plant_step.PlantLogic(no_plan)
    units: list[CommitUnit] = []
    for _, item in framing.FramingLogic(no_plan).frames([Entry(seq, 0, SYSTEM, CHECKPOINT, 0, 0, b"{}")]):
        units += plant.take(item if isinstance(item, PlantFrame) else shard.ShardLogic(no_plan).answer(item))
    return units[0]


def prepare(folder: Path) -> None:
    """An empty recovery folder if there is none; put in place whole, since Bytewax refuses one that is half made."""
    for part in folder.glob("*.sqlite3"):
        if not _is_database(part):
            log.warning(
                "%s is no database: the recovery folder is dropped and the state rebuilt from the journal", part
            )
            shutil.rmtree(folder)
            break
    if not any(folder.glob("*.sqlite3")):
        new = folder.with_name(f"{folder.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700, parents=True)
        init_db_dir(str(new), 1)  # type: ignore[no-untyped-call] # compiled
        shutil.rmtree(folder, ignore_errors=True)  # what is left of one that was dropped
        new.rename(folder)


def _is_database(path: Path) -> bool:
    """Whether SQLite can read the file: Bytewax ends the process where it cannot.

    Raises `DataflowEnded` when only the folder or the disk keeps it from that: the file may be good.
    """
    try:
        with closing(sqlite3.connect(path)) as db:
            return bool(db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.OperationalError as error:
        raise DataflowEnded(f"{path} cannot be used: {error}; make room, or see to its rights") from error
    except sqlite3.DatabaseError:
        return False


def plan_reader(folder: Path, uuid: str) -> Callable[[int], Plan]:
    """Reads the plan of a journal entry, through a reader of its own.

    A state that names a plan from before the journal's first entry is a checkpoint's just before that entry, with
    which the plan in force was written again.
    """
    reader = JournalReader(folder, uuid)

    @lru_cache(maxsize=4)
    def plan_at(seq: int) -> Plan:
        entry = reader.entry(max(seq, reader.first_seq))
        if (entry.connector, entry.topic) != (SYSTEM, PLAN):
            raise JournalHole(f"journal {folder}: expected the plan of entry {seq} at {entry.seq}, got {entry.topic!r}")
        return Plan.from_json(entry.payload)

    return plan_at
