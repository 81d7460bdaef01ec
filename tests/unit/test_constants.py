from math import gamma, isnan, sqrt

import numpy as np
import pytest
from scipy import integrate, stats

from rules import constants
from rules.constants import NMAX, c4, d2, d3
from tests.truth_tables import load

FACTORS = {
    "d2": d2,
    "d3": d3,
    "c4": c4,
    "A2": constants.factor_a2,
    "A3": constants.factor_a3,
    "B3": constants.factor_b3,
    "B4": constants.factor_b4,
    "D3": constants.factor_d3,
    "D4": constants.factor_d4,
    "E2": constants.factor_e2,
}
PRINTED = [name for name in FACTORS if name != "E2"]


@pytest.mark.parametrize("name", FACTORS)
def test_constants_2_to_25_equal_those_computed_elsewhere(name: str) -> None:
    truth = load("constants_exact")
    found = np.array([FACTORS[name](n) for n in truth.data["n"]])
    # the second computation agrees to 1e-12, much closer than the tolerance it was checked with (ptukey, 1e-7)
    assert found == pytest.approx(np.array(truth.value(name)), abs=1e-12)


@pytest.mark.parametrize("name", PRINTED)
def test_constants_2_to_25_equal_the_printed_tables(name: str) -> None:
    truth = load("constants_published")
    assert np.array([FACTORS[name](n) for n in truth.data["n"]]) == truth.approx(name)


@pytest.mark.parametrize("n", [2, 7, 26, 60, 100])
def test_d2_is_the_mean_range_by_another_integral(n: int) -> None:
    # Tippett 1925: E[R] = ∫ 1 − Φⁿ − (1 − Φ)ⁿ dx
    mean, _ = integrate.quad(lambda x: 1 - stats.norm.cdf(x) ** n - stats.norm.sf(x) ** n, -9, 9, epsabs=1e-12)
    assert d2(n) == pytest.approx(mean, abs=1e-10)


@pytest.mark.parametrize("n", [26, 60, 100])
def test_d3_beyond_the_printed_tables_is_the_studentized_range_without_its_studentizing(n: int) -> None:
    second, _ = integrate.quad(lambda r: 2 * r * stats.studentized_range.sf(r, n, np.inf), 0, 12, epsabs=1e-7)
    assert d3(n) == pytest.approx(sqrt(second - d2(n) ** 2), abs=1e-5)


@pytest.mark.parametrize("n", [2, 3, 25, 100, 101, 170])
def test_c4_is_the_ratio_of_gamma_functions_also_beyond_the_table(n: int) -> None:
    assert c4(n) == pytest.approx(sqrt(2 / (n - 1)) * gamma(n / 2) / gamma((n - 1) / 2), rel=1e-12)


def test_constants_of_one_value_and_ranges_of_too_many_are_undefined() -> None:
    undefined = [d2(1), d3(1), c4(1), c4(0), d2(-3), d2(NMAX + 1), d3(NMAX + 1), *constants.D2[:2], *constants.C4[:2]]
    assert all(isnan(x) for x in undefined)
    assert isnan(constants.factor_d3(1))
