import os
import random
import signal
import sqlite3
import subprocess
import sys
from itertools import pairwise
from math import nan
from pathlib import Path

import pytest

from connectors.errors import AlreadyRunning, HistoryAbsent, HistoryDiffers, HistoryError, HistoryForeign
from connectors.history import CommitUnit, HistoryWriter
from connectors.history_reader import HistoryReader
from rules.results import KINDS, LEADING
from tests.history_rows import TIME, Row, as_dict, characteristic, point, row_of

RESTATED = {"values": None, "refs": None, "contexts": None, "phase": 1}


def unit(first: int, last: int, **rows: list[Row]) -> CommitUnit:
    return CommitUnit(first, last, last * 10, rows)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "history.db"


def stored(path: Path, after: int = 0, limit: int = 1000, **other: tuple[str, ...]) -> list[tuple[str, Row]]:
    reader = HistoryReader(path)
    found = reader.rows(after, limit, **other)
    reader.close()
    return found


def query(path: Path, sql: str, *values: object) -> list[Row]:
    db = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    found = db.execute(sql, values).fetchall()
    db.close()
    return found


def test_a_row_of_every_kind_comes_back_as_it_was_written_in_row_order(path: Path) -> None:
    sample = {"INTEGER": 7, "REAL": 0.1, "TEXT": "déjà\nvu", "BLOB": b"\0\xff"}
    rows = {
        kind.name: [(number, 1, number, *(sample[column.sql] for column in kind.columns))]
        for number, kind in enumerate(reversed(KINDS), 1)
    }
    writer = HistoryWriter(path, "J")
    writer.commit(unit(1, 1, **rows))
    writer.close()
    assert stored(path) == [(kind.name, rows[kind.name][0]) for kind in reversed(KINDS)]


def test_undefined_numbers_are_stored_as_null(path: Path) -> None:
    writer = HistoryWriter(path, "J")
    writer.commit(unit(1, 1, metric=[row_of("metric", 1, metric="bore_cpk", value=nan, lower=0.5)]))
    writer.close()
    row = as_dict("metric", stored(path)[0][1])
    assert row["value"] is None
    assert row["lower"] == 0.5


def test_meta_tells_how_far_it_is_and_survives_closing(path: Path) -> None:
    writer = HistoryWriter(path, "J")
    uuid = writer.meta.history_uuid
    writer.commit(unit(1, 4, point=[point(1, [10.0], cause_seq=2)]))
    writer.commit(unit(5, 9))  # nothing but ticks
    writer.close()
    again = HistoryWriter(path, "J")
    meta = again.meta
    again.close()
    assert (meta.history_uuid, meta.applied_seq, meta.last_tick_ns, meta.last_row) == (uuid, 9, 90, 1)
    assert (meta.journal_uuid, meta.kind) == ("J", "plant")


def test_another_journal_or_another_kind_is_refused_by_name(path: Path) -> None:
    HistoryWriter(path, "J").close()
    with pytest.raises(HistoryForeign, match="expected journal_uuid 'other', got 'J'"):
        HistoryWriter(path, "other")
    with pytest.raises(HistoryForeign, match="expected kind 'what-if', got 'plant'"):
        HistoryWriter(path, "J", kind="what-if")
    HistoryWriter(path, "J").close()  # a refusal holds no lock


def test_a_file_that_is_no_history_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database, " * 100)
    with pytest.raises(sqlite3.DatabaseError):
        HistoryWriter(path, "J")


def test_a_second_writer_is_refused(path: Path) -> None:
    writer = HistoryWriter(path, "J")
    with pytest.raises(AlreadyRunning):
        HistoryWriter(path, "J")
    writer.close()


def test_what_is_applied_is_passed_over_however_the_units_are_cut(path: Path) -> None:
    rows = [point(number, [10.0 + number]) for number in range(1, 31)]

    def cut(bounds: list[int]) -> list[CommitUnit]:
        return [unit(a, b - 1, point=rows[a - 1 : b - 1]) for a, b in pairwise(bounds)]

    writer = HistoryWriter(path, "J")
    for piece in cut([1, 8, 21]):
        writer.commit(piece)
    for piece in cut([1, 5, 8, 19, 24, 31]):  # from the beginning again, cut otherwise
        writer.commit(piece)
    writer.close()
    assert [row for _, row in stored(path)] == rows


def test_any_cutting_with_verification_gives_the_same_file(tmp_path: Path) -> None:
    rows = [point(number, [10.0 + number, 10.5]) for number in range(1, 41)]
    rows += [point(number, [1.0], seq=number - 40, idx=1, **RESTATED, cause_seq=number) for number in range(41, 61)]
    results = []
    for seed in range(5):
        chance = random.Random(seed)
        path = tmp_path / str(seed) / "history.db"
        writer = HistoryWriter(path, "J", verify=True)
        at = 0
        while at < 60:
            if chance.random() < 0.3:  # killed, and resumed from an older snapshot
                writer.close()
                writer = HistoryWriter(path, "J", verify=True)
                at = chance.randrange(at + 1)
            end = min(60, at + chance.randrange(1, 20))
            writer.commit(unit(at + 1, end, point=rows[at:end]))
            at = end
        writer.close()
        results.append(query(path, 'SELECT * FROM "point"') + query(path, 'SELECT * FROM "current_point"'))
    assert all(result == results[0] for result in results)
    assert len(results[0]) == 61


THREE = [point(number, [8.0 + number]) for number in (1, 2, 3)]


@pytest.mark.parametrize(
    ("message", "rows"),
    [
        ("point row 2: value is stored as 10.0, got 11.0", [THREE[0], point(2, [11.0]), THREE[2]]),
        ("point row 2: stored, but not among", [THREE[0], THREE[2]]),
        ("point row 4: expected to find it", [*THREE, point(4, [10.0], cause_seq=3)]),
    ],
)
def test_a_repeated_row_that_differs_is_named(path: Path, message: str, rows: list[Row]) -> None:
    writer = HistoryWriter(path, "J", verify=True)
    writer.commit(unit(1, 3, point=THREE))
    writer.commit(unit(1, 3, point=THREE))
    with pytest.raises(HistoryDiffers, match=message):
        writer.commit(unit(1, 3, point=rows))
    writer.close()


def test_a_hole_in_the_journal_is_refused(path: Path) -> None:
    writer = HistoryWriter(path, "J")
    writer.commit(unit(1, 4))
    with pytest.raises(HistoryError, match="expected a unit that begins at 5 or before, got 6"):
        writer.commit(unit(6, 7))
    writer.close()


def test_row_numbers_that_go_back_are_refused_and_nothing_is_written(path: Path) -> None:
    writer = HistoryWriter(path, "J")
    writer.commit(unit(1, 2, point=[point(2, [9.0])]))
    with pytest.raises(HistoryDiffers, match="expected row numbers above 2 for new results, got 2"):
        writer.commit(unit(3, 3, point=[point(2, [9.0], cause_seq=3)]))
    assert writer.meta.applied_seq == 2
    writer.close()


def test_a_failed_commit_leaves_nothing(path: Path) -> None:
    writer = HistoryWriter(path, "J")
    bad = row_of("metric", 2, metric="m", value="not a number")
    with pytest.raises(sqlite3.IntegrityError):
        writer.commit(unit(1, 2, point=[point(1, [9.0])], metric=[bad]))
    writer.commit(unit(1, 2, point=[point(1, [9.0])]))
    writer.close()
    assert [kind for kind, _ in stored(path)] == ["point"]


@pytest.mark.parametrize("bulk", [False, True])
def test_a_restated_point_takes_over_its_readings_and_supersedes(path: Path, bulk: bool) -> None:
    writer = HistoryWriter(path, "J", bulk=bulk)
    first = point(1, [9.0, 11.0], seq=1, contexts='[{"lot":"L1"},null]')
    other = point(2, [8.0, 12.0], seq=1, characteristic=1, contexts="[null,null]")  # the same reading's number
    later = point(3, [7.0, 13.0], seq=3)
    writer.commit(unit(1, 3, point=[first, other, later]))
    once = point(4, [9.0, 11.0], seq=1, **RESTATED, revision=2)
    twice = point(5, [9.0, 11.0], seq=1, **RESTATED, revision=3)
    writer.commit(unit(4, 5, point=[once, twice]))
    if bulk:
        writer.finish_bulk()
    writer.close()
    rows = [as_dict("point", row) for _, row in stored(path)]
    assert [row["revision"] for row in rows] == [1, 1, 1, 2, 3]
    for restated in rows[3:]:
        for column in ("values", "refs", "contexts"):
            assert restated[column] == rows[0][column]
        assert restated["phase"] == 1
    assert query(path, 'SELECT "row" FROM "point" WHERE "current" = 1 ORDER BY "row"') == [(2,), (3,), (5,)]
    # the latest point of a characteristic is the latest in journal order, not the last written
    assert query(path, 'SELECT "characteristic", "row" FROM "current_point" ORDER BY 1') == [(0, 3), (1, 2)]


@pytest.mark.parametrize("cut", [[1, 5], [1, 2, 3, 4, 5], [1, 3, 5]])
def test_the_latest_point_is_the_one_charted_last_however_the_units_are_cut(path: Path, cut: list[int]) -> None:
    rows = [
        point(1, [9.0], seq=5),
        point(2, [9.0], seq=4),  # held back until then: its time is later
        point(3, [9.0], seq=5, **RESTATED),
        point(4, [9.0], seq=4, **RESTATED),
    ]
    writer = HistoryWriter(path, "J")
    for first, end in pairwise(cut):
        writer.commit(unit(first, end - 1, point=rows[first - 1 : end - 1]))
    writer.close()
    assert query(path, 'SELECT "seq", "row" FROM "current_point"') == [(4, 4)]


def test_restating_the_latest_point_makes_the_restatement_the_latest(path: Path) -> None:
    writer = HistoryWriter(path, "J")
    writer.commit(unit(1, 2, point=[point(1, [9.0], seq=1), point(2, [9.0], seq=1, **RESTATED)]))
    writer.close()
    assert query(path, 'SELECT "row" FROM "current_point"') == [(2,)]


def test_a_replay_that_was_killed_is_completed_by_the_next_writer(path: Path) -> None:
    writer = HistoryWriter(path, "J", bulk=True)
    writer.commit(unit(1, 2, point=[point(1, [9.0], seq=1), point(2, [9.0], seq=1, **RESTATED)]))
    writer.close()
    assert query(path, 'SELECT "values" FROM "point" WHERE "row" = 2') == [(None,)]
    HistoryWriter(path, "J").close()
    assert query(path, 'SELECT count(*) FROM "point" WHERE "values" IS NULL') == [(0,)]
    assert query(path, 'SELECT "row" FROM "point" WHERE "current" = 1') == [(2,)]


@pytest.mark.parametrize("bulk", [False, True])
def test_queries_by_characteristic_and_time_use_an_index(path: Path, bulk: bool) -> None:
    writer = HistoryWriter(path, "J", bulk=bulk)
    if bulk:
        assert not any("by_time" in str(row) for row in query(path, "SELECT name FROM sqlite_master"))
        writer.finish_bulk()
        writer.finish_bulk()
    writer.close()
    for kind, column in [
        ("point", "time"),
        ("reading", "time"),
        ("signal", "time"),
        ("capability", "time"),
        ("day", "day"),
    ]:
        sql = f'EXPLAIN QUERY PLAN SELECT * FROM "{kind}" WHERE "characteristic" = 1 AND "{column}" > 5'
        assert "USING INDEX" in str(query(path, sql)), kind


def test_what_is_current_is_the_newest_row_of_a_key(path: Path) -> None:
    writer = HistoryWriter(path, "J")
    day = [row_of("day", number, characteristic=0, day=739_000 + number % 2, revision=number) for number in range(1, 6)]
    writer.commit(unit(1, 3, day=day[:3]))
    writer.commit(unit(4, 5, day=day[3:]))
    writer.commit(unit(6, 6, gap=[row_of("gap", 6, gap="g1", state="open")]))
    writer.commit(unit(7, 7, gap=[row_of("gap", 7, gap="g1", state="closed")]))
    writer.close()
    assert query(path, 'SELECT "characteristic", "day", "row" FROM "current_day" ORDER BY "day"') == [
        (0, 739_000, 4),
        (0, 739_001, 5),
    ]
    assert query(path, 'SELECT "gap", "row" FROM "current_gap"') == [("g1", 7)]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_only_the_last_hundred_refusals_of_a_connector_and_reason_are_kept(path: Path, size: int) -> None:
    rows, counts = [], {"not-json": 0, "wrong-type": 0}
    for number in range(1, 301):
        reason = "wrong-type" if number % 10 == 0 else "not-json"
        counts[reason] += 1
        rows.append(row_of("rejected", number, connector="line1", reason=reason, count=counts[reason]))
    writer = HistoryWriter(path, "J", verify=True)
    units = [unit(at + 1, at + len(rows[at : at + size]), rejected=rows[at : at + size]) for at in range(0, 300, size)]
    for piece in units:
        writer.commit(piece)
    for piece in units:  # once more: what was pushed out is not missed
        writer.commit(piece)
    writer.close()
    sql = 'SELECT "count" FROM "rejected" WHERE "reason" = ? ORDER BY "row"'
    assert [count for (count,) in query(path, sql, "not-json")] == list(range(171, 271))
    assert [count for (count,) in query(path, sql, "wrong-type")] == list(range(1, 31))
    reader = HistoryReader(path)
    assert sum(reader.refused_by_reason().values()) == 300
    reader.close()


def test_refusals_that_are_not_all_told_push_out_by_their_number_not_by_their_count(path: Path) -> None:
    """Of a noisy unknown name only some occurrences have rows: they must not push out those of other names."""
    counts = [1, 2, 3, 10, 1_000, 1_000_000]
    rows = [
        row_of("rejected", number, connector="line1", reason="unknown-characteristic", count=count)
        for number, count in enumerate(counts, 1)
    ]
    writer = HistoryWriter(path, "J")
    writer.commit(unit(1, 5, rejected=rows[:5]))
    writer.commit(unit(6, 6, rejected=rows[5:]))
    writer.close()
    assert [count for (count,) in query(path, 'SELECT "count" FROM "rejected" ORDER BY "row"')] == counts


def checkpoint(seq: int, state: bytes = b"state", version: int = 1) -> CommitUnit:
    """A unit that ends with a checkpoint entry: two steps' states, rows 10 a unit."""
    rows = [
        row_of("checkpoint", seq + number, seq, number, step=step, key="k", schema_version=version, state=state)
        for number, step in enumerate(("one", "two"))
    ]
    return unit(seq - 9, seq, checkpoint=rows)


def test_the_newest_three_checkpoints_are_kept_whole(path: Path) -> None:
    writer = HistoryWriter(path, "J", verify=True)
    for seq in range(10, 60, 10):
        writer.commit(checkpoint(seq))
        assert len(query(path, 'SELECT * FROM "checkpoint"')) == 2 * min(3, seq // 10)
    for seq in range(10, 60, 10):  # once more: what newer ones have pushed out is not missed
        writer.commit(checkpoint(seq))
    writer.close()
    kept = query(path, 'SELECT "cause_seq", "step" FROM "checkpoint" ORDER BY "row"')
    assert kept == [(seq, step) for seq in (30, 40, 50) for step in ("one", "two")]


def test_a_state_that_differs_is_found_unless_another_version_wrote_it(path: Path) -> None:
    writer = HistoryWriter(path, "J", verify=True)
    writer.commit(checkpoint(10))
    writer.commit(checkpoint(10, b"otherwise laid out", version=2))
    with pytest.raises(HistoryDiffers, match="checkpoint row 10: state"):
        writer.commit(checkpoint(10, b"other"))
    writer.close()


def test_a_checkpoint_is_written_through_to_the_disk_before_it_can_be_read(path: Path) -> None:
    said: list[str] = []
    writer = HistoryWriter(path, "J")
    writer._db.set_trace_callback(said.append)
    writer.commit(checkpoint(10))
    writer.commit(unit(11, 11, point=[point(20, [1.0], cause_seq=11)]))
    writer.close()
    transactions = [text for text in said if text.split()[0] in ("PRAGMA", "BEGIN", "COMMIT")]
    written_through = ["PRAGMA synchronous = FULL", "BEGIN IMMEDIATE", "COMMIT", "PRAGMA synchronous = NORMAL"]
    assert transactions == [*written_through, "BEGIN IMMEDIATE", "COMMIT"]


def test_repetitions_are_told_and_are_no_refusals(path: Path) -> None:
    rows = [
        row_of("rejected", number, connector="line1", reason=reason, count=count)
        for number, (reason, count) in enumerate([("repeated", 1), ("not-json", 1), ("repeated", 2)], 1)
    ]
    writer = HistoryWriter(path, "J")
    writer.commit(unit(1, 3, rejected=rows))
    writer.close()
    reader = HistoryReader(path)
    assert sum(reader.refused_by_reason().values()) == 1
    reader.close()


def test_pages_hold_all_rows_once_in_order_and_only_the_kinds_asked_for(path: Path) -> None:
    writer = HistoryWriter(path, "J")
    for number in range(1, 100, 3):
        rows: dict[str, list[Row]] = {
            "point": [point(number, [1.0])],
            "outbox": [row_of("outbox", number + 1, cause_seq=number, path="/p", key=str(number), body="{}")],
            "metric": [row_of("metric", number + 2, cause_seq=number, metric="m")],
        }
        writer.commit(CommitUnit(writer.meta.applied_seq + 1, number, 0, rows))
    writer.close()
    reader = HistoryReader(path)
    seen: list[tuple[str, Row]] = []
    while page := reader.rows(int(str(seen[-1][1][0])) if seen else 0, 7):
        assert len(page) <= 7
        seen += page
    assert [row[0] for _, row in seen] == list(range(1, 100))
    assert reader.rows(0, 5, ("outbox",)) == [tagged for tagged in seen if tagged[0] == "outbox"][:5]
    assert reader.last_row() == 99
    reader.close()


def test_names_and_specifications_are_known_as_of_a_row(path: Path) -> None:
    writer = HistoryWriter(path, "J")
    writer.commit(unit(1, 1, characteristic=[characteristic(1, 0, "a"), characteristic(2, 1, "b")]))
    writer.commit(unit(2, 3, characteristic=[characteristic(3, 0, "a", line="moved")]))
    writer.close()
    reader = HistoryReader(path)
    before = [as_dict("characteristic", row)["line"] for row in reader.as_of("characteristic", 2)]
    now = {
        as_dict("characteristic", row)["name"]: as_dict("characteristic", row)["line"]
        for row in reader.as_of("characteristic", 3)
    }
    assert before == ["line1", "line1"]
    assert now == {"a": "moved", "b": "line1"}
    assert reader.characteristics() == {0: "a", 1: "b"}
    reader.close()


def test_a_reader_of_no_history_says_so_and_one_of_a_replaced_file_notices(path: Path) -> None:
    with pytest.raises(HistoryAbsent):
        HistoryReader(path)
    path.parent.mkdir()
    path.touch()
    with pytest.raises(HistoryAbsent):
        HistoryReader(path)
    path.unlink()
    HistoryWriter(path, "J").close()
    reader = HistoryReader(path)
    assert not reader.replaced()
    path.rename(path.with_suffix(".old"))
    assert reader.replaced()
    HistoryWriter(path, "J").close()
    assert reader.replaced()
    reader.close()


def test_a_reader_that_holds_its_view_neither_blocks_the_writer_nor_sees_its_rows(path: Path) -> None:
    writer = HistoryWriter(path, "J")
    writer.commit(unit(1, 1, point=[point(1, [1.0])]))
    held = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
    held.execute("BEGIN")
    assert held.execute('SELECT count(*) FROM "point"').fetchone() == (1,)
    for number in range(2, 5000, 100):
        rows = [point(row, [1.0] * 50) for row in range(number, number + 100)]
        writer.commit(unit(number, number + 99, point=rows))
    assert held.execute('SELECT count(*) FROM "point"').fetchone() == (1,)
    held.execute("COMMIT")
    held.close()
    assert writer.meta.last_row == 5001
    writer.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from connectors.history import CommitUnit, HistoryWriter
from tests.history_rows import point
writer = HistoryWriter(Path(sys.argv[1]), "J")
writer.commit(CommitUnit(1, 1, 0, {"point": [point(1, [1.0])]}))
writer.sync()
writer._db.execute("BEGIN IMMEDIATE")
writer._db.execute('DELETE FROM "point"')
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_after_kill_9_the_committed_rows_are_there_for_readers_and_the_next_writer(path: Path) -> None:
    root = Path(__file__).parents[2]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(path)], env={**os.environ, "PYTHONPATH": str(root)}, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert stored(path) == [("point", point(1, [1.0]))]
    writer = HistoryWriter(path, "J")
    assert writer.meta.applied_seq == 1
    writer.close()


def test_files_are_for_their_owner_only(path: Path) -> None:
    HistoryWriter(path, "J").close()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_leading_columns_are_those_the_writer_relies_on() -> None:
    assert [column.name for column in LEADING] == ["row", "cause_seq", "ordinal"]
    assert TIME % 1000 == 789
