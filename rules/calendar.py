"""The production calendar: which production day an instant belongs to, when days start and close.

A production day is named by the local date on which it starts and is written as that date's ordinal
(`date.toordinal`). Day `d` holds the instants from `day_start_ns(d)` up to, not including, `day_start_ns(d + 1)`;
so a day is 23 or 25 hours long where daylight saving begins or ends in it.

Zones come from the pinned `tzdata` package, never from the machine's own database or its environment:
the same journal gives the same days everywhere.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from rules.spec import CalendarSpec

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
UTC_DAY_NS = 86_400 * SECOND_NS
EPOCH_DAY = date(1970, 1, 1).toordinal()
FIRST_NS = 0  # production_days answers from 1970
LAST_NS = (date(2200, 1, 1).toordinal() - EPOCH_DAY) * UTC_DAY_NS - 1  # … to the end of 2199, UTC

_EPOCH = datetime(1970, 1, 1)


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """The time zone `name` (an IANA key such as `Europe/Berlin`) of the pinned `tzdata` package.

    Raises `zoneinfo.ZoneInfoNotFoundError` where that package has no such zone.
    """
    parts = name.split("/")
    if not all(part and part.strip(".") == part for part in parts):
        raise ZoneInfoNotFoundError(f"no time zone is called {name!r}")
    resource = files("tzdata").joinpath("zoneinfo", *parts)
    if not resource.is_file():
        raise ZoneInfoNotFoundError(f"no time zone is called {name!r}")
    with resource.open("rb") as stream:
        try:
            return ZoneInfo.from_file(stream, key=name)
        except ValueError as error:  # a file of the package that holds no zone (tzdata.zi, __init__.py)
            raise ZoneInfoNotFoundError(f"no time zone is called {name!r}") from error


def day_start_ns(spec: CalendarSpec, day: int) -> int:
    """When production day `day` (date ordinal) starts, in ns since the epoch, UTC.

    A local time that does not exist (clocks go forward over it) means the first instant after the gap;
    one that happens twice means its first occurrence.

    >>> from datetime import date
    >>> berlin = CalendarSpec(timezone="Europe/Berlin", day_starts_at=150)  # 02:30
    >>> day_start_ns(berlin, date(2026, 3, 29).toordinal()) // SECOND_NS  # 03:00 CEST, 01:00 UTC
    1774746000
    """
    year = date.fromordinal(day).year
    starts = _year_starts(spec.timezone, spec.day_starts_at, year)
    return int(starts[day - date(year, 1, 1).toordinal()])


def day_starts(spec: CalendarSpec, first_day: int, last_day: int) -> NDArray[np.int64]:
    """The starts of the days `first_day` … `last_day`, both included: int64[last_day - first_day + 1]."""
    first_year, last_year = date.fromordinal(first_day).year, date.fromordinal(last_day).year
    years = [_year_starts(spec.timezone, spec.day_starts_at, year) for year in range(first_year, last_year + 1)]
    offset = first_day - date(first_year, 1, 1).toordinal()
    return np.concatenate(years)[offset : offset + last_day - first_day + 1]


def production_days(spec: CalendarSpec, time_ns: NDArray[np.int64]) -> NDArray[np.int32]:
    """The production day of each instant: int32[n] date ordinals for int64[n] ns since the epoch, UTC.

    Instants before 1970 or after 2199 get the day of the nearest instant inside.
    """
    if time_ns.size == 0:
        return np.empty(0, dtype=np.int32)
    inside = np.clip(time_ns, FIRST_NS, LAST_NS)
    # Local time is at most 14 h ahead of UTC and 12 h behind, and a day starts up to 24 h after its midnight.
    first_day = int(inside.min()) // UTC_DAY_NS + EPOCH_DAY - 2
    last_day = int(inside.max()) // UTC_DAY_NS + EPOCH_DAY + 2
    starts = day_starts(spec, first_day, last_day)
    return (np.searchsorted(starts, inside, side="right") + (first_day - 1)).astype(np.int32)


def production_day(spec: CalendarSpec, time_ns: int) -> int:
    """The production day (date ordinal) of one instant; `production_days` for one."""
    return int(production_days(spec, np.array([time_ns], dtype=np.int64))[0])


def closes_at_ns(spec: CalendarSpec, day: int) -> int:
    """The first instant at which `day` is closed: its end plus the grace, in ns since the epoch, UTC."""
    return day_start_ns(spec, day + 1) + spec.grace_minutes * MINUTE_NS


def closed_through(spec: CalendarSpec, tick_ns: int) -> int:
    """The greatest day that a tick at `tick_ns` finds closed (`closes_at_ns` is at or before the tick)."""
    return production_day(spec, tick_ns - spec.grace_minutes * MINUTE_NS) - 1


def next_due_tick(spec: CalendarSpec, after_ns: int) -> int:
    """The next day close strictly after `after_ns`, in ns: a tick is due there even when nothing is received."""
    return closes_at_ns(spec, closed_through(spec, after_ns) + 1)


def is_working_day(spec: CalendarSpec, day: int) -> bool:
    """Whether `day` is worked: an extra working day always is, a holiday never else, the rest by its week day."""
    if day in spec.extra_working_days:
        return True
    return day not in spec.holidays and (day - 1) % 7 in spec.working_days  # ordinal 1 was a Monday


def working_days_between(spec: CalendarSpec, first: int, last: int) -> int:
    """How many of the days `first` … `last` are worked, both included; 0 when `last` is before `first`."""
    return sum(is_working_day(spec, day) for day in range(first, last + 1))


def shifts_at(spec: CalendarSpec, time_ns: NDArray[np.int64]) -> list[str]:
    """The name of the shift that is on at each instant (int64[n] ns since the epoch, UTC); empty where there is none.

    A shift starts each day at its local time, as a production day does where that does not exist or happens twice,
    and is on until the next one starts, over midnight too. Instants before 1970 or after 2199 are as in
    `production_days`.

    >>> two = CalendarSpec(shift_names=("early", "late"), shift_starts=(360, 1080))  # 06:00, 18:00
    >>> shifts_at(two, np.array([5, 6, 18]) * 60 * MINUTE_NS)
    ['late', 'early', 'late']
    """
    if time_ns.size == 0 or not spec.shift_names:
        return [""] * time_ns.size
    inside = np.clip(time_ns, FIRST_NS, LAST_NS)
    first_day = int(inside.min()) // UTC_DAY_NS + EPOCH_DAY - 2
    last_day = int(inside.max()) // UTC_DAY_NS + EPOCH_DAY + 2
    starts = [day_starts(replace(spec, day_starts_at=at), first_day, last_day) for at in spec.shift_starts]
    of_day = np.column_stack(
        starts
    ).ravel()  # (days, shifts), row by row: two that a gap moves together keep their order
    order = np.argsort(of_day, kind="stable")
    place = order[np.searchsorted(of_day[order], inside, side="right") - 1]
    return [spec.shift_names[number] for number in (place % len(starts)).tolist()]


@lru_cache(maxsize=1024)
def _year_starts(timezone: str, starts_at: int, year: int) -> NDArray[np.int64]:
    """The starts of all production days named in one year: int64[365 or 366], read-only."""
    tz = zone(timezone)
    midnight = datetime(year, 1, 1) + timedelta(minutes=starts_at)
    length = (date(year + 1, 1, 1) - date(year, 1, 1)).days
    starts = np.array([_instant(tz, midnight + timedelta(days=i)) for i in range(length)], dtype=np.int64)
    starts *= SECOND_NS
    starts.setflags(write=False)
    return starts


def _instant(tz: ZoneInfo, wall: datetime) -> int:
    """Seconds since the epoch at which the clocks of `tz` first show `wall` (naive), or first have passed it."""
    seconds = int((wall - _EPOCH).total_seconds())
    before, after = (_offset(wall.replace(tzinfo=tz, fold=fold)) for fold in (0, 1))
    if after <= before:  # an ordinary time, or an ambiguous one: fold 0 is its first occurrence
        return seconds - before
    # `wall` is skipped: the clocks go forward at some instant in (seconds - after, seconds - before].
    return _first(lambda t: _offset(datetime.fromtimestamp(t, tz)) == after, seconds - after, seconds - before)


def _offset(moment: datetime) -> int:
    """Seconds by which local clocks are ahead of UTC at an aware `moment` (utcoffset is None for naive ones only)."""
    return int((moment.utcoffset() or timedelta(0)).total_seconds())


def _first(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The least t in (low, high] for which `holds`, which is false at `low` and true from some t on."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
