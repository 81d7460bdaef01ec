"""The peers: plain per-item Bytewax dataflows that do the same sum, as one would first write them.

`python -m benchmarks.per_item PORT FILE` follows a broker and stores signals in an SQLite file.
"""

import json
import sqlite3
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import DynamicSource, StatelessSourcePartition
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import TestingSource, run_main
from paho.mqtt.client import Client, MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

D2_OF_5 = 2.325928947281039
TOPIC = "factory/+/+/measurements"
Reading = tuple[str, tuple[float, float]]  # characteristic, (time, value)
Signal = tuple[str, float, float, str]


@dataclass
class Chart:
    """One characteristic: subgroups of `size` (1: individuals with moving ranges), limits, two rules, capability."""

    lsl: float
    usl: float
    center: float
    sigma: float
    size: int
    values: list[float] = field(default_factory=list)
    last: float | None = None
    n: int = 0
    mean: float = 0.0
    m2: float = 0.0
    within: float = 0.0
    points: int = 0
    run: int = 0

    def take(self, time: float, value: float) -> list[tuple[float, float, str]]:
        """Take a reading; gives (time, value, rule) of each signal."""
        signals = []
        if not self.lsl <= value <= self.usl:
            signals.append((time, value, "out-of-spec"))
        self.n += 1
        deviation = value - self.mean
        self.mean += deviation / self.n
        self.m2 += deviation * (value - self.mean)
        self.values.append(value)
        if len(self.values) < self.size:
            return signals
        mean = sum(self.values) / self.size
        if self.size > 1:
            self.within += (max(self.values) - min(self.values)) / D2_OF_5
            self.points += 1
        elif self.last is not None:
            self.within += abs(value - self.last) / 1.1283791670955126
            self.points += 1
        self.last = value
        self.values.clear()
        width = 3 * self.sigma / self.size**0.5
        if abs(mean - self.center) > width:
            signals.append((time, mean, "beyond-3-sigma"))
        if mean > self.center:
            self.run = max(self.run, 0) + 1
        else:
            self.run = min(self.run, 0) - 1
        if abs(self.run) == 9:
            signals.append((time, mean, "9-on-one-side"))
        return signals

    def cpk(self) -> float:
        """Of all readings so far."""
        sigma = self.within / self.points if self.points else float("nan")
        return min(self.usl - self.mean, self.mean - self.lsl) / (3 * sigma)


def chart_readings(flow: Dataflow, readings: op.KeyedStream[tuple[float, float]], size: int, usl: float) -> Any:
    """The stream of signals."""

    def judge(chart: Chart | None, reading: tuple[float, float]) -> tuple[Chart, list[Any]]:
        chart = chart or Chart(9.9, usl, 10.0, 0.03, size)
        return chart, chart.take(*reading)

    judged = op.stateful_map("chart", readings, judge)
    return op.flat_map("signals", judged, lambda item: [(item[0], *signal) for signal in item[1]])


def decoded(payload: bytes) -> Iterable[Reading]:
    """The readings of a message; a value may be an array."""
    message = json.loads(payload)
    time = message["time"]
    for name, value in message["values"].items():
        for one in value if isinstance(value, list) else (value,):
            yield name, (time, one)


class CountingPartition(StatelessSinkPartition[Any]):
    """Takes what comes."""

    def write_batch(self, items: list[Any]) -> None:
        """Nothing is kept."""


class CountingSink(DynamicSink[Any]):
    """The cheapest end of a flow."""

    def build(self, step_id: str, worker_index: int, worker_count: int) -> CountingPartition:
        """One partition."""
        return CountingPartition()


def run_readings(readings: Sequence[Reading], size: int) -> None:
    """Chart readings that are decoded already."""
    flow = Dataflow("peer")
    chart = chart_readings(flow, op.input("read", flow, TestingSource(readings, batch_size=500)), size, 10.1)
    op.output("end", chart, CountingSink())
    run_main(flow)


def run_messages(payloads: Sequence[bytes], size: int) -> None:
    """Decode messages and chart their readings."""
    flow = Dataflow("peer")
    messages = op.input("read", flow, TestingSource(payloads, batch_size=500))
    chart = chart_readings(flow, op.flat_map("decode", messages, decoded), size, 10.1)
    op.output("end", chart, CountingSink())
    run_main(flow)


class BrokerPartition(StatelessSourcePartition[bytes]):
    """What a paho client has received since it was last asked."""

    def __init__(self, port: int) -> None:
        self._queue: SimpleQueue[bytes] = SimpleQueue()
        self._client = Client(CallbackAPIVersion.VERSION2, "peer", protocol=MQTTv311)
        self._client.on_message = self._received
        self._client.on_connect = lambda client, *_: client.subscribe(TOPIC, qos=1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _received(self, client: Client, userdata: object, message: MQTTMessage) -> None:
        self._queue.put(bytes(message.payload))

    def next_batch(self) -> list[bytes]:
        """At most 500 messages; waits up to 5 ms for the first."""
        try:
            batch = [self._queue.get(timeout=0.005)]
        except Empty:
            return []
        while len(batch) < 500 and not self._queue.empty():
            batch.append(self._queue.get())
        return batch


class BrokerSource(DynamicSource[bytes]):
    """A broker's messages."""

    def __init__(self, port: int) -> None:
        self._port = port

    def build(self, step_id: str, worker_index: int, worker_count: int) -> BrokerPartition:
        """One client."""
        return BrokerPartition(self._port)


class StorePartition(StatelessSinkPartition[Signal]):
    """Signals into SQLite, a transaction a batch."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute("CREATE TABLE IF NOT EXISTS signal(row INTEGER PRIMARY KEY, name, time, value, rule)")

    def write_batch(self, items: list[Signal]) -> None:
        """One transaction."""
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO signal(name, time, value, rule) VALUES(?, ?, ?, ?)", items)
        self._db.execute("COMMIT")


class Store(DynamicSink[Signal]):
    """Signals into one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def build(self, step_id: str, worker_index: int, worker_count: int) -> StorePartition:
        """The file."""
        return StorePartition(self._path)


def follow_broker(port: int, path: Path) -> None:
    """Decode, chart and store what a broker has to say, until killed."""
    flow = Dataflow("peer")
    messages = op.input("read", flow, BrokerSource(port))
    chart = chart_readings(flow, op.flat_map("decode", messages, decoded), 1, 9.95)
    op.output("store", chart, Store(path))
    run_main(flow, epoch_interval=timedelta(seconds=10))


if __name__ == "__main__":
    follow_broker(int(sys.argv[1]), Path(sys.argv[2]))
