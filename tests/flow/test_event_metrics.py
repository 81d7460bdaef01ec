"""Metrics of events at day closes, over a window, restated, and bound to key results: figures by hand."""

import json
from dataclasses import replace
from typing import Any

import pytest

from config.plan import ConnectorPlan
from rules.machine_spec import MachineSpec
from rules.spec import CalendarSpec, CharacteristicSpec, KeyResultSpec, MetricSpec, ObjectiveSpec
from tests.plants import BORE, MINUTE, Journal, Rows, at, bits, make_plan, named, ordinal, run_logics

FIRST = "2026-11-02"  # a Monday
LINE = ConnectorPlan("line", "json", ("{line}/{kind}",), "{name}", "UTC", "id", place="{line}")
DEFECTS = MetricSpec("defects", "defect-rate", ("*",), over="day", reduce="total")


def local(day: int, hour: float = 0.0) -> int:
    """A time on day 1, 2, … of the journal."""
    return at(f"{FIRST} 00:00") + int(((day - 1) * 24 + hour) * 60) * MINUTE


def begin(*metrics: MetricSpec, characteristics: tuple[CharacteristicSpec, ...] = (), **more: Any) -> Journal:
    journal = Journal()
    connectors = more.pop("connectors", (LINE,))
    plan = make_plan(*characteristics, connectors=connectors, metrics=metrics, **more)
    journal.plan(local(1, 0.25), plan)
    journal.tick(local(1, 0.25))
    return journal


def happen(journal: Journal, place: str, time_ns: int, **body: Any) -> None:
    """A message from a place, received when it happened, or now."""
    if time_ns > journal.last_tick_ns:
        journal.ticks(time_ns, 30 * MINUTE)
    told = {"time": time_ns // 1_000_000, **body}
    journal.add(journal.last_tick_ns, f"{place}/m", json.dumps(told).encode(), connector="line")


def inspect(journal: Journal, place: str, time_ns: int, inspected: int, rejected: int, **more: Any) -> None:
    happen(journal, place, time_ns, kind="inspection", inspected=inspected, rejected=rejected, **more)


def close(journal: Journal, day: int) -> None:
    """The ticks up to the close of a day."""
    journal.ticks(local(day + 1, 0.25), 30 * MINUTE)


def values(rows: Rows, metric: str = "defects") -> list[tuple[int, float | None, int, int, bool]]:
    """Day (1, 2, …), value, n, revision and completeness of a metric's rows."""
    first = ordinal(FIRST)
    return [
        (row["day"] - first + 1, row["value"], row["n"], row["revision"], bool(row["complete"]))
        for row in named(rows, "metric")
        if row["metric"] == metric
    ]


def of_days(rows: Rows, metric: str = "defects") -> list[tuple[int, float]]:
    """The rows of a metric that have a value."""
    return [(day, value) for day, value, *_ in values(rows, metric) if value is not None]


def test_a_day_is_summed_over_its_places_and_stands_until_the_next_one_closes() -> None:
    journal = begin(DEFECTS)
    inspect(journal, "op10", local(1, 8), 100, 2)
    inspect(journal, "op20", local(1, 9), 50, 1)
    close(journal, 1)
    inspect(journal, "op10", local(2, 8), 100, 10)
    close(journal, 2)
    rows = run_logics(journal)
    assert of_days(rows) == [(1, 3 / 150), (2, 10 / 100)]
    last = named(rows, "metric")[-1]
    assert json.loads(last["detail"]) == [
        {"place": "op10", "value": 0.1, "n": 100, "counted": True, "reason": ""}
        | {"inspected": 100.0, "rejected": 10, "defects": {}}
    ]
    assert (last["members"], last["counted"], last["n"]) == (1, 1, 100)


def test_a_place_by_name_that_sends_nothing_makes_the_value_incomplete_and_a_glob_takes_what_there_is() -> None:
    exact = MetricSpec("exact", "defect-rate", ("op10", "op30"), over="day", reduce="total")
    journal = begin(DEFECTS, exact)
    inspect(journal, "op10", local(1, 8), 100, 2)
    close(journal, 1)
    rows = run_logics(journal)
    assert values(rows)[-1][1:3] + values(rows)[-1][4:] == (0.02, 100, True)
    assert values(rows, "exact")[-1][1:3] + values(rows, "exact")[-1][4:] == (0.02, 100, False)


def test_the_worst_supplier_is_the_value_and_all_are_in_the_detail() -> None:
    worst = MetricSpec("in", "incoming-pass-rate", ("in/*", "in"), over="day", reduce="worst", by="supplier")
    only = MetricSpec("s2", "incoming-pass-rate", ("in",), over="day", reduce="total", where=(("supplier", "S2"),))
    journal = begin(worst, only)
    inspect(journal, "in", local(1, 8), 100, 1, supplier="S1")
    inspect(journal, "in", local(1, 9), 50, 5, supplier="S2")
    inspect(journal, "in", local(1, 10), 50, 0, supplier="S2")
    inspect(journal, "in", local(1, 11), 10, 9, supplier="S3", purpose="rework")  # counts nowhere
    close(journal, 1)
    rows = run_logics(journal)
    assert of_days(rows, "in") == [(1, 0.95)]
    assert of_days(rows, "s2") == [(1, 0.95)]
    detail = json.loads(next(row for row in named(rows, "metric") if row["value"] is not None)["detail"])
    assert [(one["supplier"], one["value"], one["n"]) for one in detail] == [("S2", 0.95, 100), ("S1", 0.99, 100)]


def test_twenty_production_days_are_pooled_not_averaged() -> None:
    trailing = MetricSpec("t", "scrap-rate", ("*",), reduce="total")
    journal = begin(trailing)
    for day in range(1, 23):  # day k: 10 k inspected, one scrapped
        inspect(journal, "op10", local(day, 8), 10 * day, 1, scrapped=1)
        close(journal, day)
    found = of_days(run_logics(journal), "t")
    assert found[0] == (1, 1 / 10)
    assert found[1] == (2, 2 / 30)
    assert found[-1] == (22, 20 / sum(10 * day for day in range(3, 23)))


def test_a_window_is_of_the_last_hours_to_a_quarter() -> None:
    window = MetricSpec("w", "defect-rate", ("*",), over="window", reduce="total", window_hours=1)
    journal = begin(window)
    inspect(journal, "op10", local(1, 8), 100, 10)  # in the quarter 8:00
    inspect(journal, "op10", local(1, 8.5), 100, 0)  # in the quarter 8:30
    journal.ticks(local(1, 10), 15 * MINUTE)
    rows = [(row["time"], row["value"], row["n"]) for row in named(run_logics(journal), "metric")]
    assert rows[1:] == [
        (local(1, 8.5), 0.1, 100),
        (local(1, 8.75), 0.05, 200),
        (local(1, 9), 0.0, 100),  # the quarters from 8:15 on
        (local(1, 9.5), None, 0),
    ]


def test_a_late_inspection_restates_its_day_and_every_later_one_that_looked_at_it() -> None:
    trailing = MetricSpec("t", "defect-rate", ("*",), reduce="total")
    journal = begin(DEFECTS, trailing)
    for day in (1, 2):
        inspect(journal, "op10", local(day, 8), 100, 2)
        close(journal, day)
    inspect(journal, "op10", local(1, 20), 100, 8)
    journal.ticks(local(3, 2), 15 * MINUTE)
    rows = run_logics(journal)
    assert of_days(rows)[:2] == [(1, 0.02), (2, 0.02)]
    assert of_days(rows)[2] == (1, 0.05)
    assert of_days(rows, "t") == [(1, 0.02), (2, 0.02), (1, 10 / 200), (2, 12 / 300), (3, 12 / 300)]
    revisions = [row[3] for row in values(rows)]
    assert revisions == sorted(set(revisions))


def test_events_of_a_day_off_make_it_a_production_day() -> None:
    journal = begin(DEFECTS, calendar=CalendarSpec(working_days=frozenset(range(5))))
    inspect(journal, "op10", local(6, 8), 10, 1)  # Saturday
    for day in (6, 7):
        close(journal, day)
    assert of_days(run_logics(journal)) == [(6, 0.1)]


def test_process_compliance_counts_the_readings_of_its_characteristics() -> None:
    metric = MetricSpec("c", "process-compliance", ("bore",), over="day", reduce="total")
    line = ConnectorPlan("line", "json", ("{line}/{kind}",), "{name}", "UTC", "id", place="{line}")
    journal = begin(metric, characteristics=(BORE,), connectors=(line,))
    for k, value in enumerate((10.0, 10.1, 10.7, 9.9)):  # 9.4 … 10.6
        happen(journal, "op10", local(1, 8 + k), values={"bore": value})
    close(journal, 1)
    happen(journal, "op10", local(1, 20), values={"bore": 11.0})
    journal.ticks(local(2, 3), 15 * MINUTE)
    assert [value for _, value in of_days(run_logics(journal), "c")][:2] == [0.75, 0.6]


def test_a_key_result_at_most_a_defect_rate_follows_its_days_and_says_when_it_has_no_data() -> None:
    goals = {
        "objectives": (ObjectiveSpec("O1", "Fewer", "post", "x", "", "own", ordinal(FIRST), ordinal("2026-11-20")),),
        "key_results": (
            KeyResultSpec("KR1", "O1", "Defects", "defects", "reach", 0.01, start=0.05, direction="at-most"),
        ),
    }
    journal = begin(DEFECTS, **goals)
    close(journal, 1)
    for day in range(2, 9):
        inspect(journal, "op10", local(day, 8), 100, 3 if day < 8 else 1)
        close(journal, day)
    found = {row["day"] - ordinal(FIRST) + 1: row for row in named(run_logics(journal), "key_result")}
    assert (found[1]["status"], found[1]["reason"], found[1]["value"]) == ("insufficient", "missing", None)
    assert found[7]["value"] == 0.03
    assert round(found[7]["progress"], 12) == 0.5
    assert (found[8]["value"], found[8]["progress"]) == (0.01, 1.0)


def test_days_without_complaints_make_no_key_result_of_them_stale() -> None:
    answered = MetricSpec("answered", "complaints-answered-in-time", ("*",), over="period", reduce="total")
    goals = {
        "objectives": (ObjectiveSpec("O1", "Quick", "post", "x", "", "own", ordinal(FIRST), ordinal("2026-11-20")),),
        "key_results": tuple(
            KeyResultSpec(f"KR{k}", "O1", "x", metric, "reach", target, start=start, direction=way)
            for k, (metric, start, target, way) in enumerate(
                [("answered", 0.5, 0.9, "at-least"), ("defects", 0.05, 0.01, "at-most")]
            )
        ),
    }
    journal = begin(answered, replace(DEFECTS, over="period"), **goals)
    told = {"complaint": "C1", "received": local(1, 8) // 1_000_000}
    happen(journal, "op10", local(1, 9), kind="complaint", **told, answered=local(1, 9) // 1_000_000)
    inspect(journal, "op10", local(1, 10), 100, 1)
    for day in range(1, 9):
        close(journal, day)
    last = {row["key_result"]: row for row in named(run_logics(journal), "key_result")}
    assert (last["KR0"]["value"], last["KR0"]["status"]) == (1.0, "green")
    assert (last["KR1"]["value"], last["KR1"]["status"]) == (0.01, "stale")


def test_cuts_and_resumes_change_nothing() -> None:
    metrics = (
        DEFECTS,
        MetricSpec("w", "first-pass-yield", ("*",), over="window", reduce="worst", window_hours=2),
        MetricSpec("s", "pareto", ("*",), reduce="mean", by="supplier"),
    )
    journal = begin(*metrics)
    for day in range(1, 5):
        for hour in range(6, 18):
            defects = {"scratch": hour % 3, "dent": day % 2}
            inspect(
                journal,
                f"op{hour % 3}",
                local(day, hour),
                20 + hour,
                hour % 4,
                defects=defects,
                supplier="AB"[hour % 2],
            )
        if day > 2:
            inspect(journal, "op1", local(day - 1, 5), 10, 3, supplier="A")
        close(journal, day)
    whole = run_logics(journal)
    places = range(1, len(journal.entries), 7)
    assert bits(run_logics(journal, cuts=places)) == bits(whole)
    assert bits(run_logics(journal, resumes=places)) == bits(whole)


def test_sums_beyond_what_is_stored_end_nothing_and_are_bounded():
    """A message may say any number: of 2^53 units of 30 s each the time alone takes more than 64 bits."""
    dwell = MetricSpec("dwell", "dwell-time", ("*",), over="day", reduce="total")
    made = MetricSpec("made", "performance", ("*",), over="day", reduce="total")
    press = MachineSpec("press", ideal_cycle_seconds=30.0)
    journal = begin(DEFECTS, dwell, made, machines=(press,))
    for number in range(20):
        happen(journal, "press", local(1, 8), kind="count", total=2**53)
        told = {"complaint": f"C{number}", "received": 1000, "answered": local(1, 8) // 1_000_000}
        happen(journal, "press", local(1, 8), kind="complaint", **told)
    happen(journal, "press", local(1, 8), kind="inspection", inspected=1e50, rejected=1)
    close(journal, 1)
    rows = run_logics(journal, resumes=[len(journal.entries) // 2, len(journal.entries) - 1])
    assert bits(rows) == bits(run_logics(journal))
    (defects,) = (one for one in values(rows) if one[1] is not None)
    assert defects[2] == 2**63 - 1
    (waited,) = (value for _, value in of_days(rows, "dwell"))
    assert waited == pytest.approx((2**63 - 1) / 3.6e12 / 20)
