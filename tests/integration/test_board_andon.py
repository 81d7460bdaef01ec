import json
import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from connectors.history import HistoryWriter
from tests.browser.board import WIDE, faults_of_access, looking, needs_browser, seed
from tests.seeding import BORE, DEPTH, END_NS, FORCE, MINUTE_NS, NAMES, Rows, add_figures, add_point

pytestmark = needs_browser

TV = {"width": 1920, "height": 1080}


@pytest.fixture
def writer(board) -> Iterator[HistoryWriter]:
    writer = HistoryWriter(board.folder / "history.db", "journal-1")
    yield writer
    writer.close()


def tile(page: Page, number: int):
    return page.locator(f'#plant [data-c="{NAMES[number]}"]')


def names(page: Page) -> list[str]:
    return page.locator("#plant [data-c]").evaluate_all("found => found.map(({ dataset }) => dataset.c)")


def in_alert(writer: HistoryWriter, number: int, row_time: int = END_NS) -> None:
    rows = Rows(writer)
    rows.add("episode", episode=f"new-{number}", characteristic=number, rule="cpk-below-floor", state="open",
             first_day=1, last_day=3, days="[]", floor=1.2, cpk=1.05, cpk_upper=1.16, confidence="confirmed",
             opened_day=740_000, time=row_time, reason="")  # fmt: skip
    rows.commit(row_time)


def test_every_characteristic_is_a_tile_with_its_status_figures_and_drawing_worst_first(board):
    page = board.open("/")
    expect(tile(page, BORE)).to_contain_text("✕ alert")
    expect(tile(page, BORE)).to_contain_text("Cpk 1.02 ≥ 0.89, n 125")
    expect(tile(page, BORE).locator("svg")).to_have_attribute("aria-label", re.compile("the latest 40 points, signals"))
    expect(tile(page, BORE).locator("svg .diamond")).to_have_count(1)  # nine on one side
    expect(tile(page, FORCE).locator("time")).to_have_text("11-21 20:55")
    expect(page.locator("#plant h2 a")).to_have_text(["line1", "line2"])
    assert names(page) == [NAMES[BORE], NAMES[DEPTH], NAMES[FORCE]]
    expect(page.locator("#chips a").first).to_have_text("all 3")
    expect(page.locator('#chips a[title="an alert is open"]')).to_have_text("✕ alert 1")
    tile(page, BORE).locator("a").click()
    expect(page).to_have_url(f"{board.url}/characteristics/{NAMES[BORE]}")


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (1920, 1080), (390, 844)])
@pytest.mark.parametrize("address", ["/", "/?wall=1"])
def test_no_name_figure_or_time_of_a_tile_is_cut(board, address, width, height):
    board.page.set_viewport_size({"width": width, "height": height})
    page = board.open(address)
    cut = "found => found.filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.textContent)"
    shown = page.locator(".tile :is(.of, .cpk, .latest):visible")
    expect(shown).not_to_have_count(0)
    assert shown.evaluate_all(cut) == []


def test_the_page_says_everything_without_a_script(board, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{board.url}/?status=alert")
    assert page.locator("#plant [data-c]").count() == 1
    page.locator("#q").fill("force")
    page.locator("#filters button").click()
    expect(page).to_have_url(re.compile(r"status=alert.*q=force"))  # what the form does not ask for is kept
    expect(page.locator("#plant")).to_contain_text("No characteristic is as asked for.")
    page.goto(f"{board.url}/?wall=1")
    expect(page.locator("#wall .slide").first).to_contain_text("line1")
    context.close()


def test_filters_are_in_the_address_and_the_way_back_leads_through_them(board):
    page = board.open("/")
    page.evaluate("window.same = true")
    page.locator('#chips a[title="an alert is open"]').click()
    expect(page.locator("#plant [data-c]")).to_have_count(1)
    expect(page).to_have_url(f"{board.url}/?status=alert")
    expect(page.locator("#chips [aria-current]")).to_have_text("✕ alert 1")
    page.locator("#chips a").first.click()
    expect(page.locator("#plant [data-c]")).to_have_count(3)
    page.locator("#filters select[name=line]").select_option("line2")
    expect(page.locator("#plant [data-c]")).to_have_count(1)
    expect(page.locator("#filters select[name=station] option")).to_have_text(["all", "op30"])
    page.go_back()
    page.go_back()
    expect(page.locator("#chips [aria-current]")).to_have_text("✕ alert 1")
    expect(page.locator("#plant [data-c]")).to_have_count(1)
    page.goto(board.url)
    page.keyboard.press("/")
    page.keyboard.type("FORCE")
    expect(page.locator("#plant [data-c]")).to_have_count(1)
    expect(page).to_have_url(f"{board.url}/?q=FORCE")
    expect(page.locator("#q")).to_be_focused()
    page.locator("#q").fill("no such")
    expect(page.locator("#plant")).to_contain_text("No characteristic is as asked for.")
    page.get_by_role("link", name="Show all").click()
    expect(page.locator("#plant [data-c]")).to_have_count(3)


def test_a_point_is_on_its_tile_at_once_and_its_status_follows(board, writer):
    page = board.open("/")
    expect(tile(page, DEPTH)).to_contain_text("✓ ok")
    rows = Rows(writer)
    add_point(rows, DEPTH, [5.0301], END_NS + MINUTE_NS, signals=1 << 9, idx=0)
    rows.commit(END_NS + MINUTE_NS)
    expect(tile(page, DEPTH)).to_contain_text("5.0301 mm")
    expect(tile(page, DEPTH)).to_contain_text("✕ out-of-spec")
    expect(tile(page, DEPTH).locator("svg .square")).to_have_count(1)
    expect(page.locator("#chips")).to_contain_text("✕ out-of-spec 1")
    expect(page.locator("#as-of")).to_have_text("as of 2026-11-21 21:01:00")
    rows = Rows(writer)
    add_figures(rows, "capability", DEPTH, 0.71, time=END_NS + MINUTE_NS)
    rows.commit(END_NS + 2 * MINUTE_NS)
    expect(tile(page, DEPTH)).to_contain_text("0.71")


def test_only_what_has_changed_is_asked_for(board, writer):
    page = board.open("/")
    with page.expect_response(lambda answer: "part=changed" in answer.url) as found:
        rows = Rows(writer)
        add_point(rows, DEPTH, [5.0021], END_NS + MINUTE_NS, idx=0)
        rows.commit(END_NS + MINUTE_NS)
    answer = found.value
    assert re.findall(r'data-c="([^"]+)"', answer.text()) == [NAMES[DEPTH]]
    expect(tile(page, DEPTH)).to_contain_text("5.0021")


def test_tiles_change_places_but_not_under_the_pointer(board, writer):
    page = board.open("/")
    tile(page, FORCE).hover()
    in_alert(writer, FORCE)
    expect(tile(page, FORCE)).to_contain_text("✕ alert")
    assert names(page) == [NAMES[BORE], NAMES[DEPTH], NAMES[FORCE]]
    page.locator("h1").hover()
    rows = Rows(writer)
    rows.add("episode", episode="bore-2026-11-18", characteristic=BORE, rule="cpk-below-floor", state="recovered",
             days="[]", time=END_NS)  # fmt: skip
    rows.commit(END_NS)
    expect(page.locator("#plant h2 a")).to_have_text(["line2", "line1"])
    assert names(page)[0] == NAMES[FORCE]
    expect(page.locator('.line[data-line="line2"] .tally')).to_have_text("✕ 1")


def test_a_tile_that_is_no_more_asked_for_goes_and_another_comes(board, writer):
    page = board.open("/?status=alert")
    expect(page.locator("#plant [data-c]")).to_have_count(1)
    in_alert(writer, FORCE)
    expect(page.locator("#plant [data-c]")).to_have_count(2)
    rows = Rows(writer)
    rows.add("episode", episode="new-3", characteristic=FORCE, rule="cpk-below-floor", state="recovered", days="[]",
             time=END_NS)  # fmt: skip
    rows.commit(END_NS)
    expect(page.locator("#plant [data-c]")).to_have_count(1)


def test_many_points_are_drawn_seldom(board, writer):
    page = board.open("/")
    expect(tile(page, DEPTH)).to_contain_text("✓ ok")
    page.evaluate("""() => {
      window.drawn = 0;
      const count = () => { window.drawn += 1; };
      new MutationObserver(count).observe(document.querySelector("#plant"), { childList: true, subtree: true });
    }""")
    rows, began = Rows(writer), time.monotonic()
    for number in range(1, 1001):
        at = END_NS + number * MINUTE_NS
        add_point(rows, DEPTH, [round(5.0 + number / 1e6, 6)], at, idx=0)
        if number % 20 == 0:
            rows.commit(at)
    expect(tile(page, DEPTH)).to_contain_text("5.001 mm")
    seconds = time.monotonic() - began
    assert 1 <= page.evaluate("window.drawn") <= 11 * seconds + 3  # values ten times a second, tiles once


def test_the_keyboard_goes_from_tile_to_tile(board):
    page = board.open("/")
    tile(page, BORE).locator("a").focus()
    page.keyboard.press("ArrowRight")
    expect(tile(page, DEPTH).locator("a")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(tile(page, FORCE).locator("a")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/characteristics/line1/"))


def test_a_wall_rotates_pauses_and_turns(board, writer):
    board.page.set_viewport_size(TV)
    page = board.open("/?wall=1&by=line&seconds=3")
    slide = page.locator(".slide:not([data-later])")
    expect(slide).to_have_count(1)
    expect(slide.locator("h1")).to_contain_text("line1")
    expect(page.locator("#alerts")).to_contain_text("open alerts: 2")
    expect(page.locator("#clock")).to_have_text(re.compile(r"\d\d:\d\d:\d\d"))
    height, window = page.evaluate("[document.documentElement.scrollHeight, innerHeight]")
    assert height <= window
    board.photograph("wall")
    expect(slide.locator("h1")).to_contain_text("line2", timeout=20_000)  # by itself
    page.keyboard.press("Space")
    expect(page.locator("#pause")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("ArrowLeft")
    expect(slide.locator("h1")).to_contain_text("line1")
    rows = Rows(writer)
    add_point(rows, DEPTH, [5.0301], END_NS + MINUTE_NS, signals=1 << 9, idx=0)
    rows.commit(END_NS + MINUTE_NS)
    shown = slide.locator(f'[data-c="{NAMES[DEPTH]}"]')
    expect(shown).to_contain_text("✕ out-of-spec")  # rendered anew, and the slide stays
    expect(shown).to_contain_text("5.0301")
    assert page.evaluate("parseFloat(getComputedStyle(document.querySelector('.slide .of')).fontSize)") >= 0.025 * 1080
    assert faults_of_access(page) == []
    page.locator("#leave").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{board.url}/")


def test_a_wall_says_loudly_that_its_data_are_old_or_that_nobody_answers(board):
    told = {
        "processes": {"engine": {"lag_seconds": 1.0, "written_seconds_ago": 1.0, "last_tick": None}},
        "problems": [],
    }
    board.page.route("**/health", lambda route: route.fulfill(body=json.dumps(told), content_type="application/json"))
    page = board.open("/?wall=1&by=worst")
    expect(page.locator("#clock")).to_have_text(re.compile(":"))
    expect(page.locator("#old")).to_be_hidden()
    told["processes"]["engine"]["lag_seconds"] = 700.0
    expect(page.locator("#old")).to_have_text("✕ The data are old: the latest are of 12 min ago", timeout=30_000)
    expect(page.locator("body")).to_have_attribute("data-old", "")
    told["processes"]["engine"] |= {"lag_seconds": None, "written_seconds_ago": 2.0}  # a plant that brings its time
    expect(page.locator("#old")).to_be_hidden(timeout=30_000)
    page.route("**/health", lambda route: route.fulfill(status=503, body="{}"))
    expect(page.locator("#old")).to_contain_text("No connection to the board", timeout=60_000)
    board.photograph("wall-old")
    assert all("503" in fault for fault in board.faults)  # the browser says it too
    board.faults.clear()


def test_a_thousand_tiles_are_small_and_fit_a_phone(browser, tmp_path):
    seed(tmp_path)
    writer = HistoryWriter(tmp_path / "history.db", "journal-1")
    rows = Rows(writer)
    for number in range(100, 300):
        op = f"op{number % 7}"
        rows.add("characteristic", characteristic=number, name=f"line3/{op}/c{number}", unit="mm", line="line3",
                 station=op, product="", chart="individuals", subgroup_size=1, state="active")  # fmt: skip
    rows.commit(END_NS)
    writer.close()
    with looking(browser, tmp_path, viewport=WIDE) as board:
        page = board.open("/")
        expect(page.locator("#plant [data-c]")).to_have_count(203)
        expect(page.locator(".plant-of")).to_have_class("plant-of small")
        wide = page.locator("#plant [data-c]").first.bounding_box()
        assert wide is not None
        assert wide["width"] < 160
        board.photograph("andon-many")
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page = board.open("/?size=large")
        expect(page.locator(".plant-of")).to_have_class("plant-of large")
