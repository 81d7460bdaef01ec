"""Capability and performance indices with their bounds, from a summary; and the parts to expect out.

Cp, Cpl, Cpu, Cpk use the within sigma of the chart's own estimator, Pp, Ppl, Ppu, Ppk the overall one (sample
standard deviation), Cpm the overall one about the target (AIAG SPC 2nd ed., chapter IV; ISO 22514-2; Montgomery,
SQC 8th ed., section 8.3). Bounds are Bissell's with the degrees of freedom of the estimator used.
"""

from math import erfc, isnan, nan, sqrt

from rules.compiled import compiled
from rules.constants import c4
from rules.limits import INDIVIDUALS, XBAR_R

# 5 % and 95 % points of the standard normal distribution: one-sided 95 % bounds.
LOWER_95 = -1.6448536269514722
UPPER_95 = 1.6448536269514722


@compiled
def indices(
    n: float,
    mean: float,
    sigma_within: float,
    within_df: float,
    sigma_overall: float,
    lsl: float,
    usl: float,
    target: float,
) -> tuple[float, float, float, float, float, float, float, float, float, float, float]:
    """`(cp, cpl, cpu, cpk, cpk_lower, pp, ppl, ppu, ppk, ppk_lower, cpm)`.

    `n` values with their `mean` and sigmas in the characteristic's unit; `within_df` see the function of that
    name; an absent `lsl`, `usl` or `target` is nan. `cpk_lower` and `ppk_lower` (n − 1 degrees of freedom) are
    one-sided 95 % bounds.

    nan where undefined: the side of an absent limit (Cpk and Ppk are then the other side; Cp, Pp and Cpm need
    both), everything without limits, Cpm without a target, what depends on a sigma that is 0 or nan, and a
    bound without degrees of freedom.

    Example: NIST e-Handbook 6.1.6 (LSL 8, USL 20, mean 16, s 2): Cp 1.0, Cpl 1.3333, Cpu 0.6667, Cpk 0.6667.

    >>> [round(x, 4) for x in indices(50, 16, 2, 49, 2, 8, 20, nan)[:4]]
    [1.0, 1.3333, 0.6667, 0.6667]
    """
    cp, cpl, cpu, cpk = _four(mean, sigma_within, lsl, usl)
    pp, ppl, ppu, ppk = _four(mean, sigma_overall, lsl, usl)
    return (
        cp,
        cpl,
        cpu,
        cpk,
        bissell_bound(cpk, n, within_df, LOWER_95),
        pp,
        ppl,
        ppu,
        ppk,
        bissell_bound(ppk, n, n - 1.0, LOWER_95),
        cpm(mean, sigma_overall, lsl, usl, target),
    )


@compiled
def bissell_bound(index: float, n: float, df: float, z: float) -> float:
    """The bound of a Cpk, Cpl, Cpu or Ppk of n values: index + z √(1/(9n) + index²/(2 df)).

    `z` is a normal quantile: `LOWER_95`, `UPPER_95`, ±1.959964 for a two-sided 95 % interval. nan without
    values, degrees of freedom or index.

    Source: Bissell, "How reliable is your capability index?", Applied Statistics 39 (1990) 331-340; as in SAS,
    Minitab and qcc. The SAS Titanium example (n = 50, df = 49) in qcc: 1.4385 to 2.1779.

    >>> round(bissell_bound(1.80818, 50, 49, -1.959964), 4), round(bissell_bound(1.80818, 50, 49, 1.959964), 4)
    (1.4385, 2.1779)
    """
    if not (n > 0.0 and df > 0.0):
        return nan
    return index + z * sqrt(1.0 / (9.0 * n) + index * index / (2.0 * df))


@compiled
def within_df(chart: int, k: float, n: float) -> float:
    """Degrees of freedom of the within sigma from k subgroups of n, or from k moving ranges (n not looked at).

    - R̄/d2: 0.9 k (n − 1) (Bissell 1990)
    - s̄/c4: f k (n − 1) with f = c4²/(2 (1 − c4²) (n − 1)): the χ distribution with ν degrees of freedom has the
      relative variance 1/(2ν) (first order), that of s/c4 is (1 − c4²)/c4². This is the factor that Minitab
      tables to two digits (0.88 for n = 2, 0.95 for 5).
    - MR̄/d2(2): 0.61 k: neighbouring ranges share a value. Minitab's k counts them as independent: its 95 %
      bound covers 91 %.

    Subgroups of unequal size: the sum over them, each with k = 1. nan without a range or a subgroup, or n < 2.

    >>> from rules.limits import XBAR_S
    >>> within_df(XBAR_R, 25, 5), round(within_df(XBAR_S, 1, 2), 2), round(within_df(INDIVIDUALS, 99, 1), 2)
    (90.0, 0.88, 60.39)
    """
    if not k > 0.0:
        return nan
    if chart == INDIVIDUALS:
        return 0.61 * k
    if not n >= 2.0:
        return nan
    if chart == XBAR_R:
        return 0.9 * k * (n - 1.0)
    expected = c4(int(n))
    return k * expected * expected / (2.0 * (1.0 - expected * expected))


@compiled
def cpm(mean: float, sigma_overall: float, lsl: float, usl: float, target: float) -> float:
    """(usl − lsl)/(6 √(s² + (mean − target)²)); nan without a target, both limits, or a sigma above 0.

    Source: Chan, Cheng and Spiring, JQT 20 (1988) 162-175; the overall sigma as in Minitab and SAS. The SAS
    Titanium example (mean 1.5212, s 0.13295, limits 0.8 and 2.4) about a target of 1.6:

    >>> round(cpm(1.5212, 0.132951425839113, 0.8, 2.4, 1.6), 4)
    1.7254
    """
    if not sigma_overall > 0.0:
        return nan
    return (usl - lsl) / (6.0 * sqrt(sigma_overall * sigma_overall + (mean - target) * (mean - target)))


@compiled
def expected_out(mean: float, sigma: float, lsl: float, usl: float) -> float:
    """The fraction of a normal process that lies outside its limits; an absent limit lets nothing out.

    nan without any limit or with a sigma that is 0 or nan. With sigma overall: what to expect of all parts; with
    sigma within: of a process held at its mean. Source: Montgomery, SQC 8th ed., table 8.2 (Cpk 1: 2,700 ppm).

    >>> round(expected_out(0.0, 1.0, -3.0, 3.0) * 1e6), round(expected_out(0.0, 1.0, nan, 3.0) * 1e6)
    (2700, 1350)
    """
    if not sigma > 0.0 or (isnan(lsl) and isnan(usl)):
        return nan
    below = 0.0 if isnan(lsl) else 0.5 * erfc((mean - lsl) / (sigma * sqrt(2.0)))
    above = 0.0 if isnan(usl) else 0.5 * erfc((usl - mean) / (sigma * sqrt(2.0)))
    return below + above


@compiled
def _four(mean: float, sigma: float, lsl: float, usl: float) -> tuple[float, float, float, float]:
    """Potential, lower side, upper side and the smaller side; nan as in `indices`."""
    if not sigma > 0.0:
        return nan, nan, nan, nan
    lower = (mean - lsl) / (3.0 * sigma)
    upper = (usl - mean) / (3.0 * sigma)
    if isnan(lower):
        smaller = upper
    elif isnan(upper):
        smaller = lower
    else:
        smaller = min(lower, upper)
    return (usl - lsl) / (6.0 * sigma), lower, upper, smaller
