"""Marks in a shard: what a characteristic is told between its readings.

They are few: the kernel runs up to each, and then its record is changed here.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from connectors.columns import Mark
from rules.records import Columns, Shard

_PER_READING = 14  # the columns of Columns that have one element a reading; the others have one a tick


class OfEntry(Protocol):
    """What a journal entry told."""

    @property
    def seq(self) -> int:
        """The entry."""
        ...


Told = TypeVar("Told", bound=OfEntry)


def stretches(columns: Columns, marks: Sequence[Told]) -> Iterator[tuple[Columns, Told | None]]:
    """The frame's columns up to each mark, in the order of their entries; the last stretch has none behind it.

    A mark comes behind the readings and ticks of earlier entries, and before the readings of its own.
    """
    reading = tick = 0
    for mark in marks:
        until = int(np.searchsorted(columns.cause_seq, mark.seq)), int(np.searchsorted(columns.tick_seq, mark.seq))
        yield between(columns, (reading, tick), until), mark
        reading, tick = until
    if not marks:
        yield columns, None
    else:
        yield between(columns, (reading, tick), (len(columns.value), len(columns.tick_ns))), None


def between(columns: Columns, start: tuple[int, int], end: tuple[int, int]) -> Columns:
    """The columns from a reading and a tick on, up to others."""
    readings, ticks = slice(start[0], end[0]), slice(start[1], end[1])
    parts: list[Any] = [array[readings] for array in columns[:_PER_READING]] + [
        array[ticks] for array in columns[_PER_READING:]
    ]
    return Columns._make(parts)._replace(tick_at=columns.tick_at[ticks] - start[0])


def apply_mark(shard: Shard, c: int, mark: Mark) -> None:
    """Change the record of characteristic `c` as the mark says."""
    record = shard.records[c]
    if mark.what == "unverified":
        record["unverified"] = 1
        record["ring_count"] = 0  # the rolling window begins anew
        record["chained"] = 0  # no moving range reaches across a change
        record["dirty"] = record["started"]
        return
    stale = mark.seq if mark.what == "stale" else 0  # a reading of an earlier entry that was held back is no life
    if record["started"]:
        if bool(record["stale"]) != bool(stale):
            record["dirty"] = 1  # the window is stated anew; what is too old is stale at the next tick
        record["stale"] = stale
