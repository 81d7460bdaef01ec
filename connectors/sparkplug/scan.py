"""The compiled pass over a Sparkplug B payload's bytes: each metric becomes a row of whole numbers.

Field numbers: Eclipse Sparkplug Specification 3.0.0, section 6.4 (payload 1 timestamp, 2 metrics, 3 seq; metric 1 name,
2 alias, 3 timestamp, 4 datatype, 5 is_historical, 6 is_transient, 7 is_null, 9 properties, 10 to 19 its value; property
set 1 keys, 2 values; property value 3 int, 4 long). Encoding: Protocol Buffers, "Encoding" (varints, wire types 0, 1, 2
and 5; the last of several counts; what is not known is passed over).
"""

import numpy as np
from numpy.typing import NDArray

from rules.compiled import compiled, inlined, inner

# A metric's row. A text lies at AT for SIZE bytes; -1: not there. BITS are those of a number, or where a text lies.
NAME_AT, NAME_SIZE, ALIAS, TIMESTAMP, DATATYPE, FLAGS, KIND, BITS, SIZE, QUALITY = range(10)
HAS_ALIAS, HAS_TIMESTAMP, HISTORICAL, TRANSIENT, NULL = 1, 2, 4, 8, 16  # FLAGS
NO_VALUE, INT, LONG, FLOAT, DOUBLE, BOOLEAN, STRING, BYTES, DATASET, TEMPLATE, EXTENSION = 0, *range(10, 20)  # KIND

_MALFORMED = -1
_QUALITY = int.from_bytes(b"Quality")


@inlined
def _varint(data: NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """The number at `at` and where the next thing begins; −1 for that when it is none."""
    value, shift = 0, 0
    while at < end and shift < 70:
        byte = int(np.int64(data[at]))
        at += 1
        if shift < 64:
            value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    return 0, _MALFORMED


@inlined
def _behind(data: NDArray[np.uint8], wire: int, at: int, end: int) -> tuple[int, int]:
    """What the field whose key ends at `at` holds, and where it ends; −1 for that when it does not.

    A number's bits; or where a text begins.
    """
    if wire == 0:
        return _varint(data, at, end)
    if wire == 2:
        size, at = _varint(data, at, end)
        if at < 0 or size < 0 or size > end - at:
            return 0, _MALFORMED
        return at, at + size
    width = 8 if wire == 1 else 4
    if wire not in (1, 5) or width > end - at:
        return 0, _MALFORMED
    bits = 0
    for place in range(width):
        bits |= int(np.int64(data[at + place])) << (8 * place)
    return bits, at + width


@compiled
def measure(data: NDArray[np.uint8], head: NDArray[np.int64]) -> int:
    """How many metrics a payload has; −1 when it is none. `head` takes its timestamp and seq."""
    head[:] = -1
    at, end, found = 0, len(data), 0
    while at < end:
        key, at = _varint(data, at, end)
        if at < 0 or key >> 3 <= 0:
            return _MALFORMED
        what, at = _behind(data, key & 7, at, end)
        if at < 0:
            return _MALFORMED
        if key == 0x08:
            head[0] = what
        elif key == 0x18:
            head[1] = what
        elif key == 0x12:
            found += 1
    return found


@compiled
def fill(data: NDArray[np.uint8], table: NDArray[np.int64]) -> int:
    """Reads each metric of a payload that `_measure` has read into its row; the first that is none, else −1."""
    at, end, row = 0, len(data), 0
    while at < end:
        key, at = _varint(data, at, end)
        what, at = _behind(data, key & 7, at, end)
        if key == 0x12:
            if not _metric(data, what, at, table, row):
                return row
            row += 1
    return -1


@inner
def _number(field: int, what: int, table: NDArray[np.int64], row: int) -> None:
    """Takes a field of a metric that came as a number."""
    if field == 2:
        table[row, ALIAS] = what
        table[row, FLAGS] |= HAS_ALIAS
    elif field == 3:
        table[row, TIMESTAMP] = what
        table[row, FLAGS] |= HAS_TIMESTAMP
    elif field == 4:
        table[row, DATATYPE] = what & 0xFFFFFFFF
    elif 5 <= field <= 7:
        flag = 1 << (field - 3)  # HISTORICAL, TRANSIENT, NULL
        table[row, FLAGS] = table[row, FLAGS] | flag if what else table[row, FLAGS] & ~flag
    elif field in (10, 11, 14):
        table[row, KIND] = field
        table[row, BITS] = what & 0xFFFFFFFF if field == 10 else what


@inner
def _metric(data: NDArray[np.uint8], at: int, end: int, table: NDArray[np.int64], row: int) -> bool:
    table[row, :] = 0
    table[row, NAME_AT] = table[row, ALIAS] = table[row, TIMESTAMP] = table[row, QUALITY] = -1
    while at < end:
        key, at = _varint(data, at, end)
        if at < 0 or key >> 3 <= 0:
            return False
        what, at = _behind(data, key & 7, at, end)
        if at < 0:
            return False
        field, wire = key >> 3, key & 7
        if wire == 0:
            _number(field, what, table, row)
        elif wire == 2:
            if field == 1:
                table[row, NAME_AT], table[row, NAME_SIZE] = what, at - what
            elif field == 9:
                if not _quality(data, what, at, table, row):
                    return False
            elif 15 <= field <= 19:
                table[row, KIND], table[row, BITS], table[row, SIZE] = field, what, at - what
        elif (field == 12 and wire == 5) or (field == 13 and wire == 1):
            table[row, KIND], table[row, BITS] = field, what
    return True


@inner
def _is_quality(data: NDArray[np.uint8], at: int, end: int) -> bool:
    word = 0
    if end - at == 7:
        for place in range(7):
            word = word << 8 | int(np.int64(data[at + place]))
    return word == _QUALITY


@inner
def _quality(data: NDArray[np.uint8], at: int, end: int, table: NDArray[np.int64], row: int) -> bool:
    """Takes the property Quality (Q-u-a-l-i-t-y) out of a property set; false when that is none."""
    begin, keys, wanted = at, 0, -1
    while at < end:
        key, at = _varint(data, at, end)
        if at < 0 or key >> 3 <= 0:
            return False
        what, at = _behind(data, key & 7, at, end)
        if at < 0:
            return False
        if key == 0x0A:
            if _is_quality(data, what, at):
                wanted = keys
            keys += 1
    values = 0
    at = begin
    while at < end and wanted >= 0:
        key, at = _varint(data, at, end)
        what, at = _behind(data, key & 7, at, end)
        if key == 0x12:
            if values == wanted:
                return _quality_value(data, what, at, table, row)
            values += 1
    return True


@inner
def _quality_value(data: NDArray[np.uint8], at: int, end: int, table: NDArray[np.int64], row: int) -> bool:
    while at < end:
        key, at = _varint(data, at, end)
        if at < 0 or key >> 3 <= 0:
            return False
        what, at = _behind(data, key & 7, at, end)
        if at < 0:
            return False
        if key in (0x18, 0x20):
            table[row, QUALITY] = what & 0xFFFFFFFF
    return True
