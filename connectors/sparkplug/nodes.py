"""What the decoder remembers of Sparkplug's edge nodes: who is there, and what their births said.

A death, or a session of our own that is new, makes everything of a node stale until its next birth.
"""

from collections.abc import Callable, Iterator
from typing import Any

from connectors.tags import Tag

MAX_DEVICES = 10_000  # and edge nodes, of a connector
MAX_NAMES = 1_000_000  # of their metrics

TagOf = Callable[[str, str, str], Tag]  # of a node, a device and a metric's name


class KnownMetric:
    """A metric that a birth has named: its data type, and what was last taken of it."""

    __slots__ = ("datatype", "device", "last", "last_ns", "measures", "name", "tag")

    def __init__(self, device: str, name: str, datatype: int, tag: Tag) -> None:
        self.device, self.name, self.datatype, self.tag = device, name, datatype, tag
        self.measures = tag.characteristic if tag.plan.kind == "measurement" else -1
        self.last: Any = None
        self.last_ns: int | None = None

    def repeats(self, value: Any, time_ns: int) -> bool:
        """Whether a birth tells again what was taken: it says how things are, not that they were measured anew."""
        return self.last_ns is not None and (time_ns <= self.last_ns or _plain(value) == self.last)

    def taken(self, value: Any, time_ns: int) -> None:
        """A value was taken."""
        self.last, self.last_ns = _plain(value), time_ns


class Device:
    """A device of an edge node, or under "" the node's own metrics."""

    __slots__ = ("metrics", "online")

    def __init__(self) -> None:
        self.online = False
        self.metrics: dict[str, KnownMetric] = {}

    def characteristics(self) -> list[int]:
        """The characteristics of its metrics."""
        return sorted({one.tag.characteristic for one in self.metrics.values() if one.tag.characteristic >= 0})


class Node:
    """An edge node; `bd_seq` is that of its last birth, None without one."""

    __slots__ = ("aliases", "bd_seq", "devices")

    def __init__(self) -> None:
        self.bd_seq: int | None = None
        self.aliases: dict[int, KnownMetric] = {}
        self.devices: dict[str, Device] = {}

    def end(self, device: str | None = None) -> list[int]:
        """It, or a device of it, is there no more: the characteristics that were live until now."""
        ended: set[int] = set()
        for name in self.devices if device is None else (device,):
            one = self.devices.get(name)
            if one is not None and one.online:
                one.online = False
                ended.update(one.characteristics())
        if device is None:
            self.aliases.clear()
        return sorted(ended)


class Nodes:
    """The edge nodes of one connector."""

    def __init__(self, tag_of: TagOf) -> None:
        self._tag_of = tag_of
        self._nodes: dict[str, Node] = {}
        self._devices = self._names = 0
        self.session = 0  # the time of our last STATE birth, ms

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes.values())

    def get(self, node: str) -> Node | None:
        """A node that has been seen."""
        return self._nodes.get(node)

    def device(self, node: str, device: str) -> Device | None:
        """The device as it was, or new; None when there are too many."""
        found = self._nodes.get(node)
        known = None if found is None else found.devices.get(device)
        if known is None and self._devices < MAX_DEVICES:
            found = self._nodes.setdefault(node, Node())
            known = found.devices[device] = Device()
            self._devices += 1
        return known

    def metric(self, node: str, device: str, name: str, alias: int | None, datatype: int) -> KnownMetric | None:
        """A metric of a device that is known, by its name: what was taken of it stays; None when there are too many."""
        metrics = self._nodes[node].devices[device].metrics
        known = metrics.get(name)
        if known is None:
            if self._names >= MAX_NAMES:
                return None
            self._names += 1
            known = metrics[name] = KnownMetric(device, name, datatype, self._tag_of(node, device, name))
        known.datatype = datatype or known.datatype
        if alias is not None:
            self._nodes[node].aliases[alias] = known
        return known

    def to_plain(self) -> list[Any]:
        """What is remembered, for JSON."""
        nodes = []
        for node_name, node in sorted(self._nodes.items()):
            devices = []
            for device_name, device in sorted(node.devices.items()):
                metrics = [[name, one.datatype, one.last_ns, one.last] for name, one in sorted(device.metrics.items())]
                devices.append([device_name, device.online, metrics])
            aliases = [[alias, one.device, one.name] for alias, one in sorted(node.aliases.items())]
            nodes.append([node_name, node.bd_seq, devices, aliases])
        return [self.session, nodes]

    def resume(self, plain: list[Any]) -> None:
        """Go on with what `to_plain` gave; what the tags mean is asked anew."""
        self.session, nodes = plain
        for node_name, bd_seq, devices, aliases in nodes:
            for device_name, online, metrics in devices:
                device = self.device(node_name, device_name)
                if device is None:
                    continue
                device.online = online
                for name, datatype, last_ns, last in metrics:
                    metric = self.metric(node_name, device_name, name, None, datatype)
                    if metric is not None:
                        metric.last_ns, metric.last = last_ns, last
            node = self._nodes[node_name]
            node.bd_seq = bd_seq
            node.aliases = {alias: node.devices[device].metrics[name] for alias, device, name in aliases}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
