"""People's gauges: a station's page in a browser, in front of a real gateway."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from playwright.sync_api import Browser, Page, expect

from config.load import load
from connectors.journal import SYSTEM, JournalReader
from flows import gateway
from tests.browser.board import Board, looking, needs_browser, seed
from tests.gateway_runs import wait_until
from tests.seeding_plant import PLANT_TABLES
from tests.serving import free_port

pytestmark = needs_browser

TOKEN = "PLUMBLINE_TEST_INTAKE_TOKEN"


def is_served(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Gateway:
    """The plant's gateway, in a thread; it can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.data = folder, folder / "gateway"
        self.start()

    def start(self) -> None:
        plant = load(self._folder / "gateway.toml")
        self._stop = threading.Event()
        options = {"stop": self._stop, "environ": {TOKEN: "s3cret"}}
        self._thread = threading.Thread(target=gateway.run, args=(plant, self.data), kwargs=options)
        self._thread.start()
        (port,) = [one.port for one in plant.connectors.values() if one.type == "http"]
        wait_until(lambda: is_served(port))

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()

    def messages(self) -> list[tuple[str, dict[str, object]]]:
        entries = JournalReader(self.data / "journal").read(0, 1000)
        return [(one.topic, orjson.loads(one.payload)) for one in entries if one.connector != SYSTEM]


@pytest.fixture
def taking(browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Board, Gateway]]:
    monkeypatch.setenv(TOKEN, "s3cret")
    seed(tmp_path)
    tables = PLANT_TABLES.replace("port = 1\n", f"port = {free_port()}\n")
    (tmp_path / "more.toml").write_text(tables)
    (tmp_path / "gateway.toml").write_text(f'[plant]\nid = "suzhou-1"\n{tables}')
    gate = Gateway(tmp_path)
    try:
        with looking(browser, tmp_path) as board:
            yield board, gate
    finally:
        gate.stop()


def card(page: Page, name: str):
    return page.locator(f'form[data-characteristic="{name}"]')


def type_like_a_gauge(page: Page, text: str) -> None:
    """What a keyboard-wedge gauge does: characters, then Enter, into whatever has the focus."""
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def test_a_gauge_that_types_like_a_keyboard_fills_a_subgroup_and_hands_it_in(taking: tuple[Board, Gateway]):
    board, gate = taking
    board.page.add_init_script("delete Crypto.prototype.randomUUID")  # as on a page that came without TLS
    page = board.open("/entry")
    page.get_by_role("link", name="line1/op10").click()
    page.get_by_label("Who measures").fill("li")
    page.get_by_label("Lot").fill("L77")
    bore = card(page, "line1/op10/bore")
    expect(bore).to_contain_text("9.96 … 10.04 mm")
    bore.get_by_label("1 of 5").focus()
    for text in ("10.001", "+9,998", "10.004 mm", "10.0", "9.999"):
        type_like_a_gauge(page, text)
    expect(bore.locator(".outcome")).to_have_text("✓ 10.001 9.998 10.004 10 9.999 is taken in, on disk.")
    (topic, message), *rest = gate.messages()
    assert rest == []
    assert topic == "line1/op10/measurement"
    assert message.pop("id", "").startswith("entry-")
    assert message == {"values": {"bore": [10.001, 9.998, 10.004, 10.0, 9.999]}, "lot": "L77", "operator": "li",
                       "gauge": "G7"}  # fmt: skip
    board.photograph("entry-station")


def test_what_is_overdue_comes_first_and_a_value_out_of_specification_shows_the_reaction(
    taking: tuple[Board, Gateway],
):
    board, gate = taking
    page = board.open("/entry/line1/op10")
    expect(page.locator("form.check h2").first).to_have_text("line1/op10/depth")
    depth = card(page, "line1/op10/depth")
    expect(depth.get_by_label("Value")).to_be_focused()
    type_like_a_gauge(page, "")
    expect(depth.locator(".outcome")).to_have_text("✕ A value is missing.")
    type_like_a_gauge(page, "5.031")
    expect(depth.locator(".outcome")).to_contain_text("✕ 5.031 is taken in, on disk. Out of specification")
    expect(depth.locator(".reaction.loud")).to_contain_text("stop and call quality")
    depth.get_by_label("Value").focus()
    type_like_a_gauge(page, "50.31")  # a decimal point forgotten: asked for once more
    expect(depth.locator(".outcome")).to_contain_text("outside what is plausible (4 to 6)")
    type_like_a_gauge(page, "5.001")
    expect(depth.locator(".outcome")).to_have_text("✓ 5.001 is taken in, on disk.")
    type_like_a_gauge(page, "12a")
    assert [message["values"] for _, message in gate.messages()] == [{"depth": 5.031}, {"depth": 5.001}]


def test_while_the_gateway_is_away_nothing_is_lost_and_it_counts_once(taking: tuple[Board, Gateway]):
    board, gate = taking
    page = board.open("/entry/line1/op10")
    depth = card(page, "line1/op10/depth")
    gate.stop()
    depth.get_by_label("Value").focus()
    type_like_a_gauge(page, "5.002")
    expect(depth.locator(".outcome")).to_contain_text("Not taken in")
    expect(depth.get_by_label("Value")).to_have_value("5.002")
    first = depth.locator("input[name=id]").input_value()
    gate.start()
    expect(depth.get_by_label("Value")).to_be_focused()
    depth.get_by_role("button", name="Hand in").click()
    expect(depth.locator(".outcome")).to_have_text("✓ 5.002 is taken in, on disk.", timeout=20_000)
    ((_, message),) = gate.messages()
    assert message["id"] == first
    assert [fault for fault in board.faults if "422" not in fault] == []  # the browser tells of the refusal
    board.faults.clear()


def test_the_form_works_without_a_script(taking: tuple[Board, Gateway], browser: Browser):
    board, gate = taking
    plain = browser.new_page(java_script_enabled=False, locale="zh-CN")
    plain.goto(f"{board.url}/entry/line1/op10")
    depth = card(plain, "line1/op10/depth")
    depth.locator("[name=value-1]").fill("5,003")
    depth.get_by_role("button").click()
    expect(depth.locator(".outcome")).to_have_text("✓ 5.003 已接收并写入磁盘。")
    depth.locator("[name=value-1]").fill("x")
    depth.get_by_role("button").click()
    expect(depth.locator(".outcome")).to_contain_text("不是")
    expect(depth.locator("[name=value-1]")).to_have_value("x")
    assert [message["values"] for _, message in gate.messages()] == [{"depth": 5.003}]
    plain.close()
