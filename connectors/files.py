"""Files in: measurements as CSV, Parquet or Q-DAS files, read in bulk, checked row by row, sorted by time over all.

The columns of CSV and Parquet are `time`, `characteristic`, `value` and, if there are any, the context fields of a
message; those that the archive has besides (`state`, `seq`, `idx`) are passed over. Times are read as a message's are
(`connectors.event_time`); numbers and texts that a column holds in either form mean the same, so that a CSV file and a
Parquet file of the same measurements give the same readings. Q-DAS files: `connectors.dfq`.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl
from polars.exceptions import PanicException, PolarsError

from connectors.archive_frames import PROVENANCE
from connectors.context import FIELDS
from connectors.dfq import SUFFIXES, files_of
from connectors.errors import WrongInput
from connectors.event_time import EventTimes
from connectors.file_times import stripped, times_ns
from connectors.measured_table import Q_DAS, How, read_measured_table

REQUIRED = ("time", "characteristic", "value")
OPTIONAL = tuple(sorted(FIELDS))
MOST_PROBLEMS = 20

SEPARATORS = (";", "\t", "|")
_OTHER_SEPARATOR = "line 1: expected commas between the columns and points in numbers, got {!r} between the columns"
_TIME = "RFC 3339 or milliseconds since 1970 (not seconds), up to 2116"


class _Fault(NamedTuple):
    """A row that cannot be taken: which, where in it, what was expected and what is there."""

    row: int
    column: str
    expected: str
    got: object

    def __str__(self) -> str:
        got = "nothing" if self.got is None else repr(self.got)[:60]
        return f"row {self.row}, {self.column}: expected {self.expected}, got {got}"


class Measurements(NamedTuple):
    """What files hold. `readings`: `time_ns` (int64, UTC), `characteristic` (text), `value` (float64, finite), and each
    context field that occurs (text or null), sorted by time; those of one time in the order of files and rows.

    Of Q-DAS files, and those of other programs: `refused` names the lines that hold no reading (`faults`: how many they
    are), `counts` is how many counts of attributive characteristics were passed over.
    """

    readings: pl.DataFrame
    refused: list[str]
    faults: int
    counts: int


def read_measurements(paths: Sequence[Path], time_zone: str, how: How | None = None) -> Measurements:
    """The readings of all files. `time_zone` is for times without an offset; `how`, for files of other programs.

    All of it is held in memory, about 60 bytes a reading. Raises `WrongInput` with the first 20 problems of all files:
    file, row, column, expected, got; the row of a CSV file counts its header as row 1.
    """
    times, problems, tables = EventTimes(time_zone), list[str](), list[pl.DataFrame]()
    refused, faults, counts = list[str](), 0, 0
    for path in _once(paths):
        try:
            if how is not None or path.suffix.lower() in SUFFIXES:
                found = read_measured_table(path, (how and how.time_zone) or time_zone, how or Q_DAS)
                refused += [f"{path}: {one}" for one in found.refused]
                faults, counts = faults + found.faults, counts + found.counts
                table, more = found.readings, list[str]()
            else:
                table, more = _read(path, times)
        except (PolarsError, PanicException, OSError) as error:
            more = [_ragged(path) or f"expected a readable {path.suffix[1:] or 'CSV or Parquet'} file, "
                    f"got: {_first_line(error)}"]  # fmt: skip
        except WrongInput as error:  # names the file itself
            problems.append(str(error))
            continue
        else:
            tables.append(table)
        problems += [f"{path}: {problem}" for problem in more]
    if not problems and not any(map(len, tables)):
        problems = [*refused, f"{', '.join(map(str, paths))}: expected measurements, got no row"]
    if problems:
        shown = problems[:MOST_PROBLEMS] + ["and more of them"] * (len(problems) > MOST_PROBLEMS)
        raise WrongInput("\n".join(shown))
    everything = pl.concat(tables, how="diagonal", rechunk=True)
    return Measurements(everything.sort("time_ns", maintain_order=True), refused, faults, counts)


def contents_of(paths: Sequence[Path]) -> list[Path]:
    """Every file that is read for `paths`: of a .dfd or .dfx the other one too. Raises `WrongInput`."""
    found: list[Path] = []
    for path in _once(paths):
        found += dict.fromkeys(files_of(path))
    return found


def _once(paths: Sequence[Path]) -> list[Path]:
    """The files, without a .dfd whose .dfx is named too."""
    valued = {path.with_suffix("") for path in paths if path.suffix.lower() == ".dfx"}
    return [path for path in paths if path.suffix.lower() != ".dfd" or path.with_suffix("") not in valued]


def _read(path: Path, times: EventTimes) -> tuple[pl.DataFrame, list[str]]:
    """One file's readings in the order of its rows, and what is wrong with it."""
    if path.suffix == ".csv":
        lazy, first = pl.scan_csv(path, infer_schema=False, glob=False), 2
    elif path.suffix == ".parquet":
        lazy, first = pl.scan_parquet(path, glob=False), 1
    else:
        return pl.DataFrame(), [f"expected a name that ends with .csv, .parquet or .dfq, got {path.name!r}"]
    schema = lazy.collect_schema()
    other = next((sign for sign in SEPARATORS if any(sign in name for name in schema)), None)
    problems = _column_problems(schema) if other is None or len(schema) > 1 else [_OTHER_SEPARATOR.format(other)]
    if problems:
        return pl.DataFrame(), problems
    raw = lazy.with_row_index("row", first).collect()
    if path.suffix == ".csv":  # a blank line is no reading
        raw = raw.filter(~pl.all_horizontal(pl.col(schema.names()).is_null()))
    table = raw.select(
        times_ns(raw["time"], times),
        pl.col("characteristic").cast(pl.String),
        stripped(raw["value"]).cast(pl.Float64, strict=False).alias("value"),
        *(pl.col(name).cast(pl.String).replace("", None) for name in OPTIONAL if name in schema),
    )
    return table, [str(fault) for fault in _faults(raw, table)]


def _ragged(path: Path) -> str | None:
    """The first line of a CSV file that has another number of fields than the first; None if that is not its fault."""
    if path.suffix != ".csv":
        return None
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            lines = csv.reader(file)
            expected, before = len(next(lines, [])), lines.line_num
            for fields in lines:
                if fields and len(fields) != expected:
                    return f"line {before + 1}: expected {expected} fields as in line 1, got {len(fields)}"
                before = lines.line_num
    except (OSError, csv.Error):
        pass  # then what polars said has to do
    return None


def _column_problems(schema: pl.Schema) -> list[str]:
    problems = [f"expected a column {name}, got {', '.join(schema)}" for name in REQUIRED if name not in schema]
    for name, kind in schema.items():
        text = kind in (pl.String, pl.Categorical, pl.Enum)
        if name not in (*REQUIRED, *OPTIONAL, *PROVENANCE):
            problems.append(f"expected the columns {', '.join(REQUIRED)} and of {', '.join(OPTIONAL)}, got {name!r}")
        elif name not in PROVENANCE and not (text or kind.is_numeric() or (name == "time" and kind == pl.Datetime)):
            problems.append(f"{name}: expected text{' or numbers' * (name != 'characteristic')}, got {kind}")
    return problems


def _faults(raw: pl.DataFrame, table: pl.DataFrame) -> list[_Fault]:
    """The first faults in the order of the rows: one more than are shown, so that it shows when there are more."""
    checks = {
        "time": (table["time_ns"].is_null(), _TIME),
        "characteristic": (table["characteristic"].fill_null("") == "", "a name"),
        "value": (~table["value"].is_finite().fill_null(value=False), "a finite number"),
    }
    faults = []
    for column, (wrong, expected) in checks.items():
        some = raw.filter(wrong).head(MOST_PROBLEMS + 1)
        faults += [_Fault(row, column, expected, got) for row, got in some.select("row", column).iter_rows()]
    return sorted(faults, key=lambda fault: (fault.row, REQUIRED.index(fault.column)))


def _first_line(error: BaseException) -> str:
    return str(error).split("\n")[0].split(" (os error")[0]
