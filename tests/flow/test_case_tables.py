"""Cases written as tables, from journal to history; the documentation shows the very same."""

from pathlib import Path

import pytest

from tests.case_tables import Case, cases, differences, journal_of
from tests.plants import follow_to_the_end

ROOT = Path(__file__).parents[2]
PAGES = {"clock": "docs/clock.md", "data_quality": "docs/data-quality.md", "plan_changes": "docs/plan-changes.md"}
ALL = [(folder, case) for folder in PAGES for case in cases(folder)]


@pytest.mark.parametrize(("folder", "case"), ALL, ids=[f"{folder}: {case.name}" for folder, case in ALL])
def test_a_case_gives_its_rows(folder: str, case: Case, tmp_path: Path) -> None:
    journal_of(case).write(tmp_path)
    follow_to_the_end(tmp_path)
    assert differences(case, tmp_path) == []


@pytest.mark.parametrize("folder", PAGES)
def test_the_page_shows_every_case_word_for_word(folder: str) -> None:
    page = (ROOT / PAGES[folder]).read_text()
    shown = [f"**{case.name[0].upper()}{case.name[1:]}.**\n\n```text\n{case.given.strip()}\n```\n\n"
             f"```text\n{case.gives.strip()}\n```\n" for case in cases(folder)]  # fmt: skip
    places = [page.find(one) for one in shown]
    assert -1 not in places, f"{PAGES[folder]} lacks {[cases(folder)[k].name for k, at in enumerate(places) if at < 0]}"
    assert places == sorted(places)
    assert page.count("```text") == 2 * len(shown)
