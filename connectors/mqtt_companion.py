"""What goes with an MQTT connection besides taking messages in: a will, what is said at its ends, what is asked for."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol


class Order(NamedTuple):
    """Something to publish."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


class Companion(Protocol):
    """Asked by the connector's thread alone; it never waits."""

    def will(self) -> Order | None:
        """What the broker publishes if the connection that is to be made breaks."""

    def joined(self) -> None:
        """The subscriptions are made."""

    def received(self, topic: str, payload: bytes) -> Mapping[str, str] | None:
        """A message came; what is to be kept with it, by key."""

    def due(self) -> Iterable[Order]:
        """What is to be published now."""

    def leaving(self) -> Iterable[Order]:
        """What is to be published before a disconnect that is meant."""

    def left(self) -> None:
        """The connection is over."""


class Silent:
    """The companion of a connection that only takes in."""

    def will(self) -> Order | None:
        """None."""
        return None

    def joined(self) -> None:
        """Nothing."""

    def received(self, topic: str, payload: bytes) -> Mapping[str, str] | None:
        """Nothing."""
        return None

    def due(self) -> Iterable[Order]:
        """Nothing."""
        return ()

    def leaving(self) -> Iterable[Order]:
        """Nothing."""
        return ()

    def left(self) -> None:
        """Nothing."""
