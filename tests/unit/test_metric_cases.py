"""Metrics and their floors: the cases of DESIGN section 9 (tests/cases/metrics, tests/cases/floors)."""

import tomllib
from math import isnan, nan
from pathlib import Path
from typing import Any

import pytest

from rules.episodes import Episode, EpisodeMemory, take_days
from rules.metric_floor import METRIC_BREACH, MetricDay, breach_of, metric_day
from rules.metrics import MemberFigure, MetricValue, reduce_metric
from rules.spec import MetricSpec

FOLDER = Path(__file__).parents[1] / "cases"
REDUCE = tomllib.loads((FOLDER / "metrics" / "reduce.toml").read_text("utf-8"))["case"]
FLOORS = tomllib.loads((FOLDER / "floors" / "floors.toml").read_text("utf-8"))["case"]


def member(line: str) -> MemberFigure:
    name, value, lower, n, *further = line.split()
    target, reason = 1.33, ""
    for word in further:
        key, _, number = word.partition("=")
        target, reason = (float(number), reason) if key == "target" else (target, word)
    return MemberFigure(name, float(value), float(lower), int(n), not reason, target, reason)


@pytest.mark.parametrize("case", REDUCE, ids=[case["name"] for case in REDUCE])
def test_members_are_reduced_as_designed(case: dict[str, Any]) -> None:
    spec = MetricSpec("m", "cpk", tuple(case["of"].split()), **case.get("metric", {}))
    found = reduce_metric(spec, [member(line) for line in case["members"].strip().splitlines()])
    value, lower, n, counted, _, members, *incomplete = case["says"].split()
    for number, text in ((found.value, value), (found.lower, lower)):
        assert isnan(number) if text == "null" else number == pytest.approx(float(text), rel=1e-12)
    assert (found.n, found.counted, found.members) == (int(n), int(counted), int(members))
    assert found.complete == (not incomplete)
    assert found.reason == (incomplete[1] if incomplete else "")


def a_day(spec: MetricSpec, day: int, token: str) -> MetricDay:
    text, complete = token.rstrip("*"), not token.endswith("*")
    value = nan if text == "none" else float(text)
    counted = 0 if text == "none" else 2 if complete else 1
    known = MetricValue(value, value - 0.1, 100, 2, counted, complete and counted == 2, "")
    return metric_day(spec, day, known)


@pytest.mark.parametrize("case", FLOORS, ids=[case["name"] for case in FLOORS])
def test_days_below_a_metrics_floor_are_as_designed(case: dict[str, Any]) -> None:
    spec = MetricSpec("m", "cpk", ("a", "b"), **({"floor": 1.2} | case.get("metric", {})))
    memory: EpisodeMemory[MetricDay] = EpisodeMemory()
    newest: Episode[MetricDay] | None = None
    said = []
    stories = [(day, token, day) for day, token in enumerate(case["days"].split(), 739_001)]
    for restated in case.get("then", "").split():
        day, _, token = restated.partition("=")
        stories.append((739_000 + int(day), token, 0))
    for day, token, closes in stories:
        before = newest.state if newest is not None else ""
        stated: dict[int, MetricDay | None] = {day: a_day(spec, day, token)}
        memory, changed = take_days(METRIC_BREACH, "m", memory, breach_of(spec), stated, closes=closes or None, reach=9)
        assert len(changed) <= 1
        newest = changed[0] if changed else newest
        said.append("." if not changed else "more" if changed[0].state == before == "open" else changed[0].state)
    assert " ".join(said) == case["says"]
    assert [day - 739_000 for day in newest.days] == case["bad"] if newest is not None else case["bad"] == []


def test_the_upper_bound_mirrors_the_lower_one_where_there_is_one() -> None:
    value = MetricValue(1.1, 1.0, 100, 1, 1, True, "")
    assert metric_day(MetricSpec("m", "cpk", ("a",), floor=1.2), 1, value).upper == pytest.approx(1.2, rel=1e-12)
    for spec in (
        MetricSpec("m", "cpk", ("a",), reduce="share-at-target", floor=0.9),
        MetricSpec("m", "cpk", ("a",), count_when="lower", floor=1.2),
    ):
        assert isnan(metric_day(spec, 1, value).upper)
