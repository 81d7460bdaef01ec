"""States that are rebuilt from a checkpoint, or refused where nothing reaches back: the same history, or what to do."""

import pickle
import shutil
import sqlite3
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from bytewax.errors import BytewaxRuntimeError

from connectors.checkpoints import checkpoint_seqs, covered_seq
from connectors.errors import HistoryForeign
from connectors.history import HistoryWriter
from connectors.journal import JournalReader, JournalWriter
from connectors.segments import segment_name, segments
from flows.recovery import CannotRebuild, open_history, renew_history
from rules.results import KINDS
from tests.flow.journals import everything
from tests.flow.test_crashes import EPOCHS, Crash, run
from tests.plants import Journal, follow_to_the_end, query, stored

EVERY_FRAME = EPOCHS["every-frame"]
SEGMENT_BYTES = 60_000  # a new segment has 20,000 and more; the journal below makes six of them


def write_segments(journal: Journal, folder: Path) -> None:
    """The entries as a journal of several segments, each behind a checkpoint and with the plan at its head."""
    writer = JournalWriter(folder / "journal", segment_bytes=SEGMENT_BYTES)
    for start in range(0, len(journal.entries), 10):
        batch = journal.entries[start : start + 10]
        writer.append([entry[1:] for entry in batch if entry.topic != "checkpoint" and not looks_back(entry.payload)])
    writer.close()


def looks_back(payload: bytes) -> bool:
    """Whether it is a correction, which needs the journal of `restate_days`: here all before a checkpoint is gone."""
    return b'"kind": "void"' in payload or b'"kind": "correct"' in payload


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    write_segments(everything(4, messages=150), folder)
    follow_to_the_end(folder)
    return folder


@pytest.fixture
def folder(undisturbed: Path, tmp_path: Path) -> Path:
    """The same journal, with nothing made of it yet."""
    shutil.copytree(undisturbed / "journal", tmp_path / "journal")
    return tmp_path


def crash_behind(folder: Path, seq: int) -> None:
    with pytest.raises((Crash, BytewaxRuntimeError)):
        run(folder, EVERY_FRAME, reading=seq)


def delete_segments(folder: Path, before_seq: int) -> None:
    for first in segments(folder / "journal"):
        if first < before_seq:
            (folder / "journal" / segment_name(first)).unlink()


def change_history(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "history.db")) as db, db:
        db.execute(statement)


def lose_history(folder: Path) -> None:
    for path in folder.glob("history.db*"):
        path.unlink()


def test_the_journal_has_segments_enough_and_the_last_checkpoints_are_stored_whole(undisturbed: Path) -> None:
    firsts = segments(undisturbed / "journal")
    assert len(firsts) >= 5
    ends = [first - 1 for first in firsts[1:]]
    assert checkpoint_seqs(undisturbed / "history.db") == ends[:-4:-1]
    rows = query(undisturbed, 'SELECT "cause_seq", "step", "key" FROM "checkpoint" ORDER BY "row"')
    keys = [("chart_shards", f"{n:02d}") for n in range(16)] + [("frame_entries", "plant"), ("fold_plant", "plant")]
    assert [tuple(row.values()) for row in rows] == [(end, *key) for end in ends[-3:] for key in keys]


def test_a_lost_recovery_folder_is_rebuilt_from_each_checkpoint_with_only_the_journal_behind_it(
    undisturbed: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bases = set()
    for first, following in pairwise(segments(undisturbed / "journal")[1:]):
        crash_behind(folder, (first + following) // 2)
        shutil.rmtree(folder / "recovery")
        newest = checkpoint_seqs(folder / "history.db")[0]
        delete_segments(folder, newest)
        caplog.clear()
        crash_behind(folder, newest + 10)  # compares every row that comes again
        assert f"the state is rebuilt from the checkpoint at entry {newest}" in caplog.text
        bases.add(newest)
    assert len(bases) > 3
    run(folder, EVERY_FRAME)
    assert stored(folder) == stored(undisturbed)


def test_a_state_that_is_rebuilt_is_rebuilt_again_when_it_ends_before_anything_was_read(
    undisturbed: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An epoch without entries must not leave an offset without states."""
    first = segments(folder / "journal")[2]
    crash_behind(folder, first + 3)
    shutil.rmtree(folder / "recovery")
    delete_segments(folder, first)
    reader = JournalReader(folder / "journal")
    for _ in range(2):
        crash_behind(folder, 0)  # reading fails at once
    reader.close()
    run(folder, EVERY_FRAME)
    assert stored(folder) == stored(undisturbed)


def test_a_recovery_folder_of_before_the_journal_gives_way_to_the_checkpoint(
    undisturbed: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Killed between the checkpoint's transaction and the epoch, while the segment before was deleted."""
    first = segments(folder / "journal")[2]
    crash_behind(folder, first - 100)
    shutil.copytree(folder / "recovery", folder / "kept")
    crash_behind(folder, first + 3)
    shutil.rmtree(folder / "recovery")
    (folder / "kept").rename(folder / "recovery")
    delete_segments(folder, first)
    run(folder, EVERY_FRAME)
    assert "the journal begins with" in caplog.text
    assert stored(folder) == stored(undisturbed)


def test_a_checkpoint_of_another_version_is_passed_by_for_the_one_before(
    undisturbed: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    firsts = segments(folder / "journal")
    follow_to_the_end(folder)
    shutil.rmtree(folder / "recovery")
    change_history(
        folder, f'UPDATE "checkpoint" SET "schema_version" = 0 WHERE "cause_seq" = {firsts[-1] - 1} AND "key" = \'07\''
    )
    run(folder, EVERY_FRAME)
    assert f"the checkpoint at entry {firsts[-1] - 1} is of another version" in caplog.text
    assert f"the state is rebuilt from the checkpoint at entry {firsts[-2] - 1}" in caplog.text
    caplog.clear()
    shutil.rmtree(folder / "recovery")
    change_history(folder, 'UPDATE "checkpoint" SET "schema_version" = 0')
    run(folder, EVERY_FRAME)
    assert "the state is rebuilt from the journal's first entry" in caplog.text
    shutil.rmtree(folder / "recovery")
    delete_segments(folder, firsts[1])
    with pytest.raises(CannotRebuild, match="holds no checkpoint from there on that this version reads"):
        run(folder, EVERY_FRAME)


def test_a_state_that_proves_unfit_gives_way_to_the_one_before(
    undisturbed: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    firsts = segments(folder / "journal")
    follow_to_the_end(folder)
    shutil.rmtree(folder / "recovery")
    newest = firsts[-1] - 1
    with closing(sqlite3.connect(folder / "history.db")) as db, db:
        where = f'WHERE "cause_seq" = {newest} AND "key" = \'03\''
        (state,) = db.execute(f'SELECT "state" FROM "checkpoint" {where}').fetchone()
        version, parts = pickle.loads(state)
        db.execute(f'UPDATE "checkpoint" SET "state" = ? {where}', (pickle.dumps((version + 1, parts)),))
    follow_to_the_end(folder)
    assert "shard state: expected schema version" in caplog.text
    assert f"the state is rebuilt from the checkpoint at entry {firsts[-2] - 1}" in caplog.text


def test_a_lost_history_is_rebuilt_from_a_whole_journal_and_refused_by_one_that_begins_later(
    undisturbed: Path, folder: Path
) -> None:
    crash_behind(folder, 300)
    lose_history(folder)
    run(folder, EVERY_FRAME)
    assert stored(folder) == stored(undisturbed)
    lose_history(folder)
    delete_segments(folder, segments(folder / "journal")[1])
    with pytest.raises(CannotRebuild, match=r"begins with entry \d+.*no checkpoint.*backup.*plumbline renew"):
        run(folder, EVERY_FRAME)


def test_a_new_history_begins_where_the_journal_does_and_is_rebuilt_as_any_other(
    undisturbed: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    follow_to_the_end(folder)
    first = segments(folder / "journal")[2]
    delete_segments(folder, first)
    before = query(folder, 'SELECT "history_uuid" FROM "meta"')
    kept = renew_history(folder)
    assert kept == folder / "history-1.db"
    assert query(folder, 'SELECT "applied_seq" FROM "meta"') == [{"applied_seq": first - 1}]
    crash_behind(folder, first + 30)
    shutil.rmtree(folder / "recovery")
    run(folder, EVERY_FRAME)  # compares every row that comes again
    assert f"the state is rebuilt from the checkpoint at entry {first - 1}" in caplog.text
    assert query(folder, 'SELECT "history_uuid" FROM "meta"') != before
    new, old = stored(folder), stored(undisturbed)
    assert new["meta"][0][0] == old["meta"][0][0]
    assert len(new["point"]) > 20
    values = {row[1]: row for row in old["rejected"]}
    assert values  # what is refused depends on no state of the charts: the same rows from there on
    assert {row[1] for row in new["rejected"]} <= values.keys()
    assert {row[1] for row in new["point"]} <= set(range(first, new["meta"][0][0] + 1))


def test_a_new_history_of_a_whole_journal_is_that_of_the_whole_journal(undisturbed: Path, folder: Path) -> None:
    crash_behind(folder, 200)
    assert renew_history(folder) is not None
    assert not (folder / "history.db").exists()
    run(folder, EVERY_FRAME)
    assert stored(folder) == stored(undisturbed)
    assert renew_history(folder) is not None
    assert len(list(folder.glob("history-*.db"))) == 2  # none is written over
    (folder / "history.db").write_bytes(b"no database" * 1_000)
    assert renew_history(folder) == folder / "history-3.db"  # a damaged one too


def test_a_journal_that_ends_before_its_history_is_refused(folder: Path) -> None:
    follow_to_the_end(folder)
    last = segments(folder / "journal")[-1]
    (folder / "journal" / segment_name(last)).unlink()
    with pytest.raises(CannotRebuild, match=rf"ends with {last - 1}: expected a journal that is not older"):
        run(folder, EVERY_FRAME)


def test_a_history_of_another_journal_is_refused_with_what_to_do(folder: Path) -> None:
    HistoryWriter(folder / "history.db", "another").close()
    with pytest.raises(HistoryForeign, match=r"expected journal_uuid.*plumbline renew FILE"):
        open_history(folder, "this-one", None)


def test_what_a_history_covers_of_a_journal(undisturbed: Path, tmp_path: Path) -> None:
    uuid = JournalReader(undisturbed / "journal").uuid
    newest = segments(undisturbed / "journal")[-1] - 1
    assert covered_seq(undisturbed / "history.db", uuid) == newest
    assert covered_seq(undisturbed / "history.db", "another") == 0
    assert covered_seq(tmp_path / "history.db", uuid) == 0
    (tmp_path / "history.db").touch()  # just being made
    assert covered_seq(tmp_path / "history.db", uuid) == 0
    assert {kind.name for kind in KINDS} >= {"checkpoint"}
