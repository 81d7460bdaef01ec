"""A Q-DAS file as a table of readings, for a replay: the whole file, in the order of its values."""

from collections import defaultdict
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import polars as pl

from connectors.dfq import Value, read_dfq
from connectors.dfq_lines import Fault

CHARACTERISTIC = "{product}/{name}"  # the id, unless something else is asked for
MOST_FAULTS = 1000  # that are told
_ROWS = 50_000  # that are Python objects at a time


class DfqTable(NamedTuple):
    """`readings`: time_ns, characteristic, value and the context fields that occur; what was refused; counts.

    `refused` names the first 1,000 lines that hold none, `faults` is how many there are; `counts` is how many values
    of attributive characteristics were passed over.
    """

    readings: pl.DataFrame
    refused: list[str]
    faults: int
    counts: int


def read_dfq_table(path: Path, time_zone: str) -> DfqTable:
    """All readings of a file, in its order. Raises `WrongInput` and `OSError` as `connectors.dfq.read_dfq` does."""
    refused, faults, counts, tables = list[str](), 0, 0, [_EMPTY]
    found = read_dfq(path, time_zone)
    while some := list(islice(found, _ROWS)):
        values = []
        for one in some:
            if isinstance(one, Value):
                values.append(one)
            elif isinstance(one, Fault):
                faults += 1
                if len(refused) < MOST_FAULTS:
                    refused.append(str(one))
            else:
                counts += 1
        tables.append(_table(values))
    return DfqTable(pl.concat(tables, how="diagonal"), refused, faults, counts)


_EMPTY = pl.DataFrame(schema={"time_ns": pl.Int64, "characteristic": pl.String, "value": pl.Float64})


def _table(values: list[Value]) -> pl.DataFrame:
    context: defaultdict[str, list[str | None]] = defaultdict(lambda: [None] * len(values))
    for row, one in enumerate(values):
        for field, text in one.context.items():
            context[field][row] = text
    names = [CHARACTERISTIC.format(name=one.name, product=one.context["product"]) for one in values]
    return pl.DataFrame(
        [
            pl.Series("time_ns", [one.time_ns for one in values], pl.Int64),
            pl.Series("characteristic", names, pl.String),
            pl.Series("value", [one.value for one in values], pl.Float64),
            *(pl.Series(field, texts, pl.String) for field, texts in context.items()),
        ]
    )
