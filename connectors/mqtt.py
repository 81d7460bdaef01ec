"""MQTT in: messages to the intake, acknowledged to the broker only when the journal has them.

QoS 1 with a fixed client id and a session that the broker keeps for days, so that what is published while nobody
listens is delivered later. MQTT 5; 3.1.1 for brokers that know no better (how long the session is kept is then the
broker's choice, and nothing limits what is under way). paho acknowledges nothing by itself (`manual_ack`). A packet id
means something on its connection only, so a token carries the connection's number. One thread a connector does all of
paho's work (its external event loop), therefore acknowledgements need no lock; every connection has a client of its
own, so that nothing is left over from the one before. PUBLISH packets do not pass through paho
(`connectors.mqtt_stream`), which would cost five times as much.
"""

import logging
import random
import select
import socket
import ssl
import struct
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any, Literal, cast

from paho.mqtt import MQTTException
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from connectors.intake import Intake, Message, Notice, Token
from connectors.json_payload import MAX_BYTES
from connectors.mqtt_companion import Companion, Silent
from connectors.mqtt_leave import take_leave
from connectors.mqtt_stream import Publish, PublishStream
from connectors.sparkplug.host import HostSettings

log = logging.getLogger(__name__)

RECEIVE_MAXIMUM = 2_000  # unacknowledged messages the broker may have under way to us
MAX_PACKET_BYTES = 2 << 20  # MQTT 5: a broker keeps a larger message to itself
KEPT_BYTES = MAX_BYTES + 1  # of a payload: enough for it to be refused as too large
CONNECT_SECONDS = 3.0  # for TCP and TLS, and again for the broker's answer
DRAIN_SECONDS = 5.0  # how long acknowledgements are awaited before a full intake disconnects
LASTING_SECONDS = 5.0  # a connection that held so long begins the back-off anew
MAX_BACKOFF_SECONDS = 30.0
POLL_MS = 200
READ_BURST = 200  # packets handed to the intake at once
MAX_TOPICS = 10_000  # whose text is kept ready


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """One connector's connection; `forget` are filters that an earlier plan had subscribed to."""

    name: str
    client_id: str
    host: str
    port: int
    filters: tuple[str, ...]
    forget: tuple[str, ...] = ()
    username: str = ""
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None
    session_expiry_seconds: int = 7 * 86_400
    keep_alive_seconds: int = 30
    version: Literal["5", "3.1.1"] = "5"
    sparkplug: HostSettings | None = None  # it is to be a host application

    @property
    def clean(self) -> bool:
        """Whether the broker is to keep nothing for it."""
        return self.session_expiry_seconds == 0


def tls_context(ca: str, cert: str = "", key: str = "") -> ssl.SSLContext:
    """A context that checks the broker against `ca` ("system": the system's authorities) and may log in by `cert`.

    Raises `OSError` (`ssl.SSLError`) when a file cannot be read or is none.
    """
    context = ssl.create_default_context(cafile=None if ca == "system" else ca)
    if cert:
        context.load_cert_chain(cert, key)
    return context


class MqttConnector:
    """Connects, and reconnects for ever with a back-off of 1 to 30 s; see `connectors.intake.Source`."""

    def __init__(self, settings: MqttSettings, intake: Intake, companion: Companion | None = None) -> None:
        self._settings, self._intake = settings, intake
        self._companion: Companion = companion or Silent()
        self._acks: deque[Token] = deque()
        self._quiet, self._closing = Event(), Event()
        self._awake, self._waker = socket.socketpair()
        self._awake.setblocking(False)
        self._waker.setblocking(False)
        self._thread = Thread(target=self._run, name=f"mqtt-{settings.name}", daemon=True)
        self._connection = 0
        self._up, self._refused, self._ended = False, False, ""  # of this connection
        self._why = "connecting"  # why there is none
        self._held = False  # packets wait in the stream's buffer
        self._topics: dict[bytes, str] = {}
        self._said_down, self._said_qos_0 = False, settings.clean  # with a clean session that is how it is meant
        self._counts = dict.fromkeys(("connections", "received", "redelivered", "acknowledged", "stale"), 0)
        self.failure: BaseException | None = None

    def open(self) -> "MqttConnector":
        """Start the thread; the first connection is made as patiently as the later ones."""
        self._thread.start()
        return self

    @property
    def trouble(self) -> str:
        """Why there is no connection; empty while there is one."""
        return "" if self._up else self._why

    def acknowledge(self, tokens: Sequence[Token]) -> None:
        """These messages are on disk; the thread tells the broker."""
        self._acks.extend(tokens)
        self._wake()

    def quiesce(self) -> None:
        """Read nothing more; acknowledgements still go out."""
        self._quiet.set()
        self._wake()

    def close(self) -> None:
        """Acknowledge what is due, disconnect so that the broker keeps the session, end the thread."""
        self._quiet.set()
        self._closing.set()
        self._wake()
        if self._thread.is_alive():
            self._thread.join(CONNECT_SECONDS + 1.0)
        self._awake.close()
        self._waker.close()

    def stats(self) -> dict[str, int]:
        """Counts since the start: connections, received, redelivered, acknowledged, stale acknowledgements."""
        return dict(self._counts)

    def _run(self) -> None:
        failures = 0
        try:
            while not self._quiet.is_set():
                if not self._intake.accepting:
                    self._quiet.wait(0.05)
                    continue
                began = time.monotonic()
                self._up, self._refused, self._ended = False, False, ""
                self._connection += 1
                self._converse()
                self._down()
                if self._intake.accepting and not self._refused:
                    failures = 0 if time.monotonic() - began > LASTING_SECONDS else failures
                    self._quiet.wait(min(MAX_BACKOFF_SECONDS, 2.0**failures * random.uniform(1.0, 1.5)))
                    failures = min(failures + 1, 5)
            counted = ", ".join(f"{count} {what}" for what, count in self.stats().items())
            log.info("%s: closed (%s)", self._settings.name, counted)
        except BaseException as error:  # kept for the gateway, which ends with it: a dead thread must not go unseen
            self.failure = error

    def _converse(self) -> None:
        """One connection, from its beginning to its end; why it ended is in `_ended`."""
        client = self._client()
        try:
            self._connect(client)
            self._pump(client)
        except (OSError, UnicodeError, MQTTException, struct.error) as error:  # no host, no TLS, a malformed packet
            self._ended = str(error) or type(error).__name__

    def _connect(self, client: Client) -> None:
        settings = self._settings
        if settings.version == "3.1.1":
            client.connect(settings.host, settings.port, settings.keep_alive_seconds)
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it so
        properties.SessionExpiryInterval = settings.session_expiry_seconds
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        properties.MaximumPacketSize = MAX_PACKET_BYTES
        client.connect(
            settings.host, settings.port, settings.keep_alive_seconds, clean_start=settings.clean, properties=properties
        )

    def _client(self) -> Client:
        old = self._settings.version == "3.1.1"
        client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._settings.client_id,
            protocol=MQTTv311 if old else MQTTv5,
            clean_session=self._settings.clean if old else None,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = CONNECT_SECONDS
        if self._settings.username:
            client.username_pw_set(self._settings.username, self._settings.password)
        if self._settings.tls is not None:
            client.tls_set_context(self._settings.tls)
        if (will := self._companion.will()) is not None:
            client.will_set(*will)
        client.on_socket_register_write = _nothing  # its presence tells paho to leave all writing to `_pump`
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        return client

    def _pump(self, client: Client) -> None:
        """Move packets both ways until the connection ends, the intake has refused, or the gateway closes."""
        stream = cast(PublishStream, client.socket())  # connected, so there is one
        poller = select.poll()
        poller.register(self._awake, select.POLLIN)
        began, paused_at, self._held = time.monotonic(), 0.0, False
        while not self._ended:
            client.loop_write()
            if self._ended:  # paho has closed the socket
                break
            reading = self._intake.accepting and not self._refused and not self._quiet.is_set()
            poller.register(stream, (select.POLLIN if reading else 0) | (select.POLLOUT if stream.waiting else 0))
            pending = reading and (self._held or stream.held_back)
            found = dict(poller.poll(0 if pending else POLL_MS)).get(stream.fileno(), 0)
            self._drain_wakes()
            if pending or found & select.POLLIN:
                self._read(client, stream)
            elif found & (select.POLLHUP | select.POLLERR):
                self._ended = "connection lost"
            self._send_acks(stream)
            for order in self._companion.due():
                client.publish(*order)
            now = time.monotonic()
            paused_at = 0.0 if reading else paused_at or now
            self._ended = self._ended or self._why_end(now - began, now - paused_at if paused_at else 0.0)
            client.loop_misc()
        client.on_disconnect = None  # the reason is known
        self._send_acks(stream)
        take_leave(client, stream, poller, self._companion.leaving() if self._up else ())

    def _why_end(self, lasted: float, paused: float) -> str:
        if self._closing.is_set():
            return "closing"
        if not self._up:
            return "no answer from the broker" if lasted > CONNECT_SECONDS else ""
        if self._refused and self._intake.accepting:
            return "the queue was full"  # it has drained; the broker sends again what was refused
        if paused > DRAIN_SECONDS and not self._quiet.is_set():
            return "the queue is full, or the disk"
        return ""

    def _read(self, client: Client, stream: PublishStream) -> None:
        """Take in what the broker sent, as far as the intake wants it; the rest stays in the stream."""
        if not self._held:
            stream.receive()
        self._held = False
        while not self._ended:
            if publishes := stream.publishes(min(READ_BURST, self._intake.room)):
                self._take_in(publishes)
            elif stream.give_paho_one():
                client.loop_read()
            elif stream.ended:
                self._ended = "the broker closed the connection"
            else:
                return
            if not self._intake.accepting or self._refused:
                self._held = True
                return

    def _send_acks(self, stream: PublishStream) -> None:
        packet_ids = []
        while self._acks:
            connection, packet_id = self._acks.popleft()
            if connection == self._connection:
                packet_ids.append(packet_id)
            else:
                self._counts["stale"] += 1
        self._counts["acknowledged"] += len(packet_ids)
        stream.acknowledge(packet_ids)  # with none: what still waits

    def _on_connect(
        self, client: Client, _: Any, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._ended = f"refused: {reason}"
            return
        self._up = True
        self._counts["connections"] += 1
        kind: Literal["resumed", "new-session"] = "resumed" if flags.session_present else "new-session"
        self._intake.tell(Notice(self._settings.name, kind, time.time_ns()))
        log.info("%s: connected to %s:%d (%s)", *self._where(), kind.replace("-", " "))
        self._said_down = False
        if flags.session_present and self._settings.forget:
            client.unsubscribe(list(self._settings.forget))
        if self._settings.version == "3.1.1":
            client.subscribe([(topics, 1) for topics in self._settings.filters])
        else:
            options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
            client.subscribe([(topics, options) for topics in self._settings.filters])

    def _on_disconnect(
        self, client: Client, _: Any, flags: DisconnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self._ended = self._ended or str(reason)

    def _on_subscribe(
        self, client: Client, _: Any, mid: int, reasons: list[ReasonCode], properties: Properties | None
    ) -> None:
        for topics, reason in zip(self._settings.filters, reasons, strict=False):
            if reason.is_failure:
                log.warning("%s: %s:%d refuses a subscription to %s: %s", *self._where(), topics, reason)
            elif reason.value == 0 and not self._said_qos_0:
                self._said_qos_0 = True
                log.warning("%s: %s:%d grants QoS 0 only to %s: messages can be lost", *self._where(), topics)
        self._companion.joined()

    def _take_in(self, publishes: list[Publish]) -> None:
        name, connection, now = self._settings.name, self._connection, time.time_ns()
        messages = [
            Message(
                (now, name, topic := self._topic(one.topic), one.packet_id, int(one.dup), one.payload[:KEPT_BYTES]),
                self,
                (connection, one.packet_id) if one.qos else None,
                self._companion.received(topic, one.payload),
            )
            for one in publishes
        ]
        self._counts["received"] += len(publishes)
        self._counts["redelivered"] += sum(one.dup for one in publishes)
        taken = self._intake.offer(messages)
        self._refused = self._refused or taken < len(messages)
        if not all(one.qos for one in publishes):
            self._lossy(messages, taken)

    def _lossy(self, messages: list[Message], taken: int) -> None:
        """Say that nobody sends a message of QoS 0 again, and where one was not taken in that it is lost."""
        if not self._said_qos_0:
            self._said_qos_0 = True
            topic = next(message.row[2] for message in messages if message.token is None)
            log.warning("%s: %s:%d delivers %s at QoS 0: messages can be lost", *self._where(), topic)
        for message in messages[taken:]:
            if message.token is None:
                self._intake.tell(Notice(self._settings.name, "dropped", message.row[0]))

    def _topic(self, encoded: bytes) -> str:
        text = self._topics.get(encoded)
        if text is None:
            try:
                text = encoded.decode("utf-8")
            except UnicodeDecodeError:  # a broker that lets it pass; the engine will quarantine it
                text = "\ufffd"
            if len(self._topics) >= MAX_TOPICS:
                self._topics.clear()
            self._topics[encoded] = text
        return text

    def _down(self) -> None:
        self._why = self._ended
        if self._up:
            self._up = False
            self._companion.left()
            self._intake.tell(Notice(self._settings.name, "lost", time.time_ns()))
        if not self._said_down and not self._closing.is_set():
            self._said_down = True
            log.warning("%s: not connected to %s:%d: %s; trying again", *self._where(), self._ended)

    def _where(self) -> tuple[str, str, int]:
        return self._settings.name, self._settings.host, self._settings.port

    def _wake(self) -> None:
        with suppress(BlockingIOError, OSError):  # full: it is awake; closed: it is gone
            self._waker.send(b"\0")

    def _drain_wakes(self) -> None:
        with suppress(BlockingIOError):
            self._awake.recv(4096)


class _Client(Client):
    """paho, over a stream that keeps PUBLISH packets from it."""

    def _create_socket(self) -> PublishStream:
        sock = cast(socket.socket, super()._create_socket())
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return PublishStream(sock, has_properties=self._protocol == MQTTv5)


def _nothing(client: Client, _: Any, sock: Any) -> None:
    """Nothing: `_pump` asks `want_write()`."""
