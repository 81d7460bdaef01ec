import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from flows import supervise
from flows.supervise import Child, PortInUse, Supervisor, plant_children, require_free_port

STAY = "import time; time.sleep(60)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def child(name: str, code: str, **options: object) -> Child:
    return Child(name, [sys.executable, "-c", code], **options)  # type: ignore[arg-type]


class Supervised:
    def __init__(self, *children: Child) -> None:
        self.supervisor, self.stop, self.reload = Supervisor(list(children)), Event(), Event()
        self.status: int | None = None
        self.thread = Thread(target=self._run)

    def _run(self) -> None:
        self.status = self.supervisor.run(stop=self.stop, reload=self.reload)

    def end(self) -> int | None:
        self.stop.set()
        self.thread.join(10)
        return self.status


@contextmanager
def supervised(*children: Child) -> Iterator[Supervised]:
    running = Supervised(*children)
    running.thread.start()
    try:
        yield running
    finally:
        running.end()


def pid(of: Child) -> int | None:
    process = of.process
    return None if process is None else process.pid


def wait_until(found: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)


def alive(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_child_that_is_killed_is_started_again_and_the_others_are_left_alone():
    one, other = child("one", STAY), child("other", STAY)
    with supervised(one, other) as running:
        wait_until(lambda: None not in (pid(one), pid(other)))
        first, beside = pid(one), pid(other)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: pid(one) not in (None, first))
        assert pid(other) == beside
        assert running.end() == 0
    assert not alive(beside)


def test_the_pause_before_a_restart_doubles_to_ten_seconds(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(supervise.time, "monotonic", lambda: clock[0])
    dying = child("dying", "raise SystemExit(1)")
    supervisor = Supervisor([dying])
    pauses = []
    for _ in range(8):
        clock[0] = dying.due if dying.due else clock[0]
        supervisor._tend(dying)
        dying.process.wait()
        supervisor._tend(dying)
        pauses.append(round(dying.due - clock[0], 6))
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    clock[0] = dying.due
    supervisor._tend(dying)
    dying.process.wait()
    clock[0] += 60.0  # it was up for a minute
    supervisor._tend(dying)
    assert round(dying.due - clock[0], 6) == 0.2


def test_wrong_input_is_no_reason_to_try_again():
    stays, wrong = child("stays", STAY), child("wrong", "raise SystemExit(2)")
    supervisor = Supervisor([stays, wrong])
    began = time.monotonic()
    assert supervisor.run(stop=Event()) == 2
    assert time.monotonic() - began < 5.0
    assert stays.process is None


def test_wrong_input_later_on_stops_nobody(tmp_path: Path):
    bad = tmp_path / "bad"
    code = f"import pathlib, sys, time; pathlib.Path({str(bad)!r}).exists() and sys.exit(2); time.sleep(60)"
    stays, edited = child("stays", STAY), child("edited", code)
    with supervised(stays, edited) as running:
        wait_until(lambda: None not in (pid(stays), pid(edited)))
        first, beside = pid(edited), pid(stays)
        bad.touch()
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: edited.pause > 0.4)  # it has ended with 2, and waits
        bad.unlink()
        wait_until(lambda: pid(edited) not in (None, first) and time.monotonic() - edited.started > 1.0)
        assert pid(stays) == beside
        assert running.end() == 0


def test_wrong_input_found_after_a_long_life_stops_nobody(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(supervise.time, "monotonic", lambda: clock[0])
    old = child("old", "raise SystemExit(2)")
    supervisor = Supervisor([old])
    supervisor._tend(old)
    old.process.wait()
    clock[0] += 10.0
    assert supervisor._tend(old) is None
    assert old.due == 110.2


def test_a_child_that_has_done_its_work_is_left_in_peace():
    once = child("once", "pass", again=False)
    with supervised(once) as running:
        wait_until(lambda: once.due == float("inf"))
        time.sleep(0.3)
        assert once.process is None
        assert running.end() == 0


def test_a_child_waits_for_what_it_needs():
    ready = Event()
    waiting = child("waiting", STAY, after=ready.is_set)
    with supervised(waiting):
        time.sleep(0.2)
        assert waiting.process is None
        ready.set()
        wait_until(lambda: waiting.process is not None)


def test_all_are_stopped_within_five_seconds_even_one_that_does_not_listen():
    deaf, good = child("deaf", DEAF), child("good", STAY)
    with supervised(good, deaf) as running:
        wait_until(lambda: None not in (pid(deaf), pid(good)))
        time.sleep(0.3)
        processes = [pid(deaf), pid(good)]
        began = time.monotonic()
        assert running.end() == 0
    assert time.monotonic() - began < 5.0
    assert not any(alive(process) for process in processes)


def test_a_hangup_goes_to_the_gateway_alone(tmp_path: Path):
    heard = tmp_path / "heard"
    listens = f"""
import pathlib, signal, time
def note(*_): pathlib.Path({str(heard)!r}).write_text("heard")
signal.signal(signal.SIGHUP, note)
pathlib.Path({str(tmp_path / "up")!r}).touch()
while True: time.sleep(0.05)
"""
    gateway, engine = child("gateway", listens), child("engine", STAY)
    with supervised(gateway, engine) as running:
        wait_until((tmp_path / "up").exists)
        before = pid(engine)
        running.reload.set()
        wait_until(heard.exists)
        assert not running.reload.is_set()
        assert pid(engine) == before
        assert running.end() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends orphans on Linux only")
def test_children_end_when_their_supervisor_is_killed(tmp_path: Path):
    told = tmp_path / "pid"
    orphan = f"""
import os, pathlib, time
from flows.supervise import end_with_supervisor
end_with_supervisor()
pathlib.Path({str(told)!r}).write_text(str(os.getpid()))
time.sleep(60)
"""
    code = f"""
import sys
from threading import Event
from flows.supervise import Child, Supervisor
Supervisor([Child("orphan", [sys.executable, "-c", {orphan!r}])]).run(stop=Event())
"""
    supervisor = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: told.exists() and told.read_text() != "")
    finally:
        supervisor.kill()
        supervisor.wait()
    wait_until(lambda: not alive(int(told.read_text())))


WATCHED = """
import pathlib, sys, time
from flows.watchdog import watched
with watched("engine", pathlib.Path(sys.argv[1])) as pulse:
    while True:
        pulse.beat()
        time.sleep(0.05)
"""


def test_a_child_that_is_stopped_by_a_signal_is_killed_and_started_again(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(supervise, "LIFELESS_SECONDS", 3.0)
    stuck = Child("engine", [sys.executable, "-c", WATCHED, str(tmp_path)], watched=True)
    with supervised(stuck) as running:
        wait_until(lambda: stuck.begun, 30.0)
        first = pid(stuck)
        os.kill(first, signal.SIGSTOP)
        wait_until(lambda: pid(stuck) not in (None, first), 30.0)
        assert not alive(first)
        second = pid(stuck)
        wait_until(lambda: stuck.begun, 30.0)
        heard = stuck.heard
        wait_until(lambda: stuck.heard > heard + 4.0, 30.0)
        assert pid(stuck) == second
        assert running.end() == 0


def test_a_supervisor_that_slept_gives_its_children_time_again(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(supervise.time, "monotonic", lambda: clock[0])
    sends = "import os, time; os.write(int(os.environ['PLUMBLINE_PIPE']), b'.'); time.sleep(60)"
    sent, silent = child("sent", sends, watched=True), child("silent", STAY, watched=True)
    supervisor = Supervisor([sent, silent])
    try:
        for one in (sent, silent):
            supervisor._tend(one)

        def lifeless_after(*steps: float) -> list[bool]:
            found = [False, False]
            for step in steps:
                clock[0] += step
                found = [one.is_lifeless(clock[0]) for one in (sent, silent)]
            return found

        assert select.select([sent.pipe], [], [], 60.0)[0]  # it has sent
        assert lifeless_after(*[1.0] * 20) == [False, False]
        assert lifeless_after(3600.0, *[1.0] * 20) == [False, False]  # asleep, all of them
        assert lifeless_after(1.0) == [True, False]
        assert lifeless_after(*[1.0] * 60)[1] is False  # it has not begun to send
    finally:
        for one in (sent, silent):
            one.process.kill()
            one.process.wait()


def test_the_four_processes_get_absolute_paths(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    children = plant_children(Path("plant.toml"), Path("data"))
    assert [c.name for c in children] == ["gateway", "engine", "forwarder", "web"]
    for c in children:
        assert c.command[-4:] == [c.name, str(tmp_path / "plant.toml"), "--data", str(tmp_path / "data")]


def test_a_port_in_use_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=rf"127\.0\.0\.1:{port}: Address already in use"):
            require_free_port("127.0.0.1", port)
    require_free_port("127.0.0.1", port)
