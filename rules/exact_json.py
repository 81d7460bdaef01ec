"""Small states as canonical JSON that keeps every bit: nan is null, an infinity is the string "inf" or "-inf"."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from math import isfinite, isnan, nan
from typing import Any, TypeVar

Record = TypeVar("Record")


def encode(state: object) -> bytes:
    """A dataclass of plain values, tuples and further such dataclasses as JSON with sorted keys."""
    return json.dumps(_plain(state), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def decode(kind: type[Record], values: Mapping[str, Any]) -> Record:
    """The flat dataclass `kind` from the object that `encode` made of it (numbers, strings, tuples of them).

    Raises KeyError where a field is missing.
    """
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]  # every caller's is a dataclass
    return kind(**{name: _value(values[name], field.type is float) for name, field in known.items()})


def _plain(value: object) -> object:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not isfinite(value):
        return None if isnan(value) else str(value)
    return value


def _value(value: Any, is_float: bool) -> Any:
    if is_float:
        return nan if value is None else float(value)
    return tuple(value) if isinstance(value, list) else value
