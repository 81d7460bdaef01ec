"""The rows are a function of the journal: not of how it was cut, resumed, or in what order the shards answered."""

from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.journal import JournalWriter
from rules.results import KINDS
from tests.flow.journals import everything
from tests.plants import (
    BORE,
    MINUTE,
    Journal,
    at,
    bits,
    follow_to_the_end,
    make_plan,
    named,
    ordinal,
    query,
    run_logics,
)

SEEDS = range(3)


@cache
def undisturbed(seed: int) -> tuple[Journal, str]:
    journal = everything(seed, messages=150)
    return journal, bits(run_logics(journal))


def test_the_journal_holds_every_case() -> None:
    """What this file rests on: all that is to survive a cut does occur."""
    rows = [run_logics(undisturbed(seed)[0]) for seed in SEEDS]

    def seen(kind: str, column: str) -> set[object]:
        return {row[column] for some in rows for row in named(some, kind)}

    assert seen("reading", "state") == {"late", "too-late", "single", "purpose"}
    assert seen("limits", "state") >= {"fixed", "provisional", "accepted"}
    assert seen("characteristic", "state") == {"active", "withdrawn"}
    assert seen("point", "phase") == {0, 1, 2}
    assert seen("day", "revision") >= {1, 2}
    assert seen("rejected", "reason") >= {"ahead-of-clock", "unknown-characteristic", "absent-value", "not-finite"}
    assert seen("gap", "state") == {"open", "closed"}
    kinds = {kind for some in rows for kind in some}
    assert kinds == {kind.name for kind in KINDS}


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(
    st.sampled_from(SEEDS),
    st.sets(st.integers(1, 800), max_size=30),
    st.sets(st.integers(1, 800), max_size=8),
)
def test_cuts_and_resumes_anywhere_change_nothing(seed: int, cuts: set[int], resumes: set[int]) -> None:
    journal, whole = undisturbed(seed)
    last = len(journal.entries)
    again = run_logics(journal, [at % last for at in cuts], [at % last for at in resumes if at % last])
    assert bits(again) == whole


@pytest.mark.parametrize("every", [1, 7])
def test_a_cut_behind_every_entry_changes_nothing(every: int) -> None:
    journal, whole = undisturbed(0)
    assert bits(run_logics(journal, range(0, len(journal.entries), every))) == whole


def test_row_numbers_are_one_counter_without_holes_in_the_order_of_their_causes() -> None:
    rows = run_logics(everything(0, messages=150))
    every = sorted(row[:3] for some in rows.values() for row in some)
    assert [row for row, _, _ in every] == list(range(1, len(every) + 1))
    causes = [(cause, place) for _, cause, place in every]
    assert causes == sorted(causes)
    assert all(place == 0 for (before, _), (cause, place) in pairwise(causes) if cause != before)


def test_which_days_have_closed_is_noted_alike_when_the_first_tick_comes_alone(tmp_path: Path) -> None:
    """A plant that begins as a production day does: the day before it closes a quarter of an hour later."""
    begin, journal = at("2026-11-16 00:00"), Journal()
    journal.plan(begin, make_plan(BORE))
    journal.tick(begin)
    journal.ticks(begin + 26 * 60 * MINUTE, 15 * MINUTE)
    noted = []
    for cut in (2, len(journal.entries)):
        folder = tmp_path / str(cut)
        writer = JournalWriter(folder / "journal")
        for part in (journal.entries[:cut], journal.entries[cut:]):
            writer.append([entry[1:] for entry in part])
            follow_to_the_end(folder)
        writer.close()
        noted.append([row["day"] for row in query(folder, 'SELECT "day" FROM "closed" ORDER BY "day"')])
    assert noted[0] == noted[1] == [ordinal("2026-11-16")]
