"""The whole plant under test: the four processes on a real broker, a publisher that knows what was accepted,
and what there is to read at the end. Every wait has a deadline and says what was missing.
"""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Condition
from typing import Any, NamedTuple

import httpx
import orjson
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from tests.servers import free_port

ROOT = Path(__file__).resolve().parent.parent
CLOCK = "plant/clock"
PROCESSES = ("gateway", "engine", "forwarder", "web")
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS
START_NS = 1_793_520_000 * SECOND_NS  # 2026-11-01T08:00:00Z: where the tests' plants begin
HEAD = """
[plant]
id = "spine"
{plant}
[clock]
source = "topic"
topic = "plant/clock"
connector = "line1"
[web]
port = {web}
[connectors.line1]
type = "mqtt"
port = {broker}
topics = ["factory/{{line}}/{{station}}/measurements"]
{options}
"""
# Epochs of 10 s would let most kills find no snapshot to resume from.
ENGINE = """
import logging, sys
from datetime import timedelta
from pathlib import Path
from threading import Event
from config.load import load
from flows.engine import run
logging.basicConfig(level=logging.INFO)
run(load(Path(sys.argv[1])), Path(sys.argv[2]), Event(), epoch=timedelta(milliseconds=300))
"""


class Message(NamedTuple):
    topic: str
    body: bytes


def measured(station: str, time_ns: int, values: dict[str, Any], **more: object) -> Message:
    """Measurements of `station` (`line1/op10`) as a gateway sends them; `time` in epoch milliseconds."""
    document = {"time": time_ns // 1_000_000, "values": values, **more}
    return Message(f"factory/{station}/measurements", orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY))


def clock(time_ns: int) -> Message:
    """The simulated plant's time."""
    return Message(CLOCK, orjson.dumps({"time": time_ns // 1_000_000}))


def passing(after_ns: int, until_ns: int) -> list[Message]:
    """The simulated plant's time in strides of half an hour, of which none is a jump, up to `until_ns`."""
    stride = 1800 * 1_000_000_000
    return [clock(at_ns) for at_ns in [*range(after_ns + stride, until_ns, stride), until_ns]]


class Publisher:
    """A gateway's MQTT client: one connection, so that the broker keeps the order; QoS 1; reconnects by itself."""

    def __init__(self, port: int) -> None:
        self._changed = Condition()
        self._pending = 0
        self.sent = 0
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="publisher", protocol=MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_publish = self._on_publish
        self._client.on_socket_open = _no_delay  # or each wait for acknowledgements lasts 40 ms
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def send(self, messages: Iterable[Message], *, seconds: float = 60.0) -> None:
        """Publish in order; return when the broker has acknowledged all."""
        deadline = time.monotonic() + seconds
        for message in messages:
            with self._changed:
                self._pending += 1
            self._client.publish(*message, qos=1)
        with self._changed:
            while self._pending:
                left = deadline - time.monotonic()
                assert left > 0, f"the broker has not acknowledged {self._pending} messages within {seconds:g} s"
                self._changed.wait(left)

    def _on_publish(self, *_: object) -> None:
        with self._changed:
            self._pending -= 1
            self.sent += 1
            self._changed.notify_all()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def _no_delay(client: Client, _: object, connection: Any) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Spine:
    """A plant file, a data folder, and the processes that run on them, each with its log beside the data."""

    def __init__(self, folder: Path, text: str, *, web: int) -> None:
        """`text`: the plant file with its ports; it says that the board is at `web`."""
        self.data, self.file, self._folder = folder / "data", folder / "plant.toml", folder
        folder.mkdir(parents=True, exist_ok=True)
        self.file.write_text(text)
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{web}", timeout=10, trust_env=False)

    def start(self, name: str) -> None:
        """Start one process, or `run`, which starts them all."""
        with (self._folder / f"{name}.log").open("ab") as log:
            environ = os.environ | {"PYTHONPATH": str(ROOT), "INFLUX_TOKEN": "test-token"}
            self._children[name] = subprocess.Popen(
                [sys.executable, *self.command(name)], cwd=self._folder, env=environ, stdout=log, stderr=log
            )

    def command(self, name: str) -> list[str]:
        """What Python is told to run as this process."""
        if name == "engine":
            return ["-c", ENGINE, str(self.file), str(self.data)]
        return ["-m", "flows.cli", name, str(self.file), "--data", str(self.data)]

    def kill(self, name: str) -> None:
        """End one process as a power cut would."""
        child = self._children.pop(name)
        assert child.poll() is None, f"{name} had ended by itself with {child.returncode}:\n{self.log(name)}"
        child.kill()
        child.wait(10)

    def stop(self, *, seconds: float = 5.0) -> None:
        """SIGTERM to all; each must end well within `seconds` (and is killed, should it not)."""
        children, self._children = self._children, {}
        for child in children.values():
            child.send_signal(signal.SIGTERM)
        deadline, faults = time.monotonic() + seconds, []
        for name, child in children.items():
            try:
                child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait(10)
            by_signal = name == "engine" and child.returncode == -signal.SIGTERM  # the script sets no handler
            if child.returncode != 0 and not by_signal:
                faults.append(f"{name} ended with {child.returncode}:\n{self.log(name)}")
        self._http.close()
        assert not faults, "\n".join(faults)

    def log(self, name: str) -> str:
        """The last lines of a process's log."""
        path = self._folder / f"{name}.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-30:]) if path.exists() else ""

    def get(self, path: str, **asked: str) -> Any:
        """The answer of the API as JSON."""
        answer = self._http.get(f"/api/v1/{path}", params={"limit": "100000", **asked})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def health(self) -> Any:
        """What `/health` says."""
        return self._http.get("/health").json()

    def try_post(self, path: str, body: dict[str, object], key: str) -> int:
        """The status with which an order is answered."""
        return self._http.post(f"/api/v1/{path}", json=body, headers={"Idempotency-Key": key}).status_code

    def post(self, path: str, body: dict[str, object], key: str) -> Any:
        """What the API answers to an order; asked again under the same key while the web process is away."""
        found: list[Any] = []

        def taken() -> bool:
            try:
                answer = self._http.post(f"/api/v1/{path}", json=body, headers={"Idempotency-Key": key})
            except httpx.TransportError:
                return False
            assert answer.is_success, answer.text
            found.append(answer.json())
            return True

        self.wait(taken, f"an answer to POST {path}")
        return found[0]

    def wait(self, holds: Callable[[], bool], what: str, *, seconds: float = 120.0) -> None:
        """Return when it holds; fail after `seconds`, or when a process ends by itself."""
        deadline = time.monotonic() + seconds
        while not holds():
            for name, child in list(self._children.items()):
                assert child.poll() is None, f"{name} ended with {child.returncode}:\n{self.log(name)}"
            if time.monotonic() > deadline:
                logs = "\n".join(f"--- {name}\n{self.log(name)}" for name in ("run", *PROCESSES) if self.log(name))
                raise AssertionError(f"not within {seconds:g} s: {what}\n{logs}")
            time.sleep(0.02)

    def wait_ready(self, publisher: Publisher, start_ns: int) -> None:
        """Until the gateway has subscribed (before that the broker keeps nothing for it): the plant's time begins."""

        def begun() -> bool:
            publisher.send([clock(start_ns)])  # again and again: a clock that stands still changes nothing
            return self.journal_state("tick") == str(start_ns)

        self.wait(begun, "the gateway has subscribed, and written the plant's first tick")

    def wait_through(self, time_ns: int) -> None:
        """Until the history holds everything up to the tick at `time_ns`, and the OKR store all of the outbox."""
        self.wait(lambda: int(self.journal_state("tick") or 0) >= time_ns, f"tick {time_ns} in the journal")
        last = int(_one(max(self.data.glob("journal/*.db")), "SELECT max(seq) FROM entry"))

        def through() -> bool:
            return int(self._history('SELECT "applied_seq" FROM "meta"') or 0) >= last

        self.wait(through, f"the history holds the results of journal entry {last}")
        self.wait(lambda: not self.unpushed(), "the OKR store has every row of the outbox")

    def unpushed(self) -> list[str]:
        """Keys of the outbox that the OKR store has not taken."""
        keys = rows(self.data / "history.db", 'SELECT "key" FROM "outbox"')
        history = _one(self.data / "history.db", "SELECT history_uuid FROM meta")
        taken = {key for (key,) in rows(self.data / "okr.db", "SELECT key FROM idempotency")}
        return [key for (key,) in keys if f"{history} {key}" not in taken]

    def journal_state(self, key: str) -> str | None:
        """What the gateway keeps in mind under `key`."""
        for path in sorted(self.data.glob("journal/*.db"), reverse=True):
            found = rows(path, "SELECT value FROM state WHERE key = ?", key)
            return str(found[0][0]) if found else None
        return None

    def _history(self, query: str) -> Any:
        return _one(self.data / "history.db", query)


def rows(path: Path, query: str, *values: object) -> list[Any]:
    """The rows of a query on one of the processes' files; none while there is no such table."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)) as db:
            return db.execute(query, values).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error) or "unable to open" in str(error):
            return []
        raise


def _one(path: Path, query: str) -> Any:
    found = rows(path, query)
    return found[0][0] if found else None


@contextmanager
def connected(port: int) -> Iterator[Publisher]:
    """A publisher, disconnected at the end."""
    publisher = Publisher(port)
    try:
        yield publisher
    finally:
        publisher.close()


@contextmanager
def plant(folder: Path, characteristics: str, *, broker: int, options: str = "", head: str = "") -> Iterator[Spine]:
    """A plant file with the connector `line1`, not yet started; all that it started is stopped at the end."""
    web = free_port()
    text = HEAD.format(plant=head, web=web, broker=broker, options=options) + characteristics
    with running(Spine(folder, text, web=web)) as spine:
        yield spine


@contextmanager
def running(spine: Spine) -> Iterator[Spine]:
    """`spine`, whose processes are stopped at the end, and must end well unless the test has failed."""
    try:
        yield spine
    except BaseException:
        try:
            spine.stop()
        except AssertionError as fault:
            print(fault)
        raise
    spine.stop()
