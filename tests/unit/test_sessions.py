from pathlib import Path

import pytest

from board.access.attempts import Attempts
from board.access.login import within
from board.access.sessions import MOST, Sessions


class Clock:
    def __init__(self) -> None:
        self.time = 1_000_000.0

    def __call__(self) -> float:
        return self.time


def test_a_session_outlives_a_restart_and_its_secret_is_not_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    secret = Sessions(path, 8).begin("7f")
    assert Sessions(path, 8).token_of(secret) == "7f"
    assert secret not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_session_ends_with_its_hours_or_when_it_is_signed_out(tmp_path: Path) -> None:
    clock = Clock()
    sessions = Sessions(tmp_path / "sessions.json", 8, clock)
    first, second = sessions.begin("7f"), sessions.begin("7f")
    sessions.end(first)
    assert (sessions.token_of(first), sessions.token_of(second)) == (None, "7f")
    clock.time += 8 * 3600 - 1
    assert sessions.token_of(second) == "7f"
    clock.time += 1
    assert sessions.token_of(second) is None
    assert (sessions.token_of(""), sessions.token_of("guessed")) == (None, None)


def test_sessions_do_not_grow_without_bound(tmp_path: Path) -> None:
    sessions = Sessions(None, 8)
    secrets = [sessions.begin(str(k)) for k in range(MOST + 1)]
    assert (sessions.token_of(secrets[0]), sessions.token_of(secrets[1])) == (None, "1")
    assert sessions.token_of(secrets[-1]) == str(MOST)


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', '{"a": ["b", "c"]}', "null"])
def test_a_file_that_is_none_means_to_sign_in_again(tmp_path: Path, content: str) -> None:
    path = tmp_path / "sessions.json"
    path.write_text(content)
    sessions = Sessions(path, 8)
    assert sessions.token_of("a") is None
    assert sessions.token_of(sessions.begin("7f")) == "7f"


def test_where_nothing_can_be_written_a_session_holds_as_long_as_the_process(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path / "absent" / "sessions.json", 8)
    assert sessions.token_of(sessions.begin("7f")) == "7f"


def test_ten_failures_within_a_minute_and_the_eleventh_waits_until_the_first_is_a_minute_old() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(10):
        assert attempts.wait_seconds("10.0.0.7") == 0
        attempts.failed("10.0.0.7")
        clock.time += 1
    assert attempts.wait_seconds("10.0.0.7") == 50
    assert attempts.wait_seconds("10.0.0.8") == 0
    clock.time += 50
    assert attempts.wait_seconds("10.0.0.7") == 0


def test_all_addresses_of_an_ipv6_network_count_as_one() -> None:
    attempts = Attempts(Clock())
    for k in range(10):
        attempts.failed(f"2001:db8:0:7::{k}")
    assert attempts.wait_seconds("2001:db8:0:7::ffff") == 60
    assert attempts.wait_seconds("2001:db8:0:8::1") == 0


@pytest.mark.parametrize("there", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)",
                                   "", "evil.example", "/a\r\nSet-Cookie: a=b", "/logout", "/é"])  # fmt: skip
def test_after_signing_in_one_stays_on_this_board(there: str) -> None:
    assert within(there) == "/"
