"""The real dataflow on several workers, ended and gone on with on another number of them: the same history."""

import logging
from datetime import timedelta
from pathlib import Path

import pytest
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import cluster_main

from connectors.history import HistoryWriter
from connectors.journal import JournalReader
from connectors.segments import Entry
from flows.history_sink import HistorySink
from flows.journal_source import JournalSource
from flows.patience import Patience
from flows.plant import build
from flows.watchdog import Pulse
from tests.flow.stories import WHOLE, journal_of
from tests.past import EntriesPast
from tests.plants import follow_to_the_end, query, stored

STRETCH = 13  # entries a frame


class ShortReads(JournalReader):
    """Reads a few entries at a time, as if they had only just come."""

    def read(self, after_seq: int, limit: int = STRETCH) -> list[Entry]:
        return super().read(after_seq, min(limit, STRETCH))


def on_workers(folder: Path, workers: int, until_seq: int) -> None:
    """The dataflow on `workers` threads, from where it was, until it has handed on entry `until_seq`."""
    journal = journal_of(*WHOLE)
    recovery = folder / "recovery"
    if not recovery.exists():
        recovery.mkdir()
        init_db_dir(str(recovery), 1)
    reader = ShortReads(folder / "journal")
    writer = HistoryWriter(folder / "history.db", reader.uuid, verify=True)
    upto = [until_seq]
    patience = Patience(folder, Pulse(), lambda: False, logging.getLogger())

    def reached() -> bool:
        return writer.meta.applied_seq >= upto[0]

    source = JournalSource(reader, lambda seq: True, reached, lambda offset: offset[1] if offset else 0, patience)
    flow = build(source, HistorySink(writer, patience), journal.plan_at, past=EntriesPast(journal.entries))
    try:
        cluster_main(
            flow,
            [],
            0,
            epoch_interval=timedelta(0),
            recovery_config=RecoveryConfig(str(recovery)),
            worker_count_per_proc=workers,
        )
    finally:
        writer.close()
        reader.close()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    journal_of(*WHOLE).write(folder)
    follow_to_the_end(folder)
    return folder


@pytest.mark.parametrize("workers", [(1, 3, 2), (4, 1, 4)])
def test_any_number_of_workers_leaves_the_same_history(
    workers: tuple[int, ...], undisturbed: Path, tmp_path: Path
) -> None:
    journal = journal_of(*WHOLE)
    journal.write(tmp_path)
    last = len(journal.entries)
    for number, until_seq in zip(workers, (last // 3, 2 * last // 3, last), strict=True):
        on_workers(tmp_path, number, until_seq)
        assert query(tmp_path, 'SELECT "applied_seq" FROM "meta"')[0]["applied_seq"] >= until_seq
    assert stored(tmp_path) == stored(undisturbed)
