"""The engine process: one Bytewax dataflow from the journal to the history. No network, no wall clock."""

import logging
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from threading import Event

from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import run_main

from config.models import PlantFile
from config.plan import Plan
from connectors.errors import JournalAbsent, PlumblineError, StateUnfit
from connectors.history import HistoryWriter
from connectors.journal_reader import JournalReader
from flows.history_sink import HistorySink
from flows.journal_source import Finished, JournalSource, Offset, Stopped
from flows.plant import build
from rules.compiled import is_compiled

EPOCH = timedelta(seconds=10)
WAIT_SECONDS = 0.2

log = logging.getLogger("plumbline.engine")


class CannotRebuild(PlumblineError):  # noqa: N818 - says what is the case
    """Nothing reaches back far enough to rebuild the state from."""


def _never() -> bool:
    return False


def run(plant: PlantFile, data: Path, stop: Event, *, epoch: timedelta = EPOCH) -> None:
    """Run until `stop`, waiting for the journal if the gateway has not made it yet."""
    if not is_compiled():
        log.info("the charts are being compiled, once for this version: results begin in about half a minute")
    reader = _wait_for_journal(data / "journal", stop)
    if reader is None:
        return
    writer = HistoryWriter(data / "history.db", reader.uuid)
    try:
        follow(data, reader, writer, lambda _: False, epoch, stop.is_set)
    finally:
        writer.close()
        reader.close()


def follow(
    data: Path,
    reader: JournalReader,
    writer: HistoryWriter,
    finished: Finished,
    epoch: timedelta = EPOCH,
    stopped: Stopped = _never,
) -> None:
    """Run the dataflow over the journal until `finished` or `stopped`; a recovery folder that does not fit is dropped.

    Rebuilding reads the journal from its first entry; rows that the history holds are passed over. Raises
    `CannotRebuild` when it would have to be rebuilt from entries that are no longer there.
    """
    folder = data / "recovery"
    faults: list[str] = []  # why the recovery folder does not fit

    def fits(offset: Offset | None) -> bool:
        faults[:] = _faults(offset, reader, writer)
        return not faults

    while True:
        _prepare(folder)
        source = JournalSource(reader, finished, stopped, fits)
        flow = build(source, HistorySink(writer), _plan_reader(data / "journal", reader.uuid))
        log.info("engine runs: journal %s, history holds entries up to %d", reader.uuid, writer.meta.applied_seq)
        try:
            run_main(flow, epoch_interval=epoch, recovery_config=RecoveryConfig(str(folder)))  # type: ignore[no-untyped-call] # compiled
        except Exception as error:
            faults[:] = _of_another_version(error)
            if not faults:
                raise
        if not faults:
            return
        if reader.first_seq > 1:
            raise CannotRebuild(
                f"{faults[0]}, and the journal begins with entry {reader.first_seq}: expected entry 1. "
                "Restore the recovery folder, or the older journal segments, from a backup"
            )
        log.warning("the recovery folder is dropped and the state rebuilt from the journal: %s", faults[0])
        shutil.rmtree(folder)


def _of_another_version(error: BaseException | None) -> list[str]:
    """What a step said of its state where that is of another version: Bytewax passes errors on as causes."""
    while error is not None:
        if isinstance(error, StateUnfit):
            return [str(error)]
        error = error.__cause__
    return []


def _faults(offset: Offset | None, reader: JournalReader, writer: HistoryWriter) -> list[str]:
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


def _prepare(folder: Path) -> None:
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


def _plan_reader(folder: Path, uuid: str) -> Callable[[int], Plan]:
    """Reads the plan of a journal entry, through a reader of its own."""
    reader = JournalReader(folder, uuid)

    @lru_cache(maxsize=4)
    def plan_at(seq: int) -> Plan:
        return Plan.from_json(reader.entry(seq).payload)

    return plan_at


def _wait_for_journal(folder: Path, stop: Event) -> JournalReader | None:
    waited = False
    while not stop.is_set():
        try:
            return JournalReader(folder)
        except JournalAbsent:
            if not waited:
                log.info("waiting for the gateway to make the journal in %s", folder)
            waited = True
            stop.wait(WAIT_SECONDS)
    return None
