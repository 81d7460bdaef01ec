"""What a kind of metric over events is: a row of the table `rules.event_metrics.EVENT_METRICS`."""

from collections.abc import Callable
from dataclasses import dataclass
from math import nan
from typing import Literal

from rules.event_tally import Tally

Better = Literal["higher", "lower", "neither"]
Folds = Literal["inspections", "counts", "machine", "complaints", "readings"]

HOUR_NS = 3_600 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class MetricKind:
    """One kind: its `name` in the plant file, its `formula` in words, unit and `source`.

    `value` gives it from a tally, nan where the formula has nothing to divide by; `n` what it rests on, in `n_of`.
    `folds`: which messages it is made of. Only inspections and complaints carry a context, so only their kinds can be
    filtered and grouped by one. `shows`: the fields of the tally that its detail names.

    `reason` is the word for why there is no value, or why it is of a part only; "" for a whole one. `warning` is the
    word for what is wrong with a value that is as it was asked for. `together`: its messages come from different
    places, so that it is not of each place by itself.
    """

    name: str
    formula: str
    unit: str
    better: Better
    source: str
    folds: Folds
    value: Callable[[Tally], float]
    n: Callable[[Tally], float]
    n_of: str
    shows: tuple[str, ...]
    reason: Callable[[Tally], str] = lambda _: ""
    warning: Callable[[Tally], str] = lambda _: ""
    together: bool = False

    def has_data(self, tally: Tally) -> bool:
        """Whether a tally has anything to do with this kind, be the value defined or not."""
        return any(getattr(tally, name) for name in self.shows)


def share(part: float, whole: float) -> float:
    """`part` of `whole`; nan without a whole.

    >>> share(3, 4), share(0, 0)
    (0.75, nan)
    """
    return part / whole if whole > 0 else nan


def hours(time_ns: float) -> float:
    """Nanoseconds as hours."""
    return time_ns / HOUR_NS


def top_share(amounts: dict[str, int], first: int = 3) -> float:
    """The share of the `first` largest amounts in all of them; nan without any (the head of a Pareto chart)."""
    return share(sum(sorted(amounts.values(), reverse=True)[:first]), sum(amounts.values()))
