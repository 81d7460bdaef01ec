"""Repetition: which messages of a journal were there before (design, section 6).

By the message's `id`, by the broker's DUP flag with the same packet id and payload, and, where a connector asks for
it, by (topic, payload) over 48 hours of event time. Ids are kept as sets of whole numbers: a gateway that counts
upwards takes one interval however long it runs, and an id that comes late because messages were reordered is still
told from one that was seen. An id stands for one message for ever, whatever times the two give: a gateway may stamp
them as it sends, and nothing tells one that counts anew from one that sends its memory again. The former has to put
something new before its numbers (how often it started, say); until then its messages are told as `repeated`, none
unseen. What is forgotten (beyond 65,536 intervals a connector) counts as not seen: no reading
is dropped on a guess.
"""

import json
from array import array
from bisect import bisect_right
from collections import OrderedDict
from hashlib import blake2b
from zlib import crc32

import numpy as np

SCHEMA_VERSION = 2
INTERVALS = 65_536  # kept for each connector
PAYLOADS = 1_000_000  # kept for each connector
PAYLOAD_NS = 48 * 3600 * 1_000_000_000

_PACKETS = 65_536  # MQTT packet ids, 0 for none
_ID_LENGTH = 200  # a longer id is kept as its hash
_NEVER = -(1 << 63)


class _Seen:
    """The numbers seen behind one prefix, as disjoint intervals in order."""

    __slots__ = ("ends", "starts")

    def __init__(self, starts: list[int], ends: list[int]) -> None:
        self.starts, self.ends = starts, ends

    def add(self, n: int) -> int:
        """Notes `n`. Returns how many intervals more there are (-1, 0, 1), or 2 when it was there already."""
        starts, ends = self.starts, self.ends
        if ends and n == ends[-1] + 1:
            ends[-1] = n
            return 0
        after = bisect_right(starts, n)  # the first interval that begins after n
        if after and n <= ends[after - 1]:
            return 2
        joins_left = after > 0 and ends[after - 1] == n - 1
        joins_right = after < len(starts) and starts[after] == n + 1
        if joins_left and joins_right:
            ends[after - 1] = ends.pop(after)
            del starts[after]
            return -1
        if joins_left:
            ends[after - 1] = n
            return 0
        if joins_right:
            starts[after] = n
            return 0
        starts.insert(after, n)
        ends.insert(after, n)
        return 1


class Repetition:
    """Remembers what was seen; each question also notes what it asks about. Bounded for every connector."""

    def __init__(self) -> None:
        self._ids: dict[str, OrderedDict[str, _Seen]] = {}  # by connector; the least recently used prefix first
        self._intervals: dict[str, int] = {}
        self._packets: dict[str, array[int]] = {}
        self._payloads: dict[str, OrderedDict[int, int]] = {}  # hash to event time, the oldest first
        self._latest_ns: dict[str, int] = {}

    def seen_packet(self, connector: str, packet_id: int, dup: int, payload: bytes) -> bool:
        """Whether the broker delivers again what the connector's last packet of this number was."""
        if not 0 < packet_id < _PACKETS:
            return False
        packets = self._packets.get(connector)
        if packets is None:
            packets = self._packets[connector] = array("Q", bytes(8 * _PACKETS))
        mark = crc32(payload) << 32 | len(payload) & 0xFFFFFFFF
        before, packets[packet_id] = packets[packet_id], mark
        return dup != 0 and before == mark

    def seen_id(self, connector: str, identity: str) -> bool:
        """Whether a message with this id was there before. Ids are taken as prefix and trailing number."""
        if len(identity) > _ID_LENGTH:
            identity = blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        number = identity[len(identity.rstrip("0123456789")) :].lstrip("0")
        if not number or len(number) > 18:
            number = ""
        prefix = identity[: len(identity) - len(number)]  # leading zeros belong to it: "7" and "07" are two ids
        n = int(number) if number else 0
        seen_of = self._ids.get(connector)
        if seen_of is None:
            seen_of = self._ids[connector] = OrderedDict()
            self._intervals[connector] = 0
        seen = seen_of.get(prefix)
        if seen is None:
            seen = seen_of[prefix] = _Seen([], [])
        else:
            seen_of.move_to_end(prefix)
        more = seen.add(n)
        if more == 2:
            return True
        if more:
            self._intervals[connector] += more
            self._forget(connector, seen_of)
        return False

    def _forget(self, connector: str, seen_of: OrderedDict[str, _Seen]) -> None:
        while self._intervals[connector] > INTERVALS:
            prefix, seen = next(iter(seen_of.items()))
            del seen.starts[0], seen.ends[0]
            if not seen.starts:
                del seen_of[prefix]
            self._intervals[connector] -= 1

    def seen_payload(self, connector: str, topic: str, payload: bytes, time_ns: int) -> bool:
        """Whether the same payload came on the same topic within 48 hours of event time."""
        known = self._payloads.setdefault(connector, OrderedDict())
        place = blake2b(topic.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        digest = blake2b(payload, digest_size=8, key=place).digest()
        key = int.from_bytes(digest, "little")
        before = known.get(key)
        if before is not None and abs(time_ns - before) <= PAYLOAD_NS:
            return True
        known[key] = time_ns
        known.move_to_end(key)
        latest = self._latest_ns[connector] = max(time_ns, self._latest_ns.get(connector, _NEVER))
        while known and (len(known) > PAYLOADS or next(iter(known.values())) < latest - PAYLOAD_NS):
            known.popitem(last=False)
        return False

    def to_bytes(self) -> bytes:
        """The state: a head in JSON, then the arrays it announces."""
        packets = {name: np.frombuffer(table, np.uint64) for name, table in sorted(self._packets.items())}
        used = {name: np.flatnonzero(table) for name, table in packets.items()}
        head = {
            "schema_version": SCHEMA_VERSION,
            "ids": {
                name: [[prefix, seen.starts, seen.ends] for prefix, seen in seen_of.items()]
                for name, seen_of in sorted(self._ids.items())
            },
            "packets": {name: len(places) for name, places in used.items()},
            "payloads": {name: len(known) for name, known in sorted(self._payloads.items())},
            "latest_ns": dict(sorted(self._latest_ns.items())),
        }
        text = json.dumps(head).encode()
        parts = [len(text).to_bytes(8, "little"), text]
        for name, places in used.items():
            parts += [places.astype("<u8").tobytes(), packets[name][places].astype("<u8").tobytes()]
        for _, known in sorted(self._payloads.items()):
            parts.append(np.fromiter(known.keys(), "<u8", len(known)).tobytes())
            parts.append(np.fromiter(known.values(), "<i8", len(known)).tobytes())
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, state: bytes) -> "Repetition":
        """What `to_bytes` wrote. Raises `ValueError` for another schema version."""
        start = 8 + int.from_bytes(state[:8], "little")
        head = json.loads(state[8:start])
        if head["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"repetition: expected schema version {SCHEMA_VERSION}, got {head['schema_version']}")
        made = cls()
        for name, rows in head["ids"].items():
            made._ids[name] = OrderedDict((row[0], _Seen(row[1], row[2])) for row in rows)
            made._intervals[name] = sum(len(row[1]) for row in rows)
        for name, n in head["packets"].items():
            places, marks = np.frombuffer(state, "<u8", 2 * n, start).reshape(2, n)
            table = np.zeros(_PACKETS, np.uint64)
            table[places] = marks
            made._packets[name] = array("Q", table.tobytes())
            start += 16 * n
        for name, n in head["payloads"].items():
            keys = np.frombuffer(state, "<u8", n, start).tolist()
            times = np.frombuffer(state, "<i8", n, start + 8 * n).tolist()
            made._payloads[name] = OrderedDict(zip(keys, times, strict=True))
            start += 16 * n
        made._latest_ns = head["latest_ns"]
        return made
