"""Key-result progress: the cases of DESIGN section 9 (tests/cases/progress), driven by one loop."""

import pickle
import tomllib
from dataclasses import replace
from fractions import Fraction
from math import isnan, nan
from pathlib import Path
from typing import Any

import pytest

from rules.metrics import MetricValue
from rules.progress import (
    KeyResultMoment,
    KeyResultState,
    KeyResultUpdate,
    key_result_step,
    meets,
    progress_of,
    restate_day,
)
from rules.spec import KeyResultSpec
from tests.oracle_goals import Figure, Look, Restated, told

CASES = [
    case
    for path in sorted((Path(__file__).parents[1] / "cases" / "progress").glob("*.toml"))
    for case in tomllib.loads(path.read_text())["case"]
]


def key_result(**changed: Any) -> KeyResultSpec:
    kind = changed.pop("kind", "reach")
    numbers = {"start": 0.9, "target": 1.4} if kind == "reach" else {"target": 1.33}
    return KeyResultSpec(
        id="KR1", objective="O1", title="Bore Cpk", metric="bore_cpk", kind=kind, **(numbers | changed)
    )


def metric_of(value: str, counted: int = 1, members: int = 1) -> MetricValue:
    if value == "none":
        return MetricValue(nan, nan, 0, members, 0, False, "insufficient")
    complete = counted == members
    return MetricValue(float(value), float(value) - 0.1, 200, members, counted, complete, "" if complete else "missing")


def step_of(text: str) -> tuple[MetricValue, KeyResultMoment]:
    """The left side of a line of the cases (see reach.toml)."""
    when, share, value, *further = text.split()
    said = dict(word.partition("=")[::2] for word in further)
    passed, total = map(int, share.split("/"))
    metric = metric_of(value, *map(int, said.get("members", "1/1").split("/")))
    return metric, KeyResultMoment(
        day=739_000 + passed,
        day_closed=when == "close",
        passed_days=passed,
        total_days=total,
        usable_day_age=int(said.get("age", 0)),
        open_breach="breach" in said,
        period_over="over" in said,
        day_usable=when == "close" and "idle" not in said,
    )


def after(spec: KeyResultSpec, closes: str) -> KeyResultState:
    """The state after some first days, on which the period is still starting; they have numbers below all others."""
    state, day = KeyResultState(), 738_000
    for group in closes.split():
        count, _, value = group.partition("*")
        for _ in range(int(count)):
            day += 1
            metric, moment = step_of(f"close 1/90 {value}")
            state, _ = key_result_step(spec, state, metric, replace(moment, day=day))
    return state


def restated(spec: KeyResultSpec, state: KeyResultState, text: str) -> KeyResultState:
    """The state after a line such as `restate 18/20 1.2 idle over`."""
    metric, moment = step_of(text.replace("restate", "close", 1))
    usable, over = moment.day_usable, moment.period_over
    return restate_day(spec, state, metric, day=moment.day, usable=usable, period_over=over)


def number(text: str) -> float:
    return float(text) if text in {"nan", "-inf"} else float(Fraction(text))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_progress_as_designed(case: dict[str, Any]) -> None:
    spec = key_result(**case.get("kr", {}))
    first = after(spec, case.get("closes", ""))
    state = first
    for line in case["steps"].strip().splitlines():
        left, _, right = line.partition("->")
        if left.startswith("restate"):
            state = restated(spec, state, left)
            continue
        state, update = key_result_step(spec, first if case.get("alone") else state, *step_of(left))
        state = KeyResultState.from_json(state.to_json())
        progress, expected, status, reason, *after_the_end = right.split()
        assert (update.status, update.reason) == (status, reason), line
        # values such as 1.15 are decimals: their differences from the start carry a few 1e-16
        assert update.progress == pytest.approx(number(progress), rel=1e-12, abs=1e-12, nan_ok=True), line
        assert update.expected == pytest.approx(number(expected), rel=1e-12), line
        assert update.restated_after_end == bool(after_the_end), line
        if after_the_end:
            told = dict(word.split("=") for word in after_the_end)
            assert update.restated_value == number(told["restated"]), line
            assert update.restated_progress == pytest.approx(number(told["to"]), rel=1e-12), line


def event_of(text: str, day: int = 0) -> Look | Restated:
    """The left side of a line as the oracle is told it."""
    metric, moment = step_of(text.replace("restate", "close", 1))
    figure = Figure(metric.value, metric.lower, metric.n, metric.members, metric.counted, metric.reason)
    day = day or moment.day
    if text.startswith("restate"):
        return Restated(day, figure, moment.day_usable, moment.period_over)
    closes = day if moment.day_closed else None
    passed, total = moment.passed_days, moment.total_days
    rest = moment.usable_day_age, moment.open_breach, moment.period_over, moment.day_usable
    return Look(figure, closes, passed, total, *rest)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_oracle_says_what_the_cases_say(case: dict[str, Any]) -> None:
    spec = key_result(**case.get("kr", {}))
    values = [group.partition("*")[::2] for group in case.get("closes", "").split()]
    singly = [value for count, value in values for _ in range(int(count))]
    first = [event_of(f"close 1/90 {value}", 738_000 + place) for place, value in enumerate(singly, 1)]
    events = list(first)
    for line in case["steps"].strip().splitlines():
        left, _, right = line.partition("->")
        events = [*(first if case.get("alone") else events), event_of(left)]
        if left.startswith("restate"):
            continue
        update = told(spec, events)
        progress, expected, status, reason, *after_the_end = right.split()
        assert (update["status"], update["reason"]) == (status, reason), line
        assert update["progress"] == pytest.approx(number(progress), rel=1e-12, abs=1e-12, nan_ok=True), line
        assert update["expected"] == pytest.approx(number(expected), rel=1e-12), line
        assert update["restated_after_end"] == bool(after_the_end), line
        if after_the_end:
            words = dict(word.split("=") for word in after_the_end)
            assert update["restated_value"] == number(words["restated"]), line
            assert update["restated_progress"] == pytest.approx(number(words["to"]), rel=1e-12), line


def update_at(value: str) -> KeyResultUpdate:
    return key_result_step(key_result(), KeyResultState(), *step_of(f"close 10/20 {value}"))[1]


def test_progress_is_clamped_for_drawing() -> None:
    assert [update_at(value).clamped for value in ("0.7", "1.4", "1.9", "-inf")] == [0.0, 1.0, 1.0, 0.0]
    assert isnan(update_at("none").clamped)


def test_an_update_carries_the_metric_it_was_made_of() -> None:
    metric, moment = step_of("close 10/20 1.15 members=3/4")
    _, update = key_result_step(key_result(), KeyResultState(), metric, moment)
    assert (update.value, update.lower, update.n) == (1.15, 1.15 - 0.1, 200)
    assert (update.members, update.counted) == (4, 3)


def test_the_frozen_update_carries_the_last_sufficient_figure() -> None:
    spec = key_result()
    state, last = key_result_step(spec, KeyResultState(), *step_of("close 20/20 1.38 members=2/2"))
    _, frozen = key_result_step(spec, state, *step_of("close 20/20 0.9 over"))
    assert frozen == last


def test_meeting_the_target_is_all_of_the_way_whatever_rounding_says() -> None:
    # (0.3 - 0.1)/(0.3 - 0.1) is 1; a start of 1/3 and targets in thirds need the rule
    for start in (0.1, 1 / 3, 0.7, 1.1):
        for target in (1.2, 1.33, 4 / 3, 1.67, 2.0):
            spec = key_result(start=start, target=target)
            assert progress_of(spec, target) >= 1.0
            assert meets(spec, target)


def test_nan_meets_no_target() -> None:
    assert not meets(key_result(), nan)
    assert not meets(key_result(direction="at-most", start=2.0), nan)


def test_a_state_survives_pickle_and_json() -> None:
    for state in (KeyResultState(), after(key_result(), "3*1.4 1*none"), after(key_result(), "1*-inf")):
        assert repr(KeyResultState.from_json(state.to_json())) == repr(state)  # repr: nan is nan
        assert repr(pickle.loads(pickle.dumps(state))) == repr(state)
