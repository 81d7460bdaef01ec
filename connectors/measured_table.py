"""A file as a table of readings, for a replay: the whole file, in its order, with the ids of the characteristics."""

from collections import defaultdict
from itertools import islice
from pathlib import Path
from string import Formatter
from typing import NamedTuple

import polars as pl

from connectors.dfq_lines import Fault
from connectors.measured import read_file
from connectors.table_rows import PLAIN, Layout, TableRow

MOST_FAULTS = 1000  # that are told
_ROWS = 50_000  # that are Python objects at a time


class How(NamedTuple):
    """How a file is read: what its columns mean, how an id is made of {name} and context fields, whose time it has."""

    layout: Layout
    template: str
    time_zone: str = ""  # empty: the plant's


Q_DAS = How(PLAIN, "{product}/{name}")  # unless something else is asked for


class MeasuredTable(NamedTuple):
    """`readings`: time_ns, characteristic, value and the context fields that occur; what was refused; counts.

    `refused` names the first 1,000 lines that hold none, `faults` is how many there are; `counts` is how many values
    of attributive characteristics were passed over.
    """

    readings: pl.DataFrame
    refused: list[str]
    faults: int
    counts: int


def read_measured_table(path: Path, time_zone: str, how: How) -> MeasuredTable:
    """All readings of a file, in its order. Raises `WrongInput` and `OSError` as `connectors.measured` does."""
    refused, faults, counts, tables = list[str](), 0, 0, [_EMPTY]
    found = read_file(path, time_zone, how.layout)
    needed = tuple(name for _, name, _, _ in Formatter().parse(how.template) if name not in (None, "name"))
    while some := list(islice(found, _ROWS)):
        rows = []
        for one in some:
            lacking = [name for name in needed if name not in one.context] if isinstance(one, TableRow) else []
            if isinstance(one, TableRow) and not lacking:
                rows.append(one)
            elif isinstance(one, TableRow | Fault):
                faults += 1
                fault = Fault(one.line, f"{lacking[0]}, of which the id is made", "none") if lacking else one
                refused += [str(fault)] * (len(refused) < MOST_FAULTS)
            else:
                counts += 1
        tables.append(_table(rows, how.template))
    return MeasuredTable(pl.concat(tables, how="diagonal"), refused, faults, counts)


_EMPTY = pl.DataFrame(schema={"time_ns": pl.Int64, "characteristic": pl.String, "value": pl.Float64})


def _table(rows: list[TableRow], template: str) -> pl.DataFrame:
    values = [(one, name, value) for one in rows for name, value in one.values.items()]
    context: defaultdict[str, list[str | None]] = defaultdict(lambda: [None] * len(values))
    for place, (one, _, _) in enumerate(values):
        for field, text in one.context.items():
            context[field][place] = text
    names = [template.format(name=name, **one.context) for one, name, _ in values]
    return pl.DataFrame(
        [
            pl.Series("time_ns", [one.time_ns for one, _, _ in values], pl.Int64),
            pl.Series("characteristic", names, pl.String),
            pl.Series("value", [value for _, _, value in values], pl.Float64),
            *(pl.Series(field, texts, pl.String) for field, texts in context.items()),
        ]
    )
