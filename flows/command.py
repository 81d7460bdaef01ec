"""What all commands share: their log, how they end, the plant file, its folder, signals.

Exit status: 0 it went well, 1 it failed, 2 the input was wrong. What a person can mend is said in one line
on stderr (a plant file: one line for each problem); a traceback means a fault in the program.
"""

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:  # `--help` answers at once
    from config.models import PlantFile

FAILED = 1
WRONG_INPUT = 2

PlantPath = Annotated[Path, typer.Argument(metavar="FILE", help="The plant file (TOML).")]
DataFolder = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Where the data lie, instead of where the plant file says.")
]


@contextmanager
def reported(name: str) -> Iterator[None]:
    """Log to stderr as `name`, and end with one line and the right status for what a person can mend."""
    from flows.failures import failure_of

    _log_to_stderr(name)
    try:
        yield
    except typer.Exit:
        raise
    except Exception as error:
        failure = failure_of(error)
        if failure is not None:
            end(failure.status, *failure.lines)
        logging.getLogger(name).critical("a fault in the program", exc_info=True)
        raise typer.Exit(FAILED) from error


@contextmanager
def process(name: str) -> Iterator[None]:
    """As `reported`, for a long-running process, which ends with its supervisor when it has one."""
    from flows.supervise import end_with_supervisor

    end_with_supervisor()
    with reported(name):
        logger = logging.getLogger(name)
        logger.info("started")
        yield
        logger.info("stopped")


def end(status: int, *lines: str) -> NoReturn:
    """Say the lines on stderr, and end with the status."""
    for line in lines:
        typer.echo(f"plumbline: {line}", err=True)
    raise typer.Exit(status)


def _log_to_stderr(name: str) -> None:
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format=f"%(asctime)s {name:<9} %(levelname)-7s %(message)s",
        force=True,
    )
    for chatty in ("httpx", "httpcore", "uvicorn", "amqtt", "transitions"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def load_plant(file: Path) -> "PlantFile":
    """The checked plant file; `PlantFileError`."""
    from config.load import load

    return load(file)


def data_folder(plant: "PlantFile", data: Path | None) -> Path:
    """The data folder, made if need be and only for its owner; `OSError` when it cannot be written."""
    folder = Path(plant.storage.directory) if data is None else data
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(13, "expected a folder that can be written", str(folder))
    return folder


def time_ns(text: str, option: str = "--until") -> int:
    """A time as the command line takes it, in ns; else the end, with status 2."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        end(WRONG_INPUT, f"{option}: expected a time such as 2026-11-21T08:00:00Z (got {text!r})")
    return round((time - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000) * 1_000


def stop_on_signals() -> Event:
    """An event that SIGTERM and SIGINT set."""
    return _set_on(signal.SIGTERM, signal.SIGINT)


def reload_on_hangup() -> Event:
    """An event that SIGHUP sets."""
    return _set_on(signal.SIGHUP)


def _set_on(*numbers: signal.Signals) -> Event:
    """An event that the signals set: in a thread, since the signal may find this one holding the event's lock."""
    event = Event()
    for number in numbers:
        signal.signal(number, lambda *_: Thread(target=event.set, daemon=True).start())
    return event
