"""A forwarder under test: a plant file, a history to write, and the forwarder's thread or process."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from config.load import load
from config.models import PlantFile
from connectors.history import CommitUnit, HistoryWriter
from flows import forwarder
from tests.history_rows import Row

PLANT = """
[plant]
id = "test"
[connectors.line1]
type = "mqtt"
topics = ["factory/{{line}}/{{station}}/measurements"]
[characteristics."line1/op10/bore"]
lsl = 9.96
usl = 10.04
[web]
port = {port}
"""
INFLUX = """
[influxdb]
url = "{url}"
bucket = "plumbline"
org = "plant"
token_env = "INFLUX_TOKEN"
"""


def plant_file(folder: Path, *, port: int = 9, influx: str = "") -> PlantFile:
    """A plant whose store is at `port` and whose InfluxDB at `influx` (none when empty)."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "plant.toml"
    path.write_text(PLANT.format(port=port) + (INFLUX.format(url=influx) if influx else ""))
    return load(path)


class History:
    """A history that grows row by row, one unit at a time."""

    def __init__(self, data: Path, journal_uuid: str = "J") -> None:
        self.writer = HistoryWriter(data / "history.db", journal_uuid)

    def add(self, **rows: list[Row]) -> None:
        """Commit these rows as one unit; its tick is a second a journal entry."""
        first = self.writer.meta.applied_seq + 1
        last = max((int(str(row[1])) for some in rows.values() for row in some), default=first)
        self.writer.commit(CommitUnit(first, max(first, last), max(first, last) * 1_000_000_000, rows))


@contextmanager
def forwarding(
    plant: PlantFile, data: Path, *, token: str = "test-token", timeout_seconds: float = 5.0
) -> Iterator[Thread]:
    """The forwarder in a thread of this process; what it raises is raised here at the end."""
    stop, fault = Event(), list[BaseException]()

    def work() -> None:
        try:
            forwarder.run(
                plant,
                data,
                stop,
                environ={"INFLUX_TOKEN": token},
                timeout_seconds=timeout_seconds,
                longest_pause_seconds=0.2,
            )
        except BaseException as error:
            fault.append(error)

    thread = Thread(target=work)
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()
    if fault:
        raise fault[0]


def forwarder_process(plant: PlantFile, data: Path, **environ: str) -> subprocess.Popen[bytes]:
    """The forwarder as a process of its own, to be killed."""
    root = Path(__file__).parents[1]
    code = (
        "import sys; from pathlib import Path; from threading import Event; from config.load import load; "
        "from flows import forwarder; forwarder.run(load(sys.argv[1]), Path(sys.argv[2]), Event())"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, str(plant.path), str(data)],
        env={**os.environ, "PYTHONPATH": str(root), "INFLUX_TOKEN": "test-token", **environ},
    )


def eventually(check: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    """Wait until `check` holds."""
    until = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < until, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)
