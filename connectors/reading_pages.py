"""The readings of one characteristic out of the history, page by page: a history may be larger than memory."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from heapq import merge
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from connectors.archive_frames import CONTEXT, readings_of_loose, readings_of_points
from connectors.errors import HistoryAbsent, WrongInput
from connectors.history import read_meta
from connectors.history_schema import column_names, quoted
from rules.results import BY_NAME

PAGE = 5_000  # rows of one read transaction


LONGEST_SUBGROUP_NS = 8 * 24 * 3600 * 1_000_000_000  # longer than one may be open
_EVER_NS = 1 << 62


class Reading(NamedTuple):
    """One reading with its context, as texts; `seq` and `idx` are its place in the journal."""

    time_ns: int
    value: float
    context: dict[str, str]
    seq: int
    idx: int


def readings_of(history: Path, characteristic: str, from_ns: int = 0, until_ns: int = _EVER_NS) -> Iterator[Reading]:
    """The readings with `from_ns` ≤ time < `until_ns`, whatever became of them, nearly in the order of time.

    Nearly: those of one point come together, when it was closed. Raises `HistoryAbsent`, `HistoryForeign`, and
    `WrongInput` for a characteristic that the history does not know.
    """
    if not history.exists():
        raise HistoryAbsent(f"{history}: there is no history yet")
    with closing(sqlite3.connect(f"{history.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)) as db:
        read_meta(db, history)
        names = dict(db.execute('SELECT "characteristic", "name" FROM "characteristic" ORDER BY "row"').fetchall())
        numbers = [number for number, name in names.items() if name == characteristic]
        if not numbers:
            raise WrongInput(f"{history}: expected a characteristic that it knows, got {characteristic!r}")
        points = _pages(db, _POINTS, numbers[0], from_ns, min(until_ns + LONGEST_SUBGROUP_NS, _EVER_NS))
        loose = _pages(db, _LOOSE, numbers[0], from_ns, until_ns)
        in_points = (_rows(readings_of_points(rows, names)) for rows in points)
        alone = (_rows(readings_of_loose(rows, names)) for rows in loose)
        for reading in merge(chain.from_iterable(in_points), chain.from_iterable(alone), key=_time):
            if from_ns <= reading.time_ns < until_ns:
                yield reading


# What replaces a reading's row has its place: the newest is meant.
_POINTS = f'SELECT {quoted((*column_names(BY_NAME["point"]), "current"))} FROM "point" AS "this" WHERE "current" <> 0'
_LOOSE = (
    f'SELECT {quoted(column_names(BY_NAME["reading"]))} FROM "reading" AS "this" WHERE NOT EXISTS (SELECT 1 FROM '
    '"reading" AS "later" WHERE "later"."characteristic" = "this"."characteristic" AND "later"."time" = "this"."time" '
    'AND "later"."seq" = "this"."seq" AND "later"."idx" = "this"."idx" AND "later"."row" > "this"."row")'
)
_TIME_AT = {
    select: column_names(BY_NAME[kind]).index("time") for kind, select in (("point", _POINTS), ("reading", _LOOSE))
}


def _pages(db: sqlite3.Connection, select: str, number: int, from_ns: int, until_ns: int) -> Iterator[list[Any]]:
    """Rows of a characteristic in the order of (time, row), a page a transaction."""
    after = (from_ns, 0)
    query = (
        f'{select} AND "characteristic" = ? AND ("time", "row") > (?, ?) AND "time" < ? '
        f'ORDER BY "time", "row" LIMIT {PAGE}'
    )
    while rows := db.execute(query, (number, *after, until_ns)).fetchall():
        yield rows
        after = (rows[-1][_TIME_AT[select]], rows[-1][0])


def _rows(readings: pl.DataFrame) -> Iterator[Reading]:
    times = readings["time"].to_physical().to_list()
    contexts = readings.select(CONTEXT).iter_rows(named=True)
    values, seqs, idxs = (readings[name].to_list() for name in ("value", "seq", "idx"))
    for time_ns, value, context, seq, idx in zip(times, values, contexts, seqs, idxs, strict=True):
        yield Reading(time_ns, value, {name: text for name, text in context.items() if text is not None}, seq, idx)


def _time(reading: Reading) -> tuple[int, int, int]:
    return reading.time_ns, reading.seq, reading.idx
