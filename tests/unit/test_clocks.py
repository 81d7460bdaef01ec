from datetime import UTC, datetime

import pytest

from flows.clocks import TopicClock, WallClock, published_time
from flows.ticks import SECOND_NS

MINUTE = 60 * SECOND_NS
START = 1_795_248_000 * SECOND_NS  # 2026-11-21T08:00:00Z


class Hands:
    """A wall clock that stands where it is put."""

    def __init__(self, at_ns: int) -> None:
        self.at_ns = at_ns

    def __call__(self) -> int:
        return self.at_ns


def wall(last_ns: int, hands: Hands, due_ns: int = 1 << 62) -> WallClock:
    return WallClock(last_ns, SECOND_NS, lambda after: due_ns if due_ns > after else 1 << 62, hands)


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


def test_a_published_clock_gives_every_tick_of_its_grid_and_the_time_of_receipt() -> None:
    clock = TopicClock(0, MINUTE)
    assert clock.received(START) == 0  # not known yet
    assert clock.published(b'{"time": "2026-11-21T08:00:30Z"}') == [START]
    assert clock.published(b'{"time": "2026-11-21T08:02:00Z"}') == [START + MINUTE, START + 2 * MINUTE]
    assert clock.published(b'{"time": "2026-11-21T08:01:00Z"}') == []
    assert clock.received(1) == START + 2 * MINUTE
    assert clock.due() == clock.before(START + 9 * MINUTE) == []


def test_a_published_time_a_year_ahead_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    clock = TopicClock(START, MINUTE)
    assert clock.published(b'{"time": "2028-11-21T08:00:30Z"}') == clock.published(b"[]") == []
    assert clock.last_ns == START
    assert len(caplog.records) == 1


@pytest.mark.parametrize("payload", [b"1795248000250", b'{"time": 1795248000250}', b'"2026-11-21T16:00:00.250+08:00"'])
def test_a_time_is_epoch_milliseconds_or_rfc_3339(payload: bytes) -> None:
    moment = datetime(2026, 11, 21, 8, 0, 0, 250_000, tzinfo=UTC)
    assert published_time(payload) == int(moment.timestamp() * 1_000) * 1_000_000


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xff", b"true", b"1.5", b"-1", b"null", b"{}", b'{"time": null}', b'"2026-11-21T08:00:00"', b'"noon"']
    + [b"99999999999999999", b'{"time": [1]}', b"1" * 400],
)
def test_what_is_no_time_is_none(payload: bytes) -> None:
    assert published_time(payload) is None
