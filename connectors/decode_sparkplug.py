"""Sparkplug B messages into columns, by what the edge nodes' births have said (`connectors.sparkplug.nodes`).

The result depends on the journal's entries alone. A message is taken where it stands in the journal, also one that has
overtaken another: its values bear their own times. What was lost on the way is the gateway's to tell.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson

from config.plan import ConnectorPlan, Plan
from connectors.attributes import Inspected
from connectors.blocks import Blocks
from connectors.columns import INVALID, Decoded, Mark
from connectors.event_time import LIMIT_NS, is_seconds
from connectors.json_payload import MAX_BYTES
from connectors.repetition import Repetition
from connectors.segments import Entry
from connectors.sparkplug.nodes import KnownMetric, Nodes
from connectors.sparkplug.payload import Malformed, Metric, Payload, read_payload
from connectors.sparkplug.plain import take_plainly
from connectors.sparkplug.scan import DATASET, HAS_ALIAS, HISTORICAL, NULL, TEMPLATE, TRANSIENT
from connectors.sparkplug.topics import STATE, SparkplugTopic, read_topic, state_topic
from connectors.sparkplug.types import BD_SEQ, CONTROLS, GOOD, STALE_QUALITY
from connectors.tag_events import WHOLE
from connectors.tags import Tag, TagMap, TagReader, TagValue, places_of

SCHEMA_VERSION = 1
MS_NS = 1_000_000

_SKIPPED = {DATASET: "dataset", TEMPLATE: "template"}


class SparkplugDecoder:
    """Decodes the entries of a plan's Sparkplug connectors. `decode` raises for nothing that a payload could hold."""

    def __init__(self, plan: Plan) -> None:
        inspected = Inspected(plan)
        numbers = {spec.id: number for number, spec in enumerate(plan.characteristics)}
        self._hosts = {
            one.name: _Host(number, one, numbers, inspected)
            for number, one in enumerate(plan.connectors)
            if one.payload == "sparkplug"
        }
        self._names = [one.name for one in plan.connectors]

    def decode(self, entries: Sequence[Entry], repetition: Repetition | None = None) -> Decoded:
        """What the entries give; `repetition` is advanced, and without it every message counts."""
        blocks, marks = Blocks(), list[Mark]()
        for entry in entries:
            blocks.counts.messages[entry.connector] = blocks.counts.messages.get(entry.connector, 0) + 1
            self._hosts[entry.connector].entry(entry, repetition, blocks, marks)
        readings, counts = blocks.readings(), blocks.counts
        real = np.bincount(readings.connector[readings.state != INVALID], minlength=len(self._names))
        counts.readings = {name: int(n) for name, n in zip(self._names, real, strict=True) if n}
        return Decoded(readings, blocks.rejected, counts, blocks.events, marks)

    def to_bytes(self) -> bytes:
        """What is remembered of each connector's edge nodes and tags."""
        known = sorted((name, host.to_plain()) for name, host in self._hosts.items())
        return orjson.dumps([SCHEMA_VERSION, known])

    def resume(self, memory: bytes) -> None:
        """Go on with it. Raises `ValueError` for another schema version."""
        version, known = orjson.loads(memory)
        if version != SCHEMA_VERSION:
            raise ValueError(f"sparkplug: expected schema version {SCHEMA_VERSION}, got {version}")
        for name, plain in known:
            if name in self._hosts:
                self._hosts[name].resume(plain)


class _Value(NamedTuple):
    """A metric's value as it is to be taken: `metric` is what its birth said of it."""

    metric: KnownMetric
    value: Any
    time_ns: int
    idx: int
    sent: Metric


class _Host:
    """One connector."""

    def __init__(self, number: int, plan: ConnectorPlan, numbers: dict[str, int], inspected: Inspected) -> None:
        self._number, self._map = number, TagMap(plan, numbers)
        self._reader = TagReader(number, inspected)
        self._nodes = Nodes(self._tag)
        self._own_state = [topic for topic in plan.topics if topic.startswith(state_topic(""))]
        self._dedupe = plan.dedupe

    def _tag(self, node: str, device: str, name: str) -> Tag:
        group, edge = node.split("/")
        address = "/".join(part for part in (node, device, name) if part)
        return self._map.tag(address, name, {"group": group, "edge": edge, "device": device})

    def entry(self, entry: Entry, repetition: Repetition | None, blocks: Blocks, marks: list[Mark]) -> None:
        """Takes one entry."""
        if self._dedupe != "none" and repetition is not None:
            packet = (entry.connector, entry.packet_id, entry.dup, entry.payload)
            if repetition.seen_packet(*packet):
                detail = f"the broker delivered packet {entry.packet_id} again (DUP flag, same payload)"
                blocks.repeated(entry, 0, detail)
                return
        topic = read_topic(entry.topic)
        if topic is None:
            blocks.reject(entry, 0, "unknown-topic", f"expected a topic of Sparkplug B, got {entry.topic!r}")
        elif topic.type == STATE:
            if entry.topic in self._own_state:
                self._state(entry, marks)
        elif topic.type not in ("NCMD", "DCMD"):
            try:
                if len(entry.payload) > MAX_BYTES:
                    raise Malformed(f"expected at most {MAX_BYTES} bytes, got {len(entry.payload)}")
                payload = read_payload(entry.payload)
            except Malformed as error:
                blocks.reject(entry, 0, "not-sparkplug", str(error))
            else:
                self._message(entry, topic, payload, blocks, marks)

    def _state(self, entry: Entry, marks: list[Mark]) -> None:
        """Our own STATE comes back: with a new time our session is new, and nothing is known of who is there."""
        try:
            said = orjson.loads(entry.payload)
        except orjson.JSONDecodeError:
            return
        session = said.get("timestamp") if type(said) is dict and said.get("online") is True else None
        if type(session) is int and abs(session) < 1 << 62 and session != self._nodes.session:
            self._nodes.session = session
            for node in self._nodes:
                _mark(entry, node.end(), "stale", marks)

    def _message(
        self, entry: Entry, topic: SparkplugTopic, payload: Payload, blocks: Blocks, marks: list[Mark]
    ) -> None:
        node = self._nodes.get(topic.node)
        if topic.type == "NDEATH":
            said = _bd_seq(payload)
            if node is not None and None not in (said, node.bd_seq) and said != node.bd_seq:
                detail = f"a death of an earlier session: bdSeq {said}, expected {node.bd_seq}"
                blocks.reject(entry, 0, "earlier-death", detail)
            elif node is not None:
                _mark(entry, node.end(), "stale", marks)
        elif topic.type == "DDEATH":
            if node is not None:
                _mark(entry, node.end(topic.device), "stale", marks)
        elif topic.type in ("NBIRTH", "DBIRTH"):
            if node is not None:  # what the birth does not name is not there any more
                _mark(entry, node.end(topic.device or None), "stale", marks)
            device = self._nodes.device(topic.node, topic.device)
            if device is None:
                blocks.reject(entry, 0, "too-many-devices", f"{topic.node}: too many edge nodes and devices")
                return
            device.online = True
            if topic.type == "NBIRTH" and (node := self._nodes.get(topic.node)) is not None:
                node.bd_seq = _bd_seq(payload)
            values = self._values(entry, topic, payload, blocks, born=True)
            self._take(entry, [one for one in values if not _repeats(one)], blocks)
            self._revive(entry, values, marks)
        else:
            device = None if node is None else node.devices.get(topic.device)
            if device is None or not device.online:
                what = f"{topic.node}/{topic.device}".rstrip("/")
                blocks.reject(entry, 0, "before-birth", f"{what}: no birth since its death or our start")
                return
            aliases = node.aliases  # type: ignore[union-attr] # its device is known, so it is
            if not self._reader.knows_context and take_plainly(entry, payload, aliases, self._number, blocks):
                return
            values = self._values(entry, topic, payload, blocks, born=False)
            self._take(entry, values, blocks)
            gone = {one.metric.tag.characteristic for one in values if one.sent.quality == STALE_QUALITY}
            _mark(entry, sorted(gone - {-1}), "stale", marks)

    def _values(
        self, entry: Entry, topic: SparkplugTopic, payload: Payload, blocks: Blocks, *, born: bool
    ) -> list[_Value]:
        """The metrics of a message with their values and times; what cannot be taken is refused."""
        found: list[_Value] = []
        aliases = self._nodes.get(topic.node).aliases  # type: ignore[union-attr] # its device is known, so it is
        idx = -1
        for sent in payload.metrics():
            idx += 1
            if sent.name:
                if sent.name == BD_SEQ or sent.name.startswith(CONTROLS):
                    continue
                alias = sent.alias if sent.flags & HAS_ALIAS else None
                known = self._nodes.metric(topic.node, topic.device, sent.name, alias, sent.datatype)
                if known is None:
                    blocks.reject(entry, idx, "too-many-metrics", f"{topic.node}: too many metrics")
                    continue
            else:
                known = aliases.get(sent.alias) if sent.flags & HAS_ALIAS else None
                if known is None:
                    detail = f"{topic.node}: no birth has named alias {sent.alias}; a rebirth is asked for"
                    blocks.reject(entry, idx, "unknown-alias", detail)
                    continue
            if born and sent.flags & NULL:
                continue  # there is no value yet
            if (reason := _SKIPPED.get(sent.kind)) is not None or sent.flags & TRANSIENT:
                blocks.reject(entry, idx, reason or "transient", f"{known.tag.address}: passed over")
                continue
            time_ns = _time_ns(sent.timestamp_ms, payload.timestamp_ms, entry.received_ns)
            if time_ns is None:
                detail = f"{known.tag.address}: expected milliseconds since 1970, got {sent.timestamp_ms}"
                blocks.reject(entry, idx, "bad-time", detail)
                continue
            value = None if sent.flags & NULL else payload.value(sent, sent.datatype or known.datatype)
            found.append(_Value(known, value, time_ns, idx, sent))
            idx += places_of(value) - 1
        return found

    def _take(self, entry: Entry, values: list[_Value], blocks: Blocks) -> None:
        taken = []
        for known, value, time_ns, idx, sent in values:
            quality = _QUALITIES.get(sent.quality, "uncertain")
            taken.append(TagValue(known.tag, value, time_ns, idx, quality, sent.flags & HISTORICAL != 0))
            if known.tag.characteristic >= 0 and not quality and value is not None and not sent.flags & HISTORICAL:
                known.taken(value, time_ns)
        if taken:
            self._reader.take(entry, taken, blocks)

    def _revive(self, entry: Entry, values: list[_Value], marks: list[Mark]) -> None:
        """What a birth brings with a good value is live again, whether or not it was measured anew."""
        good = {one.metric.tag.characteristic for one in values if _QUALITIES.get(one.sent.quality, "?") == ""}
        _mark(entry, sorted(good - {-1}), "live", marks)

    def to_plain(self) -> list[Any]:
        return [self._nodes.to_plain(), self._reader.to_plain()]

    def resume(self, plain: list[Any]) -> None:
        nodes, tags = plain
        self._nodes.resume(nodes)
        self._reader.resume(tags)


_QUALITIES = {-1: "", GOOD: "", 0: "bad", STALE_QUALITY: "stale"}  # of the property Quality, absent for −1


def _mark(entry: Entry, characteristics: Sequence[int], what: Any, marks: list[Mark]) -> None:
    marks += [Mark(entry.seq, entry.received_ns, one, what) for one in characteristics]


def _repeats(one: _Value) -> bool:
    """Whether a birth's value is nothing new; what is no measurement and no count of its own may be told again."""
    plan = one.metric.tag.plan
    if plan.kind == "measurement":
        return one.metric.repeats(one.value, one.time_ns)
    return plan.kind in WHOLE and plan.counting == "each"


def _bd_seq(payload: Payload) -> int | None:
    return next(
        (one.bits for one in payload.metrics() if one.name == BD_SEQ and one.kind and not one.flags & NULL), None
    )


def _time_ns(metric_ms: int, payload_ms: int, received_ns: int) -> int | None:
    """A metric's time: its own, else its payload's, else that of receipt; None when it is none."""
    for said in (metric_ms, payload_ms):
        if said != -1:
            return said * MS_NS if abs(said) * MS_NS <= LIMIT_NS and not is_seconds(said) else None
    return received_ns
