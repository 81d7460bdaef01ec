"""The page of the service's health in a real browser: what is wrong, what to do about it, in both languages, live."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from connectors.history import HistoryWriter
from connectors.status import StatusFile, status_path
from okr.store import Store, advance
from tests.browser.board import Board, faults_of_access, looking, needs_browser, seed
from tests.seeding import BORE, END_NS, LAST_DAY, NAMES, Rows, add_figures

pytestmark = needs_browser
SECOND_NS = 1_000_000_000
AWAY = {"line2": {"why": "Connection refused", "since_ns": 0}}
GATEWAY = {
    "connectors": ["line1", "line2"], "away": AWAY, "shut": {},
    "disk": {"free_bytes": 73 << 30, "total_bytes": 252 << 30, "least_bytes": 200 << 20},
}  # fmt: skip


def say(folder: Path, process: str, facts: dict[str, Any], **more: object) -> None:
    """What a process says of itself, as if a minute from now: it is not silent."""
    now = time.time_ns()
    said = {"pid": 1, "beats": 1, "started_ns": now, "written_ns": now + 600 * SECOND_NS, "fault": "", "state": "runs"}
    status = StatusFile(status_path(folder, process))
    assert status.write(said | {"facts": facts} | more)
    status.close()


@pytest.fixture
def writer(board: Board) -> Iterator[HistoryWriter]:
    writer = HistoryWriter(board.folder / "history.db", "journal-1")
    yield writer
    writer.close()


def test_every_problem_says_what_to_do_in_the_language_of_the_page(board: Board) -> None:
    say(board.folder, "gateway", GATEWAY)
    page = board.open("/service")
    problem = page.locator('#problems [data-code="connector-away"]')
    expect(problem).to_contain_text("✕ fault The connector line2 is not connected: Connection refused.")
    expect(problem).to_contain_text("What to do: See whether that server answers from this machine")
    expect(page.locator("#vitals")).to_contain_text("The connector line2 is not connected")
    expect(page.locator("#connectors")).to_contain_text("✕ away Connection refused")
    page.get_by_role("button", name="中文").click()
    expect(problem).to_contain_text("✕ 故障 连接器 line2 未连接：Connection refused。")
    expect(problem).to_contain_text("处理： 请检查从本机能否连到该服务器")
    expect(page.locator("#vitals")).to_contain_text("连接器 line2 未连接")
    board.photograph("health-chinese")
    said = page.request.get(f"{board.url}/health").json()["problems"]
    assert next(one for one in said if one["code"] == "connector-away")["says"].startswith("The connector line2")


def test_processes_are_shown_as_they_are_now(board: Board) -> None:
    say(board.folder, "gateway", GATEWAY | {"away": {}})
    page = board.open("/service")
    expect(page.locator("#processes tr", has_text="Gateway")).to_contain_text("✓ runs")
    expect(page.locator("#storage")).to_contain_text("73.0 GiB of 252.0 GiB; below 200 MiB nothing is taken in")
    expect(page.locator("#rates")).to_contain_text("a second, over the last", timeout=30_000)
    fault = "history.db is damaged"
    say(board.folder, "engine", {}, state="failed", fault=fault)
    expect(page.locator("#processes tr", has_text="Engine")).to_contain_text("✕ failed", timeout=30_000)
    expect(page.locator("#problems")).to_contain_text(fault)


def test_a_stopped_gateway_has_no_connection(board: Board) -> None:
    say(board.folder, "gateway", GATEWAY, state="stopped")
    say(board.folder, "forwarder", {"targets": {"store": {"row": 1, "behind_seconds": 0.0, "refused": 2}}})
    page = board.open("/service")
    assert page.locator("#connectors .word").all_inner_texts() == ["▲ stopped", "▲ stopped"]
    assert [text.split("\t") for text in page.locator("#targets tbody tr").all_inner_texts()] == [
        ["the board's OKR store", "✓ connected", "0 s", "2"]]  # fmt: skip


def test_what_is_refused_comes_with_its_example_as_text_and_what_to_do(board: Board, writer: HistoryWriter) -> None:
    page = board.open("/service")
    one = page.locator('[data-reason="not-json"]')
    expect(one).to_contain_text("line1: not-json × 1")
    expect(one).to_contain_text("What to do: Correct what sends it")
    one.get_by_text("The last one").click()
    expect(one.locator("pre")).to_have_text('{"values": {"bore": ')
    rows = Rows(writer)
    rows.add("rejected", connector="line2", topic="factory/x", reason="unknown-characteristic", detail="line2/op9/new",
             seq=1, idx=0, time=END_NS, count=7, payload=b"<script>alert(1)</script>")  # fmt: skip
    rows.add("gap", gap="g1", connector="line1", reason="session-lost", from_time=END_NS, to_time=END_NS + SECOND_NS,
             state="closed", detail="12 messages")  # fmt: skip
    rows.commit(END_NS)
    new = page.locator('[data-reason="unknown-characteristic"]')
    expect(new).to_contain_text("plumbline discover FILE")
    new.get_by_text("1 unknown names").click()
    expect(new).to_contain_text("line2/op9/new")
    new.get_by_text("The last one").click()
    expect(new.locator("pre")).to_have_text("<script>alert(1)</script>")
    expect(page.locator("#gaps")).to_contain_text("✓ closed line1")
    expect(page.locator("#gaps")).to_contain_text("(12 messages)")
    expect(page.locator("#gaps")).to_contain_text("Filled since: nothing is to be done.")
    expect(one.locator("pre")).to_be_visible()  # still unfolded
    board.photograph("health-refused")


def test_characteristics_and_gauges_that_need_somebody_are_named(board: Board, writer: HistoryWriter) -> None:
    rows = Rows(writer)
    add_figures(rows, "capability", BORE, None, time=END_NS + 1, verdict="stale", verdicts='["insufficient","stale"]')
    add_figures(rows, "day", BORE, 1.5, day=LAST_DAY + 1, revision=1, basis="day", late=4, n=80)
    rows.add("limits", characteristic=BORE, revision=2, time=END_NS, state="fixed", center=10.0, sigma=0.01)
    rows.commit(200 * 86_400 * SECOND_NS + END_NS)  # the plant's clock is past G7's calibration
    page = board.open("/service")
    expect(page.locator("#silent")).to_contain_text(f"stale {NAMES[BORE]}")
    expect(page.locator("#late")).to_contain_text("4 of 80 (5.0 %)")
    expect(page.locator("#gauges")).to_contain_text("✕ overdue G7 calibrated until 2027-03-31")
    expect(page.locator("#gauges").get_by_role("link", name=NAMES[BORE])).to_be_visible()


def test_all_is_well_is_said_too(browser: Browser, tmp_path: Path) -> None:
    seed(tmp_path)
    writer = HistoryWriter(tmp_path / "history.db", "journal-1")
    rows = Rows(writer)
    rows.add("gap", gap="g1", connector="line1", reason="session-lost", from_time=0, to_time=END_NS, state="closed")
    rows.commit(END_NS)
    writer.close()
    store = Store(f"sqlite:///{tmp_path / 'okr.db'}")
    with store.writing() as connection:
        advance(connection, datetime.fromtimestamp(END_NS / SECOND_NS, UTC))
    store.close()
    with looking(browser, tmp_path) as board:
        expect(board.open("/service").locator("#problems")).to_contain_text("✓ all is well Everything runs")


def test_before_there_is_any_history_the_page_says_what_is_lacking(browser: Browser, tmp_path: Path) -> None:
    with looking(browser, tmp_path) as board:
        page = board.open("/service")
        expect(page.locator('#problems [data-code="nothing-yet"]')).to_contain_text("Nothing has come in yet")
        expect(page.locator("#gaps")).to_contain_text("None")


@pytest.mark.parametrize("board", ["dark"], indirect=True)
def test_unfolded_on_a_phone_it_fits_and_has_no_fault_of_access(board: Board) -> None:
    say(board.folder, "gateway", GATEWAY)
    board.page.set_viewport_size({"width": 390, "height": 844})
    page = board.open("/service")
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert faults_of_access(page) == []
    board.photograph("health-phone")
