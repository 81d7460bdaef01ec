"""Every page of the board in a real browser: light, dark, on a phone and in Chinese, without a fault."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from board.pages import PAGES
from tests.browser.board import PHONE, WIDE, Board, faults_of_access, looking, needs_browser, seed
from tests.seeding import ALERT, BORE, NAMES

pytestmark = needs_browser

# the `{name}` of a page's route
EXAMPLES = {"characteristic": NAMES[BORE], "study": NAMES[BORE], "entry-station": "line1/op10", "key-result": "KR1",
            "alert": ALERT}  # fmt: skip
MODES = {
    "light": {"viewport": WIDE, "color_scheme": "light", "locale": "en-GB"},
    "dark-phone": {"viewport": PHONE, "color_scheme": "dark", "locale": "en-GB"},
    "chinese": {"viewport": WIDE, "color_scheme": "dark", "locale": "zh-CN"},
}


@pytest.fixture(scope="module", params=MODES)
def looked_at(
    request: pytest.FixtureRequest, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Board]:
    folder = tmp_path_factory.mktemp("pages")
    seed(folder)
    with looking(browser, folder, **MODES[request.param]) as board:
        yield board


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_whole_fits_and_is_accessible(page, looked_at: Board, request: pytest.FixtureRequest):
    name = EXAMPLES.get(page.name, "")
    assert name or "{" not in page.route, f"an example for {page.route} belongs into EXAMPLES"
    shown = looked_at.open(page.route.replace("{name:path}", name).replace("{name}", name))
    shown.wait_for_load_state("load" if page.stream else "networkidle")
    expect(shown.locator("h1").first).to_be_visible()
    width, window = shown.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width <= window, f"{page.route} is {width} wide"
    assert faults_of_access(shown) == []
    looked_at.photograph(f"{page.name}-{request.node.callspec.params['looked_at']}")
    assert looked_at.faults == []
