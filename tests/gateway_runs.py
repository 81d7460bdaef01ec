"""A gateway under test, in a thread or as a process of its own, and a publisher that knows what was accepted."""

import logging
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Event, Thread

import pytest
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from config.load import load
from connectors.errors import JournalAbsent
from connectors.journal import SYSTEM, Entry, JournalReader
from flows.gateway import run

PLANT = """
[plant]
id = "p1"
timezone = "Asia/Shanghai"
day_starts_at = "08:00"
{clock}
[connectors.line1]
type = "mqtt"
port = {port}
topics = ["factory/{{line}}/{{station}}/measurements"]
{options}
[characteristics."line1/op10/bore"]
usl = 10.0
"""
_PROCESS = """
import logging, sys
from pathlib import Path
from threading import Event
from config.load import load
from flows.gateway import run
logging.basicConfig()
run(load(Path(sys.argv[1])), Path(sys.argv[2]), stop=Event())
"""


def write_plant(folder: Path, port: int, *, clock: str = "", options: str = "", text: str = PLANT) -> Path:
    """A plant file with one characteristic and the connector `line1` to a broker of this machine."""
    path = folder / "plant.toml"
    path.write_text(text.format(port=port, clock=clock, options=options))
    return path


class Running:
    """A gateway in a thread. `stop()` raises what it raised."""

    def __init__(self, plant: Path, data: Path) -> None:
        self.reload, self._stop = Event(), Event()
        self._raised: BaseException | None = None
        self._plant, self._data = plant, data
        self._thread = Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            run(load(self._plant), self._data, stop=self._stop, reload=self.reload, environ={"PASSWORD": "secret"})
        except Exception as error:  # shown by stop(), in the test's own thread
            self._raised = error

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(20.0)
        assert not self._thread.is_alive()
        if self._raised is not None:
            raise self._raised

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()


def start_process(plant: Path, data: Path) -> subprocess.Popen[bytes]:
    """A gateway as a process of its own, to be killed."""
    root = Path(__file__).resolve().parent.parent
    environ = os.environ | {"PYTHONPATH": str(root)}
    return subprocess.Popen([sys.executable, "-c", _PROCESS, str(plant), str(data)], cwd=root, env=environ)


def entries(data: Path) -> list[Entry]:
    """The whole journal; empty when there is none yet."""
    try:
        reader = JournalReader(data / "journal")
    except JournalAbsent:
        return []
    found: list[Entry] = []
    while batch := reader.read(found[-1].seq if found else 0):
        found += batch
    reader.close()
    return found


def payloads(data: Path) -> list[bytes]:
    """What connectors received, in journal order."""
    return [entry.payload for entry in entries(data) if entry.connector != SYSTEM]


def system(data: Path, topic: str) -> list[Entry]:
    """The system entries of one topic."""
    return [entry for entry in entries(data) if entry.connector == SYSTEM and entry.topic == topic]


def wait_until(holds: Callable[[], bool], *, doing: Callable[[], None] | None = None, seconds: float = 20.0) -> None:
    """Return when it holds; fail after `seconds`. `doing` is done before each look."""
    deadline = time.monotonic() + seconds
    while True:
        if doing is not None:
            doing()
        if holds():
            return
        assert time.monotonic() < deadline, "it did not come to hold"
        time.sleep(0.02)


def bodies(first: int, count: int) -> list[bytes]:
    return [b'{"values": {"bore": %d}}' % number for number in range(first, first + count)]


def holds(data: Path, count: int) -> None:
    wait_until(lambda: len(set(payloads(data))) >= count)


def subscribed(caplog: pytest.LogCaptureFixture, times: int = 1) -> None:
    """Until the gateway has connected that often, and its subscriptions have had time to arrive."""
    wait_until(lambda: sum("connected to" in r.message for r in caplog.records if r.levelno == logging.INFO) >= times)
    time.sleep(0.2)


class Publisher:
    """An MQTT client that publishes at QoS 1 and returns when the broker has acknowledged."""

    def __init__(self, port: int, ca: Path | None = None) -> None:
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="publisher", protocol=MQTTv5)
        if ca is not None:
            self._client.tls_set_context(ssl.create_default_context(cafile=str(ca)))
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def send(self, bodies: Iterable[bytes], topic: str = "factory/line1/op10/measurements", qos: int = 1) -> None:
        for sent in [self._client.publish(topic, body, qos) for body in bodies]:
            sent.wait_for_publish(10.0)
            assert sent.is_published()

    def __enter__(self) -> "Publisher":
        return self

    def __exit__(self, *error: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()
