"""The points of one characteristic as columns, in the order in which they were charted: without their readings.

A point's place in that order is its place on the chart's axis. Numbers that are undefined are nan.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from board.history.rows import Row

Column = NDArray[np.float64] | NDArray[np.int64] | NDArray[np.int32]

WIDE = ("row", "seq", "time")
WHOLE = ("idx", "signals", "phase", "revision", "specification_revision")
LOCATION = ("cl", "ucl", "lcl")
DISPERSION = ("dispersion_cl", "dispersion_ucl", "dispersion_lcl")
REALS = ("value", "dispersion", "n", *LOCATION, *DISPERSION)
NAMES = (*WIDE, *WHOLE, *REALS)
# what is undefined is stored as NULL, which no array of numbers takes: −∞ stands for it on the way
SELECT = ", ".join(f'ifnull("{name}", {"-9e999" if name in REALS else 0})' for name in NAMES)


def type_of(name: str) -> type:
    """The type of the numbers in a column."""
    if name in REALS:
        return np.float64
    return np.int64 if name in WIDE else np.int32


_RECORD = np.dtype([(name, type_of(name)) for name in NAMES])


@dataclass(frozen=True, slots=True)
class Columns:
    """`by_name`: an array for each of `NAMES`, all of the same length; nobody changes them."""

    by_name: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.by_name["row"])

    def __getitem__(self, name: str) -> Column:
        return self.by_name[name]

    @property
    def signals(self) -> NDArray[np.int64]:
        """The rules that each point shows, as bits."""
        return self.by_name["signals"].astype(np.int64)

    @property
    def nbytes(self) -> int:
        """The memory that they take."""
        return sum(column.nbytes for column in self.by_name.values())

    def part(self, start: int, end: int) -> "Columns":
        """The points at the places from `start` up to, not including, `end`."""
        return Columns({name: column[start:end] for name, column in self.by_name.items()})

    def taken(self, places: NDArray[np.int64]) -> "Columns":
        """The points at these places."""
        return Columns({name: column[places] for name, column in self.by_name.items()})


def columns_of(rows: Iterable[Row]) -> Columns:
    """Rows of `SELECT` in ascending order of their times, as columns in the order of (time, seq, idx)."""
    records = np.fromiter(rows, _RECORD)
    found = Columns({name: np.ascontiguousarray(records[name]) for name in NAMES})
    for name in REALS:
        column = found[name]
        column[np.isneginf(column)] = np.nan
    if (np.diff(found["time"]) > 0).all():
        return found
    return found.taken(np.lexsort((found["idx"], found["seq"], found["time"])))
