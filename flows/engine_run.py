"""Running the dataflow, and what to say when it ends by an error.

Bytewax prints each error with every frame it passed through, and a Rust panic beside it, straight to file descriptor 2.
While it runs that descriptor leads into a file, and what a person needs is raised as one line.
"""

import logging
import os
import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TextIO

from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig
from bytewax.testing import run_main

from connectors.errors import PlumblineError
from flows.failures import failure_of, is_passing, unusable

PRINTED = "engine-printed.txt"  # in the data folder: what Bytewax printed while the dataflow last ran

# How Bytewax's own SQLite (the recovery folder's) says what was wrong, in the message of a panic.
_SQLITE = re.compile(r'SqliteFailure\(Error \{[^}]*\}, (?:Some\("([^"]*)"\)|None)')


class DataflowEnded(PlumblineError):  # noqa: N818 - says what is the case
    """The dataflow ended by an error of its surroundings: a file that cannot be used, a full disk."""


def run_dataflow(flow: Dataflow, epoch: timedelta, data: Path) -> None:
    """Run until the source ends.

    What ended it is raised as it was first raised, without Bytewax's frames: a `PlumblineError`, or a fault in the
    program. Raises `DataflowEnded` where that was a file's: the history's, the journal's, the recovery folder's.
    """
    recovery = data / "recovery"
    try:
        with _printing_to(data / PRINTED):
            run_main(flow, epoch_interval=epoch, recovery_config=RecoveryConfig(str(recovery)))  # type: ignore[no-untyped-call] # compiled
    except Exception as error:
        for cause in _causes(error):
            if found := _SQLITE.search(str(cause)):
                raise DataflowEnded(_of_recovery(recovery, found[1] or str(cause))) from None
            if isinstance(cause, PlumblineError):
                raise cause from None
            if isinstance(cause, sqlite3.Error):
                raise DataflowEnded(_of_history(data / "history.db", cause)) from None
            if failure := failure_of(cause):
                raise DataflowEnded("; ".join(failure.lines)) from None
        raise


def _of_history(path: Path, error: sqlite3.Error) -> str:
    if is_passing(error):
        return str(unusable(path, error))
    return f"{unusable(path, error)}, or begin a new one with `plumbline renew FILE`"


def _of_recovery(folder: Path, said: str) -> str:
    if any(word in said for word in ("full", "I/O", "readonly", "unable", "locked")):
        return f"{folder} cannot be written: {said}; make room, or see to its rights"
    return f"{folder} is damaged ({said}): move it away, and the state is computed anew from the journal"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The errors underneath, the first one first."""
    found = []
    while error is not None:
        found.append(error)
        error = error.__cause__
    yield from reversed(found)


@contextmanager
def _printing_to(path: Path) -> Iterator[None]:
    """Lead file descriptor 2 into a file (nowhere, when it cannot be made); the log goes where it went."""
    before = sys.stderr
    with ExitStack() as undo:
        beside = os.dup(2)
        said = undo.enter_context(os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="replace"))
        try:
            printed = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        except OSError:
            printed = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        before.flush()
        os.dup2(printed, 2)
        os.close(printed)
        sys.stderr = said
        _log_to(before, said)
        try:
            yield
        finally:
            _log_to(said, before)
            sys.stderr = before
            os.dup2(beside, 2)
            os.close(beside)


def _log_to(old: TextIO, new: TextIO) -> None:
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and handler.stream is old:
            handler.setStream(new)
