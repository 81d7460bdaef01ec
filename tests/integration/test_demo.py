"""The demo as a person sees it: a browser on the board of a running `plumbline demo`.

`make screenshots` (README_SCREENSHOTS=1) keeps the README's pictures; else they go into the test's folder.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.board import ARGUMENTS
from tests.integration.test_run import BORE, FIRST_START_SECONDS, Command, answers, command, wait_until
from tests.pictures import smaller
from tests.programs import find_program, require_program
from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[2]
DAYS = 20  # come at once: the second bad day of the bore is the last of them
DAY_SECONDS = 12
MOST_BYTES = 150_000
SHAPES = {"out-of-spec": "square", "beyond-3-sigma": "triangle"}  # the gravest first; a diamond for any other


class Demo:
    """A page of the browser, and the demo that it looks at."""

    def __init__(self, page: Page, port: int, running: Command) -> None:
        self.page, self.port, self.running = page, port, running
        self.faults: list[str] = []
        page.on("console", lambda message: self.faults.append(message.text))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", lambda request: self._asked(request.url))

    def open(self, path: str) -> None:
        self.page.goto(f"http://127.0.0.1:{self.port}{path}")
        expect(self.page.locator("#live")).to_have_text("● live")

    def answer(self, path: str) -> list[dict[str, object]]:
        found = answers(self.port, f"/api/v1{path}")
        assert isinstance(found, list), path
        return found

    def _asked(self, url: str) -> None:
        if urlsplit(url).netloc != f"127.0.0.1:{self.port}":
            self.faults.append(f"asked another host: {url}")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    wanted = os.environ.get("README_SCREENSHOTS", "") not in ("", "0")
    return ROOT / "docs" / "images" if wanted else tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    chromium, folder, port = require_program("chromium"), tmp_path_factory.mktemp("demo"), free_port()
    broker = "mosquitto" if find_program("mosquitto") else "embedded"
    options = ("--broker", broker, "--days", DAYS, "--day-seconds", DAY_SECONDS, "--port", port)
    with command("demo", *options, "--data", folder / "data", log=folder / "demo.log") as running:
        wait_until(lambda: f"The board is at http://127.0.0.1:{port}" in running.said(), running, FIRST_START_SECONDS)
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium, args=[*ARGUMENTS, "--disable-lcd-text"])
            page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="light")
            looked_at = Demo(page, port, running)
            yield looked_at
            browser.close()
        assert running.stop() == 0
        assert "Traceback" not in running.said()
    assert looked_at.faults == []


def photograph(page: Page, path: Path, *, height: int = 800, place: str = "main") -> None:
    """The page from `place` on, without a blinking cursor or a reading under the pointer."""
    page.set_viewport_size({"width": 1280, "height": height})
    page.mouse.move(2, 400)
    page.evaluate("place => place === 'main' ? scrollTo(0, 0) : document.querySelector(place).scrollIntoView()", place)
    path.write_bytes(smaller(page.screenshot(animations="disabled")))
    assert path.stat().st_size <= MOST_BYTES


def test_the_alert_opens_on_the_page_and_its_key_result_turns_red(demo: Demo, pictures: Path):
    demo.open("/alerts")
    assert demo.answer("/alerts") == []  # two bad days only
    expect(demo.page.locator("#open-alerts")).to_be_hidden()
    card = demo.page.locator("article")
    expect(card).to_have_count(1, timeout=180_000)  # twenty days, on a loaded machine too
    expect(card).to_contain_text(f"{BORE}: Cpk below 1.2 on 3 production days")
    expect(card.locator(".word").first).to_have_text("✕ open")
    expect(card.locator("tbody tr")).to_have_count(3)
    expect(card.locator(".dot.bad")).to_have_count(3)
    expect(demo.page.locator("#open-alerts")).to_have_text("1")
    photograph(demo.page, pictures / "alerts.png")
    demo.open("/key-results")
    key_result = demo.page.locator("[data-key-result=KR1]")
    expect(key_result.locator(".word")).to_have_text("✕ red")
    expect(key_result).to_contain_text("an alert of its characteristics is open")
    expect(key_result.locator(".waits")).to_contain_text(f"the alert of {BORE} is open; next: Acknowledge")
    expect(demo.page.locator("[data-key-result=KR4] .word")).to_have_text("✓ green")  # the welds are well
    photograph(demo.page, pictures / "okr.png", height=960)
    key_result.get_by_role("link", name="KR1").click()
    demo.page.locator("#updates tbody tr").first.locator("a").first.click()
    members = demo.page.locator("#members tbody tr")
    expect(members).to_have_count(1)
    demo.page.locator("#member-days").get_by_role("link", name="charts").first.click()
    expect(demo.page.locator("h1")).to_have_text(BORE)


def test_signals_are_marked_on_the_chart_by_their_shape(demo: Demo, pictures: Path):
    demo.open(f"/characteristics/{BORE}?span=week")
    chart = demo.page.locator("#location")
    expect(demo.page.locator("#charts")).to_have_attribute("data-ready", "yes")
    expect(chart.locator("canvas")).to_have_count(1)
    expect(demo.page.locator("#status")).to_have_text("✕ alert")
    drawn = dict(mark.split(":") for mark in (chart.get_attribute("data-marks") or "").split())
    points = {str(point["seq"]): point["rules"] for point in demo.answer(f"/points?characteristic={BORE}&limit=300")}
    seen = 0
    for seq, shape in drawn.items():
        rules = points.get(seq)
        if rules is None:
            continue  # it has left the newest 300 since
        assert isinstance(rules, list)
        assert shape == next((SHAPES[rule] for rule in SHAPES if rule in rules), "diamond")
        seen += 1
    assert seen >= 30  # three bad days of 16 subgroups
    assert set(drawn.values()) >= {"triangle", "diamond"}
    assert "triangles" in (chart.get_attribute("aria-label") or "")
    expect(demo.page.locator("#signals tbody")).to_contain_text("a point beyond 3 sigma")
    photograph(demo.page, pictures / "characteristic.png")


def test_points_arrive_without_a_reload(demo: Demo, pictures: Path):
    demo.open("/")
    tile = demo.page.locator(f'#plant [data-c="{BORE}"]')
    expect(tile.locator(".latest")).to_contain_text(" mm")
    demo.page.evaluate("window.same = true")
    for _ in range(3):
        before = tile.locator("time").get_attribute("datetime") or ""
        expect(tile.locator("time")).not_to_have_attribute("datetime", before, timeout=60_000)
    assert demo.page.evaluate("window.same")
    shown = tile.locator(".value").inner_text()
    assert shown in {f"{float(str(point['value'])):.6g}" for point in demo.answer(f"/points?characteristic={BORE}")}
    photograph(demo.page, pictures / "board.png")


def test_the_gateway_and_the_engine_are_seen_in_health(demo: Demo):
    found = httpx.get(f"http://127.0.0.1:{demo.port}/health", trust_env=False).json()["processes"]
    assert found["gateway"]["last_seq"] >= found["engine"]["applied_seq"] > 40_000
    assert found["engine"]["behind_entries"] < 500
    expect(demo.page.locator("#vitals")).to_be_hidden()
    expect(demo.page.locator("#problem")).to_be_hidden()


def test_the_other_pages_show_the_plant(demo: Demo, pictures: Path):
    """What engineers, operators and managers look at, each taken as a picture for the README and the documentation."""
    page = demo.page
    demo.open(f"/alerts/{demo.answer('/alerts')[0]['alert']}")
    expect(page.locator("h1")).to_contain_text(BORE)
    photograph(page, pictures / "alert.png", height=900)
    demo.open(f"/characteristics/{BORE}")
    expect(page.locator("#histogram svg").first).to_be_visible()
    photograph(page, pictures / "figures.png", height=900, place="#histogram")
    page.get_by_role("link", name="Study of these readings").click()
    expect(page.locator("main")).to_contain_text("Anderson")
    photograph(page, pictures / "study.png", height=900)
    demo.open("/performance")
    expect(page.locator("#oee")).to_contain_text("line1/op10")
    photograph(page, pictures / "metrics.png", height=1000)
    demo.open("/entry/line2/op30")
    expect(page.locator("form.check")).to_have_count(5)
    photograph(page, pictures / "entry.png")
    demo.open("/service")
    expect(page.locator("main")).to_contain_text("Engine")
    photograph(page, pictures / "health.png")
    demo.open("/?wall=1")
    expect(page.locator("main")).to_contain_text("line1")
    photograph(page, pictures / "wall.png", height=720)
