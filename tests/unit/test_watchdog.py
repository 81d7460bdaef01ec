import os
import socket
import time
from pathlib import Path

import pytest

from connectors.errors import PlumblineError
from connectors.status import SIZE, StatusFile, read_status, status_path
from flows.watchdog import Notifier, Pulse, Watchdog, watched


class Watched:
    """A watchdog whose clocks the test moves."""

    def __init__(self, data: Path, *, by_wall: bool = False) -> None:
        self.pulse, self.ended, self.now, self.wall = Pulse(), list[int](), time.monotonic(), time.time()
        self.data = data
        self.dog = Watchdog("engine", data, self.pulse, waits_by_wall_clock=by_wall, end=self.ended.append)
        self.dog.look(self.now, self.wall)

    def pass_by(self, seconds: int, *, beating: bool = False) -> None:
        for _ in range(seconds):
            if beating:
                self.pulse.beat()
            self.now, self.wall = self.now + 1.0, self.wall + 1.0
            self.dog.look(self.now, self.wall)

    def status(self) -> dict[str, object]:
        found = read_status(status_path(self.data, "engine"))
        assert found is not None
        return found


@pytest.fixture
def dog(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def test_a_process_that_stands_still_for_forty_seconds_is_ended(dog: Watched) -> None:
    dog.pass_by(100, beating=True)
    dog.pass_by(39)
    assert dog.ended == []
    dog.pass_by(2)
    assert dog.ended == [1]
    assert dog.status()["state"] == "failed"
    assert "stood still for 41 s" in str(dog.status()["fault"])
    assert "test_watchdog.py" in (dog.data / "engine-stood-still.txt").read_text()  # where its threads stood


def test_a_start_may_take_ten_minutes(dog: Watched) -> None:
    dog.pass_by(599)
    assert dog.ended == []
    dog.pass_by(5)
    assert dog.ended


def test_a_machine_that_slept_is_given_time_again(dog: Watched) -> None:
    dog.pass_by(10, beating=True)
    dog.pass_by(39)
    dog.now += 3600.0  # the watchdog itself did not run
    dog.wall += 3600.0
    dog.pass_by(39)
    assert dog.ended == []
    dog.wall += 3600.0  # a suspended machine: monotonic time stands still
    dog.pass_by(1, beating=True)
    assert dog.ended == []


@pytest.mark.parametrize("by_wall", [False, True])
def test_a_clock_that_is_set_back_ends_only_who_waits_by_it_and_only_once(tmp_path: Path, by_wall: bool) -> None:
    dog = Watched(tmp_path, by_wall=by_wall)
    dog.pass_by(10, beating=True)
    dog.wall -= 0.9  # slewed or adjusted a little
    dog.pass_by(1, beating=True)
    dog.wall += 7200.0  # set ahead: nobody waits longer for it
    dog.pass_by(1, beating=True)
    assert dog.ended == []
    dog.wall -= 7200.0
    dog.pass_by(10, beating=True)
    assert dog.ended == [1] * by_wall


def test_the_status_says_what_a_process_told_and_why_it_ended(tmp_path: Path) -> None:
    with watched("web", tmp_path) as pulse:
        pulse.tell(store="full", waiting=None)
    found = read_status(status_path(tmp_path, "web"))
    assert found is not None
    assert (found["state"], found["fault"], found["facts"], found["pid"]) == (
        "stopped", "", {"store": "full"}, os.getpid()
    )  # fmt: skip
    with pytest.raises(PlumblineError), watched("web", tmp_path):
        raise PlumblineError("the port is taken")
    found = read_status(status_path(tmp_path, "web"))
    assert found is not None
    assert (found["state"], found["fault"]) == ("failed", "the port is taken")


def test_half_a_status_is_none(tmp_path: Path) -> None:
    path = tmp_path / "engine.json"
    assert read_status(path) is None
    status = StatusFile(path)
    assert status.write({"looks": 1, "facts": "x" * 300})
    assert path.stat().st_size == SIZE
    assert status.write({"looks": 2})
    assert read_status(path) == {"looks": 2}
    assert not status.write({"facts": "x" * SIZE})
    assert read_status(path) == {"looks": 2}
    torn = bytearray(path.read_bytes())
    torn[25] ^= 1
    path.write_bytes(torn)
    assert read_status(path) is None
    path.write_bytes(b"\xff" * 40)
    assert read_status(path) is None


def test_a_second_process_of_a_role_leaves_the_status_of_the_first_alone(tmp_path: Path) -> None:
    first, second = StatusFile(tmp_path / "web.json"), StatusFile(tmp_path / "web.json")
    assert first.write({"pid": 1})
    assert not second.write({"pid": 2})
    assert read_status(tmp_path / "web.json") == {"pid": 1}
    first.close()
    assert second.write({"pid": 2})


def test_systemd_is_told_where_it_asks(tmp_path: Path) -> None:
    Notifier("").say("READY=1")
    Notifier(str(tmp_path / "nobody")).say("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(5)
        Notifier(str(tmp_path / "notify")).say("WATCHDOG=1")
        assert listener.recv(100) == b"WATCHDOG=1"
