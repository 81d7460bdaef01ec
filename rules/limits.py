"""Limits of the variables charts: individuals and moving range, X̄-R, X̄-S; and Phase I, which finds them.

One (center, sigma) gives every limit, sigma being the within standard deviation of single values, so that
subgroups of any size are judged by the same revision of the limits (Montgomery, SQC 8th ed., sections 6.2 to
6.4; ISO 7870-2).
"""

from math import isnan, nan, sqrt

import numpy as np
import numpy.typing as npt

from rules.compiled import allocating, compiled
from rules.constants import at_least_0, c4, d2, d3
from rules.spec import CHARTS

INDIVIDUALS = 0
XBAR_R = 1
XBAR_S = 2
CHART_CODES: dict[str, int] = {name: code for code, name in enumerate(CHARTS)}

PASSES = 2  # of leaving points out, in each stage of Phase I
TOLERANCE = 1e-12  # of sigma: a point that lies on a limit but for rounding is not beyond it

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@compiled
def control_limits(chart: int, center: float, sigma: float, n: int) -> tuple[float, float, float, float, float, float]:
    """`(cl, ucl, lcl, dispersion_cl, dispersion_ucl, dispersion_lcl)` of a subgroup of n values.

    `center` and `sigma` are those of single values, in the characteristic's unit.

    - individuals (n is not looked at): center ± 3σ; moving range of two: d2(2)σ, (d2 + 3 d3)σ, 0
    - X̄-R: center ± 3σ/√n; R: d2(n)σ, (d2 ± 3 d3)σ
    - X̄-S: center ± 3σ/√n; s: c4(n)σ, (c4 ± 3√(1 − c4²))σ

    A dispersion limit below 0 is 0. Undefined limits are nan: every one with a nan sigma, dispersion limits of
    one value, or of a range of more than `NMAX`.

    Source: Montgomery, SQC 8th ed., sections 6.2 to 6.4, with exact constants. The SAS/QC Jets example (mean 80.39,
    MR̄ 5.32632) prints 66.2290 and 94.5510, and 17.3986 for the ranges:

    >>> [round(x, 4) for x in control_limits(INDIVIDUALS, 80.39, 5.32632 / d2(2), 1)]
    [80.39, 94.551, 66.229, 5.3263, 17.3986, 0.0]
    """
    if chart == INDIVIDUALS:
        n_location, n_dispersion = 1, 2
    else:
        n_location, n_dispersion = n, n
    half_width = 3.0 * sigma / sqrt(n_location) if n_location > 0 else nan
    if chart == XBAR_S:
        expected = c4(n_dispersion)
        spread = sqrt(1.0 - expected * expected)
    else:
        expected = d2(n_dispersion)
        spread = d3(n_dispersion)
    return (
        center,
        center + half_width,
        center - half_width,
        expected * sigma,
        (expected + 3.0 * spread) * sigma,
        at_least_0((expected - 3.0 * spread) * sigma),
    )


@compiled
def beyond(value: float, limit: float, upper: bool, sigma: float) -> bool:
    """Whether `value` lies strictly beyond its upper or lower limit, by more than 1e-12 of sigma.

    A value exactly on the limit is not beyond it (NIST e-Handbook 6.3.3.1); nor is anything beyond nan.

    >>> beyond(3.0, 3.0, True, 1.0), beyond(3.001, 3.0, True, 1.0), beyond(-3.001, -3.0, False, 1.0)
    (False, True, True)
    """
    if upper:
        return value > limit + TOLERANCE * sigma
    return value < limit - TOLERANCE * sigma


@compiled
def dispersion_unit(chart: int, n: int) -> float:
    """What a dispersion point is divided by to estimate sigma: d2(2), d2(n) or c4(n); nan where undefined."""
    if chart == INDIVIDUALS:
        return d2(2)
    if chart == XBAR_R:
        return d2(n)
    return c4(n)


@allocating
def baseline(chart: int, means: Floats, dispersions: Floats, sizes: Floats) -> tuple[bool, float, float, int, int]:
    """`(ok, center, sigma, excluded, dispersion_used)` of Phase I: dispersion first, then location.

    `means`, `dispersions`, `sizes`: float64[m], the points in order: x̄ᵢ (or xᵢ), Rᵢ, sᵢ (or MRᵢ), nᵢ. A nan
    dispersion (the first individual, a broken chain of moving ranges) is no dispersion point; means are finite.

    1. Every point is kept. sigma is the mean, over kept points with a dispersion, of Rᵢ/d2(nᵢ), sᵢ/c4(nᵢ) or
       MRᵢ/d2(2); center is Σ nᵢ x̄ᵢ / Σ nᵢ over kept points.
    2. Dispersion: each kept point whose dispersion is beyond its own limits (`control_limits` with the current
       sigma and its nᵢ, tolerance of `beyond`) is left out. If any was, sigma and center are computed anew
       and the kept points are judged again: at most two such passes; a point still beyond after the second
       rejects the baseline.
    3. Location: the same with x̄ᵢ against its own limits, again at most two passes. A point left out is left
       out of both estimates; dispersions are not judged a second time.
    4. It is also rejected when more than 10 % of the m points were left out, or when sigma is 0 or undefined.

    For individuals a range beyond its limit leaves out the value at which it ends.

    Rejected: ok is False, center and sigma nan; `excluded` and `dispersion_used` say how far it came.
    Source: AIAG SPC 2nd ed., chapter II (dispersion before location; points with a cause left out and limits
    computed anew); the passes and the 10 % are ours: a process that needs more was not stable.

    >>> x = np.array([49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1])  # NIST 6.3.2.2
    >>> ok, center, sigma, excluded, used = baseline(INDIVIDUALS, x, np.abs(np.diff(x, prepend=np.nan)), np.ones(10))
    >>> ok, round(center, 2), round(sigma * d2(2), 4), excluded, used
    (True, 50.81, 1.8778, 0, 9)
    """
    m = len(means)
    kept = np.ones(m, dtype=np.bool_)
    center, sigma, used = _estimates(chart, means, dispersions, sizes, kept)
    excluded = 0
    for location in (False, True):
        for attempt in range(PASSES + 1):
            left_out = _leave_out(chart, location, means, dispersions, sizes, kept, center, sigma)
            excluded += left_out
            if left_out == 0:
                break
            if attempt == PASSES or 10 * excluded > m:
                return False, nan, nan, excluded, used
            center, sigma, used = _estimates(chart, means, dispersions, sizes, kept)
    if isnan(sigma) or sigma <= 0.0:
        return False, nan, nan, excluded, used
    return True, center, sigma, excluded, used


@compiled
def _estimates(chart: int, means: Floats, dispersions: Floats, sizes: Floats, kept: Mask) -> tuple[float, float, int]:
    """`(center, sigma, dispersion_used)` of the kept points; nan without any."""
    weight, weighted, total, used = 0.0, 0.0, 0.0, 0
    for i in range(len(means)):
        if not kept[i]:
            continue
        weight += sizes[i]
        weighted += sizes[i] * (means[i] - means[0])  # from the first point: no digits are lost to the offset
        ratio = dispersions[i] / dispersion_unit(chart, int(sizes[i]))
        if not isnan(ratio):
            total += ratio
            used += 1
    center = means[0] + weighted / weight if weight > 0.0 else nan
    sigma = total / used if used > 0 else nan
    return center, sigma, used


@compiled
def _leave_out(
    chart: int,
    location: bool,
    means: Floats,
    dispersions: Floats,
    sizes: Floats,
    kept: Mask,
    center: float,
    sigma: float,
) -> int:
    """How many kept points lie beyond their limits; `kept` is False for them afterwards."""
    count = 0
    for i in range(len(means)):
        if not kept[i]:
            continue
        limits = control_limits(chart, center, sigma, int(sizes[i]))
        value = means[i] if location else dispersions[i]
        upper, lower = (limits[1], limits[2]) if location else (limits[4], limits[5])
        if beyond(value, upper, True, sigma) or beyond(value, lower, False, sigma):
            kept[i] = False
            count += 1
    return count
