from datetime import UTC, datetime

import pytest

from flows.clocks import TopicClock, WallClock, published_time
from flows.ticks import SECOND_NS, TickState
from flows.wall import SteadyWall

MINUTE = 60 * SECOND_NS
START = 1_795_248_000 * SECOND_NS  # 2026-11-21T08:00:00Z


class Hands:
    """A machine's clocks: the wall clock stands where it is put, what has passed since boot where it is moved."""

    def __init__(self, at_ns: int) -> None:
        self.at_ns = at_ns
        self.passed_ns = 0

    def __call__(self) -> int:
        return self.at_ns

    def steady(self) -> int:
        return self.passed_ns

    def go(self, by_ns: int) -> None:
        self.at_ns += by_ns
        self.passed_ns += by_ns


def wall(last_ns: int, hands: Hands, due_ns: int = 1 << 62) -> WallClock:
    return started(TickState(last_ns, last_ns), hands, due_ns)


def started(state: TickState, hands: Hands, due_ns: int = 1 << 62) -> WallClock:
    steady = SteadyWall(hands, hands.steady)
    return WallClock(state, SECOND_NS, lambda after: due_ns if due_ns > after else 1 << 62, steady)


def test_the_first_tick_is_written_at_once_and_the_next_as_a_heartbeat() -> None:
    hands = Hands(START + 5)
    clock = wall(0, hands)
    assert clock.seconds_to_next() == 0.0
    assert clock.due() == [START]
    assert clock.seconds_to_next() == pytest.approx(10.0, abs=1e-6)
    hands.at_ns = START + 9 * SECOND_NS
    assert clock.due() == []
    hands.at_ns = START + 10 * SECOND_NS
    assert clock.due() == [START + 10 * SECOND_NS]


def test_after_a_reading_the_grids_next_tick_is_written_in_time() -> None:
    hands = Hands(START)
    clock = wall(START, hands)
    assert clock.before(START + SECOND_NS // 2) == []
    assert clock.seconds_to_next() == pytest.approx(1.0)
    hands.at_ns = START + SECOND_NS
    assert clock.due() == [START + SECOND_NS]
    assert clock.seconds_to_next() == pytest.approx(10.0)


def test_a_day_close_is_waited_for_and_written_before_a_later_reading() -> None:
    due = START + 3 * SECOND_NS
    assert wall(START, Hands(START), due).seconds_to_next() == pytest.approx(3.0)
    assert wall(START, Hands(START), due).before(START + 8 * SECOND_NS + 1) == [due, START + 8 * SECOND_NS]


def test_a_wall_clock_set_back_writes_nothing_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    hands = Hands(START - 3_600 * SECOND_NS)
    clock = wall(START, hands)
    assert clock.due() == clock.due() == []
    assert clock.before(hands.at_ns) == []
    assert clock.received(hands.at_ns) == hands.at_ns
    assert [record.getMessage() for record in caplog.records] == [
        "the clock is 3600 s behind the journal's last tick: no ticks until then"
    ]


HOUR = 60 * MINUTE
STEPS = [HOUR, -HOUR, 24 * HOUR, 365 * 24 * HOUR, -365 * 24 * HOUR, 61 * SECOND_NS]


@pytest.mark.parametrize("step_ns", STEPS)
def test_a_clock_that_shows_a_wrong_time_for_less_than_a_minute_goes_on(
    step_ns: int, caplog: pytest.LogCaptureFixture
) -> None:
    hands = Hands(START)
    clock = wall(START, hands)
    hands.go(10 * SECOND_NS)
    hands.at_ns += step_ns
    assert clock.due() == [START + 10 * SECOND_NS]
    assert clock.received(hands.at_ns) == START + 10 * SECOND_NS
    hands.go(20 * SECOND_NS)
    assert clock.before(hands.at_ns) == [START + 30 * SECOND_NS]
    assert clock.received(START + 29 * SECOND_NS) == START + 29 * SECOND_NS  # noted before the step
    hands.at_ns -= step_ns
    hands.go(10 * SECOND_NS)
    assert clock.due() == [START + 40 * SECOND_NS]
    assert clock.received(hands.at_ns) == START + 40 * SECOND_NS
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == [
        f"the wall clock has stepped by {step_ns // SECOND_NS:+d} s: the time goes on as it did unless that stays so "
        "for 60 s"
    ]


def test_a_step_forward_that_stays_is_the_time_after_a_minute() -> None:
    hands = Hands(START)
    clock = wall(START, hands)
    hands.at_ns += 2 * HOUR
    assert clock.due() == []
    hands.go(59 * SECOND_NS)
    assert clock.due() == [START + 59 * SECOND_NS]
    hands.go(SECOND_NS)
    assert clock.due() == [START + 2 * HOUR + MINUTE]
    assert clock.state.pending_ns == clock.state.last_ns  # a jump, until ten minutes of ticks have confirmed it


def test_a_step_back_that_stays_lets_the_time_stand_until_it_is_passed() -> None:
    """Back by an hour: a minute goes on, then no ticks for an hour and a minute."""
    hands = Hands(START)
    clock = wall(START, hands)
    hands.at_ns -= HOUR
    found = []
    for _ in range(64 * 6):
        hands.go(10 * SECOND_NS)
        found += [(hands.passed_ns // SECOND_NS, tick - START) for tick in clock.due()]
    minute = [(passed, passed * SECOND_NS) for passed in range(10, 70, 10)]
    # After 70 s it is believed: the wall shows START - HOUR + 70 s, and passes the last tick, START + 60 s, later.
    later = [(passed, passed * SECOND_NS - HOUR) for passed in range(3670, 64 * 60 + 1, 10)]
    assert found == minute + later


def test_a_step_that_changes_again_begins_its_minute_anew() -> None:
    hands = Hands(START)
    clock = wall(START, hands)
    hands.at_ns += 2 * HOUR
    clock.due()
    hands.go(50 * SECOND_NS)
    hands.at_ns += 5 * HOUR
    assert clock.due() == [START + 50 * SECOND_NS]
    hands.go(50 * SECOND_NS)
    assert clock.due() == [START + 100 * SECOND_NS]


def test_a_gateway_that_starts_with_a_wrong_time_goes_on_once_it_is_mended() -> None:
    """A day ahead from the start: one tick of it, then the true time, before the jump is confirmed."""
    hands = Hands(START + 24 * HOUR)
    clock = wall(START, hands, START + MINUTE)
    assert clock.due() == [START + 24 * HOUR]
    hands.go(2 * MINUTE)
    hands.at_ns -= 24 * HOUR
    clock.due()
    hands.go(MINUTE)
    resumed = started(clock.state, hands, START + MINUTE)  # restarted meanwhile, or not
    assert clock.due() == resumed.due() == [START + MINUTE, START + 3 * MINUTE]
    assert clock.state == TickState(START + 3 * MINUTE, START + 3 * MINUTE, 0)


def test_a_gateway_that_was_away_for_a_day_ticks_at_once() -> None:
    hands = Hands(START + 24 * HOUR)
    clock = wall(START, hands)
    assert clock.due() == [START + 24 * HOUR]
    for _ in range(60):
        hands.go(10 * SECOND_NS)
        clock.due()
    assert clock.state == TickState(hands.at_ns, hands.at_ns, 0)  # ten minutes have confirmed it


@pytest.mark.parametrize("ahead_ns", [61 * MINUTE, 24 * HOUR, 365 * 24 * HOUR])
def test_one_published_time_far_ahead_gives_one_tick_and_the_next_goes_on(ahead_ns: int) -> None:
    clock = TopicClock(TickState(START, START), MINUTE)
    assert clock.published(b"%d" % ((START + ahead_ns) // 1_000_000)) == [START + ahead_ns]
    assert clock.published(b"%d" % ((START + 2 * MINUTE) // 1_000_000)) == [START + MINUTE, START + 2 * MINUTE]
    assert clock.state == TickState(START + 2 * MINUTE, START + 2 * MINUTE, 0)


def test_a_published_clock_gives_every_tick_of_its_grid_and_the_time_of_receipt() -> None:
    clock = TopicClock(TickState(), MINUTE)
    assert clock.received(START) == 0  # not known yet
    assert clock.published(b'{"time": "2026-11-21T08:00:30Z"}') == [START]
    assert clock.published(b'{"time": "2026-11-21T08:02:00Z"}') == [START + MINUTE, START + 2 * MINUTE]
    assert clock.published(b'{"time": "2026-11-21T08:01:00Z"}') == []
    assert clock.received(1) == START + 2 * MINUTE
    assert clock.due() == clock.before(START + 9 * MINUTE) == []


def test_a_published_time_a_year_ahead_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    clock = TopicClock(TickState(START, START), MINUTE)
    assert clock.published(b'{"time": "2028-11-21T08:00:30Z"}') == clock.published(b"[]") == []
    assert clock.state.last_ns == START
    assert len(caplog.records) == 1


@pytest.mark.parametrize("payload", [b"1795248000250", b'{"time": 1795248000250}', b'"2026-11-21T16:00:00.250+08:00"'])
def test_a_time_is_epoch_milliseconds_or_rfc_3339(payload: bytes) -> None:
    moment = datetime(2026, 11, 21, 8, 0, 0, 250_000, tzinfo=UTC)
    assert published_time(payload) == int(moment.timestamp() * 1_000) * 1_000_000


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xff", b"true", b"1.5", b"-1", b"null", b"{}", b'{"time": null}', b'"2026-11-21T08:00:00"', b'"noon"']
    + [b"99999999999999999", b'{"time": [1]}', b"1" * 400, b"1795248000"],
)
def test_what_is_no_time_is_none(payload: bytes) -> None:
    assert published_time(payload) is None
