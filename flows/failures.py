"""What ends a process, in lines for a person: what, where, what to do. Anything else is a fault in the program."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from config.errors import PlantFileError
from connectors.errors import PlumblineError, WrongInput

FAILED = 1
WRONG_INPUT = 2

# What SQLite says of a file that only its surroundings keep from being used: waiting can help.
PASSING = ("disk is full", "disk I/O error", "readonly database", "unable to open", "locked")


class FileUnusable(PlumblineError):  # noqa: N818 - says what is the case
    """A database file cannot be opened, read or written."""


class Failure(NamedTuple):
    """The exit status, and one line for each problem."""

    status: int
    lines: tuple[str, ...]


def failure_of(error: BaseException) -> Failure | None:
    """What to say of `error`; None for what no person can mend: a fault in the program."""
    if isinstance(error, PlantFileError):
        return Failure(WRONG_INPUT, tuple(str(problem) for problem in error.problems))
    if isinstance(error, WrongInput):
        return Failure(WRONG_INPUT, tuple(str(error).splitlines()))
    if isinstance(error, PlumblineError):
        return Failure(FAILED, (str(error),))
    if isinstance(error, sqlite3.Error):
        return Failure(FAILED, (f"a database file cannot be used: {error}",))
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return Failure(FAILED, (f"{place}{error.strerror or error}",))
    return None


def is_passing(error: sqlite3.Error | OSError) -> bool:
    """Whether it may go away by itself: a full disk, a folder that cannot be written, a lock."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
    return isinstance(error, sqlite3.OperationalError) and any(part in str(error) for part in PASSING)


def unusable(path: Path, error: sqlite3.Error) -> FileUnusable:
    """What to say of a database file, and what to do."""
    if is_passing(error):
        return FileUnusable(f"{path} cannot be used: {error}; make room on its disk, or see to its rights")
    return FileUnusable(f"{path} is damaged ({error}): restore it from a backup")


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Raises `FileUnusable`, with the file's name, where SQLite fails."""
    try:
        yield
    except sqlite3.Error as error:
        raise unusable(path, error) from error
