"""The calendars of a plant one after the other: days stay gapless, and every instant belongs to exactly one."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.spec import CalendarSpec
from rules.timeline import (
    Piece,
    Timeline,
    change_calendar,
    closed_days,
    days_of,
    end_of_day,
    from_plain,
    passed_over,
    to_plain,
)

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
MONDAY = date(2026, 11, 16).toordinal()


def at(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * SECOND


def day_at(timeline: Timeline, time_ns: int) -> int:
    return int(days_of(timeline, np.array([time_ns], np.int64))[0])


def changed(before: CalendarSpec, after: CalendarSpec, now: str) -> tuple[Timeline, Piece]:
    return change_calendar((Piece(before),), after, at(now), 9 * 24 * HOUR)


SIX, EIGHT = CalendarSpec(day_starts_at=360), CalendarSpec(day_starts_at=480)


def test_a_start_that_moves_later_makes_the_next_day_longer() -> None:
    """On Monday at noon 06:00 becomes 08:00: Monday ends at 06:00, Tuesday lasts from 06:00 to 08:00, 26 hours."""
    timeline, following = changed(SIX, EIGHT, "2026-11-16 12:00")
    assert (following.from_day, following.from_ns) == (MONDAY + 1, at("2026-11-17 06:00"))
    times = ["2026-11-16 06:00", "2026-11-17 05:59", "2026-11-17 06:00", "2026-11-18 07:59", "2026-11-18 08:00"]
    assert [day_at(timeline, at(text)) - MONDAY for text in times] == [0, 0, 1, 1, 2]
    assert [end_of_day(timeline, MONDAY + k) for k in range(3)] == [
        at("2026-11-17 06:00"),
        at("2026-11-18 08:00"),
        at("2026-11-19 08:00"),
    ]


def test_a_start_that_moves_earlier_makes_it_shorter() -> None:
    timeline, _ = changed(EIGHT, SIX, "2026-11-16 12:00")
    times = ["2026-11-17 07:59", "2026-11-17 08:00", "2026-11-18 05:59", "2026-11-18 06:00"]
    assert [day_at(timeline, at(text)) - MONDAY for text in times] == [0, 1, 1, 2]


def test_each_day_closes_at_its_end_plus_the_grace_that_it_began_with() -> None:
    """Grace 60 minutes, then none."""
    before, after = CalendarSpec(day_starts_at=360, grace_minutes=60), CalendarSpec(day_starts_at=480, grace_minutes=0)
    timeline, _ = changed(before, after, "2026-11-16 12:00")
    times = ["2026-11-17 06:59", "2026-11-17 07:00", "2026-11-18 07:59", "2026-11-18 08:00"]
    assert [closed_days(timeline, at(text)) - MONDAY for text in times] == [-1, 0, 0, 1]


def test_a_change_within_the_grace_concerns_the_day_that_has_begun() -> None:
    """At 06:05 Monday is not closed yet, and Tuesday is in hand: it keeps its calendar, Wednesday has the new one."""
    timeline, following = changed(SIX, EIGHT, "2026-11-17 06:05")
    assert following.from_day == MONDAY + 2
    assert end_of_day(timeline, MONDAY + 1) == at("2026-11-18 06:00")
    assert end_of_day(timeline, MONDAY + 2) == at("2026-11-19 08:00")


def test_of_two_changes_in_one_day_the_last_takes_effect_and_one_taken_back_changes_nothing() -> None:
    timeline, _ = changed(SIX, EIGHT, "2026-11-16 12:00")
    ten, following = change_calendar(timeline, CalendarSpec(day_starts_at=600), at("2026-11-16 13:00"), 9 * 24 * HOUR)
    assert [piece.calendar.day_starts_at for piece in ten] == [360, 600]
    assert following.from_ns == at("2026-11-17 06:00")
    assert change_calendar(timeline, SIX, at("2026-11-16 13:00"), 9 * 24 * HOUR)[0] == (Piece(SIX),)


def test_a_plant_that_moves_over_the_date_line_passes_over_the_date_that_has_no_instant() -> None:
    """Midnight of Pago Pago (UTC-11) to midnight of Kiritimati (UTC+14): 25 hours further."""
    before, after = CalendarSpec("Pacific/Pago_Pago"), CalendarSpec("Pacific/Kiritimati")
    timeline, following = changed(before, after, "2026-11-16 12:00")  # Monday 01:00 in Pago Pago
    assert following.from_ns == at("2026-11-17 11:00")  # where Wednesday has been for an hour, in Kiritimati
    assert passed_over(following) == range(MONDAY + 1, MONDAY + 2)
    assert [day_at(timeline, following.from_ns + step) - MONDAY for step in (-1, 0, 23 * HOUR)] == [0, 2, 3]
    assert closed_days(timeline, following.from_ns + 15 * MINUTE) == MONDAY + 1


def test_what_ended_long_ago_is_forgotten() -> None:
    timeline, _ = changed(SIX, EIGHT, "2026-11-16 12:00")
    later, _ = change_calendar(timeline, EIGHT, at("2026-11-27 12:00"), 9 * 24 * HOUR)
    assert [piece.calendar for piece in later] == [EIGHT]
    assert from_plain(to_plain(timeline)) == timeline


ZONES = ["UTC", "Europe/Berlin", "Asia/Shanghai", "America/New_York", "Pacific/Auckland", "Pacific/Pago_Pago"]
CALENDARS = st.builds(
    CalendarSpec,
    timezone=st.sampled_from(ZONES),
    day_starts_at=st.sampled_from([0, 150, 360, 480, 1439]),
    grace_minutes=st.sampled_from([0, 15, 60]),
)
START = at("2026-03-20 00:00")


@settings(deadline=None, max_examples=60)
@given(CALENDARS, st.lists(st.tuples(st.integers(1, 60), CALENDARS), max_size=5))
def test_days_never_go_back_end_where_the_next_begins_and_close_in_order(
    first: CalendarSpec, changes: list[tuple[int, CalendarSpec]]
) -> None:
    """Calendars change every so many hours; the day that an instant has had stays its day."""
    times = np.arange(START - 24 * HOUR, START + 14 * 24 * HOUR, 7 * MINUTE, dtype=np.int64)
    timeline: Timeline = (Piece(first),)
    now = START
    for hours, calendar in changes:
        now += hours * HOUR
        before = days_of(timeline, times)
        timeline, following = change_calendar(timeline, calendar, now, 30 * 24 * HOUR)
        after = days_of(timeline, times)
        in_hand = times < following.from_ns
        assert (before[in_hand] == after[in_hand]).all()
        assert (after[~in_hand] >= following.from_day).all()
        assert following.from_ns > now
    days = days_of(timeline, times)
    assert (np.diff(days) >= 0).all()
    for place in np.flatnonzero(np.diff(days)):
        end = end_of_day(timeline, int(days[place]))
        assert times[place] < end <= times[place + 1]
        assert day_at(timeline, end - 1) == days[place]
        assert days[place] < day_at(timeline, end) <= days[place + 1]
    closed = [closed_days(timeline, int(time)) for time in times[:: 4 * 7]]
    assert closed == sorted(closed)
    assert all(shut < day for shut, day in zip(closed, days[:: 4 * 7].tolist(), strict=True))


@pytest.mark.parametrize("time_ns", [-(1 << 62), -1, 0, 1 << 62])
def test_times_before_1970_and_after_2199_have_a_day(time_ns: int) -> None:
    timeline, _ = changed(SIX, EIGHT, "2026-11-16 12:00")
    assert 0 < day_at(timeline, time_ns) < date(2201, 1, 1).toordinal()
