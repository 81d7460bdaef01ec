"""Sparkplug's topics: `spBv1.0/<group>/<type>/<edge node>[/<device>]` and `spBv1.0/STATE/<host id>`.

Source: Eclipse Sparkplug Specification 3.0.0, section 4.
"""

from typing import NamedTuple

from connectors.sparkplug.types import NAMESPACE

TYPES = ("NBIRTH", "NDEATH", "DBIRTH", "DDEATH", "NDATA", "DDATA", "NCMD", "DCMD")
STATE = "STATE"


class SparkplugTopic(NamedTuple):
    """One topic, taken apart; of STATE `edge` is the host id. `device` is empty for an edge node's own."""

    group: str
    type: str
    edge: str
    device: str

    @property
    def node(self) -> str:
        """The edge node, which its group and its name tell from all others."""
        return f"{self.group}/{self.edge}"


def read_topic(topic: str) -> SparkplugTopic | None:
    """The topic's parts; None when it is none of Sparkplug's.

    >>> read_topic("spBv1.0/plant/DDATA/press/cell")
    SparkplugTopic(group='plant', type='DDATA', edge='press', device='cell')
    """
    levels = topic.split("/")
    if levels[0] != NAMESPACE or not all(levels):
        return None
    if len(levels) == 3 and levels[1] == STATE:
        return SparkplugTopic("", STATE, levels[2], "")
    if len(levels) not in (4, 5) or levels[2] not in TYPES or (levels[2][0] == "D") != (len(levels) == 5):
        return None
    return SparkplugTopic(levels[1], levels[2], levels[3], levels[4] if len(levels) == 5 else "")


def state_topic(host_id: str) -> str:
    """Where a host application says whether it is there."""
    return f"{NAMESPACE}/{STATE}/{host_id}"


def command_topic(node: str) -> str:
    """Where the edge node `group/name` takes commands."""
    group, edge = node.split("/")
    return f"{NAMESPACE}/{group}/NCMD/{edge}"
