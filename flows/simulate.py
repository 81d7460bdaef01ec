"""The simulated plant on the wire: its gateways publish to the broker, and its clock goes by their messages.

Each gateway is an MQTT client of its own (QoS 1). Time passes in steps of a minute: the readings of the
minute are published and acknowledged, then the clock says that the minute is over. Where nothing is
measured the clock goes on in strides of half an hour, so that it never jumps. The first days are sent as
fast as the broker takes them; then a simulated day takes `day_seconds`, nights and Sundays no time at all.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, groupby
from threading import Condition, Event
from typing import TYPE_CHECKING, Any

import orjson
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from config.errors import PlantFileError, Problem
from connectors.mqtt import tls_context
from flows.live_cells import Cell, cells_of
from flows.plant_model import GATEWAYS, HOUR_NS, HOURS, SECOND_NS, Sent, day_messages, production_day, start_ns
from flows.shop_model import happenings

if TYPE_CHECKING:
    from config.models import PlantFile
    from config.mqtt import MqttOptions

MINUTE_NS = 60 * SECOND_NS
STRIDE_NS = 30 * MINUTE_NS
CLOSED_NS = 16 * MINUTE_NS  # after a day's end: its grace is over
PROTOCOLS = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}

Progress = Callable[[int, int], None]  # (readings sent, readings of the first days)

logger = logging.getLogger("simulate")


@dataclass(frozen=True, slots=True)
class Settings:
    """`days` at once, then `day_seconds` a day for ever; with 0 it ends after the first days."""

    seed: int = 8
    days: int = 20
    day_seconds: float = 60.0

    @property
    def fault_from(self) -> int:
        """The number of the first bad day: two are over with the first days, the third is watched."""
        return self.days - 2


@dataclass(frozen=True, slots=True)
class Step:
    """A minute with messages, or a stride without; `at_ns` is what the clock says when it is over."""

    at_ns: int
    messages: tuple[Sent, ...]


def steps(settings: Settings, number: int) -> Iterator[Step]:
    """The steps of production day `number`, from its start to the next production day's."""
    now = start_ns(production_day(number))
    measured = day_messages(number, seed=settings.seed, fault_from=settings.fault_from)
    messages = sorted([*measured, *happenings(number, seed=settings.seed)], key=lambda message: message.at_ns)
    for minute, sent in groupby(messages, key=lambda message: -(-message.at_ns // MINUTE_NS)):
        at_ns = minute * MINUTE_NS
        yield from _idle(now, at_ns - MINUTE_NS)
        yield Step(at_ns, tuple(sent))
        now = at_ns
    yield from _idle(now, start_ns(production_day(number + 1)))


def _idle(now: int, until: int) -> Iterator[Step]:
    """Strides from `now` to exactly `until`."""
    while now < until:
        now = min(now + STRIDE_NS, until)
        yield Step(now, ())


class Pace:
    """When a step is due: at once up to `paced_from`, then by the hours of work that have passed since."""

    def __init__(self, settings: Settings) -> None:
        self.days, self.day_seconds = settings.days, settings.day_seconds
        self.paced_from = start_ns(production_day(settings.days)) + CLOSED_NS
        self._began = 0.0

    def wait(self, number: int, at_ns: int, stop: Event) -> None:
        """Return when the step of production day `number` that ends at `at_ns` is due, or at `stop`."""
        if at_ns <= self.paced_from:
            return
        if not self._began:
            self._began = time.monotonic()
        worked = min(at_ns - start_ns(production_day(number)), HOURS * HOUR_NS) - CLOSED_NS
        days = number - self.days + worked / (HOURS * HOUR_NS)
        stop.wait(max(0.0, self._began + days * self.day_seconds - time.monotonic()))


def run(plant: "PlantFile", settings: Settings, *, stop: Event, progress: Progress) -> None:
    """Publish until `stop`, or to the end of the first days. Waits for the broker, and for ever if need be.

    Raises `PlantFileError` when the plant's clock does not come on a topic of an MQTT connector.
    """
    if plant.clock.source != "topic":
        expected = 'expected "topic": a simulated plant brings its own time'
        raise PlantFileError([Problem("clock.source", f"{expected} (got {plant.clock.source!r})")])
    options = plant.clock_broker
    logger.info("publishing to the broker at %s:%d", options.host, options.port)
    wire, cells = Wire(plant, options), cells_of(plant, settings.seed)
    try:
        _publish(wire, cells, settings, stop, progress)
    finally:
        wire.close()
        for cell in cells:
            cell.close()


def _publish(wire: "Wire", cells: Sequence[Cell], settings: Settings, stop: Event, progress: Progress) -> None:
    wire.tell(start_ns(production_day(0)), stop)
    pace, sent = Pace(settings), 0
    first_day = day_messages(0, seed=settings.seed, fault_from=settings.fault_from)
    expected = settings.days * sum(message.values for message in first_day)  # repetitions vary, measurements do not
    for number in range(settings.days) if settings.day_seconds == 0 else count():
        for step in steps(settings, number):
            pace.wait(number, step.at_ns, stop)
            if stop.is_set():
                return
            wire.send(step.messages, stop)
            if number >= settings.days and step.messages:
                for cell in cells:
                    cell.minute(step.at_ns)
            wire.tell(step.at_ns, stop)
            sent += sum(message.values for message in step.messages)
            if number < settings.days and step.messages:
                progress(min(sent, expected), expected)
        if number == settings.days - 1:
            progress(expected, expected)
            logger.info("the first %d days are sent, to %s", settings.days, production_day(number))
        elif number >= settings.days:
            logger.info("the day of %s is over", production_day(number))


class Wire:
    """The gateways' MQTT clients. `send` and `tell` return when the broker has acknowledged, or at `stop`."""

    def __init__(self, plant: "PlantFile", options: "MqttOptions") -> None:
        self._clock = plant.clock.topic
        self._changed = Condition()
        self._pending = 0  # published, and not yet acknowledged
        self._clients = {gateway: self._client(gateway, plant, options) for gateway in GATEWAYS}
        for client in self._clients.values():
            client.connect_async(options.host, options.port, options.keep_alive_seconds)
            client.loop_start()  # connects, and connects again whenever the connection is lost

    def send(self, messages: tuple[Sent, ...], stop: Event) -> None:
        """Publish messages, each by its gateway."""
        self._publish([(message.gateway, message.topic, message.payload) for message in messages], stop)

    def tell(self, at_ns: int, stop: Event) -> None:
        """Publish the simulated time."""
        text = datetime.fromtimestamp(at_ns // SECOND_NS, UTC).isoformat().replace("+00:00", "Z")
        self._publish([(GATEWAYS[0], self._clock, orjson.dumps({"time": text}))], stop)

    def close(self) -> None:
        """Disconnect."""
        for client in self._clients.values():
            client.disconnect()
            client.loop_stop()

    def _publish(self, messages: list[tuple[str, str, bytes]], stop: Event) -> None:
        with self._changed:
            self._pending += len(messages)
        for gateway, topic, payload in messages:
            self._clients[gateway].publish(topic, payload, qos=1)  # kept and sent again until acknowledged
        with self._changed:
            while self._pending and not stop.is_set():
                self._changed.wait(0.5)

    def _client(self, gateway: str, plant: "PlantFile", options: "MqttOptions") -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"simulated-{gateway}", protocol=PROTOCOLS[options.mqtt_version]
        )
        password = plant.password(plant.clock_connector, os.environ)
        client.username_pw_set(options.username or gateway, None if password is None else password.get_secret_value())
        if options.tls.ca:
            ca, cert, key = options.tls.ca, options.tls.cert, options.tls.key
            files = [str(plant.file(name)) if name else "" for name in (ca, cert, key)]
            client.tls_set_context(tls_context("system" if ca == "system" else files[0], files[1], files[2]))
        client.reconnect_delay_set(1, 10)
        client.on_connect = _log_refusal
        client.on_publish = self._on_publish
        return client

    def _on_publish(self, client: mqtt.Client, _: Any, mid: int, reason: ReasonCode, properties: Properties) -> None:
        if reason.is_failure:
            logger.error("the broker refuses a message: %s", reason)
        with self._changed:
            self._pending -= 1
            self._changed.notify_all()


def _log_refusal(client: mqtt.Client, _: Any, flags: Any, reason: ReasonCode, properties: Properties | None) -> None:
    if reason.is_failure:
        logger.error("the broker refuses the connection: %s", reason)
