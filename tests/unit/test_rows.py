"""Rows from answers: pointers into pools, the order of rows, and their numbers."""

import json
from typing import Any

import numpy as np

from flows.frames import Answer
from flows.rows import Merged, Table, day_table, number_rows, table_of
from rules.records import FIGURE, LIMITS, LOOSE, POINT, READING_SIGNAL
from rules.results import BY_NAME, KINDS

NUMBERS = np.array([30, 10, 20])  # lasting numbers of the plan's three characteristics


def record(dtype: Any, **fields: Any) -> Any:
    row = np.zeros((), dtype)
    for name, value in fields.items():
        row[name] = value
    return row


def answer(points: list[Any] | None = None, **parts: Any) -> Answer:
    arrays: dict[str, Any] = {"values": np.zeros(0), "refs": np.zeros((0, 4), np.int64), "contexts": [""]}
    arrays |= {"points": np.array(points or [], POINT), "loose": np.zeros(0, LOOSE)}
    arrays |= {"signals": np.zeros(0, READING_SIGNAL), "limits": np.zeros(0, LIMITS)}
    arrays |= {"windows": np.zeros(0, FIGURE), "days": np.zeros(0, FIGURE)}
    return Answer(number=1, **(arrays | parts))


def columns(table: Table, kind: str) -> list[dict[str, Any]]:
    names = [column.name for column in BY_NAME[kind].columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*table.columns, strict=True)]


def test_rows_are_numbered_by_cause_then_kind_and_keep_their_order_within_one() -> None:
    gaps = table_of("gap", [(5, "g1", "c", "r", 0, 0, "open", ""), (3, "g0", "c", "r", 0, 0, "open", "")])
    pushes = table_of("outbox", [(5, "/b", "k1", ""), (5, "/a", "k2", ""), (4, "/c", "k3", "")])
    rows, last = number_rows({"outbox": pushes, "gap": gaps, "day": day_table(np.zeros(0, FIGURE))}, 100)
    assert [row[:4] for row in rows["gap"]] == [(101, 3, 0, "g0"), (103, 5, 0, "g1")]
    assert [row[:4] for row in rows["outbox"]] == [(102, 4, 0, "/c"), (104, 5, 1, "/b"), (105, 5, 2, "/a")]
    assert (last, sorted(rows)) == (105, ["gap", "outbox"])
    assert number_rows({}, 7) == ({}, 7)


def test_rows_have_exactly_the_columns_of_their_kind() -> None:
    tables = Merged([answer([record(POINT, n=0)])], NUMBERS).tables() | {"day": day_table(np.zeros(1, FIGURE))}
    for name, table in tables.items():
        assert len(table.columns) == len(BY_NAME[name].columns)
    assert tables.keys() < {kind.name for kind in KINDS}


def test_answers_are_joined_by_cause_then_by_lasting_number_and_point_at_their_own_values() -> None:
    first = answer(
        [record(POINT, cause_seq=8, characteristic=0, seq=7, n=2, at=0), record(POINT, cause_seq=9, seq=9, n=1, at=2)],
        values=np.array([1.0, 2.0, 3.0]),
        refs=np.array([[6, 0, 60, 1], [7, 0, 70, 0], [9, 0, 90, 2]]),
        contexts=["", '{"lot":"A"}', '{"lot":"B"}'],
    )
    second = answer(
        [record(POINT, cause_seq=8, characteristic=2, seq=8, n=1, at=0), record(POINT, cause_seq=8, seq=1, n=4, at=-1)],
        values=np.array([4.0]),
        refs=np.array([[8, 1, 80, 1]]),
        contexts=["", '{"lot":"C"}'],
    )
    for answers in ([first, answer(), second], [second, first]):
        rows = columns(Merged(answers, NUMBERS).tables()["point"], "point")
        fresh = [row for row in rows if row["values"] is not None]
        assert [(row["characteristic"], row["seq"]) for row in fresh] == [(20, 8), (30, 7), (30, 9)]
        assert [np.frombuffer(row["values"]).tolist() for row in fresh] == [[4.0], [1.0, 2.0], [3.0]]
        assert [np.frombuffer(row["refs"], np.int64).reshape(-1, 3).tolist() for row in fresh] == [
            [[8, 1, 80]],
            [[6, 0, 60], [7, 0, 70]],
            [[9, 0, 90]],
        ]
        lots = [[{"lot": "C"}], [{"lot": "A"}, None], [{"lot": "B"}]]
        assert [json.loads(row["contexts"]) for row in fresh] == lots
        (restated,) = (row for row in rows if row["values"] is None)
        assert (restated["n"], restated["refs"], restated["contexts"]) == (4, None, None)


def test_a_signal_names_the_line_that_it_was_judged_by() -> None:
    """cl 10, ucl 13, lcl 7: two sigma are at 12 and 8; the dispersion's limits are 1 and 5."""
    limits = {"cl": 10.0, "ucl": 13.0, "lcl": 7.0, "dispersion_cl": 3.0, "dispersion_ucl": 5.0, "dispersion_lcl": 1.0}
    cases = [
        (0, 14.0, 2.0, "beyond-3-sigma", "location", 14.0, 13.0),
        (0, 6.0, 2.0, "beyond-3-sigma", "location", 6.0, 7.0),
        (4, 12.5, 2.0, "2-of-3-beyond-2-sigma", "location", 12.5, 12.0),
        (4, 7.5, 2.0, "2-of-3-beyond-2-sigma", "location", 7.5, 8.0),
        (1, 10.5, 2.0, "9-on-one-side", "location", 10.5, 10.0),
        (8, 10.0, 6.0, "dispersion-beyond-limits", "dispersion", 6.0, 5.0),
        (8, 10.0, 0.5, "dispersion-beyond-limits", "dispersion", 0.5, 1.0),
    ]
    points = [
        record(POINT, cause_seq=k, seq=k, value=value, dispersion=spread, raised=1 << bit, phase=2, at=-1, **limits)
        for k, (bit, value, spread, *_) in enumerate(cases, 1)
    ]
    rows = columns(Merged([answer(points)], NUMBERS).tables()["signal"], "signal")
    assert [(row["rule"], row["part"], row["value"], row["limit"]) for row in rows] == [case[3:] for case in cases]


def test_signals_of_readings_and_of_points_stand_in_one_order() -> None:
    point = record(POINT, cause_seq=4, characteristic=1, seq=4, idx=1, raised=0b11, at=-1)
    reading = record(READING_SIGNAL, cause_seq=4, characteristic=1, seq=4, idx=0, bit=9, value=9.0, limit=8.0)
    rows = columns(Merged([answer([point], signals=np.array([reading]))], NUMBERS).tables()["signal"], "signal")
    assert [(row["idx"], row["rule"]) for row in rows] == [
        (0, "out-of-spec"),
        (1, "9-on-one-side"),
        (1, "beyond-3-sigma"),
    ]
    assert (rows[0]["limit"], rows[0]["part"], rows[0]["phase"]) == (8.0, "specification", 2)


def test_loose_readings_and_limits_are_told_in_words() -> None:
    loose = record(LOOSE, cause_seq=2, characteristic=1, seq=2, value=1.5, state=1, context=1)
    limits = record(LIMITS, cause_seq=3, characteristic=2, revision=1, state=1, center=1.0, sigma=2.0, points=25)
    one = answer(loose=np.array([loose]), limits=np.array([limits]), contexts=["", '{"part":"p"}'])
    tables = Merged([one], NUMBERS).tables()
    (reading,) = columns(tables["reading"], "reading")
    assert (reading["characteristic"], reading["state"], reading["context"]) == (10, "single", '{"part":"p"}')
    (frozen,) = columns(tables["limits"], "limits")
    assert (frozen["characteristic"], frozen["state"], frozen["reason"]) == (20, "provisional", "baseline")


def test_a_day_shows_its_first_verdict_and_all_of_them() -> None:
    row = record(FIGURE, cause_seq=9, characteristic=3, day=739_000, day_revision=2, basis=1, n=4, verdicts=0b1000010)
    (day,) = columns(day_table(np.array([row])), "day")
    assert (day["characteristic"], day["day"], day["revision"], day["basis"]) == (3, 739_000, 2, "trailing")
    assert (day["verdict"], json.loads(day["verdicts"])) == ("insufficient", ["insufficient", "unstable"])
