"""What a Q-DAS file says of its parts and characteristics (K1xxx, K2xxx, K8xxx), and what they are called here.

A file may hold several descriptions, one behind the other, each beginning with K0100 and numbering anew. What values
belong to is numbered over all parts of a description; hierarchies (K51xx) and groups (K50xx) are passed over.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from connectors.dfq_lines import KeyLine, read_lines
from connectors.errors import WrongInput

COUNT = 100  # K0100, how many characteristics: begins a description
_PART_KEYS, _CHARACTERISTIC_KEYS = range(1000, 2000), (*range(2000, 3000), *range(8000, 9000))
_PART_NUMBER, _PART_TITLE, _NUMBER, _NAME, _TYPE = 1001, 1002, 2001, 2002, 2004
_ATTRIBUTE_TYPES = ("1", "5", "6")  # attributive; error log sheets
_LETTERS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "ẞ": "SS", "ø": "o", "Ø": "O"}
    | {"æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "µ": "u", "μ": "u"}
    | {"°": "deg", "±": "+-", "×": "x", "²": "2", "³": "3"}
)
LONGEST_NAME = 80  # characters of a product or a name: two of them and more fit an id


@dataclass(frozen=True, slots=True)
class Characteristic:
    """One characteristic. `keys`: what K2xxx and K8xxx say, without empty ones; `product` and `name` make its id."""

    index: int
    product: str
    name: str
    keys: dict[int, str]

    @property
    def attributive(self) -> bool | None:
        """Whether its values count parts (K0020, K0021) instead of measuring one; None where K2004 is absent."""
        kind = self.keys.get(_TYPE)
        return None if kind is None else kind in _ATTRIBUTE_TYPES


@dataclass(frozen=True, slots=True)
class Description:
    """One description: its characteristics by their number in the file."""

    characteristics: dict[int, Characteristic]


@dataclass(slots=True)
class _Building:
    parts: dict[int, dict[int, str]] = field(default_factory=dict)
    keys: dict[int, dict[int, str]] = field(default_factory=dict)
    part_of: dict[int, int] = field(default_factory=dict)
    part: int = 1

    def take(self, line: KeyLine) -> None:
        if line.key in _PART_KEYS:
            self.part = line.of or self.part
            _put(self.parts, line)
        elif line.key in _CHARACTERISTIC_KEYS:
            _put(self.keys, line)
            if line.of:
                self.part_of.setdefault(line.of, self.part)


def read_descriptions(path: Path) -> list[Description]:
    """The descriptions in a .dfq or .dfd file, in order. Raises `WrongInput` where there is none, and `OSError`."""
    building = [_Building()]
    begun = False
    for line in read_lines(path):
        if not isinstance(line, KeyLine):
            continue
        if line.key == COUNT:
            if begun:
                building.append(_Building())
            begun = True
        building[-1].take(line)
    if not begun and not any(one.keys for one in building):
        raise WrongInput(
            f"{path}: expected the Q-DAS ASCII transfer format (K0100, K1001, K2001, …), got none of its keys"
        )
    return [_finished(one) for one in building]


def plain(text: str) -> str:
    """A text as part of an id: ASCII letters, digits and `._+-`, with `_` for what is left out; empty for none.

    >>> plain("Ø Bohrung µ/Größe")
    'O_Bohrung_u_Groesse'
    """
    spelt = unicodedata.normalize("NFKD", unicodedata.normalize("NFC", text).translate(_LETTERS))
    ascii_only = "".join(sign for sign in spelt if not unicodedata.combining(sign))
    return re.sub(r"[^A-Za-z0-9.+-]+", "_", ascii_only).strip("_")[:LONGEST_NAME]


def _put(table: dict[int, dict[int, str]], line: KeyLine) -> None:
    if line.text:
        table.setdefault(line.of, {})[line.key] = line.text


def _finished(one: _Building) -> Description:
    indices = sorted(one.part_of)
    keys = {index: one.keys.get(0, {}) | one.keys.get(index, {}) for index in indices}
    products = {index: _product(one, one.part_of[index]) for index in indices}
    names = _names(indices, products, keys)
    return Description({index: Characteristic(index, products[index], names[index], keys[index]) for index in indices})


def _product(one: _Building, part: int) -> str:
    keys = one.parts.get(0, {}) | one.parts.get(part, {})
    return _levels(keys.get(_PART_NUMBER, "")) or _levels(keys.get(_PART_TITLE, "")) or f"part_{part}"


def _levels(text: str) -> str:
    """A part's number may have levels, `line1/op10`: they stay."""
    return "/".join(level for one in text.split("/") if (level := plain(one)))[:LONGEST_NAME]


def _names(indices: Iterable[int], products: dict[int, str], keys: dict[int, dict[int, str]]) -> dict[int, str]:
    """The name (K2002), else the number (K2001); where two of a product have one name, with the number, or the place.

    All that share a name get another, not only the later ones: none may be taken for a sister in another file.
    """
    number = {index: plain(keys[index].get(_NUMBER, "")) for index in indices}
    place = {index: f"c{index}" for index in indices}
    names = {index: plain(keys[index].get(_NAME, "")) or number[index] or place[index] for index in indices}
    for more in (number, place):
        shared = Counter((products[index], names[index]) for index in indices)
        for index in indices:
            if shared[products[index], names[index]] > 1 and more[index]:
                names[index] += f"_{more[index]}"
    return names
