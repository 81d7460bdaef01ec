"""A SQLite file as of one moment, while its writer goes on: held, asked, copied."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any

from connectors.errors import PlumblineError

PAGES = 2_048  # copied between two reports: 8 MiB

Copied = Callable[[int], None]  # so many bytes more


class Damaged(PlumblineError):  # noqa: N818 - says what is the case
    """A file is no whole SQLite database."""


class Snapshot:
    """What `path` holds at this moment, until it is closed. In WAL mode its writer is not held up, but its WAL grows.

    Raises `FileNotFoundError` when it is not there, `Damaged` when it is no database.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            raise FileNotFoundError(2, "no such file", str(path))
        address = f"{path.absolute().as_uri()}?mode=ro"
        self._db = sqlite3.connect(address, uri=True, isolation_level=None, timeout=30.0)
        try:
            self._db.execute("BEGIN")
            self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on the view stands
            (self._page_bytes,) = self._db.execute("PRAGMA page_size").fetchone()
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise Damaged(f"{path}: expected a SQLite database, got: {error}") from error

    def one(self, query: str, *values: object) -> Any:
        """The first column of the first row of a query; None without a row."""
        row = self._db.execute(query, values).fetchone()
        return row[0] if row else None

    def copy(self, target: Path, copied: Copied) -> None:
        """Write this moment's content to `target`, a new file; on disk and checked when it returns.

        Raises `Damaged` when the copy does not pass SQLite's integrity check.
        """
        left = -1

        def report(_: int, remaining: int, total: int) -> None:
            nonlocal left
            before, left = total if left < 0 else left, remaining
            copied((before - remaining) * self._page_bytes)

        with closing(sqlite3.connect(target)) as db:
            db.execute("PRAGMA synchronous = OFF")
            self._db.backup(db, pages=PAGES, progress=report)
        target.chmod(0o600)
        require_whole(target)
        with target.open("rb") as file:
            os.fsync(file.fileno())

    def close(self) -> None:
        """Let go of the view."""
        self._db.close()

    def __enter__(self) -> "Snapshot":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def require_whole(path: Path) -> None:
    """Raise `Damaged` unless the database, which nobody writes to, passes SQLite's integrity check."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)) as db:
            (found,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise Damaged(f"{path}: {found}")
