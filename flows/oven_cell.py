"""An oven of the simulated plant that is a Sparkplug B edge node: births, data, a will, births again when asked.

It begins with the press (`flows.press_cell`), when the first days are over. Its numbers are pure and seeded.
"""

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from connectors.sparkplug.encode import MetricOut, encode_payload
from connectors.sparkplug.payload import Malformed, read_payload
from connectors.sparkplug.types import BD_SEQ, NAMESPACE, REBIRTH, DataType
from flows.plant_model import SECOND_NS

if TYPE_CHECKING:
    from config.sparkplug import SparkplugOptions

MINUTE_NS = 60 * SECOND_NS
EVERY_MINUTES = 4  # from one batch to the next
GROUP, EDGE, DEVICE = "line3", "op20", "oven"

logger = logging.getLogger("simulate")


@dataclass(frozen=True, slots=True)
class Batch:
    """What the oven shows after a batch."""

    temperature: float  # °C
    hardness: float  # HRC


def batch_at(at_ns: int, seed: int) -> Batch | None:
    """The batch at the end of this minute; None in the minutes without one."""
    minute = at_ns // MINUTE_NS
    if minute % EVERY_MINUTES != 1:
        return None
    rng = np.random.default_rng([seed, minute, 4])
    return Batch(round(float(rng.normal(845.0, 2.5)), 1), round(float(rng.normal(58.0, 0.45)), 1))


class OvenCell:
    """The oven and its MQTT client, which connects with the first batch, and again whenever the connection is lost."""

    def __init__(self, options: "SparkplugOptions", password: str | None, seed: int) -> None:
        self._seed = seed
        self._started = False
        self._lock = Lock()  # births are also given by paho's thread
        self._seq, self._session, self._at_ms = 0, -1, time.time_ns() // 1_000_000
        self._last: Sequence[MetricOut] = ()
        self._born = False  # in this session
        old = options.mqtt_version == "3.1.1"
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id="simulated-oven",
            protocol=mqtt.MQTTv311 if old else mqtt.MQTTv5,
        )
        self._client.username_pw_set(options.username or EDGE, password)
        self._client.on_pre_connect = self._before_connecting
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_command
        self._client.reconnect_delay_set(1, 10)
        self._host, self._port = options.host, options.port

    def minute(self, at_ns: int) -> None:
        """Publish what the minute that ends at `at_ns` brought, with the simulated time as its own."""
        batch = batch_at(at_ns, self._seed)
        if batch is None:
            return
        with self._lock:
            self._at_ms = at_ns // 1_000_000
            self._last = (
                MetricOut("Temperature", batch.temperature, alias=1, timestamp_ms=self._at_ms),
                MetricOut("Hardness", batch.hardness, alias=2, timestamp_ms=self._at_ms),
            )
            if self._born:
                self._publish("DDATA", self._last, DEVICE)
        if not self._started:
            self._started = True
            self._client.connect_async(self._host, self._port)
            self._client.loop_start()
            logger.info("the oven is the Sparkplug edge node %s/%s", GROUP, EDGE)

    def close(self) -> None:
        """Say that it leaves, and disconnect."""
        if self._started:
            with suppress(RuntimeError, ValueError):  # not connected, and nothing to be waited for
                self._client.publish(_topic("NDEATH"), self._bd_seq(), qos=1).wait_for_publish(1.0)
            self._client.disconnect()
            self._client.loop_stop()

    def _births(self) -> None:
        with self._lock:
            self._seq = 0
            rebirth = MetricOut(REBIRTH, value=False, datatype=DataType.BOOLEAN, timestamp_ms=self._at_ms)
            born = MetricOut(BD_SEQ, value=self._session, datatype=DataType.INT64, timestamp_ms=self._at_ms)
            self._publish("NBIRTH", (born, rebirth))
            self._publish("DBIRTH", self._last, DEVICE)
            self._born = True

    def _publish(self, kind: str, metrics: Sequence[MetricOut], device: str = "") -> None:
        payload = encode_payload(self._at_ms, metrics, self._seq)
        self._seq = (self._seq + 1) % 256
        self._client.publish(_topic(kind, device), payload, qos=0)

    def _bd_seq(self) -> bytes:
        return encode_payload(self._at_ms, [MetricOut(BD_SEQ, value=self._session, datatype=DataType.INT64)])

    def _before_connecting(self, client: mqtt.Client, _userdata: Any) -> None:
        with self._lock:
            self._born = False
            self._session = (self._session + 1) % 256  # a will and the births of its session bear one number
        client.will_set(_topic("NDEATH"), self._bd_seq(), qos=1)

    def _on_connect(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe(_topic("NCMD"), 1)
        self._births()

    def _on_command(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        if message.topic != _topic("NCMD"):  # the embedded broker also sends what nobody asked for
            return
        try:
            payload = read_payload(bytes(message.payload))
        except Malformed as error:
            logger.warning("the oven is ordered what it cannot read: %s", error)
            return
        if any(one.name == REBIRTH and payload.value(one, one.datatype) is True for one in payload.metrics()):
            self._births()


def _topic(kind: str, device: str = "") -> str:
    return f"{NAMESPACE}/{GROUP}/{kind}/{EDGE}" + (f"/{device}" if device else "")
