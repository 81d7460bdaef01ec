"""What is kept of the history at a glance is what a look at all of it finds, whatever came meanwhile."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from board.history import glance, overview
from board.history.glance import Glance, Look
from board.history.latest_points import KEPT
from board.history.queries import History
from connectors.history import HistoryWriter
from rules.results import BY_NAME, LEADING
from tests.seeding import BORE, DEPTH, END_NS, FORCE, MINUTE_NS, Rows, add_figures, add_point, seed_history

NUMBERS = (BORE, DEPTH, FORCE)


@pytest.fixture
def history(tmp_path: Path) -> History:
    seed_history(tmp_path / "history.db")
    return History(tmp_path / "history.db")


@pytest.fixture
def writer(history: History) -> Iterator[HistoryWriter]:
    writer = HistoryWriter(history.path, "journal-1")
    yield writer
    writer.close()


def look(history: History, kept: Glance) -> Look:
    with history.view() as view:
        return kept.at(view, held_seconds=0)


def whole(history: History) -> tuple[list[dict[str, object]], dict[int, list[tuple[object, ...]]]]:
    """The overview, and the latest points by a plain query of each."""
    with history.view() as view:
        points = {number: view.db.execute(
            'SELECT "seq", "idx", "value", "signals" FROM "point" WHERE "characteristic" = ? AND "current" = 1 '
            'ORDER BY "time", "seq", "idx"', (number,)).fetchall()[-KEPT:] for number in view.names}  # fmt: skip
        return overview.characteristics(view, ()), points


def same(history: History, found: Look) -> None:
    items, points = whole(history)
    assert [tile.item for tile in found.tiles.values()] == items
    assert {number: [(one.seq, one.idx, one.value, one.signals) for one in tile.points]
            for number, tile in found.tiles.items()} == points  # fmt: skip


def restate(rows: Rows, history: History, number: int, value: float) -> None:
    """One of the latest points of a characteristic, told again without its readings, as a correction does."""
    with history.view() as view:
        db = view.db.execute('SELECT * FROM "point" WHERE "characteristic" = ? AND "current" = 1 ORDER BY "time" DESC '
                             "LIMIT 20", (number,))  # fmt: skip
        names = [name for name, *_ in db.description]
        old = dict(zip(names, db.fetchall()[-1], strict=True))
    leading = {column.name for column in LEADING}
    known = {column.name: old[column.name] for column in BY_NAME["point"].columns if column.name not in leading}
    rows.add("point", **(known | {"value": value, "values": None, "refs": None, "contexts": None}))


def test_what_is_followed_is_what_is_looked_up(history: History, writer: HistoryWriter) -> None:
    kept, chance = Glance(), random.Random(5)
    same(history, look(history, kept))
    for step in range(60):
        rows, at = Rows(writer), END_NS + step * MINUTE_NS
        for number in chance.sample(NUMBERS, chance.randint(1, 2)):
            kind = chance.choice(("point", "point", "capability", "day", "episode", "limits", "again"))
            if kind == "point":
                add_point(rows, number, [round(chance.gauss(10, 1), 3)], at, signals=chance.choice((0, 1)), idx=0)
            elif kind == "capability":
                add_figures(rows, "capability", number, chance.choice((0.8, 1.25, 1.6)), time=at)
            elif kind == "day":
                add_figures(rows, "day", number, 1.1, day=740_000 + step, revision=1)
            elif kind == "episode":
                state = chance.choice(("open", "recovered"))
                rows.add("episode", episode=f"e{number}", characteristic=number, rule="cpk-below-floor", state=state,
                         days="[]", time=at)  # fmt: skip
            elif kind == "limits":
                rows.add("limits", characteristic=number, revision=step + 2, time=at, state="fixed", center=10.0,
                         sigma=1.0, points=25, excluded=0, reason="plan")  # fmt: skip
            else:
                restate(rows, history, number, round(chance.gauss(10, 1), 3))
        rows.commit(at)
        if chance.random() < 0.5:
            same(history, look(history, kept))
    same(history, look(history, kept))


def test_what_did_not_change_is_the_same_tile_and_what_did_says_since_when(
    history: History, writer: HistoryWriter
) -> None:
    kept = Glance()
    before = look(history, kept)
    assert look(history, kept) is before
    rows = Rows(writer)
    row = add_point(rows, DEPTH, [5.001], END_NS, idx=0)
    rows.commit(END_NS)
    after = look(history, kept)
    assert [number for number, tile in after.tiles.items() if tile is not before.tiles[number]] == [DEPTH]
    assert after.row == after.tiles[DEPTH].row == row
    assert after.tick_ns == END_NS


def test_a_new_characteristic_has_its_place_by_its_name(history: History, writer: HistoryWriter) -> None:
    kept = Glance()
    look(history, kept)
    rows = Rows(writer)
    rows.add("characteristic", characteristic=9, name="line1/op10/chamfer", unit="mm", line="line1", station="op10",
             product="", chart="individuals", subgroup_size=1, state="active")  # fmt: skip
    rows.commit(END_NS)
    found = look(history, kept)
    assert [tile.name for tile in found.tiles.values()] == sorted(tile.name for tile in found.tiles.values())
    assert (found.tiles[9].status, found.tiles[9].points) == ("no-data", ())


def test_another_history_or_a_long_absence_is_looked_up_anew(
    history: History, writer: HistoryWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Glance()
    first = look(history, kept)
    monkeypatch.setattr(glance, "FAR", 3)
    rows = Rows(writer)
    for number in range(10):
        add_point(rows, DEPTH, [5.0], END_NS + number * MINUTE_NS, idx=0)
    rows.commit(END_NS)
    found = look(history, kept)
    assert all(found.tiles[number] is not first.tiles[number] for number in NUMBERS)
    same(history, found)
    writer.close()
    for path in history.path.parent.glob("history.db*"):
        path.unlink()
    seed_history(history.path)
    again = look(history, kept)
    assert again.history_uuid != found.history_uuid
    same(history, again)


def test_while_a_replay_has_no_index_yet_the_newest_points_of_all_are_taken(tmp_path: Path) -> None:
    history = History(tmp_path / "history.db")
    writer = HistoryWriter(history.path, "journal-1", bulk=True)
    rows = Rows(writer)
    for number in NUMBERS:
        rows.add("characteristic", characteristic=number, name=f"line1/op10/c{number}", line="line1", station="op10",
                 chart="individuals", subgroup_size=1, state="active")  # fmt: skip
    for step in range(2 * KEPT):
        for number in NUMBERS:
            add_point(rows, number, [float(step)], END_NS + step * MINUTE_NS, idx=0)
    rows.commit(END_NS)
    found = look(history, Glance())
    assert {len(tile.points) for tile in found.tiles.values()} == {KEPT}
    writer.close()


def test_for_a_moment_a_look_is_shared_but_not_that_of_another_history(history: History, writer: HistoryWriter) -> None:
    kept = Glance()
    before = look(history, kept)
    rows = Rows(writer)
    add_point(rows, DEPTH, [5.001], END_NS, idx=0)
    rows.commit(END_NS)
    with history.view() as view:
        held = kept.at(view, held_seconds=60)
    assert held is before
    assert held.position.endswith(f":{before.row}")
    writer.close()
    for path in history.path.parent.glob("history.db*"):
        path.unlink()
    seed_history(history.path)
    with history.view() as view:
        assert kept.at(view, held_seconds=60).history_uuid != before.history_uuid
