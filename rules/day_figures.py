"""The figures of closed days, and several days pooled into one.

The pooled indices are those of the days taken together under the newest day's specification; their bounds are
one-sided 95 % (`rules.capability.bissell_bound`). Everything here is total: what overflows is undefined (nan), and
no data raise.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import fsum, inf, isfinite, isnan, nan, sqrt

from rules.capability import LOWER_95, UPPER_95, bissell_bound


@dataclass(frozen=True, slots=True)
class DayFigure:
    """One characteristic's figures of one closed production day; an undefined number is nan.

    `day` is a date ordinal, `verdicts` a bit set in the order of `rules.verdicts.VERDICTS`; `within_df` are the
    degrees of freedom of `sigma_within`. Where nothing varies and a part is out of specification, `cpk` is -inf:
    a bad figure, not a missing one. `revision` is the day's, the other two those of limits and specification.
    """

    day: int
    n: int
    subgroups: int
    mean: float
    sigma_within: float
    within_df: float
    sigma_overall: float
    cpk: float
    ppk: float
    lsl: float
    usl: float
    verdicts: int
    revision: int = 1
    limits_revision: int = 0
    specification_revision: int = 0


@dataclass(frozen=True, slots=True)
class Pooled:
    """An index of several days together: its value, one-sided 95 % bounds, and what it was made of."""

    value: float
    lower: float
    upper: float
    n: int
    mean: float
    sigma: float
    df: float


def defined(value: float) -> float:
    """The value itself, or nan where it has overflowed."""
    return value if isfinite(value) else nan


def root(value: float) -> float:
    """√value; nan for what is negative, nan or infinite."""
    return sqrt(value) if 0 <= value < inf else nan


def total(values: Iterable[float]) -> float:
    """The sum, rounded once; nan where it overflows or a part of it is nan or infinite."""
    try:
        return defined(fsum(values))
    except (OverflowError, ValueError):  # in between beyond the largest float; infinities of both signs
        return nan


def nearest_side(mean: float, sigma: float, lsl: float, usl: float) -> float:
    """The smaller of (usl - mean)/3σ and (mean - lsl)/3σ; an absent limit (nan) leaves the other side.

    nan with neither limit and with an undefined sigma. With sigma 0: -inf when the mean is out of specification,
    else nan (CONVENTIONS: no spread has no index).
    """
    room = min((side for side in (usl - mean, mean - lsl) if not isnan(side)), default=nan)
    if sigma > 0:
        return defined(room / (3 * sigma))
    return -inf if sigma == 0 and room < 0 else nan


def pooled_within(days: Sequence[DayFigure]) -> Pooled:
    """Cpk of the days together (oldest first).

    The mean is weighted by n, sigma within by subgroups (which is R̄/d2 over all subgroups of equal size), the
    degrees of freedom are summed.
    """
    known = [day for day in days if day.subgroups > 0 and not isnan(day.sigma_within)]
    subgroups = sum(day.subgroups for day in known)
    sigma = total(day.subgroups * day.sigma_within for day in known) / subgroups if known else nan
    return _pooled(days, sigma, total(day.within_df for day in known))


def pooled_overall(days: Sequence[DayFigure]) -> Pooled:
    """Ppk of the days together with their sigmas overall pooled by variance: √(Σ(n-1)s² / Σ(n-1)).

    What the mean moves from day to day is not in it; `merged_overall` has it.
    """
    known = [day for day in days if not isnan(day.sigma_overall)]
    df = sum(day.n - 1 for day in known)
    squares = total((day.n - 1) * day.sigma_overall * day.sigma_overall for day in known)
    return _pooled(days, root(squares / df) if df > 0 else nan, df)


def merged_overall(days: Sequence[DayFigure]) -> Pooled:
    """Ppk of all the days' readings as one sample: centred sums merged day by day.

    Source: Chan, Golub & LeVeque, "Algorithms for computing the sample variance", The American Statistician 37
    (1983) 242–247, eq. 2.1. A day of one reading has no sigma and a centred sum of 0.
    """
    n, mean, m2 = 0, 0.0, 0.0
    for day in days:
        if day.n == 0:
            continue
        delta, together = day.mean - mean, n + day.n
        own = (day.n - 1) * day.sigma_overall * day.sigma_overall if day.n > 1 else 0.0
        mean, m2 = mean + delta * day.n / together, m2 + own + delta * delta * n * day.n / together
        n = together
    return _pooled(days, root(m2 / (n - 1)) if n > 1 else nan, n - 1)


def _pooled(days: Sequence[DayFigure], sigma: float, df: float) -> Pooled:
    taken = [day for day in days if day.n > 0]
    n = sum(day.n for day in taken)
    mean = total(day.n * day.mean for day in taken) / n if n else nan
    value = nearest_side(mean, sigma, days[-1].lsl, days[-1].usl) if days else nan
    if isnan(value) and sigma == 0 and any(day.cpk == -inf for day in days):
        value = -inf  # no spread within, and parts out of specification on one of the days
    if value == -inf:
        return Pooled(value, value, value, n, mean, sigma, df)
    lower, upper = (defined(bissell_bound(value, float(n), float(df), z)) for z in (LOWER_95, UPPER_95))
    return Pooled(value, lower, upper, n, mean, sigma, df)
