"""A period as it stands in a page's address: production days, the plant's times, or RFC 3339."""

from datetime import datetime
from typing import NamedTuple

from board.times import FIRST_NS, LAST_NS, SECOND_NS, iso_day, parse_day, parse_time
from rules.calendar import day_start_ns, production_day, zone
from rules.spec import CalendarSpec

DAY_LENGTH = len("2026-11-21")
FIRST_DAY, LAST_DAY = parse_day("1970-01-02"), parse_day("2199-12-30")  # what the calendar has


class Period(NamedTuple):
    """`start_ns` ≤ time < `end_ns`; an open end is the first or the last time there is."""

    start_ns: int = FIRST_NS
    end_ns: int = LAST_NS


def period(start: str, end: str, calendar: CalendarSpec) -> Period:
    """From the beginning of `start` to `end`; a day is a production day, and the last one belongs to it.

    Empty: open. A time without an offset is the plant's. Raises ValueError for what is none, and for an end that is not
    after the start.

    >>> shanghai = CalendarSpec("Asia/Shanghai", day_starts_at=480)
    >>> period("2026-11-20", "2026-11-20", shanghai) == period("2026-11-20T08:00", "2026-11-21T00:00:00Z", shanghai)
    True
    """
    found = Period(_moment(start, calendar, 0) if start.strip() else FIRST_NS,
                   _moment(end, calendar, 1) if end.strip() else LAST_NS)  # fmt: skip
    if found.start_ns >= found.end_ns:
        raise ValueError(f"expected an end after the start, got {start!r} to {end!r}")
    return found


def days_of(asked: Period, calendar: CalendarSpec) -> tuple[int, int]:
    """The production days (date ordinals) that a period touches, both included."""
    return production_day(calendar, asked.start_ns), production_day(calendar, asked.end_ns - 1)


def written(asked: Period, calendar: CalendarSpec) -> tuple[str, str]:
    """A period as people write it, in the plant's time: days where it is of whole production days, empty where open.

    >>> shanghai = CalendarSpec("Asia/Shanghai", day_starts_at=480)
    >>> written(period("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z", shanghai), shanghai)
    ('2026-11-20', '2026-11-20')
    >>> written(period("2026-11-20T02:00:00Z", "", shanghai), shanghai)
    ('2026-11-20T10:00', '')
    """
    start = "" if asked.start_ns == FIRST_NS else _written(asked.start_ns, calendar, 0)
    return start, "" if asked.end_ns == LAST_NS else _written(asked.end_ns, calendar, -1)


def _written(time_ns: int, calendar: CalendarSpec, days_on: int) -> str:
    day = production_day(calendar, time_ns)
    if day_start_ns(calendar, day) == time_ns:
        return str(iso_day(day + days_on))
    local = datetime.fromtimestamp(time_ns // SECOND_NS, zone(calendar.timezone)).replace(tzinfo=None)
    text = local.isoformat(timespec="seconds")
    return text if time_ns % SECOND_NS == 0 and local.second else _shortened(text, time_ns)


def _shortened(text: str, time_ns: int) -> str:
    """Without seconds that are none, with the decimals that there are."""
    rest = time_ns % SECOND_NS
    return f"{text}.{rest // 1000:06d}" if rest else text.removesuffix(":00")


def _moment(text: str, calendar: CalendarSpec, days_on: int) -> int:
    text = text.strip()
    if len(text) == DAY_LENGTH:
        return day_start_ns(calendar, min(max(parse_day(text), FIRST_DAY), LAST_DAY) + days_on)
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        return parse_time(text)
    if local.tzinfo is not None:
        return parse_time(text)
    return round(local.replace(tzinfo=zone(calendar.timezone)).timestamp() * 1_000_000) * (SECOND_NS // 1_000_000)
