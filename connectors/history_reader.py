"""History in again: pages of rows, read-only, for those who follow it (the forwarder, server-sent events).

Whoever follows keeps `(uuid, row)`. Each page is one short read transaction: a reader never keeps the WAL
from starting over for longer than a page takes.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from heapq import merge
from itertools import islice
from pathlib import Path

from connectors.errors import HistoryAbsent
from connectors.history import Meta, read_meta
from connectors.history_schema import column_names, quoted
from rules.results import BY_NAME, KINDS

Row = tuple[object, ...]
ALL_KINDS = tuple(kind.name for kind in KINDS)


class HistoryReader:
    """Reads the history at `path`; raises `HistoryAbsent` while the engine has not made it."""

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        try:
            self._file = _file(self._path)
            self._db = sqlite3.connect(
                f"{self._path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
            )
            self.uuid = self.meta().history_uuid
        except FileNotFoundError:
            raise HistoryAbsent(f"{path}: there is no history yet") from None
        except BaseException:
            if hasattr(self, "_db"):
                self._db.close()
            raise

    def meta(self) -> Meta:
        """What the history says of itself now: last row, last tick, entries applied. Cheap: one row."""
        return read_meta(self._db, self._path)

    def last_row(self) -> int:
        """The number of the last row; 0 when there is none. Cheap enough to poll a hundred times a second."""
        return self.meta().last_row

    def gone_row(self) -> int:
        """Rows up to this number are here no more if they are of a kind that goes with its age; 0 if none are gone."""
        found = self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'retention'").fetchone()
        return int(self._db.execute('SELECT "gone_row" FROM "retention"').fetchone()[0]) if found else 0

    def replaced(self) -> bool:
        """Whether another file stands at the path now (a rebuilt history): close this reader and open anew."""
        try:
            return _file(self._path) != self._file
        except FileNotFoundError:
            return True

    def rows(self, after_row: int, limit: int = 5000, kinds: Sequence[str] = ALL_KINDS) -> list[tuple[str, Row]]:
        """The next `limit` rows of `kinds` behind `after_row`, in the order of their numbers over all kinds.

        Each is (kind, tuple in the column order of `rules.results`); an empty list means nothing new.
        """
        with self._view():
            merged = merge(*(self._tagged(name, after_row, limit) for name in kinds), key=_number)
            return list(islice(merged, limit))

    def as_of(self, kind: str, row: int) -> list[Row]:
        """Per key of `kind`, the row that was current when row number `row` had been written; in row order."""
        key = quoted(BY_NAME[kind].key)
        return self._db.execute(
            f'{_select(kind)} WHERE "row" IN (SELECT max("row") FROM "{kind}" WHERE "row" <= ? GROUP BY {key}) '
            f'ORDER BY "row"',
            (row,),
        ).fetchall()

    def refused_by_reason(self) -> dict[tuple[str, str], int]:
        """How many values were refused so far, by connector and reason; a repetition is no loss."""
        found = self._db.execute(
            'SELECT "connector", "reason", max("count") FROM "rejected" WHERE "reason" <> \'repeated\' '
            'GROUP BY "connector", "reason" ORDER BY "connector", "reason"'
        )
        return {(connector, reason): int(count) for connector, reason, count in found}

    def characteristics(self) -> dict[int, str]:
        """The id of each characteristic (`line1/op10/bore`) by its number in the tables."""
        return dict(self._db.execute('SELECT "characteristic", "name" FROM "characteristic" ORDER BY "row"'))

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @contextmanager
    def _view(self) -> Iterator[None]:
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.execute("ROLLBACK")

    def _tagged(self, kind: str, after_row: int, limit: int) -> Iterator[tuple[str, Row]]:
        statement = f'{_select(kind)} WHERE "row" > ? ORDER BY "row" LIMIT ?'
        with closing(self._db.execute(statement, (after_row, limit))) as found:
            for row in found:
                yield kind, row


def _select(kind: str) -> str:
    return f'SELECT {quoted(column_names(BY_NAME[kind]))} FROM "{kind}"'


def _number(tagged: tuple[str, Row]) -> int:
    number = tagged[1][0]
    assert isinstance(number, int)
    return number


def _file(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino
