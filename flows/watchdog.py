"""The watchdog of a process: sees that it goes on, ends it when it stands still, and writes down how it is doing.

A process shows its progress by `Pulse.beat`: the engine when an epoch is committed, the gateway with each round of its
writer, the forwarder with each page or attempt of each target, web when a question to its database has been answered.
When none comes for 30 s and an interval, the watchdog keeps the stacks of all threads in a file, says one line and ends
the process with status 1; its supervisor starts it again. Until the first beat it has ten minutes: a start may read a
lot. The same when the wall clock is set back, for a process whose waiting is by that clock (the engine: Bytewax's is).

A process that is stopped as a whole (SIGSTOP), or whose threads cannot run, has no watchdog that runs either: that it
sends nothing any more is seen by `flows.supervise`, through a pipe, or by systemd (`WatchdogSec`, see `Notifier`).

All time here is monotonic, which stands still while the machine sleeps; and a watchdog that finds that it has itself
not run for a while (a suspended container, Ctrl-Z, a machine that swaps) begins to count anew.
"""

import faulthandler
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Lock, Thread

from connectors.status import StatusFile, status_path
from flows.failures import failure_of

STILL_SECONDS = 40.0  # 30 s and an epoch
START_SECONDS = 600.0  # until the first beat
LOOK_SECONDS = 1.0
ASLEEP_SECONDS = 5.0  # a look that comes so late says nothing about the others
SET_BACK_SECONDS = 1.0
FAILED = 1
PIPE = "PLUMBLINE_PIPE"  # in the environment: the file descriptor of the pipe to the supervisor
SILENCE, BEATS = b"\0", b"\1"  # what is sent with each look: nothing has been done yet, or something has


class Pulse:
    """Where a process says that it goes on (`beat`) and how it is doing (`tell`); for several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._facts: dict[str, object] = {}
        self.beats = 0

    def beat(self) -> None:
        """Something has been done, or is waited for that only others can mend."""
        self.beats += 1

    def tell(self, **facts: object) -> None:
        """How it is doing, by name: what the board and `/health` show. Plain JSON; None takes a fact back."""
        with self._lock:
            self._facts |= facts

    def facts(self) -> dict[str, object]:
        """What it has told and not taken back."""
        with self._lock:
            return {name: fact for name, fact in self._facts.items() if fact is not None}


class Watchdog:
    """Watches one process from a thread of its own, from `start` to `stop`.

    `waits_by_wall_clock`: end it, too, when the wall clock is set back. `end` is called at a standstill, and does not
    return where it is not a test's.
    """

    def __init__(
        self,
        name: str,
        data: Path,
        pulse: Pulse,
        *,
        waits_by_wall_clock: bool = False,
        still_seconds: float = STILL_SECONDS,
        end: Callable[[int], object] = os._exit,
    ) -> None:
        self._name, self._data, self._pulse, self._end = name, data, pulse, end
        self._by_wall, self._still_seconds = waits_by_wall_clock, still_seconds
        self._status = StatusFile(status_path(data, name))
        self._notifier = Notifier(os.environ.get("NOTIFY_SOCKET", ""))
        self._pipe = int(os.environ.pop(PIPE, "-1"))
        if self._pipe >= 0:
            os.set_inheritable(self._pipe, False)
        self._log = logging.getLogger(name)
        self._started_ns = time.time_ns()
        self._beats, self._beat_at = 0, time.monotonic()
        self._looked_at, self._ahead = self._beat_at, time.time() - self._beat_at
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> "Watchdog":
        """Begin to watch."""
        self._write("runs")
        self._thread.start()
        return self

    def stop(self, fault: str = "") -> None:
        """The process ends, well or by `fault` (one line, which the board shows until it runs again)."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        self._notifier.say("STOPPING=1")
        self._write("failed" if fault else "stopped", fault)
        self._status.close()

    def look(self, now: float, wall: float) -> None:
        """One look, at `now` (monotonic) and `wall` (seconds since the epoch): go on, or end the process."""
        asleep, ahead = now - self._looked_at > ASLEEP_SECONDS, wall - now
        set_back = self._ahead - ahead > SET_BACK_SECONDS
        self._looked_at, self._ahead = now, ahead
        if self._pulse.beats != self._beats:
            if self._beats == 0:
                self._notifier.say("READY=1")
            self._beats, self._beat_at = self._pulse.beats, now
            self._notifier.say("WATCHDOG=1")
        elif asleep:
            self._beat_at = now
        allowed = self._still_seconds if self._beats else START_SECONDS
        if now - self._beat_at > allowed:
            self._give_up(f"it has stood still for {now - self._beat_at:.0f} s")
        elif set_back and self._by_wall:
            self._give_up("the clock has been set back")
        else:
            self._write("runs")

    def _run(self) -> None:
        while not self._stopped.wait(LOOK_SECONDS):
            self.look(time.monotonic(), time.time())

    def _give_up(self, why: str) -> None:
        place = self._data / f"{self._name}-stood-still.txt"
        with suppress(OSError), place.open("w") as stacks:
            faulthandler.dump_traceback(stacks, all_threads=True)
        self._log.critical("%s: it ends, to be started again; where its threads stood is in %s", why, place)
        self._write("failed", why)
        self._end(FAILED)

    def _write(self, state: str, fault: str = "") -> None:
        if self._pipe >= 0:
            with suppress(OSError):  # full: nobody has looked for long; closed: the supervisor has gone
                os.write(self._pipe, BEATS if self._pulse.beats else SILENCE)
        self._status.write(
            {
                "process": self._name,
                "pid": os.getpid(),
                "beats": self._pulse.beats,
                "state": state,
                "fault": fault,
                "started_ns": self._started_ns,
                "written_ns": time.time_ns(),
                "facts": self._pulse.facts(),
            }
        )


@contextmanager
def watched(name: str, data: Path, *, waits_by_wall_clock: bool = False) -> Iterator[Pulse]:
    """A pulse under watch for as long as the process does its work; what ends it goes into its status."""
    pulse = Pulse()
    dog = Watchdog(name, data, pulse, waits_by_wall_clock=waits_by_wall_clock).start()
    try:
        yield pulse
    except BaseException as error:
        failure = failure_of(error)
        dog.stop("; ".join(failure.lines) if failure else f"a fault in the program: {error!r}")
        raise
    dog.stop()


class Notifier:
    """Tells systemd that a service is ready, goes on, or ends (`sd_notify(3)`); says nothing where nobody asks."""

    def __init__(self, address: str) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address

    def say(self, message: str) -> None:
        """One datagram; lost when nobody listens."""
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.connect(self._address)
            sender.send(message.encode())
