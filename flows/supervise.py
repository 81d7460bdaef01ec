"""One machine: the four processes as children, started again when they die, all stopped together.

A child that dies is started again after a pause that doubles from 0.2 s to 10 s and is forgotten after a
minute up. A child whose first process ends with status 2 before it began its work has been given wrong input: no
restart mends that, so all are stopped and 2 is the result. Later it is started again like any other: somebody may be
editing the plant file, and the others go on with what they have read.

A child that stands still ends by itself (`flows.watchdog`). One that cannot even do that (stopped by a signal, no
thread that runs) sends nothing through its pipe any more: it is killed after 20 s, and started again. A supervisor that
has itself not run meanwhile (a machine that slept) counts anew.

Stopping takes 5 s at most: SIGTERM, and SIGKILL after 4 s. Nothing is lost by either: what was acknowledged is in
the journal. Children end with their supervisor, however it ended.
"""

import ctypes
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from connectors.errors import PlumblineError
from flows.watchdog import ASLEEP_SECONDS, BEATS, PIPE, Notifier

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
UP_LONG_ENOUGH_SECONDS = 60.0
STARTED_SECONDS = 10.0  # whoever lived so long had read its input, where no watchdog says so
TERM_SECONDS = 4.0
LIFELESS_SECONDS = 20.0  # a child whose watchdog has sent nothing for so long is ended
WRONG_INPUT = 2
PROCESSES = ("gateway", "engine", "forwarder", "web")

_POLL_SECONDS = 0.1
SUPERVISOR = "PLUMBLINE_SUPERVISOR"  # in a child's environment: the process id of its supervisor
_LOOK_SECONDS = 1.0  # between two looks at a child's pipe
_PR_SET_PDEATHSIG = 1  # linux/prctl.h

logger = logging.getLogger("run")


class PortInUse(PlumblineError):  # noqa: N818 - says what is the case
    """Another program listens where the board is to be."""


@dataclass
class Child:
    """One process to keep running: its name in the log, and its command line."""

    name: str
    command: list[str]
    again: bool = True  # started again after a good end, too
    after: Callable[[], bool] = field(default=lambda: True, repr=False)  # not started before this is true
    outlives: bool = False  # stopped when the others have stopped
    watched: bool = False  # it has a watchdog, which says through a pipe that it goes on
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    started: float = 0.0  # monotonic seconds
    has_run: bool = False  # it has once ended otherwise than by wrong input, or late
    due: float = 0.0  # when to start it (again)
    pause: float = FIRST_PAUSE_SECONDS
    pipe: int = field(default=-1, repr=False)  # the end that we read
    begun: bool = False  # its watchdog has seen it do something
    looked: float = 0.0  # into the pipe
    heard: float = float("inf")  # when something was in it; never before the first time

    def start(self) -> None:
        """Start it, in a process group of its own: Ctrl-C reaches the supervisor alone."""
        self._close()
        environ, theirs = {**os.environ, SUPERVISOR: str(os.getpid())}, []
        if self.watched:
            self.pipe, end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
            environ[PIPE], theirs = str(end), [end]
        try:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, process_group=0, env=environ, pass_fds=theirs
            )
        finally:
            for end in theirs:
                os.close(end)
        self.started = self.looked = time.monotonic()
        self.begun, self.heard = False, float("inf")
        logger.info("%s started, pid %d", self.name, self.process.pid)

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def listen(self, now: float) -> None:
        """Take in what its watchdog has sent. When nobody looked for a while, it is given time again."""
        if self.pipe < 0:
            return
        asleep, self.looked = now - self.looked > ASLEEP_SECONDS, now
        with suppress(BlockingIOError):
            if sent := os.read(self.pipe, 65536):
                self.begun, self.heard = self.begun or BEATS in sent, now
        if asleep and self.heard < now:
            self.heard = now

    def has_begun(self, now: float) -> bool:
        """Whether it had read its input and begun its work: by its watchdog, or where it has none by its age."""
        self.listen(now)
        return self.begun if self.watched else now - self.started >= STARTED_SECONDS

    def is_lifeless(self, now: float) -> bool:
        """Whether its watchdog has begun to send, and has sent nothing more for 20 s (looked at once a second)."""
        if now - self.looked >= _LOOK_SECONDS:
            self.listen(now)
        return now - self.heard > LIFELESS_SECONDS

    def _close(self) -> None:
        if self.pipe >= 0:
            os.close(self.pipe)
            self.pipe = -1

    def end_by(self, deadline: float) -> None:
        """Wait for its end, until `deadline` (monotonic seconds); then kill it."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            logger.warning("%s did not stop in time: killed", self.name)
            self.process.kill()
            self.process.wait()
        else:
            logger.info("%s stopped%s", self.name, _how(self.process.returncode))
        self.process = None
        self._close()


class Supervisor:
    """Keeps children running until told to stop."""

    def __init__(self, children: list[Child]) -> None:
        self.children = children

    def run(self, *, stop: Event, reload: Event | None = None) -> int:
        """Start all and watch over them. The result is the exit status: 0 stopped as told, 2 wrong input.

        `reload` is passed on to the gateway as SIGHUP, and cleared.
        """
        notifier = Notifier(os.environ.pop("NOTIFY_SOCKET", ""))  # its own, not its children's
        notifier.say("READY=1")
        try:
            while not stop.is_set():
                notifier.say("WATCHDOG=1")
                if any(self._tend(child) == WRONG_INPUT for child in self.children):
                    return WRONG_INPUT
                if reload is not None and reload.is_set():
                    reload.clear()
                    self._send("gateway", signal.SIGHUP)
                stop.wait(_POLL_SECONDS)
            return 0
        finally:
            notifier.say("STOPPING=1")
            self.stop()

    def stop(self) -> None:
        """Stop every child: SIGTERM to all, SIGKILL to those that are still there after 4 s."""
        deadline = time.monotonic() + TERM_SECONDS
        for outlives in (False, True):
            group = [child for child in self.children if child.outlives is outlives]
            for child in group:
                child.send(signal.SIGTERM)
            for child in group:
                child.end_by(deadline)

    def _send(self, name: str, number: signal.Signals) -> None:
        for child in self.children:
            if child.name == name:
                child.send(number)

    def _tend(self, child: Child) -> int | None:
        """Start it when it is due; when it has just ended, say so and plan its return; 2 when that is in vain."""
        now = time.monotonic()
        if child.process is None:
            if now >= child.due and child.after():
                child.start()
            return None
        status = child.process.poll()
        if status is None:
            if child.is_lifeless(now):
                logger.error("%s has given no sign of life for %.0f s: killed", child.name, LIFELESS_SECONDS)
                child.process.kill()
                child.heard = float("inf")  # once is enough, even where the kernel takes its time
            return None
        child.has_run = child.has_run or status != WRONG_INPUT or child.has_begun(now)
        child.process = None
        if not child.has_run:
            logger.error("%s ended: its input is wrong", child.name)
            return WRONG_INPUT
        if status == 0 and not child.again:
            logger.info("%s has done its work", child.name)
            child.due = float("inf")
            return None
        if now - child.started >= UP_LONG_ENOUGH_SECONDS:
            child.pause = FIRST_PAUSE_SECONDS
        child.due = now + child.pause
        logger.warning("%s ended%s; starting it again in %.1f s", child.name, _how(status), child.pause)
        child.pause = min(2 * child.pause, LONGEST_PAUSE_SECONDS)
        return None


def plumbline(*arguments: str) -> list[str]:
    """The command line of `plumbline` with these arguments; never with a package `rules` of the current folder."""
    return [sys.executable, "-P", "-m", "flows.cli", *arguments]


def plant_children(file: Path, data: Path) -> list[Child]:
    """The four processes of a plant, for its plant file and data folder."""
    paths = (str(file.resolve()), "--data", str(data.resolve()))
    return [Child(name, plumbline(name, *paths), watched=True) for name in PROCESSES]


def require_free_port(host: str, port: int) -> None:
    """Raises `PortInUse` when another program listens there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((host, port))
        except OSError as error:
            raise PortInUse(f"cannot listen on {host}:{port}: {error.strerror}; [web] port chooses another") from error


def end_with_supervisor() -> None:
    """Called by a child: have the kernel end it when its supervisor is gone, even by kill -9 (Linux)."""
    supervisor = os.environ.pop(SUPERVISOR, "")
    if not supervisor:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(supervisor):  # it went before the kernel was told
        sys.exit(1)


def _how(status: int) -> str:
    if status == 0:
        return ""
    return f" by {signal.Signals(-status).name}" if status < 0 else f" with status {status}"
