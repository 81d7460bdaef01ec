import json
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from connectors.history import HistoryWriter
from tests.browser.board import PHONE, Board, faults_of_access, looking, needs_browser, seed
from tests.seeding import BORE, DEPTH, MINUTE_NS, NAMES, START_NS, Rows, add_point
from tests.serving import serving

HOUR_NS = 60 * MINUTE_NS
TOLD = "from=2026-11-21T16:00&to=2026-11-21T20:00"  # of the seeded 16:00 to 21:00, Shanghai


def seed_lots(folder: Path) -> None:
    """The small plant, and of its depth two lots, the second with a reading that was voided."""
    seed(folder)
    writer, chance = HistoryWriter(folder / "history.db", "journal-1"), random.Random(5)
    rows = Rows(writer)
    for place in range(120):
        lot = "L1" if place < 60 else "L2"
        told = json.dumps([{"lot": lot, "operator": "W1" if place % 2 else "W2", "part": f"{lot}-{place}"}])
        time_ns = START_NS + 24 * HOUR_NS + place * MINUTE_NS
        value = round(chance.gauss(5.0 if lot == "L1" else 5.006, 0.003), 4)
        add_point(rows, DEPTH, [value], time_ns, cl=5.0, ucl=5.012, lcl=4.988, contexts=told,
                  dispersion=None if place == 0 else 0.003)  # fmt: skip
    void = START_NS + 24 * HOUR_NS + 100 * MINUTE_NS
    rows.add("correction", characteristic=DEPTH, seq=int(void // MINUTE_NS), idx=0, time=void, action="void", was=5.0,
             who="ada", why="burr", told=void, state="restated")  # fmt: skip
    rows.commit(START_NS + 27 * HOUR_NS)
    writer.close()


@pytest.fixture(scope="module")
def board(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    folder = tmp_path_factory.mktemp("seen")
    seed_lots(folder)
    with looking(browser, folder) as found:
        yield found


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("asked")
    seed_lots(folder)
    with serving(folder) as found:
        yield found


def path_of(number: int, query: str) -> str:
    return f"/study/{NAMES[number]}?{query}"


@needs_browser
def test_a_study_says_that_it_is_one_and_what_it_is_of(board):
    page = board.open(path_of(BORE, TOLD + "&who=ada&note=Tool+T9"))
    expect(page.locator("h1")).to_have_text(f"Capability study: {NAMES[BORE]}")
    expect(page.locator(".study-mark")).to_contain_text("A study – not the stored figures.")
    about = page.locator(".about")
    for said in ("Tool T9", "ada", "2026-11-21 16:00:00 – 2026-11-21 19:55:00", "xbar-r (5), mm", "suzhou-1"):
        expect(about).to_contain_text(said)
    expect(page.locator("svg.drawing")).to_have_count(2)
    expect(page.locator(".capability tbody tr")).to_have_count(17)
    expect(page.locator(".capability")).to_contain_text("241")  # with the late one, which counts
    expect(page.get_by_role("button", name="Print")).to_be_visible()
    assert faults_of_access(page) == []
    board.photograph("study")


@needs_browser
def test_the_form_makes_the_study_that_it_asks_for_and_keeps_it_in_the_address(board):
    page = board.open(f"/study/{NAMES[DEPTH]}")
    expect(page.locator("main")).to_contain_text("Say which readings are to be studied")
    page.get_by_label("Lot").fill("L2")
    page.get_by_label("Operator").fill("W1")
    page.get_by_role("button", name="Make the study").click()
    expect(page).to_have_url(f"{board.url}/study/{NAMES[DEPTH]}?from=&to=&lot=L2&serial=&product=&machine=&tool="
                             "&operator=W1&who=&note=")  # fmt: skip
    expect(page.locator(".about")).to_contain_text("Lot L2, Operator W1")
    expect(page.locator(".capability tr", has_text="Readings (n)")).to_contain_text("30")


@needs_browser
def test_a_study_is_printed_without_what_leads_elsewhere_on_at_most_two_pages(board):
    page = board.open(path_of(DEPTH, "lot=L1"))
    page.emulate_media(media="print")
    for hidden in ("header", "form.filters", "footer"):
        expect(page.locator(hidden).first).to_be_hidden()
    expect(page.locator(".study-mark")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf(prefer_css_page_size=True).count(b"/Type /Page\n") in (1, 2)
    page.emulate_media(media="screen")


@needs_browser
def test_a_study_works_without_a_script_and_on_a_phone(browser, tmp_path):
    seed_lots(tmp_path)
    with looking(browser, tmp_path, viewport=PHONE, java_script_enabled=False) as board:
        page = board.page
        page.goto(board.url + path_of(DEPTH, "lot=L1"))
        expect(page.locator(".capability")).to_contain_text("60")
        expect(page.locator("#print")).to_be_hidden()


@pytest.mark.parametrize(
    ("number", "query", "says"),
    [
        (DEPTH, "from=soon", "The period in the address is none"),
        (DEPTH, "lot=L9", "0 readings are chosen; a study needs at least 2."),
        (DEPTH, "serial=L1-59", "1 readings are chosen"),
        (DEPTH, "", "Say which readings are to be studied"),
    ],
)
def test_what_cannot_be_studied_is_refused_with_what_to_do(client, number, query, says):
    answer = client.get(path_of(number, query))
    assert answer.status_code == 200
    assert says in answer.text
    assert "svg" not in answer.text.split("<main", 1)[1]


def test_more_readings_than_one_study_takes_are_refused(client, monkeypatch):
    monkeypatch.setattr("board.history.selection.MOST", 100)
    assert "readings are chosen: choose a shorter period" in client.get(path_of(BORE, TOLD)).text


def test_a_characteristic_that_is_not_there_has_no_study(client):
    assert client.get("/study/no/such?lot=L1").status_code == 404


def test_a_void_reading_is_not_studied_and_is_told(client):
    text = client.get(path_of(DEPTH, "lot=L2")).text
    assert "1 void" in text
    assert ">59</td>" in text


def test_few_readings_are_studied_and_called_insufficient(client):
    text = client.get(path_of(DEPTH, "serial=L1-1")).text  # L1-1 and L1-10 to L1-19
    assert "11 readings are fewer than the 30 that a figure needs." in text


def test_without_a_specification_there_is_a_study_without_indices(tmp_path):
    seed(tmp_path)
    with sqlite3.connect(tmp_path / "history.db") as db:
        db.execute('UPDATE "specification" SET "lsl" = NULL, "usl" = NULL WHERE "characteristic" = ?', (BORE,))
    with serving(tmp_path) as client:
        text = client.get(path_of(BORE, TOLD)).text
    assert "Neither a lower nor an upper specification limit is given." in text
    assert "Normality" in text


def test_a_chart_of_counts_has_no_study(tmp_path):
    seed(tmp_path)
    with sqlite3.connect(tmp_path / "history.db") as db:
        db.execute('UPDATE "characteristic" SET "chart" = \'p\' WHERE "characteristic" = ?', (BORE,))
    with serving(tmp_path) as client:
        assert "it has a rate, and no capability to study" in client.get(path_of(BORE, TOLD)).text
