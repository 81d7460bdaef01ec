"""When a message says it happened: RFC 3339 or epoch milliseconds into exact integer nanoseconds."""

import re
from datetime import UTC, datetime, timedelta, timezone
from math import floor
from zoneinfo import ZoneInfo

from rules.calendar import zone as pinned

LIMIT_NS = 1 << 62  # 1823 to 2116: sums of two such times fit 64 bits

SECONDS = (946_684_800, 4_102_444_800)  # 2000 to 2100 as epoch seconds: as milliseconds, weeks of early 1970
SECONDS_NS = SECONDS[1] * 1_000_000  # what lies after it was not meant so

_CACHED = 4096
_SCALE = [1_000_000_000, 100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC_3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)?", re.ASCII
)


def is_seconds(value: object) -> bool:
    """Whether a time is a number that was meant as epoch seconds: as milliseconds it would lie in early 1970.

    >>> is_seconds(1_795_248_000), is_seconds(1_795_248_000_000), is_seconds("2026-11-21T08:00:00Z")
    (True, False, False)
    """
    return type(value) in (int, float) and SECONDS[0] <= value < SECONDS[1]  # type: ignore[operator] # numbers by now


class EventTimes:
    """Reads the `time` of one connector's messages; `zone`, of the pinned `tzdata`, is for times without an offset.

    A local time that occurs twice is the first of the two; one that a change to summer time skips is read
    with the offset before the change. Digits beyond nanoseconds are cut off.
    """

    def __init__(self, zone: str) -> None:
        self._zone = pinned(zone)
        self._seconds: dict[str, int] = {}  # "YYYY-MM-DDTHH:MM:SS" (UTC) to ns

    def ns(self, value: object) -> int | None:
        """Nanoseconds since the epoch, or None when `value` is no time between 1823 and 2116.

        >>> EventTimes("UTC").ns("2026-11-21T08:00:00.123Z")
        1795248000123000000
        """
        if type(value) is str:
            base = self._seconds.get(value[:19])
            if base is not None and value[-1] == "Z":
                if len(value) == 20:
                    return base
                fraction = value[20:-1]
                if value[19] == "." and len(fraction) <= 9 and fraction.isdecimal() and fraction.isascii():
                    return base + int(fraction) * _SCALE[len(fraction)]
            return self._text(value)
        if type(value) is int:
            return value * 1_000_000 if abs(value) * 1_000_000 <= LIMIT_NS else None
        if type(value) is float and abs(value) * 1e6 <= LIMIT_NS:
            whole = floor(value)
            return whole * 1_000_000 + round((value - whole) * 1e6)
        return None

    def _text(self, value: str) -> int | None:
        match = _RFC_3339.fullmatch(value)
        if match is None:
            return None
        year, month, day, hour, minute, second = map(int, match.groups()[:6])
        fraction, offset = match.groups()[6:]
        try:
            moment = datetime(year, month, day, hour, minute, second, tzinfo=self._offset(offset))
        except ValueError:  # no such day or hour
            return None
        since = moment - _EPOCH
        seconds = (since.days * 86_400 + since.seconds) * 1_000_000_000
        ns = seconds + int((fraction or "0")[:9].ljust(9, "0"))
        if abs(ns) > LIMIT_NS:
            return None
        if value[-1] == "Z":
            if len(self._seconds) >= _CACHED:
                self._seconds.clear()
            self._seconds[value[:19]] = seconds
        return ns

    def _offset(self, offset: str | None) -> timezone | ZoneInfo:
        if offset is None:
            return self._zone
        if offset in "Zz":
            return UTC
        minutes = int(offset[1:3]) * 60 + int(offset[4:6])
        return timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))
