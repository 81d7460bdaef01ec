"""The wall clock as the gateway believes it: a step of more than a minute counts once it has stayed for a minute.

Between two looks the time that has passed since boot says what the wall clock ought to show. While it shows something
else (somebody set it, a wrong time server answered) the time goes on as it did, so that one wrong time neither closes
days nor stops the clock. Nothing can be told of a clock that is wrong from the gateway's start on: what it says then is
up to `flows.ticks.tick_step`.
"""

import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

SECOND_NS = 1_000_000_000
STEP_NS = 60 * SECOND_NS  # what differs by less is followed at once
BELIEVED_NS = 60 * SECOND_NS  # a step that has stayed this long is the time


def since_boot_ns() -> int:
    """The time since the machine started, in ns, its sleep included; nobody can set it."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class SteadyWall:
    """The believed time, in ns. `wall` and `steady` are the machine's clocks."""

    def __init__(self, wall: Callable[[], int] = time.time_ns, steady: Callable[[], int] = since_boot_ns) -> None:
        self._wall, self._steady = wall, steady
        self._offset_ns = wall() - steady()  # of the believed time from the time since boot
        self._stepped_ns = 0  # by how much the wall clock differs from it, and is not believed
        self._since_ns = 0

    def now(self) -> int:
        """The believed time."""
        wall_ns, steady_ns = self._wall(), self._steady()
        believed_ns = steady_ns + self._offset_ns
        stepped_ns = wall_ns - believed_ns
        if abs(stepped_ns) > STEP_NS:
            if not self._stepped_ns or abs(stepped_ns - self._stepped_ns) > STEP_NS:
                self._stepped_ns, self._since_ns = stepped_ns, steady_ns
                text = "the wall clock has stepped by %+d s: the time goes on as it did unless that stays so for %d s"
                log.warning(text, stepped_ns // SECOND_NS, BELIEVED_NS // SECOND_NS)
            if steady_ns - self._since_ns < BELIEVED_NS:
                return believed_ns
            log.warning("the wall clock has stayed so: the time is %+d s another", stepped_ns // SECOND_NS)
        elif self._stepped_ns:
            log.info("the wall clock shows the time again")
        self._stepped_ns = 0
        self._offset_ns = wall_ns - steady_ns
        return wall_ns

    def at(self, wall_ns: int) -> int:
        """The believed time of a moment just over, at which the wall clock showed `wall_ns`."""
        if abs(wall_ns - self.now()) <= STEP_NS:
            return wall_ns
        return wall_ns - self._stepped_ns
