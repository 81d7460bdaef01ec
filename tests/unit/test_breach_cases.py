"""The cases of tests/cases/breaches: by the program, by the oracle, and as the docs show them."""

import pickle
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from rules.breaches import BREACHES
from rules.day_figures import DayFigure
from rules.episodes import EpisodeMemory, take_days, withdraw
from tests.breach_cases import TITLES, Case, Event, Row, cases, figure, in_days, shown
from tests.oracle_breaches import Event as OracleEvent
from tests.oracle_breaches import Oracle

CASES = list(cases())
REACH = 9
Told = dict[str, Any]


def by_the_program(case: Case) -> Callable[[Event], list[Told]]:
    """The episodes that an event changes; what is remembered passes through its bytes every time."""
    memory: EpisodeMemory[DayFigure] = EpisodeMemory()
    day = 0

    def happen(event: Event) -> list[Told]:
        nonlocal memory, day
        day = event.closes or day
        if event.removed:
            memory, changed = withdraw(memory, day)
        else:
            stated = {at: figure(token, at) for at, token in event.stated.items()}
            memory, changed = take_days(
                BREACHES[case.rule], "line1/op10/bore", memory, event.spec, stated, closes=event.closes, reach=REACH
            )
        memory = EpisodeMemory.from_plain(pickle.loads(pickle.dumps(memory.to_plain())), DayFigure)
        return [{name: getattr(one, name) for name in one.__slots__} for one in changed]

    return happen


def by_the_oracle(case: Case) -> Callable[[Event], list[Told]]:
    rule = BREACHES[case.rule]
    oracle = Oracle("line1/op10/bore", rule.name, rule.judge, rule.pool, REACH)
    days = [0]

    def happen(event: Event) -> list[Told]:
        if event.removed:
            return oracle.withdraw(days[-1])
        days.append(event.closes or days[-1])
        stated = {at: figure(token, at) for at, token in event.stated.items()}
        return oracle.event(event.spec, OracleEvent(stated, event.closes))

    return happen


@pytest.mark.parametrize("way", [by_the_program, by_the_oracle])
@pytest.mark.parametrize("case", CASES, ids=[f"{case.file}: {case.name}" for case in CASES])
def test_breaches_as_designed(case: Case, way: Callable[[Case], Callable[[Event], list[Told]]]) -> None:
    happen, letters, revisions = way(case), dict[str, str](), dict[str, int]()
    closed = 0
    for step in case.steps:
        told: list[Row] = []
        for event in step.events:
            closed = event.closes or closed
            for one in happen(event):
                letter = letters.setdefault(one["id"], "ABC"[len(letters)])
                revisions[letter] = revisions.get(letter, 0) + 1
                assert one["revision"] == revisions[letter]
                if one["revision"] == 1:
                    assert (one["named_after"], one["opened_day"]) == (one["days"][0], closed)
                    assert one["id"].startswith(f"{date.fromordinal(one['days'][0])}-")
                assert [bad.day for bad in one["figures"]] == list(one["days"])
                reason = in_days(one["reason"], letters)
                told.append(Row(letter, one["state"], one["recovered_day"], tuple(one["days"]), one["clock"], reason))
        assert told == step.told, step.line


def test_there_are_cases_for_everything_that_the_design_says_of_breaches() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 40


def test_the_docs_show_the_cases() -> None:
    text = (Path(__file__).parents[2] / "docs" / "days-and-breaches.md").read_text("utf-8")
    assert {case.file for case in CASES} == TITLES.keys()
    assert text.endswith(shown())
