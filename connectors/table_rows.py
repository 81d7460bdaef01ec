"""CSV and Parquet files of other programs, read in pieces: their columns mean what the plant file says.

Either one row a value, with the columns of `time`, `characteristic` and `value`, or one row with many values, each in a
column of its own. Context fields are taken from the columns that are named for them, or that have their names. A row
that cannot be taken is a `Fault`, a value of a wide row too; the others are taken.
"""

import csv
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from polars.exceptions import PanicException, PolarsError

from connectors.context import FIELDS
from connectors.dfq_lines import Fault
from connectors.errors import WrongInput
from connectors.event_time import EventTimes
from connectors.file_times import times_ns

LARGEST = 1e100  # beyond it is a sentinel, no measurement
ROWS = 10_000  # in memory at a time
TIME, CHARACTERISTIC, VALUE = "time", "characteristic", "value"

Cells = tuple[Any, ...]


class Layout(NamedTuple):
    """Which column holds what. `columns`: field to column; `values`: name to column, empty for one row a value."""

    columns: Mapping[str, str]
    values: Mapping[str, str]
    separator: str
    decimal: str
    encoding: str
    time_format: str


PLAIN = Layout({}, {}, ",", ".", "utf-8", "")


class TableRow(NamedTuple):
    """What a row holds: its values by name, its context."""

    line: int
    time_ns: int
    values: dict[str, float]
    context: dict[str, str]


class _Piece(NamedTuple):
    """Some rows: their lines, their cells, and what was no row."""

    lines: list[int]
    rows: list[Cells]
    faults: list[Fault]


def read_rows(path: Path, layout: Layout, time_zone: str) -> Iterator[TableRow | Fault]:
    """Rows and faults in the order of the file; the line of a Parquet file is its row, from 1.

    Raises `WrongInput` for a file that lacks a column or is no such file, and `OSError`.
    """
    if path.suffix.lower() == ".csv":
        header, time_type = _csv_header(path, layout), None
        pieces = _csv_pieces(path, layout, len(header))
    else:
        try:
            schema = pl.scan_parquet(path, glob=False).collect_schema()
        except (PolarsError, PanicException) as error:
            raise WrongInput(f"{path}: expected a readable Parquet file, got: {_first_line(error)}") from error
        header, time_type = schema.names(), schema.get(layout.columns.get(TIME, TIME))
        pieces = _parquet_pieces(path)
        if time_type is not None and not _may_be_times(time_type):
            named = layout.columns.get(TIME, TIME)
            raise WrongInput(f"{path}: {named}: expected times, numbers or text, got {time_type}")
    columns = _Columns(path, header, layout)
    times = EventTimes(time_zone)
    for piece in pieces:
        yield from piece.faults
        column = pl.Series(TIME, [row[columns.time] for row in piece.rows], dtype=time_type or pl.String)
        for line, row, time_ns in zip(
            piece.lines, piece.rows, _times(column, layout.time_format, times).to_list(), strict=True
        ):
            if time_ns is None:
                expected = layout.time_format or "RFC 3339 or milliseconds since 1970 (not seconds)"
                yield Fault(line, f"a time ({expected}) in column {header[columns.time]!r}", _shown(row[columns.time]))
            else:
                yield from columns.row(line, time_ns, row)


class _Columns:
    """Where in a row everything is."""

    def __init__(self, path: Path, header: list[str], layout: Layout) -> None:
        self._header, self._decimal = header, layout.decimal
        needed = [TIME, *(() if layout.values else (CHARACTERISTIC, VALUE)), *layout.columns]
        wanted = [layout.columns.get(field, field) for field in needed] + list(layout.values.values())
        lacking = [column for column in wanted if column not in header]
        if lacking:
            expected = f"expected a column {lacking[0]!r}"
            hint = f"; are the columns separated by something else than {layout.separator!r}?" * (len(header) == 1)
            raise WrongInput(f"{path}: {expected}, got {', '.join(header[:20]) or 'none'}{hint}")
        self.time = header.index(layout.columns.get(TIME, TIME))
        self._one = None if layout.values else (header.index(layout.columns.get(CHARACTERISTIC, CHARACTERISTIC)),
                                                header.index(layout.columns.get(VALUE, VALUE)))  # fmt: skip
        self._wide = {name: header.index(column) for name, column in layout.values.items()}
        fields = {field: layout.columns.get(field, field) for field in sorted(FIELDS)}
        self._context = {field: header.index(column) for field, column in fields.items() if column in header}

    def row(self, line: int, time_ns: int, row: Cells) -> Iterator[TableRow | Fault]:
        """What a row holds, and what of it cannot be taken."""
        values: dict[str, float] = {}
        for name, place in self._places(row):
            cell = row[place]
            if self._wide and (cell is None or cell == ""):
                continue  # not measured
            value = _number(cell, self._decimal)
            if not name:
                yield Fault(line, f"a name in column {self._header[self._one[0]]!r}" if self._one else "a name", "none")
            elif value is None:
                yield Fault(line, f"a finite number in column {self._header[place]!r}", _shown(cell))
            else:
                values[name] = value
        if values:
            context = {field: _text(row[place]) for field, place in self._context.items()}
            yield TableRow(line, time_ns, values, {field: text for field, text in context.items() if text})

    def _places(self, row: Cells) -> list[tuple[str, int]]:
        return list(self._wide.items()) if self._one is None else [(_text(row[self._one[0]]), self._one[1])]


def _csv_header(path: Path, layout: Layout) -> list[str]:
    with path.open(encoding=_encoding(layout), errors="surrogateescape", newline="") as file:
        try:
            header = next(csv.reader(file, delimiter=layout.separator), [])
        except (csv.Error, UnicodeError) as error:
            raise WrongInput(f"{path}: expected CSV in {layout.encoding}, got: {error}") from error
    return [printed(name).strip() for name in header]


def _csv_pieces(path: Path, layout: Layout, width: int) -> Iterator[_Piece]:
    with path.open(encoding=_encoding(layout), errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, delimiter=layout.separator)
        next(reader, None)
        ended = False
        while not ended:
            piece, began = _Piece([], [], []), reader.line_num
            before = began
            try:
                for cells in islice(reader, ROWS):
                    line, before = before + 1, reader.line_num
                    if not cells:
                        continue  # a blank line
                    if len(cells) != width:
                        piece.faults.append(Fault(line, f"{width} fields as in line 1", f"{len(cells)} of them"))
                    elif any(_undecoded(cell) for cell in cells):
                        piece.faults.append(Fault(line, f"text in {layout.encoding}", printed("".join(cells))))
                    else:
                        piece.lines.append(line)
                        piece.rows.append(tuple(cells))
                ended = before == began
            except (csv.Error, UnicodeError) as error:
                piece.faults.append(Fault(before + 1, "CSV; the rest of the file is not read", str(error)))
                ended = True
            yield piece


def _parquet_pieces(path: Path) -> Iterator[_Piece]:
    scanned, first = pl.scan_parquet(path, glob=False), 0
    while True:
        try:
            rows = scanned.slice(first, ROWS).collect().rows()
        except (PolarsError, PanicException) as error:
            yield _Piece([], [], [Fault(first + 1, "Parquet; the rest of the file is not read", _first_line(error))])
            return
        if not rows:
            return
        yield _Piece(list(range(first + 1, first + len(rows) + 1)), rows, [])
        first += len(rows)


def _may_be_times(kind: pl.DataType) -> bool:
    return kind in (pl.String, pl.Categorical, pl.Enum, pl.Datetime) or kind.is_numeric()


def _times(column: pl.Series, time_format: str, times: EventTimes) -> pl.Series:
    if time_format and column.dtype == pl.String:
        column = column.str.strip_chars().str.strptime(pl.Datetime("ns"), time_format, strict=False)
    return times_ns(column, times)


def _number(cell: object, decimal: str) -> float | None:
    if isinstance(cell, str):
        text = cell.strip()
        if "_" in text or (decimal == "," and "." in text):
            return None
        try:
            cell = float(text.replace(",", ".") if decimal == "," else text)
        except ValueError:
            return None
    if isinstance(cell, bool) or not isinstance(cell, int | float | Decimal):
        return None
    value = float(cell)
    return value if isfinite(value) and abs(value) <= LARGEST else None


def _text(cell: object) -> str:
    return str(cell).strip() if isinstance(cell, str | int | float) and not isinstance(cell, bool) else ""


def _first_line(error: BaseException) -> str:
    return str(error).split("\n")[0]


def _encoding(layout: Layout) -> str:
    return "utf-8-sig" if layout.encoding.lower().replace("_", "-") in ("utf-8", "utf8") else layout.encoding


def _undecoded(cell: str) -> bool:
    return not cell.isascii() and any("\udc80" <= sign <= "\udcff" for sign in cell)


def printed(text: str) -> str:
    """A text that can be written as UTF-8: what is not (a name of a file in Latin-1) becomes `?`."""
    return text.encode("utf-8", "replace").decode()


def _shown(cell: object) -> str:
    return "nothing" if cell is None or cell == "" else str(cell)
