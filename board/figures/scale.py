"""From a number to its place in a drawing, and the round numbers at an axis."""

from dataclasses import dataclass
from math import ceil, floor, inf, log10

NICE = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """The numbers `low` to `high` lie at the places `start` to `end` of the drawing."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The place of a value, to a hundredth.

        >>> Scale(0.0, 2.0, 100.0, 0.0).at(0.5)
        75.0
        """
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 2)


def ticks(low: float, high: float, wanted: int) -> list[float]:
    """About so many round numbers from `low` to `high`.

    >>> ticks(9.958, 10.041, 5)
    [9.96, 9.98, 10.0, 10.02, 10.04]

    None where there is no such range: of one number, or of the greatest that a computer holds.

    >>> ticks(3.0, 3.0, 5), ticks(-1.7e308, 1.7e308, 5)
    ([], [])
    """
    rough = (high - low) / wanted
    if not 0.0 < rough < inf:
        return []
    power = 10.0 ** floor(log10(rough))
    step = power * next(nice for nice in NICE if rough <= power * nice * (1 + 1e-9))
    decimals = max(0, 2 - floor(log10(step)))
    first = ceil(low / step - 1e-9)
    return [round(k * step, decimals) for k in range(first, floor(high / step + 1e-9) + 1)]
