from datetime import UTC, datetime

import pytest

from board.period import Period, days_of, period
from board.times import FIRST_NS, LAST_NS, parse_day
from rules.spec import CalendarSpec

BERLIN = CalendarSpec("Europe/Berlin", day_starts_at=6 * 60)


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def test_days_are_production_days_and_the_last_one_belongs_to_it() -> None:
    assert period("2026-10-24", "2026-10-25", BERLIN) == (
        utc("2026-10-24T04:00"),
        utc("2026-10-26T05:00"),
    )  # clocks back


def test_a_time_without_an_offset_is_the_plants() -> None:
    asked = period("2026-07-01T06:00", "2026-07-01T04:00:00.5Z", BERLIN)
    assert asked == (utc("2026-07-01T04:00"), utc("2026-07-01T04:00") + 500_000_000)
    assert period("2026-07-01T06:00:00+02:00", "", BERLIN) == (utc("2026-07-01T04:00"), LAST_NS)


def test_nothing_said_is_open() -> None:
    assert period("", " ", BERLIN) == Period(FIRST_NS, LAST_NS)
    assert days_of(period("2026-07-01", "2026-07-03", BERLIN), BERLIN) == (
        parse_day("2026-07-01"),
        parse_day("2026-07-03"),
    )


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("yesterday", ""),
        ("2026-13-01", ""),
        ("2026-07-02", "2026-07-01"),
        ("", "2026-07-01T25:00"),
        ("2026-07-01T06:00", "2026-07-01T06:00"),
    ],
)
def test_what_is_no_period_is_refused(start: str, end: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        period(start, end, BERLIN)


def test_a_day_far_away_is_the_last_that_the_calendar_has() -> None:
    assert period("0001-01-01", "9999-12-31", BERLIN).start_ns > FIRST_NS
