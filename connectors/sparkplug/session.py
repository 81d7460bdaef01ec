"""A Sparkplug host application on its connection: the rules of `connectors.sparkplug.host`, with clock and intake."""

import time
from collections.abc import Iterator, Mapping

from connectors.intake import Gap, Intake, Notice
from connectors.mqtt_companion import Order
from connectors.sparkplug.host import HostSettings, SparkplugHost
from connectors.sparkplug.topics import read_topic

NODE = "node."  # begins the keys under which the edge nodes that were born are kept


class SparkplugSession:
    """What an MQTT connector does besides taking in; called by its thread alone. See `connectors.mqtt_companion`."""

    def __init__(self, name: str, settings: HostSettings, intake: Intake, known: Mapping[str, str]) -> None:
        self._name, self._intake = name, intake
        nodes = sorted(key.removeprefix(NODE) for key in known if key.startswith(NODE))
        self._host = SparkplugHost(settings, nodes)

    def will(self) -> Order:
        """What the broker publishes if the connection that is to be made breaks."""
        return self._host.will(_now_ms())

    def joined(self) -> None:
        """The subscriptions are made."""
        self._host.joined(time.monotonic(), _now_ms())

    def left(self) -> None:
        """The connection is over."""
        self._host.left()

    def leaving(self) -> Iterator[Order]:
        """What to publish before a disconnect that is meant."""
        yield self._host.leaving(_now_ms())

    def received(self, topic: str, payload: bytes) -> Mapping[str, str] | None:
        """A message came; of a birth its node is kept."""
        self._host.received(topic, payload, time.monotonic(), _now_ms())
        parts = read_topic(topic) if "/NBIRTH/" in topic else None
        return None if parts is None else {NODE + parts.node: "1"}

    def due(self) -> Iterator[Order]:
        """What is to be published now; what was lost is told as a gap."""
        self._host.poll(time.monotonic(), _now_ms())
        while self._host.losses:
            lost, now_ns = self._host.losses.popleft(), time.time_ns()
            since_ns = now_ns - round((time.monotonic() - lost.since) * 1e9)
            detail = f"{lost.node}: at least {lost.messages} messages by their sequence numbers"
            gap = Gap(0, "sequence-lost", since_ns, now_ns, "open", detail)
            self._intake.tell(Notice(self._name, "gap", now_ns, gap))
        while self._host.orders:
            yield self._host.orders.popleft()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
