"""Sparkplug B payloads from metrics: for commands to edge nodes, the simulated plant and tests.

Field numbers and data types as in `connectors.sparkplug.payload`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from struct import pack

import numpy as np

from connectors.sparkplug.scan import BOOLEAN, BYTES, DOUBLE, FLOAT, INT, LONG, STRING
from connectors.sparkplug.types import ELEMENTS, REBIRTH, DataType

Scalar = int | float | bool | str | bytes

_INTS = {DataType.INT8, DataType.INT16, DataType.INT32, DataType.UINT8, DataType.UINT16, DataType.UINT32}
_TEXTS = {DataType.STRING, DataType.TEXT, DataType.UUID}


@dataclass(frozen=True, slots=True)
class MetricOut:
    """A metric to be sent: its name, its alias, or both; `value` None is null.

    An array is a sequence of what its data type holds; `quality` the property Quality, None for none.
    """

    name: str = ""
    value: Scalar | Sequence[Scalar] | None = None
    datatype: DataType = DataType.DOUBLE
    alias: int | None = None
    timestamp_ms: int | None = None
    is_historical: bool = False
    is_transient: bool = False
    quality: int | None = None
    tell_datatype: bool = True  # births do, data need not


def encode_payload(timestamp_ms: int | None, metrics: Sequence[MetricOut], seq: int | None = None) -> bytes:
    """The payload's bytes.

    >>> encode_payload(1750855643474, [MetricOut(alias=100, value=22.5)], seq=1).hex()
    '08d2e283b9fa32120d1064200a6900000000008036401801'
    """
    parts = [] if timestamp_ms is None else [_number(1, timestamp_ms)]
    parts += [_text(2, encode_metric(metric)) for metric in metrics]
    if seq is not None:
        parts.append(_number(3, seq))
    return b"".join(parts)


def rebirth_command(timestamp_ms: int) -> bytes:
    """The payload of the NCMD that asks an edge node for its births (section 5.9)."""
    metric = MetricOut(REBIRTH, value=True, datatype=DataType.BOOLEAN, timestamp_ms=timestamp_ms)
    return encode_payload(timestamp_ms, [metric])


def encode_metric(metric: MetricOut) -> bytes:
    """One metric's bytes, without key and length."""
    parts = [_text(1, metric.name.encode())] if metric.name else []
    if metric.alias is not None:
        parts.append(_number(2, metric.alias))
    if metric.timestamp_ms is not None:
        parts.append(_number(3, metric.timestamp_ms))
    if metric.tell_datatype:
        parts.append(_number(4, metric.datatype))
    for field, flag in ((5, metric.is_historical), (6, metric.is_transient), (7, metric.value is None)):
        if flag:
            parts.append(_number(field, 1))
    if metric.quality is not None:
        value = _number(1, DataType.INT32) + _number(3, metric.quality)
        parts.append(_text(9, _text(1, b"Quality") + _text(2, value)))
    if metric.value is not None:
        parts.append(_value(metric.datatype, metric.value))
    return b"".join(parts)


def _value(datatype: DataType, value: Scalar | Sequence[Scalar]) -> bytes:
    if isinstance(value, bytes):
        return _text(BYTES, value)
    if datatype in _TEXTS:
        return _text(STRING, str(value).encode())
    return _scalar(datatype, value) if isinstance(value, int | float) else _text(BYTES, _elements(datatype, value))


def _scalar(datatype: DataType, value: float) -> bytes:
    if datatype == DataType.DOUBLE:
        return _key(DOUBLE, 1) + pack("<d", value)
    if datatype == DataType.FLOAT:
        return _key(FLOAT, 5) + pack("<f", value)
    if datatype == DataType.BOOLEAN:
        return _number(BOOLEAN, int(value))
    return _number(INT, int(value) & 0xFFFFFFFF) if datatype in _INTS else _number(LONG, int(value))


def _elements(datatype: DataType, values: Sequence[Scalar]) -> bytes:
    if datatype == DataType.STRING_ARRAY:
        return b"".join(str(one).encode() + b"\0" for one in values)
    if datatype == DataType.BOOLEAN_ARRAY:
        return pack("<I", len(values)) + np.packbits(np.array(values, np.bool_)).tobytes()
    return np.array(values, ELEMENTS[datatype]).tobytes()


def _key(field: int, wire: int) -> bytes:
    return _varint(field << 3 | wire)


def _number(field: int, value: int) -> bytes:
    return _key(field, 0) + _varint(value & 0xFFFFFFFFFFFFFFFF)


def _text(field: int, text: bytes) -> bytes:
    return _key(field, 2) + _varint(len(text)) + text


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
