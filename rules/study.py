"""The figures of chosen readings: a study, by the same functions as the stored figures (`rules.tally`)."""

from dataclasses import dataclass
from math import isnan, nan, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from rules.capability import expected_out, indices, within_df
from rules.limits import XBAR_R, dispersion_unit
from rules.verdicts import verdicts

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is studied: n readings, in points or not, and the m charted points that they make.

    `values`: float64[n]; `dispersions`: float64[m], moving range, range or standard deviation, nan where a point has
    none; `sizes`: int64[m] readings of the point; `beyond` of the points lie beyond their stored limits.
    """

    chart: int
    values: Floats
    dispersions: Floats
    sizes: npt.NDArray[np.int64]
    beyond: int = 0


@dataclass(frozen=True, slots=True)
class Judged:
    """What they are judged by; what is absent is nan. `resolution` is the gauge's step."""

    lsl: float = nan
    usl: float = nan
    target: float = nan
    resolution: float = nan
    minimum_n: int = 30
    floor: float = nan


@dataclass(frozen=True, slots=True)
class Figures:
    """A study's figures, named as the stored ones; `verdicts` is a bit set, `expected_out` a share of all parts."""

    n: int
    subgroups: int
    mean: float
    sigma_within: float
    within_df: float
    sigma_overall: float
    cp: float
    cpl: float
    cpu: float
    cpk: float
    cpk_lower: float
    pp: float
    ppl: float
    ppu: float
    ppk: float
    ppk_lower: float
    cpm: float
    out_of_spec: int
    beyond_limits: int
    smallest: float
    largest: float
    expected_out: float
    verdicts: int


def figures(chosen: Chosen, judged: Judged) -> Figures:
    """The indices, bounds and verdicts of the readings; undefined ones are nan.

    Sigma within is the mean of the points' estimates R/d2(n), s/c4(n) or MR/d2(2), sigma overall the sample standard
    deviation: over exactly the readings of a production day they are that day's figures.

    >>> two = Chosen(1, np.array([9.98, 10.02, 9.99, 10.01]), np.array([0.04, 0.02]), np.array([2, 2]))
    >>> found = figures(two, Judged(lsl=9.9, usl=10.1))
    >>> found.n, round(found.mean, 3), round(found.sigma_within, 5), round(found.cpk, 3)
    (4, 10.0, 0.02659, 1.254)
    """
    n, values = len(chosen.values), chosen.values
    mean = float(np.mean(values)) if n else nan
    overall = sqrt(float(np.sum((values - mean) ** 2)) / (n - 1)) if n > 1 else nan
    within, df = _within(chosen)
    found = indices(n, mean, within, df, overall, judged.lsl, judged.usl, judged.target)
    cp, cpl, cpu, cpk, cpk_lower, pp, ppl, ppu, ppk, ppk_lower, cpm = found
    smallest, largest = (float(np.min(values)), float(np.max(values))) if n else (nan, nan)
    bits = verdicts(
        n, judged.minimum_n, judged.lsl, judged.usl, within, overall, smallest, largest, judged.resolution, False,
        len(chosen.sizes), chosen.beyond, cpk, ppk, judged.floor,
    )  # fmt: skip
    return Figures(
        n=n, subgroups=len(chosen.sizes), mean=mean, sigma_within=within, within_df=df, sigma_overall=overall,
        cp=cp, cpl=cpl, cpu=cpu, cpk=cpk, cpk_lower=cpk_lower, pp=pp, ppl=ppl, ppu=ppu, ppk=ppk, ppk_lower=ppk_lower,
        cpm=cpm, out_of_spec=int(np.sum((values < judged.lsl) | (values > judged.usl))), beyond_limits=chosen.beyond,
        smallest=smallest, largest=largest, expected_out=expected_out(mean, overall, judged.lsl, judged.usl),
        verdicts=int(bits),
    )  # fmt: skip


def spread(chart: int, values: Floats) -> float:
    """The dispersion of a subgroup of which `values` (float64[n ≥ 2]) are chosen: their range, or standard deviation.

    >>> spread(XBAR_R, np.array([9.98, 10.02])).__round__(4)
    0.04
    """
    return float(np.max(values) - np.min(values)) if chart == XBAR_R else float(np.std(values, ddof=1))


def moving_ranges(values: Floats, chained: npt.NDArray[np.bool_]) -> Floats:
    """The moving range that ends at each individual: float64[n]; nan where it is not `chained` to the one before.

    >>> moving_ranges(np.array([1.0, 3.0, 4.0]), np.array([False, True, False])).tolist()
    [nan, 2.0, nan]
    """
    return np.where(chained, np.abs(np.diff(values, prepend=np.nan)), np.nan)


def _within(chosen: Chosen) -> tuple[float, float]:
    """Sigma within and its degrees of freedom."""
    total, count, df = 0.0, 0, 0.0
    for dispersion, size in zip(chosen.dispersions.tolist(), chosen.sizes.tolist(), strict=True):
        if isnan(dispersion):
            continue
        total += dispersion / dispersion_unit(chosen.chart, size)
        count += 1
        df += within_df(chosen.chart, 1, max(size, 2))
    return (total / count if count else nan), df


def normal_density(at: Any, mean: float, sigma: float) -> Any:
    """The density of the normal distribution at `at` (a number or float64[n]), in 1/unit; nan with no sigma above 0.

    >>> round(float(normal_density(0.0, 0.0, 1.0)), 4)
    0.3989
    """
    if not sigma > 0.0:
        return at * nan
    z = (at - mean) / sigma
    return np.exp(-0.5 * z * z) / (sigma * sqrt(2.0 * np.pi))
