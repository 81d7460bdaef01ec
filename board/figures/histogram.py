"""A histogram of readings with the specification, the mean and the normal curves that the judged figures mean."""

from dataclasses import dataclass
from math import isfinite, isnan
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from board.figures.scale import Scale, ticks
from rules.histogram import Bins, bins, decimal_step
from rules.study import normal_density

WIDTH, HEIGHT = 560.0, 260.0  # of the drawing, in its own units
LEFT, RIGHT, TOP, BOTTOM = 12.0, 548.0, 30.0, 206.0
CURVE_POINTS = 97
REACH = 4.0  # sigmas of a curve
GREATEST = 1e290  # what a broken gauge tells beyond that is counted, and in no bin: no number holds the differences
SEEN = 2.0  # a bar of one reading is at least so high


class Bar(NamedTuple):
    """One bin as it is drawn; `outside` it holds readings beyond specification."""

    x: float
    y: float
    width: float
    height: float
    low: float
    high: float
    readings: int
    outside: bool


class Mark(NamedTuple):
    """An upright line: `kind` lsl, target, usl or mean."""

    kind: str
    x: float
    value: float
    anchor: str


@dataclass(frozen=True, slots=True)
class Fitted:
    """What the curves are drawn of: the judged figures as they are stored (or a study's); nan where undefined."""

    mean: float
    sigma_overall: float
    sigma_within: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """Places in a drawing of `WIDTH` by `HEIGHT`, and what is told in words."""

    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    ticks: tuple[tuple[float, float], ...]
    overall: str
    within: str
    n: int
    below: int
    above: int
    step: float
    bin_width: float


def histogram(
    values: npt.NDArray[np.float64], step: float, limits: tuple[float, float, float], fitted: Fitted
) -> Histogram | None:
    """The drawing of `values` (float64[n], readings in the unit); None without any.

    `step` is the gauge's (nan: read off the values); `limits` lsl, target and usl, nan where absent.
    """
    drawn = values[np.abs(values) < GREATEST]
    if not len(drawn):
        return None
    step = decimal_step(drawn) if isnan(step) else step
    found = bins(drawn, step)
    lsl, _, usl = limits
    across = _across(found, limits, fitted)
    peaks = [normal_density(0.0, 0.0, sigma) * len(values) * found.width
             for sigma in (fitted.sigma_overall, fitted.sigma_within) if sigma > 0]  # fmt: skip
    highest = float(max(*found.counts, *(peak for peak in peaks if peak < 3 * max(found.counts)), 1))
    upright = Scale(0.0, highest * 1.04, BOTTOM, TOP)
    return Histogram(
        bars=_bars(found, across, upright, lsl, usl),
        marks=_marks(limits, fitted.mean, across),
        ticks=tuple((across.at(value), value) for value in ticks(across.low, across.high, 6)),
        overall=_curve(fitted.mean, fitted.sigma_overall, len(values) * found.width, across, upright),
        within=_curve(fitted.mean, fitted.sigma_within, len(values) * found.width, across, upright),
        n=len(values), below=int(np.sum(values < lsl)), above=int(np.sum(values > usl)), step=step,
        bin_width=found.width,
    )  # fmt: skip


def _across(found: Bins, limits: tuple[float, float, float], fitted: Fitted) -> Scale:
    """Everything is seen: every bin, the limits, the curve of all values to three sigmas."""
    reach = 3.2 * fitted.sigma_overall
    wanted = [found.edges[0], found.edges[-1], fitted.mean - reach, fitted.mean + reach, *limits]
    known = [value for value in wanted if isfinite(value)]
    low, high = min(known), max(known)
    margin = (high - low) * 0.03
    return Scale(low - margin, high + margin, LEFT, RIGHT)


def _bars(found: Bins, across: Scale, upright: Scale, lsl: float, usl: float) -> tuple[Bar, ...]:
    bars = []
    for low, high, count in zip(found.edges, found.edges[1:], found.counts, strict=False):
        x, y = across.at(low), min(upright.at(count), BOTTOM - SEEN if count else BOTTOM)
        width = max(round(across.at(high) - x, 2), 0.5)
        bars.append(Bar(x, y, width, round(BOTTOM - y, 2), low, high, count, low >= usl or high <= lsl))
    return tuple(bars)


def _marks(limits: tuple[float, float, float], mean: float, across: Scale) -> tuple[Mark, ...]:
    lsl, target, usl = limits
    named = (("lsl", lsl, "start"), ("target", target, "middle"), ("usl", usl, "end"), ("mean", mean, "middle"))
    return tuple(Mark(kind, across.at(value), value, anchor) for kind, value, anchor in named if isfinite(value))


def _curve(mean: float, sigma: float, area: float, across: Scale, upright: Scale) -> str:
    """The points of a curve in the drawing; empty without a sigma."""
    if not (sigma > 0.0 and isfinite(mean)):
        return ""
    low, high = max(across.low, mean - REACH * sigma), min(across.high, mean + REACH * sigma)
    at = np.linspace(low, high, CURVE_POINTS)
    heights = np.minimum(normal_density(at, mean, sigma) * area, upright.high)
    return " ".join(f"{across.at(x)},{upright.at(y)}" for x, y in zip(at.tolist(), heights.tolist(), strict=True))
