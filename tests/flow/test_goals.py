"""Metrics, key results and alerts at the close of days: small journals with expected values by hand.

Values alternate by ±d about 10 within 10 ± 0.6: each moving range is 2d, so Cpk = 0.6 · d2(2)/(6 d) (test_days).
"""

import json
from dataclasses import replace
from datetime import date
from math import inf, nan
from typing import Any

import numpy as np
import pytest

from flows.day_book import DayBook
from flows.goal_book import GoalBook
from rules.breaches import BREACH_RULES
from rules.day_figures import DayFigure
from rules.records import FIGURE
from rules.spec import BreachSpec, CharacteristicSpec, Index
from rules.timeline import Piece
from rules.verdicts import BITS
from tests.plants import BORE, MINUTE, Journal, Rows, at, make_plan, named, ordinal, run_logics, with_goal

D2 = 1.1283791670955126  # 2/√π
GOOD, BAD = 0.08, 0.1  # d: Cpk 1.4105 and 1.1284
FIRST = "2026-11-02"
OWN = replace(BORE, day_basis="day")


def local(day: int, hour: float = 0.0) -> int:
    """A time on day 1, 2, … of the journal."""
    return at(f"{FIRST} 00:00") + int(((day - 1) * 24 + hour) * 60) * MINUTE


def begin(*specs: CharacteristicSpec, **more: Any) -> Journal:
    journal = Journal()
    journal.plan(local(1, 0.25), make_plan(*specs, **more))
    journal.tick(local(1, 0.25))
    return journal


def measure(journal: Journal, day: int, values: list[float], *names: str) -> None:
    """The values of each name on a day, every 10 minutes from 1:00, all received at 23:00 or later."""
    if journal.last_tick_ns < local(day, 23):
        journal.tick(local(day, 23))
    for k, value in enumerate(values):
        journal.message(local(day, 1) + 10 * k * MINUTE, dict.fromkeys(names or ("bore",), value))


def close(journal: Journal, day: int) -> None:
    """The ticks up to the close of a day."""
    journal.ticks(local(day + 1, 0.25), 30 * MINUTE)


def wave(n: int, d: float = GOOD) -> list[float]:
    return [10 + d * (-1) ** k for k in range(n)]


def goal(kind: str = "reach", days: int = 30, target: float = 1.33, **metric: Any) -> dict[str, Any]:
    made = with_goal(target, FIRST, date.fromordinal(ordinal(FIRST) + days - 1).isoformat(), **metric)
    if kind == "maintain":
        (one,) = made["key_results"]
        made["key_results"] = (replace(one, kind="maintain", start=float("nan")),)
    return made


def bodies(rows: Rows, path: str) -> list[dict[str, Any]]:
    return [json.loads(row["body"]) for row in named(rows, "outbox") if row["path"].startswith(path)]


@pytest.mark.parametrize("values", [[1e308, -1e308], [1.797e308, -1.797e308], [1.797e308, 1.797e308]])
@pytest.mark.parametrize("over", ["day", "trailing", "window", "period"])
def test_the_largest_numbers_end_no_step(values: list[float], over: str) -> None:
    """Whether or not such readings are let in: days close, and what follows from them is stated."""
    journal = begin(OWN, **goal(over=over))
    for day in (1, 2, 3):
        measure(journal, day, values * 20)
        close(journal, day)
    rows = run_logics(journal)
    assert len({row["day"] for row in named(rows, "day")}) == 3
    assert [row["value"] for row in named(rows, "metric")] == [None] * len(named(rows, "metric"))
    assert bodies(rows, "/api/v1/key-results")[-1]["value"] is None


@pytest.mark.parametrize("over", ["day", "trailing", "period"])
@pytest.mark.parametrize("m2", [-1.0, inf, nan, 1.797e308])
@pytest.mark.parametrize("sign", [1, -1])
def test_statements_that_overflowed_end_no_step(over: str, m2: float, sign: int) -> None:
    """As the shards would state three days of the largest numbers, were they let in."""
    plan = make_plan(replace(OWN, breach=BreachSpec(index="min")), **goal(over=over))
    (spec,), days, goals = plan.characteristics, DayBook(), GoalBook()
    for day in range(ordinal(FIRST), ordinal(FIRST) + 3):
        row = np.zeros((), FIGURE)
        row["day"], row["characteristic"], row["n"], row["own_n"] = day, 1, 1000, 1000
        row["mean"] = row["own_mean"] = 1.797e308 * sign ** (day % 2)
        row["sigma_overall"] = row["sigma_within"] = row["own_within_sum"] = abs(m2)
        row["subgroups"] = row["own_within_count"] = 999
        row["within_df"] = row["own_within_df"] = 609.0
        row["own_m2"], row["cpk"], row["ppk"], row["verdicts"] = m2, nan, -inf, BITS["unstable"]
        goals.take(1, days.take(row, spec, is_member=True), days.closed)
        days.close(day, (day, local(1)), plan, np.array([1]))
        told = goals.look(plan, {"bore": 1}, days, (day, local(1)), (Piece(plan.calendar),), closed=True)
        assert told["metric"][0][4] is None  # the value
        assert json.loads(told["outbox"][0][3])["value"] is None
    assert days.to_plain() is not None


def test_a_metric_over_a_period_pools_all_of_its_days_and_a_trailing_one_twenty() -> None:
    """Days 1 to 4 with ±0.1, 5 to 24 with ±0.08, 40 a day."""
    expected = {"trailing": (800, GOOD), "period": (960, (4 * BAD + 20 * GOOD) / 24)}
    for over, (n, d) in expected.items():
        journal = begin(OWN, **goal(over=over))
        for day in range(1, 25):
            measure(journal, day, wave(40, BAD if day < 5 else GOOD))
            close(journal, day)
        last = named(run_logics(journal), "metric")[-1]
        assert (last["n"], last["value"]) == (n, pytest.approx(0.1 * D2 / d, rel=1e-9))


def test_the_days_of_a_year_long_period_are_kept() -> None:
    journal = begin(OWN, **goal(over="period", days=365))
    for day in range(1, 121):
        measure(journal, day, wave(2))
        close(journal, day)
    assert named(run_logics(journal), "metric")[-1]["n"] == 240


def test_days_before_a_trailing_metric_has_enough_are_no_misses_of_a_maintain() -> None:
    """40 readings a day: 125 are there on the fourth."""
    journal = begin(OWN, **goal("maintain", over="trailing"))
    for day in range(1, 7):
        measure(journal, day, wave(40))
        close(journal, day)
    told = [body for body in bodies(run_logics(journal), "/api/v1/key-results") if body["progress"] is not None]
    assert told[-1]["progress"] == pytest.approx(1 / 0.95, rel=1e-12)
    assert told[-1]["status"] == "green"


def test_days_that_close_at_one_tick_are_each_looked_at_without_the_later_ones() -> None:
    """The gateway was away for three days; what they sent comes before the ticks. Day 2 alone has data enough."""

    def journal_of(at_once: bool) -> Journal:
        journal = begin(OWN, **goal("maintain", over="trailing", target=1.2))
        if at_once:
            journal.tick(local(4, 0.3))
        for day, values in ((1, wave(130)), (2, wave(3)), (3, wave(130, BAD))):
            measure(journal, day, values)
            if not at_once:
                close(journal, day)
        for step in (5, 10, 15) if at_once else ():  # ten minutes confirm a jump
            journal.tick(local(4, 0.3) + step * MINUTE)
        return journal

    def told(journal: Journal) -> list[tuple[Any, ...]]:
        rows = [row for row in named(run_logics(journal), "key_result") if row["day"] < ordinal(FIRST) + 3]
        last = {row["day"]: row for row in rows}  # as the day closed
        return [(row["n"], row["value"], row["progress"], row["status"]) for row in last.values()]

    assert [n for n, *_ in told(journal_of(at_once=True))] == [130, 133, 263]
    assert told(journal_of(at_once=True)) == told(journal_of(at_once=False))


@pytest.mark.parametrize("over", ["day", "window", "trailing"])
def test_nothing_varies_and_parts_are_out_is_a_bad_figure_whatever_a_metric_is_over(over: str) -> None:
    """All readings 10.7 of 10 ± 0.6, for six days: after the first five the key result is red, its value null."""
    journal = begin(replace(OWN, breach=BreachSpec(breach_days=99)), **goal(over=over, days=20))
    for day in range(1, 7):
        measure(journal, day, [10.7] * 40)
        close(journal, day)
    rows = run_logics(journal)
    last = named(rows, "metric")[-1]
    assert (last["value"], last["lower"], last["counted"], last["complete"]) == (None, None, 1, 1)
    pushed = bodies(rows, "/api/v1/key-results")[-1]
    assert (pushed["value"], pushed["status"], pushed["reason"]) == (None, "red", "far-behind")
    assert (pushed["verdicts"], pushed["sources"][0]["counted"]) == (["resolution", "unstable"], True)
    assert (pushed["progress"], pushed["clamped"]) == (None, 0.0)


def test_an_update_names_the_worst_few_of_many_members_and_refers_to_the_metric_for_all() -> None:
    names = [f"c{k:02d}" for k in range(70)]
    specs = [replace(OWN, id=name) for name in names]
    made = goal(over="day")
    made["metrics"] = (replace(made["metrics"][0], members=tuple(names)),)
    journal = begin(*specs, **made)
    for k in range(40):  # the first 30 vary more the higher their number; 10 have 5 readings; 30 have none
        if k == 0:
            journal.tick(local(1, 23))
        now = local(1, 1) + 10 * k * MINUTE
        values = {name: 10 + (0.05 + number / 1000) * (-1) ** k for number, name in enumerate(names[:30])}
        journal.message(now, values | (dict.fromkeys(names[30:40], wave(5)[k]) if k < 5 else {}))
    close(journal, 1)
    rows = run_logics(journal)
    pushed = bodies(rows, "/api/v1/key-results")[-1]
    sources = pushed["sources"]
    assert (pushed["members"], pushed["counted"], len(sources), pushed["more"]) == (70, 30, 40, 30)
    assert [one["characteristic"] for one in sources[:20]] == names[29:9:-1]
    assert [one["characteristic"] for one in sources[20:]] == names[30:50]
    assert pushed["verdicts"] == ["insufficient", "missing"]
    held, stated = named(rows, "metric")[-1], named(rows, "key_result")[-1]
    assert json.loads(stated["detail"]) == {"metric": "cpk", "metric_revision": held["revision"]}
    assert pushed["history"]["metric_revision"] == held["revision"]
    assert [one["characteristic"] for one in json.loads(held["detail"])] == names


def test_an_update_of_a_metric_over_a_whole_plant_stays_small() -> None:
    """8,000 members, of which 5,000 have a figure; the OKR store takes 1 MiB."""
    names = [f"plant/line-{k // 100:02d}/station-{k % 100:02d}/characteristic-{k:04d}" for k in range(8000)]
    made = goal(over="day")
    made["metrics"] = (replace(made["metrics"][0], members=tuple(names)),)
    plan = make_plan(*[replace(OWN, id=name) for name in names], **made)
    days = DayBook()
    days.closed = days.newest = day = ordinal(FIRST)
    figure = DayFigure(day, 40, 39, 10.0, 0.1, 23.8, 0.1, 1.4, 1.4, 9.4, 10.6, BITS["ok"])
    goals = GoalBook()
    for k in range(5000):
        goals.take(k + 1, replace(figure, cpk=1.4 + k / 1e4), day - 1)
    numbers = {name: k + 1 for k, name in enumerate(names)}
    told = goals.look(plan, numbers, days, (1, local(2)), (Piece(plan.calendar),), closed=True)
    (metric,), (key_result,), (push,) = told["metric"], told["key_result"], told["outbox"]
    assert len(push[3]) < 14_000
    assert sum(len(str(value)) for value in key_result) < 300
    assert len(json.loads(metric[-1])) == 8000
    body = json.loads(push[3])
    assert (body["members"], body["counted"], body["more"]) == (8000, 5000, 7960)


def bad_days(spec: CharacteristicSpec, *after: Any) -> list[dict[str, Any]]:
    """The alerts of three bad days, and of the plans that come then."""
    journal = begin(spec)
    for day in (1, 2, 3):
        measure(journal, day, wave(40, BAD))
        close(journal, day)
    for plan in after:
        journal.plan(journal.last_tick_ns, plan)
        journal.tick(journal.last_tick_ns + MINUTE)
    return bodies(run_logics(journal), "/api/v1/alerts")


def test_the_alert_of_a_characteristic_that_leaves_keeps_whom_it_is_for() -> None:
    spec = replace(OWN, owner="production", co_owners=("quality",), reaction="Stop the line")
    opened, left = bad_days(spec, make_plan(replace(OWN, id="depth")))
    assert (opened["state"], left["state"], left["revision"]) == ("open", "withdrawn", 2)
    assert (left["owner"], left["co_owners"], left["reaction"]) == ("production", ["quality"], "Stop the line")
    assert left["title"] == opened["title"]


@pytest.mark.parametrize(("index", "name"), [("cpk", "Cpk"), ("ppk", "Ppk"), ("min", "Cpk or Ppk")])
def test_an_alert_names_the_index_that_is_held_against_the_floor(index: Index, name: str) -> None:
    """±0.1 about 10: Cpk 1.13 and Ppk 2, less a little, are both below 2."""
    spec = replace(OWN, breach=BreachSpec(index=index, floor=2.0, recovery_cpk=2.0))
    (alert,) = [body for body in bad_days(spec) if body["rule"] == BREACH_RULES[0]]
    assert (alert["title"], alert["index"]) == (f"bore: {name} below 2 on 3 production days", index)
