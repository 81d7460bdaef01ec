import numpy as np
import pytest

from rules.attributes import NP, C, P, U
from rules.constants import c4, d2
from rules.limits import CHART_CODES, INDIVIDUALS, XBAR_R, XBAR_S, baseline, beyond, control_limits, dispersion_unit
from rules.spec import CHARTS
from tests.truth_tables import load

nan = float("nan")
Array = np.ndarray


def individuals(x: Array) -> tuple[Array, Array, Array]:
    return x, np.abs(np.diff(x, prepend=nan)), np.ones(len(x))


def by_range(subgroups: Array) -> tuple[Array, Array, Array]:
    return subgroups.mean(axis=1), np.ptp(subgroups, axis=1), np.full(len(subgroups), float(subgroups.shape[1]))


def by_deviation(subgroups: Array) -> tuple[Array, Array, Array]:
    return subgroups.mean(axis=1), subgroups.std(axis=1, ddof=1), np.full(len(subgroups), float(subgroups.shape[1]))


def signals(values: Array, ucl: float, lcl: float, sigma: float) -> list[int]:
    """Numbers of the points beyond, counted from 1."""
    return [i for i, x in enumerate(values, 1) if beyond(x, ucl, True, sigma) or beyond(x, lcl, False, sigma)]


def test_chart_codes_are_those_of_the_specs_charts() -> None:
    attribute = {"p": P, "np": NP, "c": C, "u": U}
    assert {"individuals": INDIVIDUALS, "xbar-r": XBAR_R, "xbar-s": XBAR_S} | attribute == CHART_CODES
    assert tuple(CHART_CODES) == CHARTS


def test_sas_partgaps_gives_the_printed_xbar_r_limits() -> None:
    truth = load("sas_partgaps_xbar_r")
    means, ranges, sizes = by_range(truth.array("subgroups"))
    ok, center, sigma, excluded, used = baseline(XBAR_R, means, ranges, sizes)
    assert (ok, excluded, used) == (True, 0, 21)
    assert sigma == truth.approx("sigma_within")
    cl, ucl, lcl, r_cl, r_ucl, r_lcl = control_limits(XBAR_R, center, sigma, 5)
    assert (cl, ucl, lcl) == (truth.approx("mean"), truth.approx("UCLx"), truth.approx("LCLx"))
    assert (r_cl, r_ucl, r_lcl) == (truth.approx("Rbar"), truth.approx("UCLr"), truth.approx("LCLr"))


def test_piston_rings_give_qccs_limits_and_signals_on_both_phases() -> None:
    truth = load("qcc_pistonrings_xbar")
    phase1, phase2 = truth.array("phase1"), truth.array("phase2")
    ok, center, sigma, excluded, _ = baseline(XBAR_R, *by_range(phase1))
    assert (ok, excluded) == (True, 0)
    assert center == truth.approx("center")
    assert sigma == truth.approx("sigma_exact_d2")
    assert sigma == truth.approx("sigma", rel=5e-5)  # qcc's d2(5) is 2.326
    _, ucl, lcl, *_ = control_limits(XBAR_R, center, sigma, 5)
    assert np.array([lcl, ucl]) == truth.approx("limits", rel=1e-8)  # 3e-5 of 3 sigma is 1e-8 of 74
    means = np.concatenate([phase1, phase2]).mean(axis=1)
    assert signals(means, ucl, lcl, sigma) == truth.value("beyond_limits")


def test_piston_rings_give_qccs_r_and_s_limits() -> None:
    truth = load("qcc_pistonrings_r_s")
    phase1, phase2 = truth.array("phase1"), truth.array("phase2")
    both = np.concatenate([phase1, phase2])
    _, center, sigma, _, _ = baseline(XBAR_R, *by_range(phase1))
    *_, r_cl, r_ucl, r_lcl = control_limits(XBAR_R, center, sigma, 5)
    assert r_cl == truth.approx("Rbar")
    assert np.array([r_lcl, r_ucl]) == truth.approx("R_limits")
    assert signals(np.ptp(both, axis=1), r_ucl, r_lcl, sigma) == truth.value("R_signals")
    ok, center, sigma, excluded, _ = baseline(XBAR_S, *by_deviation(phase1))
    assert (ok, excluded) == (True, 0)
    *_, s_cl, s_ucl, s_lcl = control_limits(XBAR_S, center, sigma, 5)
    assert s_cl == truth.approx("Sbar")
    assert np.array([s_lcl, s_ucl]) == truth.approx("S_limits")
    assert signals(both.std(axis=1, ddof=1), s_ucl, s_lcl, sigma) == truth.value("S_signals")


def test_sigma_of_unequal_subgroups_is_the_mean_of_their_estimates() -> None:
    truth = load("qcc_pistonrings_sigma_estimators")
    for key, groups in truth.data.items():
        subgroups = [np.array([x for x in group if x is not None]) for group in groups]
        means = np.array([g.mean() for g in subgroups])
        sizes = np.array([float(len(g)) for g in subgroups])
        _, _, sigma_r, _, used = baseline(XBAR_R, means, np.array([np.ptp(g) for g in subgroups]), sizes)
        _, _, sigma_s, _, _ = baseline(XBAR_S, means, np.array([g.std(ddof=1) for g in subgroups]), sizes)
        assert used == len(subgroups)
        # qcc tables d2 to three decimals: up to 2.5e-4 off for n = 3 and 3.4e-4 for n = 2
        assert sigma_r == pytest.approx(truth.value(key)["UWAVE-R"], rel=4e-4)
        assert sigma_s == pytest.approx(truth.value(key)["UWAVE-SD"], abs=truth.tolerance(key))


def test_sas_turbine_gives_the_printed_xbar_s_limits_of_20() -> None:
    truth = load("sas_turbine_xbar_s")
    summary = truth.data["summary"]
    sigma = summary["sbar"] / dispersion_unit(XBAR_S, 20)
    assert sigma == truth.approx("sigma")
    _, ucl, lcl, _, s_ucl, s_lcl = control_limits(XBAR_S, summary["mean"], sigma, 20)
    assert (ucl, lcl) == (truth.approx("UCLx"), truth.approx("LCLx"))
    assert (s_ucl, s_lcl) == (truth.approx("UCLs"), truth.approx("LCLs"))


def test_wheelers_xbar_r_example_of_four() -> None:
    truth = load("wheeler_43_xbar_r")
    _, center, sigma, excluded, _ = baseline(XBAR_R, *by_range(truth.array("subgroups")))
    cl, ucl, lcl, r_cl, r_ucl, _ = control_limits(XBAR_R, center, sigma, 4)
    assert excluded == 0
    assert (cl, ucl, lcl) == (truth.approx("mean"), truth.approx("UCLx"), truth.approx("LCLx"))
    assert (r_cl, r_ucl) == (truth.approx("Rbar"), truth.approx("UCLr"))


def test_subgroups_of_40_to_84_each_have_their_own_limits() -> None:
    truth = load("xbar_s_unequal_aus")
    means, deviations, sizes = truth.array("mean"), truth.array("sd"), truth.array("n")
    center = float(np.sum(means * sizes) / np.sum(sizes))
    pooled = float(np.sqrt(np.sum((sizes - 1) * deviations**2) / np.sum(sizes - 1)))
    # qicharts2 multiplies the pooled s by A3, B3 and B4 of each size: its sigma of a subgroup is s/c4(n)
    found = np.array([control_limits(XBAR_S, center, pooled / c4(int(n)), int(n)) for n in sizes])
    assert found[:, 1] == truth.approx("ul99")
    assert found[:, 2] == truth.approx("ll99")
    assert found[:, 4] == truth.approx("s_ul99")
    assert found[:, 5] == truth.approx("s_ll99")


def test_nist_individuals_example() -> None:
    truth = load("nist_6322_imr")
    ok, center, sigma, excluded, used = baseline(INDIVIDUALS, *individuals(truth.array("x")))
    assert (ok, excluded, used) == (True, 0, 9)
    cl, _, _, mr_cl, _, mr_lcl = control_limits(INDIVIDUALS, center, sigma, 1)
    assert (cl, mr_cl, mr_lcl) == (truth.approx("mean"), truth.approx("mr_bar"), 0.0)
    _, ucl, lcl, *_ = control_limits(INDIVIDUALS, center, sigma * d2(2) / truth.parameters["d2"], 1)  # NIST's 1.128
    assert (ucl, lcl) == (truth.approx("ucl_x_d2_1.128"), truth.approx("lcl_x_d2_1.128"))
    assert signals(truth.array("x"), ucl, lcl, sigma) == truth.value("signals_rule1")


def test_sas_jets_individuals_example() -> None:
    truth = load("sas_jets_imr")
    ok, center, sigma, excluded, _ = baseline(INDIVIDUALS, *individuals(truth.array("x")))
    assert (ok, excluded) == (True, 0)
    assert sigma == truth.approx("sigma")
    cl, ucl, lcl, mr_cl, mr_ucl, mr_lcl = control_limits(INDIVIDUALS, center, sigma, 1)
    assert (cl, ucl, lcl) == (truth.approx("mean"), truth.approx("UCLi"), truth.approx("LCLi"))
    assert (mr_cl, mr_ucl, mr_lcl) == (truth.approx("MRbar"), truth.approx("UCLmr"), truth.approx("LCLmr"))


def test_montgomerys_example_6_5_limits_from_20_signals_on_40() -> None:
    truth = load("montgomery_6_5_imr")
    x = truth.array("x")
    ok, center, sigma, excluded, _ = baseline(INDIVIDUALS, *individuals(x[:20]))
    assert (ok, excluded) == (True, 0)
    cl, ucl, lcl, mr_cl, mr_ucl, _ = control_limits(INDIVIDUALS, center, sigma, 1)
    assert cl == truth.approx("center")
    assert mr_cl == truth.approx("MRbar")
    # qicharts2 uses d2 = 1.128 and D4 = 3.267, the book too
    assert (ucl, lcl) == (truth.approx("ucl", rel=4e-5), truth.approx("lcl", rel=4e-5))
    assert mr_ucl == truth.approx("ucl_mr", rel=4e-4)
    assert signals(x, ucl, lcl, sigma) == truth.value("signals_I")
    assert signals(np.abs(np.diff(x, prepend=x[0])), mr_ucl, 0.0, sigma) == truth.value("signals_MR")


def test_a_point_on_its_limit_is_not_beyond_it() -> None:
    truth = load("nist_6331_c")  # counts, with sigma √16 and one count of exactly 28
    sigma = 4.0
    assert signals(truth.array("c"), truth.value("ucl"), truth.value("lcl"), sigma) == truth.value("signals")
    assert not beyond(0.1 + 0.2, 0.3, True, 1.0)  # rounding is not beyond
    assert beyond(0.3 + 1e-11, 0.3, True, 1.0)
    assert beyond(-4.0, -3.0, False, 1.0)
    assert not beyond(4.0, -3.0, False, 1.0)


def test_nothing_is_beyond_an_undefined_limit() -> None:
    assert not beyond(1e9, nan, True, 1.0)
    assert not beyond(nan, 3.0, True, 1.0)
    assert not beyond(5.0, 3.0, True, nan)


def test_limits_without_sigma_and_dispersion_limits_of_one_value_are_undefined() -> None:
    assert np.isnan(control_limits(XBAR_R, 10.0, nan, 5)[1:]).all()
    limits = control_limits(XBAR_R, 10.0, 1.0, 1)
    assert limits[:3] == (10.0, 13.0, 7.0)
    assert np.isnan(limits[3:]).all()
    assert np.isnan(control_limits(XBAR_R, 10.0, 1.0, 101)[3:]).all()
    assert not np.isnan(control_limits(XBAR_S, 10.0, 1.0, 101)).any()


STABLE = np.array([10.0, 11.0, 9.0, 10.5, 9.5] * 8)  # 40 subgroup means
ONES = np.ones(40)
FIVES = np.full(40, 5.0)


def test_phase_1_leaves_out_a_wild_dispersion_with_its_mean() -> None:
    ranges = ONES * d2(5) * 2.0
    ranges[7] = 40.0
    means = STABLE.copy()
    means[7] = 500.0
    ok, center, sigma, excluded, used = baseline(XBAR_R, means, ranges, FIVES)
    assert (ok, excluded, used) == (True, 1, 39)
    assert sigma == pytest.approx(2.0)
    assert center == pytest.approx(np.delete(STABLE, 7).mean())


def test_phase_1_leaves_out_a_wild_mean_with_its_dispersion() -> None:
    ranges = ONES * d2(5) * 2.0
    ranges[7] = 5.5
    means = STABLE.copy()
    means[7] = 15.0
    ok, center, sigma, excluded, used = baseline(XBAR_R, means, ranges, FIVES)
    assert (ok, excluded, used) == (True, 1, 39)
    assert sigma == pytest.approx(2.0)
    assert center == pytest.approx(np.delete(STABLE, 7).mean())


def test_phase_1_takes_a_second_pass_for_what_the_first_had_hidden() -> None:
    ranges = ONES * d2(5) * 2.0
    ranges[[3, 11]] = 300.0, 12.0  # with 300 among them, 12 is within
    ok, _, sigma, excluded, _ = baseline(XBAR_R, STABLE, ranges, FIVES)
    assert (ok, excluded) == (True, 2)
    assert sigma == pytest.approx(2.0)


def test_phase_1_is_rejected_when_a_third_pass_would_be_needed() -> None:
    ranges = ONES * d2(5) * 2.0
    ranges[[3, 11, 20]] = 30000.0, 400.0, 12.0
    ok, center, sigma, excluded, _ = baseline(XBAR_R, STABLE, ranges, FIVES)
    assert not ok
    assert np.isnan([center, sigma]).all()
    assert excluded == 3


def test_phase_1_is_rejected_when_more_than_a_tenth_is_left_out() -> None:
    means = STABLE.copy()
    ranges = ONES * d2(5) * 2.0
    means[:4] = 20.0
    assert baseline(XBAR_R, means, ranges, FIVES)[::3] == (True, 4)
    means[:5] = 20.0
    assert baseline(XBAR_R, means, ranges, FIVES)[0] is False


@pytest.mark.parametrize(
    ("dispersions", "why"),
    [(np.full(40, nan), "no dispersion"), (np.zeros(40), "no spread")],
)
def test_phase_1_is_rejected_without_a_sigma(dispersions: Array, why: str) -> None:
    ok, center, sigma, _, _ = baseline(XBAR_R, STABLE, dispersions, FIVES)
    assert not ok, why
    assert np.isnan([center, sigma]).all()


def test_phase_1_of_nothing_is_rejected() -> None:
    assert baseline(INDIVIDUALS, np.empty(0), np.empty(0), np.empty(0))[0] is False


def test_phase_1_skips_ranges_of_a_broken_chain() -> None:
    x = np.array([10.0, 11.0, 10.0, 50.0, 51.0, 50.0])
    ranges = np.array([nan, 1.0, 1.0, nan, 1.0, 1.0])
    # 10s and 50s lie beyond 30 ± 3·0.9: all six values, so the baseline is rejected; sigma was that of four ranges
    ok, _, _, excluded, used = baseline(INDIVIDUALS, x, ranges, np.ones(6))
    assert (ok, excluded, used) == (False, 6, 4)
