"""The board: how soon a page is there, and a point on the screen: `python -m benchmarks.bench_board [--points N]`.

The page: 1,000 characteristics in a history of N points (a million unless told), the answer of the server and the first
contentful paint of a browser that has nothing kept. A point: published to a real broker, through gateway and engine, to
the frame of the browser that shows it, while 50 others listen and ask as browsers do.
"""

import argparse
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.bench_broker import BROKER, connected, running
from benchmarks.board_history import fill
from benchmarks.figures import Figure, show
from benchmarks.growth import answers, plant_file, process, wait
from tests.browser.board import ARGUMENTS
from tests.programs import find_program
from tests.servers import Mosquitto, free_port

POINTS = 1_000_000
CHARACTERISTICS = 1_000
BROWSERS = 50
RATE, SECONDS = 50, 12  # messages a second, each a point of another characteristic
WARM_SECONDS = 2
REPEATED = 7
TOPIC = b"factory/line1/op10/measurements"

PLANT = """
[plant]
id = "bench"
[connectors.line1]
type = "mqtt"
port = {broker}
topics = ["factory/{{line}}/{{station}}/measurements"]
[defaults]
lsl = 5
usl = 15
limits = {{ center = 10.0, sigma = 1.0 }}
[web]
port = {web}
"""

# Notes when the frame with a value is done: in a task behind the frame that draws it.
WATCH = """() => {
  window.seen = {};
  const look = (records) => requestAnimationFrame(() => setTimeout(() => {
    const now = performance.timeOrigin + performance.now();
    for (const { target, addedNodes } of records) {
      const own = (target.parentElement ?? target).closest(".value") ?? target.closest?.(".value");
      const values = own ? [own] : [...addedNodes].flatMap((one) => [...(one.querySelectorAll?.(".value") ?? [])]);
      for (const { textContent } of values) window.seen[textContent] ??= now;
    }
  }));
  new MutationObserver(look).observe(document.querySelector("#plant"),
    { childList: true, subtree: true, characterData: true });
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_program("chromium"), args=ARGUMENTS)
        yield browser
        browser.close()


def answered(url: str, path: str = "/") -> float:
    """The median time of the server's answer in ms; the first is left out."""
    taken = []
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        for _ in range(REPEATED + 1):
            began = time.perf_counter()
            client.get(path).raise_for_status()
            taken.append((time.perf_counter() - began) * 1e3)
    return median(taken[1:])


def painted(browser: Browser, url: str, repeated: int = REPEATED) -> float:
    """The median first contentful paint of browsers that have nothing kept, in ms; the first is left out."""
    taken = []
    for _ in range(repeated + 1):
        context = browser.new_context(viewport={"width": 1400, "height": 900})
        page = context.new_page()
        page.goto(url)
        found = page.wait_for_function("performance.getEntriesByName('first-contentful-paint')[0]?.startTime")
        taken.append(float(found.json_value()))
        context.close()
    return median(taken[1:])


def of_page(points: int) -> dict[str, float]:
    """Milliseconds: the answer with all tiles, the answer of what has changed when nothing has, the paint."""
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "data"
        data.mkdir()
        fill(data / "history.db", points, CHARACTERISTICS)
        file, port = plant_file(Path(name))
        url = f"http://127.0.0.1:{port}"
        with process("web", file, data), chromium() as browser:
            wait(lambda: answers(port))
            began = time.perf_counter()
            httpx.get(url, trust_env=False, timeout=60).raise_for_status()
            first = (time.perf_counter() - began) * 1e3
            return {"first": first, "page": answered(url), "paint": painted(browser, url)}


@contextmanager
def listeners(port: int, count: int) -> Iterator[None]:
    """So many browsers that draw nothing, in a process of their own."""
    command = [sys.executable, "-m", "benchmarks.board_listeners", str(port), str(count)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == b"listening\n", "the listeners did not start"
        yield
        assert child.poll() is None, "the listeners have ended"
    finally:
        child.kill()
        child.communicate()


def delays(page: Page, send: Callable[[int], str], count: int, every_seconds: float) -> list[float]:
    """How long after `send(number)` the text that it gives was on the screen, in ms; each within 10 s.

    `page` shows the tiles; numbers count from 1.
    """
    page.evaluate(WATCH)
    sent, began = {}, time.monotonic()
    for number in range(1, count + 1):
        time.sleep(max(0.0, began + number * every_seconds - time.monotonic()))
        now = time.time() * 1e3
        sent[send(number)] = now
    page.wait_for_function("(texts) => texts.every((text) => text in window.seen)", arg=list(sent), timeout=10_000)
    seen: dict[str, Any] = page.evaluate("window.seen")
    return [seen[text] - at for text, at in sent.items()]


def publisher(connection: socket.socket) -> Callable[[int], str]:
    """Publishes a value that no other message has, at QoS 1; gives it as a tile shows it."""

    def send(number: int) -> str:
        text = f"{10 + number / 1e4:.6g}"
        body = b'{"id":"m-%09d","time":%d,"values":{"c%04d":%s}}' % (
            number, time.time_ns() // 1_000_000, number % CHARACTERISTICS, text.encode())  # fmt: skip
        length = 2 + len(TOPIC) + 2 + len(body)
        head = bytes([0x32, length % 128 + 128, length // 128] if length > 127 else [0x32, length])
        packet_id = (number % 65_535 + 1).to_bytes(2, "big")
        connection.sendall(head + len(TOPIC).to_bytes(2, "big") + TOPIC + packet_id + body)
        connection.recv(65_536)
        return text

    return send


def of_points(browsers: int = BROWSERS) -> np.ndarray:
    """From publication to the screen, ms each, with so many other browsers."""
    with tempfile.TemporaryDirectory() as name, Mosquitto(Path(name) / "broker", BROKER) as broker:
        file, data, web = Path(name) / "plant.toml", Path(name) / "data", free_port()
        names = "".join(f'[characteristics."line1/op10/c{k:04d}"]\n' for k in range(CHARACTERISTICS))
        file.write_text(PLANT.format(broker=broker.port, web=web) + names, "utf-8")
        data.mkdir()
        commands = [["-m", "flows.cli", one, str(file), "--data", str(data)] for one in ("gateway", "engine", "web")]
        with running(*commands), chromium() as browser:
            wait(lambda: answers(web) and len(httpx.get(f"http://127.0.0.1:{web}/api/v1/characteristics",
                                                        trust_env=False).json()) == CHARACTERISTICS)  # fmt: skip
            send = publisher(connected(broker.port))
            send(99_999)
            points = f"http://127.0.0.1:{web}/api/v1/points"
            wait(lambda: bool(httpx.get(points, trust_env=False).json()))
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.goto(f"http://127.0.0.1:{web}/")
            page.wait_for_selector("#live.on")
            with listeners(web, browsers):
                return np.array(delays(page, send, RATE * SECONDS, 1 / RATE)[RATE * WARM_SECONDS :])


def figures(points: int = POINTS) -> list[Figure]:
    """The board's figures."""
    page, live = of_page(points), of_points()
    size = f"{CHARACTERISTICS:,} tiles, {points:,} points"
    return [
        Figure(f"board: first answer after the start, {size}", page["first"], "ms"),
        Figure(f"board: answer, {size}", page["page"], "ms"),
        Figure(f"board: first contentful paint, {size}", page["paint"], "ms", 200.0),
        Figure(f"board: publication to screen, p50, {BROWSERS} browsers", float(np.percentile(live, 50)), "ms"),
        Figure(f"board: publication to screen, p99, {BROWSERS} browsers", float(np.percentile(live, 99)), "ms", 500.0),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="How soon a page is there, and a point on the screen.")
    parser.add_argument("--points", type=int, default=POINTS, help="in the history (%(default)s)")
    show(figures(parser.parse_args().points))
