"""Payloads as no gateway should send them, and sound ones between them of which it is known what must come out."""

import gzip
import json
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from connectors.json_payload import MAX_BYTES
from connectors.segments import Entry
from tests.decode_samples import PLAN, RECEIVED_NS, TOPIC, random_message

NAMES = ("bore", "depth")  # the connector `line1` knows them by this topic
TIMES: tuple[Any, ...] = (
    *("0000-00-00T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-21T08:00:60Z", "2026-02-30T00:00:00Z", "now", ""),
    *("2026-11-21T08:00:00+99:99", "2026-11-21", "２０２６-11-21T08:00:00Z", "2026-11-21T08:00:00." + "9" * 300 + "Z"),
    *(0, -1, 1e308, -1e308, 2**63, 10**400, 1e-320, [], {}, True, [2026], -(2**62) // 1_000_000, 4_611_686_018_427),
)
NUMBERS = (
    *(b"NaN", b"-Infinity", b"Infinity", b"1e400", b"-1e400", b"1e-400", b"-0", b"9" * 400, b"1e999999999", b"+1"),
    *(b"01", b"1.", b".5", b"0x10", b"1e", b"1_000", b"1.2.3", b"--1", b"null", b"true", b'"10.0"', b"[]", b"{}"),
    *(b"[[1]]", b"[1,[2,[3]]]", b"[NaN,1,null]", b"1.7976931348623157e308", b"0." + b"1" * 900, b"1e100", b"1.1e100"),
)
NAMES_ODD = ("", " ", "\\u0000", "\\ud800", "\\udc00\\ud800", "\\u001b[31m", "a/b", "$SYS", "ü" * 70, "\\n", "{name}")
TOPICS = (
    *("", "/", "//", "$SYS/broker/uptime", "$share/g/factory", "factory/line1/op10", "factory//op10/measurements"),
    *("factory/line1/op10/measurements/more", "factory/ü/😀/measurements", "factory/\x00/op10/measurements", "+/#"),
    *("factory/" + "x" * 65_000 + "/op10/measurements", "factory/line1\n/op10/measurements", "p/op10"),
)
FIELDS = ("lot", "part", "subgroup", "purpose", "product", "cavity", "id", "time", "kind", "values")
TOKENS = (b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b"\x00", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\\ud83d", b"e")


class Sent(NamedTuple):
    """An entry, and the values that must come out of it, whatever surrounds them (None: nothing is promised)."""

    entry: Entry
    values: tuple[float, ...] | None


class Fuzz:
    """Endless entries from one seed. Each kind of fault is a method of its own."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(seed)
        self._seq = 0
        self._kinds: tuple[tuple[int, Callable[[], bytes]], ...] = (
            (20, self._changed),
            (6, self._noise),
            (6, self._encoded),
            (6, self._of_wrong_types),
            (6, self._timed),
            (6, self._duplicate_keys),
            (6, self._odd_names),
            (8, self._unknown_names),
            (4, self._deep),
            (4, self._many),
            (3, self._arrays),
            (1, self._large),
        )
        self._weights = [weight for weight, _ in self._kinds]

    def next(self) -> Sent:
        """The next entry; a third of them sound, or sound but for one value."""
        self._seq += 1
        form, rng = self._rng.random(), self._rng
        if form < 0.2:
            return self._sound()
        if form < 0.35:
            return self._but_one()
        payload = rng.choices([kind for _, kind in self._kinds], self._weights)[0]()
        topic = rng.choice(TOPICS) if rng.random() < 0.1 else TOPIC
        connector = rng.choice(("line1", "line1", "line1", "products", "gone"))
        return Sent(self._entry(payload, topic, connector, rng.randrange(0, 70_000), int(rng.random() < 0.1)), None)

    def _entry(
        self, payload: bytes, topic: str = TOPIC, connector: str = "line1", packet: int = 0, dup: int = 0
    ) -> Entry:
        return Entry(self._seq, RECEIVED_NS + self._seq * 1_000_000, connector, topic, packet, dup, payload)

    def _value(self) -> float:
        return round(self._rng.gauss(10.0, 0.05), 4)

    def _sound(self) -> Sent:
        """A plain message with an id of its own: everything in it is taken, whatever came before it."""
        values = {name: self._value() for name in NAMES}
        payload = {"id": f"sound-{self._seq:09}", "values": values}
        return Sent(self._entry(json.dumps(payload).encode()), tuple(values.values()))

    def _but_one(self) -> Sent:
        """Sound values around a bad one."""
        first, last = self._value(), self._value()
        bad = self._rng.choice(NUMBERS[:4] + NUMBERS[18:22] + (b"1e101", b'"x"', b"[[1]]"))
        payload = b'{"values":{"bore":%r,"width%d":%b,"depth":%r}}' % (first, self._rng.randrange(9), bad, last)
        if self._rng.random() < 0.5:  # in the middle of an array
            payload = b'{"values":{"bore":[%r,%b,%r]}}' % (first, bad, last)
        return Sent(self._entry(payload), (first, last))

    def _document(self) -> Any:
        return [random_message(self._rng) for _ in range(3)] if self._rng.random() < 0.2 else random_message(self._rng)

    def _changed(self) -> bytes:
        """Bytes of a message replaced, cut out and put in."""
        rng = self._rng
        payload = bytearray(json.dumps(self._document()).encode())
        for _ in range(rng.randint(1, 5)):
            place = rng.randrange(len(payload) + 1)
            payload[place : place + rng.randint(0, 4)] = rng.choice((*TOKENS, *NUMBERS, rng.randbytes(2)))
        return bytes(payload)

    def _noise(self) -> bytes:
        return self._rng.randbytes(self._rng.choice((0, 1, 7, 60, 600)))

    def _encoded(self) -> bytes:
        text = json.dumps(
            random_message(self._rng) | {"lot": "Gehäuse"} if self._rng.random() < 0.5 else {"values": {"ä": 1}}
        )
        form = self._rng.randrange(7)
        if form == 0:
            return gzip.compress(text.encode(), 1)
        if form == 1:
            return text.encode() + b"\x00"
        return text.encode(("utf-16", "utf-16-le", "utf-8-sig", "utf-32", "utf-7")[form - 2])

    def _of_wrong_types(self) -> bytes:
        document = {"values": {"bore": 10.0}, "time": 1_795_248_000_000}
        for _ in range(self._rng.randint(1, 4)):
            odd = self._rng.choice((None, True, 0, -1, 10**30, "", "x" * 300, [], {}, [[]], {"a": [1]}, 1e300))
            document[self._rng.choice(FIELDS)] = odd
        return json.dumps(
            self._rng.choice((document, [document, document], [document, 3, None], "text", 7, None))
        ).encode()

    def _timed(self) -> bytes:
        return json.dumps({"time": self._rng.choice(TIMES), "values": {"bore": self._value()}}).encode()

    def _duplicate_keys(self) -> bytes:
        number = self._rng.choice(NUMBERS)
        return (
            self._rng.choice(
                (
                    b'{"values":{"bore":1,"bore":%b},"values":{"bore":2}}',
                    b'{"values":{"bore":%b,"bore":2},"time":1,"time":"x"}',
                    b'{"values":{"bore":1},"values":%b}',
                )
            )
            % number
        )

    def _odd_names(self) -> bytes:
        name = self._rng.choice(NAMES_ODD).encode()
        return b'{"values":{"%b":1,"bore":%b},"lot":"%b","id":"%b"}' % (name, self._rng.choice(NUMBERS), name, name)

    def _unknown_names(self) -> bytes:
        """Names that never end, some of them as long as a message may be."""
        rng = self._rng
        length = rng.choices((1, 100, 10_000, 200_000), (90, 8, 1.5, 0.5))[0]
        names = [f"n{rng.getrandbits(40):x}" * max(1, length // 11) for _ in range(rng.choice((1, 3)))]
        return json.dumps({"values": dict.fromkeys(names, 1.0)}).encode()

    def _deep(self) -> bytes:
        depth = self._rng.choice((10, 1_000, 1_023, 1_024, 1_025, 3_000))
        inside = self._rng.choice((b"1", b"", b'"', b"NaN"))
        opening, closing = self._rng.choice(((b"[", b"]"), (b'{"values":', b"}"), (b'{"a":[', b"]}")))
        nested = opening * depth + inside + closing * depth
        return self._rng.choice((nested, b'{"values":{"bore":%b,"depth":10.0}}' % nested, nested[:-3]))

    def _many(self) -> bytes:
        """Many small messages in one payload, some bad."""
        messages = [random_message(self._rng) for _ in range(self._rng.choice((2, 10, 40)))]
        return json.dumps(messages).encode()

    def _arrays(self) -> bytes:
        values = [self._rng.choice((10.0, None, "x", [1], 9.9)) for _ in range(self._rng.choice((0, 1, 50, 500)))]
        return json.dumps({"values": {"bore": values, "depth": [values]}}).encode()

    def _large(self) -> bytes:
        size = self._rng.choice((60_000, 60_000, MAX_BYTES - 40, MAX_BYTES, MAX_BYTES + 1))
        filler = self._rng.choice((b"x", b" ", b"\\u0041"))
        head, tail = b'{"values":{"bore":10.0},"lot":"', b'"}'
        room = (size - len(head) - len(tail)) // len(filler)
        return head + filler * room + tail if filler != b" " else b" " * (size - 2) + b"{}"


CONNECTORS = tuple(one.name for one in PLAN.connectors)
