"""Times as the OKR store writes them: RFC 3339 in UTC, to the microsecond where there are any."""

from datetime import UTC, datetime


def rfc3339(time: datetime) -> str:
    """`time` (aware) in UTC.

    >>> rfc3339(datetime.fromisoformat("2026-11-21T16:00:00+08:00"))
    '2026-11-21T08:00:00Z'
    """
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parsed(text: str) -> datetime:
    """The aware time that `rfc3339` wrote."""
    return datetime.fromisoformat(text)
