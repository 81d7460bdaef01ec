"""The page of metrics in a real browser: figures, stops, the time line, what it does without a script."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from connectors.history import HistoryWriter
from tests.browser.board import Board, faults_of_access, looking, needs_browser, seed
from tests.seeding import END_NS, MINUTE_NS, Rows
from tests.seeding_machines import OP10, OP20, add_metric, add_state, oee_group

pytestmark = needs_browser

PATH = "/performance?of=line1&from=2026-11-18&to=2026-11-21"


@pytest.fixture
def writer(board: Board) -> Iterator[HistoryWriter]:
    writer = HistoryWriter(board.folder / "history.db", "journal-1")
    yield writer
    writer.close()


def test_oee_its_factors_and_losses_are_those_that_were_stored(board: Board) -> None:
    page = board.open(PATH)
    machine = page.locator(f'[data-machine="{OP10}"]')
    machine.get_by_text("By day").click()
    days = machine.locator("details").last.locator("tbody tr")
    expect(days).to_have_count(3)
    # Vorne's example: 88.81 %, 86.11 %, 97.80 %, 74.79 %, as in tests/truth
    expect(days.last).to_contain_text("2026-11-18")
    for figure in ("74.8 %", "88.8 %", "86.1 %", "97.8 %"):
        expect(days.last).to_contain_text(figure)
    expect(days.nth(1)).to_contain_text("↻ restated")
    expect(days.first).to_contain_text("of a part of the planned time the machine's state is not known")
    expect(machine.locator(".losses tbody tr")).to_have_count(7)
    expect(machine.locator(".losses")).to_contain_text("− down")
    expect(machine.locator("svg.chart rect.bar")).to_have_count(3)
    board.photograph("performance-oee")


def test_downtime_is_a_pareto_of_chart_and_table(board: Board) -> None:
    page = board.open(PATH)
    rows = page.locator("#downtime tbody tr")
    assert [row.split("\t")[:5] for row in rows.all_inner_texts()] == [
        ["electric", "120.0", "1", "52.2", "52.2"],
        ["tool", "100.0", "3", "43.5", "95.7"],
        ["jam", "10.0", "1", "4.3", "100.0"],
    ]
    expect(page.locator("#downtime svg.chart rect.bar")).to_have_count(3)


def test_the_time_line_tells_each_stretch_to_pointer_and_keys(board: Board) -> None:
    page = board.open(PATH)
    states = page.locator(f'svg.states[aria-label="States of {OP10}"] .state')
    expect(states).to_have_count(13)
    states.nth(1).hover()
    expect(page.locator("#pointed")).to_have_text(f"States of {OP10}: down (tool): 06:00–06:30, 30 min")
    states.first.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#pointed")).to_have_text(f"States of {OP10}: setup: 10:00–10:30, 30 min")
    expect(states.nth(3)).to_be_focused()
    page.keyboard.press("End")
    expect(page.locator("#pointed")).to_contain_text("down (tool): 20:00–21:00, 60 min")
    assert states.nth(7).get_attribute("aria-label") == "planned-stop (maintenance): 15:00–16:00, 60 min"
    other = page.locator(f'svg.states[aria-label="States of {OP20}"] .state')
    assert other.first.get_attribute("aria-label") == "unknown: 00:00–01:00, 60 min"
    expect(page.locator("svg.axis")).to_contain_text("night")


def test_a_new_state_and_a_new_value_are_on_the_page_by_themselves(board: Board, writer: HistoryWriter) -> None:
    page = board.open(PATH)
    expect(page.locator("#states-table tbody tr").first).to_be_attached()
    rows = Rows(writer)
    add_state(rows, OP20, END_NS + 5 * MINUTE_NS, "down", "fire drill")
    group = oee_group(OP10, {"running": 400, "down": 20}, 22000, 22000)
    add_metric(rows, "oee_by_day", 739941, group)  # 2026-11-21
    rows.commit(END_NS + 10 * MINUTE_NS)
    expect(page.locator("#downtime")).to_contain_text("fire drill")
    expect(page.locator(f'[data-machine="{OP10}"] rect.bar')).to_have_count(4)


def test_every_metric_says_what_counted_and_which_key_result_uses_it(board: Board) -> None:
    page = board.open(PATH)
    metric = page.locator('[data-metric="first_pass"]')
    expect(metric).to_contain_text("95.90 %")
    expect(metric).to_contain_text("n = 1000, 1 of 1 count")
    expect(metric.get_by_role("link", name="KR9")).to_have_attribute("href", "/key-results/KR9")
    metric.get_by_text("By day (3)").click()
    expect(metric.locator("tbody tr")).to_have_count(3)
    page = board.open("/performance")
    expect(page.locator('[data-metric="answered"]')).to_contain_text("no complaint has been answered or become due")
    expect(page.locator(".family", has_text="No longer in the plant file")).to_be_visible()


def test_a_machine_without_oee_is_told_what_to_add(board: Board) -> None:
    page = board.open(f"/performance?of={OP20}")
    expect(page.locator("#oee")).to_contain_text("No OEE of these machines is stored")
    expect(page.locator("pre.toml")).to_contain_text(f'kind = "oee"\nof = ["{OP20}"]\nover = "day"')


def test_without_a_script_the_form_and_all_figures_are_there(browser: Browser, tmp_path: Path) -> None:
    seed(tmp_path)
    with looking(browser, tmp_path, java_script_enabled=False) as board:
        board.page.goto(board.url + "/performance")
        board.page.get_by_label("Line or machine").select_option(OP20)
        board.page.get_by_label("From").fill("2026-11-20")
        board.page.get_by_role("button", name="Show").click()
        expect(board.page).to_have_url(
            f"{board.url}/performance?of=line1%2Fop20&from=2026-11-20&to=2026-11-21&day=2026-11-21"
        )
        expect(board.page.locator("#downtime tbody tr")).to_have_count(1)
        expect(board.page.locator(".states .state").first).to_be_visible()
        board.page.get_by_role("link", name="◀ day before").click()
        expect(board.page.locator("#states h2")).to_contain_text("2026-11-20")
        expect(board.page.get_by_label("Line or machine")).to_have_value(OP20)


def test_what_is_asked_for_wrongly_is_answered_in_words(board: Board) -> None:
    page = board.open("/performance?of=line9&from=<b>soon")
    expect(page.locator(".notice", has_text="<b>soon is no day")).to_be_visible()
    expect(page.locator(".notice", has_text="No line and no machine is called line9.")).to_be_visible()


@pytest.mark.parametrize("board", ["dark"], indirect=True)
def test_unfolded_on_a_phone_it_fits_and_has_no_fault_of_access(board: Board) -> None:
    board.page.set_viewport_size({"width": 390, "height": 844})
    page = board.open(PATH)
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert faults_of_access(page) == []
    board.photograph("performance-phone")
