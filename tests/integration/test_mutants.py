"""Each mutant of the program is found by the comparison of the kill loop, with one kill at the right place.

Beside each stands the program itself, killed at the same place: nothing differs. `make mutants` lets the whole loop
look for them, with kills at random.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.chaos.compare import Findings, compare_record, compare_undisturbed, entries_of
from tests.chaos.plant import Stream
from tests.chaos.prepared import write_journal, write_plant
from tests.chaos.proxies import FaultProxy
from tests.chaos.publisher import Recorder
from tests.chaos.pushed import compare_influx
from tests.chaos.world import BROKER, WRITTEN, WRONGLY_READ, served
from tests.influx_server import influx_server
from tests.mutants import NAMES
from tests.plants import follow_to_the_end
from tests.servers import Mosquitto
from tests.spine import ROOT, clock, rows

DEADLINE_SECONDS = 60.0
STREAM = Stream(seed=5, days=9)

# Which process a mutant is in, and where that is killed.
ENGINE = {
    "no_repetition": "",
    "episode_id_from_clock": "",
    "event_clock": "",
    "offset_outside_snapshot": "commit:4",
    "history_outside_barrier": "durable:4000",
}
ELSEWHERE = {"acknowledge_before_commit", "cursor_by_time"}


def test_every_mutant_is_tried() -> None:
    assert set(NAMES) == ENGINE.keys() | ELSEWHERE


@contextmanager
def process(name: str, file: Path, *, mutant: str = "", die_at: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """A process of the plant on `data` beside its file; killed at the end, if it has not ended."""
    command = [sys.executable, "-m", "tests.chaos.launch", name, str(file), str(file.parent / "data")]
    command += ["--mutant", mutant] if mutant else []
    command += ["--die-at", die_at, "--epoch", "0.1"] if die_at else ["--epoch", "0.1"]
    environ = os.environ | {"PYTHONPATH": str(ROOT), "INFLUX_TOKEN": "test-token"}
    with (file.parent / f"{name}.log").open("ab") as log:
        child = subprocess.Popen(command, cwd=file.parent, env=environ, stdout=log, stderr=log)
    try:
        yield child
    finally:
        child.kill()
        child.wait(10)


def until(child: subprocess.Popen[bytes], through: int, file: Path) -> None:
    """Return when the history holds the results of entry `through`, or when the process has ended."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    history = file.parent / "data" / "history.db"
    while child.poll() is None:
        found = rows(history, 'SELECT "applied_seq" FROM "meta"')
        if found and found[0][0] >= through:
            return
        assert time.monotonic() < deadline, f"the history ends with {found}, expected {through}"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a plant's journal."""
    folder = tmp_path_factory.mktemp("journal")
    write_journal(STREAM, folder)
    return folder


def engine_findings(journal: Path, folder: Path, *, mutant: str, die_at: str) -> Findings:
    """The engine over the journal, killed once if so asked, and what the comparison finds."""
    file = write_plant(folder)
    (folder / "data").mkdir()
    (folder / "data" / "journal").symlink_to(journal / "data" / "journal")
    last = entries_of(folder / "data")[-1].seq
    if die_at:
        with process("engine", file, mutant=mutant, die_at=die_at) as child:
            assert child.wait(DEADLINE_SECONDS) == -signal.SIGKILL, (folder / "engine.log").read_text()
    with process("engine", file, mutant=mutant) as child:
        until(child, last, file)
        ended = child.poll()
    found = Findings()
    if ended is not None:
        found.differs("ended", f"the engine ended with {ended}")
    for line in (folder / "engine.log").read_text().splitlines():
        if WRONGLY_READ in line:
            found.differs("state", line)
    compare_undisturbed(found, folder / "data", folder / "undisturbed")
    assert found.counts["rows"] > 1_000
    return found


@pytest.mark.parametrize("die_at", sorted(set(ENGINE.values()) - {""}))
def test_the_engine_killed_there_gives_what_an_undisturbed_one_does(journal: Path, tmp_path: Path, die_at: str) -> None:
    found = engine_findings(journal, tmp_path, mutant="", die_at=die_at)
    assert found.different == []


@pytest.mark.parametrize("mutant", ENGINE)
def test_a_mutant_of_the_engine_is_found(journal: Path, tmp_path: Path, mutant: str) -> None:
    found = engine_findings(journal, tmp_path, mutant=mutant, die_at=ENGINE[mutant])
    assert found.differences > 0


@pytest.mark.parametrize("mutant", ["", "acknowledge_before_commit"])
def test_only_a_gateway_that_acknowledges_before_the_commit_loses_a_message(tmp_path: Path, mutant: str) -> None:
    with Mosquitto(tmp_path / "broker", BROKER) as broker:
        file = write_plant(tmp_path, broker=broker.port)
        recorder = Recorder(broker.port)
        try:
            with process("gateway", file, mutant=mutant, die_at="append:1") as child:
                _until_tick(recorder, child, tmp_path, STREAM.start_ns)
                for step in STREAM.steps():
                    recorder.send(step.messages)
                    if len(recorder.measurements()) >= 30:
                        break
                assert child.wait(DEADLINE_SECONDS) == -signal.SIGKILL
            with process("gateway", file, mutant=mutant) as child:
                _until_tick(recorder, child, tmp_path, STREAM.end_ns)
        finally:
            recorder.close()
    found = Findings()
    compare_record(found, recorder.measurements(), entries_of(tmp_path / "data"))
    assert found.counts["messages"] >= 25
    assert (found.counts["lost"] > 0) is bool(mutant), found.different


def _until_tick(recorder: Recorder, child: subprocess.Popen[bytes], folder: Path, time_ns: int) -> None:
    """The clock is told until the journal has it: what came before it is in the journal then, or never will be."""
    deadline = time.monotonic() + DEADLINE_SECONDS

    def tick() -> int:
        paths = sorted(folder.glob("data/journal/*.db"))
        found = rows(paths[-1], "SELECT value FROM state WHERE key = 'tick'") if paths else []
        return int(found[0][0]) if found else 0

    while tick() < time_ns:
        assert child.poll() is None, (folder / "gateway.log").read_text()
        assert time.monotonic() < deadline, f"expected the tick {time_ns}, got {tick()}"
        recorder.send((clock(time_ns),))
        time.sleep(0.05)


@pytest.fixture(scope="module")
def results(journal: Path) -> Path:
    """The journal's folder with its history."""
    follow_to_the_end(journal / "data")
    return journal


@pytest.mark.parametrize("mutant", ["", "cursor_by_time"])
def test_only_a_cursor_by_time_leaves_points_out(results: Path, tmp_path: Path, mutant: str) -> None:
    with influx_server(tmp_path / "influx") as server:
        proxy = FaultProxy(server.url, 1, lines=True)
        try:
            file = write_plant(tmp_path, influx=proxy.url)
            (tmp_path / "data").mkdir()
            for path in [*results.glob("data/history.db*"), results / "data" / "journal"]:
                (tmp_path / "data" / path.name).symlink_to(path)
            with process("forwarder", file, mutant=mutant) as child:
                deadline = time.monotonic() + DEADLINE_SECONDS
                while not served(tmp_path / "data", "influxdb", WRITTEN):
                    assert child.poll() is None, (tmp_path / "forwarder.log").read_text()
                    assert time.monotonic() < deadline, "not all was sent to InfluxDB"
                    time.sleep(0.05)
            found = Findings()
            compare_influx(found, tmp_path / "data", server, proxy)
        finally:
            proxy.close()
    assert found.counts["points"] > 1_000
    assert (found.differences > 0) is bool(mutant), found.different
