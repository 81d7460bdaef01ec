"""The docs show the very cases that run."""

from pathlib import Path

import pytest

from tests.case_pages import BLOCK, PAGES, with_cases


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_shows_the_cases_as_they_run(page: Path) -> None:
    text = page.read_text("utf-8")
    assert len(BLOCK.findall(text)) >= (4 if page.name == "key-results.md" else 1)
    assert with_cases(text) == text, f"python -m tests.case_pages writes {page.name} anew"
