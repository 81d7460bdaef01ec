"""The figures of the oracle: constants, limits, Phase I, indices, bounds and verdicts, each from its definition.

Plain Python over whole lists: no array, no running sum, nothing of the engine's. Constants for n = 2 … 25 are those of
`tests/truth/constants_exact.json`; sums are exact (`Fraction`), so that equal values have a spread of exactly 0.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import comb, erfc, exp, inf, isnan, lgamma, nan, sqrt
from pathlib import Path
from statistics import NormalDist

from rules.spec import CharacteristicSpec

_EXACT = json.loads((Path(__file__).parent / "truth" / "constants_exact.json").read_text(encoding="utf-8"))["expected"]
D2 = dict(enumerate(_EXACT["d2"]["value"], 2))
D3 = dict(enumerate(_EXACT["d3"]["value"], 2))

LINE = 1e-12  # of sigma: CONVENTIONS, "limits compared"
LOWER_95 = NormalDist().inv_cdf(0.05)
VERDICTS = ("no-spec", "insufficient", "gauge", "resolution", "stale", "unverified", "unstable", "drifting")


def c4(n: int) -> float:
    """E[s]/σ of n normal values: √(2/(n−1)) Γ(n/2)/Γ((n−1)/2)."""
    return sqrt(2 / (n - 1)) * exp(lgamma(n / 2) - lgamma((n - 1) / 2))


def exact_mean(values: Sequence[float]) -> float:
    return float(sum(map(Fraction, values)) / len(values)) if values else nan


def deviation(values: Sequence[float]) -> float:
    """The sample standard deviation; undefined for fewer than two values."""
    if len(values) < 2:
        return nan
    parts = [Fraction(value) for value in values]
    mean = sum(parts) / len(parts)
    return sqrt(sum((part - mean) ** 2 for part in parts) / (len(parts) - 1))


def sigma_estimate(chart: str, dispersion: float, n: int) -> float:
    """What one plotted dispersion says of sigma within: MR/d2(2), R/d2(n), s/c4(n)."""
    return dispersion / (D2[2] if chart == "individuals" else D2[n] if chart == "xbar-r" else c4(n))


def degrees(chart: str, n: int) -> float:
    """Degrees of freedom of one dispersion point: 0.61 of a moving range, 0.9 (n−1) of a range, fₙ (n−1) of an s."""
    if chart == "individuals":
        return 0.61
    return 0.9 * (n - 1) if chart == "xbar-r" else c4(n) ** 2 / (2 * (1 - c4(n) ** 2))


def limits_of(chart: str, center: float, sigma: float, n: int) -> tuple[float, float, float, float, float, float]:
    """cl, ucl, lcl of the location and of the dispersion; a dispersion below 0 does not exist."""
    half = 3 * sigma / sqrt(1 if chart == "individuals" else n)
    size = 2 if chart == "individuals" else n
    middle = c4(size) if chart == "xbar-s" else D2[size]
    spread = sqrt(1 - c4(size) ** 2) if chart == "xbar-s" else D3[size]
    low, high = middle - 3 * spread, middle + 3 * spread
    return center, center + half, center - half, middle * sigma, high * sigma, max(low, 0.0) * sigma


def is_beyond(value: float, lower: float, upper: float, sigma: float) -> bool:
    return value > upper + LINE * sigma or value < lower - LINE * sigma


@dataclass(frozen=True)
class Sample:
    """One point of a baseline; `dispersion` is nan where it has none."""

    mean: float
    dispersion: float
    n: int


def phase_one(chart: str, points: Sequence[Sample]) -> tuple[bool, float, float, int]:
    """ok, center, sigma and how many were left out: dispersion first, then location, each with at most two passes."""
    kept = list(points)
    for part in ("dispersion", "location"):
        for attempt in range(3):
            center, sigma = _estimate(chart, kept)
            inside = [point for point in kept if not _stands_out(chart, part, point, center, sigma)]
            if len(inside) == len(kept):
                break
            kept = inside
            left_out = len(points) - len(kept)
            if attempt == 2 or left_out > len(points) / 10:
                return False, nan, nan, left_out
    center, sigma = _estimate(chart, kept)
    left_out = len(points) - len(kept)
    return (True, center, sigma, left_out) if sigma > 0 else (False, nan, nan, left_out)


def _estimate(chart: str, kept: Sequence[Sample]) -> tuple[float, float]:
    total = sum(point.n for point in kept)
    center = float(sum(Fraction(point.mean) * point.n for point in kept) / total) if total else nan
    sigmas = [sigma_estimate(chart, point.dispersion, point.n) for point in kept if not isnan(point.dispersion)]
    return center, exact_mean(sigmas)


def _stands_out(chart: str, part: str, point: Sample, center: float, sigma: float) -> bool:
    _, ucl, lcl, _, d_ucl, d_lcl = limits_of(chart, center, sigma, point.n)
    if part == "dispersion":
        return is_beyond(point.dispersion, d_lcl, d_ucl, sigma)
    return is_beyond(point.mean, lcl, ucl, sigma)


def binomial_quantile(n: int, probability: float) -> int:
    """The smallest q with P(X ≤ q) ≥ `probability` for X ~ Binomial(n, 2Φ(−3))."""
    p = erfc(3 / sqrt(2))
    total, q = 0.0, -1
    while total < probability and q < n:
        q += 1
        total += comb(n, q) * p**q * (1 - p) ** (n - q)
    return max(q, 0)


def capability(
    spec: CharacteristicSpec,
    values: Sequence[float],
    dispersions: Sequence[tuple[float, int]],
    *,
    points: int,
    beyond: int,
    stale: bool = False,
) -> dict[str, float]:
    """One statement: `values` are all readings, `dispersions` the (dispersion, n) from which sigma within comes."""
    sigmas = [sigma_estimate(spec.chart, dispersion, n) for dispersion, n in dispersions]
    df = sum(degrees(spec.chart, n) for _, n in dispersions)
    mean, overall, within = exact_mean(values), deviation(values), exact_mean(sigmas)
    cp, cpl, cpu, cpk = _indices(spec, mean, within)
    pp, ppl, ppu, ppk = _indices(spec, mean, overall)
    off = sqrt(overall**2 + (mean - spec.target) ** 2)
    figures: dict[str, float] = {
        "n": len(values),
        "subgroups": points,
        "mean": mean,
        "sigma_within": within,
        "sigma_overall": overall,
        "within_df": df,
        "cp": cp,
        "cpl": cpl,
        "cpu": cpu,
        "cpk": cpk,
        "cpk_lower": _bound(cpk, len(values), df),
        "pp": pp,
        "ppl": ppl,
        "ppu": ppu,
        "ppk": ppk,
        "ppk_lower": _bound(ppk, len(values), len(values) - 1),
        "cpm": (spec.usl - spec.lsl) / (6 * off) if overall > 0 else nan,
        "out_of_spec": sum(value < spec.lsl or value > spec.usl for value in values),
        "beyond_limits": beyond,
    }
    shown = _verdicts(spec, values, figures, stale=stale)
    figures["verdicts"] = sum(1 << VERDICTS.index(name) for name in shown) if shown else 1 << 9
    return figures


def _indices(spec: CharacteristicSpec, mean: float, sigma: float) -> tuple[float, float, float, float]:
    if not sigma > 0:
        return nan, nan, nan, nan
    lower, upper = (mean - spec.lsl) / (3 * sigma), (spec.usl - mean) / (3 * sigma)
    sides = [side for side in (lower, upper) if not isnan(side)]
    return (spec.usl - spec.lsl) / (6 * sigma), lower, upper, min(sides, default=nan)


def _bound(index: float, n: int, df: float) -> float:
    """Bissell's one-sided 95 % lower bound."""
    return index + LOWER_95 * sqrt(1 / (9 * n) + index**2 / (2 * df)) if n > 0 and df > 0 else nan


def _verdicts(
    spec: CharacteristicSpec, values: Sequence[float], figures: dict[str, float], *, stale: bool
) -> list[str]:
    cpk, ppk, points = figures["cpk"], figures["ppk"], int(figures["subgroups"])
    spread = max(values, default=nan) - min(values, default=nan)
    still = len(values) > 1 and 0.0 in (spread, figures["sigma_within"], figures["sigma_overall"])
    steps = spread / spec.resolution if spec.resolution > 0 else inf
    moved = cpk != 0 and not isnan(cpk) and figures["sigma_within"] < 0.75 * figures["sigma_overall"]  # Ppk/Cpk
    holds = {
        "no-spec": isnan(spec.lsl) and isnan(spec.usl),
        "insufficient": len(values) < spec.minimum_n,
        "resolution": still or (len(values) > 1 and steps < 5 - 1e-6),  # readings are rounded decimals
        "stale": stale,
        "unstable": moved or figures["beyond_limits"] > binomial_quantile(points, 0.99),
        "drifting": ppk < spec.breach.floor <= cpk,
    }
    return [name for name in VERDICTS if holds.get(name)]
