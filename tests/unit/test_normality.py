import numpy as np
import pytest
from scipy import stats

from rules.normality import anderson_darling
from tests.truth_tables import load


def test_titanium_as_r_nortest_has_it() -> None:
    truth = load("ad_titanium")
    a2, p = anderson_darling(truth.array("x"))
    n = len(truth.data["x"])
    assert a2 == truth.approx("AD")
    assert a2 * (1 + 0.75 / n + 2.25 / n**2) == truth.approx("AD_star")
    assert p == truth.approx("AD_p")


@pytest.mark.parametrize("n", [8, 30, 1000])
def test_a2_is_that_of_scipy(n: int) -> None:
    values = np.random.default_rng(n).gamma(3.0, size=n)
    expected = stats.anderson(values, "norm", method="interpolate").statistic
    assert anderson_darling(values)[0] == pytest.approx(expected, rel=1e-9)


def test_p_is_uniform_where_the_values_are_normal_and_small_where_they_are_not() -> None:
    chance = np.random.default_rng(7)
    found = np.array([anderson_darling(chance.normal(10.0, 0.01, 50))[1] for _ in range(400)])
    # 95 of 400 expected within ± 4 standard deviations of a binomial count
    assert abs(float(np.mean(found < 0.25)) - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 400)
    assert anderson_darling(chance.exponential(size=200))[1] < 1e-6


def test_without_a_shape_there_is_no_test() -> None:
    for values in ([], [1.0] * 7, [1.0] * 20):
        assert np.isnan(anderson_darling(np.array(values))).all()


def test_an_outlier_beyond_every_table_has_a_p() -> None:
    assert anderson_darling(np.array([*[0.0, 1.0] * 50, 1e9]))[1] == 3.7e-24
