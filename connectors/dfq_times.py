"""When a value of a Q-DAS file was measured (K0004): the usual forms of a date, into nanoseconds."""

import re

from connectors.event_time import EventTimes

EXPECTED = "a time such as 31.12.2026/23:59:59"

_CLOCK = r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{1,2})(?::(?P<second>[0-9]{1,2})(?P<fraction>[.,][0-9]{1,9})?)?"
_HALF = r"(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?"
_YEAR = r"(?P<year>[0-9]{4}|[0-9]{2})"
_DAY, _MONTH = r"(?P<day>[0-9]{1,2})", r"(?P<month>[0-9]{1,2})"
_DATES = (rf"{_DAY}\.{_MONTH}\.{_YEAR}", rf"{_MONTH}/{_DAY}/{_YEAR}", rf"{_YEAR}-{_MONTH}-{_DAY}")
_FORMS = [re.compile(rf"{date}[/ .]{_CLOCK}{_HALF}", re.ASCII) for date in _DATES]
_CENTURY_TURNS = 80  # of two digits: 80 to 99 are of the twentieth century
_CACHED = 4096


class DfqTimes:
    """Reads K0004; `zone` is for times without an offset, which these forms all are.

    Day.month.year, month/day/year (as in the United States, with AM and PM) and year-month-day, each followed by `/`, a
    space or a full stop and the time of day; seconds may be absent, a year may have two digits. RFC 3339 too. A local
    time that occurs twice is the first of the two.
    """

    def __init__(self, zone: str) -> None:
        self._times = EventTimes(zone)
        self._known: dict[str, int | None] = {}

    def ns(self, text: str) -> int | None:
        """Nanoseconds since the epoch, or None when `text` is no time from 1970 to 2116.

        >>> DfqTimes("UTC").ns("21.11.2026/08:00:00")
        1795248000000000000
        """
        try:
            return self._known[text]
        except KeyError:
            pass
        if len(self._known) >= _CACHED:
            self._known.clear()
        ns = self._times.ns(_rfc_3339(text))
        self._known[text] = found = ns if ns is not None and ns >= 0 else None
        return found


def _rfc_3339(text: str) -> str:
    """The same time as `EventTimes` reads it; what is none stays as it is."""
    match = next((found for form in _FORMS if (found := form.fullmatch(text)) is not None), None)
    if match is None:
        return text
    year, hour = int(match["year"]), int(match["hour"])
    if len(match["year"]) == 2:
        year += 1900 if year >= _CENTURY_TURNS else 2000
    if match["half"] is not None:
        if not 1 <= hour <= 12:
            return text
        hour = hour % 12 + 12 * (match["half"] in "Pp")
    fraction = (match["fraction"] or "").replace(",", ".")
    day = f"{year:04}-{int(match['month']):02}-{int(match['day']):02}"
    return f"{day}T{hour:02}:{int(match['minute']):02}:{int(match['second'] or 0):02}{fraction}"
