"""What the page of the service's health makes of counters, files, rows and the plant file."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from board.history import data_quality
from board.history.queries import History, View
from board.pages.health.gauges import gauges
from board.pages.health.storage import storage
from board.vitals.trend import DiskLeft, Rates, Trend
from config.load import load
from connectors.history import HistoryWriter
from tests.seeding import (
    BORE,
    DAY_NS,
    DEPTH,
    END_NS,
    FORCE,
    LAST_DAY,
    NAMES,
    Rows,
    add_figures,
    add_point,
    seed_history,
)
from tests.unit.plant_texts import SOUND, write

GIB = 1 << 30
MINUTE_NS = 60_000_000_000


@pytest.fixture
def history(tmp_path: Path) -> History:
    seed_history(tmp_path / "history.db")
    return History(tmp_path / "history.db")


@pytest.fixture
def rows(history: History) -> Iterator[Rows]:
    writer = HistoryWriter(history.path, "journal-1")
    yield Rows(writer)
    writer.close()


def test_rates_are_what_came_between_two_looks(history: History, rows: Rows) -> None:
    trend = Trend()
    with history.view() as view:
        assert trend.look(view, 100, at=0.0) is None
        assert trend.look(view, 120, at=2.0) is None  # too near
    for number in range(3):
        add_point(rows, BORE, [10.0] * 5, END_NS + number * MINUTE_NS)
    rows.add("reading", characteristic=BORE, seq=1, idx=0, time=END_NS, value=1.0, state="late", context=None)
    rows.commit(END_NS)
    with history.view() as view:
        assert trend.look(view, 200, at=10.0) == Rates(10.0, 10.0, 1.6, 0.4)


def test_rates_are_of_the_last_minute_and_begin_anew_with_another_history(history: History) -> None:
    trend = Trend()
    with history.view() as view:
        for at in range(0, 200, 10):
            found = trend.look(view, at * 7, at=float(at))
        assert found == Rates(60.0, 7.0, 0.0, 0.0)
        assert trend.look(view, 5, at=300.0) is None


def test_the_disk_lasts_as_long_as_it_was_emptied_before() -> None:
    trend = Trend()
    assert trend.disk_left(GIB) is None
    trend.note_free(12 * GIB, at=0.0)
    trend.note_free(5 * GIB, at=30.0)  # nearer than a minute: not looked at
    assert trend.disk_left(GIB) is None
    trend.note_free(11 * GIB, at=86_400.0)
    assert trend.disk_left(GIB) == DiskLeft(86_400.0, 10.0)
    trend.note_free(12 * GIB, at=2 * 86_400.0)
    assert trend.disk_left(GIB) == DiskLeft(2 * 86_400.0, None)


def test_sizes_are_those_of_the_files_that_there_are(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    for name, size in (("history.db", 5000), ("history.db-wal", 700), ("journal/1.db", 300), ("journal/2.db", 40)):
        (tmp_path / name).write_bytes(b"x" * size)
    found = storage(tmp_path / "history.db", None, Trend())
    assert found == {"sizes": {"history": 5700, "journal": 340}, "recovered": None, "disk_left": None}
    (tmp_path / "recovery").mkdir()
    os.utime(tmp_path / "journal", (1, 1))
    (tmp_path / "recovery" / "part").write_bytes(b"state")
    os.utime(tmp_path / "recovery" / "part", (4_000_000_000, 4_000_000_000))
    assert storage(tmp_path / "history.db", None, Trend())["recovered"] == "2096-10-02T07:06:40Z"


def test_a_refusal_has_its_newest_example_bounded_and_readable(history: History, rows: Rows) -> None:
    for count, payload in ((1, b"old"), (2, b"<b>\x00\xff\x1b" + b"y" * 1000)):
        rows.add("rejected", connector="line1", topic="t", reason="wrong-type", detail="d", seq=count, idx=0,
                 time=END_NS, count=count, payload=payload)  # fmt: skip
    for count, name in enumerate(("line1/op9/a", "line1/op9/b", "line1/op9/a"), 1):
        rows.add("rejected", connector="line1", topic="t", reason="unknown-characteristic", detail=name, seq=count,
                 idx=0, time=END_NS, count=count, payload=b"{}")  # fmt: skip
    rows.commit(END_NS)
    with history.view() as view:
        found = {one.reason: one for one in data_quality.refusals(view)}
    assert set(found) == {"not-json", "wrong-type", "unknown-characteristic"}
    one = found["wrong-type"]
    assert (one.count, one.is_cut, len(one.payload)) == (2, True, 400)
    assert one.payload.startswith("<b>\u2400\ufffd\u241b" + "y")
    assert found["not-json"].payload == '{"values": {"bore": '
    assert found["unknown-characteristic"].names == ("line1/op9/a", "line1/op9/b")


def silent_words(view: View) -> list[tuple[str, str]]:
    return [(one.name, one.word) for one in data_quality.silent(view)]


def test_silent_are_those_that_are_stale_and_those_that_never_spoke(history: History, rows: Rows) -> None:
    with history.view() as view:
        assert silent_words(view) == []
    add_figures(rows, "capability", FORCE, None, time=END_NS + 1, verdict="stale", verdicts='["insufficient","stale"]')
    for number, state in ((8, "active"), (9, "withdrawn")):
        rows.add("characteristic", characteristic=number, name=f"line3/op1/{number}", state=state)
    rows.commit(END_NS)
    with history.view() as view:
        assert silent_words(view) == [("line3/op1/8", "no-data"), (NAMES[FORCE], "stale")]


def test_late_readings_are_told_of_the_latest_day_the_worst_first(history: History, rows: Rows) -> None:
    for number, day, late, n in ((BORE, LAST_DAY + 1, 2, 100), (DEPTH, LAST_DAY, 9, 90), (DEPTH, LAST_DAY + 1, 5, 50)):
        add_figures(rows, "day", number, 1.5, day=day, revision=2, basis="day", late=late, n=n)
    rows.commit(END_NS + DAY_NS)
    with history.view() as view:
        found = [(one.name, one.late, one.n) for one in data_quality.late(view)]
    assert found == [(NAMES[DEPTH], 5, 50), (NAMES[BORE], 2, 100)]


def test_gauges_are_due_by_the_plants_day(tmp_path: Path) -> None:
    days = {"G1": "2026-11-21", "G2": "2026-11-20", "G3": "2026-12-06", "G4": "2026-12-05"}
    text = "".join(f"[gauges.{name}]\ncalibrated_until = {until}\n" for name, until in days.items())
    plant = load(write(tmp_path, SOUND.replace("lsl = 4.9", 'lsl = 4.9\ngauge = "G2"') + text))
    # END_NS is 13:00 UTC: the 21st there, and in Auckland the 22nd
    found = [(one.name, one.word, one.days, one.characteristics) for one in gauges(plant, END_NS, "UTC")]
    overdue = ("G2", "overdue", -1, ("line1/op10/depth",))
    assert found == [overdue, ("G1", "due-soon", 0, ()), ("G4", "due-soon", 14, ())]
    later = [(one.name, one.days) for one in gauges(plant, END_NS, "Pacific/Auckland")]
    assert later == [("G2", -2), ("G1", -1), ("G4", 13), ("G3", 14)]
    assert gauges(None, END_NS, "UTC") == []
