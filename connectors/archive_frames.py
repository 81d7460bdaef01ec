"""Rows of the history as the archive's columns: readings out of their points, names for numbers, times as times."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray

from connectors.context import FIELDS
from connectors.history_schema import COPIED, column_names
from rules.results import BY_NAME, LEADING

CONTEXT = tuple(sorted(FIELDS))
# What the archive says of a reading beside what `replay` takes: where it came from, and what it was taken as.
PROVENANCE = ("state", "seq", "idx")
_TIME = pl.Datetime("ns", "UTC")
_TYPES: dict[str, pl.DataType] = {"INTEGER": pl.Int64(), "REAL": pl.Float64(), "TEXT": pl.String(), "BLOB": pl.Binary()}
_POINT = {name: place for place, name in enumerate((*column_names(BY_NAME["point"]), "current"))}
_LOOSE = {name: place for place, name in enumerate(column_names(BY_NAME["reading"]))}

Names = Mapping[int, str]


def table(kind: str, rows: Sequence[Sequence[Any]], names: Names) -> pl.DataFrame:
    """Rows of `kind` with its columns as in `rules.results`, a point's readings left out."""
    columns = LEADING + BY_NAME[kind].columns
    types = {column.name: _TYPES[column.sql] for column in columns}
    frame = pl.DataFrame(rows, schema=types, orient="row")
    left_out = [name for name in COPIED if name in types]
    frame = frame.drop(left_out).with_columns(pl.col("time").cast(_TIME))
    if "characteristic" not in types:
        return frame
    return frame.with_columns(
        pl.Series("characteristic", [names[number] for number in frame["characteristic"]], pl.String)
    )


def readings_of_points(rows: Sequence[Sequence[Any]], names: Names) -> pl.DataFrame:
    """The readings inside points (each with its `current`), one a row, unless a restatement has taken them over.

    Readings of one array had no name for their subgroup but their place; here they get it as one.
    """
    mine = [row for row in rows if row[_POINT["values"]] is not None and row[_POINT["current"]] != 0]
    value = np.frombuffer(b"".join(row[_POINT["values"]] for row in mine), np.float64)
    refs = np.frombuffer(b"".join(row[_POINT["refs"]] for row in mine), np.int64).reshape(-1, 3)
    sizes = np.array([len(row[_POINT["values"]]) // 8 for row in mine], np.int64)
    contexts: list[dict[str, Any]] = []
    for row, size in zip(mine, sizes.tolist(), strict=True):
        text = row[_POINT["contexts"]]
        contexts += [one or {} for one in orjson.loads(text)] if text else [{}] * size
    of = [name for row, size in zip(mine, sizes.tolist(), strict=True)
          for name in [names[row[_POINT["characteristic"]]]] * size]  # fmt: skip
    frame = _readings(refs[:, 2], of, value, ["charted"] * len(value), (refs[:, 0], refs[:, 1]), contexts)
    return frame.with_columns(pl.coalesce("subgroup", _array_names(refs, sizes)).alias("subgroup"))


def readings_of_loose(rows: Sequence[Sequence[Any]], names: Names) -> pl.DataFrame:
    """The readings by themselves, one a row."""
    columns = {name: [row[place] for row in rows] for name, place in _LOOSE.items()}
    contexts = [orjson.loads(text) if text else {} for text in columns["context"]]
    seq, idx = np.array(columns["seq"], np.int64), np.array(columns["idx"], np.int64)
    of = [names[number] for number in columns["characteristic"]]
    time, value = np.array(columns["time"], np.int64), np.array(columns["value"], np.float64)
    return _readings(time, of, value, columns["state"], (seq, idx), contexts)


def _readings(
    time: NDArray[np.int64],
    names: list[str],
    value: NDArray[np.float64],
    state: list[str],
    place: tuple[NDArray[np.int64], NDArray[np.int64]],
    contexts: list[dict[str, Any]],
) -> pl.DataFrame:
    """One row a reading: what `replay` reads (time, characteristic, value, context), and `PROVENANCE`."""
    context = [pl.Series(name, [_text(one.get(name)) for one in contexts], pl.String) for name in CONTEXT]
    return pl.DataFrame(
        [
            pl.Series("time", time).cast(_TIME),
            pl.Series("characteristic", names, pl.String),
            pl.Series("value", value),
            *context,
            pl.Series("state", state, pl.String),
            pl.Series("seq", place[0]),
            pl.Series("idx", place[1]),
        ]
    )


def _array_names(refs: NDArray[np.int64], sizes: NDArray[np.int64]) -> pl.Series:
    """A name (`12345/0`: entry and first place) for readings of points that came as one array, else null."""
    ends = np.cumsum(sizes)
    first = np.repeat(ends - sizes, sizes)  # (readings) the first reading of each one's point
    place = np.arange(len(refs)) - first
    together = (refs[:, 0] == refs[first, 0]) & (refs[:, 2] == refs[first, 2]) & (refs[:, 1] - refs[first, 1] == place)
    whole = np.repeat(np.logical_and.reduceat(together, ends - sizes), sizes) if len(refs) else together
    named = whole & (np.repeat(sizes, sizes) > 1)
    return pl.Series(
        [f"{seq}/{idx}" if name else None for name, (seq, idx) in zip(named, refs[first, :2].tolist(), strict=True)],
        dtype=pl.String,
    )


def _text(value: object) -> str | None:
    return None if value is None else value if isinstance(value, str) else orjson.dumps(value).decode()
