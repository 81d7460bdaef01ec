"""Corrected days against undisturbed ones: a plant in which the fault never happened (its message is of a trial)."""

import json
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import pytest

from config.plan import ConnectorPlan, Plan
from rules.run_rules import RuleSpec
from rules.spec import BaselineLimits, CharacteristicSpec, FixedLimits, GaugeSpec
from tests.plants import MINUTE, SECOND, TOPIC, Journal, Rows, at, make_plan, named, ordinal, run_logics, with_goal

MORNING = at("2026-03-02 06:00")
DAY = 24 * 60 * MINUTE
FIXED = FixedLimits(10.0, 0.1)
SINGLE = CharacteristicSpec(
    "bore", lsl=9.75, usl=10.25, target=10.0, limits=FIXED, rules=(RuleSpec("beyond-3-sigma"),), minimum_n=8
)
GROUPS = replace(SINGLE, id="force", chart="xbar-r", subgroup_size=3)
SPREAD = replace(SINGLE, id="leak", chart="xbar-s", subgroup_size=4, day_basis="day", usl=float("nan"))
LATE = replace(SINGLE, id="late", lateness_seconds=300.0, day_basis="day")
SPECS = (SINGLE, GROUPS, SPREAD, LATE)
NOT_COMPARED = ("row", "cause_seq", "ordinal", "revision", "time")


@dataclass
class Fault:
    """A message, and what is told of it later."""

    message: int  # its number
    told: int  # so many messages later
    action: str
    name: str
    value: float


def plan(*specs: CharacteristicSpec) -> Plan:
    return make_plan(*(specs or SPECS), **with_goal(1.0, "2026-03-01", "2026-04-30"))


def history(seed: int, fault: Fault, disturbed: bool, days: int = 4) -> Journal:
    """Days of messages of single values and arrays; where it is not disturbed the fault is right from the first."""
    rng, journal = Random(seed), Journal()
    journal.plan(MORNING, plan())
    journal.tick(MORNING)
    now, number, meant = MORNING, 0, {}
    for day in range(days):
        now = MORNING + day * DAY
        journal.ticks(max(now, journal.last_tick_ns + MINUTE), 30 * MINUTE)
        for _ in range(18):
            now += rng.choice([2 * MINUTE, 3 * MINUTE, 11 * MINUTE])
            journal.tick(now - 30 * SECOND)
            values: dict[str, Any] = {
                "bore": round(rng.gauss(10, 0.12), 3),
                "force": [round(rng.gauss(10, 0.1), 3) for _ in range(3)],
                "leak": [round(rng.gauss(10, 0.1), 3) for _ in range(4)],
                "late": round(rng.gauss(10, 0.1), 3),
            }
            behind = rng.choice([0, 0, 0, 240]) * SECOND
            # What a voided reading has made late stays so: here it makes none.
            time_ns, purpose = now - (0 if number == fault.message + 1 else behind), {}
            wrong: dict[str, Any] = {}
            if number == fault.message:
                values = {fault.name: values[fault.name]}
                wrong = {fault.name: 17.5 if fault.action == "correct" else values[fault.name]}
                time_ns = now - MINUTE
                meant = values
                if fault.action == "void" and not disturbed:
                    purpose = {"purpose": "trial"}
            sent = wrong if wrong and disturbed else values
            journal.message(time_ns, sent, received_ns=now, id=f"m{number}", part=f"P{number}", **purpose)
            if number == fault.message + fault.told:
                tell(journal, now, fault, disturbed, meant)
            journal.tick(now + 30 * SECOND)
            number += 1
    journal.ticks(MORNING + days * DAY, 30 * MINUTE)
    journal.ticks(MORNING + (days + 1) * DAY, 30 * MINUTE)
    return journal


def tell(journal: Journal, now: int, fault: Fault, disturbed: bool, meant: dict[str, Any]) -> None:
    body = {"kind": fault.action, "ref": f"m{fault.message}", "who": "W5", "why": "wrong part"}
    if fault.action == "correct":
        body["value"] = meant[fault.name]
    if not disturbed:
        body = {"values": {"bore": 1}, "purpose": "trial"}
    journal.add(now, TOPIC, json.dumps(body | {"time": now // 1_000_000}).encode(), connector="line")


def days_of(rows: Rows) -> dict[tuple[Any, Any], dict[str, Any]]:
    """The newest statement of each characteristic's day."""
    return {(row["characteristic"], row["day"]): row for row in named(rows, "day")}


def compare(told: dict[str, Any], right: dict[str, Any], label: Any) -> None:
    for name, value in right.items():
        if name in NOT_COMPARED:
            continue
        if isinstance(value, float):
            assert told[name] == pytest.approx(value, rel=1e-12, abs=1e-12, nan_ok=True), (label, name)
        else:
            assert told[name] == value, (label, name)


@pytest.mark.parametrize("seed", range(16))
def test_a_corrected_day_is_the_day_that_would_have_been(seed: int):
    rng = Random(seed)
    name = ("bore", "force", "leak", "late")[seed % 4]
    action = "void" if seed % 3 or name in ("force", "leak") else "correct"
    fault = Fault(rng.randrange(2, 50), rng.choice([1, 2, 9, 25, 40]), action, name, 0.0)
    fault.told = min(fault.told, 71 - fault.message)
    told = run_logics(history(seed, fault, disturbed=True))
    right = run_logics(history(seed, fault, disturbed=False))
    assert [row["reason"] for row in named(told, "rejected")] == []
    assert {row["state"] for row in named(told, "correction")} == {"restated"}
    found, expected = days_of(told), days_of(right)
    assert found.keys() == expected.keys()
    for key, day in expected.items():
        compare(found[key], day, key)
    windows, right_windows = ({row["characteristic"]: row for row in named(one, "capability")} for one in (told, right))
    assert windows.keys() == right_windows.keys()
    for key, window in right_windows.items():
        compare(windows[key], window, ("window", key))


def morning(*specs: CharacteristicSpec) -> Journal:
    journal = Journal()
    journal.plan(MORNING, plan(*specs))
    journal.tick(MORNING)
    return journal


def measure(journal: Journal, minute: int, values: dict[str, Any], **fields: Any) -> int:
    time_ns = MORNING + minute * MINUTE
    journal.tick(max(time_ns, journal.last_tick_ns))
    return journal.message(time_ns, values, id=f"m{minute}", **fields)


def correct(journal: Journal, minute: int, action: str, ref: str = "", **fields: Any) -> int:
    time_ns = MORNING + minute * MINUTE
    body = {"kind": action, "who": "W5", "why": "comma", "time": time_ns // 1_000_000} | ({"ref": ref} if ref else {})
    seq = journal.add(time_ns, TOPIC, json.dumps(body | fields).encode(), connector="line")
    journal.tick(max(time_ns, journal.last_tick_ns + SECOND))
    return seq


def refused(journal: Journal) -> list[tuple[Any, Any]]:
    return [(row["seq"], row["reason"]) for row in named(run_logics(journal), "rejected")]


def rows_of(journal: Journal) -> list[tuple[Any, ...]]:
    columns = ("seq", "idx", "action", "value", "was", "who", "why", "state")
    return [tuple(row[name] for name in columns) for row in named(run_logics(journal), "correction")]


def window(journal: Journal) -> dict[str, Any]:
    journal.tick(journal.last_tick_ns + MINUTE)
    return named(run_logics(journal), "capability")[-1]


def test_what_came_stays_and_what_it_counts_for_is_told_beside_it():
    journal = morning(SINGLE)
    measured = [measure(journal, k, {"bore": 10.0 + k / 100}) for k in range(5)]
    correct(journal, 6, "correct", "m2", value=10.2)
    correct(journal, 7, "void", "m3")
    told = rows_of(journal)
    assert told[0] == (measured[2], 0, "correct", 10.2, 10.02, "W5", "comma", "restated")
    assert (*told[1][:3], str(told[1][3]), told[1][4]) == (measured[3], 0, "void", "nan", 10.03)
    assert [row["value"] for row in named(run_logics(journal), "point")] == [10.0, 10.01, 10.02, 10.03, 10.04]
    newest = window(journal)
    assert (newest["n"], newest["mean"]) == (4, pytest.approx((10.0 + 10.01 + 10.2 + 10.04) / 4))


def test_the_newest_correction_wins_and_one_that_changes_nothing_is_refused():
    journal = morning(SINGLE)
    measure(journal, 0, {"bore": 10.0})
    measure(journal, 1, {"bore": 10.1})
    correct(journal, 2, "void", "m1")
    again = correct(journal, 3, "void", "m1")
    correct(journal, 4, "correct", "m1", value=10.3)
    same = correct(journal, 5, "correct", "m1", value=10.3)
    correct(journal, 6, "correct", "m1", value=10.2)
    assert refused(journal) == [(again, "already"), (same, "already")]
    assert window(journal)["mean"] == pytest.approx(10.1)
    correct(journal, 8, "void", "m1")
    assert window(journal)["mean"] == pytest.approx(10.0)


def test_by_name_time_and_part():
    journal = morning(SINGLE)
    for part, value in (("A", 10.0), ("B", 10.1)):
        journal.message(MORNING + MINUTE, {"bore": value}, received_ns=MORNING, part=part)
    when = {"name": "bore", "of_time": (MORNING + MINUTE) // 1_000_000}
    either = correct(journal, 2, "void", **when)
    correct(journal, 3, "void", **when, part="B")
    nobody = correct(journal, 4, "void", **when, part="C")
    unknown = correct(journal, 5, "void", name="width", of_time=when["of_time"])
    assert refused(journal) == [(either, "ambiguous"), (nobody, "not-counted"), (unknown, "unknown-characteristic")]
    assert (window(journal)["n"], window(journal)["mean"]) == (1, 10.0)


def test_a_message_of_several_values_is_voided_whole_and_corrected_by_name():
    journal = morning(SINGLE, GROUPS)
    measure(journal, 0, {"bore": 10.0, "force": [10.0, 10.1, 10.2]})
    measure(journal, 1, {"bore": 10.0, "force": [10.0, 10.1, 10.2]})
    which = correct(journal, 2, "correct", "m1", value=9.9)
    array = correct(journal, 3, "correct", "m1", value=9.9, name="force")
    correct(journal, 4, "correct", "m1", value=9.9, name="bore")
    correct(journal, 5, "void", "m0")
    assert refused(journal) == [(which, "ambiguous"), (array, "ambiguous")]
    assert [row[:3] for row in rows_of(journal)][-4:] == [(4, idx, "void") for idx in range(4)]


def test_what_cannot_be_corrected_is_refused():
    journal = morning(SINGLE)
    early = correct(journal, 1, "void", "m3")  # comes before its reading
    measure(journal, 2, {"bore": 10.0}, purpose="rework")
    measure(journal, 3, {"bore": 10.0})
    measure(journal, 4, {"bore": None})
    rework, missing = correct(journal, 5, "void", "m2"), correct(journal, 6, "void", "m4")
    journal.ticks(MORNING + 9 * DAY, 30 * MINUTE)
    old = correct(journal, 9 * 24 * 60 + 1, "void", "m3")
    reasons = [one for one in refused(journal) if one[1] != "not-a-number"]
    assert [one for one in reasons if one[0] in (early, rework, missing, old)] == [
        (early, "not-found"),
        (rework, "not-counted"),
        (missing, "not-found"),  # it has no value
        (old, "too-late"),
    ]


def test_a_reading_that_still_waits_is_taken_as_it_was_corrected():
    journal = morning(LATE)
    measure(journal, 0, {"late": 10.0})
    measure(journal, 1, {"late": 12.0})
    measure(journal, 2, {"late": 13.0})
    correct(journal, 3, "correct", "m1", value=10.1)
    correct(journal, 3, "void", "m2")
    journal.ticks(MORNING + 30 * MINUTE, MINUTE)
    assert [row["value"] for row in named(run_logics(journal), "point")] == [10.0, 10.1]


def test_a_subgroup_keeps_its_others_open_or_charted():
    journal = morning(replace(SPREAD, subgroup_within_seconds=36_000.0))
    values = (10.0, 10.1, 19.0, 10.2, 10.0, 19.0, 10.1, 10.3)
    for minute, value in enumerate(values):
        if minute == 7:
            correct(journal, 6, "void", "m5")  # its subgroup is open
        measure(journal, minute, {"leak": value})
    correct(journal, 8, "void", "m2")  # its subgroup is charted
    points = named(run_logics(journal), "point")
    assert [row["n"] for row in points] == [4, 3]
    newest = window(journal)
    assert (newest["n"], newest["subgroups"]) == (6, 2)
    assert newest["mean"] == pytest.approx((10.0 + 10.1 + 10.2 + 10.0 + 10.1 + 10.3) / 6)


def test_a_baseline_in_hand_is_one_of_what_counts():
    journal = morning(replace(SINGLE, limits=BaselineLimits(4)))
    for minute, value in enumerate((10.0, 10.1, 30.0)):
        measure(journal, minute, {"bore": value})
    correct(journal, 3, "void", "m2")
    for minute, value in enumerate((10.2, 10.1), 4):
        measure(journal, minute, {"bore": value})
    rows = run_logics(journal)
    (limits,) = named(rows, "limits")
    assert limits["center"] == pytest.approx(10.1)
    restated = [row["time"] for row in named(rows, "point") if row["phase"] == 1]
    assert restated == [MORNING + minute * MINUTE for minute in (0, 1, 4, 5)]


def test_key_results_follow_the_restated_day():
    fault = Fault(5, 40, "correct", "bore", 0.0)
    told, right = (run_logics(history(3, fault, disturbed)) for disturbed in (True, False))
    newest = [{row["day"]: row["value"] for row in named(rows, "metric")} for rows in (told, right)]
    found, expected = ([float("nan") if one is None else one for one in some.values()] for some in newest)
    assert str(expected).count("nan") <= 1
    assert found == pytest.approx(expected, rel=1e-12, nan_ok=True)
    last, right_last = (
        [row["value"] for row in named(rows, "key_result") if row["value"] is not None][-1] for rows in (told, right)
    )
    assert last == pytest.approx(right_last, rel=1e-12)
    assert any(row["revision"] > 1 for row in named(told, "day") if row["characteristic"] == 1)


GUARDED = replace(SINGLE, plausible_low=5.0, plausible_high=15.0, day_basis="day")


def day_figure(journal: Journal) -> tuple[Any, ...]:
    """Of bore's first day, as it stands two days later: n, mean, how many were out of specification."""
    journal.ticks(MORNING + 2 * DAY, 30 * MINUTE)
    days = named(run_logics(journal), "day")
    newest = [row for row in days if row["day"] == min(row["day"] for row in days)][-1]
    return newest["n"], newest["mean"], newest["out_of_spec_day"]


def test_an_implausible_reading_is_taken_into_its_day_by_a_correction_and_no_chart_changes():
    journal = morning(GUARDED)
    measure(journal, 0, {"bore": 10.0})
    aside = measure(journal, 1, {"bore": 99.0})
    measure(journal, 2, {"bore": 10.1})
    nothing = correct(journal, 3, "void", "m1")  # it counts for nothing anyway
    correct(journal, 4, "correct", "m1", value=10.2)
    rows = run_logics(journal)
    assert refused(journal) == [(nothing, "not-counted")]
    assert rows_of(journal) == [(aside, 0, "correct", 10.2, 99.0, "W5", "comma", "restated")]
    assert [row["state"] for row in named(rows, "reading")] == ["implausible"]
    assert [row["value"] for row in named(rows, "point")] == [10.0, 10.1]
    assert (window(journal)["n"], window(journal)["mean"]) == (2, pytest.approx(10.05))
    assert day_figure(journal) == (3, pytest.approx((10.0 + 10.1 + 10.2) / 3), 0)


def test_what_was_taken_in_is_voided_again_and_other_readings_are_corrected_beside_it():
    journal = morning(GUARDED)
    for minute, value in enumerate((10.0, 99.0, 10.1)):
        measure(journal, minute, {"bore": value})
    correct(journal, 4, "correct", "m1", value=99.0)  # it was true
    correct(journal, 5, "correct", "m2", value=10.3)
    assert {row[-1] for row in rows_of(journal)} == {"restated"}
    assert day_figure(journal) == (3, pytest.approx((10.0 + 99.0 + 10.3) / 3), 2)
    journal = morning(GUARDED)
    for minute, value in enumerate((10.0, 99.0, 10.1)):
        measure(journal, minute, {"bore": value})
    correct(journal, 4, "correct", "m1", value=10.2)
    correct(journal, 5, "void", "m1")
    correct(journal, 6, "correct", "m2", value=10.2)
    assert {row[-1] for row in rows_of(journal)} == {"restated"}
    assert day_figure(journal) == (2, pytest.approx(10.1), 0)


@pytest.mark.parametrize("later", [2, 30 * 60])
def test_a_day_of_nothing_plausible_begins_with_what_is_taken_in(later: int):
    journal = morning(GUARDED)
    measure(journal, 1, {"bore": 99.0})
    journal.ticks(MORNING + later * MINUTE, 30 * MINUTE)
    correct(journal, later, "correct", "m1", value=10.2)
    assert [row[-1] for row in rows_of(journal)] == ["restated"]
    assert day_figure(journal) == (1, 10.2, 0)


def test_an_implausible_reading_of_a_subgroup_and_one_that_still_waits():
    journal = morning(replace(GROUPS, plausible_low=5.0, plausible_high=15.0))
    measure(journal, 0, {"force": [10.0, 99.0, 10.2]})
    correct(journal, 1, "correct", "m0", value=10.1)
    by_value = {"name": "force", "of_time": MORNING // 1_000_000}
    many = correct(journal, 2, "correct", **by_value, value=10.1)
    assert [reason for _, reason in refused(journal)] == ["ambiguous", "ambiguous"]
    assert many
    journal = morning(replace(LATE, plausible_low=5.0, plausible_high=15.0))
    measure(journal, 0, {"late": 99.0})
    correct(journal, 1, "correct", "m0", value=10.1)
    journal.ticks(MORNING + 30 * MINUTE, MINUTE)
    correct(journal, 31, "correct", "m0", value=10.1)
    assert [reason for _, reason in refused(journal)] == ["not-counted"]
    assert [row[-1] for row in rows_of(journal)] == ["restated"]


def test_a_measurement_that_waits_for_another_of_its_part_is_corrected():
    journal = morning(replace(SINGLE, remeasure="last"))
    measure(journal, 0, {"bore": 11.0}, part="A")
    correct(journal, 1, "correct", "m0", value=10.1)
    measure(journal, 2, {"bore": 10.2}, part="B")
    journal.ticks(MORNING + 30 * MINUTE, MINUTE)
    assert refused(journal) == []
    assert [row["value"] for row in named(run_logics(journal), "point")] == [10.1, 10.2]


def test_a_reading_of_an_overdue_gauge_is_voided_and_its_day_is_of_good_gauges_again():
    journal = Journal()
    gauges = (GaugeSpec("G9", ordinal("2026-02-25")),)
    journal.plan(MORNING, replace(plan(replace(SINGLE, day_basis="day")), gauges=gauges))
    journal.tick(MORNING)
    for minute in range(9):
        measure(journal, minute, {"bore": 10.0 + minute / 100})
    measure(journal, 9, {"bore": 10.5}, gauge="G9")
    journal.ticks(MORNING + DAY, 30 * MINUTE)
    correct(journal, 24 * 60 + 1, "void", "m9")
    journal.ticks(MORNING + 2 * DAY, 30 * MINUTE)
    rows = run_logics(journal)
    assert refused(journal) == []
    told = [(row["n"], row["verdict"]) for row in named(rows, "day")]
    assert [(n, verdict == "gauge") for n, verdict in told if n] == [(10, True), (9, False)]


def test_inspections_are_corrected_and_voided_as_counts_that_their_chart_can_take():
    rejected = CharacteristicSpec("press/rejected", chart="p", limits=FixedLimits(0.1, 0.3), rules=(), minimum_n=8)
    connector = ConnectorPlan("line", "json", ("plant/{kind}",), "press/{name}", "UTC", "id")
    journal = Journal()
    journal.plan(MORNING, make_plan(rejected, connectors=(connector,)))
    journal.tick(MORNING)
    when = {}
    for minute, (inspected, found) in enumerate(((50, 5), (100, 8), (80, 20), (40, 3))):
        when[minute] = {"name": "press/rejected", "of_time": (MORNING + minute * MINUTE) // 1_000_000}
        body = {"kind": "inspection", "inspected": inspected, "rejected": found, "time": when[minute]["of_time"]}
        journal.add(MORNING, TOPIC, json.dumps(body).encode(), connector="line")
    journal.ticks(MORNING + 10 * MINUTE, MINUTE)
    correct(journal, 10, "correct", **when[2], value=2)
    impossible = [correct(journal, 11, "correct", **when[1], value=value) for value in (101, 1.5, -1, 1e50)]
    correct(journal, 12, "void", **when[0])
    correct(journal, 13, "correct", **when[1], value=7)
    assert refused(journal) == [(seq, "wrong-chart") for seq in impossible]
    assert [row[-1] for row in rows_of(journal)] == ["restated"] * 3
    assert day_figure(journal) == (100 + 80 + 40, pytest.approx((7 + 2 + 3) / (100 + 80 + 40)), 7 + 2 + 3)
    newest = named(run_logics(journal), "capability")[-1]
    assert (newest["n"], newest["out_of_spec"], newest["subgroups"]) == (220, 12, 3)
