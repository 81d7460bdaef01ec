"""Values out of files in the Q-DAS ASCII transfer format (AQDEF): .dfq, or .dfd with the .dfx beside it.

Both ways of writing values are read: key lines (`K0001/1 9.98`, where a key that comes again begins the next value of
its characteristic, and `/0` is meant for all) and compact lines. The file is read twice, first what it describes, then
its values, one by one: it may be larger than memory. A value that cannot be taken is a `Fault`; its neighbours are.
"""

from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from connectors.dfq_description import COUNT, Characteristic, Description, read_descriptions
from connectors.dfq_lines import Fault, KeyLine, ValueLine, read_lines
from connectors.dfq_times import EXPECTED, DfqTimes
from connectors.errors import WrongInput

SUFFIXES = (".dfq", ".dfd", ".dfx")
LARGEST = 1e100  # beyond it is a sentinel, no measurement

VALUE, ATTRIBUTE, TIME, INSPECTED, REJECTED = 1, 2, 4, 20, 21
COMPACT = (VALUE, ATTRIBUTE, TIME, 5, 6, 7, 8, 10, 11, 12)
COMPACT_ATTRIBUTIVE = (INSPECTED, REJECTED, *COMPACT[1:])  # some programs write a field more behind K0021
CONTEXT = {6: "lot", 7: "cavity", 8: "operator", 10: "machine", 12: "gauge", 14: "part", 53: "order"}  # K0006 …
PURPOSE = "attribute"  # of what has a K0002 other than 0: "attribute 255"
_CATALOGUED = (7, 8, 10, 12)  # numbers of catalogue entries: 0 is none
_ADDED = range(1, 1000)  # K0001 to K0999 belong to values, but for those about the file
_ABOUT_THE_FILE = range(100, 200)


class Value(NamedTuple):
    """One measured value. `context`: the fields of a message; `product` always, `purpose` where K0002 is not 0."""

    line: int
    time_ns: int
    name: str
    value: float
    context: dict[str, str]


class Count(NamedTuple):
    """What an attributive characteristic holds: so many were inspected, so many of them rejected."""

    line: int
    time_ns: int
    name: str
    inspected: int
    rejected: int
    context: dict[str, str]


def files_of(path: Path) -> tuple[Path, Path]:
    """Where description and values are: the file itself, or the .dfd and the .dfx of one name.

    Raises `WrongInput` when one of the two is not there.
    """
    suffix = path.suffix.lower()
    if suffix not in (".dfd", ".dfx"):
        return path, path
    other = ".dfx" if suffix == ".dfd" else ".dfd"
    found = sorted(one for one in path.parent.glob("*") if one.stem == path.stem and one.suffix.lower() == other)
    if not found:
        raise WrongInput(f"{path}: expected {path.stem}{other} beside it: description and values belong together")
    return (path, found[0]) if suffix == ".dfd" else (found[0], path)


def read_dfq(path: Path, time_zone: str) -> Iterator[Value | Count | Fault]:
    """Values, counts and faults in the order of the file; `time_zone` (IANA) is that of K0004.

    Two values with one time are two values. Raises `WrongInput` for what is no such file at all, and `OSError`.
    """
    described, valued = files_of(path)
    descriptions = read_descriptions(described)
    sections = iter(descriptions)
    reading = _Section(next(sections), DfqTimes(time_zone))
    begun = described != valued  # a .dfx holds the values of one description
    for line in read_lines(valued):
        if isinstance(line, Fault):
            yield line
        elif isinstance(line, ValueLine):
            yield from reading.compact(line)
        elif line.key == COUNT and described == valued:
            if begun:
                yield from reading.finish()
                reading = _Section(next(sections), reading.times)
            begun = True
        elif line.key in _ADDED and line.key not in _ABOUT_THE_FILE:
            yield from reading.key(line)
    yield from reading.finish()


class _Section:
    """The values of one description: each characteristic's value in hand, to which further keys may be added."""

    def __init__(self, description: Description, times: DfqTimes) -> None:
        self.times = times
        self._known = description.characteristics
        self._in_hand: dict[int, dict[int, tuple[int, str]]] = {}  # characteristic: key: (line, text)

    def key(self, line: KeyLine) -> Iterator[Value | Count | Fault]:
        """Takes a key of values; yields those that it completes."""
        if line.of and line.of not in self._known:
            yield Fault(line.line, f"a characteristic that the file describes (K2001/{line.of})", _written(line))
            return
        for index in [line.of] if line.of else self._meant_by_all(line.key):
            held = self._in_hand.setdefault(index, {})
            if line.key in held:
                yield from self._made(self._known[index], held)
                held = self._in_hand[index] = {}
            held[line.key] = (line.line, line.text)

    def _meant_by_all(self, key: int) -> list[int]:
        """What `/0` is meant for: the values in hand that lack the key; there being none, the next of everyone."""
        measured = [index for index, held in self._in_hand.items() if VALUE in held or INSPECTED in held]
        return [index for index in measured if key not in self._in_hand[index]] or list(self._known)

    def compact(self, line: ValueLine) -> Iterator[Value | Count | Fault]:
        """Takes a line of values; yields those before it."""
        yield from self.finish()
        order = list(self._known.values())
        for place, fields in enumerate(line.fields):
            if not any(fields):
                continue
            if place >= len(order):
                described = f"values of at most {len(order)} characteristics, as the file describes"
                yield Fault(line.line, described, f"{len(line.fields)} of them")
                return
            keys = _compact_keys(order[place], fields, self.times)
            if len(fields) > len(keys):
                yield Fault(line.line, f"at most {len(keys)} fields of a characteristic", f"{len(fields)} of them")
                continue
            self._in_hand[order[place].index] = {
                key: (line.line, text) for key, text in zip(keys, fields, strict=False) if key and text
            }

    def finish(self) -> Iterator[Value | Count | Fault]:
        """Yields the values in hand, in the order of their lines."""
        held = [(index, keys) for index, keys in self._in_hand.items() if keys]
        self._in_hand = {}
        for index, keys in sorted(held, key=lambda one: next(iter(one[1].values()))[0]):
            yield from self._made(self._known[index], keys)

    def _made(self, of: Characteristic, keys: dict[int, tuple[int, str]]) -> Iterator[Value | Count | Fault]:
        if VALUE not in keys and INSPECTED not in keys:
            return  # additional data of a value that was not measured
        line, _ = keys[VALUE if VALUE in keys else INSPECTED]
        time_line, time_text = keys.get(TIME, (line, ""))
        time_ns = self.times.ns(time_text)
        context = {"product": of.product, **_context(keys)}
        if time_ns is None:
            yield Fault(time_line, f"{EXPECTED} as K0004/{of.index}", time_text or "none")
        elif VALUE in keys:
            value = _number(keys[VALUE][1])
            if value is None:
                yield Fault(line, f"a number as K0001/{of.index}", keys[VALUE][1])
            else:
                yield Value(line, time_ns, of.name, value, context)
        else:
            texts = [keys.get(key, (line, "none"))[1] for key in (INSPECTED, REJECTED)]
            inspected, rejected = map(_whole, texts)
            if inspected is None or rejected is None or inspected <= 0 or rejected < 0:
                yield Fault(line, f"whole numbers as K0020/{of.index} and K0021/{of.index}", ", ".join(texts))
            else:
                yield Count(line, time_ns, of.name, inspected, rejected, context)


def _compact_keys(of: Characteristic, fields: tuple[str, ...], times: DfqTimes) -> tuple[int, ...]:
    """Which key each field of a compact line is; 0 for one that has none."""
    if not (len(fields) > len(COMPACT) if of.attributive is None else of.attributive):
        return COMPACT
    if len(fields) > 4 and times.ns(fields[3]) is None and times.ns(fields[4]) is not None:
        return (*COMPACT_ATTRIBUTIVE[:2], 0, *COMPACT_ATTRIBUTIVE[2:])
    return COMPACT_ATTRIBUTIVE


def _context(keys: dict[int, tuple[int, str]]) -> dict[str, str]:
    found = {}
    for key, (_, text) in keys.items():
        if key in CONTEXT:
            said = text.removeprefix("#").strip()  # a # marks text among catalogue numbers
            if said and not (said == "0" and key in _CATALOGUED):
                found[CONTEXT[key]] = said
    attribute = keys.get(ATTRIBUTE, (0, ""))[1]
    if attribute.strip("0"):
        found["purpose"] = f"{PURPOSE} {attribute}"
    return found


def _number(text: str) -> float | None:
    """A finite number, with a decimal point or comma."""
    try:
        value = float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    except ValueError:
        return None
    return value if isfinite(value) and abs(value) <= LARGEST and "_" not in text else None


def _whole(text: str) -> int | None:
    value = _number(text)
    return int(value) if value is not None and value == int(value) else None


def _written(line: KeyLine) -> str:
    return f"K{line.key:04}/{line.of} {line.text}"
