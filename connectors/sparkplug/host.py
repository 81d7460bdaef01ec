"""The rules of a Sparkplug host application: who is there, in what order they speak, when births are asked for.

A state machine without clock and network: told what comes and what time it is, it says what to publish and what was
lost. Times are of a clock that only goes forward, in seconds; those of STATE are the wall's, in ms.

Source: Eclipse Sparkplug Specification 3.0.0, chapters 4 and 5.
"""

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from connectors.mqtt_companion import Order
from connectors.sparkplug.encode import rebirth_command
from connectors.sparkplug.peek import Peek, Unreadable, peek
from connectors.sparkplug.topics import STATE, SparkplugTopic, command_topic, read_topic, state_topic

MAX_NODES = 10_000
_NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class HostSettings:
    """How it is called, how long it waits for a message that was overtaken, how often it asks a node for its births."""

    host_id: str
    reorder_timeout_seconds: float = 2.0
    rebirth_interval_seconds: float = 10.0


class Lost(NamedTuple):
    """So many messages of an edge node, at least, were lost after `since`."""

    node: str
    since: float
    messages: int


class _Node:
    """One edge node; `next_seq` is None until its birth."""

    __slots__ = ("ahead", "aliases", "asked_at", "bd_seq", "devices", "last_at", "next_seq", "waits_since", "wanted")

    def __init__(self) -> None:
        self.next_seq: int | None = None
        self.bd_seq: int | None = None
        self.aliases: set[int] = set()
        self.devices: set[str] = set()
        self.ahead: set[int] = set()  # came before what they follow
        self.waits_since = 0.0
        self.last_at = 0.0  # when the last one in order came
        self.wanted = False  # its births are to be asked for
        self.asked_at = _NEVER

    def end(self) -> None:
        """It is there no more."""
        self.next_seq, self.wanted = None, False
        self.ahead.clear()
        self.aliases.clear()
        self.devices.clear()


class SparkplugHost:
    """One host application on one broker. After every call `orders` and `losses` hold what came of it."""

    def __init__(self, settings: HostSettings, nodes: Iterable[str] = ()) -> None:
        """`nodes` (`group/name`) have been met before: their births are asked for as the session begins."""
        self._settings = settings
        self._topic = state_topic(settings.host_id)
        self._session_ms = 0
        self._online = False
        self._nodes: dict[str, _Node] = {node: _Node() for node in nodes}
        self.orders: deque[Order] = deque()
        self.losses: deque[Lost] = deque()
        self.rebirths = 0  # asked for

    @property
    def nodes(self) -> Collection[str]:
        """The edge nodes that have been met."""
        return self._nodes.keys()

    def will(self, now_ms: int) -> Order:
        """What the broker is to publish should the connection, which is about to be made, break."""
        self._session_ms = now_ms
        return Order(self._topic, _state(False, now_ms), 1, True)

    def joined(self, now: float, now_ms: int) -> None:
        """The session has begun and its subscriptions are made: say so, and ask every node for its births."""
        self._online = True
        self._say_online()
        for name, node in self._nodes.items():
            node.end()
            node.asked_at = _NEVER
            self._want(name, node, now, now_ms)

    def left(self) -> None:
        """The session is over."""
        self._online = False

    def leaving(self, now_ms: int) -> Order:
        """What to publish before a disconnect that is meant."""
        self._online = False
        return Order(self._topic, _state(False, max(now_ms, self._session_ms)), 1, True)

    def received(self, topic: str, payload: bytes, now: float, now_ms: int) -> None:
        """A message came."""
        parts = read_topic(topic)
        if parts is None or parts.type in ("NCMD", "DCMD"):
            return
        if parts.type == STATE:
            if topic == self._topic and self._online and _says_offline(payload):
                self._say_online()
            return
        try:
            seen = peek(payload, born=parts.type in ("NBIRTH", "DBIRTH"))
        except Unreadable:
            return
        node = self._nodes.get(parts.node)
        if node is None:
            if len(self._nodes) >= MAX_NODES or parts.type in ("NDEATH", "DDEATH"):
                return
            node = self._nodes[parts.node] = _Node()
        if parts.type == "NDEATH":
            if seen.bd_seq is None or node.bd_seq is None or seen.bd_seq == node.bd_seq:
                node.end()
        elif parts.type == "NBIRTH":
            self._born(node, seen, now)
        elif node.next_seq is None:
            self._want(parts.node, node, now, now_ms)
        else:
            self._in_order(node, seen.seq, now)
            if not self._known(node, parts, seen):
                self._want(parts.node, node, now, now_ms)

    def poll(self, now: float, now_ms: int) -> None:
        """What is due: messages that were waited for in vain, births that are still to be asked for."""
        for name, node in self._nodes.items():
            if node.ahead and now - node.waits_since >= self._settings.reorder_timeout_seconds:
                self._give_up(name, node)
            if node.wanted:
                self._want(name, node, now, now_ms)

    def _born(self, node: _Node, seen: Peek, now: float) -> None:
        node.end()
        node.next_seq = 1 if seen.seq is None else (seen.seq + 1) % 256
        node.bd_seq, node.aliases, node.last_at = seen.bd_seq, set(seen.aliases), now

    def _in_order(self, node: _Node, seq: int | None, now: float) -> None:
        """Take note of a sequence number; the first that is ahead starts the time in which the others may come."""
        if seq is None or node.next_seq is None or (seq + 1) % 256 == node.next_seq:  # none, or the last one again
            return
        if seq != node.next_seq:
            if not node.ahead:
                node.waits_since = now
            node.ahead.add(seq % 256)
            return
        node.last_at = now
        node.next_seq = (seq + 1) % 256
        while node.next_seq in node.ahead:
            node.ahead.discard(node.next_seq)
            node.next_seq = (node.next_seq + 1) % 256

    def _known(self, node: _Node, parts: SparkplugTopic, seen: Peek) -> bool:
        """Whether a message can be understood by what the births have said; a device's birth says more."""
        if parts.type == "DBIRTH":
            node.devices.add(parts.device)
            node.aliases |= seen.aliases
            return True
        if parts.type == "DDEATH":
            node.devices.discard(parts.device)
            return True
        return seen.aliases <= node.aliases and (not parts.device or parts.device in node.devices)

    def _give_up(self, name: str, node: _Node) -> None:
        """What is missing is lost: nothing more is known of the node's order until its births."""
        assert node.next_seq is not None, "ahead is empty without it"
        first = min((seq - node.next_seq) % 256 for seq in node.ahead)
        self.losses.append(Lost(name, node.last_at, first))
        node.end()
        node.wanted = True

    def _want(self, name: str, node: _Node, now: float, now_ms: int) -> None:
        """Ask for a node's births, now or when that may be done again."""
        node.wanted = True
        if not self._online or now - node.asked_at < self._settings.rebirth_interval_seconds:
            return
        node.wanted, node.asked_at = False, now
        self.rebirths += 1
        self.orders.append(Order(command_topic(name), rebirth_command(now_ms), 0, False))

    def _say_online(self) -> None:
        self.orders.append(Order(self._topic, _state(True, self._session_ms), 1, True))


def _state(online: bool, timestamp_ms: int) -> bytes:
    return orjson.dumps({"online": online, "timestamp": timestamp_ms})


def _says_offline(payload: bytes) -> bool:
    try:
        said = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return False
    return type(said) is dict and said.get("online") is False
