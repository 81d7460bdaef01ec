"""When the clock's ticks are written into the journal, and up to which of them days may close. No clock here.

The gateway writes ticks: on a grid, only forward, none that nothing depends on. Which ticks are to be believed is
decided where they are read, so that a replay decides the same: `tick_step` is the engine's.
"""

from collections.abc import Callable
from dataclasses import dataclass

SECOND_NS = 1_000_000_000
HEARTBEAT_NS = 10 * SECOND_NS  # a tick at least this often while the gateway runs: time-outs and lag move on
JUMP_NS = 3_600 * SECOND_NS  # a longer step forward is a jump: a clock set wrong, or a long stop
CONFIRM_NS = 600 * SECOND_NS  # ticks over this long, without another jump, confirm it

NextDue = Callable[[int], int]  # ns -> the next time strictly after it at which something is due


def floor_tick(time_ns: int, step_ns: int) -> int:
    """The last tick of the grid not after `time_ns`."""
    return time_ns - time_ns % step_ns


def ticks_until(last_ns: int, until_ns: int, step_ns: int, next_due: NextDue) -> list[int]:
    """The ticks to write after `last_ns` (0: none yet) and before what was received at `until_ns`.

    Of an idle stretch only those at which something is due and the grid's last one. Of a jump only the last: its
    days close when it is confirmed, and ticks inside it must not pass for a confirmation.
    """
    newest = floor_tick(until_ns, step_ns)
    if newest <= last_ns:
        return []
    ticks = []
    if 0 < newest - last_ns <= JUMP_NS and last_ns > 0:
        due = next_due(last_ns)
        while due < newest:
            ticks.append(due)
            due = next_due(due)
    return [*ticks, newest]


def grid_ticks(last_ns: int, until_ns: int, step_ns: int) -> range:
    """Every tick of the grid after `last_ns` (0: none yet; then only the newest) up to `until_ns`, in ns."""
    newest = floor_tick(until_ns, step_ns)
    first = floor_tick(last_ns, step_ns) + step_ns if last_ns > 0 else newest
    return range(first, newest + 1, step_ns)


def next_tick(last_ns: int, step_ns: int, busy: bool, next_due: NextDue) -> int:
    """When the next tick is to be written even if nothing is received.

    `busy`: something was received after the last tick; then the grid's next tick, else a heartbeat.
    """
    return min(floor_tick(last_ns, step_ns) + (step_ns if busy else max(step_ns, HEARTBEAT_NS)), next_due(last_ns))


@dataclass(frozen=True, slots=True)
class TickState:
    """What is known of the clock, all in ns, 0 for none.

    `last_ns`: the last tick; `effective_ns`: the confirmed time, by which everything falls due; `pending_ns`: the tick
    with which a jump arrived that is not confirmed yet.
    """

    last_ns: int = 0
    effective_ns: int = 0
    pending_ns: int = 0


def tick_step(state: TickState, tick_ns: int) -> tuple[TickState, int]:
    """The state after a tick, and the confirmed time.

    A tick that does not go forward changes nothing. After a jump of more than an hour the time stands until ten
    minutes of ticks have confirmed it; another jump begins these anew. A tick from before a jump that is not confirmed
    and after the confirmed time says that the jump was none: the time goes on from where it stood.
    """
    if state.pending_ns and state.effective_ns < tick_ns < state.pending_ns:
        state = TickState(state.effective_ns, state.effective_ns)
    if tick_ns <= state.last_ns:
        return state, state.effective_ns
    if state.last_ns > 0 and tick_ns - state.last_ns > JUMP_NS:
        return TickState(tick_ns, state.effective_ns, tick_ns), state.effective_ns
    if state.pending_ns and tick_ns - state.pending_ns < CONFIRM_NS:
        return TickState(tick_ns, state.effective_ns, state.pending_ns), state.effective_ns
    return TickState(tick_ns, tick_ns, 0), tick_ns
