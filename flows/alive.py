"""Whether a process goes on, by what it says of itself: for a container engine, which asks again and again."""

import time
from pathlib import Path

from connectors.errors import PlumblineError
from connectors.status import read_status, status_path

SILENT_SECONDS = 15.0  # the watchdog writes once a second; one that is silent for so long has no time to run


class NotAlive(PlumblineError):  # noqa: N818 - says what is the case
    """The process does not run, or gives no sign of life."""


def require_alive(data: Path, process: str) -> None:
    """Raises `NotAlive` unless the process's status says that it runs, and has been written lately."""
    status = read_status(status_path(data, process))
    if status is None:
        raise NotAlive(f"{process} has said nothing yet in {data}")
    state, written_ns = status.get("state"), status.get("written_ns")
    if state != "runs" or not isinstance(written_ns, int):
        raise NotAlive(f"{process} does not run: {status.get('fault') or state}")
    silent_seconds = (time.time_ns() - written_ns) / 1e9
    if silent_seconds > SILENT_SECONDS:
        raise NotAlive(f"{process} has given no sign of life for {silent_seconds:.0f} s")
