"""The engine process: one Bytewax dataflow from the journal to the history. No network, no wall clock."""

import logging
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
from flows.journal_source import Finished, JournalSource, Stopped
from flows.plant import build
from flows.recovery import Recovery, of_another_version, open_history, plan_reader, prepare
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
    writer = open_history(data, reader.uuid, keep)
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

    Then the state is rebuilt from a checkpoint or the journal's first entry (`flows.recovery`); rows that the history
    holds are passed over. Raises `CannotRebuild` when nothing reaches back that far.
    """
    folder = data / "recovery"
    recovery = Recovery(data, reader, writer)
    while True:
        prepare(folder)
        source = JournalSource(reader, finished, stopped, recovery.begins)
        flow = build(source, HistorySink(writer), plan_reader(data / "journal", reader.uuid), recovery.stored)
        log.info("engine runs: journal %s, history holds entries up to %d", reader.uuid, writer.meta.applied_seq)
        try:
            run_main(flow, epoch_interval=epoch, recovery_config=RecoveryConfig(str(folder)))  # type: ignore[no-untyped-call] # compiled
        except Exception as error:
            recovery.faults = of_another_version(error)
            if not recovery.faults:
                raise
        if not recovery.faults:
            return
        recovery.drop(folder)


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
