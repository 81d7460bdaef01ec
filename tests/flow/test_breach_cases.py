"""The stories of tests/cases/breaches as one journal: a characteristic for each, all of them in the same days.

Readings alternate by ±d about a mean within 10 ± 0.6: every moving range is 2d, so that a day's Cpk follows from its
mean alone. Late readings are in no moving range; they move the mean to where the story wants it.
"""

import json
import re
from dataclasses import replace
from datetime import date
from random import Random
from typing import Any

import pytest

from tests.breach_cases import Case, Row, cases, in_days
from tests.plants import BORE, MINUTE, Journal, Rows, at, bits, make_plan, named, ordinal, run_logics

FIRST = "2026-11-02"
HOUR = 60 * MINUTE
READINGS, FEW = 24, 4  # of a day, and of one with too few
CENTRED = 2.0  # the Cpk of a day whose mean is 10
D = 0.6 / (3 * CENTRED) * 1.1283791670955126 / 2  # d2(2) = 2/√π
PLAIN = re.compile(r"none|\d+(\.\d+)?(/insufficient)?")


class Story:
    """A case as readings: what each day's are, and the late ones that come after a day's close."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.days: list[str] = []
        self.again: dict[int, list[dict[int, str]]] = {}  # after the close of a day
        for event in (event for step in case.steps for event in step.events):
            if event.closes:
                self.days.append(event.stated[event.closes])
            else:
                self.again.setdefault(len(self.days), []).append(event.stated)
        self.held: dict[int, tuple[int, float]] = {}  # readings and mean of each day so far

    def can_be_played(self) -> bool:
        """Cpk against the floor, days all worked, and late readings only for days that had some."""
        usual = self.case.rule == "cpk-below-floor" and self.case.spec.index == "cpk"
        plain = all(PLAIN.fullmatch(token) for token in self.days)
        late = [(day, token) for steps in self.again.values() for stated in steps for day, token in stated.items()]
        words = {"free", "removed", "rules"} & set(self.case.story.split())
        return (
            usual
            and plain
            and not words
            and all(self.days[day - 1] != "none" and "/" not in token for day, token in late)
        )

    def begin(self) -> None:
        """Nothing has been measured."""
        self.held.clear()

    def values(self, day: int) -> list[float]:
        """The readings of a day, in order."""
        number, _, few = (self.days[day - 1] if day <= len(self.days) else "none").partition("/")
        if number == "none":
            return []
        n, mean = FEW if few else READINGS, _mean(number)
        self.held[day] = n, mean
        return [mean + D * (-1) ** k for k in range(n)]

    def late(self, day: int, token: str) -> list[float]:
        """The late readings that give a closed day the Cpk that it is restated to; enough of them to count."""
        n, mean = self.held[day]
        more = max(1, READINGS - n)
        self.held[day] = n + more, _mean(token)
        return [((n + more) * _mean(token) - n * mean) / more] * more


def _mean(number: str) -> float:
    """The mean of a day with such a Cpk, and a hair more: 1.2 is to be no bad day of a floor of 1.2."""
    return 10 + 0.6 * (1 - (float(number) + 1e-9) / CENTRED)


STORIES = [story for story in map(Story, cases()) if story.can_be_played()]


def journal() -> Journal:
    made = Journal()
    for story in STORIES:
        story.begin()
    specs = [
        replace(BORE, id=f"c{k:02d}", day_basis="day", minimum_n=READINGS, breach=story.case.spec)
        for k, story in enumerate(STORIES)
    ]
    start = at(f"{FIRST} 00:00")
    made.plan(start + 15 * MINUTE, make_plan(*specs))
    made.tick(start + 15 * MINUTE)
    for day in range(1, max(len(story.days) for story in STORIES) + 1):
        midnight = start + (day - 1) * 24 * HOUR
        columns = [story.values(day) for story in STORIES]
        for k in range(READINGS):
            time_ns = midnight + HOUR + k * 30 * MINUTE
            made.tick(time_ns)
            values = {f"c{c:02d}": column[k] for c, column in enumerate(columns) if k < len(column)}
            if values:
                made.message(time_ns, values)
        made.ticks(midnight + 24 * HOUR + 15 * MINUTE, 45 * MINUTE)  # a clock that jumps closes no day
        _come_late(made, start, day)
    return made


def _come_late(made: Journal, start: int, closed: int) -> None:
    """The late readings after the close of a day, story by story in as many steps as the longest has."""
    steps = [story.again.get(closed, []) for story in STORIES]
    for number in range(max(map(len, steps))):
        now = made.last_tick_ns
        for c, story in enumerate(STORIES):
            for day, token in (steps[c][number] if number < len(steps[c]) else {}).items():
                time_ns = start + (day - 1) * 24 * HOUR + 90 * MINUTE
                made.message(time_ns, {f"c{c:02d}": story.late(day, token)}, received_ns=now)
        made.tick(now + 2 * MINUTE)  # a day is restated at most once a minute


@pytest.fixture(scope="module")
def rows() -> Rows:
    return run_logics(journal())


def test_many_stories_can_be_told_by_readings() -> None:
    assert len(STORIES) >= 40


@pytest.mark.parametrize("c", range(len(STORIES)), ids=[story.case.name for story in STORIES])
def test_readings_give_the_episodes_of_the_story(rows: Rows, c: int) -> None:
    alerts = [json.loads(row["body"]) for row in named(rows, "outbox") if row["path"] == "/api/v1/alerts"]
    mine = [one for one in alerts if (one["characteristic"], one["rule"]) == (f"c{c:02d}", "cpk-below-floor")]
    letters: dict[str, str] = {}
    for one in mine:
        letters.setdefault(one["alert"], "ABC"[len(letters)])
    assert [_row(one, letters) for one in mine] == [row for step in STORIES[c].case.steps for row in step.told]
    for name in letters:
        assert [one["revision"] for one in mine if one["alert"] == name] == [
            k + 1 for k in range(sum(one["alert"] == name for one in mine))
        ]
    kept = [row for row in named(rows, "episode") if row["episode"] in letters]
    assert [(row["episode"], row["state"], row["days"], row["reason"]) for row in kept] == [
        (one["alert"], one["state"], json.dumps([bad["day"] for bad in one["days"]]).replace(" ", ""), one["reason"])
        for one in mine
    ]


def _row(body: dict[str, Any], letters: dict[str, str]) -> Row:
    first = ordinal(FIRST) - 1
    days = tuple(ordinal(bad["day"]) - first for bad in body["days"])
    recovered = body["recovered_day"] and ordinal(body["recovered_day"]) - first
    reason = re.sub(
        r"\d{4}-\d\d-\d\d(?!-)", lambda day: date.fromordinal(ordinal(day[0]) - first).isoformat(), body["reason"]
    )
    return Row(letters[body["alert"]], body["state"], recovered, days, body["clock"], in_days(reason, letters))


def test_however_the_journal_is_cut_and_resumed_the_rows_are_the_same(rows: Rows) -> None:
    made, random = journal(), Random(5)
    cuts = sorted(random.sample(range(len(made.entries)), 60))
    assert bits(run_logics(made, cuts, cuts[::6])) == bits(rows)
