"""Quantiles of the binomial distribution, by summing its terms: how many points beyond limits are too many."""

from math import exp, log, log1p

from rules.compiled import compiled


@compiled
def binomial_quantile(n: int, p: float, probability: float) -> int:
    """The smallest q with P(X ≤ q) ≥ probability, X ~ Binomial(n, p); 0 without trials.

    0 < p < 1. Terms follow from each other, P(X = k + 1) = P(X = k) (n − k)/(k + 1) p/(1 − p) (Johnson, Kemp and
    Kotz, Univariate Discrete Distributions, 3rd ed., chapter 3), in logarithms, because (1 − p)ⁿ underflows.

    >>> binomial_quantile(20, 0.1, 0.95)  # tables: P(X ≤ 3) = .8670, P(X ≤ 4) = .9568
    4
    """
    odds = log(p) - log1p(-p)
    log_term = n * log1p(-p)
    total = exp(log_term)
    q = 0
    while total < probability and q < n:
        log_term += log((n - q) / (q + 1.0)) + odds
        total += exp(log_term)
        q += 1
    return q
