"""The engine process: one Bytewax dataflow from the journal to the history. No network, no wall clock."""

import logging
from datetime import timedelta
from pathlib import Path
from threading import Event

from config.models import PlantFile
from connectors.errors import JournalAbsent, StateUnfit
from connectors.history import HistoryWriter
from connectors.journal_past import JournalPast
from connectors.journal_reader import JournalReader
from connectors.retention import Retention, archive_to
from flows.compilation import compile_charts
from flows.engine_run import run_dataflow
from flows.failures import named
from flows.history_sink import HistorySink
from flows.journal_source import Finished, JournalSource, Stopped
from flows.patience import Interrupted, Patience
from flows.plant import build
from flows.recovery import Recovery, open_history, plan_reader, prepare
from flows.watchdog import Pulse

EPOCH = timedelta(seconds=10)
WAIT_SECONDS = 0.2

log = logging.getLogger("plumbline.engine")


def _never() -> bool:
    return False


def run(plant: PlantFile, data: Path, stop: Event, *, epoch: timedelta = EPOCH, pulse: Pulse | None = None) -> None:
    """Run until `stop`, waiting for the journal if the gateway has not made it yet."""
    pulse = pulse or Pulse()
    if not compile_charts(pulse, stop):
        return
    reader = _wait_for_journal(data / "journal", stop, pulse)
    if reader is None:
        return
    keep = Retention(plant.storage.keep_days, int(plant.storage.keep_gb * 1e9), archive_to(data / "archive"))
    with named(data / "history.db"):
        writer = open_history(data, reader.uuid, keep)
    try:
        follow(data, reader, writer, lambda _: False, epoch, stop.is_set, pulse)
    except Interrupted as error:  # nothing of it is lost: it is computed again from the journal
        log.warning("%s", error)
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
    pulse: Pulse | None = None,
) -> None:
    """Run the dataflow over the journal until `finished` or `stopped`; a recovery folder that does not fit is dropped.

    Then the state is rebuilt from a checkpoint or the journal's first entry (`flows.recovery`); rows that the history
    holds are passed over. Raises `CannotRebuild` when nothing reaches back that far.
    """
    folder, pulse = data / "recovery", pulse or Pulse()
    patience = Patience(data, pulse, stopped, log)
    recovery = Recovery(data, reader, writer)
    past = JournalPast(data / "journal", reader.uuid, pulse.beat)
    while True:
        prepare(folder)
        source = JournalSource(reader, finished, stopped, recovery.begins, patience)
        sink = HistorySink(writer, patience)
        flow = build(source, sink, plan_reader(data / "journal", reader.uuid), recovery.stored, past)
        log.info("engine runs: journal %s, history holds entries up to %d", reader.uuid, writer.meta.applied_seq)
        try:
            run_dataflow(flow, epoch, data)
        except StateUnfit as unfit:
            recovery.faults = [str(unfit)]
        if not recovery.faults:
            return
        recovery.drop(folder)


def _wait_for_journal(folder: Path, stop: Event, pulse: Pulse) -> JournalReader | None:
    waited = False
    while not stop.is_set():
        pulse.beat()
        try:
            return JournalReader(folder)
        except JournalAbsent:
            if not waited:
                log.info("waiting for the gateway to make the journal in %s", folder)
            waited = True
            stop.wait(WAIT_SECONDS)
    return None
