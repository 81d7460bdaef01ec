"""The production calendar against hand-computed instants and a clock watched minute by minute."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pytest

from rules.calendar import (
    LAST_NS,
    closed_through,
    closes_at_ns,
    day_start_ns,
    day_starts,
    is_working_day,
    next_due_tick,
    production_day,
    production_days,
    shifts_at,
    working_days_between,
    zone,
)
from rules.spec import CalendarSpec

HOUR = 3_600_000_000_000
SECOND = 1_000_000_000


def ns(text: str) -> int:
    """RFC 3339 → ns since the epoch."""
    return int(datetime.fromisoformat(text).timestamp()) * SECOND


def day(text: str) -> int:
    return date.fromisoformat(text).toordinal()


BERLIN = CalendarSpec(timezone="Europe/Berlin")


def test_a_day_is_23_hours_long_in_spring_and_25_in_autumn() -> None:
    for name, hours in [("2026-03-28", 24), ("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)]:
        length = day_start_ns(BERLIN, day(name) + 1) - day_start_ns(BERLIN, day(name))
        assert length == hours * HOUR, name


@pytest.mark.parametrize(
    ("timezone", "starts_at", "name", "expected"),
    [
        ("Asia/Shanghai", "08:00", "2026-11-21", "2026-11-21T00:00:00Z"),
        ("America/St_Johns", "06:00", "2026-01-15", "2026-01-15T09:30:00Z"),  # UTC-3:30
        ("America/St_Johns", "06:00", "2026-07-15", "2026-07-15T08:30:00Z"),  # UTC-2:30
        ("UTC", "00:00", "1970-01-01", "1970-01-01T00:00:00Z"),
        ("Europe/Berlin", "02:30", "2026-03-29", "2026-03-29T01:00:00Z"),  # 02:00–03:00 does not exist: 03:00 CEST
        ("Europe/Berlin", "02:30", "2026-10-25", "2026-10-25T00:30:00Z"),  # 02:30 comes twice: CEST first
        ("America/Havana", "00:00", "2026-11-01", "2026-11-01T04:00:00Z"),  # 00:00–01:00 comes twice
        ("America/Santiago", "00:00", "2026-09-06", "2026-09-06T04:00:00Z"),  # midnight does not exist: 01:00, UTC-3
        ("Pacific/Apia", "06:00", "2011-12-30", "2011-12-30T10:00:00Z"),  # this date never was: 31 December, 00:00
        ("Pacific/Apia", "06:00", "2011-12-31", "2011-12-30T16:00:00Z"),  # 06:00, UTC+14
    ],
)
def test_a_day_starts_when_the_local_clock_says_so(timezone: str, starts_at: str, name: str, expected: str) -> None:
    hours, minutes = map(int, starts_at.split(":"))
    spec = CalendarSpec(timezone=timezone, day_starts_at=60 * hours + minutes)
    assert day_start_ns(spec, day(name)) == ns(expected)


def test_a_night_shift_belongs_to_the_date_on_which_it_began() -> None:
    spec = CalendarSpec(timezone="Europe/Berlin", day_starts_at=360)
    times = np.array(
        [ns("2026-11-21T02:00:00+01:00"), ns("2026-11-21T05:59:59+01:00"), ns("2026-11-21T06:00:00+01:00")]
    )
    assert production_days(spec, times).tolist() == [day("2026-11-20"), day("2026-11-20"), day("2026-11-21")]


def watched(timezone: str, starts_at: int, first: datetime, minutes: int, step: int) -> list[tuple[int, int]]:
    """(ns, production day) every `step` minutes: a new day begins when the wall clock first shows its start, or later.

    The oracle looks at the wall clock as a person would; it turns no local time into UTC.
    """
    seen, newest = [], 0
    for i in range(0, minutes, step):
        moment = first + timedelta(minutes=i)
        wall = moment.astimezone(ZoneInfo(timezone)).replace(tzinfo=None)
        newest = max(newest, (wall - timedelta(minutes=starts_at)).date().toordinal())
        seen.append((int(moment.timestamp()) * SECOND, newest))
    return seen


@pytest.mark.parametrize(
    ("timezone", "starts_at", "first", "days", "step"),
    [
        ("Europe/Berlin", 0, "2026-01-01", 365, 30),
        ("Europe/Berlin", 150, "2026-03-20", 20, 10),
        ("Europe/Berlin", 150, "2026-10-20", 10, 10),
        ("Asia/Shanghai", 480, "2026-01-01", 60, 30),
        ("America/St_Johns", 0, "2008-03-07", 4, 1),  # clocks changed at 00:01
        ("America/St_Johns", 0, "2008-10-31", 4, 1),  # … and here at 00:01 back to 23:01: midnight comes twice
        ("Australia/Lord_Howe", 105, "2026-03-25", 20, 15),  # half an hour of daylight saving
        ("Pacific/Kiritimati", 0, "1994-12-25", 14, 30),  # a date skipped
        ("Etc/GMT+12", 1425, "2026-01-01", 5, 15),
        ("Pacific/Kiritimati", 0, "2026-01-01", 5, 15),
    ],
)
def test_production_days_are_those_of_a_watched_clock(
    timezone: str, starts_at: int, first: str, days: int, step: int
) -> None:
    spec = CalendarSpec(timezone=timezone, day_starts_at=starts_at)
    start = datetime.fromisoformat(first).replace(tzinfo=UTC)
    # a day ahead, so that the oracle has seen the newest day begin
    seen = watched(timezone, starts_at, start - timedelta(days=1), (days + 1) * 1440, step)[1440 // step :]
    times = np.array([time for time, _ in seen], dtype=np.int64)
    expected = np.array([found for _, found in seen])
    np.testing.assert_array_equal(production_days(spec, times), expected)
    shuffled = np.random.default_rng(1).permutation(len(seen))
    np.testing.assert_array_equal(production_days(spec, times[shuffled]), expected[shuffled])


def test_any_batching_gives_the_same_days() -> None:
    times = np.random.default_rng(2).integers(0, LAST_NS, 200)
    whole = production_days(BERLIN, times)
    assert whole.dtype == np.int32
    assert [production_day(BERLIN, int(time)) for time in times] == whole.tolist()


def test_no_instants_have_no_days() -> None:
    assert production_days(BERLIN, np.empty(0, dtype=np.int64)).shape == (0,)


def test_instants_outside_1970_to_2199_get_the_nearest_day() -> None:
    spec = CalendarSpec()
    times = np.array([-(2**63), -1, LAST_NS, LAST_NS + 1, 2**63 - 1], dtype=np.int64)
    expected = [day("1970-01-01")] * 2 + [day("2199-12-31")] * 3
    assert production_days(spec, times).tolist() == expected


def test_starts_of_a_stretch_are_those_of_its_days() -> None:
    first, last = day("2025-12-30"), day("2027-01-02")
    starts = day_starts(BERLIN, first, last)
    assert starts.tolist() == [day_start_ns(BERLIN, name) for name in range(first, last + 1)]


def test_a_day_closes_at_its_end_plus_grace() -> None:
    spec = CalendarSpec(timezone="Asia/Shanghai", day_starts_at=480, grace_minutes=15)
    close = ns("2026-11-22T00:15:00Z")
    assert closes_at_ns(spec, day("2026-11-21")) == close
    assert closed_through(spec, close) == day("2026-11-21")
    assert closed_through(spec, close - 1) == day("2026-11-20")
    assert next_due_tick(spec, close - 1) == close
    assert next_due_tick(spec, close) == close + 24 * HOUR


def test_due_ticks_follow_a_day_of_25_hours() -> None:
    close = closes_at_ns(BERLIN, day("2026-10-24"))
    assert next_due_tick(BERLIN, close) - close == 25 * HOUR


def test_holidays_rest_and_extra_working_days_win_over_them() -> None:
    spec = CalendarSpec(
        working_days=frozenset(range(5)),
        holidays=frozenset({day("2026-10-01"), day("2026-10-02")}),  # Thursday, Friday
        extra_working_days=frozenset({day("2026-10-02"), day("2026-10-03")}),  # Friday, Saturday
    )
    worked = [name for name in range(day("2026-09-28"), day("2026-10-05")) if is_working_day(spec, name)]
    # Monday to Wednesday; the holiday that is worked after all; the extra Saturday
    assert worked == [day(f"2026-{d}") for d in ("09-28", "09-29", "09-30", "10-02", "10-03")]
    assert working_days_between(spec, day("2026-09-28"), day("2026-10-04")) == 5
    assert working_days_between(spec, day("2026-10-01"), day("2026-10-01")) == 0
    assert working_days_between(spec, day("2026-10-02"), day("2026-10-01")) == 0


@pytest.mark.parametrize("name", ["Europe/Atlantis", "../zoneinfo/UTC", "", "/etc/localtime", "tzdata.zi", "Europe"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(ZoneInfoNotFoundError, match="no time zone"):
        zone(name)


# --- shifts

THREE = {"shift_names": ("early", "late", "night"), "shift_starts": (6 * 60, 14 * 60, 22 * 60)}


def on_at(spec: CalendarSpec, *times: str) -> list[str]:
    return shifts_at(spec, np.array([ns(text) for text in times], np.int64))


def test_a_shift_is_on_from_its_start_to_that_of_the_next_over_midnight_too() -> None:
    spec = CalendarSpec(timezone="Asia/Shanghai", **THREE)
    times = ("05:59:59", "06:00:00", "13:59:59", "14:00:00", "21:59:59", "22:00:00", "00:00:00")
    found = on_at(spec, *(f"2026-11-21T{clock}+08:00" for clock in times))
    assert found == ["night", "early", "early", "late", "late", "night", "night"]


def test_one_shift_is_always_on_and_none_never() -> None:
    assert on_at(CalendarSpec(shift_names=("all",), shift_starts=(720,)), "2026-11-21T00:00:00Z") == ["all"]
    assert on_at(CalendarSpec(), "2026-11-21T00:00:00Z") == [""]
    assert shifts_at(CalendarSpec(**THREE), np.empty(0, np.int64)) == []


def test_a_night_is_seven_hours_long_in_spring_and_nine_in_autumn() -> None:
    spec = CalendarSpec(timezone="Europe/Berlin", **THREE)
    for evening, hours in [("2026-03-28T21:00:00Z", 7), ("2026-10-24T20:00:00Z", 9), ("2026-11-20T21:00:00Z", 8)]:
        every = ns(evening) + np.arange(-1, 11) * HOUR
        assert shifts_at(spec, every) == ["late"] + ["night"] * hours + ["early"] * (11 - hours), evening


def test_of_two_shifts_whose_starts_the_clock_skips_the_later_is_on() -> None:
    spec = CalendarSpec(timezone="Europe/Berlin", shift_names=("a", "b", "c"), shift_starts=(0, 130, 150))
    assert on_at(spec, "2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z") == ["a", "c"]  # 01:59:59 CET, 03:00 CEST


@pytest.mark.parametrize(
    ("timezone", "first"),
    [
        ("Europe/Berlin", "2026-03-28T12:00:00Z"),
        ("Europe/Berlin", "2026-10-24T12:00:00Z"),
        ("America/St_Johns", "2026-11-01T00:00:00Z"),
        ("Australia/Lord_Howe", "2026-04-04T00:00:00Z"),
        ("America/Havana", "2025-11-01T12:00:00Z"),
        ("America/Santiago", "2026-09-05T12:00:00Z"),
        ("Asia/Shanghai", "2026-11-20T12:00:00Z"),
    ],
)
def test_a_clock_on_the_wall_watched_minute_by_minute_rings_the_same_shifts(timezone: str, first: str) -> None:
    """Who watches it calls a shift once a day, when it first shows its start or has jumped over it."""
    spec = CalendarSpec(timezone=timezone, shift_names=("a", "b", "c"), shift_starts=(30, 150, 840))
    wall, minutes = zone(timezone), 48 * 60
    times = ns(first) + np.arange(minutes) * 60 * SECOND
    found = shifts_at(spec, times)
    on, called = "", set[tuple[date, int]]()
    highest = datetime.min
    for time, name in zip(times.tolist(), found, strict=True):
        shown = datetime.fromtimestamp(time // SECOND, wall).replace(tzinfo=None)
        if shown > highest:  # new on this wall: an hour that comes again calls nobody
            for number, start in enumerate(spec.shift_starts):
                due = datetime.combine(shown.date(), datetime.min.time()) + timedelta(minutes=start)
                if due <= shown and (due > highest or highest is datetime.min) and (shown.date(), number) not in called:
                    called.add((shown.date(), number))
                    on = spec.shift_names[number] if highest is not datetime.min else ""
            highest = shown
        if on:
            assert name == on, datetime.fromtimestamp(time // SECOND, UTC)
    assert set(found) == {"a", "b", "c"}
