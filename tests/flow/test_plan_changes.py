"""A new plan in the middle: what it keeps, what it begins anew, and that no reading is lost over it."""

import json
from dataclasses import replace
from typing import Any

import pytest

from config.plan import Plan
from connectors.segments import COMMAND
from rules.spec import BaselineLimits, CharacteristicSpec, FixedLimits
from tests.plants import BORE, MINUTE, Journal, at, make_plan, named, run_logics

START = at("2026-11-02 00:00")
INDIVIDUAL = replace(BORE, limits=BaselineLimits(20))
SUBGROUPED = replace(INDIVIDUAL, chart="xbar-r", subgroup_size=5)
OWN = replace(BORE, day_basis="day")
DEPTH = CharacteristicSpec("depth")


def journal_of(*stretches: tuple[Plan, list[float]]) -> Journal:
    """Each plan, followed by one reading of `bore` a minute."""
    journal, now = Journal(), START
    for plan, values in stretches:
        journal.plan(now, plan)
        journal.tick(now)
        for value in values:
            now += MINUTE
            journal.message(now, {"bore": value})
            journal.tick(now)
        now += MINUTE
    return journal


def results(*stretches: tuple[CharacteristicSpec, list[float]]) -> dict[str, list[dict[str, Any]]]:
    rows = run_logics(journal_of(*[(make_plan(spec, DEPTH), values) for spec, values in stretches]))
    return {kind: named(rows, kind) for kind in ("limits", "point", "reading", "specification", "capability")}


def wave(n: int) -> list[float]:
    return [10 + 0.1 * (-1) ** k for k in range(n)]


def test_a_baseline_that_is_made_shorter_and_longer_again_goes_on_with_the_points_it_kept() -> None:
    long, short = replace(INDIVIDUAL, limits=BaselineLimits(60)), replace(INDIVIDUAL, limits=BaselineLimits(30))
    some = wave(110)
    found = results((long, some[:50]), (short, []), (long, some[50:]))
    (limits,) = found["limits"]
    restated = [row for row in found["point"] if row["phase"] == 1]
    first = [row for row in found["point"] if row["phase"] == 0][20:]  # 30 of the 50 were kept
    assert (limits["state"], limits["points"], len(restated)) == ("provisional", 60, 60)
    for name in ("seq", "idx", "time", "value", "dispersion"):
        assert [row[name] for row in restated] == [row[name] for row in first]


def test_a_shorter_baseline_is_full_with_its_newest_points() -> None:
    long, short = replace(INDIVIDUAL, limits=BaselineLimits(60)), replace(INDIVIDUAL, limits=BaselineLimits(30))
    found = results((long, wave(50)), (short, [10.5]))
    restated = [row for row in found["point"] if row["phase"] == 1]
    first = [row for row in found["point"] if row["phase"] == 0][21:]
    assert [(row["seq"], row["idx"], row["time"]) for row in restated] == [
        (row["seq"], row["idx"], row["time"]) for row in first
    ]
    assert len(restated) == 30


def test_a_longer_window_keeps_limits_chart_and_the_readings_it_held() -> None:
    found = results((INDIVIDUAL, wave(40)), (replace(INDIVIDUAL, window=150), wave(1)))
    assert [row["state"] for row in found["limits"]] == ["provisional"]
    assert found["point"][-1]["phase"] == 2
    assert found["point"][-1]["dispersion"] is not None  # the moving range goes on
    assert found["capability"][-1]["n"] == 41


def test_a_shorter_window_keeps_its_newest_readings() -> None:
    short = replace(INDIVIDUAL, window=30)
    found = results((INDIVIDUAL, wave(40)), (short, [10.5]))
    assert found["capability"][-1]["n"] == 30
    # summed in another order: a few roundings apart
    assert found["capability"][-1]["mean"] == pytest.approx((sum(wave(40)[-29:]) + 10.5) / 30, rel=1e-14)


def test_another_chart_begins_a_baseline_and_says_so() -> None:
    found = results((INDIVIDUAL, wave(40)), (SUBGROUPED, wave(10)))
    assert [(row["revision"], row["state"]) for row in found["limits"]] == [(1, "provisional"), (2, "none")]
    assert [row["phase"] for row in found["point"][-2:]] == [0, 0]


def test_another_subgroup_size_charts_the_open_subgroup_as_it_is() -> None:
    found = results((SUBGROUPED, wave(8)), (replace(SUBGROUPED, subgroup_size=4), wave(4)))
    assert [row["n"] for row in found["point"]] == [5, 3, 4]


def test_a_characteristic_that_leaves_keeps_the_readings_of_its_open_subgroup() -> None:
    plans = [(make_plan(SUBGROUPED, DEPTH), wave(8)), (make_plan(DEPTH), [])]
    rows = run_logics(journal_of(*plans))
    left = [(row["value"], row["state"]) for row in named(rows, "reading")]
    assert left == [(value, "withdrawn") for value in wave(8)[5:]]
    assert named(rows, "characteristic")[-1]["state"] == "withdrawn"


def test_the_revisions_of_a_characteristic_that_comes_back_go_on() -> None:
    whole, without = make_plan(INDIVIDUAL, DEPTH), make_plan(DEPTH)
    rows = run_logics(journal_of((whole, wave(30)), (without, []), (whole, wave(30))))
    bore = named(rows, "characteristic")[0]["characteristic"]
    specifications = [row["revision"] for row in named(rows, "specification") if row["characteristic"] == bore]
    assert specifications == [1, 2]
    limits = [(row["revision"], row["state"]) for row in named(rows, "limits")]
    assert limits == [(1, "provisional"), (2, "none"), (3, "provisional")]


def test_a_changed_specification_states_the_window_anew_without_a_new_reading() -> None:
    journal = journal_of((make_plan(INDIVIDUAL), wave(40)), (make_plan(replace(INDIVIDUAL, usl=10.3)), []))
    journal.tick(journal.last_tick_ns + MINUTE)
    capability = named(run_logics(journal), "capability")
    assert [row["specification_revision"] for row in capability[-2:]] == [1, 2]
    assert capability[-1]["cpu"] < capability[-2]["cpu"]


def test_the_days_before_a_journal_began_are_not_stated() -> None:
    journal = Journal()
    start = at("2026-11-02 00:05")  # the day before would close at 00:15
    journal.plan(start, make_plan(BORE))
    journal.tick(start)
    journal.ticks(start + 60 * MINUTE, 5 * MINUTE)
    assert named(run_logics(journal), "day") == []


def test_a_late_reading_is_judged_by_the_specification_and_limits_of_its_time() -> None:
    """10 ± 0.6 with limits 10 ± 0.3, then 12 ± 0.6 with limits 12 ± 0.3; late values of before and after."""
    after = replace(BORE, lsl=11.4, usl=12.6, limits=FixedLimits(12.0, 0.1))
    journal = journal_of((make_plan(BORE), [10.0] * 4), (make_plan(after), [12.0] * 4))
    changed = journal.last_tick_ns - 4 * MINUTE
    for late_ns, value in ((changed - 90 * 10**9, 10.1), (changed - 90 * 10**9, 10.5), (changed + MINUTE, 10.1)):
        journal.message(late_ns, {"bore": value}, received_ns=journal.last_tick_ns)
    rows = run_logics(journal)
    assert [row["value"] for row in named(rows, "reading")] == [10.1, 10.5, 10.1]
    of_readings = [row for row in named(rows, "signal") if row["part"] != "dispersion"]  # 10 to 12 is a range of 2
    assert [(row["value"], row["rule"], round(row["limit"], 9)) for row in of_readings] == [
        (10.5, "beyond-3-sigma", 10.3),
        (10.1, "beyond-3-sigma", 11.7),
        (10.1, "out-of-spec", 11.4),
    ]


@pytest.mark.parametrize("restate_days", [0, 3, 20])
def test_other_restate_days_keep_the_running_day_and_the_newest_closed_ones(restate_days: int) -> None:
    """Six days of 24 readings; the plan changes at noon of the fifth."""
    first, second = make_plan(OWN), make_plan(OWN, restate_days=restate_days)
    journal = Journal()
    journal.plan(START, first)
    journal.tick(START)
    for hour in range(6 * 24):
        now = START + hour * 60 * MINUTE + MINUTE
        if hour == 4 * 24 + 12:
            journal.plan(now, second)
        journal.message(now, {"bore": wave(hour + 1)[-1]})
        journal.ticks(now + 59 * MINUTE, 20 * MINUTE)
    journal.ticks(START + (6 * 24 + 1) * 60 * MINUTE, 20 * MINUTE)
    days = named(run_logics(journal), "day")
    assert [row["n"] for row in days] == [24] * 6
    assert len({row["day"] for row in days}) == 6


def test_a_closed_day_is_restated_by_the_specification_that_it_closed_under() -> None:
    """Cpk of 10 ± 0.6 at the close; narrowed to 10 ± 0.1 the next day, when one late reading comes."""
    journal = Journal()
    journal.plan(START, make_plan(OWN))
    journal.tick(START)
    for hour in range(25):
        now = START + hour * 60 * MINUTE + MINUTE
        journal.message(now, {"bore": wave(hour + 1)[-1]})
        journal.ticks(now + 59 * MINUTE, 20 * MINUTE)
    journal.plan(journal.last_tick_ns, make_plan(replace(OWN, lsl=9.9, usl=10.1)))
    journal.message(START + 30 * MINUTE, {"bore": 10.0}, received_ns=journal.last_tick_ns)
    journal.ticks(journal.last_tick_ns + 3 * MINUTE, MINUTE)
    first, again = named(run_logics(journal), "day")
    assert (first["revision"], again["revision"], first["n"], again["n"]) == (1, 2, 24, 25)
    assert (first["specification_revision"], again["specification_revision"]) == (1, 1)
    assert again["cpk"] == pytest.approx(first["cpk"], rel=1e-9)  # a late reading is in no range, the mean stays


def test_a_late_signal_names_the_revision_of_the_limits_that_judged_it() -> None:
    after = replace(BORE, limits=FixedLimits(12.0, 0.1))
    journal = journal_of((make_plan(BORE), [10.0] * 4), (make_plan(after), [12.0] * 4))
    changed = journal.last_tick_ns - 4 * MINUTE
    journal.message(changed - 90 * 10**9, {"bore": 10.5}, received_ns=journal.last_tick_ns)
    signals = named(run_logics(journal), "signal")
    assert [(row["value"], row["revision"]) for row in signals if row["value"] == 10.5] == [(10.5, 1)]


def test_accepted_limits_still_say_what_the_baseline_left_out() -> None:
    values = wave(100)
    values[50] = 11.5
    journal = journal_of((make_plan(replace(INDIVIDUAL, limits=BaselineLimits(100))), values))
    journal.accept(journal.last_tick_ns, "bore")
    provisional, accepted = named(run_logics(journal), "limits")
    assert (provisional["state"], accepted["state"]) == ("provisional", "accepted")
    assert provisional["excluded"] > 0
    assert [accepted[name] for name in ("points", "excluded")] == [provisional["points"], provisional["excluded"]]


@pytest.mark.parametrize(("revision", "states"), [(1, ["provisional", "accepted"]), (2, ["provisional"])])
def test_only_the_limits_that_a_person_saw_are_accepted(revision: int, states: list[str]) -> None:
    journal = journal_of((make_plan(replace(INDIVIDUAL, limits=BaselineLimits(100))), wave(100)))
    order = {"id": "1", "kind": "accept-limits", "characteristic": "bore", "who": "ada", "revision": revision}
    journal.add(journal.last_tick_ns, COMMAND, json.dumps(order | {"at_ns": journal.last_tick_ns}).encode())
    assert [row["state"] for row in named(run_logics(journal), "limits")] == states
