"""Numbers, times and words as the pages show them: the globals of every template (`Formats.all`).

What is undefined (None) is a dash. Times are the plant's: RFC 3339 text in, its time zone out.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from urllib.parse import quote
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from board.language import Language
from board.tones import SIGNS, tone

NOTHING = "–"
_FRACTION = re.compile(r"\.\d+")
_TIMES = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")


def number(value: object, digits: int = 6) -> str:
    """A number with so many significant digits, without trailing zeros.

    >>> number(10.00130), number(120.0), number(None), number(3), number(1234567.0), number(8.72e-05)
    ('10.0013', '120', '–', '3', '1234570', '0.0000872')
    """
    if not isinstance(value, (int, float)):
        return NOTHING if value is None else str(value)
    text = f"{value:.{digits}g}"
    if "e" in text and 1e-6 <= abs(value) < 1e15:
        return f"{Decimal(text):f}"
    return text


def fixed(value: object, decimals: int = 2) -> str:
    """A number with so many decimals.

    >>> fixed(1.2), fixed(None)
    ('1.20', '–')
    """
    return f"{value:.{decimals}f}" if isinstance(value, (int, float)) else NOTHING


def percent(value: object, decimals: int = 1) -> str:
    """A share in percent.

    >>> percent(0.875), percent(None)
    ('87.5 %', '–')
    """
    return f"{100 * value:.{decimals}f} %" if isinstance(value, (int, float)) else NOTHING


def size(value: object) -> str:
    """Bytes in the unit that suits them.

    >>> size(0), size(200 << 20), size(73 << 30), size(None)
    ('0 kiB', '200 MiB', '73.0 GiB', '–')
    """
    if not isinstance(value, (int, float)):
        return NOTHING
    if value >= 1 << 30:
        return f"{value / (1 << 30):.1f} GiB"
    return f"{value / (1 << 20):.0f} MiB" if value >= 1 << 20 else f"{value / 1024:.0f} kiB"


def path_to(characteristic: object) -> str:
    """The path of a characteristic's page.

    >>> path_to("line1/op10/a b")
    '/characteristics/line1/op10/a%20b'
    """
    return f"/characteristics/{quote(str(characteristic))}"


class Formats:
    """The forms of one language and one time zone."""

    def __init__(self, language: Language, time_zone: str) -> None:
        self._language = language
        self._zone = ZoneInfo(time_zone)

    def all(self) -> Mapping[str, Callable[..., object]]:
        """What every template may call, by name."""
        return {
            "t": self.t, "word": self.word, "meaning": self._language.meaning, "label": self._language.word,
            "number": number, "fixed": fixed, "percent": percent, "size": size, "path_to": path_to, "broken": broken,
            "time": self.time, "moment": self.moment, "clock": self.clock, "in_plant_time": self.in_plant_time,
            "ago": self.ago,
        }  # fmt: skip

    def t(self, key: str, **values: object) -> Markup:
        """A text of the catalogue; what is filled in is escaped unless it is markup, the text itself is ours."""
        return Markup(self._language.t(key, **{name: escape(value) for name, value in values.items()}))

    def word(self, word: object) -> Markup:
        """A status: a sign, the label, and a colour that only repeats them; its meaning when pointed at."""
        kind, sense = tone(word), self._language.meaning(word)
        title = Markup(' title="{}"').format(sense) if sense else ""
        return Markup('<span class="word {}"{}>{} {}</span>').format(
            kind, title, SIGNS[kind], self._language.word(word)
        )

    def moment(self, text: str | None) -> str:
        """A time to the second: `2026-11-21 16:00:00`."""
        if not text:
            return NOTHING
        return datetime.fromisoformat(_FRACTION.sub("", text)).astimezone(self._zone).strftime("%Y-%m-%d %H:%M:%S")

    def time(self, text: str | None) -> str:
        """A time to the minute."""
        return self.moment(text)[:16]

    def clock(self, text: str | None) -> str:
        """A time's hour and minute: for what happened on a day that is told beside it."""
        return self.moment(text)[11:16] or NOTHING

    def in_plant_time(self, text: str) -> str:
        """A text with the RFC 3339 times in it as the plant's."""
        return _TIMES.sub(lambda found: self.time(found[0]), text)

    def ago(self, seconds: object) -> str:
        """A length of time in the unit that suits it."""
        if not isinstance(seconds, (int, float)):
            return NOTHING
        for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
            if seconds >= 2 * size:
                return self._language.t(f"frame.{unit}", n=round(seconds / size))
        return self._language.t("frame.seconds", n=round(seconds))


def broken(name: object) -> Markup:
    """An id that may break behind its slashes.

    >>> broken("line1/op10")
    Markup('line1/<wbr>op10')
    """
    return Markup("/<wbr>").join(escape(part) for part in str(name).split("/"))
