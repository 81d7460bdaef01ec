"""From a publication to a stored signal, through a real Mosquitto: `python -m benchmarks.bench_broker`.

Gateway and engine are processes of their own, as in a plant. Each message holds one value out of specification and its
time of publication, so that each makes one signal; what is stored is seen by reading the file every few ms, as the
board does. The publisher sends packets that lie ready, from a third process.
"""

import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.figures import Figure, show
from tests.servers import Mosquitto

CHARACTERISTICS = 1_000
RATES = (1_000, 10_000)  # messages a second
SECONDS = 6
BURST = 60_000
WINDOW = 900  # messages on their way to the broker
LOOK_SECONDS = 0.005
STARTED_SECONDS, DONE_SECONDS = 60.0, 25.0

BROKER = "persistence true\nautosave_interval 10\n"  # as config/mosquitto/plumbline.conf

PLANT = """
[plant]
id = "bench"
[connectors.line1]
type = "mqtt"
port = {port}
topics = ["factory/{{line}}/{{station}}/measurements"]
[defaults]
usl = 9.95
limits = {{ center = 10.0, sigma = 0.03 }}
rules = ["beyond-3-sigma"]
"""


# --- the publisher -------------------------------------------------------------------------------------------------


def connected(port: int) -> socket.socket:
    """A session of MQTT 3.1.1."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    name = b"bench-publisher"
    body = b"\x00\x04MQTT\x04\x02\x00\x00" + len(name).to_bytes(2, "big") + name
    connection.sendall(bytes([0x10, len(body)]) + body)
    assert connection.recv(4)[3] == 0, "the broker refused"
    return connection


def packets(count: int, first: int) -> list[tuple[bytes, bytes]]:
    """For each message what stands before and after its time: QoS 1, a value out of specification."""
    made = []
    topic = b"factory/line1/op10/measurements"
    for number in range(first, first + count):
        head = b'{"id":"gw1-%09d","time":' % number
        tail = b',"values":{"c%05d":%.3f}}' % (number % CHARACTERISTICS, 10.0 + (number % 5 - 2) / 100)
        packet_id = (number % 65_535 + 1).to_bytes(2, "big")
        length = 2 + len(topic) + 2 + len(head) + 17 + len(tail)
        encoded = bytes([length % 128 + 128, length // 128]) if length > 127 else bytes([length])
        before = b"\x32" + encoded + len(topic).to_bytes(2, "big") + topic + packet_id + head
        made.append((before, tail))
    return made


def publish(port: int, rate: int, count: int, first: int) -> None:
    """Send `count` messages, `rate` a second (0: as fast as the broker acknowledges); returns when all are."""
    ready = packets(count, first)
    connection = connected(port)
    connection.setblocking(False)
    began, sent, acknowledged = time.perf_counter(), 0, 0
    waiting = b""
    while acknowledged < 4 * count:
        due = min(count, int((time.perf_counter() - began) * rate) if rate else count, acknowledged // 4 + WINDOW)
        if sent < due and not waiting:
            due = min(due, sent + 100)  # each of a group has the group's time
            now = b"%17.3f" % (time.time() * 1e3)
            waiting = b"".join(before + now + tail for before, tail in ready[sent:due])
            sent = due
        try:
            if waiting:
                waiting = waiting[connection.send(waiting) :]
            acknowledged += len(connection.recv(65_536))
        except BlockingIOError:
            time.sleep(0.0005)
    connection.close()


# --- who follows ---------------------------------------------------------------------------------------------------


@contextmanager
def running(*commands: list[str]) -> Iterator[None]:
    """Processes for as long as it lasts; what they say goes to stderr when one ends early."""
    children = [subprocess.Popen([sys.executable, *command], stderr=subprocess.PIPE) for command in commands]
    try:
        yield
        for child in children:
            if child.poll() is not None and child.stderr is not None:
                sys.stderr.buffer.write(child.stderr.read())
                raise RuntimeError(f"{child.args!r} ended with {child.returncode}")
    finally:
        for child in children:
            child.terminate()
        for child in children:
            try:
                child.communicate(timeout=10.0)
            except subprocess.TimeoutExpired:
                child.kill()
                child.communicate()


class Signals:
    """The times of publication of the signals in a file, and when each was first seen there."""

    def __init__(self, file: Path, unit_seconds: float) -> None:
        self._file, self._unit = file, unit_seconds
        self._row = 0
        self._db: sqlite3.Connection | None = None

    def new(self) -> list[float]:
        """Times of publication, in seconds, of the signals stored since the last call."""
        query = 'SELECT "row", "time" FROM "signal" WHERE "row" > ? ORDER BY "row"'
        try:
            if self._db is None:
                self._db = sqlite3.connect(f"file:{self._file}?mode=ro", uri=True)
            rows = self._db.execute(query, (self._row,)).fetchall()
        except sqlite3.OperationalError:  # not there yet
            return []
        self._row = rows[-1][0] if rows else self._row
        return [at * self._unit for _, at in rows]

    def follow(self, count: int) -> tuple[np.ndarray, float]:
        """How long after publication each of the next `count` was seen, and how long it took in all (seconds)."""
        latencies: list[float] = []
        first, seen, deadline = float("inf"), 0.0, time.monotonic() + DONE_SECONDS + count / 2_000
        while len(latencies) < count:
            times = self.new()
            seen = time.time() if times else seen
            latencies += [seen - at for at in times]
            first = min([first, *times])
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(latencies)} of {count} signals were stored")
            time.sleep(LOOK_SECONDS)
        return np.array(latencies), seen - first


def wait_until_it_works(port: int, signals: Signals) -> int:
    """Publish now and then until a signal comes; gives the first number that has not been used."""
    deadline, number = time.monotonic() + STARTED_SECONDS, 0
    while time.monotonic() < deadline:
        publish(port, 0, 1, number)
        number += 1
        time.sleep(0.25)
        if signals.new():
            time.sleep(1.0)
            signals.new()
            return number
    raise TimeoutError("no signal was stored")


def measured(port: int, signals: Signals) -> tuple[dict[int, np.ndarray], float]:
    """Latencies in seconds by rate, and the messages a second of a burst."""
    number = wait_until_it_works(port, signals)
    latencies = {}
    for rate in RATES:
        count = rate * SECONDS
        with sender(port, rate, count, number):
            latencies[rate] = signals.follow(count)[0][count // SECONDS :]  # the first second warms up
        number += count
    with sender(port, 0, BURST, number):
        _, took = signals.follow(BURST)
    return latencies, BURST / took


@contextmanager
def sender(port: int, rate: int, count: int, first: int) -> Iterator[None]:
    """A publisher of its own."""
    arguments = [str(number) for number in (port, rate, count, first)]
    child = subprocess.Popen([sys.executable, "-m", "benchmarks.bench_broker", "publish", *arguments])
    try:
        yield
        child.wait(30.0)
    finally:
        child.kill()
        child.wait()


# --- the two sides -------------------------------------------------------------------------------------------------


def ours(folder: Path) -> tuple[dict[int, np.ndarray], float]:
    """Gateway and engine."""
    with Mosquitto(folder / "broker", BROKER) as broker:
        plant, data = folder / "plant.toml", folder / "data"
        names = "".join(f'[characteristics."line1/op10/c{k:05d}"]\n' for k in range(CHARACTERISTICS))
        plant.write_text(PLANT.format(port=broker.port) + names, "utf-8")
        data.mkdir()
        commands = [["-m", "flows.cli", name, str(plant), "--data", str(data)] for name in ("gateway", "engine")]
        with running(*commands):
            return measured(broker.port, Signals(data / "history.db", 1e-9))


def peers(folder: Path) -> tuple[dict[int, np.ndarray], float]:
    """The plain per-item dataflow, which acknowledges before it has stored and knows nothing of repetition."""
    with Mosquitto(folder / "broker", BROKER) as broker:
        file = folder / "peer.db"
        with running(["-m", "benchmarks.per_item", str(broker.port), str(file)]):
            return measured(broker.port, Signals(file, 1e-3))


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        own, own_rate = ours(Path(folder) / "ours")
    with tempfile.TemporaryDirectory() as folder:
        plain, plain_rate = peers(Path(folder) / "peer")
    peer = "per-item Bytewax"
    found = [Figure("MQTT to a stored signal, at most", own_rate, "messages/s", 20e3, peer, plain_rate)]
    for rate in RATES:
        for part in (50, 99):
            mine, its = (float(np.percentile(side[rate], part)) * 1e3 for side in (own, plain))
            budget = 100.0 if (part, rate) == (99, 10_000) else 0.0
            title = f"publication to stored signal, p{part} at {rate:,} messages/s"
            found.append(Figure(title, mine, "ms", budget, peer, its))
    return found


if __name__ == "__main__":
    if sys.argv[1:2] == ["publish"]:
        publish(*map(int, sys.argv[2:]))
    else:
        show(figures())
