from datetime import UTC, datetime

from flows.ticks import JUMP_NS, SECOND_NS, TickState, grid_ticks, next_tick, tick_step, ticks_until
from rules.calendar import next_due_tick
from rules.spec import CalendarSpec

MINUTE, HOUR, DAY = 60 * SECOND_NS, 3_600 * SECOND_NS, 86_400 * SECOND_NS
NEVER = 1 << 62


def never(after_ns: int) -> int:
    return NEVER


def hourly(after_ns: int) -> int:
    return (after_ns // HOUR + 1) * HOUR


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND_NS


def effective(*ticks: int) -> list[int]:
    state, found = TickState(), []
    for tick in ticks:
        state, upto = tick_step(state, tick)
        found.append(upto)
    return found


def test_before_a_reading_comes_the_last_tick_of_the_grid() -> None:
    assert ticks_until(10 * SECOND_NS, 11 * SECOND_NS + 5, SECOND_NS, never) == [11 * SECOND_NS]
    assert ticks_until(10 * SECOND_NS, 11 * SECOND_NS, SECOND_NS, never) == [11 * SECOND_NS]
    assert ticks_until(10 * SECOND_NS, 11 * SECOND_NS - 1, SECOND_NS, never) == []


def test_the_first_tick_of_all_is_one_however_late_it_is() -> None:
    assert ticks_until(0, at("2026-11-21T08:00:00.5"), SECOND_NS, hourly) == [at("2026-11-21T08:00:00")]
    assert list(grid_ticks(0, at("2026-11-21T08:00:59"), MINUTE)) == [at("2026-11-21T08:00:00")]


def test_an_idle_stretch_collapses_to_the_ticks_at_which_something_is_due() -> None:
    assert ticks_until(HOUR + 30 * MINUTE, 2 * HOUR + 10 * MINUTE, SECOND_NS, hourly) == [2 * HOUR, 130 * MINUTE]
    assert ticks_until(HOUR + 30 * MINUTE, 2 * HOUR, SECOND_NS, hourly) == [2 * HOUR]


def test_a_day_close_is_written_at_its_minute_between_two_readings() -> None:
    calendar = CalendarSpec("Asia/Shanghai", 8 * 60)  # days end at 00:00 UTC and close a quarter of an hour later
    last, reading = at("2026-11-21T00:10:00"), at("2026-11-21T00:40:00")
    ticks = ticks_until(last, reading, SECOND_NS, lambda after: next_due_tick(calendar, after))
    assert ticks == [at("2026-11-21T00:15:00"), at("2026-11-21T00:40:00")]


def test_a_clock_that_steps_back_writes_no_ticks_until_it_has_caught_up() -> None:
    assert ticks_until(10 * HOUR, 9 * HOUR, SECOND_NS, hourly) == []
    assert ticks_until(10 * HOUR, 10 * HOUR, SECOND_NS, hourly) == []
    assert ticks_until(10 * HOUR, 10 * HOUR + SECOND_NS, SECOND_NS, hourly) == [10 * HOUR + SECOND_NS]
    assert list(grid_ticks(10 * HOUR, 9 * HOUR, MINUTE)) == []


def test_of_a_jump_only_its_last_tick_is_written() -> None:
    assert ticks_until(HOUR, 5 * HOUR + 1, SECOND_NS, hourly) == [5 * HOUR]


def test_a_simulated_clock_gets_every_tick_of_its_grid() -> None:
    assert list(grid_ticks(2 * MINUTE, 5 * MINUTE + 7, MINUTE)) == [3 * MINUTE, 4 * MINUTE, 5 * MINUTE]
    assert list(grid_ticks(2 * MINUTE + 5, 4 * MINUTE, MINUTE)) == [3 * MINUTE, 4 * MINUTE]
    assert list(grid_ticks(2 * MINUTE, 3 * MINUTE - 1, MINUTE)) == []


def test_the_next_tick_comes_a_step_after_a_reading_and_else_as_a_heartbeat_or_when_due() -> None:
    assert next_tick(100 * SECOND_NS, SECOND_NS, True, never) == 101 * SECOND_NS
    assert next_tick(100 * SECOND_NS, SECOND_NS, False, never) == 110 * SECOND_NS
    assert next_tick(2 * MINUTE, MINUTE, False, never) == 3 * MINUTE
    assert next_tick(HOUR - 3 * SECOND_NS, SECOND_NS, False, hourly) == HOUR


def test_ordinary_ticks_are_effective_at_once() -> None:
    assert effective(HOUR, HOUR + SECOND_NS, 2 * HOUR) == [HOUR, HOUR + SECOND_NS, 2 * HOUR]


def test_a_jump_closes_no_day_until_ten_minutes_of_ticks_have_confirmed_it() -> None:
    jump = 30 * HOUR
    ticks = [HOUR, jump, jump + 9 * MINUTE, jump + 10 * MINUTE - 1, jump + 10 * MINUTE, jump + 11 * MINUTE]
    assert effective(*ticks) == [HOUR, HOUR, HOUR, HOUR, jump + 10 * MINUTE, jump + 11 * MINUTE]


def test_one_wrong_time_closes_nothing_and_stops_nothing() -> None:
    for wrong in (HOUR + JUMP_NS + SECOND_NS, 30 * HOUR, 400 * DAY):
        ticks = [HOUR, wrong, HOUR + MINUTE, HOUR + 2 * MINUTE]
        assert effective(*ticks) == [HOUR, HOUR, HOUR + MINUTE, HOUR + 2 * MINUTE]


def test_nine_minutes_of_a_wrong_time_are_given_up_with_the_first_true_one() -> None:
    wrong = [30 * HOUR + k * MINUTE for k in range(10)]
    assert effective(HOUR, *wrong, HOUR + 10 * MINUTE)[-2:] == [HOUR, HOUR + 10 * MINUTE]


def test_a_tick_at_or_before_the_confirmed_time_says_nothing_of_a_jump() -> None:
    jump = 30 * HOUR
    assert effective(HOUR, jump, HOUR, HOUR - MINUTE, jump + 10 * MINUTE)[-1] == jump + 10 * MINUTE


def test_a_jump_to_before_a_jump_is_one_of_its_own() -> None:
    """First two days ahead, then two hours: those are confirmed after ten minutes."""
    ticks = [HOUR, 49 * HOUR, 4 * HOUR, 4 * HOUR + 9 * MINUTE, 4 * HOUR + 10 * MINUTE]
    assert effective(*ticks) == [HOUR, HOUR, HOUR, HOUR, 4 * HOUR + 10 * MINUTE]


def test_a_second_jump_begins_the_confirmation_anew() -> None:
    first, second = 30 * HOUR, 60 * HOUR
    assert effective(HOUR, first, first + 5 * MINUTE, second, second + 6 * MINUTE) == [HOUR] * 5
    assert effective(HOUR, first, second, second + 10 * MINUTE)[-1] == second + 10 * MINUTE


def test_a_step_of_exactly_an_hour_is_no_jump_and_ticks_never_go_back() -> None:
    assert effective(HOUR, 2 * HOUR, 2 * HOUR, HOUR) == [HOUR, 2 * HOUR, 2 * HOUR, 2 * HOUR]
