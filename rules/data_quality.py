"""Data quality: which readings are doubtful before any chart sees them, over columns of readings.

`DATA_QUALITY` is the one table of these signals. A reading is told by its row in the columns; `which` is a number of
its characteristic. All are pure and take the readings in their order: any cut of a column gives the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PART = "data-quality"  # the part of their signals
PARTS_KEPT = 500  # of a characteristic with remeasure = "first": the newest, by which a part is known again

Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class QualitySignal:
    """One kind of signal: its `rule` and sentence, and what its `value` and `limit` say."""

    rule: str
    sentence: str
    value: str
    limit: str


DATA_QUALITY: tuple[QualitySignal, ...] = (
    QualitySignal("missed-sample", "no reading for expected_every of running time", "none", "seconds expected"),
    QualitySignal("stale", "no reading for three times expected_every", "none", "seconds: three times the expected"),
    QualitySignal("stuck", "the same value too many times running", "the value", "how many times"),
    QualitySignal("gauge-overdue", "measured with a gauge past its calibration", "the reading", "none"),
    QualitySignal("implausible", "outside what is plausible: kept for review", "the reading", "the bound it is beyond"),
)


def beyond_bound(
    value: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The bound that each value is beyond, nan for none: float64[n] each; an absent bound is nan.

    >>> beyond_bound(np.array([4.0, 5.0, 8.0]), np.full(3, 5.0), np.full(3, 7.0)).tolist()
    [5.0, nan, 7.0]
    """
    with np.errstate(invalid="ignore"):
        return np.where(value < low, low, np.where(value > high, high, np.nan))


def stuck_at(
    which: Int64s, value: NDArray[np.float64], wanted: Int64s, last: NDArray[np.float64], run: Int64s
) -> Int64s:
    """The rows at which a value has come `wanted[which]` times running, in order: int64.

    `last` and `run`, of every characteristic, are the value before and how often it came; they go on in place. Equal is
    exactly equal.

    >>> last, run = np.full(1, np.nan), np.zeros(1, np.int64)
    >>> stuck_at(np.zeros(6, np.int64), np.array([1.0, 2, 2, 2, 2, 1]), np.array([3]), last, run).tolist()
    [3]
    >>> last.tolist(), run.tolist()
    ([1.0], [1])
    """
    if not len(which):
        return np.empty(0, np.int64)
    order = np.argsort(which, kind="stable")
    of, values = which[order], value[order]
    first = np.append(True, of[1:] != of[:-1])  # the first row of each characteristic
    before = np.where(first, last[of], np.append(np.nan, values[:-1]))
    begins = values != before  # nan before: it begins
    at = np.arange(len(of))
    start = np.maximum.accumulate(np.where(begins | first, at, 0))
    length = at - start + 1 + np.where(begins[start], 0, run[of])
    ends = np.append(of[1:] != of[:-1], True)
    last[of[ends]], run[of[ends]] = values[ends], length[ends]
    return np.sort(order[length == wanted[of]])


class Measured(NamedTuple):
    """One reading of a part: its row, part (hash; 0: none) and measurement, whose values come together."""

    row: int
    part: int
    measurement: tuple[int, int]  # journal entry and time: the values of one message


Parts = dict[int, tuple[int, int]]  # by part: its first measurement, the oldest part first


def measured_again(readings: Sequence[Measured], parts: Parts) -> list[int]:
    """Of one characteristic's readings the rows of parts that were measured before; `parts` goes on in place.

    The newest 500 parts are known again.

    >>> parts: Parts = {}
    >>> measured_again([Measured(0, 7, (1, 0)), Measured(1, 8, (2, 0)), Measured(2, 7, (3, 0))], parts)
    [2]
    """
    again = []
    for row, part, measurement in readings:
        if not part:
            continue
        if parts.setdefault(part, measurement) != measurement:
            again.append(row)
        if len(parts) > PARTS_KEPT:
            del parts[next(iter(parts))]
    return again


class LastOnes(NamedTuple):
    """What becomes of held readings: `(row, by row)` where a reading decides, `(row, by tick)` where time does."""

    superseded: list[tuple[int, int]]  # the part was measured again, by that reading
    followed: list[tuple[int, int]]  # another part has come: the last measurement counts
    timed_out: list[tuple[int, int]]  # nothing came for so long: it counts
    held: list[int]


def last_ones(
    readings: Sequence[Measured], at: Sequence[int], due: Sequence[int], ticks: tuple[Int64s, Int64s]
) -> LastOnes:
    """Of one characteristic's readings those whose part is not measured again until another one comes.

    `at[k]` is the place of reading k among all of the stretch, −1 for one held from before; `due[k]` the time at which
    it is waited for no longer. `ticks` are places (how many readings come before) and times, int64[t] each. A reading
    without a part lets go what is held, and is in none of the lists.
    """
    places, times = ticks
    result = LastOnes([], [], [], [])
    waiting: list[int] = []  # places in `readings`, all of one measurement

    def due_tick() -> int:
        """The first tick behind what waits that finds it due; t: none."""
        behind = int(np.searchsorted(places, at[waiting[-1]], side="right"))
        return max(behind, int(np.searchsorted(times, due[waiting[0]])))

    def let_go(into: list[tuple[int, int]], by: int) -> None:
        into.extend((readings[k].row, by) for k in waiting)
        waiting.clear()

    for k, (row, part, measurement) in enumerate(readings):
        if waiting:
            tick, before = due_tick(), readings[waiting[0]]
            if tick < len(places) and places[tick] <= at[k]:
                let_go(result.timed_out, tick)
            elif part != before.part:
                let_go(result.followed, row)
            elif measurement != before.measurement:
                let_go(result.superseded, row)
        if part:
            waiting.append(k)
    if waiting and (tick := due_tick()) < len(places):
        let_go(result.timed_out, tick)
    result.held.extend(readings[k].row for k in waiting)
    return result
