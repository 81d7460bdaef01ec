from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.board import ARGUMENTS, Board, looking, seed
from tests.programs import require_program


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, one for a module's tests."""
    with sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=require_program("chromium"), args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture(params=["light"])
def board(request: pytest.FixtureRequest, browser: Browser, tmp_path: Path) -> Iterator[Board]:
    """A page of the browser on the board of the small seeded plant; the parameter is the colour scheme."""
    seed(tmp_path)
    with looking(browser, tmp_path, color_scheme=request.param) as found:
        yield found
