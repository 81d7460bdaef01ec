"""What all tables of the plant file share: strict, frozen, closed; and the kinds of values they hold."""

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated
from unicodedata import category
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict

from rules.calendar import zone


class Options(BaseModel):
    """A table of the plant file. Unknown keys are refused; a checked table does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _iso_date(value: object) -> object:
    """A date as TOML writes it, or as text; a time of day is no date."""
    if isinstance(value, datetime) or not isinstance(value, str | date):
        raise ValueError("expected a date such as 2026-10-01")
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("expected a date such as 2026-10-01") from None


def identifier(name: str) -> str:
    """The name when it can stand in addresses and tags, else `ValueError`."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise ValueError("expected 1 to 100 letters, digits, '.', '_' and '-', the first a letter or digit")
    return name


def characteristic_id(name: str) -> str:
    """The name when a characteristic can have it, else `ValueError`; `*` and `?` are kept for globs."""
    if not 1 <= len(name) <= 200 or name != name.strip() or not name.isprintable() or set(name) & set("*?"):
        raise ValueError("expected 1 to 200 printable characters, no '*' or '?', no space at either end")
    return name


def known_time_zone(name: str) -> str:
    """The IANA name when the pinned `tzdata` has it (never mind this machine's own zones), else `ValueError`."""
    try:
        zone(name)
    except (KeyError, OSError, ValueError):  # not found is a KeyError, a name too long for a file an OSError
        raise ValueError("expected an IANA time zone such as Europe/Berlin") from None
    return name


def _time_of_day(text: str) -> str:
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", text):
        raise ValueError("expected a time of day such as 08:00")
    return text


def minutes_of(time_of_day: str) -> int:
    """Minutes after midnight."""
    hours, minutes = time_of_day.split(":")
    return int(hours) * 60 + int(minutes)


def or_empty(rule: Callable[[str], str]) -> Callable[[str], str]:
    """The rule for a text that may also be empty: not said."""
    return lambda text: rule(text) if text else text


def _at_least_one(value: object) -> object:
    if isinstance(value, list | tuple) and not value:
        raise ValueError("expected at least one")
    return value


def _one_line(text: str) -> str:
    if any(category(sign) in ("Cc", "Zl", "Zp") for sign in text):  # control characters, line breaks
        raise ValueError("expected one line of text without control characters")
    return text


Whole = Annotated[int, Strict()]
Port = Annotated[Whole, Field(ge=1, le=65_535)]
TimeOfDay = Annotated[str, AfterValidator(_time_of_day)]
TimeZone = Annotated[str, AfterValidator(known_time_zone)]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
NOT_EMPTY = BeforeValidator(_at_least_one)  # min_length would count what was refused as absent
Day = Annotated[date, BeforeValidator(_iso_date)]
# Ids that stand in addresses and tags: /api/v1/key-results/KR1
Identifier = Annotated[str, AfterValidator(identifier)]
Text = Annotated[str, AfterValidator(_one_line), Field(max_length=1000)]


def web_address(text: str) -> str:
    """An http or https address without a slash at its end; raises ValueError for what is none."""
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port beyond 65535, a broken IPv6 address
        sound = False
    if not sound:
        raise ValueError("expected an address such as http://127.0.0.1:8086")
    if parts.username is not None or parts.password is not None:
        raise ValueError("expected an address without user and password; use token_env or token_file")
    return text.rstrip("/")
