import json
import random
import struct
from collections.abc import Iterator

import pytest

from board.history import measured
from board.history.measured import Choice, Measured, Reading
from board.history.queries import History
from board.times import FIRST_NS, LAST_NS
from connectors.history import HistoryWriter
from tests.seeding import DEPTH, MINUTE_NS, START_NS, Rows, seed_history

LAST = (LAST_NS - 1, LAST_NS, LAST_NS)


def add_named(rows: Rows, times: list[int], seq: int, lot: str) -> None:
    """A subgroup of readings at these times, closed by the last."""
    refs = [part for place, time_ns in enumerate(times) for part in (seq + place, 0, time_ns)]
    contexts = [{"lot": lot, "part": f"{lot}-{seq + place}"} for place in range(len(times))]
    rows.add("point", characteristic=7, seq=seq + len(times) - 1, idx=0, time=times[-1], value=1.0, dispersion=0.1,
             n=len(times), signals=0, phase=0, revision=0, specification_revision=1,
             values=struct.pack(f"<{len(times)}d", *range(seq, seq + len(times))),
             refs=struct.pack(f"<{len(refs)}q", *refs), contexts=json.dumps(contexts))  # fmt: skip


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Number 7 has 300 interleaved subgroups of 3 and readings in none; the rest is the small plant."""
    path = tmp_path_factory.mktemp("measured") / "history.db"
    seed_history(path)
    writer, chance = HistoryWriter(path, "journal-1"), random.Random(3)
    rows = Rows(writer)
    for group in range(300):
        begin = START_NS + group * MINUTE_NS
        add_named(rows, [begin, begin + chance.randrange(4) * MINUTE_NS, begin + 5 * MINUTE_NS], 10_000 + 3 * group,
                  "A" if group % 7 else "B")  # fmt: skip
    for place in range(40):
        at = START_NS + place * 7 * MINUTE_NS
        rows.add("reading", characteristic=7, seq=place, idx=0, time=at, value=float(place), state="late")  # fmt: skip
    told = {"who": "ada", "why": "burr", "told": START_NS, "state": "restated"}
    rows.add(
        "correction", characteristic=7, seq=10_001, idx=0, time=START_NS, action="void", value=None, was=1.0, **told
    )
    rows.commit(START_NS + 400 * MINUTE_NS)
    writer.close()
    return History(path)


@pytest.fixture
def seven(history: History) -> Iterator[Measured]:
    with history.view() as view:
        yield Measured(view, 7)


def everything(seven: Measured) -> list[Reading]:
    """All readings of number 7, newest first, without a page."""
    inside = [one for point in seven.points(FIRST_NS, LAST_NS) for one in point.readings]
    return sorted(inside + seven.loose(FIRST_NS, LAST_NS), key=lambda one: one.place, reverse=True)


def paged(seven: Measured, choice: Choice, size: int) -> list[Reading]:
    found, before = [], LAST
    while before is not None:
        page, before = seven.page(choice, before, size)
        found += page
    return found


@pytest.mark.parametrize("size", [1, 7, 100, 5000])
def test_pages_together_are_all_readings_newest_first(seven: Measured, size: int) -> None:
    found = paged(seven, Choice(), size)
    assert len(found) == 940
    assert found == everything(seven)


def test_pages_of_a_choice_are_what_is_chosen(seven: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    choice = Choice(START_NS + 30 * MINUTE_NS, START_NS + 250 * MINUTE_NS, {"lot": "B", "part": "B-1"})
    begin, end = START_NS + 30 * MINUTE_NS, START_NS + 250 * MINUTE_NS
    inside = [one for one in everything(seven) if begin <= one.time_ns < end and one.context.get("lot") == "B"]
    expected = [one for one in inside if str(one.context["part"]).startswith("B-1")]
    assert len(expected) > 50
    assert paged(seven, choice, 10) == expected
    monkeypatch.setattr(measured, "MOST_LOOKED_AT", 30)  # pages that end before they are full
    assert paged(seven, choice, 10) == expected


def test_points_come_in_pages_that_go_on_behind_each_other(seven: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "POINTS_A_PAGE", 11)
    rows, after = [], (FIRST_NS, 0)
    while page := seven.points(FIRST_NS, LAST_NS, after):
        rows += [point.row for point in page]
        after = (page[-1].time_ns, page[-1].row)
    assert len(rows) == len(set(rows)) == 300


def test_a_window_is_its_newest_points(seven: Measured) -> None:
    found = seven.newest_points(10_000 + 3 * 199 + 2, 5)
    assert [point.readings[-1].seq for point in found] == [10_000 + 3 * group + 2 for group in range(195, 200)]


def test_a_void_reading_counts_for_nothing_and_one_that_was_never_taken_in_neither(seven: Measured) -> None:
    void = next(one for one in everything(seven) if one.seq == 10_001)
    assert (void.value, void.counts_for, void.fix and void.fix.who) == (10_001.0, None, "ada")
    assert Reading(0, 1, 0, 2.5, "purpose", {}).counts_for is None
    assert Reading(0, 1, 0, 2.5, "late", {}).counts_for == 2.5


def test_an_individual_is_a_point_of_one(history: History) -> None:
    with history.view() as view:
        point = Measured(view, DEPTH).points(FIRST_NS, LAST_NS)[0]
    assert [one.value for one in point.readings] == [point.value]
    assert point.limits == (5.012, 5.0, 4.988)
    assert not point.beyond
