"""The documentation as a site: it builds without a warning, and a browser reads it from its folder alone."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.board import ARGUMENTS, faults_of_access
from tests.programs import require_program

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = os.environ.get("SITE_SCREENSHOTS")  # a folder: pages are photographed into it
FITS = "document.documentElement.scrollWidth == document.documentElement.clientWidth"
UNMADE = "[...document.querySelectorAll('article p')].map(p => p.textContent).filter(text => /\\n(- |\\|)/.test(text))"
SCHEMES = {"light": "default", "dark": "slate"}
PATIENCE_MS = 30_000  # of a busy machine
SIZES = {"desk": (1280, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, as `make docs` builds it: a page without a place, a link to nowhere are failures."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=require_program("chromium"), args=ARGUMENTS)
        yield chromium
        chromium.close()


def pages_of(site: Path) -> list[Path]:
    return sorted(path for path in site.rglob("*.html") if path.name != "404.html")


def watched(page: Page) -> list[str]:
    """What the page complains about, and what it asks of anybody but its own folder."""
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "request", lambda asked: None if asked.url.startswith(("file:", "data:", "blob:")) else faults.append(asked.url)
    )
    return faults


def test_make_docs_builds_it() -> None:
    make = shutil.which("make")
    if make is None:
        pytest.skip("make is not installed")
    command = [make, "--no-print-directory", "--dry-run", "docs"]  # these tests may be run by a make themselves
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert said.strip().endswith("-m mkdocs build --strict")


def test_every_page_asks_no_other_host_and_fits_a_desk_and_a_phone(site: Path, browser: Browser) -> None:
    page = browser.new_page()
    faults = watched(page)
    for path in pages_of(site):
        page.goto(path.as_uri())
        expect(page.locator("article h1").first).to_be_visible(timeout=PATIENCE_MS)
        for size, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_function(FITS)  # what slides in and out has come to rest
            assert faults == [], f"{path.name} on a {size}"
            photograph(page, "-".join([*path.relative_to(site).with_suffix("").parts, size]))
        assert page.evaluate(UNMADE) == [], f"{path.name}: a list or table needs an empty line before it"
        undrawn = "[...document.images].filter(one => one.complete && !one.naturalWidth).map(one => one.src)"
        assert page.evaluate(undrawn) == [], path.name


def photograph(page: Page, name: str) -> None:
    """Pictures of both schemes, when pictures are wanted."""
    if SCREENSHOTS:
        for scheme, palette in SCHEMES.items():
            page.evaluate(f"document.body.dataset.mdColorScheme = {palette!r}")
            page.screenshot(path=Path(SCREENSHOTS) / f"{name}-{scheme}.png")


def test_search_finds_an_option_without_any_server(site: Path, browser: Browser) -> None:
    page = browser.new_page()
    faults = watched(page)
    page.goto((site / "index.html").as_uri())
    expect(page.locator("iframe")).to_be_attached(timeout=PATIENCE_MS)  # the search has been set up
    query = page.locator("[data-md-component=search-query]")
    query.focus()
    query.press_sequentially("breach_days")
    found = page.locator(".md-search-result__item a[href*='plant-file.html']").first
    expect(found).to_be_visible(timeout=PATIENCE_MS)
    found.click()
    expect(page.locator("#characteristics-breach_days")).to_be_attached(timeout=PATIENCE_MS)
    assert faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault_of_access(site: Path, browser: Browser, scheme: str) -> None:
    page = browser.new_page(color_scheme="dark" if scheme == "dark" else "light")
    for name in ("concepts", "statistics", "reference/plant-file", "reference/api"):
        page.goto((site / f"{name}.html").as_uri())
        expect(page.locator("article h1").first).to_be_visible(timeout=PATIENCE_MS)
        assert faults_of_access(page) == [], name
    page.close()
