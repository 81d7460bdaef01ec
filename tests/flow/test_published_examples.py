"""Published worked examples through the whole flow: messages in the journal, published digits in the history.

The figures and their tolerances are those of `tests/truth`. Where a source uses d2 to three decimals, what rests on it
is compared with the relative error of that constant: 1.128 and 2.326 are 3.4e-4 and 3.1e-5 off (CONVENTIONS).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rules.constants import d2
from rules.run_rules import RULE_SETS, RULES_BY_NAME
from rules.spec import BaselineLimits, CharacteristicSpec, Chart
from tests.plants import MINUTE, Journal, at, follow_to_the_end, make_plan, query
from tests.truth_tables import load

START = at("2026-11-16 00:15")
D2_5_ROUNDED = 5e-5  # of qcc's 2.326
D2_2_ROUNDED = 4e-4  # of 1.128


@dataclass
class Found:
    """What the history holds of one characteristic `x`: its points as they stand, limits, signals, its one day."""

    points: list[dict[str, Any]]
    limits: dict[str, Any]
    signals: list[dict[str, Any]]
    day: dict[str, Any]
    window: dict[str, Any]

    def raised(self, rule: str) -> list[int]:
        """Numbers of the points, from 1, at which a rule's signal was raised."""
        place = {(row["seq"], row["idx"]): number for number, row in enumerate(self.points, 1)}
        return [place[row["seq"], row["idx"]] for row in self.signals if row["rule"] == rule]

    def marked(self, rule: str) -> list[int]:
        """Numbers of the points that carry a rule's bit."""
        bit = RULES_BY_NAME[rule].bit
        return [number for number, row in enumerate(self.points, 1) if row["signals"] >> bit & 1]

    def column(self, name: str) -> Any:
        return np.array([row[name] for row in self.points], float)


def through_the_flow(
    folder: Path, chart: Chart, data: Sequence[Any], baseline: int, *, lsl: float = nan, usl: float = nan, size: int = 1
) -> Found:
    """`data`: a value, or a subgroup as an array, a message; all on one day."""
    one = CharacteristicSpec(
        "x",
        lsl=lsl,
        usl=usl,
        chart=chart,
        subgroup_size=size,
        limits=BaselineLimits(baseline),
        rules=RULE_SETS["nelson"],
        window=1000,
        minimum_n=10,
        day_basis="day",
    )
    journal = Journal()
    journal.plan(START, make_plan(one))
    journal.tick(START)
    for number, value in enumerate(data, 1):
        journal.message(START + number * MINUTE, {"x": value})
        journal.tick(START + number * MINUTE)
    journal.ticks(at("2026-11-17 00:15"), 30 * MINUTE)
    journal.write(folder)
    follow_to_the_end(folder)
    (limits,) = query(folder, 'SELECT * FROM "limits"')
    (day,) = query(folder, 'SELECT * FROM "day"')
    points = query(folder, 'SELECT * FROM "point" WHERE "current" = 1 ORDER BY "seq", "idx"')
    assert [row["phase"] for row in points] == [1] * baseline + [2] * (len(data) - baseline)
    assert (limits["state"], limits["points"], limits["excluded"]) == ("provisional", baseline, 0)
    signals = query(folder, 'SELECT * FROM "signal" ORDER BY "row"')
    window = query(folder, 'SELECT * FROM "capability" ORDER BY "row" DESC LIMIT 1')[0]
    return Found(points, limits, signals, day, window)


def test_sas_partgaps_xbar_r(tmp_path: Path) -> None:
    truth = load("sas_partgaps_xbar_r")
    found = through_the_flow(tmp_path, "xbar-r", truth.data["subgroups"], 21, lsl=240, usl=270, size=5)
    for column, key in (
        ("cl", "mean"),
        ("ucl", "UCLx"),
        ("lcl", "LCLx"),
        ("dispersion_cl", "Rbar"),
        ("dispersion_ucl", "UCLr"),
        ("dispersion_lcl", "LCLr"),
    ):
        assert found.column(column) == pytest.approx(truth.value(key), abs=truth.tolerance(key)), column
    assert found.column("value")[:5] == truth.approx("subgroup_means_first5")
    assert found.column("dispersion") == truth.approx("subgroup_ranges")
    for bit, rule in enumerate(list(RULES_BY_NAME)[:5], 1):
        assert found.raised(rule) == truth.value(f"nelson_test_{bit}"), rule
    for figures in (found.day, found.window):
        assert figures["sigma_within"] == truth.approx("sigma_within")
        assert (figures["cp"], figures["cpk"]) == (truth.approx("Cp"), truth.approx("Cpk"))
        assert (figures["cpl"], figures["cpu"]) == (truth.approx("Cpl"), truth.approx("Cpu"))


def test_wheeler_page_43_xbar_r(tmp_path: Path) -> None:
    truth = load("wheeler_43_xbar_r")
    found = through_the_flow(tmp_path, "xbar-r", truth.data["subgroups"], 20, size=4)
    for column, key in (("cl", "mean"), ("ucl", "UCLx"), ("lcl", "LCLx"), ("dispersion_cl", "Rbar")):
        assert found.column(column) == pytest.approx(truth.value(key), abs=truth.tolerance(key)), column
    assert found.column("dispersion_ucl") == pytest.approx(truth.value("UCLr"), abs=truth.tolerance("UCLr"))
    assert (found.day["cpk"], found.day["verdict"]) == (None, "no-spec")


def test_piston_rings_xbar_r_in_both_phases(tmp_path: Path) -> None:
    truth = load("qcc_pistonrings_xbar")
    found = through_the_flow(tmp_path, "xbar-r", truth.data["phase1"] + truth.data["phase2"], 25, size=5)
    assert found.limits["center"] == truth.approx("center")
    assert found.limits["sigma"] == truth.approx("sigma_exact_d2")
    lower, upper = truth.value("limits")
    assert found.column("lcl") == pytest.approx(lower, rel=1e-8)  # 3.1e-5 of 3 sigma is below 1e-8 of 74
    assert found.column("ucl") == pytest.approx(upper, rel=1e-8)
    for test, rule in enumerate(list(RULES_BY_NAME)[:8], 1):
        assert found.marked(rule) == truth.value(f"NEL{test}"), rule
    assert found.raised("beyond-3-sigma") == truth.value("beyond_limits")


def test_piston_rings_xbar_s_in_both_phases(tmp_path: Path) -> None:
    truth, sigmas = load("qcc_pistonrings_r_s"), load("qcc_pistonrings_sigma_estimators")
    found = through_the_flow(tmp_path, "xbar-s", truth.data["phase1"] + truth.data["phase2"], 25, size=5)
    lower, upper = truth.value("S_limits")
    assert found.limits["sigma"] == pytest.approx(sigmas.value("equal")["UWAVE-SD"], abs=sigmas.tolerance("equal"))
    assert found.column("dispersion_cl") == pytest.approx(truth.value("Sbar"), abs=truth.tolerance("Sbar"))
    assert found.column("dispersion_ucl") == pytest.approx(upper, abs=truth.tolerance("S_limits"))
    assert found.column("dispersion_lcl") == pytest.approx(lower, abs=0)
    assert found.marked("dispersion-beyond-limits") == truth.value("S_signals")


@pytest.mark.parametrize(
    ("case", "lsl", "usl"),
    [
        ("LSL73.95_USL74.05_TNone", 73.95, 74.05),
        ("LSL73.99_USL74.01_TNone", 73.99, 74.01),
        ("LSL73.99_USL74.1_TNone", 73.99, 74.1),
    ],
)
def test_piston_rings_capability_by_qcc(tmp_path: Path, case: str, lsl: float, usl: float) -> None:
    truth = load("qcc_pistonrings_capability")
    found = through_the_flow(tmp_path, "xbar-r", truth.data["phase1"], 25, lsl=lsl, usl=usl, size=5)
    published = [row[0] for row in truth.value(case)[:4]]  # qcc's order: Cp, Cpl, Cpu, Cpk
    for figures in (found.day, found.window):
        given = [figures[name] for name in ("cp", "cpl", "cpu", "cpk")]
        assert given == pytest.approx(published, rel=D2_5_ROUNDED)
        # The rounded constant is all that differs.
        assert given == pytest.approx([value * d2(5) / 2.326 for value in published], rel=1e-9)


def test_nist_6322_individuals(tmp_path: Path) -> None:
    truth = load("nist_6322_imr")
    found = through_the_flow(tmp_path, "individuals", truth.data["x"], 10)
    assert found.column("cl") == pytest.approx(truth.value("mean"), abs=truth.tolerance("mean"))
    assert found.column("dispersion_cl") == pytest.approx(truth.value("mr_bar"), abs=truth.tolerance("mr_bar"))
    width = truth.value("ucl_x_d2_1.128") - truth.value("mean")
    assert found.column("ucl") - truth.value("mean") == pytest.approx(width, rel=D2_2_ROUNDED)
    assert truth.value("mean") - found.column("lcl") == pytest.approx(width, rel=D2_2_ROUNDED)
    assert found.raised("beyond-3-sigma") == truth.value("signals_rule1")


def test_sas_jets_individuals(tmp_path: Path) -> None:
    truth = load("sas_jets_imr")
    found = through_the_flow(tmp_path, "individuals", truth.data["x"], 20)
    for column, key in (
        ("cl", "mean"),
        ("ucl", "UCLi"),
        ("lcl", "LCLi"),
        ("dispersion_cl", "MRbar"),
        ("dispersion_ucl", "UCLmr"),
        ("dispersion_lcl", "LCLmr"),
    ):
        assert found.column(column) == pytest.approx(truth.value(key), abs=truth.tolerance(key)), column
    assert found.limits["sigma"] == truth.approx("sigma")
    assert found.day["sigma_within"] == truth.approx("sigma")  # all ranges are of that day


def test_montgomery_6_5_individuals_with_limits_from_twenty_weeks(tmp_path: Path) -> None:
    truth = load("montgomery_6_5_imr")
    found = through_the_flow(tmp_path, "individuals", truth.data["x"], truth.data["phase1"])
    center, mean_range, *_ = truth.value("book")
    assert found.limits["center"] == truth.approx("center")
    assert found.column("cl") == pytest.approx(center, abs=0)
    assert found.column("dispersion_cl") == pytest.approx(mean_range, abs=truth.tolerance("book"))
    # The package's widths rest on 1.128 and on D4 = 3.267 (exactly 3.26653).
    rounded = 1.128 / d2(2)
    assert found.column("ucl") - center == pytest.approx((truth.value("ucl") - center) * rounded, rel=1e-9)
    assert center - found.column("lcl") == pytest.approx((center - truth.value("lcl")) * rounded, rel=1e-9)
    assert found.column("dispersion_ucl") == pytest.approx(truth.value("ucl_mr"), rel=2e-4)
    assert found.raised("beyond-3-sigma") == truth.value("signals_I")
    assert found.raised("dispersion-beyond-limits") == truth.value("signals_MR")
