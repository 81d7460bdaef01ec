"""Waiting for what only somebody else can mend: a full disk, a folder that cannot be written."""

import logging
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from connectors.errors import PlumblineError
from flows.failures import is_passing
from flows.watchdog import Pulse

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
LOOK_SECONDS = 0.05
RESERVE_BYTES = 32 << 20  # below the 200 MiB at which the gateway takes nothing more in
RESERVE_SHARE = 20  # of a small disk its twentieth

Result = TypeVar("Result")
Stopped = Callable[[], bool]


class Interrupted(PlumblineError):  # noqa: N818 - says what is the case
    """The process was told to stop while it waited."""


class Patience:
    """Does again, with growing pauses, what fails in a passing way; says so once on the way down and once up.

    `where` is what cannot be written, for the log and the board. It beats while it waits: starting the process again
    would not help. Raises `Interrupted` when the process is to stop meanwhile.
    """

    def __init__(self, where: Path, pulse: Pulse, stopped: Stopped, log: logging.Logger) -> None:
        self._where, self.pulse, self._stopped, self._log = where, pulse, stopped, log
        self._pause = 0.0  # 0 while all is well

    def until_done(self, act: Callable[[], Result]) -> Result:
        """The result of `act`, which leaves nothing behind where it fails."""
        while True:
            try:
                result = act()
            except (sqlite3.Error, OSError) as error:
                if not is_passing(error):
                    raise
                self._wait(str(error))
                continue
            self._over()
            return result

    def for_room(self) -> None:
        """Return when the disk there has the reserve that a writer needs who must not fail half-way."""
        while True:
            disk = shutil.disk_usage(self._where)
            reserve = min(RESERVE_BYTES, disk.total // RESERVE_SHARE)
            if disk.free >= reserve:
                self._over()
                return
            self._wait(f"{disk.free >> 10} KiB free on the disk, expected {reserve >> 10}")

    def _wait(self, why: str) -> None:
        if not self._pause:
            self._log.warning("%s cannot be written: %s; waiting, and trying again: make room there", self._where, why)
            self.pulse.tell(waiting={"for": str(self._where), "why": why, "since_ns": time.time_ns()})
        self._pause = min(max(2 * self._pause, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
        until = time.monotonic() + self._pause
        while time.monotonic() < until:
            if self._stopped():
                raise Interrupted(f"{self._where} could not be written: {why}")
            self.pulse.beat()
            time.sleep(LOOK_SECONDS)

    def _over(self) -> None:
        if self._pause:
            self._pause = 0.0
            self._log.info("%s is written again", self._where)
            self.pulse.tell(waiting=None)
