"""The docs show the very cases that run."""

from pathlib import Path

import pytest

from tests.case_pages import BLOCK, PAGES, TABLE, with_cases
from tests.code_tables import TABLES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_shows_the_cases_as_they_run(page: Path) -> None:
    text = page.read_text("utf-8")
    assert len(BLOCK.findall(text)) >= {"key-results.md": 4, "metrics.md": 1}.get(page.name, 0)
    assert with_cases(text) == text, f"python -m tests.case_pages writes {page.name} anew"


def test_every_table_of_the_code_is_on_one_page() -> None:
    assert sorted(name for page in PAGES for name in TABLE.findall(page.read_text("utf-8"))) == sorted(TABLES)
