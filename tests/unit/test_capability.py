import numpy as np
import pytest

from rules.capability import LOWER_95, UPPER_95, bissell_bound, cpm, expected_out, indices, within_df
from rules.constants import d2, d3
from rules.limits import INDIVIDUALS, XBAR_R, XBAR_S, baseline
from tests.truth_tables import Truth, load

nan = float("nan")
NAMES = ("cp", "cpl", "cpu", "cpk", "cpk_lower", "pp", "ppl", "ppu", "ppk", "ppk_lower", "cpm")
TWO_SIDED_95 = 1.959963984540054  # the 97.5 % point of the standard normal distribution


def named(*summary: float) -> dict[str, float]:
    """The indices of (n, mean, sigma_within, within_df, sigma_overall, lsl, usl, target) by name."""
    return dict(zip(NAMES, indices(*summary), strict=True))


def undefined(found: dict[str, float]) -> set[str]:
    return {name for name, value in found.items() if np.isnan(value)}


def test_nist_6_1_6_summary() -> None:
    truth = load("nist_616_capability")
    s = truth.data["summary"]
    found = named(50, s["mean"], s["s"], 49, s["s"], truth.parameters["LSL"], truth.parameters["USL"], nan)
    for key, within, overall in (
        ("Cp", "cp", "pp"),
        ("Cpl", "cpl", "ppl"),
        ("Cpu", "cpu", "ppu"),
        ("Cpk", "cpk", "ppk"),
    ):
        assert found[within] == found[overall] == truth.approx(key)


def test_sas_titanium_indices_cpm_and_bissell_interval() -> None:
    truth = load("sas_titanium_capability_ci")
    x, lsl, usl = truth.array("x"), truth.parameters["LSL"], truth.parameters["USL"]
    n, mean, s = len(x), x.mean(), x.std(ddof=1)
    # SAS calls the indices by the overall sigma Cp and Cpk: here both sigmas are it
    found = named(n, mean, s, n - 1, s, lsl, usl, 1.6)
    for key in ("Cp", "Cpl", "Cpu", "Cpk"):
        assert found[key.lower()] == truth.approx(key)
    assert found["cpm"] == truth.approx("Cpm_target_1.6")
    interval = np.array([bissell_bound(found["cpk"], n, n - 1, z) for z in (-TWO_SIDED_95, TWO_SIDED_95)])
    assert interval == truth.approx("Cpk_ci_bissell")
    assert found["cpk_lower"] == found["ppk_lower"] == bissell_bound(found["cpk"], n, n - 1, LOWER_95)
    # the exact bound (noncentral t) of the nearer side: Bissell's approximation is 0.5 % off at n = 50
    assert found["cpk_lower"] == pytest.approx(truth.value("CPL_lower_95_exact_nct"), rel=0.01)


def test_the_textbook_bissell_interval_of_30() -> None:
    truth = load("capability_ci_textbook")
    s = truth.data["summary"]
    found = named(s["n"], s["mean"], s["s"], s["n"] - 1, s["s"], truth.parameters["LSL"], truth.parameters["USL"], nan)
    assert found["cpk"] == truth.approx("Cpk")
    interval = np.array([bissell_bound(found["cpk"], 30, 29, z) for z in (-TWO_SIDED_95, TWO_SIDED_95)])
    assert interval == truth.approx("Cpk_ci95")


def qcc_summary(truth: Truth) -> tuple[int, float, float]:
    """n, mean and qcc's R̄/d2 with its own d2 of three decimals."""
    subgroups = truth.array("phase1")
    return subgroups.size, float(subgroups.mean()), float(np.ptp(subgroups, axis=1).mean() / 2.326)


@pytest.mark.parametrize(
    ("key", "lsl", "usl", "target"),
    [
        ("LSL73.95_USL74.05_TNone", 73.95, 74.05, 74.0),
        ("LSL73.95_USL74.05_T74.02", 73.95, 74.05, 74.02),
        ("LSL73.99_USL74.01_TNone", 73.99, 74.01, 74.0),
        ("LSL73.99_USL74.1_TNone", 73.99, 74.1, 74.045),
    ],
)
def test_piston_rings_with_four_specifications_equal_qcc(key: str, lsl: float, usl: float, target: float) -> None:
    truth = load("qcc_pistonrings_capability")
    n, mean, sigma = qcc_summary(truth)
    # qcc: df n − 1 = 124; Cpm by the within sigma about the target, which is the middle when none is given
    found = named(n, mean, sigma, n - 1, sigma, lsl, usl, target)
    rows = np.array(truth.value(key))
    assert np.array([found[name] for name in ("cp", "cpl", "cpu", "cpk", "cpm")]) == pytest.approx(rows[:, 0], abs=1e-9)
    # its intervals are 90 % for the sides and 95 % for Cpk
    for row, name, z in ((1, "cpl", UPPER_95), (2, "cpu", UPPER_95), (3, "cpk", TWO_SIDED_95)):
        bounds = [bissell_bound(found[name], n, n - 1, sign * z) for sign in (-1, 1)]
        assert bounds == pytest.approx(rows[row, 1:], abs=1e-9)


@pytest.mark.parametrize(
    ("key", "side", "lsl", "usl"),
    [("USL_only_74.05", "Cpu", nan, 74.05), ("LSL_only_73.95", "Cpl", 73.95, nan)],
)
def test_one_sided_piston_rings_give_qccs_side(key: str, side: str, lsl: float, usl: float) -> None:
    truth = load("qcc_pistonrings_capability")
    n, mean, sigma = qcc_summary(truth)
    found = named(n, mean, sigma, n - 1, sigma, lsl, usl, 74.0)
    expected = truth.value(key)
    assert found[side.lower()] == found["cpk"] == pytest.approx(expected[side], abs=1e-9)
    bounds = [bissell_bound(found["cpk"], n, n - 1, z) for z in (LOWER_95, UPPER_95)]
    assert bounds == pytest.approx(expected[side + "_ci"], abs=1e-9)
    other = {"Cpu": "l", "Cpl": "u"}[side]
    assert undefined(found) == {"cp", f"cp{other}", "pp", f"pp{other}", "cpm"}


def test_wheelers_cp_by_ranges_and_by_moving_ranges_and_pp() -> None:
    truth = load("wheeler_118_capability")
    subgroups = truth.array("subgroups")
    lsl, usl = truth.parameters["LSL"], truth.parameters["USL"]
    mean, s = subgroups.mean(), subgroups.std(ddof=1)
    by_range = np.ptp(subgroups, axis=1).mean() / d2(4)
    found = named(subgroups.size, mean, by_range, 60, s, lsl, usl, nan)
    for key in ("Cp", "Cpk", "Pp", "Ppk"):
        assert found[key.lower()] == truth.approx(key)
    by_moving_range = np.abs(np.diff(subgroups.ravel())).mean() / d2(2)
    found = named(subgroups.size, mean, by_moving_range, 60, s, lsl, usl, nan)
    assert found["cp"] == truth.approx("Cp_XmR")
    assert found["cpk"] == truth.approx("Cpk_XmR")


def test_sas_partgaps_indices_from_its_chart() -> None:
    truth = load("sas_partgaps_xbar_r")
    subgroups = truth.array("subgroups")
    _, center, sigma, _, k = baseline(
        XBAR_R, subgroups.mean(axis=1), np.ptp(subgroups, axis=1), np.full(len(subgroups), 5.0)
    )
    df = within_df(XBAR_R, k, 5)
    assert df == pytest.approx(0.9 * 21 * 4)
    found = named(105, center, sigma, df, subgroups.std(ddof=1), truth.parameters["LSL"], truth.parameters["USL"], nan)
    for key in ("Cp", "Cpl", "Cpu", "Cpk"):
        assert found[key.lower()] == truth.approx(key)


def test_degrees_of_freedom_of_s_are_minitabs_table() -> None:
    truth = load("minitab_fn")
    factors = np.array([within_df(XBAR_S, 1, n) / (n - 1) for n in truth.data["n"]])
    assert factors == truth.approx("f")  # 0.0065: two digits, and one factor for all of 18 to 64


def test_degrees_of_freedom_of_ranges_are_those_of_their_variance_for_four_to_eight() -> None:
    # 0.9 k (n − 1) stands for k d2²/(2 d3²), the same first-order rule as for s
    for n in (4, 5, 6, 7, 8):
        assert within_df(XBAR_R, 10, n) == pytest.approx(10 * d2(n) ** 2 / (2 * d3(n) ** 2), rel=0.05)


def test_degrees_of_freedom_of_moving_ranges_cover_what_independent_ones_would_not() -> None:
    # the spread of MR̄/d2 over samples of 50 normal values, as a χ: ν = 1/(2 cv²); the seed is fixed
    x = np.random.default_rng(3).normal(size=(20_000, 50))
    sigmas = np.abs(np.diff(x, axis=1)).mean(axis=1) / d2(2)
    simulated = sigmas.mean() ** 2 / (2 * sigmas.var(ddof=1))
    assert within_df(INDIVIDUALS, 49, 1) == pytest.approx(simulated, rel=0.05)


@pytest.mark.parametrize(("chart", "k", "n"), [(XBAR_R, 0, 5), (XBAR_R, 5, 1), (XBAR_S, 5, 1), (INDIVIDUALS, 0, 1)])
def test_without_a_range_there_are_no_degrees_of_freedom(chart: int, k: float, n: float) -> None:
    assert np.isnan(within_df(chart, k, n))


def test_parts_expected_out_are_the_published_ppm() -> None:
    truth = load("ppm_normal")
    for key, usl_only in (("one_sided", True), ("two_sided", False)):
        for cpk, ppm in truth.value(key).items():
            limit = 3 * float(cpk)
            found = expected_out(0.0, 1.0, nan if usl_only else -limit, limit) * 1e6
            assert found == pytest.approx(ppm, abs=truth.tolerance(key)), cpk
    assert expected_out(1.5, 1.0, nan, 6.0) * 1e6 == truth.approx("six_sigma_shift_1.5")


def test_far_tails_keep_their_digits() -> None:
    # Φ(−10) = 7.619853024160527e-24 (any table of the normal tail); 1 − Φ(10) would be 0
    assert expected_out(0.0, 1.0, nan, 10.0) == pytest.approx(7.619853024160527e-24, rel=1e-12)


@pytest.mark.parametrize("sigma", [0.0, nan, -1.0])
def test_a_sigma_of_0_or_none_leaves_its_indices_undefined(sigma: float) -> None:
    within = {"cp", "cpl", "cpu", "cpk", "cpk_lower"}
    overall = {"pp", "ppl", "ppu", "ppk", "ppk_lower", "cpm"}
    assert undefined(named(50, 10, sigma, 40, 1, 7, 13, 10)) == within
    assert undefined(named(50, 10, 1, 40, sigma, 7, 13, 10)) == overall
    assert np.isnan(expected_out(10, sigma, 7, 13))


def test_without_limits_nothing_is_defined() -> None:
    assert undefined(named(50, 10, 1, 40, 1, nan, nan, 10)) == set(NAMES)
    assert np.isnan(expected_out(10, 1, nan, nan))


def test_without_a_target_only_cpm_is_undefined() -> None:
    assert undefined(named(50, 10, 1, 40, 1, 7, 13, nan)) == {"cpm"}
    assert np.isnan(cpm(10, 1, nan, 13, 10))


def test_bounds_without_degrees_of_freedom_are_undefined() -> None:
    assert undefined(named(1, 10, 1, nan, 1, 7, 13, nan)) == {"cpk_lower", "ppk_lower", "cpm"}
    assert np.isnan(bissell_bound(1.0, 0, 5, LOWER_95))
    assert np.isnan(bissell_bound(nan, 50, 5, LOWER_95))


def test_a_mean_outside_its_limits_has_a_negative_index_and_a_lower_bound() -> None:
    found = named(50, 14, 1, 40, 1, 7, 13, nan)
    assert found["cpk"] == pytest.approx(-1 / 3)
    assert found["cpk_lower"] < found["cpk"]
