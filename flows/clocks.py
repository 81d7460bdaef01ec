"""The gateway's two clocks: the wall, and the times that a simulated plant publishes. Both give ticks to write."""

import logging
from datetime import datetime
from typing import Protocol

import orjson

from connectors.event_time import is_seconds
from flows.ticks import (
    JUMP_NS,
    SECOND_NS,
    NextDue,
    TickState,
    floor_tick,
    grid_ticks,
    next_tick,
    tick_step,
    ticks_until,
)
from flows.wall import SteadyWall

log = logging.getLogger(__name__)

MAX_STEP_NS = 366 * 86_400 * SECOND_NS  # a published time further ahead is refused: every tick up to it is written


class Clock(Protocol):
    """What the gateway asks of a clock; `state` is what is known of the ticks that it has given."""

    state: TickState

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
    """Ticks on the grid of the wall clock, before readings and as heartbeats; none while it is behind the last.

    A jump that no ten minutes of ticks have confirmed yet is given up when the wall clock is before it again.
    """

    def __init__(self, state: TickState, step_ns: int, next_due: NextDue, wall: SteadyWall) -> None:
        self.state = state
        self._step_ns, self._next_due, self._wall = step_ns, next_due, wall
        self._grid_ns = self._next_grid_ns()
        self._busy, self._said_behind = False, False

    def received(self, at_ns: int) -> int:
        """As it is, unless the wall clock has stepped and is not believed."""
        return self._wall.at(at_ns)

    def before(self, at_ns: int) -> list[int]:
        """The grid's ticks up to the reading; an idle stretch only where something is due."""
        self._busy = True
        believed_ns = self._wall.at(at_ns)
        return self._until(believed_ns) if believed_ns >= self._grid_ns or self._gives_up(believed_ns) else []

    def due(self) -> list[int]:
        """The grid's next tick after a reading, a day's close, or a heartbeat, when its time has come."""
        now, last_ns = self._wall.now(), self.state.last_ns
        back = self._gives_up(now)
        self._watch(last_ns - now, back)
        wanted = 0 if last_ns == 0 else next_tick(last_ns, self._step_ns, self._busy, self._next_due)
        if now < wanted and not back:
            return []
        self._busy = False
        return self._until(now)

    def published(self, payload: bytes) -> list[int]:
        """None: nobody sets the wall clock by message."""
        return []

    def seconds_to_next(self) -> float:
        """Up to the next tick that is wanted even without a reading."""
        if self.state.last_ns == 0:
            return 0.0
        wanted = next_tick(self.state.last_ns, self._step_ns, self._busy, self._next_due)
        return max(0.0, (wanted - self._wall.now()) / SECOND_NS)

    def _gives_up(self, now_ns: int) -> bool:
        """Whether the time is before a jump that is not confirmed: it was none."""
        return self.state.effective_ns < now_ns < self.state.pending_ns

    def _until(self, until_ns: int) -> list[int]:
        last_ns = self.state.effective_ns if self._gives_up(until_ns) else self.state.last_ns
        ticks = ticks_until(last_ns, until_ns, self._step_ns, self._next_due)
        self.state = _after(self.state, ticks)
        self._grid_ns = self._next_grid_ns()
        return ticks

    def _next_grid_ns(self) -> int:
        """The earliest that the grid's next tick can be."""
        last_ns = self.state.last_ns
        return 0 if last_ns == 0 else last_ns - last_ns % self._step_ns + self._step_ns

    def _watch(self, behind_ns: int, back: bool) -> None:
        behind = behind_ns > 10 * SECOND_NS and not back
        if behind and not self._said_behind:
            log.warning("the clock is %d s behind the journal's last tick: no ticks until then", behind_ns // SECOND_NS)
        self._said_behind = behind


class TopicClock:
    """Every tick of the grid up to the last time that was published; what is received bears that time.

    Of a jump only its last tick; another time from before a jump that is not confirmed goes on from before it.
    """

    def __init__(self, state: TickState, step_ns: int) -> None:
        self.state = state
        self._step_ns, self._said_wrong = step_ns, False

    def received(self, at_ns: int) -> int:
        """The last tick; 0 while no time has been published."""
        return self.state.last_ns

    def before(self, at_ns: int) -> list[int]:
        """None: they come by message."""
        return []

    def due(self) -> list[int]:
        """None: they come by message."""
        return []

    def published(self, payload: bytes) -> list[int]:
        """The ticks up to the time in the payload; what is none, or too far ahead, is refused with one warning."""
        time_ns = published_time(payload)
        known = self.state
        if time_ns is None or (known.effective_ns > 0 and time_ns - known.effective_ns > MAX_STEP_NS):
            if not self._said_wrong:
                log.warning("clock: expected epoch ms or RFC 3339, within a year of the last (got %r)", payload[:80])
            self._said_wrong = True
            return []
        last_ns = known.effective_ns if known.effective_ns < time_ns < known.pending_ns else known.last_ns
        if last_ns > 0 and time_ns - last_ns > JUMP_NS:
            ticks = [floor_tick(time_ns, self._step_ns)]
        else:
            ticks = list(grid_ticks(last_ns, time_ns, self._step_ns))
        self.state = _after(known, ticks)
        return ticks

    def seconds_to_next(self) -> float:
        """For ever."""
        return float("inf")


def _after(state: TickState, ticks: list[int]) -> TickState:
    for tick in ticks:
        state, _ = tick_step(state, tick)
    return state


def published_time(payload: bytes) -> int | None:
    """The time in a clock message, in ns: `{"time": …}` or bare, epoch ms or RFC 3339 with its offset; else None.

    Epoch seconds are none.

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
        elif isinstance(found, int) and not isinstance(found, bool) and not is_seconds(found):
            time_ns = found * 1_000_000
        else:
            return None
    except (orjson.JSONDecodeError, KeyError, ValueError, OverflowError):
        return None
    return time_ns if 0 < time_ns < 1 << 63 else None
