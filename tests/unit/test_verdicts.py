from typing import Any

import pytest
from scipy import stats

from rules.binomial import binomial_quantile
from rules.verdicts import BEYOND_3_SIGMA, BITS, COUNTS_FOR_BREACH_MASK, VERDICTS, headline, names, verdicts

nan = float("nan")

# A figure with nothing to say against it; each case changes what its name says.
GOOD: dict[str, Any] = {
    "n": 125,
    "minimum_n": 30,
    "lsl": 9.9,
    "usl": 10.1,
    "sigma_within": 0.02,
    "sigma_overall": 0.021,
    "smallest": 9.95,
    "largest": 10.05,
    "resolution": 0.001,
    "stale": False,
    "points": 25,
    "beyond_points": 0,
    "cpk": 1.6,
    "ppk": 1.5,
    "floor": 1.2,
}


def judged(**changes: Any) -> tuple[str, ...]:
    return names(verdicts(*(GOOD | changes).values()))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("ok",)),
        ({"lsl": nan}, ("ok",)),
        ({"usl": nan}, ("ok",)),
        ({"lsl": nan, "usl": nan, "cpk": nan, "ppk": nan}, ("no-spec",)),
        ({"n": 29}, ("insufficient",)),
        ({"n": 30}, ("ok",)),
        ({"n": 0, "sigma_within": nan, "sigma_overall": nan, "smallest": nan, "largest": nan, "cpk": nan, "ppk": nan,
          "points": 0}, ("insufficient",)),
        ({"n": 1, "sigma_within": nan, "sigma_overall": nan, "smallest": 10.0, "largest": 10.0, "cpk": nan,
          "ppk": nan, "points": 1}, ("insufficient",)),
        ({"sigma_within": 0.0, "cpk": nan}, ("resolution",)),
        ({"sigma_within": 0.0, "sigma_overall": 0.0, "smallest": 10.0, "largest": 10.0, "cpk": nan, "ppk": nan},
         ("resolution",)),
        ({"resolution": 0.03}, ("resolution",)),  # 3.3 steps
        ({"resolution": 0.02}, ("ok",)),  # 5 steps, 4.99999999999997 in binary
        ({"smallest": 9.96, "largest": 10.01, "resolution": 0.01}, ("ok",)),
        ({"smallest": 9.96, "largest": 10.0, "resolution": 0.01}, ("resolution",)),
        ({"resolution": nan}, ("ok",)),
        ({"stale": True}, ("stale",)),
        ({"beyond_points": 1}, ("ok",)),  # of 25: P(X ≤ 1) = 0.998
        ({"beyond_points": 2}, ("unstable",)),
        ({"points": 1000, "beyond_points": 7}, ("ok",)),  # P(X ≤ 7) = 0.994, P(X ≤ 6) = 0.981
        ({"points": 1000, "beyond_points": 8}, ("unstable",)),
        ({"cpk": 1.7, "ppk": 1.27}, ("unstable",)),  # 0.747
        ({"cpk": 1.6, "ppk": 1.21}, ("ok",)),  # 0.756
        ({"cpk": -0.4, "ppk": -0.31}, ("ok",)),  # 0.775: a mean outside, held steadily
        ({"cpk": -0.4, "ppk": -0.2}, ("unstable",)),  # 0.5: the sigmas' ratio is the same outside the limits
        ({"cpk": 0.0, "ppk": 0.0}, ("ok",)),  # the ratio says nothing
        ({"cpk": 1.3, "ppk": 1.1}, ("drifting",)),
        ({"cpk": 1.2, "ppk": 1.1}, ("drifting",)),
        ({"cpk": 1.1, "ppk": 1.0}, ("ok",)),
        ({"cpk": 1.3, "ppk": 1.2}, ("ok",)),
        ({"cpk": 1.9, "ppk": 1.1}, ("unstable", "drifting")),
        ({"cpk": 1.9, "ppk": 1.1, "floor": nan}, ("unstable",)),
        ({"n": 10, "stale": True, "resolution": 0.05, "beyond_points": 5},
         ("insufficient", "resolution", "stale", "unstable")),
    ],
)  # fmt: skip
def test_verdicts_of_a_figure(changes: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert judged(**changes) == expected


def test_verdicts_stand_in_the_order_of_their_headline() -> None:
    assert VERDICTS == (
        "no-spec", "insufficient", "gauge", "resolution", "stale", "unverified", "unstable", "drifting",
        "non-normal", "ok",
    )  # fmt: skip
    assert [BITS[name] for name in VERDICTS] == [1 << i for i in range(10)]


def test_the_headline_is_the_first_verdict_of_the_set() -> None:
    assert headline(BITS["unstable"] | BITS["insufficient"] | BITS["stale"]) == "insufficient"
    assert [headline(BITS[name]) for name in VERDICTS] == list(VERDICTS)
    assert headline(0) == ""


def test_days_that_do_not_count_for_a_breach_are_those_without_a_figure() -> None:
    assert names(COUNTS_FOR_BREACH_MASK) == ("no-spec", "insufficient", "gauge", "resolution")


def test_the_share_beyond_3_sigma_is_that_of_the_normal_distribution() -> None:
    assert pytest.approx(2 * stats.norm.sf(3), rel=1e-15) == BEYOND_3_SIGMA


@pytest.mark.parametrize("n", [0, 1, 3, 4, 25, 55, 56, 100, 125, 1000, 1440, 20_000, 400_000])
def test_binomial_quantiles_equal_scipys(n: int) -> None:
    for p in (BEYOND_3_SIGMA, 0.3):
        for probability in (0.5, 0.95, 0.99):
            assert binomial_quantile(n, p, probability) == int(stats.binom.ppf(probability, n, p))
