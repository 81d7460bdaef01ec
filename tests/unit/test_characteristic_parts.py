from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from starlette.datastructures import QueryParams

from board.goals import Goals
from board.history.queries import History, View
from board.language import language
from board.page import Asked, Board
from board.pages.characteristic import histogram, limits, readings
from board.vitals.health import Sources
from config.roles import ANYBODY, Asker, Role
from tests.seeding import BORE, DEPTH, NAMES, seed_history


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    path: Path = tmp_path_factory.mktemp("parts") / "history.db"
    seed_history(path)
    return History(path)


@pytest.fixture
def view(history: History) -> Iterator[View]:
    with history.view() as found:
        yield found


def asked(view: View, history: History, number: int, query: str = "", asker: Asker = ANYBODY) -> Asked:
    board = Board(history, Sources(), cast("Goals", None))  # of which these parts ask nothing
    return Asked(board, language("en"), {"name": NAMES[number]}, QueryParams(query), snapshot=view, asker=asker)


@pytest.mark.parametrize(
    ("asker", "revision"),
    [(ANYBODY, 1), (Asker("li", Role.WRITE), 1), (Asker("li", Role.READ), None), (Asker("okr", Role.PUSH), None)],
)
def test_provisional_limits_are_offered_to_who_may_accept_them(view, history, asker, revision) -> None:
    assert limits.part(asked(view, history, DEPTH, asker=asker))["limits_acceptable"] == revision
    assert limits.part(asked(view, history, BORE, asker=asker))["limits_acceptable"] is None  # they are given


@pytest.mark.parametrize("before", ["soon", "1_2", "1_2_x", "9" * 30 + "_0_0", "-" * 3 + "_1_2", "²_1_2"])
def test_a_place_of_the_address_that_is_none_shows_the_newest(view, history, before) -> None:
    newest = readings.part(asked(view, history, DEPTH))["readings_shown"]
    assert readings.part(asked(view, history, DEPTH, f"before={before}"))["readings_shown"] == newest


def test_a_study_of_the_window_is_asked_for_with_the_windows_time(view, history) -> None:
    found = histogram.part(asked(view, history, DEPTH))
    assert found["histogram_of"] == "window"
    # 25 points of one reading, every 5 minutes, the last of them at 12:55
    assert found["histogram_query"] == "from=2026-11-21T10%3A55%3A00Z&to=2026-11-21T12%3A55%3A01Z"


def test_more_readings_of_a_period_than_are_taken_are_told(view, history, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("board.history.selection.MOST", 10)
    found = histogram.part(asked(view, history, DEPTH, "from=2026-11-21"))
    assert (found["histogram_of"], found["histogram"]) == ("too-many", None)
