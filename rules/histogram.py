"""The bins of a histogram of single readings, laid so that the gauge's steps make no comb.

A bin holds a whole number of the gauge's steps and its edges lie half a step from every value that the gauge can
show: each bin has equally many such values, and none lies on an edge.
"""

from dataclasses import dataclass
from math import ceil, floor, isnan, log2, log10

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MOST_BINS = 60  # more are not told apart on a page
MOST_DECIMALS = 9
NICE = (1.0, 2.0, 2.5, 5.0, 10.0)
NEAR = 1e-6  # of a step: readings are rounded decimals


@dataclass(frozen=True, slots=True)
class Bins:
    """`counts[i]` readings lie from `edges[i]` to `edges[i + 1]` (m and m + 1 numbers, in the unit)."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def width(self) -> float:
        """The width of every bin."""
        return (self.edges[-1] - self.edges[0]) / len(self.counts)


def bins(values: Floats, step: float) -> Bins:
    """The bins of `values` (float64[n], finite; in any order), at most `MOST_BINS`; none of no values.

    The width is Freedman and Diaconis', 2 IQR n^(−1/3) (Zeitschrift für Wahrscheinlichkeitstheorie 57 (1981)
    453-476); Sturges', range/(1 + log2 n) (JASA 21 (1926) 65-66), where half of the readings are equal. It is rounded
    to whole `step`s of the gauge, in the unit; to a round number where the step is not known (nan).

    >>> bins(np.array([9.98, 9.99, 9.99, 10.0, 10.0, 10.0, 10.01, 10.02]), 0.01).counts
    (1, 2, 3, 1, 1)
    """
    if len(values) == 0:
        return Bins((), ())
    smallest, largest = float(values.min()), float(values.max())
    wanted = max(_width(values, largest - smallest), (largest - smallest) / MOST_BINS)
    if isnan(step):
        width = _nice(wanted, smallest)
        low = floor(smallest / width)
        count = max(ceil(largest / width - low), 1)
        edges = [(low + i) * width for i in range(count + 1)]
        places = np.floor(values / width - low)
    else:
        steps = max(round(wanted / step), ceil((largest - smallest) / step / MOST_BINS), 1)
        width = steps * step
        low = round(smallest / step) // steps * steps
        count = (round(largest / step) - low) // steps + 1
        edges = [(low + i * steps - 0.5) * step for i in range(count + 1)]
        places = np.floor((np.rint(values / step) - low) / steps)
    counts = np.bincount(np.clip(places, 0, count - 1).astype(np.int64), minlength=count)
    return Bins(tuple(edges), tuple(int(n) for n in counts))


def decimal_step(values: Floats) -> float:
    """The decimal step that all `values` are whole multiples of: the gauge's, where nobody has said it.

    nan for no values, and for values of more than nine decimals.

    >>> decimal_step(np.array([10.02, 9.985, 10.0])), decimal_step(np.array([3.0, 120.0]))
    (0.001, 1.0)
    """
    if len(values) == 0:
        return float("nan")
    for decimals in range(MOST_DECIMALS + 1):
        scaled = values * 10.0**decimals
        if bool(np.all(np.abs(scaled - np.rint(scaled)) < NEAR)):
            return float(10.0**-decimals)
    return float("nan")


def _width(values: Floats, spread: float) -> float:
    lower, upper = np.percentile(values, (25, 75))
    width = 2.0 * float(upper - lower) * len(values) ** (-1.0 / 3.0)
    return width if width > 0.0 else spread / (1.0 + log2(len(values)))


def _nice(width: float, about: float) -> float:
    """The round number nearest to `width`, by ratio; where nothing varies a millionth of the value."""
    width = width or abs(about) * 1e-6 or 1.0
    power = 10.0 ** floor(log10(width))
    return power * min(NICE, key=lambda round_one: abs(log10(width / (power * round_one))))
