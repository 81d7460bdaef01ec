"""The real dataflow, ended by an exception and resumed: its history is that of an undisturbed run, row by row."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from bytewax.errors import BytewaxRuntimeError

from connectors.history import CommitUnit, HistoryWriter
from connectors.journal import Entry, JournalReader
from flows.engine import follow
from tests.flow.journals import everything
from tests.plants import follow_to_the_end, query, stored

STRETCH = 60  # entries a frame: the journal below has about 700
EPOCHS = {"every-frame": timedelta(0), "some-frames": timedelta(milliseconds=15), "none": timedelta(seconds=60)}


class Crash(Exception):  # noqa: N818 - what a kill does to a process
    """Raised from inside the dataflow."""


class ShortReads(JournalReader):
    """Reads a few entries at a time, and fails where it is told to."""

    fail_behind: int | None = None

    def read(self, after_seq: int, limit: int = STRETCH) -> list[Entry]:
        if self.fail_behind is not None and after_seq >= self.fail_behind:
            raise Crash
        return super().read(after_seq, STRETCH)


class FailingWriter(HistoryWriter):
    """Fails after a commit, before the epoch's barrier: the history is ahead of the offset."""

    fail_behind: int | None = None

    def commit(self, unit: CommitUnit) -> None:
        super().commit(unit)
        if self.fail_behind is not None and unit.last_seq >= self.fail_behind:
            raise Crash


def run(folder: Path, epoch: timedelta, *, reading: int | None = None, writing: int | None = None) -> None:
    reader = ShortReads(folder / "journal")
    writer = FailingWriter(folder / "history.db", reader.uuid, verify=True)
    reader.fail_behind, writer.fail_behind = reading, writing
    try:
        follow(folder, reader, writer, lambda _: True, epoch)
    finally:
        writer.close()
        reader.close()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    everything(4, messages=150).write(folder)
    follow_to_the_end(folder)
    return folder


@pytest.fixture
def folder(undisturbed: Path, tmp_path: Path) -> Path:
    """The same journal, with nothing made of it yet."""
    shutil.copytree(undisturbed / "journal", tmp_path / "journal")
    return tmp_path


@pytest.mark.parametrize("epoch", EPOCHS.values(), ids=EPOCHS)
def test_a_run_that_crashes_again_and_again_leaves_the_same_history(
    undisturbed: Path, folder: Path, epoch: timedelta
) -> None:
    for reading, writing in [(100, None), (None, 200), (None, 260), (400, None), (None, 500), (600, None)]:
        with pytest.raises((Crash, BytewaxRuntimeError)):
            run(folder, epoch, reading=reading, writing=writing)
    run(folder, epoch)
    assert stored(folder) == stored(undisturbed)


def test_a_lost_recovery_folder_is_rebuilt_from_the_journal(undisturbed: Path, folder: Path) -> None:
    with pytest.raises((Crash, BytewaxRuntimeError)):
        run(folder, EPOCHS["every-frame"], reading=300)
    shutil.rmtree(folder / "recovery")
    run(folder, EPOCHS["every-frame"])  # compares every row that comes again
    assert stored(folder) == stored(undisturbed)


def test_a_lost_history_is_rebuilt_from_the_journal(undisturbed: Path, folder: Path) -> None:
    with pytest.raises((Crash, BytewaxRuntimeError)):
        run(folder, EPOCHS["every-frame"], reading=300)
    for name in ("history.db", "history.db-wal", "history.db-shm"):
        (folder / name).unlink(missing_ok=True)
    run(folder, EPOCHS["every-frame"])
    assert stored(folder) == stored(undisturbed)


def test_a_journal_that_grows_is_followed_from_where_the_last_run_ended(undisturbed: Path, tmp_path: Path) -> None:
    journal = everything(4, messages=150)
    journal.write(tmp_path, upto=350)
    follow_to_the_end(tmp_path)
    assert query(tmp_path, 'SELECT "applied_seq" FROM "meta"') == [{"applied_seq": 350}]
    shutil.rmtree(tmp_path / "journal")
    shutil.copytree(undisturbed / "journal", tmp_path / "journal")
    with pytest.raises(Exception, match="is not this engine's"):  # another journal, as its uuid says
        follow_to_the_end(tmp_path)
