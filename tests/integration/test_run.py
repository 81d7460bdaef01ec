import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from config.load import load
from flows.demo import PLANT_FILE
from tests.programs import find_program, require_program
from tests.servers import Mosquitto, free_port

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = ("gateway", "engine", "forwarder", "web")
BORE = "line1/op10/P7/bore"
FIRST_START_SECONDS = 180.0  # on a fresh machine the kernels are compiled first


class Command:
    """`plumbline …` as a child of the test, its stderr in a file."""

    def __init__(self, *arguments: object, log: Path, env: dict[str, str] | None = None) -> None:
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "flows.cli", *map(str, arguments)],
                cwd=log.parent,
                stdout=out,
                stderr=out,
                env={**os.environ, **(env or {})},
            )

    def said(self) -> str:
        return self.log.read_text("utf-8")

    def pids(self) -> dict[str, int]:
        """The process id with which each child was last started."""
        return {name: int(pid) for name, pid in re.findall(r"(\w+) started, pid (\d+)", self.said())}

    def stop(self, seconds: float = 6.0) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)


@contextmanager
def command(*arguments: object, log: Path, env: dict[str, str] | None = None) -> Iterator[Command]:
    running = Command(*arguments, log=log, env=env)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()


def wait_until(found: Callable[[], object], running: Command, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert running.process.poll() is None, running.said()[-4000:]
        assert time.monotonic() < deadline, running.said()[-4000:]
        time.sleep(0.05)


def answers(port: int, path: str) -> list[dict[str, object]] | dict[str, object] | None:
    """The JSON at a path of the board's API; None while there is none."""
    try:
        response = httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5.0, trust_env=False)
    except httpx.TransportError:
        return None
    return response.json() if response.status_code == 200 else None


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def plant_file(folder: Path, *, broker: int, web: int) -> Path:
    text = (ROOT / "config" / "plant.example.toml").read_text("utf-8")
    for usual, here in (("# port = 1883\n", f"port = {broker}\n"), ("# port = 8080\n", f"port = {web}\n")):
        assert text.count(usual) == 1
        text = text.replace(usual, here)
    file = folder / "plant.toml"
    file.write_text(text)
    return file


def test_run_starts_again_what_is_killed_and_stops_all_within_five_seconds(tmp_path: Path):
    with Mosquitto(tmp_path / "broker") as broker:
        web = free_port()
        file = plant_file(tmp_path, broker=broker.port, web=web)
        with command("run", file, "--data", tmp_path / "data", log=tmp_path / "run.log") as running:
            wait_until(lambda: "connected to" in running.said(), running, FIRST_START_SECONDS)
            wait_until(lambda: answers(web, "/health") is not None, running)
            assert f"the board will be at http://127.0.0.1:{web}" in running.said()
            first = running.pids()
            assert first.keys() == set(PROCESSES)
            for name in PROCESSES:
                os.kill(first[name], signal.SIGKILL)
            wait_until(lambda: all(running.pids()[name] != first[name] for name in PROCESSES), running)
            for name in PROCESSES:
                assert f"{name} ended by SIGKILL; starting it again in 0.2 s" in running.said()
            wait_until(lambda: answers(web, "/health") is not None, running)

            with command("run", file, "--data", tmp_path / "data", log=tmp_path / "second.log") as second:
                assert second.process.wait(60) == 1  # the board's port, or the folder, is taken
                assert len([line for line in second.said().splitlines() if line.startswith("plumbline: ")]) == 1

            last = running.pids()
            began = time.monotonic()
            assert running.stop() == 0
            assert time.monotonic() - began < 5.0
            assert not any(alive(pid) for pid in last.values())


def test_run_passes_a_hangup_on_and_the_gateway_reads_the_plant_file_again(tmp_path: Path):
    with Mosquitto(tmp_path / "broker") as broker:
        file = plant_file(tmp_path, broker=broker.port, web=free_port())
        with command("run", file, "--data", tmp_path / "data", log=tmp_path / "run.log") as running:
            wait_until(lambda: "connected to" in running.said(), running, FIRST_START_SECONDS)
            file.write_text(file.read_text().replace("usl = 10.04", "usl = 10.05"))
            running.process.send_signal(signal.SIGHUP)
            wait_until(lambda: "the plan has changed" in running.said(), running)
            assert running.stop() == 0


def test_run_ends_with_2_when_a_process_finds_its_input_wrong(tmp_path: Path):
    file = plant_file(tmp_path, broker=free_port(), web=free_port())
    secret = 'username = "plumbline"\npassword_env = "PLUMBLINE_NOT_SET"\n'
    file.write_text(file.read_text().replace("[connectors.line1]\n", f"[connectors.line1]\n{secret}"))
    with command("run", file, "--data", tmp_path / "data", log=tmp_path / "run.log") as running:
        assert running.process.wait(FIRST_START_SECONDS) == 2, running.said()
        assert "plumbline: connectors.line1.password" in running.said()
        assert "gateway ended: its input is wrong" in running.said()


@pytest.mark.parametrize("broker", ["embedded", "mosquitto"])
def test_the_demo_opens_one_alert_before_ones_eyes(broker: str, tmp_path: Path):
    if broker == "mosquitto":
        require_program("mosquitto")
    web, scratch = free_port(), tmp_path / "scratch"
    scratch.mkdir()
    options = ("--broker", broker, "--days", 4, "--day-seconds", 4, "--port", web)
    with command("demo", *options, log=tmp_path / "demo.log", env={"TMPDIR": str(scratch)}) as running:
        wait_until(lambda: f"The board is at http://127.0.0.1:{web}" in running.said(), running, FIRST_START_SECONDS)
        wait_until(lambda: answers(web, "/api/v1/alerts"), running, 120.0)
        alerts = answers(web, "/api/v1/alerts")
        assert isinstance(alerts, list)
        assert [alert["characteristic"] for alert in alerts] == [BORE]
        days = answers(web, f"/api/v1/days?characteristic={BORE}")
        assert isinstance(days, list)
        assert [float(str(day["cpk"])) < 1.2 for day in days[:5]] == [False, False, True, True, True]
        characteristics = answers(web, "/api/v1/characteristics")
        assert isinstance(characteristics, list)
        assert {one["characteristic"] for one in characteristics} == load(PLANT_FILE).characteristics.keys()
        for name in ("line3/op10/P7/force", "line3/op20/P7/hardness"):  # by OPC UA, and by Sparkplug
            wait_until(lambda name=name: answers(web, f"/api/v1/points?characteristic={name}"), running, 120.0)
        assert answers(web, "/api/v1/rejected")  # the broken JSON, with its reasons
        assert running.stop() == 0
        assert "Traceback" not in running.said()
    assert list(scratch.iterdir()) == []


def test_the_demo_ends_by_itself(tmp_path: Path):
    broker = "mosquitto" if find_program("mosquitto") else "embedded"
    options = ("--broker", broker, "--port", free_port(), "--for", 3, "--data", tmp_path / "kept")
    with command("demo", *options, log=tmp_path / "demo.log") as running:
        assert running.process.wait(60) == 0
        assert not any(alive(pid) for pid in running.pids().values())
    assert (tmp_path / "kept" / "plant.toml").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends orphans on Linux only")
@pytest.mark.parametrize("broker", ["embedded", "mosquitto"])
def test_nothing_outlives_a_killed_demo(broker: str, tmp_path: Path):
    if broker == "mosquitto":
        require_program("mosquitto")
    options = ("--broker", broker, "--port", free_port(), "--data", tmp_path / "data")
    with command("demo", *options, log=tmp_path / "demo.log") as running:
        wait_until(lambda: "simulate  INFO    publishing" in running.said(), running, FIRST_START_SECONDS)
        pids = running.pids()
        assert len(pids) == 6
        running.process.kill()
        running.process.wait()
        deadline = time.monotonic() + 60.0
        while any(alive(pid) for pid in pids.values()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not any(alive(pid) for pid in pids.values())
