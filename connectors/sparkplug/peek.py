"""The little that a host application has to see of a payload when it comes: its order, its session, its aliases.

Plain Python, and of data no more than their first metrics: the gateway decodes nothing. Field numbers as in
`connectors.sparkplug.scan`.
"""

from typing import NamedTuple

from connectors.sparkplug.types import BD_SEQ

MOST_METRICS = 1_000  # of data that are looked at; of births all are

_BD_SEQ = BD_SEQ.encode()


class Peek(NamedTuple):
    """`seq` and `bd_seq` are None where there are none; `aliases` those of metrics, with or without a name."""

    seq: int | None
    bd_seq: int | None
    aliases: frozenset[int]


class Unreadable(ValueError):  # noqa: N818 - what the payload is
    """The bytes are no payload; what they are is told by whoever decodes them."""


def peek(data: bytes, *, born: bool = False) -> Peek:
    """What is seen of the payload `data` of a birth, or of data. Raises `Unreadable`.

    >>> peek(bytes.fromhex("08d2e283b9fa32120d106420 0a690000000000803640 1801"))
    Peek(seq=1, bd_seq=None, aliases=frozenset({100}))
    """
    seq: int | None = None
    bd_seq: int | None = None
    aliases, at, end, looked = set(), 0, len(data), 0
    while at < end:
        key, at = _varint(data, at, end)
        if key == 0x12:
            size, at = _varint(data, at, end)
            looked += 1
            if born or looked <= MOST_METRICS:
                alias, number = _metric(data, at, min(at + size, end))
                bd_seq = bd_seq if number is None else number
                if alias is not None:
                    aliases.add(alias)
            at += size
        elif key == 0x18:
            seq, at = _varint(data, at, end)
        else:
            at = _behind(data, key & 7, at, end)
    if at > end:
        raise Unreadable("it ends early")
    return Peek(seq, bd_seq, frozenset(aliases))


def _metric(data: bytes, at: int, end: int) -> tuple[int | None, int | None]:
    """A metric's alias, and its number when it is bdSeq."""
    alias: int | None = None
    number: int | None = None
    is_bd_seq = False
    while at < end:
        key, at = _varint(data, at, end)
        if key == 0x10:
            alias, at = _varint(data, at, end)
        elif key == 0x0A:
            size, at = _varint(data, at, end)
            is_bd_seq = data[at : at + size] == _BD_SEQ
            at += size
        elif key in (0x50, 0x58):
            number, at = _varint(data, at, end)
        else:
            at = _behind(data, key & 7, at, end)
    return alias, number if is_bd_seq else None


def _behind(data: bytes, wire: int, at: int, end: int) -> int:
    if wire == 0:
        return _varint(data, at, end)[1]
    if wire == 2:
        size, at = _varint(data, at, end)
        return at + size
    if wire in (1, 5):
        return at + (8 if wire == 1 else 4)
    raise Unreadable(f"wire type {wire}")


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise Unreadable("a number does not end")
