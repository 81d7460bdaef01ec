"""What the engine resumes from: the recovery folder, whether it fits journal and history, and what to do where not."""

import logging
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import lru_cache
from pathlib import Path

from bytewax.recovery import init_db_dir

from config.plan import Plan
from connectors.errors import PlumblineError, StateUnfit
from connectors.history import HistoryWriter
from connectors.journal_reader import JournalReader
from flows.journal_source import Offset

log = logging.getLogger("plumbline.engine")


class CannotRebuild(PlumblineError):  # noqa: N818 - says what is the case
    """Nothing reaches back far enough to rebuild the state from."""


def of_another_version(error: BaseException | None) -> list[str]:
    """What a step said of its state where that is of another version: Bytewax passes errors on as causes."""
    while error is not None:
        if isinstance(error, StateUnfit):
            return [str(error)]
        error = error.__cause__
    return []


def faults_of(offset: Offset | None, reader: JournalReader, writer: HistoryWriter) -> list[str]:
    """Why an offset does not fit journal and history: results may be ahead of the offset, never behind it."""
    if offset is None:
        return ["there is no recovery state"] if reader.first_seq > 1 else []
    uuid, seq = offset
    if uuid != reader.uuid:
        return [f"the recovery state belongs to journal {uuid}, this one is {reader.uuid}"]
    if writer.meta.applied_seq < seq:
        return [f"the recovery state has read to entry {seq}, the history holds results to {writer.meta.applied_seq}"]
    if reader.last_seq() < seq:
        return [f"the recovery state has read to entry {seq}, the journal ends with {reader.last_seq()}"]
    return []


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
    """Whether SQLite can read the file: Bytewax ends the process where it cannot."""
    try:
        with closing(sqlite3.connect(path)) as db:
            return bool(db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.DatabaseError:
        return False


def plan_reader(folder: Path, uuid: str) -> Callable[[int], Plan]:
    """Reads the plan of a journal entry, through a reader of its own."""
    reader = JournalReader(folder, uuid)

    @lru_cache(maxsize=4)
    def plan_at(seq: int) -> Plan:
        return Plan.from_json(reader.entry(seq).payload)

    return plan_at
