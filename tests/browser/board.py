"""The board in a real browser: Debian's Chromium on a web process of its own, and axe-core for faults of access."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.programs import find_program, require_program
from tests.seeding import seed_history, seed_okr
from tests.seeding_goals import seed_goals
from tests.seeding_machines import seed_machines
from tests.seeding_plant import seed_plant
from tests.serving import serving

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip
SCREENSHOTS = os.environ.get("BOARD_SCREENSHOTS")  # a folder: the pages are photographed into it
HERE = Path(__file__).parent
WIDE, PHONE = {"width": 1200, "height": 900}, {"width": 390, "height": 844}

needs_browser = pytest.mark.skipif(
    find_program("chromium") is None and os.environ.get("CI") != "true",
    reason="the browser `chromium` is not installed",
)


class Board:
    """A browser's page on a web process of its own; `faults` is what it complained about or asked of others."""

    def __init__(self, page: Page, url: str, folder: Path) -> None:
        self.page, self.url, self.folder = page, url, folder
        self.faults: list[str] = []
        page.on("console", lambda message: self.faults.append(message.text) if message.type != "log" else None)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("requestfailed", lambda request: self._failed(request.url, request.failure or ""))
        page.on("request", lambda request: self._asked(request.url))

    def open(self, path: str) -> Page:
        """Load a page of the board, and be live."""
        self.page.goto(self.url + path)
        if self.page.locator("#live").count():
            expect(self.page.locator("#live")).to_have_class("live on")
        return self.page

    def photograph(self, name: str) -> None:
        """Keep a picture when pictures are wanted."""
        if SCREENSHOTS:
            self.page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png", full_page=True)

    def _asked(self, url: str) -> None:
        if not url.startswith(self.url):
            self.faults.append(f"asked a third party: {url}")

    def _failed(self, url: str, failure: str) -> None:
        if "ERR_ABORTED" not in failure:  # the page was left: its stream, what it was still loading
            self.faults.append(f"{url}: {failure}")


def install_axe() -> str:
    """The text of axe-core (MPL 2.0; a test's tool, no part of the project), from npm by its locked hash; once."""
    script = HERE / "node_modules" / "axe-core" / "axe.min.js"
    if not script.is_file():
        command = [require_program("npm"), "ci", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(command, cwd=HERE, check=True, timeout=300, stdout=subprocess.DEVNULL)
    return script.read_text("utf-8")


def faults_of_access(page: Page) -> list[str]:
    """What axe-core finds serious or critical on a page: rule, and the first elements."""
    page.evaluate(install_axe())  # not as a script of the page: its policy allows none
    found: dict[str, Any] = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    return [
        f"{one['id']}: {one['help']}: {[node['html'][:200] for node in one['nodes'][:3]]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]


@contextmanager
def looking(browser: Browser, folder: Path, **options: Any) -> Iterator[Board]:
    """A browser's page on the board of the files in `folder`; its `faults` are none in the end."""
    with serving(folder) as client:
        page = browser.new_page(**{"viewport": WIDE, "color_scheme": "light", "locale": "en-GB"} | options)
        found = Board(page, str(client.base_url).rstrip("/"), folder)
        yield found
        page.close()
    assert found.faults == [], found.faults


def seed(folder: Path) -> None:
    """The small plant of `tests.seeding`."""
    seed_plant(folder)
    seed_history(folder / "history.db")
    seed_machines(folder)
    seed_okr(f"sqlite:///{folder / 'okr.db'}")
    seed_goals(folder)
