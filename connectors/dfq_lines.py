"""Lines of the Q-DAS ASCII transfer format (AQDEF), read one by one: `Knnnn/i value`, or a line of values.

Text is UTF-8 where it is that, with or without a byte order mark, else CP-1252 (decided line by line, as programs write
catalogue texts of both kinds into one file); lines end with LF or CR LF. Nothing but the line in hand is in memory.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from connectors.errors import WrongInput

MOST_BYTES = 1 << 20  # of a line
BETWEEN_CHARACTERISTICS = "\x0f"
BETWEEN_FIELDS = "\x14"

# `/i/v` counts the values of a characteristic: they come in that order anyway
_KEY = re.compile(r"K([0-9]{3,5})(?:/([0-9]{1,9})(?:/[0-9]{1,9})?)?(?:[ \t]+(.*))?", re.ASCII | re.DOTALL)
_BARE_VALUE = re.compile(r"\s*[-+]?[0-9.,]+(?:[eE][-+]?[0-9]+)?\s*", re.ASCII)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_BOM = b"\xef\xbb\xbf"
_GOT = 60  # characters of a bad line that are shown


class KeyLine(NamedTuple):
    """`Knnnn/of text`: of which part, characteristic, …; without a number it is 1, and 0 stands for all."""

    line: int
    key: int
    of: int
    text: str


class ValueLine(NamedTuple):
    """A compact line: the fields of each characteristic, in the order of the characteristics."""

    line: int
    fields: tuple[tuple[str, ...], ...]


class Fault(NamedTuple):
    """What cannot be taken: where, what was expected, what is there."""

    line: int
    expected: str
    got: str

    def __str__(self) -> str:
        return f"line {self.line}: expected {self.expected}, got {self.got[:_GOT]!r}"


def read_lines(path: Path) -> Iterator[KeyLine | ValueLine | Fault]:
    """Every line that says something, in order, and what is none. Raises `WrongInput` and `OSError`."""
    with path.open("rb") as file:
        number = 0
        while raw := file.readline(MOST_BYTES + 1):
            number += 1
            if number == 1:
                if raw.startswith(_UTF_16):
                    raise WrongInput(f"{path}: expected CP-1252 or UTF-8, got UTF-16: save it as UTF-8")
                raw = raw.removeprefix(_BOM)
            if len(raw) > MOST_BYTES:
                yield Fault(number, f"a line of at most {MOST_BYTES} bytes", _text(raw[:_GOT]))
                while raw and not raw.endswith(b"\n"):
                    raw = file.readline(MOST_BYTES)
                continue
            text = _text(raw.rstrip(b"\r\n\x1a"))  # \x1a ends a file of DOS
            if text.strip(" \t"):
                yield _parsed(number, text)


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _parsed(number: int, text: str) -> KeyLine | ValueLine | Fault:
    match = _KEY.fullmatch(text) if text[0] == "K" else None
    if match is not None:
        key, of, value = match.groups()
        return KeyLine(number, int(key), 1 if of is None else int(of), (value or "").strip())
    if BETWEEN_CHARACTERISTICS in text or BETWEEN_FIELDS in text or _BARE_VALUE.fullmatch(text):
        each = text.split(BETWEEN_CHARACTERISTICS)
        return ValueLine(number, tuple(tuple(field.strip() for field in one.split(BETWEEN_FIELDS)) for one in each))
    return Fault(number, "a key such as K0001/1 and its value, or a line of values", text)
