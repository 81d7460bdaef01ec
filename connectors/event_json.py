"""JSON messages of the other kinds into the bodies of events, each checked field by field."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from connectors.event_time import EventTimes
from rules.events import (
    CHANGES,
    COMPLAINT_CLASSES,
    KINDS,
    STATES,
    Body,
    Change,
    Complaint,
    Correction,
    Count,
    Inspection,
    MachineState,
)

LONGEST = 500  # characters of a text
LARGEST_COUNT = 1 << 53
LARGEST = 1e100  # what is beyond is a sentinel, no measurement
MOST_ITEMS = 1_000  # kinds of defects, or characteristics, of one message

_GOT = 60
_PLURALS = {kind + "s": kind for kind in KINDS}
Word = TypeVar("Word", bound=str)


class Wrong(NamedTuple):
    """Why a message of another kind was refused: a short word, and a sentence."""

    reason: str
    detail: str


class _WrongFieldError(Exception):
    """A field is not what is expected."""


def kind_of(word: object) -> str | None:
    """The kind that a message's `kind`, or a part of its topic, names (`state`, `states`); None for no known one."""
    if type(word) is not str:
        return None
    return word if word in KINDS else _PLURALS.get(word)


def read_body(kind: str, message: dict[str, Any], time_ns: int, times: EventTimes) -> Body | Wrong:
    """The body of a message of this kind, or why it is none. `time_ns` is the message's own time."""
    try:
        return _READERS[kind](_Fields(message, times), time_ns)
    except _WrongFieldError as error:
        return Wrong("wrong-field", f"{kind}: {error}")


class _Fields:
    """A message's fields, each asked for by its name and what it must be."""

    def __init__(self, message: dict[str, Any], times: EventTimes) -> None:
        self._message, self._times = message, times

    def whole(self, name: str, default: int | None = None) -> int:
        value = self._message.get(name)
        if value is None and default is not None:
            return default
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int or not 0 <= value <= LARGEST_COUNT:
            raise _WrongFieldError(f"{name}: expected a whole number from 0 on, got {_shown(value)}")
        return value

    def number(self, name: str) -> float:
        value = self._message.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= LARGEST:
            raise _WrongFieldError(f"{name}: expected a number from -{LARGEST:g} to {LARGEST:g}, got {_shown(value)}")
        return float(value)

    def text(self, name: str, default: str | None = None) -> str:
        value = self._message.get(name)
        if (value is None or value == "") and default is not None:
            return default
        if type(value) not in (str, int, float) or not 0 < len(str(value)) <= LONGEST:
            raise _WrongFieldError(f"{name}: expected a text up to {LONGEST} characters, got {_shown(value)}")
        return str(value)

    def word(self, name: str, words: tuple[Word, ...], default: Word | None = None) -> Word:
        value = self._message.get(name)
        if value is None and default is not None:
            return default
        for word in words:
            if value == word:
                return word
        raise _WrongFieldError(f"{name}: expected one of {', '.join(words)}, got {_shown(value)}")

    def flag(self, name: str) -> bool:
        value = self._message.get(name, False)
        if type(value) is not bool:
            raise _WrongFieldError(f"{name}: expected true or false, got {_shown(value)}")
        return value

    def time(self, name: str, default: int | None = None) -> int:
        value = self._message.get(name)
        if value is None and default is not None:
            return default
        ns = None if value is None else self._times.ns(value)
        if ns is None:
            raise _WrongFieldError(f"{name}: expected RFC 3339 or milliseconds since 1970, got {_shown(value)}")
        return ns

    def counts(self, name: str) -> tuple[tuple[str, int], ...]:
        value = self._message.get(name)
        if value is None:
            return ()
        if type(value) is not dict or len(value) > MOST_ITEMS:
            raise _WrongFieldError(f"{name}: expected an object of at most {MOST_ITEMS} counts, got {_shown(value)}")
        inner = _Fields(value, self._times)
        if any(not 0 < len(key) <= LONGEST for key in value):
            raise _WrongFieldError(f"{name}: expected names of 1 to {LONGEST} characters")
        return tuple(sorted((key, inner.whole(key)) for key in value))

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._message.get(name)
        if value is None:
            return ()
        if type(value) is not list or len(value) > MOST_ITEMS:
            raise _WrongFieldError(f"{name}: expected an array of at most {MOST_ITEMS} texts, got {_shown(value)}")
        for one in value:
            if type(one) is not str or not 0 < len(one) <= LONGEST:
                raise _WrongFieldError(f"{name}: expected texts of 1 to {LONGEST} characters, got {_shown(one)}")
        return tuple(sorted(set(value)))


def _inspection(fields: _Fields, _time_ns: int) -> Body:
    inspected = fields.number("inspected")
    if inspected <= 0:
        raise _WrongFieldError(f"inspected: expected more than 0, got {inspected:g}")
    parts = {name: fields.whole(name, 0) for name in ("rejected", "reworked", "scrapped", "missed")}
    for name in ("rejected", "missed"):
        if parts[name] > inspected:
            raise _WrongFieldError(f"{name}: expected at most inspected ({inspected:g}), got {parts[name]}")
    if parts["reworked"] + parts["scrapped"] > parts["rejected"]:
        expected = f"expected reworked and scrapped together at most rejected ({parts['rejected']})"
        raise _WrongFieldError(f"{expected}, got {parts['reworked']} and {parts['scrapped']}")
    return Inspection(inspected, defects=fields.counts("defects"), **parts)


def _state(fields: _Fields, _time_ns: int) -> Body:
    return MachineState(fields.word("state", STATES), fields.text("reason", ""))


def _count(fields: _Fields, _time_ns: int) -> Body:
    total = fields.whole("total")
    good = fields.whole("good", total)
    if good > total:
        raise _WrongFieldError(f"good: expected at most total ({total}), got {good}")
    return Count(total, good)


def _complaint(fields: _Fields, time_ns: int) -> Body:
    answered = fields.time("answered", 0)
    received = fields.time("received", min(time_ns, answered or time_ns))  # an answer may be told a while after it
    if answered and answered < received:
        raise _WrongFieldError("answered: expected at or after received, got an earlier time")
    return Complaint(
        id=fields.text("complaint"),
        received_ns=received,
        answered_ns=answered,
        of=fields.word("class", COMPLAINT_CLASSES, "production"),
        customer_class=fields.text("customer_class", ""),
        urgent=fields.flag("urgent"),
        topic=fields.text("topic", ""),
    )


def _change(fields: _Fields, _time_ns: int) -> Body:
    return Change(fields.word("of", CHANGES), fields.texts("characteristics"), fields.text("note", ""))


def _void(fields: _Fields, _time_ns: int) -> Body:
    return Correction("void", **_reference(fields))


def _correct(fields: _Fields, _time_ns: int) -> Body:
    return Correction("correct", value=fields.number("value"), **_reference(fields))


def _reference(fields: _Fields) -> dict[str, Any]:
    given = {name: fields.text(name, "") for name in ("ref", "part", "name")}
    time_ns = fields.time("of_time", 0)
    if not given["ref"] and not (given["name"] and time_ns):
        raise _WrongFieldError(
            "expected ref (the id of its message), or name and of_time (and part), of the reading meant"
        )
    return {
        "who": fields.text("who"),
        "why": fields.text("why"),
        "name": given["name"],
        "ref_id": given["ref"],
        "part": given["part"],
        "time_ns": time_ns,
    }


_READERS: dict[str, Callable[[_Fields, int], Body]] = {
    "inspection": _inspection,
    "state": _state,
    "count": _count,
    "complaint": _complaint,
    "change": _change,
    "void": _void,
    "correct": _correct,
}


def _shown(value: object) -> str:
    if type(value) in (dict, list):
        return f"an {'object' if type(value) is dict else 'array'}"
    return "none" if value is None else repr(value)[:_GOT]
