"""The plant's calendars one after the other: a changed calendar takes effect with the next production day.

The day in hand keeps the calendar that it began with: its end, its grace, whether it is worked. The next day begins
where it ends, whatever the new calendar says, and ends where the new calendar begins another: days stay gapless, and
every instant belongs to exactly one. So a start that moves from 06:00 to 08:00 makes one day of 26 hours, and one that
moves back one of 22. Where a calendar moves by more than a day (a plant on the other side of the date line) dates that
would have no instant are passed over: they are no production days.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.calendar import MINUTE_NS, day_start_ns, production_day, production_days
from rules.spec import CalendarSpec


@dataclass(frozen=True, slots=True)
class Piece:
    """A calendar, in force from the production day `from_day` on, which begins at `from_ns`.

    The first piece of a timeline has no beginning.
    """

    calendar: CalendarSpec
    from_day: int = 0
    from_ns: int = -(1 << 63)


Timeline = tuple[Piece, ...]  # oldest first; never empty


def days_of(timeline: Timeline, time_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """The production day of each instant: int64[n] date ordinals for int64[n] ns since the epoch, UTC."""
    days = production_days(timeline[0].calendar, time_ns).astype(np.int64)
    for piece in timeline[1:]:
        after = time_ns >= piece.from_ns
        if after.any():
            days[after] = np.maximum(production_days(piece.calendar, time_ns[after]), piece.from_day)
    return days


def piece_of_day(timeline: Timeline, day: int) -> Piece:
    """The piece that production day `day` goes by; of days that are forgotten the oldest."""
    return next(piece for piece in reversed(timeline) if piece is timeline[0] or piece.from_day <= day)


def end_of_day(timeline: Timeline, day: int) -> int:
    """Where production day `day` ends and the next begins, in ns since the epoch, UTC."""
    piece = piece_of_day(timeline, day)
    return max(piece.from_ns, day_start_ns(piece.calendar, day + 1))


def closed_days(timeline: Timeline, time_ns: int) -> int:
    """The greatest day that a tick at `time_ns` finds closed with all before it: each at its end plus its own grace."""
    closed = 0
    for number, piece in enumerate(timeline):
        over_ns = time_ns - piece.calendar.grace_minutes * MINUTE_NS
        if over_ns < piece.from_ns:
            break
        closed = max(production_day(piece.calendar, over_ns) - 1, piece.from_day - 1, closed)
        if number + 1 < len(timeline) and closed < timeline[number + 1].from_day - 1:
            break
        if number + 1 < len(timeline):
            closed = timeline[number + 1].from_day - 1
    return closed


def change_calendar(timeline: Timeline, calendar: CalendarSpec, now_ns: int, kept_ns: int) -> tuple[Timeline, Piece]:
    """The timeline once a plan with `calendar` comes at `now_ns`; and its piece, as it is or would be: where it begins.

    What has been told to begin with the next day and has not begun is replaced. Pieces that ended more than `kept_ns`
    ago are forgotten.
    """
    today = int(days_of(timeline, np.array([now_ns], np.int64))[0])
    begun = tuple(piece for piece in timeline if piece is timeline[0] or piece.from_day <= today)
    following = Piece(calendar, today + 1, end_of_day(begun, today))
    changed = begun if begun[-1].calendar == calendar else (*begun, following)
    ended = sum(piece.from_ns < now_ns - kept_ns for piece in changed[1:])
    return changed[ended:], following


def passed_over(piece: Piece) -> range:
    """The dates at the beginning of a piece that have no instant."""
    return range(piece.from_day, max(piece.from_day, production_day(piece.calendar, piece.from_ns)))


def to_plain(timeline: Timeline) -> list[dict[str, Any]]:
    """A timeline as plain values."""
    return [asdict(piece) for piece in timeline]


def from_plain(plain: list[dict[str, Any]]) -> Timeline:
    """What `to_plain` gave."""
    return tuple(Piece(**piece | {"calendar": CalendarSpec(**piece["calendar"])}) for piece in plain)
