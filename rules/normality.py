"""The Anderson–Darling test of normality, mean and standard deviation estimated from the values."""

from math import erfc, exp, isnan, log, nan, sqrt

import numpy as np
import numpy.typing as npt

LEAST = 8  # values, for which the tabled p holds
TAIL = 1e-300  # of a probability whose logarithm is taken

# p from A²* = A²(1 + 0.75/n + 2.25/n²): up to that A²*, (constant, linear, quadratic) of an exponent; of the first
# two p is 1 − exp. D'Agostino and Stephens, Goodness-of-Fit Techniques (1986), table 4.9.
BRANCHES = (
    (0.2, (-13.436, 101.14, -223.73)),
    (0.34, (-8.318, 42.796, -59.938)),
    (0.6, (0.9177, -4.279, -1.38)),
    (10.0, (1.2937, -5.709, 0.0186)),
)
UPWARD = 2  # branches that give 1 − p
SMALLEST = 3.7e-24  # beyond the table


def anderson_darling(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    """`(a2, p)` of `values` (float64[n], in any order): A² as it is, p from the adjusted one.

    nan for fewer than 8 values, and where nothing varies. A small p speaks against a normal distribution; of many
    values, and of values that a coarse gauge has rounded, it is small for any real process.

    Source: Stephens, "EDF statistics for goodness of fit", JASA 69 (1974) 730-737; as in R's nortest.

    >>> a2, p = anderson_darling(np.array([49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1]))
    >>> round(a2, 3), p > 0.05
    (0.305, True)
    """
    n = len(values)
    sigma = float(np.std(values, ddof=1)) if n >= LEAST else 0.0
    if not sigma > 0.0:
        return nan, nan
    z = (np.sort(values) - float(np.mean(values))) / (sigma * sqrt(2.0))
    total = 0.0
    for i in range(n):
        below, above = 0.5 * erfc(-z[i]), 0.5 * erfc(z[n - 1 - i])
        total += (2 * i + 1) * (log(max(below, TAIL)) + log(max(above, TAIL)))
    a2 = -n - total / n
    return a2, _probability(a2 * (1.0 + 0.75 / n + 2.25 / n**2))


def _probability(adjusted: float) -> float:
    if isnan(adjusted):
        return nan
    for place, (highest, (constant, linear, quadratic)) in enumerate(BRANCHES):
        if adjusted < highest:
            found = exp(constant + linear * adjusted + quadratic * adjusted * adjusted)
            return 1.0 - found if place < UPWARD else found
    return SMALLEST
