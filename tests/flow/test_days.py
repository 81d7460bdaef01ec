"""Production days through the whole flow, from journal to history: small cases with expected values by hand.

Values alternate by ±d about 10: every moving range is 2d, so sigma within is 2d/d2(2) = 2d/1.1283791671 and, with
limits of 10 ± 0.6, Cpk = 0.6/(3 · 2d/1.1283791671) = 0.11283791671/d.
"""

import json
from dataclasses import replace
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from connectors.journal import JournalWriter
from flows.day_book import DayBook
from rules.records import FIGURE
from rules.spec import BreachSpec, CalendarSpec, CharacteristicSpec, FixedLimits
from rules.verdicts import BITS
from tests.plants import BORE, MINUTE, Journal, at, follow_to_the_end, make_plan, ordinal, query, with_goal

HOUR = 60 * MINUTE
D2 = 1.1283791670955126  # 2/√π
GOOD, BAD = 0.08, 0.1  # d: Cpk 1.4105 and 1.1284
FLOOR = 1.2


OWN = replace(BORE, day_basis="day")  # each day on its own readings, however few


def begin(start: int, calendar: CalendarSpec, spec: CharacteristicSpec = BORE, **more: Any) -> Journal:
    """A journal that begins when the day before `start` has closed."""
    journal = Journal()
    journal.plan(start + 15 * MINUTE, make_plan(spec, calendar=calendar, **more))
    journal.tick(start + 15 * MINUTE)
    return journal


def measure(journal: Journal, times: list[int], d: float = GOOD) -> None:
    """One reading at each time, alternating about 10, with the ticks up to it."""
    for k, time_ns in enumerate(times):
        if time_ns - time_ns % MINUTE > journal.last_tick_ns:
            journal.ticks(time_ns - time_ns % MINUTE, 30 * MINUTE)
        journal.message(time_ns, {"bore": 10 + d * (-1) ** k})


def finish(journal: Journal, until: int, folder: Path) -> list[dict[str, Any]]:
    """Ticks up to `until`, the flow over it all; its days in order."""
    journal.ticks(until, 15 * MINUTE)
    journal.write(folder)
    follow_to_the_end(folder)
    return query(folder, 'SELECT * FROM "day" ORDER BY "row"')


@pytest.mark.parametrize(
    ("starts_at", "first", "hours", "expected"),
    [
        (0, "2026-03-28 00:00", 71, [("2026-03-28", 24), ("2026-03-29", 23), ("2026-03-30", 24)]),
        (0, "2026-10-24 00:00", 73, [("2026-10-24", 24), ("2026-10-25", 25), ("2026-10-26", 24)]),
        (360, "2026-03-28 06:00", 47, [("2026-03-28", 23), ("2026-03-29", 24)]),
        (360, "2026-10-24 06:00", 49, [("2026-10-24", 25), ("2026-10-25", 24)]),
    ],
    ids=["spring-midnight", "autumn-midnight", "spring-six", "autumn-six"],
)
def test_a_day_is_as_long_as_its_clocks_make_it(
    tmp_path: Path, starts_at: int, first: str, hours: int, expected: list[tuple[str, int]]
) -> None:
    """One reading an hour, at half past, from the first day's start on."""
    start = at(first, "Europe/Berlin")
    journal = begin(start, CalendarSpec("Europe/Berlin", starts_at), OWN)
    measure(journal, [start + hour * HOUR + 30 * MINUTE for hour in range(hours)])
    days = finish(journal, start + hours * HOUR + 15 * MINUTE, tmp_path)
    assert [(row["day"], row["n"]) for row in days] == [(ordinal(day), n) for day, n in expected]
    # The last day closes 15 minutes after its local end, at that tick.
    closing = {entry.seq: int(entry.payload) for entry in journal.entries if entry.topic == "tick"}
    assert closing[days[-1]["cause_seq"]] == start + hours * HOUR + 15 * MINUTE


def test_a_night_shift_belongs_to_the_day_on_which_it_began(tmp_path: Path) -> None:
    calendar = CalendarSpec("Europe/Berlin", 360)
    start = at("2026-11-18 06:00", "Europe/Berlin")
    journal = begin(start, calendar, OWN)
    night = ["2026-11-18 22:00", "2026-11-18 23:59", "2026-11-19 00:00", "2026-11-19 05:59", "2026-11-19 06:00"]
    measure(journal, [at(text, "Europe/Berlin") for text in night])
    days = finish(journal, at("2026-11-20 06:15", "Europe/Berlin"), tmp_path)
    assert [(row["day"], row["n"]) for row in days] == [(ordinal("2026-11-18"), 4), (ordinal("2026-11-19"), 1)]


def test_a_holiday_is_no_day_an_idle_working_day_is_stated_and_data_make_any_day_one(tmp_path: Path) -> None:
    """Monday to Friday; Wednesday is a holiday, Friday idle, on Saturday somebody works."""
    calendar = CalendarSpec(
        working_days=frozenset(range(5)), holidays=frozenset({ordinal("2026-11-18")}), grace_minutes=15
    )
    journal = begin(at("2026-11-16 00:00"), calendar, OWN)
    measure(journal, [at(f"2026-11-{day} {hour:02d}:30") for day in (16, 17, 19, 21) for hour in range(24)])
    days = finish(journal, at("2026-11-24 00:15"), tmp_path)
    assert [(row["day"] - ordinal("2026-11-16"), row["n"]) for row in days] == [
        (0, 24),  # Monday
        (1, 24),
        (3, 24),  # Thursday
        (4, 0),  # Friday, idle
        (5, 24),  # Saturday
        (7, 0),  # Monday again, idle
    ]
    idle = days[3]
    assert (idle["verdict"], idle["revision"], idle["cpk"], idle["mean"]) == ("insufficient", 1, None, None)


def test_a_day_off_looks_at_no_metric(tmp_path: Path) -> None:
    """Monday to Friday: the week-end is no day for metrics and key results; the idle Tuesday is one."""
    goal = with_goal(1.33, "2026-11-01", "2026-11-30")
    journal = begin(at("2026-11-19 00:00"), CalendarSpec(working_days=frozenset(range(5))), **goal)
    for day in (19, 20, 23):
        measure(journal, _half_hours(day))
    finish(journal, at("2026-11-25 00:15"), tmp_path)
    metrics = query(tmp_path, 'SELECT * FROM "metric" ORDER BY "row"')
    closed = {row["day"] - ordinal("2026-11-01") + 1: row["counted"] for row in metrics}
    assert closed == {19: 1, 20: 1, 23: 1, 24: 0}
    looked = query(tmp_path, 'SELECT DISTINCT "day" FROM "key_result" ORDER BY 1')
    assert [row["day"] - ordinal("2026-11-01") + 1 for row in looked] == [19, 20, 23, 24]


def test_twenty_readings_a_day_are_stated_on_the_last_thirty(tmp_path: Path) -> None:
    """Day 2: its own 20 (19 ranges of 2 · 0.1) and the last 10 of day 1 (9 ranges of 2 · 0.08 inside the window)."""
    journal = begin(at("2026-11-16 00:00"), CalendarSpec())
    for day, d in ((16, GOOD), (17, BAD)):
        measure(journal, [at(f"2026-11-{day} {hour:02d}:{minute}") for hour in range(8, 18) for minute in (10, 40)], d)
    first, second = finish(journal, at("2026-11-18 00:15"), tmp_path)
    assert (first["basis"], first["n"], first["verdict"]) == ("trailing", 20, "insufficient")
    assert (second["basis"], second["n"], second["verdict"]) == ("trailing", 30, "ok")
    assert (second["first_seq"], second["last_seq"]) == _span(journal, 30)
    sigma = (19 * 2 * BAD + 9 * 2 * GOOD) / 28 / D2
    assert second["sigma_within"] == pytest.approx(sigma, rel=1e-9)  # rel: the order of sums
    assert second["cpk"] == pytest.approx(0.6 / (3 * sigma), rel=1e-9)
    assert second["sigma_overall"] == pytest.approx(sqrt((20 * BAD**2 + 10 * GOOD**2) / 29), rel=1e-9)
    assert second["within_df"] == pytest.approx(0.61 * 28)


def _span(journal: Journal, n: int) -> tuple[int, int]:
    seqs = [entry.seq for entry in journal.entries if entry.connector == "line"]
    return seqs[-n], seqs[-1]


def _half_hours(day: int) -> list[int]:
    return [at(f"2026-11-{day:02d} 00:20") + k * 30 * MINUTE for k in range(48)]


def test_three_bad_days_open_one_episode_that_three_good_ones_end(tmp_path: Path) -> None:
    """Days 1 to 5 good, 6 to 8 bad, 9 to 13 good; a key result of 30 days on each day's Cpk."""
    goal = with_goal(1.33, "2026-11-01", "2026-11-30")
    journal = begin(at("2026-11-01 00:00"), CalendarSpec(), **goal)
    for day in range(1, 14):
        measure(journal, _half_hours(day), BAD if day in (6, 7, 8) else GOOD)
    days = finish(journal, at("2026-11-14 00:15"), tmp_path)
    cpk = [0.11283791670955126 / (BAD if day in (6, 7, 8) else GOOD) for day in range(1, 14)]
    assert [row["cpk"] for row in days] == pytest.approx(cpk, rel=1e-9)

    episodes = query(tmp_path, 'SELECT * FROM "episode" ORDER BY "row"')
    assert len({row["episode"] for row in episodes}) == 1
    told = [(row["state"], row["rule"], json.loads(row["days"]), row["recovered_day"]) for row in episodes]
    bad = ["2026-11-06", "2026-11-07", "2026-11-08"]
    assert told == [
        ("open", "cpk-below-floor", bad, None),
        ("recovered", "cpk-below-floor", bad, ordinal("2026-11-11")),
    ]
    # Pooled over 3 · 48 values: df = 0.61 · 3 · 47; Bissell's one-sided upper bound is above 1.2.
    upper = cpk[5] + 1.6448536269514722 * sqrt(1 / (9 * 144) + cpk[5] ** 2 / (2 * 0.61 * 141))
    assert episodes[0]["cpk"] == pytest.approx(cpk[5], rel=1e-9)
    assert episodes[0]["cpk_upper"] == pytest.approx(upper, rel=1e-9)
    assert episodes[0]["confidence"] == "indicated"

    pushed = query(tmp_path, """SELECT * FROM "outbox" WHERE "path" = '/api/v1/alerts' ORDER BY "row" """)
    bodies = [json.loads(row["body"]) for row in pushed]
    assert {body["alert"] for body in bodies} == {episodes[0]["episode"]}
    assert [(body["revision"], body["state"]) for body in bodies] == [(1, "open"), (2, "recovered")]
    assert [(one["day"], one["n"]) for one in bodies[0]["days"]] == [(day, 48) for day in bad]
    assert len({row["key"] for row in pushed}) == 2

    closed = query(tmp_path, 'SELECT * FROM "key_result" ORDER BY "row"')
    by_day = {row["day"] - ordinal("2026-11-01") + 1: (row["status"], row["reason"]) for row in closed if row["value"]}
    assert [by_day[day][0] for day in (1, 2, 3, 4)] == ["starting"] * 4
    assert [by_day[day] for day in (5, 6, 7)] == [("green", "on-course")] * 3  # 1.1284 of 1.33 after a quarter
    assert [by_day[day] for day in (8, 9, 10)] == [("red", "floor")] * 3
    assert by_day[11] == ("red", "not-held-twice")  # a better colour must hold at two day closes
    assert [by_day[day] for day in (12, 13)] == [("green", "on-course")] * 2


def test_a_reading_for_a_closed_day_restates_it(tmp_path: Path) -> None:
    journal = begin(at("2026-11-16 00:00"), CalendarSpec(), OWN)
    measure(journal, _half_hours(16) + _half_hours(17)[:20])
    journal.message(at("2026-11-16 12:00"), {"bore": 11.0}, received_ns=journal.last_tick_ns)
    days = finish(journal, at("2026-11-18 00:15"), tmp_path)
    assert [(row["day"] - ordinal("2026-11-16"), row["revision"], row["n"], row["late"]) for row in days] == [
        (0, 1, 48, 0),
        (0, 2, 49, 1),
        (1, 1, 20, 0),
    ]
    assert (days[0]["out_of_spec_day"], days[1]["out_of_spec_day"]) == (0, 1)
    assert days[1]["mean"] == pytest.approx((48 * 10 + 11) / 49, rel=1e-12)
    assert days[1]["sigma_within"] == pytest.approx(2 * GOOD / D2, rel=1e-9)  # a late reading is in no range
    (late,) = query(tmp_path, 'SELECT * FROM "reading"')
    assert (late["state"], late["value"]) == ("late", 11.0)
    signals = query(tmp_path, 'SELECT "rule", "limit" FROM "signal" ORDER BY "rule"')
    assert [(row["rule"], row["limit"]) for row in signals] == [
        ("beyond-3-sigma", pytest.approx(10.3)),
        ("out-of-spec", 10.6),
    ]


def test_a_day_restated_so_that_it_no_longer_counts_is_not_the_last_usable_one() -> None:
    spec = replace(OWN, minimum_n=2)
    plan, numbers, book = make_plan(spec), np.array([1], np.int64), DayBook()
    first = ordinal("2026-11-16")
    for day in (first, first + 1):
        book.take(_statement(day, BITS["ok"]), spec, False)
        book.close(day, (day, at("2026-11-18 00:15")), plan, numbers)
    assert book.last_usable[1] == first + 1
    book.take(_statement(first + 1, BITS["resolution"]), spec, False)
    book.settle((first + 2, at("2026-11-18 00:20")), plan, numbers)
    assert book.last_usable[1] == first
    assert DayBook.from_plain(book.to_plain()).last_usable[1] == first


def _statement(day: int, verdicts: int) -> Any:
    row = np.zeros((), FIGURE)
    row["characteristic"], row["day"], row["n"], row["verdicts"] = 1, day, 30, verdicts
    row["cpk"] = row["ppk"] = 1.4
    return row


def test_a_reading_that_comes_too_late_changes_no_day_and_no_episode(tmp_path: Path) -> None:
    journal = begin(at("2026-11-16 00:00"), CalendarSpec(), replace(OWN, minimum_n=2, breach=BreachSpec(breach_days=1)))
    measure(journal, _half_hours(16))
    journal.ticks(at("2026-11-24 12:00"), 30 * MINUTE)
    journal.message(at("2026-11-17 11:59"), {"bore": 10.5}, received_ns=journal.last_tick_ns)  # 7 days and a minute
    journal.message(at("2026-11-17 12:01"), {"bore": 10.5}, received_ns=journal.last_tick_ns)
    days = finish(journal, at("2026-11-24 13:00"), tmp_path)
    assert [(row["day"] - ordinal("2026-11-16"), row["n"]) for row in days if row["revision"] > 1] == [(1, 1)]
    (kept,) = query(tmp_path, 'SELECT * FROM "reading"')
    assert (kept["state"], kept["time"]) == ("too-late", at("2026-11-17 11:59"))
    assert query(tmp_path, 'SELECT * FROM "episode"') == []


def test_a_clock_that_jumps_closes_no_day_until_ten_minutes_have_confirmed_it(tmp_path: Path) -> None:
    journal = begin(at("2026-11-16 00:00"), CalendarSpec(), OWN)
    measure(journal, _half_hours(16)[:10])
    for time in ("00:20", "00:29", "00:30"):  # a day later at once; 9 and 10 minutes after the jump
        journal.tick(at(f"2026-11-17 {time}"))
    journal.write(tmp_path)
    follow_to_the_end(tmp_path)
    (day,) = query(tmp_path, 'SELECT * FROM "day"')
    assert (day["n"], day["cause_seq"]) == (10, journal.entries[-1].seq)


def test_a_subgroup_left_open_survives_a_restart_and_times_out_later(tmp_path: Path) -> None:
    one = CharacteristicSpec("bore", chart="xbar-r", subgroup_size=5, limits=FixedLimits(10.0, 0.1))
    journal = begin(at("2026-11-16 00:00"), CalendarSpec(), one)
    start = at("2026-11-16 08:00")
    journal.ticks(start, 30 * MINUTE)
    for k, value in enumerate((10.0, 10.2, 10.1)):
        journal.message(start + k * MINUTE, {"bore": value}, lot="L1", part=f"p{k}")
    journal.tick(start + 2 * MINUTE)
    journal.write(tmp_path)
    follow_to_the_end(tmp_path)
    assert query(tmp_path, 'SELECT * FROM "point"') == []
    known = len(journal.entries)
    journal.ticks(start + 31 * MINUTE, 10 * MINUTE)
    writer = JournalWriter(tmp_path / "journal")
    writer.append([entry[1:] for entry in journal.entries[known:]])
    writer.close()
    follow_to_the_end(tmp_path)
    (point,) = query(tmp_path, 'SELECT * FROM "point"')
    assert (point["n"], point["seq"], point["time"]) == (3, journal.entries[known - 2].seq, start + 2 * MINUTE)
    assert (point["value"], point["dispersion"]) == (pytest.approx(10.1), pytest.approx(0.2))
    assert [context["part"] for context in json.loads(point["contexts"])] == ["p0", "p1", "p2"]
    ticks = {entry.seq: int(entry.payload) for entry in journal.entries if entry.topic == "tick"}
    assert ticks[point["cause_seq"]] == start + 31 * MINUTE  # the first at or after 30 minutes from the first reading
