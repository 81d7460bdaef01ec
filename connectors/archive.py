"""The archive: what leaves the history, as Parquet files that never change and that `plumbline replay` reads.

`archive/<kind>/<day>-<journal>-<last row>.parquet` holds a stretch of the history's rows: those of `<kind>` (`reading`,
`point`, `signal`, `capability`, `event`) that came up to the close of a production day. Each reading is there once,
wherever the history had it: inside a point or by itself. A file gets its name when it is whole and on disk.

`python -m connectors.archive` writes one stretch, in a process of its own that gives way to the others: the engine
starts it, goes on, and deletes nothing before it has ended well.
"""

import json
import os
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from connectors.archive_frames import readings_of_loose, readings_of_points, table
from connectors.durable import sync_folder
from connectors.history_schema import ARCHIVED, column_names, quoted
from connectors.locking import RoleLock
from rules.results import BY_NAME

PAGE = 20_000  # rows of one read transaction
READING = "reading"


@dataclass(frozen=True, slots=True)
class Stretch:
    """The rows after `after_row` up to `last_row`, which came up to the close of the production day `day`."""

    journal_uuid: str
    day: int
    after_row: int
    last_row: int


@dataclass(frozen=True, slots=True)
class Archived:
    """What became of a stretch: the rows in its files, and those that stay since they are current.

    `kept`: (kind, row) of the stretch's rows that are current, each in a file once another has taken its place;
    `released`: rows kept before that are in a file now.
    """

    rows: int
    kept: list[tuple[str, int]]
    released: list[int]


def archive(history: Path, folder: Path, stretch: Stretch) -> Archived:
    """Write the files of a stretch; each is whole and on disk when this returns. Writing again replaces them.

    Raises `OSError` and `sqlite3.Error`; then no file of the stretch need be there.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    address = f"{history.absolute().as_uri()}?mode=ro"
    with RoleLock(folder / "writer.lock", "archive"), closing(sqlite3.connect(address, uri=True)) as db:
        kept, released = _current(db, stretch)
        names = dict(db.execute('SELECT "characteristic", "name" FROM "characteristic" ORDER BY "row"').fetchall())
        stay = {row for _, row in kept}
        readings: list[pl.DataFrame] = []
        count = 0
        for kind in ARCHIVED:
            parts = []
            for rows in _pages(db, kind, stretch, [row for name, row in released if name == kind]):
                going = [row for row in rows if row[0] not in stay]
                count += len(going)
                parts.append(table(kind, [row[:-1] if kind == "point" else row for row in going], names))
                of = readings_of_points if kind == "point" else readings_of_loose if kind == READING else None
                if of is not None:
                    readings.append(of(going, names))
            if kind != READING:
                _write(_path(folder, kind, stretch), pl.concat(parts) if parts else None)
        everything = pl.concat(readings).sort("seq", "idx") if readings else None
        _write(_path(folder, READING, stretch), everything)
    return Archived(count, kept, [row for _, row in released])


def _path(folder: Path, kind: str, stretch: Stretch) -> Path:
    name = f"{date.fromordinal(stretch.day).isoformat()}-{stretch.journal_uuid[:8]}-{stretch.last_row:012d}.parquet"
    return folder / kind / name


def _current(db: sqlite3.Connection, stretch: Stretch) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """Rows of the stretch that are current, and rows kept earlier that are so no more."""
    span = (stretch.after_row, stretch.last_row)
    kept, released = [], []
    for kind in ("point", "capability"):
        query = f'SELECT "row" FROM "current_{kind}" WHERE "row" > ? AND "row" <= ? ORDER BY "row"'
        kept += [(kind, row) for (row,) in db.execute(query, span)]
        gone = (
            f'SELECT "row" FROM "kept" WHERE "kind" = ? AND NOT "archived" AND "row" NOT IN '
            f'(SELECT "row" FROM "current_{kind}") ORDER BY "row"'
        )
        released += [(kind, row) for (row,) in db.execute(gone, (kind,))]
    return kept, released


def _pages(db: sqlite3.Connection, kind: str, stretch: Stretch, released: Sequence[int]) -> Iterator[list[Any]]:
    """The rows of a kind, a page a transaction: those released first; points with their `current` at the end."""
    columns = quoted((*column_names(BY_NAME[kind]), *(("current",) if kind == "point" else ())))
    select = f'SELECT {columns} FROM "{kind}" WHERE "row"'
    for start in range(0, len(released), PAGE):
        marks = ", ".join(map(str, released[start : start + PAGE]))
        yield db.execute(f'{select} IN ({marks}) ORDER BY "row"').fetchall()
    after = stretch.after_row
    while rows := db.execute(
        f'{select} > ? AND "row" <= ? ORDER BY "row" LIMIT ?', (after, stretch.last_row, PAGE)
    ).fetchall():
        yield rows
        after = rows[-1][0]


def _write(path: Path, frame: pl.DataFrame | None) -> None:
    """The file under its name once it is on disk; none, and none left over, when there is nothing to write."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if frame is None or frame.is_empty():
        path.unlink(missing_ok=True)
    else:
        new = path.with_suffix(".new")
        with new.open("wb") as file:
            frame.write_parquet(file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        new.chmod(0o600)
        new.rename(path)
    for folder in (path.parent, path.parent.parent):
        sync_folder(folder)


def main(arguments: Sequence[str]) -> None:
    """Write the stretch that the arguments (history, folder, stretch as JSON) name; the outcome on stdout as JSON."""
    os.nice(10)
    history, folder, stretch = arguments
    print(json.dumps(asdict(archive(Path(history), Path(folder), Stretch(**json.loads(stretch))))))


if __name__ == "__main__":
    main(sys.argv[1:])
