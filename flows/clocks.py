"""The gateway's two clocks: the wall, and the times that a simulated plant publishes. Both give ticks to write."""

import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import orjson

from flows.ticks import SECOND_NS, NextDue, grid_ticks, next_tick, ticks_until

log = logging.getLogger(__name__)

MAX_STEP_NS = 366 * 86_400 * SECOND_NS  # a published time further ahead is refused: every tick up to it is written


class Clock(Protocol):
    """What the gateway asks of a clock; `last_ns` is the last tick that it has given, 0 before the first."""

    last_ns: int

    def received(self, at_ns: int) -> int:
        """The journal's time of receipt for what came at `at_ns` by the wall."""

    def before(self, at_ns: int) -> list[int]:
        """The ticks to write before what was received at `at_ns`."""

    def due(self) -> list[int]:
        """The ticks to write now though nothing is received."""

    def published(self, payload: bytes) -> list[int]:
        """The ticks to write for a message on the clock's topic."""

    def seconds_to_next(self) -> float:
        """How long nothing need be written."""


class WallClock:
    """Ticks on the grid of the wall clock, before readings and as heartbeats; none while it is behind the last."""

    def __init__(self, last_ns: int, step_ns: int, next_due: NextDue, now: Callable[[], int] = time.time_ns) -> None:
        self.last_ns = last_ns
        self._step_ns, self._next_due, self._now = step_ns, next_due, now
        self._grid_ns = 0 if last_ns == 0 else last_ns - last_ns % step_ns + step_ns  # the earliest next grid tick
        self._busy, self._said_behind = False, False

    def received(self, at_ns: int) -> int:
        """As it is."""
        return at_ns

    def before(self, at_ns: int) -> list[int]:
        """The grid's ticks up to the reading; an idle stretch only where something is due."""
        self._busy = True
        return self._until(at_ns) if at_ns >= self._grid_ns else []

    def due(self) -> list[int]:
        """The grid's next tick after a reading, a day's close, or a heartbeat, when its time has come."""
        now = self._now()
        self._watch(now)
        wanted = 0 if self.last_ns == 0 else next_tick(self.last_ns, self._step_ns, self._busy, self._next_due)
        if now < wanted:
            return []
        self._busy = False
        return self._until(now)

    def published(self, payload: bytes) -> list[int]:
        """None: nobody sets the wall clock by message."""
        return []

    def seconds_to_next(self) -> float:
        """Up to the next tick that is wanted even without a reading."""
        if self.last_ns == 0:
            return 0.0
        wanted = next_tick(self.last_ns, self._step_ns, self._busy, self._next_due)
        return max(0.0, (wanted - self._now()) / SECOND_NS)

    def _until(self, until_ns: int) -> list[int]:
        ticks = ticks_until(self.last_ns, until_ns, self._step_ns, self._next_due)
        if ticks:
            self.last_ns = ticks[-1]
            self._grid_ns = self.last_ns - self.last_ns % self._step_ns + self._step_ns
        return ticks

    def _watch(self, now: int) -> None:
        behind = self.last_ns - now
        if behind > 10 * SECOND_NS and not self._said_behind:
            log.warning("the clock is %d s behind the journal's last tick: no ticks until then", behind // SECOND_NS)
        self._said_behind = behind > 10 * SECOND_NS


class TopicClock:
    """Every tick of the grid up to the last time that was published; what is received bears that time."""

    def __init__(self, last_ns: int, step_ns: int) -> None:
        self.last_ns = last_ns
        self._step_ns, self._said_wrong = step_ns, False

    def received(self, at_ns: int) -> int:
        """The last tick; 0 while no time has been published."""
        return self.last_ns

    def before(self, at_ns: int) -> list[int]:
        """None: they come by message."""
        return []

    def due(self) -> list[int]:
        """None: they come by message."""
        return []

    def published(self, payload: bytes) -> list[int]:
        """The ticks up to the time in the payload; what is none, or too far ahead, is refused with one warning."""
        time_ns = published_time(payload)
        if time_ns is None or (self.last_ns > 0 and time_ns - self.last_ns > MAX_STEP_NS):
            if not self._said_wrong:
                log.warning("clock: expected epoch ms or RFC 3339, within a year of the last (got %r)", payload[:80])
            self._said_wrong = True
            return []
        ticks = list(grid_ticks(self.last_ns, time_ns, self._step_ns))
        self.last_ns = ticks[-1] if ticks else self.last_ns
        return ticks

    def seconds_to_next(self) -> float:
        """For ever."""
        return float("inf")


def published_time(payload: bytes) -> int | None:
    """The time in a clock message, in ns: `{"time": …}` or bare, epoch ms or RFC 3339 with its offset; else None.

    >>> published_time(b'{"time": "2026-11-21T08:00:00Z"}') == published_time(b"1795248000000")
    True
    """
    try:
        found = orjson.loads(payload)
        found = found["time"] if isinstance(found, dict) else found
        if isinstance(found, str):
            moment = datetime.fromisoformat(found)
            if moment.tzinfo is None:
                return None
            time_ns = int(moment.timestamp()) * SECOND_NS + moment.microsecond * 1_000
        elif isinstance(found, int) and not isinstance(found, bool):
            time_ns = found * 1_000_000
        else:
            return None
    except (orjson.JSONDecodeError, KeyError, ValueError, OverflowError):
        return None
    return time_ns if 0 < time_ns < 1 << 63 else None
