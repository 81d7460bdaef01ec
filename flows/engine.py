"""The engine process: one Bytewax dataflow from the journal to the history. No network, no wall clock."""

import logging
import shutil
from datetime import timedelta
from pathlib import Path
from threading import Event

from bytewax.recovery import RecoveryConfig
from bytewax.testing import run_main

from config.models import PlantFile
from connectors.errors import JournalAbsent
from connectors.history import HistoryWriter
from connectors.journal_reader import JournalReader
from connectors.retention import Retention, archive_to
from flows.history_sink import HistorySink
from flows.journal_source import Finished, JournalSource, Offset, Stopped
from flows.plant import build
from flows.recovery import CannotRebuild, faults_of, of_another_version, plan_reader, prepare
from rules.compiled import is_compiled

EPOCH = timedelta(seconds=10)
WAIT_SECONDS = 0.2

log = logging.getLogger("plumbline.engine")


def _never() -> bool:
    return False


def run(plant: PlantFile, data: Path, stop: Event, *, epoch: timedelta = EPOCH) -> None:
    """Run until `stop`, waiting for the journal if the gateway has not made it yet."""
    if not is_compiled():
        log.info("the charts are being compiled, once for this version: results begin in about half a minute")
    reader = _wait_for_journal(data / "journal", stop)
    if reader is None:
        return
    keep = Retention(plant.storage.keep_days, int(plant.storage.keep_gb * 1e9), archive_to(data / "archive"))
    writer = HistoryWriter(data / "history.db", reader.uuid, retention=keep)
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
        faults[:] = faults_of(offset, reader, writer)
        return not faults

    while True:
        prepare(folder)
        source = JournalSource(reader, finished, stopped, fits)
        flow = build(source, HistorySink(writer), plan_reader(data / "journal", reader.uuid))
        log.info("engine runs: journal %s, history holds entries up to %d", reader.uuid, writer.meta.applied_seq)
        try:
            run_main(flow, epoch_interval=epoch, recovery_config=RecoveryConfig(str(folder)))  # type: ignore[no-untyped-call] # compiled
        except Exception as error:
            faults[:] = of_another_version(error)
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
