"""Stored rows as the API shows them: names for numbers, text for times and days, arrays for blobs.

Which columns there are is said by `rules.results` alone; here is only how a column of a name is shown.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from math import isfinite

import numpy as np

from board.times import iso_day, rfc3339
from rules.results import LEADING, Kind
from rules.run_rules import RUN_RULES

Row = tuple[object, ...]
Shown = dict[str, object]


def rules_of(signals: int) -> list[str]:
    """The names of the rules in a point's bit set, in the order of their table.

    >>> rules_of(0b11)
    ['beyond-3-sigma', '9-on-one-side']
    """
    return [rule.name for rule in RUN_RULES if signals >> rule.bit & 1]


def columns_of(kind: Kind) -> tuple[str, ...]:
    """The columns of a kind's table in order, the leading ones included."""
    return tuple(column.name for column in LEADING + kind.columns)


def show(kind: Kind, row: Sequence[object], names: Mapping[int, str]) -> Shown:
    """`row` (in the order of `columns_of`) as the API shows it; `names` are the characteristics' by number."""
    shown: Shown = {}
    for column, value in zip(columns_of(kind), row, strict=True):
        if isinstance(value, float):
            shown[column] = value if isfinite(value) else None
        elif column == "characteristic" and isinstance(value, int) and kind.name != "characteristic":
            shown[column] = names.get(value, str(value))
        elif value is not None and (formatter := _FORMATS.get(column)) is not None:
            shown[column] = formatter(value)
        else:
            shown[column] = value
    if kind.name == "point" and isinstance(shown["signals"], int):
        shown["rules"] = rules_of(shown["signals"])
    return shown


def _time(value: object) -> object:
    return rfc3339(value) if isinstance(value, int) else value


def _day(value: object) -> object:
    return iso_day(value) if isinstance(value, int) else value


def _values(value: object) -> object:
    return np.frombuffer(value, "<f8").tolist() if isinstance(value, bytes) else value


def refs_of(blob: bytes) -> list[tuple[int, int, int]]:
    """The (seq, idx, time in ns) of a point's values."""
    return [(seq, idx, time) for seq, idx, time in np.frombuffer(blob, "<i8").reshape(-1, 3).tolist()]


def _refs(value: object) -> object:
    if not isinstance(value, bytes):
        return value
    return [{"seq": seq, "idx": idx, "time": rfc3339(time)} for seq, idx, time in refs_of(value)]


def json_of(value: object) -> object:
    """JSON text decoded; other text as it is, empty text as None."""
    if not isinstance(value, str):
        return value
    if value[:1] not in ("[", "{"):
        return value or None
    return json.loads(value)


def _words(value: object) -> object:
    if isinstance(value, str) and not value.startswith("["):
        return value.replace(",", " ").split()
    return json_of(value)


def _payload(value: object) -> object:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


_FORMATS: dict[str, Callable[[object], object]] = {
    **dict.fromkeys(("time", "first_time", "from_time", "to_time", "told"), _time),
    **dict.fromkeys(("day", "first_day", "last_day", "opened_day", "recovered_day"), _day),
    **dict.fromkeys(("context", "contexts", "detail", "days", "body"), json_of),
    "values": _values,
    "refs": _refs,
    "verdicts": _words,
    "payload": _payload,
}
