"""Restated days in metrics and key results, within the period and after it, and floors of metrics.

Forty values a day alternate by ±d about 10 within 10 ± 0.6 (test_goals): Cpk = 0.1 · d2(2)/d. A late reading of a
closed day is in no moving range: it moves the mean alone, by (its value - 10)/41.
"""

import json
from dataclasses import replace
from typing import Any

import pytest

from rules.spec import BreachSpec, CharacteristicSpec, MetricSpec
from tests.flow.test_goals import BAD, D2, GOOD, OWN, begin, bodies, close, goal, local, measure, wave
from tests.plants import MINUTE, Journal, Rows, make_plan, named, ordinal, run_logics

FIRST_DAY = ordinal("2026-11-02") - 1
QUIET = replace(OWN, breach=BreachSpec(breach_days=99))


def days_of(spec: CharacteristicSpec, count: int, **more: Any) -> Journal:
    """A journal of so many good days that have closed."""
    journal = begin(spec, **more)
    for day in range(1, count + 1):
        measure(journal, day, wave(40))
        close(journal, day)
    return journal


def late(journal: Journal, day: int, value: float) -> None:
    """A reading of a closed day that comes now; three minutes pass."""
    journal.message(local(day, 0.5), {"bore": value}, received_ns=journal.last_tick_ns)
    journal.ticks(journal.last_tick_ns + 3 * MINUTE, MINUTE)


def cpk(late_value: float = 10.0, n: int = 41, d: float = GOOD) -> float:
    return (0.6 - abs(late_value - 10.0) / n) / (3 * 2 * d / D2)


def told(rows: Rows, kind: str, *names: str) -> list[tuple[Any, ...]]:
    """Rows of a kind with days counted from 1."""
    return [tuple(row[n] - FIRST_DAY if n == "day" else row[n] for n in names) for row in named(rows, kind)]


def test_the_newest_day_restated_restates_the_metric_and_the_key_result_with_a_higher_revision() -> None:
    journal = days_of(QUIET, 6, **goal(over="day", target=1.4))
    before = len(journal.entries)
    late(journal, 6, 9.5)
    rows = run_logics(journal)
    after = [row for row in named(rows, "metric") if row["cause_seq"] > journal.entries[before].seq]
    (restated,) = after  # one row, however many ticks
    assert restated["value"] == pytest.approx(cpk(9.5), rel=1e-9)
    assert (restated["revision"], restated["n"]) == (8, 41)  # the first was stated before any day had closed
    first, second = bodies(rows, "/api/v1/key-results")[-2:]
    assert (second["revision"], second["value"]) == (first["revision"] + 1, restated["value"])
    assert (first["value"], first["sources"][0]["revision"]) == (pytest.approx(cpk(), rel=1e-9), 1)
    assert second["sources"][0] == {
        **second["sources"][0],
        "first_day": "2026-11-07",
        "last_day": "2026-11-07",
        "days": 1,
        "revision": 2,
        "limits_revision": 1,
        "specification_revision": 1,
    }
    assert (second["restated_after_end"], first["day"]) == (None, "2026-11-07")


def test_an_earlier_day_restated_is_a_row_of_its_own_and_the_newest_value_is_stated_behind_it() -> None:
    journal = days_of(QUIET, 6, **goal(over="day", target=1.4))
    late(journal, 3, 9.5)
    rows = told(run_logics(journal), "metric", "revision", "day", "value")
    assert rows[-2:] == [(8, 3, pytest.approx(cpk(9.5), rel=1e-9)), (9, 7, pytest.approx(cpk(), rel=1e-9))]


def test_what_is_restated_within_a_minute_is_looked_at_together() -> None:
    journal = days_of(QUIET, 6, **goal(over="day"))
    for day in (4, 5):
        journal.message(local(day, 0.5), {"bore": 9.5}, received_ns=journal.last_tick_ns)
    journal.ticks(journal.last_tick_ns + 5 * MINUTE, MINUTE)
    rows = told(run_logics(journal), "metric", "revision", "day")
    assert rows[-3:] == [(8, 4), (9, 5), (10, 7)]


def test_a_trailing_metric_is_restated_for_every_day_that_looks_back_on_it() -> None:
    journal = days_of(QUIET, 6, **goal(over="trailing"))
    late(journal, 4, 9.5)
    rows = run_logics(journal)
    assert told(rows, "metric", "day", "n")[-4:] == [(6, 240), (4, 161), (5, 201), (7, 241)]
    (source,) = bodies(rows, "/api/v1/key-results")[-1]["sources"]
    assert (source["first_day"], source["last_day"], source["days"]) == ("2026-11-02", "2026-11-07", 6)
    assert (source["revision"], source["n"]) == (2, 241)


def test_a_maintain_counts_a_restated_day_anew() -> None:
    """The target is 1.4: day 3 misses it once its late reading is in, so 5 of 6 days are left."""
    journal = days_of(QUIET, 6, **goal("maintain", over="day", target=1.4))
    late(journal, 3, 9.5)
    first, second = bodies(run_logics(journal), "/api/v1/key-results")[-2:]
    assert first["progress"] == pytest.approx(1 / 0.95, rel=1e-12)
    assert second["progress"] == pytest.approx(5 / 6 / 0.95, rel=1e-12)
    assert (second["revision"], second["status"]) == (first["revision"] + 1, "yellow")


@pytest.mark.parametrize("kind", ["reach", "maintain"])
def test_after_the_period_what_is_frozen_stands_and_the_restatement_is_marked(kind: str) -> None:
    journal = days_of(QUIET, 8, **goal(kind, over="day", days=6, target=1.4))
    ended = len(bodies(run_logics(journal), "/api/v1/key-results"))
    late(journal, 6, 9.5)
    rows = run_logics(journal)
    pushed = bodies(rows, "/api/v1/key-results")
    frozen, marked = pushed[-2:]
    assert len(pushed) == ended + 1
    assert frozen["value"] == marked["value"] == pytest.approx(cpk(), rel=1e-9)
    assert (marked["progress"], marked["status"]) == (frozen["progress"], frozen["status"])
    assert (marked["revision"], frozen["restated_after_end"]) == (frozen["revision"] + 1, None)
    progress = cpk(9.5) / 1.4 if kind == "reach" else 5 / 6 / 0.95
    now = {"value": pytest.approx(cpk(9.5), rel=1e-9), "progress": pytest.approx(progress, rel=1e-9)}
    assert marked["restated_after_end"] == now
    assert marked["sources"] == frozen["sources"]
    row = named(rows, "key_result")[-1]
    assert (row["restated_value"], row["restated_progress"]) == (now["value"], now["progress"])


@pytest.mark.parametrize("kind", ["reach", "maintain"])
def test_a_day_restated_before_the_last_one_has_closed_is_restated_within_the_period(kind: str) -> None:
    """The period ends with day 6; day 3 is restated in the minutes of grace before that closes."""
    journal = days_of(QUIET, 5, **goal(kind, over="day", days=6, target=1.4))
    measure(journal, 6, wave(40))
    journal.ticks(local(7, 0.1), MINUTE)
    late(journal, 3, 9.5)
    close(journal, 6)
    journal.ticks(local(7, 2), 10 * MINUTE)
    last = bodies(run_logics(journal), "/api/v1/key-results")[-1]
    assert last["value"] == pytest.approx(cpk(), rel=1e-9)
    assert last["restated_after_end"] is None
    progress = cpk() / 1.4 if kind == "reach" else 5 / 6 / 0.95
    assert last["progress"] == pytest.approx(progress, rel=1e-9)


def test_days_after_the_period_change_nothing_and_are_no_updates() -> None:
    journal = days_of(QUIET, 6, **goal(over="trailing", days=6))
    ended = len(bodies(run_logics(journal), "/api/v1/key-results"))
    for day in (7, 8, 9):
        measure(journal, day, wave(40, BAD))
        close(journal, day)
    assert len(bodies(run_logics(journal), "/api/v1/key-results")) == ended


def test_trailing_means_the_last_twenty_production_days_with_or_without_data() -> None:
    """Days 1 to 4 and 25 to 27 have data: of the twenty that end with the 24th the first four are none."""
    journal = begin(QUIET, **goal(over="trailing", days=60))
    for day in range(1, 28):
        measure(journal, day, wave(40) if day < 5 or day > 24 else [])
        close(journal, day)
    members = told(run_logics(journal), "metric", "day", "detail")
    by_day = {day: json.loads(detail)[0]["n"] for day, detail in members}
    assert [by_day[day] for day in (4, 20, 21, 23, 24, 27)] == [160, 160, 120, 40, 0, 120]


# --- floors of metrics -----------------------------------------------------------------------------------------------


def with_floor(**metric: Any) -> dict[str, Any]:
    made = goal(over="day", **({"floor": 1.3} | metric))
    made["objectives"] = (replace(made["objectives"][0], owner="head of OP10"),)
    return made


def below(count: int, **metric: Any) -> Journal:
    """Two good days, then so many at 1.13."""
    journal = days_of(QUIET, 2, **with_floor(**metric))
    for day in range(3, 3 + count):
        measure(journal, day, wave(40, BAD))
        close(journal, day)
    return journal


def test_three_days_of_a_metric_below_its_floor_are_one_alert_of_its_own() -> None:
    rows = run_logics(below(4))
    (opened, more) = bodies(rows, "/api/v1/alerts")
    assert (opened["metric"], opened["characteristic"], opened["rule"]) == ("cpk", None, "metric-below-floor")
    assert (opened["state"], opened["revision"], opened["owner"]) == ("open", 1, "head of OP10")
    assert [(one["day"], one["n"]) for one in opened["days"]] == [(f"2026-11-0{day}", 40) for day in (4, 5, 6)]
    assert opened["cpk"] == pytest.approx(cpk(d=BAD), rel=1e-9)
    assert (opened["floor"], opened["title"]) == (1.3, "cpk: below 1.3 on 3 production days")
    assert (more["alert"], more["revision"], len(more["days"])) == (opened["alert"], 2, 4)
    episodes = named(rows, "episode")
    assert [(row["metric"], row["characteristic"], row["state"]) for row in episodes] == [("cpk", None, "open")] * 2
    statuses = {row["day"] - FIRST_DAY: (row["status"], row["reason"]) for row in named(rows, "key_result")}
    assert statuses[5] == statuses[6] == ("red", "floor")


def test_two_days_are_none_where_three_are_wanted_and_are_one_where_two_are() -> None:
    assert bodies(run_logics(below(2)), "/api/v1/alerts") == []
    assert len(bodies(run_logics(below(2, breach_days=2)), "/api/v1/alerts")) == 1


def test_a_metrics_alert_recovers_after_three_good_days_and_has_the_owner_it_says() -> None:
    journal = below(3, owner="quality")
    for day in (6, 7, 8):
        measure(journal, day, wave(40))
        close(journal, day)
    opened, recovered = bodies(run_logics(journal), "/api/v1/alerts")
    assert (opened["owner"], recovered["state"], recovered["recovered_day"]) == ("quality", "recovered", "2026-11-09")


def test_late_data_that_lift_a_bad_day_retract_a_metrics_alert() -> None:
    """Mean 9.6 for three days; readings at 14 bring the last of them back to 10 and above the floor again."""
    journal = days_of(QUIET, 2, **with_floor(floor=1.0))
    for day in (3, 4, 5):
        measure(journal, day, [value - 0.4 for value in wave(40)])
        close(journal, day)
    for _ in range(4):
        journal.message(local(5, 0.5), {"bore": 14.0}, received_ns=journal.last_tick_ns)
    journal.ticks(journal.last_tick_ns + 3 * MINUTE, MINUTE)
    opened, retracted = bodies(run_logics(journal), "/api/v1/alerts")
    assert (opened["state"], retracted["state"], retracted["alert"]) == ("open", "retracted", opened["alert"])


def test_a_metric_that_leaves_the_plan_withdraws_its_alert() -> None:
    journal = below(3)
    journal.plan(journal.last_tick_ns, make_plan(QUIET))
    journal.tick(journal.last_tick_ns + MINUTE)
    opened, left = bodies(run_logics(journal), "/api/v1/alerts")
    assert (opened["state"], left["state"], left["alert"]) == ("open", "withdrawn", opened["alert"])


def test_the_worst_of_its_members_counts_below_the_floor_though_another_is_missing() -> None:
    made = with_floor()
    made["metrics"] = (replace(made["metrics"][0], members=("bore", "depth")),)
    journal = begin(QUIET, replace(QUIET, id="depth"), **made)
    for day in (1, 2, 3):
        measure(journal, day, wave(40, BAD), "bore")
        close(journal, day)
    (opened,) = bodies(run_logics(journal), "/api/v1/alerts")
    assert [(one["counted"], one["members"]) for one in opened["days"]] == [(1, 2)] * 3


def test_a_share_has_a_floor_in_per_cent_and_no_upper_bound() -> None:
    made = with_floor(reduce="share-at-target", floor=0.9)
    assert isinstance(made["metrics"][0], MetricSpec)
    journal = begin(QUIET, **made)
    for day in (1, 2, 3):
        measure(journal, day, wave(40, BAD))
        close(journal, day)
    (opened,) = bodies(run_logics(journal), "/api/v1/alerts")
    assert (opened["title"], opened["unit"]) == ("cpk: below 90 % on 3 production days", "share")
    assert (opened["cpk"], opened["cpk_upper"], opened["confidence"]) == (0.0, None, "indicated")
