import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from connectors.history import HistoryWriter
from okr.store import Store
from tests.browser.board import needs_browser
from tests.seeding import (
    BORE,
    DEPTH,
    END_NS,
    MINUTE_NS,
    NAMES,
    Rows,
)

pytestmark = needs_browser


@pytest.fixture
def writer(board) -> Iterator[HistoryWriter]:
    writer = HistoryWriter(board.folder / "history.db", "journal-1")
    yield writer
    writer.close()


def test_a_page_of_what_is_not_there_says_so_and_leads_on(board):
    page = board.open("/characteristics/no/such")
    expect(page.locator("main")).to_contain_text("There is no characteristic no/such.")
    page.locator("main").get_by_role("link", name="Key results").click()
    expect(page).to_have_url(f"{board.url}/key-results")
    (fault,) = board.faults  # the browser says it too
    assert "404" in fault
    board.faults.clear()


def test_a_characteristic_that_the_engine_has_not_begun_with_says_so(board):
    (board.folder / "history.db").unlink()
    HistoryWriter(board.folder / "history.db", "journal-1").close()
    page = board.open(f"/characteristics/{NAMES[BORE]}")
    expect(page.locator("main")).to_contain_text(f"Nothing of {NAMES[BORE]} is in the history yet")
    board.faults.clear()  # the browser tells of the 404


def test_language_and_theme_are_chosen_and_kept(board):
    page = board.open("/")
    page.get_by_role("button", name="中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    expect(page.locator("nav a").first).to_have_text("安灯看板")
    page.get_by_role("button", name="☾").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("body")).to_have_css("background-color", "rgb(18, 22, 28)")
    page = board.open("/service")
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    page.get_by_role("button", name="English").click()
    expect(page).to_have_url(f"{board.url}/service")
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_readings_that_are_in_no_point_are_listed_with_their_state_and_what_became_of_them(board, writer):
    rows = Rows(writer)
    place = {"characteristic": BORE, "seq": 8, "idx": 0, "time": END_NS}
    rows.add("reading", **place, value=99.9, state="implausible", context='{"part":"SN8"}')
    told = {"who": "ada", "why": "comma", "told": END_NS + MINUTE_NS, "state": "restated"}
    rows.add("correction", **place, action="correct", value=9.99, was=99.9, **told)
    rows.commit(END_NS)
    page = board.open(f"/characteristics/{NAMES[BORE]}")
    page.get_by_role("link", name="Only those in no point").click()
    lines = page.locator("#readings tbody tr")
    expect(lines).to_have_count(2)
    expect(lines.first.locator("s")).to_have_text("99.900")  # with the decimals of the others
    expect(lines.first).to_contain_text("implausible outside what is plausible: kept for review")
    expect(lines.first).to_contain_text("SN8")
    expect(lines.first).to_contain_text("corrected to 9.99 by ada: comma")
    expect(lines.last).to_contain_text("late older than the last that was charted")
    board.photograph("characteristic-loose")
    page = board.open(f"/characteristics/{NAMES[DEPTH]}?of=loose")
    expect(page.locator("#charts")).to_be_visible()
    expect(page.locator("#readings")).to_contain_text("No reading is so.")


def test_provisional_limits_can_be_accepted(board):
    board.page.add_init_script("delete Crypto.prototype.randomUUID")  # as on a page that came without TLS
    page = board.open(f"/characteristics/{NAMES[DEPTH]}")
    expect(page.locator("#limits")).to_contain_text("▲ provisional")
    page.get_by_label("Your name").fill("li")
    page.get_by_role("button", name="Accept limits").click()
    expect(page.locator("#accept")).to_contain_text("Ordered")
    board.photograph("characteristic-individuals")
    store = Store(f"sqlite:///{board.folder / 'okr.db'}")
    with store.reading() as connection:
        (row,) = connection.exec_driver_sql("SELECT kind, who, body FROM command").all()
    store.close()
    assert tuple(row) == ("accept-limits", "li", '{"characteristic":"line1/op10/depth","revision":1}')


def test_limits_that_are_not_provisional_offer_nothing(board):
    page = board.open(f"/characteristics/{NAMES[BORE]}")
    expect(page.locator("#limits")).to_contain_text("✓ fixed")
    expect(page.locator("#accept button")).to_have_count(0)


def test_the_api_page_lists_the_endpoints_without_any_third_party(board):
    page = board.open("/docs")
    points = page.locator("summary", has_text=re.compile(r"/api/v1/points(?!\.)"))
    expect(points).to_have_count(1)
    points.click()
    expect(page.locator("details[open]")).to_contain_text("characteristic")
    board.photograph("docs")


@pytest.mark.parametrize("board", ["dark"], indirect=True)
def test_the_pages_fit_a_phone_and_the_dark(board):
    board.page.set_viewport_size({"width": 390, "height": 844})
    for name, path in (
        ("list", "/"),
        ("chart", f"/characteristics/{NAMES[BORE]}"),
        ("okr", "/key-results"),
        ("alerts", "/alerts"),
        ("docs", "/docs"),
    ):
        page = board.open(path)
        page.wait_for_load_state("load")
        expect(page.locator("table, article, .kr, summary, .tile").first).to_be_visible()
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, f"{path} is {width} wide"
        board.photograph(f"phone-{name}")


def test_a_page_left_open_lets_go_of_its_stream(board):
    board.open("/")
    board.page.goto("about:blank")
    deadline = time.monotonic() + 60
    while "plumbline_event_listeners 0.0" not in board.page.request.get(f"{board.url}/metrics").text():
        assert time.monotonic() < deadline
