"""What the chart keeps of a characteristic's points, held against the history read afresh."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from board.chart import stored
from board.chart.columns import NAMES, Columns
from board.chart.stored import Points, latest
from board.history.queries import History
from connectors.history import HistoryWriter
from tests.seeding import BORE, DEPTH, END_NS, MINUTE_NS, Rows, add_point, seed_history


@pytest.fixture
def history(tmp_path: Path) -> History:
    seed_history(tmp_path / "history.db")
    return History(tmp_path / "history.db")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The characteristics whose points were all read."""
    found: list[int] = []
    whole = stored._read

    def counted(view, characteristic: int) -> Columns:
        found.append(characteristic)
        return whole(view, characteristic)

    monkeypatch.setattr(stored, "_read", counted)
    return found


def equal(one: Columns, other: Columns) -> bool:
    return all(np.array_equal(one[name], other[name], equal_nan=name not in ("row",)) for name in NAMES)


def afresh(history: History, characteristic: int) -> Columns:
    with history.view() as view:
        return Points().all_of(view, characteristic)


def known(points: Points, history: History, characteristic: int) -> Columns:
    with history.view() as view:
        return points.all_of(view, characteristic)


def test_points_are_those_of_the_history_in_their_order(history: History) -> None:
    found = afresh(history, BORE)
    with sqlite3.connect(history.path) as db:
        rows = db.execute(
            'SELECT "seq", "value", "ucl" FROM "point" WHERE "characteristic" = 1 ORDER BY "time"'
        ).fetchall()
    assert list(zip(found["seq"].tolist(), found["value"].tolist(), found["ucl"].tolist(), strict=True)) == rows
    with history.view() as view:
        assert equal(latest(view, BORE, 7), found.part(len(found) - 7, len(found)))


def test_what_comes_is_put_behind_without_reading_all_again(history: History, read: list[int]) -> None:
    points = Points()
    before = known(points, history, DEPTH)
    writer = HistoryWriter(history.path, "journal-1")
    for number in range(40):  # the arrays grow more than once
        rows = Rows(writer)
        add_point(rows, DEPTH, [5.0 + number / 1000], END_NS + number * MINUTE_NS, ucl=None)
        rows.commit(END_NS + number * MINUTE_NS)
        found = known(points, history, DEPTH)
        assert found["value"][-1] == 5.0 + number / 1000
        assert np.isnan(found["ucl"][-1])
    writer.close()
    assert read == [DEPTH]
    assert len(before) == 60  # what was given out stays
    assert equal(found, afresh(history, DEPTH))


def test_a_restated_point_stands_where_it_stood(history: History, read: list[int]) -> None:
    points = Points()
    before = known(points, history, DEPTH)
    writer = HistoryWriter(history.path, "journal-1")
    rows = Rows(writer)
    place = {name: int(before[name][20]) for name in ("seq", "idx", "time")}
    rows.add("point", characteristic=DEPTH, **place, value=4.5, dispersion=0.1, n=1, cl=5.0, ucl=5.1, lcl=4.9,
             dispersion_cl=0.1, dispersion_ucl=0.2, dispersion_lcl=0.0, signals=1, phase=1, revision=2,
             specification_revision=1, values=None, refs=None, contexts=None)  # fmt: skip
    rows.commit(END_NS)
    writer.close()
    found = known(points, history, DEPTH)
    assert (found["value"][20], found["phase"][20], len(found)) == (4.5, 1, 60)
    assert before["value"][20] != 4.5
    assert read == [DEPTH]
    assert equal(found, afresh(history, DEPTH))


def test_a_point_between_older_ones_and_another_history_are_read_anew(
    history: History, read: list[int], tmp_path: Path
) -> None:
    points = Points()
    before = known(points, history, DEPTH)
    writer = HistoryWriter(history.path, "journal-1")
    rows = Rows(writer)
    add_point(rows, DEPTH, [5.5], int(before["time"][10]) + MINUTE_NS)
    rows.commit(END_NS)
    writer.close()
    found = known(points, history, DEPTH)
    assert found["value"][11] == 5.5
    assert read == [DEPTH, DEPTH]
    history.path.unlink()
    seed_history(history.path)
    assert len(known(points, history, DEPTH)) == 60
    assert read == [DEPTH] * 3


def test_what_has_gone_from_the_history_is_left_out_once_it_is_much(history: History) -> None:
    points = Points()
    before = known(points, history, DEPTH)
    with sqlite3.connect(history.path) as db:
        for gone, left in ((1, 60), (30, 30)):
            row = int(before["row"][gone - 1])
            db.execute('DELETE FROM "point" WHERE "row" <= ? AND "characteristic" = ?', (row, DEPTH))
            db.execute('UPDATE "retention" SET "gone_row" = ?', (row,))
            db.execute('UPDATE "meta" SET "last_row" = "last_row" + 1')
            db.commit()
            assert len(known(points, history, DEPTH)) == left
    assert equal(known(points, history, DEPTH), afresh(history, DEPTH))


def test_no_more_is_kept_than_there_is_room_for(history: History) -> None:
    points = Points(most_bytes=1)
    known(points, history, BORE)
    known(points, history, DEPTH)
    assert (points.knows(BORE), points.knows(DEPTH)) == (False, True)  # what was asked for last
