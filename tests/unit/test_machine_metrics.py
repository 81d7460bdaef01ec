"""The formulas of machine states, counts and complaints: published examples, and what they are when something lacks."""

import random
import re
from math import isnan
from pathlib import Path

import pytest

from rules.complaint_metrics import COMPLAINT_METRICS
from rules.event_metrics import EVENT_METRICS
from rules.event_tally import Tally, merged
from rules.machine_metrics import MACHINE_METRICS
from rules.metric_kind import MetricKind
from tests.truth_tables import load

TRUTH = load("oee_worked_examples")
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS


def value(kind: str, tally: Tally) -> float:
    return EVENT_METRICS[kind].value(tally)


def reason(kind: str, tally: Tally) -> str:
    return EVENT_METRICS[kind].reason(tally)


def worked(planned: float, running: float, cycle_seconds: float, total: int, good: int) -> Tally:
    """A machine's day in minutes: what it did not run it was down."""
    return Tally(
        total=total,
        good=good,
        paced=total,
        ideal_ns=round(total * cycle_seconds * SECOND_NS),
        planned_ns=round(planned * MINUTE_NS),
        states={"running": round(running * MINUTE_NS), "down": round((planned - running) * MINUTE_NS)},
    )


def vorne() -> Tally:
    data = TRUTH.data["vorne"]
    planned = data["shift_min"] - data["breaks_min"]
    good = data["total"] - data["rejects"]
    return worked(planned, planned - data["downtime_min"], data["ideal_cycle_s"], data["total"], good)


def waycalculator() -> Tally:
    data = TRUTH.data["waycalculator"]
    return worked(data["planned_min"], data["run_min"], 60 * data["ideal_cycle_min"], data["total"], data["good"])


def willmott() -> Tally:
    data = TRUTH.data["willmott"]
    planned = data["planned_min"]
    return worked(planned, planned - data["downtime_min"], 60 * data["standard_cycle_min"], data["cycles"], 0)


@pytest.mark.parametrize(
    ("name", "tally"), [("vorne", vorne()), ("waycalculator", waycalculator()), ("willmott", willmott())]
)
def test_published_examples_come_out_as_printed(name: str, tally: Tally) -> None:
    for kind, printed in TRUTH.value(name).items():
        assert value(kind, tally) == pytest.approx(printed, abs=TRUTH.tolerance(name)), kind


def test_oee_is_the_good_units_ideal_time_in_the_planned_time() -> None:
    tally = vorne()
    simple = tally.good * tally.ideal_ns / tally.total / tally.planned_ns
    assert simple == TRUTH.approx("vorne_simple_oee")
    assert value("oee", tally) == pytest.approx(simple, rel=1e-12)


def test_a_performance_over_one_is_reported_with_a_warning_and_not_cut_off() -> None:
    tally = worked(480, 400, 61, 400, 400)
    assert value("performance", tally) == pytest.approx(61 / 60, rel=1e-12)
    assert value("oee", tally) == pytest.approx(400 * 61 / (480 * 60), rel=1e-12)
    assert [EVENT_METRICS[kind].warning(tally) for kind in ("performance", "oee", "quality")] == ["ideal-cycle"] * 2 + [
        ""
    ]
    assert EVENT_METRICS["performance"].warning(worked(480, 400, 60, 400, 400)) == ""


@pytest.mark.parametrize(
    ("tally", "expected"),
    [
        (Tally(), "no-planned-time"),
        (Tally(planned_ns=5, states={"unknown": 5}, total=3, good=3, paced=3, ideal_ns=3), "no-states"),
        (Tally(planned_ns=5, states={"running": 5}), "no-count"),
        (Tally(planned_ns=5, states={"running": 5}, total=3, good=3), "no-ideal-cycle"),
        (Tally(planned_ns=5, states={"running": 5}, total=3, good=3, paced=2, ideal_ns=2), "no-ideal-cycle"),
        (Tally(planned_ns=5, states={"idle": 5}, total=3, good=3, paced=3, ideal_ns=3), "not-running"),
    ],
)
def test_an_oee_that_cannot_be_told_is_undefined_and_says_why(tally: Tally, expected: str) -> None:
    assert isnan(value("oee", tally))
    assert reason("oee", tally) == expected


def test_a_machine_that_stood_still_in_all_of_its_planned_time_has_an_oee_of_nothing() -> None:
    tally = Tally(planned_ns=5, states={"down": 4, "idle": 1})
    assert (value("oee", tally), value("availability", tally), reason("oee", tally)) == (0.0, 0.0, "")
    assert isnan(value("performance", tally))
    assert isnan(value("quality", tally))


def test_time_of_which_nothing_is_known_is_planned_and_not_running_and_is_told() -> None:
    tally = Tally(planned_ns=10, states={"running": 6, "unknown": 4}, total=3, good=3, paced=3, ideal_ns=5)
    assert (value("availability", tally), reason("availability", tally)) == (0.6, "state-unknown")
    assert (value("oee", tally), reason("oee", tally)) == (0.5, "state-unknown")


def test_the_other_machine_metrics_by_hand() -> None:
    tally = Tally(
        planned_ns=10 * HOUR_NS,
        states={"running": 6 * HOUR_NS, "setup": HOUR_NS, "idle": HOUR_NS, "down": 2 * HOUR_NS},
        down={"tool": 90 * MINUTE_NS, "no material": 30 * MINUTE_NS},
        failures=3,
        repair_ns=90 * MINUTE_NS,
        total=1200,
        good=1140,
    )
    expected = {"throughput": 120.0, "utilisation": 6 / 9, "mtbf": 2.0, "mttr": 0.5, "downtime": 2.0, "quality": 0.95}
    assert {kind: value(kind, tally) for kind in expected} == expected
    assert {kind: reason(kind, tally) for kind in expected} == dict.fromkeys(expected, "")


def test_without_a_failure_there_is_no_time_between_failures() -> None:
    tally = Tally(planned_ns=5, states={"running": 5})
    assert [reason(kind, tally) for kind in ("mtbf", "mttr")] == ["no-failures"] * 2
    assert all(isnan(value(kind, tally)) for kind in ("mtbf", "mttr"))


def test_complaints_by_hand() -> None:
    tally = Tally(good=2500, complaints=5, due=4, in_time=3, answered=2, dwell_ns=30 * HOUR_NS)
    tally.topics = {"scratch": 2, "dent": 1, "label": 1, "box": 1}
    expected = {
        "complaint-rate": 2.0,
        "complaints-answered-in-time": 0.75,
        "dwell-time": 15.0,
        "complaint-pareto": 0.8,
    }
    assert {kind: value(kind, tally) for kind in expected} == expected


@pytest.mark.parametrize("kind", [*MACHINE_METRICS, *COMPLAINT_METRICS], ids=lambda kind: kind.name)
def test_what_is_undefined_says_why_and_what_is_whole_says_nothing(kind: MetricKind) -> None:
    rng = random.Random(11)
    row = EVENT_METRICS[kind.name]
    for _ in range(400):
        states = {state: rng.choice((0, 0, 7)) for state in ("running", "idle", "setup", "down", "unknown")}
        total = rng.choice((0, 9))
        tally = Tally(
            planned_ns=sum(states.values()),
            states=states,
            total=total,
            good=min(total, rng.choice((0, 5))),
            paced=min(total, rng.choice((0, 9))),
            ideal_ns=6,
            failures=rng.choice((0, 2)) if states["down"] else 0,
            complaints=rng.choice((0, 2)),
            due=rng.choice((0, 2)),
            answered=rng.choice((0, 2)),
        )
        tally.topics = {"x": tally.complaints} if tally.complaints else {}
        if isnan(row.value(tally)):
            assert row.reason(tally) not in ("", "state-unknown"), tally
        else:
            assert row.reason(tally) in ("", "state-unknown"), tally


def test_shifts_and_machines_are_added_before_they_are_divided() -> None:
    first, second = worked(480, 400, 60, 300, 300), worked(480, 100, 30, 100, 50)
    whole = merged([first, second])
    assert value("availability", whole) == 500 / 960
    assert value("performance", whole) == pytest.approx((300 * 60 + 100 * 30) / (500 * 60), rel=1e-12)
    assert value("quality", whole) == 350 / 400


@pytest.mark.parametrize("kind", [*MACHINE_METRICS, *COMPLAINT_METRICS], ids=lambda kind: kind.name)
def test_each_kind_has_its_line_in_the_docs(kind: MetricKind) -> None:
    page = (Path(__file__).parents[2] / "docs" / "machines.md").read_text("utf-8")
    assert re.search(rf"^\| `{kind.name}` \| .+ \| {re.escape(kind.unit)} \|", page, re.MULTILINE)


def test_each_word_for_a_missing_value_is_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "machines.md").read_text("utf-8")
    tallies = [Tally(), Tally(planned_ns=5, states={"unknown": 5}), Tally(planned_ns=5, states={"idle": 5}, total=1)]
    tallies += [Tally(planned_ns=5, states={"running": 4, "unknown": 1}, total=1), worked(480, 400, 61, 400, 400)]
    words = {
        word
        for row in (*MACHINE_METRICS, *COMPLAINT_METRICS)
        for t in tallies
        for word in (row.reason(t), row.warning(t))
    }
    assert {"no-count", "ideal-cycle", "state-unknown", "not-busy", "none-due", ""} <= words
    assert [word for word in sorted(words - {""}) if f"`{word}`" not in page] == []
