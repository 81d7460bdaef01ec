"""What a single value is worth: as numbers of a reading, as a whole number of a count, as a word."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

from connectors.decode_json import LARGEST
from connectors.event_json import LARGEST_COUNT

_GOT = 60  # characters of a bad value that are shown


def fault_of(value: Any) -> tuple[str, str] | None:
    """Why a value is no measurement: a short word and a sentence; None for one that is."""
    if type(value) in (int, float):
        if not isfinite(value):
            return "not-finite", f"expected a finite number, got {value}"
        if abs(value) > LARGEST:
            return "out-of-range", f"expected a number from -{LARGEST:g} to {LARGEST:g}, got {value}"
        return None
    if value is None:
        return "absent-value", "expected a number, got none"
    return "wrong-type", f"expected a number, got {shown(value)}"


def whole_of(value: Any) -> int | None:
    """A count: a whole number from 0 on, also as a float; None for anything else."""
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= LARGEST_COUNT else None


def word_of(value: Any) -> str:
    """A value as the plant file writes it: `3` for 3.0 too, `true`.

    >>> word_of(3.0), word_of(True), word_of("run")
    ('3', 'true', 'run')
    """
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is float and value.is_integer():
        return str(int(value))
    return str(value)


def shown(value: Any) -> str:
    """A bad value for a sentence; arrays by their length."""
    if value is None:
        return "none"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"an array of {len(value)}"
    return repr(value)[:_GOT]
