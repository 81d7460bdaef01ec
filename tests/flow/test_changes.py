"""A change puts what it touches to the proof: unverified, until its window since is capable (design, section 7)."""

import json
from dataclasses import replace
from typing import Any

import pytest

from rules.events import Change, touches
from rules.spec import BaselineLimits, CharacteristicSpec
from tests.plants import BORE, MINUTE, SECOND, TOPIC, Journal, Rows, at, make_plan, named, run_logics, with_goal

MORNING = at("2026-03-02 06:00")
GOAL = with_goal(1.33, "2026-03-01", "2026-03-31")
WIDE = replace(BORE, lsl=9.0, usl=11.0, minimum_n=5, cpk_target=1.33, day_basis="day")
STEPS = (9.95, 10.05, 9.9, 10.1, 10.0)


def change(journal: Journal, time_ns: int, **fields: Any) -> int:
    body = {"kind": "change", "of": "tool", "time": time_ns // 1_000_000} | fields
    return journal.add(time_ns, TOPIC, json.dumps(body).encode(), connector="line")


def morning(spec: CharacteristicSpec = WIDE, **more: Any) -> Journal:
    journal = Journal()
    journal.plan(MORNING, make_plan(spec, **more))
    journal.tick(MORNING)
    return journal


def measured(journal: Journal, start_ns: int, values: tuple[float, ...], name: str = "bore") -> int:
    for k, value in enumerate(values):
        journal.message(start_ns + k * MINUTE, {name: value})
        journal.tick(start_ns + k * MINUTE + SECOND)
    return start_ns + len(values) * MINUTE


def windows(rows: Rows) -> list[tuple[object, bool]]:
    """Of each statement of the window: how many values it has, and whether it says `unverified`."""
    return [(row["n"], "unverified" in json.loads(row["verdicts"])) for row in named(rows, "capability")]


def test_the_window_begins_anew_and_is_unverified_until_enough_readings_after_it_are_capable():
    journal = morning()
    now = measured(journal, MORNING, STEPS)
    change(journal, now)
    measured(journal, now + SECOND, STEPS)
    said = windows(run_logics(journal))
    before = [(n, False) for n in (1, 2, 3, 4, 5)]
    assert said == [*before, (1, True), (2, True), (3, True), (4, True), (5, False)]


def test_enough_readings_that_are_not_capable_do_not_verify():
    journal = morning()
    change(journal, MORNING)
    now = measured(journal, MORNING + SECOND, (9.2, 10.8, 9.3, 10.7, 9.2))  # a Cpk far below 1.33
    assert windows(run_logics(journal))[-1] == (5, True)
    measured(journal, now, (10.0, 10.01) * 60)  # the window of 125 holds them all: the wide ones count too
    said = windows(run_logics(journal))
    assert said[-1] == (125, False)
    verified = [row for row in named(run_logics(journal), "capability") if "unverified" not in row["verdicts"]]
    assert verified[0]["cpk"] >= 1.33
    assert all(row["cpk"] is None or not row["cpk"] >= 1.33 for row in named(run_logics(journal), "capability")
               if "unverified" in row["verdicts"] and row["n"] >= 5)  # fmt: skip


def test_without_a_specification_enough_readings_verify():
    journal = morning(replace(WIDE, lsl=float("nan"), usl=float("nan")))
    change(journal, MORNING)
    measured(journal, MORNING + SECOND, STEPS)
    assert windows(run_logics(journal)) == [(1, True), (2, True), (3, True), (4, True), (5, False)]


def test_no_moving_range_reaches_across_a_change():
    journal = morning()
    now = measured(journal, MORNING, (10.0, 10.1))
    change(journal, now)
    measured(journal, now + SECOND, (10.3, 10.4))
    ranges = [row["dispersion"] for row in named(run_logics(journal), "point")]
    assert str(ranges[0]) == str(ranges[2]) == "nan"
    assert [ranges[1], ranges[3]] == pytest.approx([0.1, 0.1])


def test_a_day_is_unverified_as_it_closes_and_stays_so_when_late_data_restate_it():
    journal = morning(calendar=None)
    now = measured(journal, MORNING, STEPS)
    change(journal, now)
    measured(journal, now + SECOND, STEPS[:2])
    journal.ticks(MORNING + 20 * 60 * MINUTE, 30 * MINUTE)  # 2 March closes
    tuesday = MORNING + 24 * 60 * MINUTE
    journal.ticks(tuesday, 30 * MINUTE)
    now = measured(journal, tuesday, STEPS)  # verified again
    journal.message(MORNING + 30 * SECOND, {"bore": 10.02}, received_ns=now)
    journal.ticks(tuesday + 24 * 60 * MINUTE, 30 * MINUTE)
    days = [(row["day"], row["revision"], "unverified" in row["verdicts"]) for row in named(run_logics(journal), "day")]
    first = days[0][0]
    assert days == [(first, 1, True), (first, 2, True), (first + 1, 1, False)]


@pytest.mark.parametrize(
    ("fields", "touched"),
    [
        ({}, {"bore", "depth"}),  # no place: all of the plant
        ({"characteristics": ["depth"]}, {"depth"}),
        ({"characteristics": ["b*"]}, {"bore"}),
        ({"characteristics": ["nobody"]}, set()),
    ],
)
def test_it_touches_what_it_names(fields: dict[str, Any], touched: set[str]):
    journal = Journal()
    journal.plan(MORNING, make_plan(WIDE, replace(WIDE, id="depth")))
    journal.tick(MORNING)
    seq = change(journal, MORNING, **fields)
    journal.message(MORNING + SECOND, {"bore": 10.0, "depth": 10.0})
    journal.tick(MORNING + 20 * SECOND)
    rows = run_logics(journal)
    names = {row["characteristic"]: row["name"] for row in named(rows, "characteristic")}
    assert {names[row["characteristic"]] for row in named(rows, "capability") if "unverified" in row["verdicts"]} == (
        touched
    )
    refused = [(row["reason"], row["seq"]) for row in named(rows, "rejected")]
    assert refused == ([] if touched else [("unknown-characteristic", seq)])
    assert [row["kind"] for row in named(rows, "event")] == ["change"]


@pytest.mark.parametrize(
    ("place", "names", "found"),
    [
        ("line1/op10", (), {"line1/op10/bore", "line1/op10/depth"}),
        ("line1", (), {"line1/op10/bore", "line1/op10/depth", "line1/op100/bore"}),
        ("line1/op10", ("bore",), {"line1/op10/bore"}),
        ("line1/op10", ("*/op100/*",), {"line1/op100/bore"}),
        ("", ("line2/*",), {"line2/op1/bore"}),
    ],
)
def test_names_are_ids_or_globs_whole_or_below_the_place(place: str, names: tuple[str, ...], found: set[str]):
    ids = ("line1/op10/bore", "line1/op10/depth", "line1/op100/bore", "line2/op1/bore")
    assert {one for one in ids if touches(Change("tool", names), place, one)} == found


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (STEPS, ("incomplete", "unverified")),
        ((9.2, 10.8, 9.3, 10.7, 9.2), ("red", "far-behind")),  # what is bad is not hidden by it
    ],
)
def test_a_key_result_says_so_and_is_not_green_meanwhile(values: tuple[float, ...], told: tuple[str, str]):
    journal = morning(**GOAL)
    for day in range(10):
        start = MORNING + day * 24 * 60 * MINUTE
        journal.ticks(start, 30 * MINUTE)
        now = measured(journal, start + SECOND, values if day == 8 else STEPS)
        if day == 8:
            change(journal, now, characteristics=["bore"])
            measured(journal, now + SECOND, STEPS[:3])  # fewer than are asked for
    journal.ticks(MORNING + 10 * 24 * 60 * MINUTE, 30 * MINUTE)
    updates = named(run_logics(journal), "key_result")
    closes = {row["day"]: row for row in updates}  # the last of each day is that of its close
    first = min(closes)
    assert closes[first + 7]["status"] == "green"
    assert (closes[first + 8]["status"], closes[first + 8]["reason"]) == told
    if told[1] == "unverified":
        assert closes[first + 8]["value"] >= 1.33
        assert closes[first + 9]["status"] == "green"


def test_a_baseline_in_hand_goes_on_over_a_change_and_a_new_plan():
    spec = replace(WIDE, limits=BaselineLimits(6))
    journal = morning(spec)
    now = measured(journal, MORNING, STEPS[:4])
    change(journal, now)
    journal.plan(now, make_plan(replace(spec, owner="ada")))
    measured(journal, now + SECOND, STEPS[:2])
    (limits,) = named(run_logics(journal), "limits")
    assert limits["center"] == pytest.approx(sum((*STEPS[:4], *STEPS[:2])) / 6)
