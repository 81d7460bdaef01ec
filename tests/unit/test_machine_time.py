"""A machine's time against minutes counted one by one, and by hand."""

import random
from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from rules.calendar import day_start_ns, production_day
from rules.event_tally import Tally
from rules.events import STATES, MachineState, State
from rules.machine_spec import BreakSpec, MachineSpec
from rules.machine_time import MachineLine
from rules.planned_time import planned_spans
from rules.spec import CalendarSpec
from tests.oracle_machines import MINUTE_NS, Told, Works, by_day

HOUR_NS = 60 * MINUTE_NS
REASONS = ("", "tool", "material", "maintenance")


def ns(zone: str, *when: int) -> int:
    return int(datetime(*when, tzinfo=ZoneInfo(zone)).timestamp()) * 1_000_000_000  # type: ignore[misc, arg-type] # a date's numbers


def span(calendar: CalendarSpec, day: int) -> tuple[int, int]:
    return day_start_ns(calendar, day), day_start_ns(calendar, day + 1)


def minutes(tally: Tally) -> dict[str, object]:
    """A tally as the oracle gives it."""
    return {
        "states": Counter({name: ns // MINUTE_NS for name, ns in tally.states.items()}),
        "down": Counter({name: ns // MINUTE_NS for name, ns in tally.down.items()}),
        "failures": tally.failures,
        "repair": tally.repair_ns // MINUTE_NS,
    }


def line_of(*messages: tuple[int, State, str]) -> MachineLine:
    line = MachineLine()
    for time_ns, state, reason in messages:
        line.take(time_ns, MachineState(state, reason))
    return line


def random_works(rng: random.Random) -> Works:
    zone = rng.choice(("UTC", "Europe/Berlin", "America/New_York", "Asia/Shanghai"))
    starts = sorted(rng.sample((0, 4 * 60, 6 * 60, 8 * 60 + 30, 14 * 60, 18 * 60, 22 * 60), rng.randint(1, 3)))
    shifts = tuple((start, f"s{number}") for number, start in enumerate(starts))
    names = [name for _, name in shifts]
    return Works(
        timezone=zone,
        day_starts_at=rng.choice((0, 6 * 60, 8 * 60, 22 * 60)),
        days_off=frozenset(),
        shifts=shifts,
        wanted=tuple(rng.sample(names, rng.randint(0, len(names)))),
        breaks=tuple((rng.choice((30, 300, 720, 1430)), rng.choice((15, 45, 120))) for _ in range(rng.randint(0, 3))),
        planned_stops=rng.choice(((), ("maintenance",))),
        not_failures=rng.choice(((), ("material",))),
        valid_minutes=rng.choice((90, 600, 1440, 10_000)),
    )


def specs(works: Works) -> tuple[CalendarSpec, MachineSpec]:
    calendar = CalendarSpec(
        timezone=works.timezone,
        day_starts_at=works.day_starts_at,
        holidays=works.days_off,
        shift_names=tuple(name for _, name in works.shifts),
        shift_starts=tuple(start for start, _ in works.shifts),
    )
    machine = MachineSpec(
        "line1/op10",
        shifts=works.wanted,
        breaks=tuple(BreakSpec(*one) for one in works.breaks),
        planned_stops=works.planned_stops,
        not_failures=works.not_failures,
        state_valid_hours=works.valid_minutes / 60,
    )
    return calendar, machine


@pytest.mark.parametrize("seed", range(24))
def test_each_day_is_what_its_minutes_come_to(seed: int) -> None:
    rng = random.Random(seed)
    works = random_works(rng)
    start = rng.choice((datetime(2026, 3, 6), datetime(2026, 3, 27), datetime(2026, 10, 23), datetime(2026, 10, 30)))
    first = int(start.replace(tzinfo=ZoneInfo("UTC")).timestamp()) // 60
    today = start.date().toordinal()
    works = Works(**{**vars(works), "days_off": frozenset(rng.sample(range(today, today + 4), rng.randint(0, 2)))})
    calendar, machine = specs(works)
    told = Told()
    for _ in range(rng.choice((0, 3, 30, 150))):
        minute = first + rng.randrange(4 * 1440)
        told.messages.append((minute, rng.choice(STATES), rng.choice(REASONS)))
    if rng.random() < 0.5:
        told.messages.sort()  # in time; else they come late, and some of one time replace others
    line = MachineLine()
    for minute, state, reason in told.messages:
        line.take(minute * MINUTE_NS, MachineState(state, reason))  # type: ignore[arg-type] # one of STATES

    days = [today + number for number in range(4)]
    begin = min(first, *(span(calendar, day)[0] // MINUTE_NS for day in days))
    expected = by_day(told, works, begin - 2 * 1440, span(calendar, days[-1])[1] // MINUTE_NS)
    for day in days:
        tally = line.tally(calendar, machine, day, span(calendar, day))
        assert minutes(tally) == expected[day], (seed, day)
        planned = sum(end - start for start, end in planned_spans(calendar, machine, day, span(calendar, day)))
        assert tally.planned_ns + tally.states.get("planned-stop", 0) == planned


@pytest.mark.parametrize("seed", range(8))
def test_what_is_forgotten_changes_no_day_after_it(seed: int) -> None:
    rng = random.Random(seed)
    calendar, machine = specs(random_works(rng))
    first = day_start_ns(calendar, 739_700)
    line = line_of(
        *((first + rng.randrange(5 * 1440) * MINUTE_NS, rng.choice(STATES[:3]), rng.choice(REASONS)) for _ in range(25))
    )
    wanted = [line.tally(calendar, machine, day, span(calendar, day)) for day in range(739_702, 739_706)]
    line.forget(day_start_ns(calendar, 739_701), machine, calendar)
    line.forget(day_start_ns(calendar, 739_702), machine, calendar)
    again = MachineLine.from_plain(line.to_plain())
    assert [again.tally(calendar, machine, day, span(calendar, day)) for day in range(739_702, 739_706)] == wanted


CALENDAR = CalendarSpec(timezone="Europe/Berlin", day_starts_at=360)
DAY = datetime(2026, 11, 16).toordinal()  # a Monday
PRESS = MachineSpec("press")


def at(hour: int, minute: int = 0, day: int = 16) -> int:
    return ns("Europe/Berlin", 2026, 11, day, hour, minute)


def tally_of(line: MachineLine, machine: MachineSpec = PRESS, day: int = DAY) -> Tally:
    return line.tally(CALENDAR, machine, day, span(CALENDAR, day))


def test_before_the_first_message_nothing_is_known() -> None:
    tally = tally_of(line_of((at(8), "running", ""), (at(12), "idle", "")))
    assert tally.states == {"unknown": 2 * HOUR_NS, "running": 4 * HOUR_NS, "idle": 18 * HOUR_NS}
    assert tally.planned_ns == 24 * HOUR_NS


def test_a_state_that_nobody_repeats_is_believed_for_its_hours() -> None:
    machine = MachineSpec("press", state_valid_hours=2)
    tally = tally_of(line_of((at(6), "running", ""), (at(7), "running", ""), (at(12), "idle", "")), machine)
    assert tally.states == {"running": 3 * HOUR_NS, "unknown": 19 * HOUR_NS, "idle": 2 * HOUR_NS}


def test_repeating_a_state_changes_nothing_while_it_is_believed() -> None:
    once = line_of((at(6), "down", "tool"), (at(9), "running", ""))
    often = line_of(*((at(6, minute), "down", "tool") for minute in range(0, 60, 5)), (at(9), "running", ""))
    assert tally_of(often) == tally_of(once)
    assert tally_of(once).failures == 1


def test_a_reason_told_afterwards_with_the_time_of_the_stop_is_its_reason() -> None:
    line = line_of((at(6), "running", ""), (at(9), "down", ""), (at(10), "running", ""), (at(9), "down", "tool"))
    assert tally_of(line).down == {"tool": HOUR_NS}


def test_a_reason_told_during_the_stop_parts_its_time_but_makes_no_second_failure() -> None:
    tally = tally_of(
        line_of((at(6), "running", ""), (at(9), "down", ""), (at(10), "down", "tool"), (at(12), "idle", ""))
    )
    assert (tally.down, tally.failures, tally.repair_ns) == ({"": HOUR_NS, "tool": 2 * HOUR_NS}, 1, 3 * HOUR_NS)


def test_a_planned_stop_is_neither_planned_time_nor_a_failure() -> None:
    machine = MachineSpec("press", planned_stops=("maintenance",), not_failures=("material",))
    line = line_of(
        *((at(6), "running", ""), (at(8), "down", "maintenance"), (at(10), "running", "")),
        *((at(12), "down", "material"), (at(13), "running", ""), (at(14), "down", "tool"), (at(15), "running", "")),
    )
    tally = tally_of(line, machine)
    assert tally.states == {"running": 20 * HOUR_NS, "down": 2 * HOUR_NS, "planned-stop": 2 * HOUR_NS}
    assert tally.planned_ns == 22 * HOUR_NS
    assert (tally.down, tally.failures, tally.repair_ns) == ({"material": HOUR_NS, "tool": HOUR_NS}, 1, HOUR_NS)


def test_a_stop_over_midnight_is_one_failure_of_the_day_it_began_on() -> None:
    line = line_of((at(6), "running", ""), (at(5, 0, 17), "down", "tool"), (at(8, 0, 17), "running", ""))
    assert (tally_of(line).failures, tally_of(line).repair_ns) == (1, HOUR_NS)
    second = tally_of(line, day=DAY + 1)
    assert (second.failures, second.repair_ns) == (0, 2 * HOUR_NS)


def test_a_stop_that_began_in_a_break_counts_when_the_break_is_over() -> None:
    machine = MachineSpec("press", breaks=(BreakSpec(12 * 60, 30),))
    tally = tally_of(line_of((at(6), "running", ""), (at(12, 15), "down", ""), (at(13), "running", "")), machine)
    assert (tally.failures, tally.repair_ns, tally.planned_ns) == (1, HOUR_NS // 2, 24 * HOUR_NS - HOUR_NS // 2)


def test_a_stop_from_before_a_break_to_after_it_is_one_failure() -> None:
    machine = MachineSpec("press", breaks=(BreakSpec(12 * 60, 30),))
    tally = tally_of(line_of((at(6), "running", ""), (at(11, 50), "down", ""), (at(13), "running", "")), machine)
    assert (tally.failures, tally.repair_ns) == (1, 40 * MINUTE_NS)


def test_a_late_message_takes_the_time_that_another_had() -> None:
    line = line_of((at(6), "running", ""), (at(12), "idle", ""))
    line.take(at(10), MachineState("down", "tool"))
    assert tally_of(line).states == {"running": 4 * HOUR_NS, "down": 2 * HOUR_NS, "idle": 18 * HOUR_NS}


def test_a_day_off_has_no_planned_time() -> None:
    calendar = CalendarSpec(holidays=frozenset({DAY}))
    line = line_of((at(6), "running", ""))
    assert line.tally(calendar, PRESS, DAY, span(calendar, DAY)) == Tally()


@pytest.mark.parametrize(("date", "hours"), [((2026, 3, 28), 7), ((2026, 10, 24), 9), ((2026, 11, 16), 8)])
def test_a_night_shift_is_as_long_as_its_night(date: tuple[int, int, int], hours: int) -> None:
    calendar = CalendarSpec(
        timezone="Europe/Berlin",
        day_starts_at=360,
        shift_names=("early", "late", "night"),
        shift_starts=(360, 840, 1320),
    )
    day = datetime(*date).toordinal()
    (found,) = planned_spans(calendar, MachineSpec("press", shifts=("night",)), day, span(calendar, day))
    assert found == (ns("Europe/Berlin", *date, 22), span(calendar, day)[1])
    assert found[1] - found[0] == hours * HOUR_NS


def test_a_break_at_a_time_that_happens_twice_is_taken_once() -> None:
    calendar = CalendarSpec(timezone="Europe/Berlin")
    day = datetime(2026, 10, 25).toordinal()
    machine = MachineSpec("press", breaks=(BreakSpec(150, 45),))  # 02:30, an hour after which it is 02:30 again
    within = span(calendar, day)
    half = within[0] + 150 * MINUTE_NS
    assert planned_spans(calendar, machine, day, within) == ((within[0], half), (half + 45 * MINUTE_NS, within[1]))


def test_the_minute_by_minute_day_is_the_calendars() -> None:
    works = Works("Europe/Berlin", 360, frozenset(), (), (), (), (), (), 60)
    (day,) = by_day(Told(), works, at(5, 59) // MINUTE_NS, at(6) // MINUTE_NS)
    assert day == DAY - 1 == production_day(CALENDAR, at(5, 59))
