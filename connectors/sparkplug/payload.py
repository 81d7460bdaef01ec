"""Sparkplug B payloads into metrics: one pass of compiled code (`scan`), nothing of protobuf at run time."""

from collections.abc import Iterator
from struct import unpack
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.sparkplug.scan import (
    ALIAS,
    BITS,
    BOOLEAN,
    BYTES,
    DOUBLE,
    FLOAT,
    INT,
    KIND,
    LONG,
    NAME_AT,
    NAME_SIZE,
    STRING,
    fill,
    measure,
)
from connectors.sparkplug.types import ELEMENTS, SIGNED_BITS, DataType

MAX_METRICS = 100_000  # of one payload

Array = tuple[float | bool | str, ...]
Value = int | float | bool | str | Array


class Malformed(ValueError):  # noqa: N818 - what the payload is
    """The bytes are no Sparkplug B payload; the message says what was expected."""


class Metric(NamedTuple):
    """One metric: `name` is "" where only its alias (−1: none) says which it is; `timestamp_ms` −1 for none.

    `kind` is the field that its value came in, 0 for none; `number` the value of a float or double.
    """

    name: str
    alias: int
    timestamp_ms: int
    datatype: int
    flags: int
    kind: int
    bits: int
    size: int
    quality: int  # of its property Quality; -1: none given
    number: float


class Payload:
    """A payload that has been read: its time and sequence number (−1: none), and its metrics.

    `table`: int64[metrics, 10], the rows of `connectors.sparkplug.scan`.
    """

    __slots__ = ("_data", "seq", "table", "timestamp_ms")

    def __init__(self, data: bytes, timestamp_ms: int, seq: int, table: NDArray[np.int64]) -> None:
        self._data, self.table = data, table
        self.timestamp_ms, self.seq = timestamp_ms, seq

    def __len__(self) -> int:
        return len(self.table)

    def numbers(self) -> NDArray[np.float64]:
        """Of each metric the number, if it is a float or double."""
        bits = np.ascontiguousarray(self.table[:, BITS])
        number = bits.view(np.float64)
        if (singles := self.table[:, KIND] == FLOAT).any():
            return np.where(singles, bits.astype(np.uint32).view(np.float32), number)
        return number

    def metrics(self) -> Iterator[Metric]:
        """Its metrics, in their order."""
        table, data = self.table, self._data
        number = self.numbers()
        columns = table.T.tolist()
        if any(at >= 0 for at in columns[NAME_AT]):
            pairs = zip(columns[NAME_AT], columns[NAME_SIZE], strict=True)
            names = [data[at : at + size].decode("utf-8", "replace") if at >= 0 else "" for at, size in pairs]
        else:
            names = [""] * len(table)
        return map(Metric, names, *columns[ALIAS:], number.tolist())

    def value(self, metric: Metric, datatype: int) -> Value | None:
        """The value of one of its metrics as `datatype` says; None for what is no number, text or array of them."""
        kind = metric.kind
        if kind in (DOUBLE, FLOAT):
            return metric.number
        if kind in (INT, LONG):
            return _whole(metric.bits, datatype)
        if kind == BOOLEAN:
            return bool(metric.bits)
        text = self._data[metric.bits : metric.bits + metric.size]
        if kind == STRING:
            return text.decode("utf-8", "replace")
        return _array(text, datatype) if kind == BYTES else None


def read_payload(data: bytes) -> Payload:
    """The payload that `data` holds. Raises `Malformed`.

    >>> payload = read_payload(bytes.fromhex("08d2e283b9fa32120d106420 0a690000000000803640 1801"))
    >>> payload.seq, payload.timestamp_ms, [(one.alias, one.number) for one in payload.metrics()]
    (1, 1750855643474, [(100, 22.5)])
    """
    array = np.frombuffer(data, np.uint8)
    head = np.empty(2, np.int64)
    found = measure(array, head)
    if found < 0:
        raise Malformed(f"expected a Sparkplug B payload, got {data[:20].hex()}… ({len(data)} bytes)")
    if found > MAX_METRICS:
        raise Malformed(f"expected at most {MAX_METRICS} metrics, got {found}")
    table = np.empty((found, 10), np.int64)
    if found and (bad := fill(array, table)) >= 0:
        raise Malformed(f"expected a Sparkplug B payload: metric {bad + 1} of {found} cannot be read")
    return Payload(data, int(head[0]), int(head[1]), table)


def _whole(bits: int, datatype: int) -> int:
    """A whole number; negative ones come as two's complement of 32 or 64 bits, or of as many as they have."""
    width = SIGNED_BITS.get(datatype)  # type: ignore[call-overload] # an IntEnum is the int
    if width is None:
        return bits & 0xFFFFFFFFFFFFFFFF
    bits &= (1 << width) - 1
    return bits - (1 << width) if bits >> (width - 1) else bits


def _array(text: bytes, datatype: int) -> Array | None:
    element = ELEMENTS.get(datatype)  # type: ignore[call-overload] # an IntEnum is the int
    if element is not None:
        size = np.dtype(element).itemsize
        return None if len(text) % size else tuple(np.frombuffer(text, element).tolist())
    if datatype == DataType.STRING_ARRAY:
        return tuple(one.decode("utf-8", "replace") for one in text.split(b"\0")[:-1])
    if datatype == DataType.BOOLEAN_ARRAY and len(text) >= 4:
        (n,) = unpack("<I", text[:4])
        bits = np.unpackbits(np.frombuffer(text, np.uint8, offset=4))
        return tuple((bits[:n] != 0).tolist()) if len(bits) >= n else None
    return None
