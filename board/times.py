"""Times and days as the API writes and reads them: RFC 3339 in UTC to the nanosecond, ISO dates."""

import re
from datetime import UTC, date, datetime

SECOND_NS = 1_000_000_000
FIRST_NS, LAST_NS = -(2**63), 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+ -]\d\d:\d\d)")


def rfc3339(time_ns: int) -> str:
    """`time_ns` (since the epoch, UTC), with as many decimals as it needs.

    >>> rfc3339(1_700_000_000_000_000_000), rfc3339(1_700_000_000_120_000_000), rfc3339(1)
    ('2023-11-14T22:13:20Z', '2023-11-14T22:13:20.12Z', '1970-01-01T00:00:00.000000001Z')
    """
    seconds, rest = divmod(time_ns, SECOND_NS)
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}Z" if rest == 0 else f"{whole}.{rest:09d}".rstrip("0") + "Z"


def parse_time(text: str) -> int:
    """Nanoseconds since the epoch; raises ValueError for what is not RFC 3339 with its offset.

    A time beyond what 64 bits hold (1677 to 2262) becomes the first or last of those.
    A blank stands for the plus sign of an offset: that is what an unescaped one in a query string becomes.

    >>> parse_time("2023-11-15T06:13:20.5+08:00") - 1_700_000_000_000_000_000
    500000000
    """
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"expected a time such as 2026-11-21T08:00:00Z, got {text!r}")
    day, clock, fraction, offset = found.groups()
    offset = "+00:00" if offset in "Zz" else offset.replace(" ", "+")
    moment = datetime.fromisoformat(f"{day}T{clock}{offset}") - _EPOCH
    time_ns = (moment.days * 86_400 + moment.seconds) * SECOND_NS + int((fraction or "").ljust(9, "0"))
    return min(max(time_ns, FIRST_NS), LAST_NS)


def iso_day(day: int) -> str | None:
    """A date ordinal as ISO date; None for 0, which stands for no day.

    >>> iso_day(739_890), iso_day(0)
    ('2026-10-01', None)
    """
    return date.fromordinal(day).isoformat() if day > 0 else None


def parse_day(text: str) -> int:
    """The ordinal of an ISO date, or of the date that a time is written with; raises ValueError for others.

    >>> parse_day("2026-10-01"), parse_day("2026-10-01T23:30:00+08:00")
    (739890, 739890)
    """
    try:
        return date.fromisoformat(text[:10]).toordinal()
    except ValueError:
        raise ValueError(f"expected a day such as 2026-11-21, got {text!r}") from None
