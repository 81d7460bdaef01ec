"""A machine's time minute by minute, in plain Python: what `rules.machine_time` has to give."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE_NS = 60_000_000_000


@dataclass
class Told:
    """Messages in the order in which they came: (minute since 1970, state, reason)."""

    messages: list[tuple[int, str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Works:
    """When a machine is to produce: all in local time, minutes after midnight."""

    timezone: str
    day_starts_at: int
    days_off: frozenset[int]  # date ordinals
    shifts: tuple[tuple[int, str], ...]
    wanted: tuple[str, ...]
    breaks: tuple[tuple[int, int], ...]
    planned_stops: tuple[str, ...]
    not_failures: tuple[str, ...]
    valid_minutes: int


def by_day(told: Told, works: Works, first: int, last: int) -> dict[int, dict[str, object]]:
    """The figures of each production day that has a minute in `first` … `last` (minutes), in minutes."""
    states = _states(told, works, first, last)
    days: dict[int, dict[str, object]] = {}
    counted: set[int] = set()
    paused = _paused(works, first, last)
    for minute in range(first, last):
        state, reason, stop = states[minute]
        local = _local(works, minute)
        day = _day(works, local)
        figures = days.setdefault(day, {"states": Counter(), "down": Counter(), "failures": 0, "repair": 0})
        off = day in works.days_off or (works.wanted and _shift(works, local) not in works.wanted) or minute in paused
        if off:
            continue
        if state not in ("running", "unknown") and reason in works.planned_stops:
            state = "planned-stop"
        figures["states"][state] += 1  # type: ignore[index] # a Counter
        if state == "down":
            figures["down"][reason] += 1  # type: ignore[index] # a Counter
            if stop is not None:
                figures["repair"] += 1  # type: ignore[operator] # a number
                figures["failures"] += stop not in counted  # type: ignore[operator] # a number
                counted.add(stop)
    return days


def _states(told: Told, works: Works, first: int, last: int) -> dict[int, tuple[str, str, int | None]]:
    """Each minute's state, reason, and the minute with which its failure's stop began."""
    at: dict[int, tuple[str, str]] = {}
    for minute, state, reason in told.messages:
        at[minute] = state, reason
    begun: dict[int, int | None] = {}
    before: int | None = None
    for minute in sorted(at):
        state, reason = at[minute]
        fails = state == "down" and reason not in works.planned_stops and reason not in works.not_failures
        before = None if not fails else minute if before is None else before
        begun[minute] = before
    found: dict[int, tuple[str, str, int | None]] = {}
    latest: int | None = None
    for minute in range(min([first, *at]), last):
        latest = minute if minute in at else latest
        if latest is None or minute - latest >= works.valid_minutes:
            found[minute] = "unknown", "", None
        else:
            found[minute] = (*at[latest], begun[latest])
    return {minute: one for minute, one in found.items() if minute >= first}


def _local(works: Works, minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC).astimezone(ZoneInfo(works.timezone))


def _day(works: Works, local: datetime) -> int:
    early = local.hour * 60 + local.minute < works.day_starts_at
    return (local.date() - timedelta(days=int(early))).toordinal()


def _shift(works: Works, local: datetime) -> str:
    begun = [name for start, name in works.shifts if start <= local.hour * 60 + local.minute]
    return begun[-1] if begun else works.shifts[-1][1]


def _paused(works: Works, first: int, last: int) -> set[int]:
    """The minutes of all breaks; one begins when the clocks first show its time on a date."""
    seen: set[tuple[object, int, int]] = set()
    found: set[int] = set()
    for minute in range(first - 2 * 1440, last):
        local = _local(works, minute)
        for start, length in works.breaks:
            if local.hour * 60 + local.minute == start and (local.date(), start, length) not in seen:
                seen.add((local.date(), start, length))
                found.update(range(minute, minute + length))
    return found
