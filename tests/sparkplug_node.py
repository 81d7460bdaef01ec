"""A Sparkplug edge node for tests, as the specification wants one; and who watches what is said on its broker."""

import socket
import time
from collections.abc import Mapping
from threading import Lock
from typing import Any, NamedTuple

import orjson
from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from connectors.sparkplug.encode import MetricOut, encode_payload
from connectors.sparkplug.payload import read_payload
from connectors.sparkplug.types import BD_SEQ, REBIRTH, DataType
from tests.gateway_runs import wait_until


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class EdgeNode:
    """`plant/<edge>` with one device `cell`: every birth gives its metrics their aliases, data bear aliases only."""

    def __init__(self, port: int, edge: str = "press", values: Mapping[str, float] | None = None) -> None:
        self.edge, self._port = edge, port
        self.values = dict(values or {"depth": 5.0, "bore": 10.0})
        self.rebirths = 0  # that it was asked for
        self.answers = True  # whether it gives them
        self._seq, self._bd_seq = 0, -1
        self._lock = Lock()  # of what births and data are made of: the first ones come from paho's thread
        self._client = Client(CallbackAPIVersion.VERSION2)

    def connect(self) -> "EdgeNode":
        """A session with its will, the subscription to commands, and the births."""
        self._bd_seq = (self._bd_seq + 1) % 256
        client = Client(CallbackAPIVersion.VERSION2, client_id=f"edge-{self.edge}", protocol=MQTTv5)
        client.will_set(self._topic("NDEATH"), self._death(), qos=1, retain=False)
        client.on_message = self._on_command
        subscribed: list[int] = []
        client.on_subscribe = lambda *_: subscribed.append(1)
        client.connect("127.0.0.1", self._port, clean_start=True)
        client.loop_start()
        client.subscribe(self._topic("NCMD"), 1)
        wait_until(lambda: bool(subscribed))
        self._client = client
        self.births()
        return self

    def births(self) -> None:
        """NBIRTH and DBIRTH with all current values."""
        with self._lock:
            self._seq = 0
            rebirth = MetricOut(REBIRTH, False, DataType.BOOLEAN, timestamp_ms=now_ms())
            self._publish("NBIRTH", [MetricOut(BD_SEQ, self._bd_seq, DataType.INT64, timestamp_ms=now_ms()), rebirth])
            born = [
                MetricOut(name, value, alias=alias, timestamp_ms=now_ms())
                for alias, (name, value) in enumerate(self.values.items(), 1)
            ]
            self._publish("DBIRTH", born, "cell")

    def data(self, lost: bool = False, alias: int | None = None, **values: float) -> None:
        """New values of its device; `lost`: on the way to the broker. `alias`: an unknown one beside them."""
        with self._lock:
            self.values |= values
            names = list(self.values)
            metrics = [
                MetricOut(alias=names.index(name) + 1, value=value, timestamp_ms=now_ms(), tell_datatype=False)
                for name, value in values.items()
            ]
            if alias is not None:
                metrics.append(MetricOut(alias=alias, value=1.0, timestamp_ms=now_ms()))
            self._publish("DDATA", metrics, "cell", lost=lost)

    def overtaken(self, *values: Mapping[str, float]) -> None:
        """Messages of these values, the first of which arrives last."""
        with self._lock:
            topic, names = self._topic("DDATA", "cell"), list(self.values)
            made = []
            for one in values:
                metrics = [MetricOut(alias=names.index(name) + 1, value=value) for name, value in one.items()]
                made.append(encode_payload(now_ms(), metrics, self._seq))
                self._seq = (self._seq + 1) % 256
            for payload in (*made[1:], made[0]):
                self._client.publish(topic, payload, 0).wait_for_publish(10.0)

    def device_dies(self) -> None:
        """DDEATH."""
        with self._lock:
            self._publish("DDEATH", [], "cell")

    def leave(self) -> None:
        """NDEATH, then a disconnect that is meant."""
        self._client.publish(self._topic("NDEATH"), self._death(), 1).wait_for_publish(10.0)
        self.close()

    def drop(self) -> None:
        """The connection breaks: the broker publishes the will."""
        sock: Any = self._client.socket()
        self._client.loop_stop()
        sock.shutdown(socket.SHUT_RDWR)
        sock.close()

    def close(self) -> None:
        """Disconnect without a word."""
        self._client.disconnect()
        self._client.loop_stop()

    def _publish(self, kind: str, metrics: list[MetricOut], device: str = "", *, lost: bool = False) -> None:
        payload = encode_payload(now_ms(), metrics, self._seq)
        self._seq = (self._seq + 1) % 256
        if not lost:
            self._client.publish(self._topic(kind, device), payload, 0)

    def _death(self) -> bytes:
        return encode_payload(now_ms(), [MetricOut(BD_SEQ, self._bd_seq, DataType.INT64)])

    def _topic(self, kind: str, device: str = "") -> str:
        return f"spBv1.0/plant/{kind}/{self.edge}" + (f"/{device}" if device else "")

    def _on_command(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        payload = read_payload(message.payload)
        for metric in payload.metrics():
            if metric.name == REBIRTH and payload.value(metric, metric.datatype) is True:
                self.rebirths += 1
                if self.answers:
                    self.births()

    def __enter__(self) -> "EdgeNode":
        return self.connect()

    def __exit__(self, *error: object) -> None:
        self.close()


class Heard(NamedTuple):
    """One message as a subscriber gets it."""

    topic: str
    payload: bytes
    qos: int
    retained: bool

    @property
    def said(self) -> Any:
        return orjson.loads(self.payload)


class Watcher:
    """Subscribes to everything on the broker, and remembers it; a retained flag is kept as it was published."""

    def __init__(self, port: int, topics: str = "spBv1.0/#", *, as_published: bool = True) -> None:
        self.heard: list[Heard] = []
        subscribed: list[int] = []
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
        self._client.on_message = lambda _, __, one: self.heard.append(
            Heard(one.topic, one.payload, one.qos, one.retain)
        )
        self._client.on_subscribe = lambda *_: subscribed.append(1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe(topics, options=SubscribeOptions(qos=2, retainAsPublished=as_published))
        wait_until(lambda: bool(subscribed))

    def states(self, host_id: str = "plumbline") -> list[Heard]:
        return [one for one in self.heard if one.topic == f"spBv1.0/STATE/{host_id}"]

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(topic, payload, 1, retain).wait_for_publish(10.0)

    def __enter__(self) -> "Watcher":
        return self

    def __exit__(self, *error: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def take_over(port: int, client_id: str) -> None:
    """Another client of the same id: the broker ends the first one's connection, and publishes its will."""
    client = Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTv5)
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it so
    client.connect("127.0.0.1", port, clean_start=True, properties=properties)
    connected: list[int] = []
    client.on_connect = lambda *_: connected.append(1)
    client.loop_start()
    wait_until(lambda: bool(connected))
    client.disconnect()
    client.loop_stop()
