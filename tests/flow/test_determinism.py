"""Whatever cuts, kills, workers and plans: the rows are a function of the journal. Hypothesis draws the histories.

`HISTORIES=20000 make test ARGS=tests/flow/test_determinism.py` tries more of them, other ones each time.
"""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connectors.errors import StateUnfit
from connectors.history import HistoryWriter
from flows.frames import shard_of
from rules.data_quality import DATA_QUALITY
from rules.results import KINDS
from tests.flow import simulated
from tests.flow.simulated import Engine, History, difference
from tests.flow.stories import WHOLE, Choice, journal_of, stories
from tests.plants import Journal, Rows, named, run_logics, stored

HISTORIES = int(os.environ.get("HISTORIES", "200"))
PER_JOURNAL = 4

acts = st.one_of(
    st.tuples(st.just("read"), st.sampled_from((1, 2, 3, 8, 30))),
    st.tuples(st.just("read"), st.sampled_from((5, 30, 100))),
    st.tuples(st.just("work"), st.sampled_from((1, 10, 40, 200))),
    st.tuples(st.sampled_from(("barrier", "barrier", "kill", "kill", "unkept_barrier", "lose_recovery")), st.just(0)),
    st.tuples(st.just("power_cut"), st.integers(0, 3)),
    st.tuples(st.just("rebuild"), st.integers(0, 100)),
)
befalling = st.tuples(st.lists(acts, max_size=25), st.integers(0, 1 << 20))


def drawn(examples: int) -> settings:
    return settings(
        max_examples=max(1, examples),
        deadline=None,
        derandomize="HISTORIES" not in os.environ,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
        print_blob=True,
    )


@cache
def whole() -> tuple[Journal, Rows]:
    journal = journal_of(*WHOLE)
    return journal, run_logics(journal)


# A correction in a frame whose later ticks make what it asks for too old.
ASKED_IN_TIME = (
    1225,
    (5, 1, 1, 4, 4, 0, 1, 3),
    [
        ("message", "bore", 2, 600),
        ("message", "depth", 1, 0),
        ("plan", (3, 8, 7, 5, 8, 1, 1, 2)),
        ("correct", "void", 18),
        ("burst", "force", 7, 0),
        ("nights", 1),
        ("days", "force", 3, True),
    ],
)


@drawn(HISTORIES // PER_JOURNAL)
@example(ASKED_IN_TIME, [([("read", 5), ("read", 2), ("barrier", 0)], 0)])
@given(stories, st.lists(befalling, min_size=PER_JOURNAL, max_size=PER_JOURNAL))
def test_kills_cuts_and_workers_change_no_row(
    story: tuple[int, Choice, list[Any]], disturbed: list[tuple[list[tuple[str, int]], int]]
) -> None:
    journal = journal_of(*story)
    expected = run_logics(journal)
    for befallen, order in disturbed:
        assert difference(simulated.run(journal, befallen, order).history.rows(), expected) == ""


def test_the_fixed_story_holds_every_case() -> None:
    """What chance might pass over."""
    rows = whole()[1]

    def seen(kind: str, column: str) -> set[object]:
        return {row[column] for row in named(rows, kind)}

    assert seen("episode", "state") >= {"open", "recovered", "withdrawn"}
    assert seen("episode", "rule") >= {"cpk-below-floor", "metric-below-floor"}
    assert seen("reading", "state") >= {
        "late",
        "too-late",
        "single",
        "purpose",
        "withdrawn",
        "implausible",
        "remeasured",
    }
    assert seen("signal", "rule") >= {signal.rule for signal in DATA_QUALITY}
    assert seen("limits", "state") >= {"fixed", "provisional", "accepted", "none"}
    assert seen("rejected", "reason") >= {"ahead-of-clock", "repeated", "not-json", "unknown-characteristic"}
    assert seen("day", "revision") >= {1, 2}
    assert seen("gap", "state") == {"open", "closed"}
    assert {kind for kind, some in rows.items() if some} == {kind.name for kind in KINDS}


@drawn(HISTORIES // 15)
@given(befalling)
def test_the_fixed_story_is_the_same_whatever_befalls_it(befallen: tuple[list[tuple[str, int]], int]) -> None:
    journal, rows = whole()
    assert difference(simulated.run(journal, *befallen).history.rows(), rows) == ""


def into_a_file(write: Callable[[HistoryWriter], object]) -> dict[str, Any]:
    """Every table of a history that `write` has filled; what comes again is compared with what is stored."""
    with TemporaryDirectory() as folder:
        writer = HistoryWriter(Path(folder) / "history.db", "journal", verify=True)
        write(writer)
        writer.close()
        return stored(Path(folder))


@cache
def whole_stored() -> dict[str, Any]:
    return into_a_file(lambda writer: simulated.run(whole()[0], [("read", 10_000)], 0, writer))


@drawn(HISTORIES // 40)
@given(befalling)
def test_a_stored_history_is_the_same_whatever_befalls_it(befallen: tuple[list[tuple[str, int]], int]) -> None:
    """With the real writer: what is current, what was restated, and the bounded list of what was refused."""
    some, order = befallen
    by_kills = [("kill", 0) if act == "power_cut" else (act, number) for act, number in some]
    assert into_a_file(lambda writer: simulated.run(whole()[0], by_kills, order, writer)) == whole_stored()


class Stale(Engine):
    """Keeps one key's state of the barrier before, with the others' of this one: what the harness must see."""

    key = ""

    def barrier(self) -> None:
        before = self.kept[1].get(self.key)
        super().barrier()
        if before is not None:
            self.kept[1][self.key] = before


class Unordered(Engine):
    """What is on its way between two keys overtakes what was sent before."""

    def work(self, count: int) -> None:
        for _ in range(count):
            for queue in self._outbox.values():
                queue.reverse()
            super().work(1)


def through(kind: type[Engine], journal: Journal, acts: list[str]) -> Rows:
    engine = kind(journal, History(), Random(1))
    for act in acts:
        engine.read(30)
        if act:
            getattr(engine, act)()
    while not engine.at_end:
        engine.read(30)
    engine.drain()
    return engine.history.rows()


ACTS = ["barrier", "", "", "barrier", "kill"]


def is_seen(faulty: type[Engine]) -> bool:
    """Whether the engine's fault shows: in its rows, or because a step or the history refuses to go on."""
    journal, rows = whole()
    try:
        return difference(through(faulty, journal, ACTS), rows) != ""
    except (AssertionError, StateUnfit):
        return True


@pytest.mark.parametrize("key", ["framing", "plant", f"{shard_of('bore'):02d}"])
def test_a_state_that_is_not_of_the_offset_is_seen(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, rows = whole()
    assert difference(through(Engine, journal, ACTS), rows) == ""
    monkeypatch.setattr(Stale, "key", key)
    assert is_seen(Stale)


def test_what_overtakes_is_seen() -> None:
    assert is_seen(Unordered)
