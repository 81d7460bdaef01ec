import os
import time
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from board.api import events
from board.vitals.health import Newest
from connectors.history import HistoryWriter
from connectors.journal import JournalWriter
from connectors.status import StatusFile, status_path
from flows.web import newest_entry
from tests.browser.board import ARGUMENTS
from tests.programs import require_program
from tests.seeding import END_NS, Rows, seed_history
from tests.serving import serving

SECOND_NS = 1_000_000_000


def fill(journal: Path, count: int, received_ns: int) -> None:
    writer = JournalWriter(journal)
    writer.append([(received_ns, "line1", "factory/a", 0, 0, b"{}")] * count)
    writer.close()


def processes(client: httpx.Client) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = client.get("/health").json()["processes"]
    return found


def test_health_without_a_journal_knows_no_gateway(tmp_path: Path):
    with serving(tmp_path) as client:
        gateway = processes(client)["gateway"]
        assert {gateway.pop("away") == {}, gateway.pop("shut") == {}} == {True}
        assert set(gateway.values()) == {None}
        assert processes(client)["engine"]["behind_entries"] is None


def test_health_tells_the_newest_entry_and_how_far_the_engine_is_behind_it(tmp_path: Path):
    seed_history(tmp_path / "history.db")
    with serving(tmp_path) as client:
        applied = processes(client)["engine"]["applied_seq"]
        assert isinstance(applied, int)
        fill(tmp_path / "journal", applied + 7, END_NS + 90 * SECOND_NS)
        found = processes(client)
        assert found["gateway"]["last_seq"] == applied + 7
        assert found["gateway"]["last_entry"] == "2026-11-21T13:01:30Z"  # END_NS is 13:00
        assert (found["engine"]["behind_entries"], found["engine"]["behind_seconds"]) == (7, 90.0)
        lag = found["gateway"]["lag_seconds"]
        assert isinstance(lag, float)
        assert lag == pytest.approx(time.time() - END_NS / SECOND_NS - 90, abs=5.0)


def test_health_says_why_the_journal_cannot_be_read(tmp_path: Path):
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / f"{1:020d}.db").write_bytes(b"no database" * 100)
    with serving(tmp_path) as client:
        assert "not a database" in str(processes(client)["gateway"]["problem"])
        assert client.get("/health").status_code == 200


def test_the_pages_say_that_the_engine_stands_still(tmp_path: Path):
    seed_history(tmp_path / "history.db")
    fill(tmp_path / "journal", 5000, END_NS)
    for path in tmp_path.glob("history.db*"):
        os.utime(path, (time.time() - 300, time.time() - 300))
    with serving(tmp_path) as client, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=require_program("chromium"), args=ARGUMENTS)
        page = browser.new_page()
        page.goto(str(client.base_url))
        expect(page.locator("#vitals")).to_contain_text("The engine has stored nothing for 5 min, and ")
        expect(page.locator("#vitals")).to_contain_text("is it running? All figures are as of 2026-11-21 21:00.")
        browser.close()


def test_the_pages_say_that_the_engine_does_not_run(tmp_path: Path):
    fill(tmp_path / "journal", 12, time.time_ns())
    with serving(tmp_path) as client, sync_playwright() as driver:
        chromium = require_program("chromium")
        browser = driver.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page()
        for path in ("/", "/key-results", "/characteristics/line1/op10/bore"):
            page.goto(f"{client.base_url}".rstrip("/") + path)
            expect(page.locator("#vitals")).to_have_text(
                "There is no history yet, and 12 journal entries wait: the engine is starting, or is not running."
            )
        browser.close()


def test_the_newest_entry_is_found_in_the_last_segment_alone(tmp_path: Path):
    writer = JournalWriter(tmp_path, segment_bytes=1)
    for _ in range(3):
        writer.append([(END_NS, "line1", "factory/a", 0, 0, b"{}")])
    writer.close()
    files = sorted(tmp_path.glob("*.db"))
    assert len(files) > 2
    assert newest_entry(tmp_path) == Newest(5, END_NS)  # three, and a checkpoint at the end of each full segment
    for old in files[:-1]:
        old.write_bytes(b"not a database, " * 100)
    assert newest_entry(tmp_path) == Newest(5, END_NS)


def test_the_service_page_says_what_is_wrong_and_every_page_the_gravest(tmp_path: Path):
    seed_history(tmp_path / "history.db")
    now = time.time_ns()
    said = {"pid": 1, "beats": 1, "started_ns": now, "written_ns": now + 60 * SECOND_NS, "fault": "", "state": "runs"}
    shut = {"disk": {"why": "disk", "since_ns": now}}
    away = {"line2": {"why": "Connection refused", "since_ns": now - 60 * SECOND_NS}}
    disk = {"free_bytes": 150 << 20, "total_bytes": 50 << 30, "least_bytes": 200 << 20}
    facts = {"connectors": ["line1", "line2"], "away": away, "shut": shut, "disk": disk}
    fault = "history.db is damaged (malformed): restore it from a backup"
    for name, more in (("gateway", {"facts": facts}), ("engine", {"state": "failed", "fault": fault, "facts": {}})):
        status = StatusFile(status_path(tmp_path, name))
        status.write(said | more)
        status.close()
    with serving(tmp_path) as client, sync_playwright() as driver:
        health = client.get("/health").json()
        assert [problem["code"] for problem in health["problems"]] == ["shut-disk", "connector-away", "ended", "gaps"]
        metrics = client.get("/metrics").text
        for line in (
            'plumbline_up{process="gateway"} 1.0',
            'plumbline_up{process="engine"} 0.0',
            'plumbline_connected{connector="line2"} 0.0',
            "plumbline_intake_shut 1.0",
        ):
            assert f"\n{line}\n" in metrics
        browser = driver.chromium.launch(executable_path=require_program("chromium"), args=ARGUMENTS)
        page = browser.new_page()
        address = str(client.base_url).rstrip("/")
        page.goto(f"{address}/")
        expect(page.locator("#vitals")).to_contain_text("Nothing is taken in: the disk is nearly full.")
        page.get_by_role("link", name="More").click()
        expect(page.locator("#problems li")).to_have_count(4)
        expect(page.locator("#problems")).to_contain_text(fault)
        expect(page.locator("#processes")).to_contain_text("✕ failed")
        expect(page.locator("#connectors")).to_contain_text("Connection refused")
        expect(page.locator("#gaps")).to_contain_text("the broker had forgotten")
        expect(page.locator("#rejected")).to_contain_text("not-json")
        browser.close()


@pytest.mark.parametrize(("reason", "count", "told"), [("ahead-of-clock", 100, True), ("ahead-of-clock", 99, False),
                                                       ("repeated", 100, False)])  # fmt: skip
def test_health_tells_of_much_that_is_refused_of_late(tmp_path: Path, reason: str, count: int, told: bool):
    seed_history(tmp_path / "history.db")
    writer = HistoryWriter(tmp_path / "history.db", "journal-1")
    more = Rows(writer)
    for number in range(1, count + 1):
        more.add("rejected", connector="line1", topic="t", reason=reason, detail="", seq=number, idx=0,
                 time=END_NS - number * SECOND_NS, count=number, payload=b"{}")  # fmt: skip
    more.commit(END_NS)
    writer.close()
    with serving(tmp_path) as client:
        problems = {problem["code"]: problem["says"] for problem in client.get("/health").json()["problems"]}
    assert ("refused-line1-ahead-of-clock" in problems) is told
    assert not told or "line1 sends much that is refused" in problems["refused-line1-ahead-of-clock"]


def test_a_page_that_is_refused_a_stream_asks_again_and_a_hidden_one_gives_its_own_back(tmp_path: Path, monkeypatch):
    seed_history(tmp_path / "history.db")
    monkeypatch.setattr(events, "MOST_LISTENERS", 0)
    with serving(tmp_path) as client, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=require_program("chromium"), args=ARGUMENTS)
        page = browser.new_page()
        page.goto(str(client.base_url))
        expect(page.locator("#live")).to_have_text("○ reconnecting …")
        monkeypatch.setattr(events, "MOST_LISTENERS", 1)
        expect(page.locator("#live")).to_have_text("● live", timeout=20_000)
        hide = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
        tell = "document.dispatchEvent(new Event('visibilitychange'));"
        page.evaluate(hide % "true" + tell)
        expect(page.locator("#live")).to_have_text("○ paused")
        page.evaluate(hide % "false" + tell)
        expect(page.locator("#live")).to_have_text("● live", timeout=20_000)
        browser.close()
