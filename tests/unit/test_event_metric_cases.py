"""Metrics of events by hand: every kind of the table, and what several groups come to (tests/cases/event_metrics)."""

import re
import tomllib
from math import isnan
from pathlib import Path
from typing import Any

import pytest

from rules.event_metrics import EVENT_METRICS
from rules.event_reduce import group_figures, reduce_groups
from rules.event_tally import Tally, merged
from rules.spec import MetricSpec

FILE = Path(__file__).parents[1] / "cases" / "event_metrics" / "formulas.toml"
CASES = tomllib.loads(FILE.read_text("utf-8"))["case"]
STATES = ("running", "idle", "setup", "down", "unknown")
UNITS = {"h": 3_600_000_000_000, "min": 60_000_000_000, "s": 1_000_000_000}


def amount(text: str) -> float:
    """A number, or ns of a time such as 8h."""
    number, unit = re.fullmatch(r"([\d.]+)([a-z]*)", text).groups()  # type: ignore[union-attr] # of the cases
    return float(number) if "." in number and not unit else round(float(number) * UNITS.get(unit, 1))


def tally(words: list[str]) -> Tally:
    """What a line says of one group."""
    found = Tally()
    for word in words:
        key, _, text = word.partition("=")
        value = amount(text)
        name, _, of = key.partition(".")
        if of:
            getattr(found, name)[of] = value
        elif name in STATES:
            found.states[name] = int(value)
            found.planned_ns += int(value)
        else:
            known = name if hasattr(found, name) else f"{name}_ns"  # ideal, repair, dwell
            setattr(found, known, getattr(found, known) + value)
    return found


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_metric_is_what_it_is_by_hand(case: dict[str, Any]) -> None:
    given = {"reduce": "total", "of": ["*"]} | case["metric"]
    spec = MetricSpec("m", given["kind"], tuple(given["of"]), over="day", reduce=given["reduce"])
    lines = [line.split() for line in case["tallies"].strip().splitlines()]
    tallies = {group: tally(words) for group, *words in lines}
    figures = group_figures(EVENT_METRICS[spec.kind], tallies)
    missing = [name for name in spec.members if name != "*" and name not in tallies]
    found = reduce_groups(spec, figures, merged(tallies.values()), missing)
    value, n, counted, _, members, *incomplete = case["says"].split()
    if value == "-":
        assert isnan(found.value)
        assert "is" not in case
    else:
        by_hand = eval(case["is"], {"__builtins__": {}})
        assert found.value == pytest.approx(by_hand, rel=1e-12)
        assert found.value == pytest.approx(float(value), rel=1e-12)
    assert (found.n, found.counted, found.members) == (int(n), int(counted), int(members))
    assert found.complete == (not incomplete)
    assert found.reason == (incomplete[1] if incomplete else "")


def test_every_kind_has_a_case() -> None:
    assert {case["metric"]["kind"] for case in CASES} == set(EVENT_METRICS)
