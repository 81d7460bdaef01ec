"""Readings that are taken again: what a correction tells a shard."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.columns import Mark, Readings

Place = tuple[int, int]  # a reading: its journal entry, and its place there


class Piece(NamedTuple):
    """One frame of one characteristic: its readings with their days, the ticks among them, marks, and a gap before.

    `gap` is the index of the connector whose data have one; -1 where there is none.
    """

    readings: Readings
    cause_seq: NDArray[np.int64]
    day: NDArray[np.int64]
    tick_at: NDArray[np.int64]
    tick_ns: NDArray[np.int64]
    tick_seq: NDArray[np.int64]
    tick_closed: NDArray[np.int64]
    marks: tuple[Mark, ...]
    gap: int = -1

    def only(self, rows: NDArray[np.int64]) -> "Piece":
        """The piece without the readings that are not among `rows`, which are in order."""
        return self._replace(
            readings=self.readings.take(rows),
            cause_seq=self.cause_seq[rows],
            day=self.day[rows],
            tick_at=np.searchsorted(rows, self.tick_at),
        )


class Rebuild(NamedTuple):
    """What a shard is told by a correction, entry `seq`, of a characteristic (index into the plan) and one of its days.

    `before`: what readings counted for up to now where that is not what came, nan for nothing; `now`: the same with
    this correction. `pieces` are the readings from `day` on. `rows` are those of kind `correction`, without their
    first columns and their state.
    """

    seq: int
    time_ns: int
    characteristic: int
    day: int
    before: Mapping[Place, float]
    now: Mapping[Place, float]
    pieces: tuple[Piece, ...]
    rows: tuple[tuple[Any, ...], ...]
    what: Literal["rebuild"] = "rebuild"
