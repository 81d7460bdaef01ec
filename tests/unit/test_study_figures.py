from math import isnan, nan

import numpy as np
import pytest
from scipy import stats

from rules.limits import CHART_CODES
from rules.study import Chosen, Judged, figures, moving_ranges, normal_density, spread
from rules.verdicts import names
from tests.truth_tables import load


def subgroups(chart: str, groups: list[list[float]]) -> Chosen:
    code = CHART_CODES[chart]
    dispersions = np.array([spread(code, np.array(group)) for group in groups])
    sizes = np.array([len(group) for group in groups])
    return Chosen(code, np.array([value for group in groups for value in group]), dispersions, sizes)


def individuals(values: list[float]) -> Chosen:
    x = np.array(values)
    chained = np.arange(len(x)) > 0
    return Chosen(CHART_CODES["individuals"], x, moving_ranges(x, chained), np.ones(len(x), dtype=np.int64))


def test_piston_rings_have_the_indices_that_qcc_gives() -> None:
    truth = load("qcc_pistonrings_capability")
    found = figures(subgroups("xbar-r", truth.data["phase1"]), Judged(lsl=73.95, usl=74.05))
    cp, cpl, cpu, cpk, _ = (row[0] for row in truth.value("LSL73.95_USL74.05_TNone"))
    # qcc's d2 has three decimals: CONVENTIONS, "constants"
    assert [found.cp, found.cpl, found.cpu, found.cpk] == pytest.approx([cp, cpl, cpu, cpk], rel=4e-4)
    assert (found.n, found.subgroups, found.out_of_spec, names(found.verdicts)) == (125, 25, 0, ("ok",))


def test_titanium_has_the_indices_that_sas_gives() -> None:
    truth = load("sas_titanium_capability_ci")
    lsl, usl = truth.parameters["LSL"], truth.parameters["USL"]
    found = figures(individuals(truth.data["x"]), Judged(lsl=lsl, usl=usl, target=1.6))
    # SAS calls the indices by the overall sigma Cp and Cpk
    assert (found.mean, found.sigma_overall) == (truth.approx("mean"), truth.approx("sd"))
    assert (found.pp, found.ppk, found.cpm) == (truth.approx("Cp"), truth.approx("Cpk"), truth.approx("Cpm_target_1.6"))


def test_nist_individuals_have_the_sigma_of_their_moving_ranges() -> None:
    truth = load("nist_6322_imr")
    found = figures(individuals(truth.data["x"]), Judged())
    assert found.sigma_within * 2 / np.sqrt(np.pi) == pytest.approx(1.8778, abs=5e-5)  # MR̄; d2(2) = 2/√π
    assert found.within_df == pytest.approx(0.61 * 9)
    assert isnan(found.cpk)
    assert names(found.verdicts) == ("no-spec", "insufficient")


def test_the_expected_share_out_is_that_of_scipys_normal_distribution() -> None:
    found = figures(individuals([9.98, 10.01, 10.02, 9.99, 10.0]), Judged(lsl=9.97, usl=10.03))
    law = stats.norm(found.mean, found.sigma_overall)
    assert found.expected_out == pytest.approx(law.cdf(9.97) + law.sf(10.03), rel=1e-9)


def test_the_curve_is_scipys_density() -> None:
    at = np.linspace(9.9, 10.1, 41)
    assert normal_density(at, 10.0, 0.02) == pytest.approx(stats.norm(10.0, 0.02).pdf(at), rel=1e-12)
    assert np.isnan(normal_density(at, 10.0, 0.0)).all()


def test_nothing_chosen_has_no_figures() -> None:
    found = figures(individuals([]), Judged(lsl=1.0, usl=2.0))
    assert (found.n, found.out_of_spec) == (0, 0)
    assert isnan(found.mean)
    assert isnan(found.cpk)
    assert names(found.verdicts) == ("insufficient",)


def test_a_break_of_the_chain_leaves_its_range_out() -> None:
    x = np.array([10.0, 10.2, 11.2, 11.1])
    found = moving_ranges(x, np.array([False, True, False, True]))
    assert found[[1, 3]] == pytest.approx([0.2, 0.1])
    assert np.isnan(found[[0, 2]]).all()
    chosen = Chosen(CHART_CODES["individuals"], x, found, np.ones(4, dtype=np.int64))
    assert figures(chosen, Judged()).sigma_within == pytest.approx(0.15 * np.sqrt(np.pi) / 2)


def test_points_beyond_their_limits_make_it_unstable() -> None:
    values = np.random.default_rng(5).normal(10.0, 0.01, 100)
    chained = np.arange(100) > 0
    for beyond, expected in ((0, ("ok",)), (5, ("unstable",))):
        chosen = Chosen(0, values, moving_ranges(values, chained), np.ones(100, dtype=np.int64), beyond)
        assert names(figures(chosen, Judged(lsl=9.95, usl=10.05)).verdicts) == expected
    assert names(figures(Chosen(0, values[:0], values[:0], np.ones(0, dtype=np.int64)), Judged(floor=nan)).verdicts)
