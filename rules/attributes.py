"""Limits of the attribute charts p, np, c and u, which step with the size of each inspection; and their Phase I.

One rate gives every limit: the share p̄ of units rejected, or ū of defects a unit. Its `sigma` is that of a single unit,
√(p̄(1 − p̄)) or √ū, so that a sample of n units has σ/√n, as a subgroup has (Montgomery, SQC 8th ed., sections 7.2 and
7.3). np and c draw n times what p and u draw.
"""

from math import nan, sqrt

import numpy as np

from rules.compiled import allocating, compiled
from rules.limits import CHART_CODES, PASSES, TOLERANCE, Floats, Mask

P, NP, C, U = (CHART_CODES[name] for name in ("p", "np", "c", "u"))
FIRST_ATTRIBUTE = P  # every code from here on is an attribute chart


@compiled
def unit_sigma(chart: int, center: float) -> float:
    """Sigma of one unit: √(p̄(1 − p̄)) of a share (binomial), √ū of a count (Poisson).

    >>> unit_sigma(C, 16.0), round(unit_sigma(P, 0.2), 3)
    (4.0, 0.4)
    """
    if chart in (P, NP):
        return sqrt(center * (1.0 - center))
    return sqrt(center)


@compiled
def plotted(chart: int, count: float, n: float) -> float:
    """What a chart plots of `count` found in n units: the rate (p, u), or the count itself (np, c)."""
    return count / n if chart in (P, U) else count


@compiled
def attribute_limits(chart: int, center: float, sigma: float, n: float) -> tuple[float, float, float]:
    """`(cl, ucl, lcl)` of an inspection of n units, in what the chart plots; `center` and `sigma` are those of a unit.

    - p: p̄ ± 3√(p̄(1 − p̄)/n); np: n times that
    - u: ū ± 3√(ū/n); c: n times that, which is c̄ ± 3√c̄ with c̄ = nū

    A lower limit below 0 is 0; an upper limit of a share above 1 is 1 (of np: n).

    Source: Montgomery, SQC 8th ed., equations 7.6, 7.13, 7.17 and 7.19. NIST e-Handbook 6.3.3.1 prints 16, 28 and 4:

    >>> attribute_limits(C, 16.0, 4.0, 1.0)
    (16.0, 28.0, 4.0)
    """
    half_width = 3.0 * sigma / sqrt(n)
    upper = center + half_width
    lower = max(center - half_width, 0.0)
    if chart in (P, NP):
        upper = min(upper, 1.0)
    scale = 1.0 if chart in (P, U) else n
    return center * scale, upper * scale, lower * scale


def zone_line(chart: int, cl: float, n: float, zones: float) -> float:
    """Where the line `zones` sigma from the centre lies for n units (below it: negative), clipped as the limits are.

    >>> zone_line(C, 16.0, 1.0, 2.0), zone_line(U, 4.0, 4.0, -9.0)
    (24.0, 0.0)
    """
    scale = 1.0 if chart in (P, U) else n
    rate = cl / scale
    line = max(rate + zones * unit_sigma(chart, rate) / sqrt(n), 0.0)
    return scale * (min(line, 1.0) if chart in (P, NP) else line)


@compiled
def standardised(count: float, n: float, center: float, sigma: float) -> float:
    """How many of its own standard deviations an inspection's rate lies from the centre.

    >>> standardised(28.0, 1.0, 16.0, 4.0)
    3.0
    """
    return (count / n - center) / (sigma / sqrt(n))


@allocating
def attribute_baseline(chart: int, counts: Floats, sizes: Floats) -> tuple[bool, float, float, int]:
    """`(ok, center, sigma, excluded)` of Phase I: the rate Σx/Σn of the inspections kept.

    `counts`, `sizes`: float64[m]. Inspections strictly beyond 3 sigma of their own size are left out and the rate is
    computed anew: at most two such passes. It is rejected when one is still beyond after them, when more than 10 %
    were left out, and when the rate has no sigma (nothing was found at all, or every unit was bad).

    Source: Montgomery, SQC 8th ed., section 7.2.1 (trial limits; points with a cause left out), equation 7.20 for the
    mean of samples of different size. The passes and the 10 % are those of `rules.limits.baseline`. Montgomery's dyed
    cloth (table 7.10) has ū = 153/107.5 = 1.42:

    >>> x = np.array([14.0, 12.0, 20.0, 11.0, 7.0, 10.0, 21.0, 16.0, 19.0, 23.0])
    >>> n = np.array([10.0, 8.0, 13.0, 10.0, 9.5, 10.0, 12.0, 10.5, 12.0, 12.5])
    >>> ok, center, sigma, excluded = attribute_baseline(U, x, n)
    >>> ok, round(center, 2), excluded
    (True, 1.42, 0)
    """
    m = len(counts)
    kept = np.ones(m, dtype=np.bool_)
    excluded = 0
    center, sigma = _rate(chart, counts, sizes, kept)
    for attempt in range(PASSES + 1):
        if not sigma > 0.0:
            return False, nan, nan, excluded
        left_out = 0
        for i in range(m):
            if kept[i] and abs(standardised(counts[i], sizes[i], center, sigma)) > 3.0 + TOLERANCE:
                kept[i] = False
                left_out += 1
        excluded += left_out
        if left_out == 0:
            break
        if attempt == PASSES or 10 * excluded > m:
            return False, nan, nan, excluded
        center, sigma = _rate(chart, counts, sizes, kept)
    return True, center, sigma, excluded


@compiled
def _rate(chart: int, counts: Floats, sizes: Floats, kept: Mask) -> tuple[float, float]:
    """The rate of the inspections kept, and the sigma of a unit that it has."""
    found, inspected = 0.0, 0.0
    for i in range(len(counts)):
        if kept[i]:
            found += counts[i]
            inspected += sizes[i]
    center = found / inspected if inspected > 0.0 else nan
    return center, unit_sigma(chart, center)
