"""InfluxDB line protocol as text: escaping, field sets, times. Pure: the same values always give the same bytes.

Undefined numbers and empty tags are left out, and a line without fields is no line.
"""

from collections.abc import Iterable
from math import isfinite

_EPOCH_DAY = 719_163  # date(1970, 1, 1).toordinal()
_DAY_NS = 86_400_000_000_000
_LINE_BREAKS = str.maketrans("\n\r\t", "   ")


def line_time(time_ns: int, seq: int = 0, idx: int = 0) -> int:
    """The event time in whole microseconds, and in its last three digits a number made of (seq, idx).

    So two readings with one time stay two, and a repetition stays one. With the factor 43 no two of 20 journal
    entries in a row share a number when each brings up to 43 values of one characteristic, nor two of 90 when
    each brings up to 10 (checked in the tests); 1,000 readings of one characteristic fit into a microsecond.
    """
    return time_ns // 1000 * 1000 + (43 * seq + idx) % 1000


def day_time(day: int) -> int:
    """Noon UTC of a production day's date: boards in nearly every time zone show it on that date."""
    return (day - _EPOCH_DAY) * _DAY_NS + _DAY_NS // 2


def escape_tag(text: str) -> str:
    """A tag's value: space, comma and equals sign escaped; what a tag cannot hold is replaced.

    Line breaks become spaces; a backslash at the end would escape what follows, so it is left out
    (InfluxDB line protocol reference, "Special characters").
    """
    plain = text.translate(_LINE_BREAKS).rstrip("\\")
    return plain.replace(",", "\\,").replace(" ", "\\ ").replace("=", "\\=")


def escape_text(text: str) -> str:
    """A text field with its quotes; backslashes and quotes escaped, line breaks kept."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def make_line(measurement: str, tags: Iterable[tuple[str, object]], fields: str, time_ns: int) -> str:
    """One line, or "" without fields; tags in the given order, empty ones left out."""
    if not fields:
        return ""
    return f"{measurement}{make_tags(tags)} {fields} {time_ns}"


def make_fields(values: Iterable[tuple[str, object]]) -> str:
    """The field set: int → `5i`, float → `5.0`, str → quoted; None, nan and infinite are left out."""
    return ",".join(f"{name}={written}" for name, value in values if (written := _field(value)))


def make_tags(tags: Iterable[tuple[str, object]]) -> str:
    """The tag set, each with its comma before it; empty ones left out."""
    return "".join(f",{name}={written}" for name, value in tags if value and (written := escape_tag(str(value))))


def _field(value: object) -> str:
    if isinstance(value, float):
        return repr(value) if isfinite(value) else ""
    if isinstance(value, int):
        return f"{value}i"
    return escape_text(value) if isinstance(value, str) else ""
