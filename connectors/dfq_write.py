"""Readings out, as a file in the Q-DAS ASCII transfer format: one part with one characteristic, compact value lines.

The characteristic's id is the part's number (K1001: up to the last `/`) and its name (K2002: behind it), so that
`replay` gives the readings back to it. Text is UTF-8 with a byte order mark. Times are those of the plant's clock; one
that comes twice, as summer time ends, and one with more digits than nanoseconds of a second need is in RFC 3339.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from math import isnan
from typing import BinaryIO, NamedTuple
from zoneinfo import ZoneInfo

from connectors.dfq import ATTRIBUTE, COMPACT, CONTEXT, PURPOSE, TIME, VALUE
from connectors.dfq_lines import BETWEEN_FIELDS
from rules.calendar import zone

_INVALID = "255"
_ADDED = tuple(key for key in CONTEXT if key not in COMPACT)
_SECOND_NS = 1_000_000_000


class Described(NamedTuple):
    """What the head says of the characteristic; nan and empty texts are left out."""

    id: str
    plant_id: str
    unit: str
    lsl: float
    usl: float
    target: float
    subgroup_size: int


class DfqWriter:
    """Writes head and values to a binary file; `time_zone` (IANA) is that of K0004."""

    def __init__(self, file: BinaryIO, described: Described, time_zone: str) -> None:
        self._file, self._zone = file, zone(time_zone)
        file.write("\ufeff".encode())
        self._lines(_head(described))

    def value(self, time_ns: int, value: float, context: Mapping[str, str]) -> None:
        """Write one reading; a purpose other than production becomes K0002, else 255 for invalid."""
        purpose = context.get("purpose", "production")
        attribute = "0" if purpose == "production" else _INVALID
        if purpose.startswith(f"{PURPOSE} ") and purpose.removeprefix(f"{PURPOSE} ").isdecimal():
            attribute = purpose.removeprefix(f"{PURPOSE} ")
        known = {VALUE: repr(value), ATTRIBUTE: attribute, TIME: _local(time_ns, self._zone)}
        texts = known | {key: _one_line(context.get(field, "")) for key, field in CONTEXT.items()}
        fields = [texts.get(key, "") for key in COMPACT]
        added = [f"K{key:04}/1 {texts[key]}" for key in _ADDED if texts[key]]
        self._lines([BETWEEN_FIELDS.join(fields), *added])

    def _lines(self, lines: list[str]) -> None:
        self._file.write("".join(f"{line}\r\n" for line in lines).encode())


def _head(one: Described) -> list[str]:
    part, _, name = one.id.rpartition("/")
    keys: dict[int, str] = {1001: part or one.plant_id, 2001: "1", 2002: name, 2004: "0"}
    keys |= {
        key: repr(number) for key, number in ((2101, one.target), (2110, one.lsl), (2111, one.usl)) if not isnan(number)
    }
    if one.unit:
        keys[2142] = one.unit
    keys[8500] = str(one.subgroup_size)
    return ["K0100 1", *(f"K{key}/1 {text}" for key, text in keys.items())]


def _local(time_ns: int, of: ZoneInfo) -> str:
    seconds, fraction_ns = divmod(time_ns, _SECOND_NS)
    local = datetime.fromtimestamp(seconds, UTC).astimezone(of)
    digits = f".{fraction_ns:09}".rstrip("0") if fraction_ns else ""
    if local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
        return local.strftime("%Y-%m-%dT%H:%M:%S") + digits + local.strftime("%z")[:3] + ":" + local.strftime("%z")[3:]
    return local.strftime("%d.%m.%Y/%H:%M:%S") + digits


def _one_line(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)
