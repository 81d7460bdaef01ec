"""What must not change between releases: step ids, shards, and the schema versions that states name."""

import logging
import pickle
from datetime import timedelta
from pathlib import Path

import pytest
from bytewax.dataflow import Dataflow, Operator

from connectors.errors import HistoryForeign, StateUnfit
from connectors.history import HistoryWriter
from connectors.journal import JournalReader
from flows.engine import follow
from flows.frames import SHARDS, shard_of
from flows.framing import FramingLogic
from flows.history_sink import HistorySink
from flows.journal_source import JournalSource
from flows.patience import Patience
from flows.plant import build
from flows.plant_step import PlantLogic
from flows.recovery import CannotRebuild
from flows.shard import ShardLogic
from flows.watchdog import Pulse
from tests.flow.journals import everything
from tests.plants import Journal, Logics, follow_to_the_end, stored

STEPS = [
    "plumbline.read_journal",
    "plumbline.frame_entries",
    "plumbline.address_parts",
    "plumbline.part_plant_from_shards",
    "plumbline.chart_shards",
    "plumbline.address_answers",
    "plumbline.gather_answers",
    "plumbline.fold_plant",
    "plumbline.write_history",
]


@pytest.fixture
def journal() -> Journal:
    return everything(1, messages=20)


def test_step_ids_are_frozen(journal: Journal, tmp_path: Path) -> None:
    """A renamed step would lose its state."""
    journal.write(tmp_path)
    reader = JournalReader(tmp_path / "journal")
    writer = HistoryWriter(tmp_path / "history.db", reader.uuid)
    patience = Patience(tmp_path, Pulse(), lambda: False, logging.getLogger())
    source = JournalSource(reader, lambda _: True, lambda: False, lambda _: 0, patience)
    flow: Dataflow = build(source, HistorySink(writer, patience), journal.plan_at)
    substeps: list[Operator] = flow.substeps
    assert (flow.flow_id, [step.step_id for step in substeps]) == ("plumbline", STEPS)
    writer.close()
    reader.close()


def test_the_shard_of_an_id_is_frozen() -> None:
    """crc32 of the id modulo 16, as zlib and every other crc32 gives it: 0xCBF43926 of "123456789"."""
    assert SHARDS == 16
    assert shard_of("123456789") == 0xCBF43926 % 16
    assert shard_of("") == 0


@pytest.mark.parametrize("key", ["framing", "plant", "00", "07"])
def test_a_state_of_another_schema_version_is_refused(journal: Journal, key: str) -> None:
    logics = Logics(journal.plan_at)
    logics.take(journal.entries, {})
    states = logics.states()
    version, parts = pickle.loads(states[key])
    states[key] = pickle.dumps((version + 1, parts))
    with pytest.raises(StateUnfit, match=f"expected schema version {version}, got {version + 1}"):
        Logics(journal.plan_at, states)


def test_a_state_that_has_seen_nothing_can_be_resumed(journal: Journal) -> None:
    for logic in (FramingLogic, ShardLogic, PlantLogic):
        assert logic(journal.plan_at, logic(journal.plan_at).to_bytes()) is not None


def test_a_history_of_another_journal_is_refused(journal: Journal, tmp_path: Path) -> None:
    journal.write(tmp_path)
    HistoryWriter(tmp_path / "history.db", "another").close()
    with pytest.raises(HistoryForeign, match="expected journal_uuid"):
        follow_to_the_end(tmp_path)


def test_a_journal_that_begins_too_late_is_refused_with_what_to_do(journal: Journal, tmp_path: Path) -> None:
    class Shortened(JournalReader):
        """Its older segments are gone."""

        @property
        def first_seq(self) -> int:
            return 7

    journal.write(tmp_path)
    reader = Shortened(tmp_path / "journal")
    writer = HistoryWriter(tmp_path / "history.db", reader.uuid)
    try:
        with pytest.raises(CannotRebuild, match=r"begins with entry 7.*from a backup"):
            follow(tmp_path, reader, writer, lambda _: True, timedelta(0))
    finally:
        writer.close()
        reader.close()


def test_a_recovery_folder_of_another_version_is_rebuilt(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    journal.write(tmp_path)
    follow_to_the_end(tmp_path)
    before = stored(tmp_path)
    monkeypatch.setattr("flows.shard.SCHEMA_VERSION", 99)
    follow_to_the_end(tmp_path, verify=True)  # every row that comes again is compared with the one that is stored
    assert "shard state: expected schema version 99" in caplog.text
    assert stored(tmp_path) == before


def test_an_engine_that_is_told_to_stop_ends_before_it_has_caught_up(journal: Journal, tmp_path: Path) -> None:
    journal.write(tmp_path)
    reader = JournalReader(tmp_path / "journal")
    writer = HistoryWriter(tmp_path / "history.db", reader.uuid)
    follow(tmp_path, reader, writer, lambda _: False, stopped=lambda: True)
    assert writer.meta.applied_seq == 0
    writer.close()
    reader.close()


def test_a_damaged_recovery_folder_is_rebuilt(
    journal: Journal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal.write(tmp_path)
    follow_to_the_end(tmp_path)
    before = stored(tmp_path)
    for part in (tmp_path / "recovery").glob("*.sqlite3"):
        part.write_text("garbage")
    follow_to_the_end(tmp_path, verify=True)
    assert "is no database" in caplog.text
    assert stored(tmp_path) == before
