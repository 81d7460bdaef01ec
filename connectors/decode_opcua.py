"""What an OPC UA server published, into tags, and by the plant file's `tags` into readings, context and events (pure).

An entry is a JSON array of rows `[node, value, status, source_ns, server_ns]` (`connectors.opcua.rows`). Only a Good
value is a reading; Uncertain and Bad ones are refused with that as the reason, counted and kept. The time of a value is
its source's, else the server's, else that of receipt.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from config.plan import Plan
from connectors.attributes import Inspected
from connectors.blocks import Blocks
from connectors.columns import INVALID, Decoded
from connectors.json_payload import Unreadable, read_json
from connectors.repetition import Repetition
from connectors.segments import Entry
from connectors.tag_values import shown
from connectors.tags import Tag, TagMap, TagReader, TagValue, places_of

_QUALITIES = ("", "uncertain", "bad", "bad")  # by the two highest bits of the status code
_LAST = re.compile(r"[^./]+\Z")
_STEP = re.compile(r"\d{1,5}:")
_FIELDS = 5


class OpcuaDecoder:
    """Decodes the entries of a plan's OPC UA connectors; see `connectors.decode.PayloadDecoder`."""

    def __init__(self, plan: Plan) -> None:
        numbers = {spec.id: number for number, spec in enumerate(plan.characteristics)}
        self._names = [one.name for one in plan.connectors]
        self._maps = {one.name: TagMap(one, numbers) for one in plan.connectors if one.payload == "opcua"}
        inspected = Inspected(plan)
        self._readers = {name: TagReader(self._names.index(name), inspected) for name in self._maps}
        self._tags: dict[tuple[str, str], Tag] = {}

    def decode(self, entries: Sequence[Entry], repetition: Repetition | None = None) -> Decoded:
        """What the entries give. The connector writes every value once, so nothing is a repetition."""
        blocks = Blocks()
        messages = blocks.counts.messages
        for entry in entries:
            messages[entry.connector] = messages.get(entry.connector, 0) + 1
            self._readers[entry.connector].take(entry, self._values(entry, blocks), blocks)
        readings = blocks.readings()
        real = np.bincount(readings.connector[readings.state != INVALID], minlength=len(self._names))
        blocks.counts.readings = {name: int(n) for name, n in zip(self._names, real, strict=True) if n}
        blocks.rejected.sort(key=lambda one: (one.seq, one.idx))
        return Decoded(readings, blocks.rejected, blocks.counts, blocks.events)

    def to_bytes(self) -> bytes:
        """What the readers remember, by connector."""
        return orjson.dumps({name: reader.to_plain() for name, reader in sorted(self._readers.items())})

    def resume(self, memory: bytes) -> None:
        """Go on with what `to_bytes` gave; a connector that is no more has nothing to go on with."""
        for name, plain in orjson.loads(memory).items():
            if name in self._readers:
                self._readers[name].resume(plain)

    def _values(self, entry: Entry, blocks: Blocks) -> list[TagValue]:
        """The entry's rows as values of tags; what is none is refused."""
        try:
            rows = read_json(entry.payload)
        except Unreadable as error:
            blocks.reject(entry, 0, error.reason, error.detail)
            return []
        if type(rows) is not list:
            blocks.reject(entry, 0, "not-json", f"expected an array of rows, got {shown(rows)}")
            return []
        values, idx = [], 0
        for row in rows:
            if not _is_row(row):
                expected = "expected [node, value, status, source_ns, server_ns]"
                blocks.reject(entry, idx, "wrong-type", f"{expected}, got {shown(row)}")
                idx += 1
                continue
            node, value, status, source_ns, server_ns = row
            time_ns = next((time for time in (source_ns, server_ns) if time is not None), entry.received_ns)
            values.append(TagValue(self._tag(entry.connector, node), value, time_ns, idx, _QUALITIES[status >> 30]))
            idx += places_of(value)
        return values

    def _tag(self, connector: str, node: str) -> Tag:
        tag = self._tags.get((connector, node))
        if tag is None:
            tag = self._tags[connector, node] = self._maps[connector].tag(node, name_of(node), {})
        return tag


def name_of(node: str) -> str:
    """What `{name}` is for a node: the last part of its name.

    >>> name_of("ns=2;s=Line1.OP10/bore"), name_of("/0:Objects/2:Line1/2:bore"), name_of("ns=2;i=1001")
    ('bore', 'bore', '1001')
    """
    text = node if node.startswith("/") else node.rpartition(";")[2].partition("=")[2]
    found = _LAST.search(text)
    last = found[0] if found else text
    return _STEP.sub("", last, count=1) if node.startswith("/") else last


def _is_row(row: Any) -> bool:
    if type(row) is not list or len(row) != _FIELDS:
        return False
    node, _, status, *times = row
    in_time = all(time is None or (type(time) is int and 0 <= time < 1 << 63) for time in times)
    return type(node) is str and type(status) is int and 0 <= status < 1 << 32 and in_time
