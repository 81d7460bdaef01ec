"""Data changes as rows of the journal, and which of them were there before (pure).

A row is `[node, value, status, source_ns, server_ns]`: the node's text as configured, the value as JSON has it (an
array is an array), the 32-bit status code, and both times in ns since 1970 (null where the server gave none).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from math import isfinite
from typing import Any, NamedTuple
from uuid import UUID
from zlib import crc32

import orjson
from asyncua import ua

OVERFLOW = 0x480  # info type DataValue with the overflow bit: the server's queue of this node has lost values
ENTRY_ROWS, ENTRY_BYTES = 1_000, 128 << 10  # one entry of the journal holds at most so much, and at least one row
MOST_FILLED = 1_000_000  # keys of back-filled rows that are kept in mind

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_DAYS = 2**63 // 86_400_000_000_000  # that ns in 64 bits hold
_FORMS: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (IntEnum, int),
    (datetime, lambda value: (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()),
    (ua.LocalizedText, lambda value: value.Text),
    (bytes, bytes.hex),
    (UUID, str),
    (ua.StatusCode, lambda value: value.value),
)
_SAME_TIME = 8  # values of one node at one source time that are kept in mind


class Row(NamedTuple):
    """One value of one node; what the journal holds, in this order."""

    node: str
    value: Any
    status: int
    source_ns: int | None
    server_ns: int | None

    @property
    def time_ns(self) -> int | None:
        """The source's time, or the server's where there is none."""
        return self.server_ns if self.source_ns is None else self.source_ns

    @property
    def overflowed(self) -> bool:
        """Whether the server says that it has dropped values of this node."""
        return self.status & OVERFLOW == OVERFLOW


def row_of(node: str, data: ua.DataValue) -> Row:
    """A data value as a row; a value that JSON does not have is null, or an object that names its type."""
    value = None if data.Value is None else plain(data.Value.Value)
    status = 0 if data.StatusCode is None else data.StatusCode.value
    return Row(node, value, status, time_ns(data.SourceTimestamp), time_ns(data.ServerTimestamp))


def time_ns(time: datetime | None) -> int | None:
    """Ns since 1970; None for no time (OPC UA writes it as 1601)."""
    if time is None:
        return None
    since = (time if time.tzinfo else time.replace(tzinfo=UTC)) - _EPOCH
    if not 0 <= since.days < _MOST_DAYS:
        return None
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


def date_time(at_ns: int) -> datetime:
    """The µs that holds `at_ns`, in UTC."""
    seconds, rest = divmod(at_ns, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1_000)


def plain(value: Any) -> Any:
    """A variant's value as JSON has it; a type that has no such form is an object that names it."""
    kind = type(value)
    if kind in (int, bool, str) or value is None:
        return value
    if kind is float:
        return value if isfinite(value) else None
    if kind is list:
        return [plain(one) for one in value]
    for known, form in _FORMS:
        if isinstance(value, known):
            return form(value)
    return {"type": kind.__name__}


def entries(rows: Sequence[Row]) -> Iterator[tuple[bytes, Sequence[Row]]]:
    """The payloads that hold `rows`, in order, each with its rows."""
    begin, size = 0, 0
    texts: list[bytes] = []
    for number, row in enumerate(rows):
        text = orjson.dumps(tuple(row))
        if texts and (len(texts) >= ENTRY_ROWS or size + len(text) > ENTRY_BYTES):
            yield b"[" + b",".join(texts) + b"]", rows[begin:number]
            begin, texts, size = number, [], 0
        texts.append(text)
        size += len(text) + 1
    if texts:
        yield b"[" + b",".join(texts) + b"]", rows[begin:]


class Marks:
    """What of each node is in the journal: the newest time, and the values at it.

    Values of a node come in the order of their times, so whatever is older was there. Only what was back-filled may
    come again from the server's queue: those keys (node, time, value) are kept until `forget_filled`.
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        self._of = {node: _read(text) for node, text in known.items()}
        self._filled: set[tuple[str, int, int]] = set()

    def __bool__(self) -> bool:
        return bool(self._of)

    def newest_ns(self, node: str) -> int | None:
        """The time of the newest value of `node` that is kept."""
        mark = self._of.get(node)
        return None if mark is None else mark[0]

    def is_kept(self, row: Row) -> bool:
        """Whether this row is in the journal already."""
        at, mark = row.time_ns, self._of.get(row.node)
        if at is None or mark is None or at > mark[0]:
            return False
        if at == mark[0]:
            return _digest(row) in mark[1]
        return (row.node, at, _digest(row)) in self._filled

    def changes(self, rows: Sequence[Row]) -> list[Row]:
        """`rows` without those that repeat the node's value before: same time, same value.

        Some servers publish the first value of an item twice. It is no change, so no reading is dropped by this.
        """
        last: dict[str, tuple[int, int]] = {}
        changes = []
        for row in rows:
            at, mark = row.time_ns, self._of.get(row.node)
            if at is not None:
                known = last.get(row.node) or (mark and (mark[0], mark[1][-1]))
                digest = _digest(row)
                if known == (at, digest):
                    continue
                last[row.node] = (at, digest)
            changes.append(row)
        return changes

    def is_past(self, row: Row) -> bool:
        """Whether a row of a server's history is in the journal: it is older than the newest, or is that one."""
        at, newest = row.time_ns, self.newest_ns(row.node)
        return at is None or (newest is not None and (at < newest or self.is_kept(row)))

    def keep(self, row: Row, *, filled: bool = False) -> None:
        """Note that a row goes into the journal; `filled`: from the server's history."""
        at = row.time_ns
        if at is None:
            return
        digest, mark = _digest(row), self._of.get(row.node)
        if filled and len(self._filled) < MOST_FILLED:
            self._filled.add((row.node, at, digest))
        if mark is None or at > mark[0]:
            self._of[row.node] = (at, (digest,))
        elif at == mark[0] and digest not in mark[1]:
            self._of[row.node] = (at, (*mark[1], digest)[-_SAME_TIME:])

    def forget_filled(self) -> None:
        """What was back-filled will not come again."""
        self._filled.clear()

    def texts(self, rows: Sequence[Row]) -> dict[str, str]:
        """The marks of the rows' nodes, to be stored with them."""
        return {
            node: " ".join(map(str, (mark[0], *mark[1])))
            for node in {row.node for row in rows}
            if (mark := self._of.get(node)) is not None
        }


def _read(text: str) -> tuple[int, tuple[int, ...]]:
    at, *digests = map(int, text.split())
    return at, tuple(digests)


def _digest(row: Row) -> int:
    """Of the value and whether it is good; the overflow bit and its like are not part of it."""
    return crc32(orjson.dumps((row.value, row.status >> 30)))
