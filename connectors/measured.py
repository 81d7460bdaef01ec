"""Measurements out of one file of any kind, one by one: as the messages that a gateway would have sent."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from connectors.dfq import SUFFIXES, Count, Value, read_dfq
from connectors.dfq_lines import Fault
from connectors.table_rows import Layout, read_rows

Message = dict[str, Any]  # a native JSON message, without an id


class Measured(NamedTuple):
    """What a line of a file holds."""

    line: int
    message: Message


def read_file(path: Path, time_zone: str, layout: Layout) -> Iterator[Measured | Fault]:
    """Messages and faults in the order of the file, which may be larger than memory; `layout` is for CSV and Parquet.

    Raises `WrongInput` for a file that cannot be read at all, and `OSError`.
    """
    if path.suffix.lower() in SUFFIXES:
        for one in read_dfq(path, time_zone):
            yield one if isinstance(one, Fault) else Measured(one.line, _message(one))
    else:
        for row in read_rows(path, layout, time_zone):
            if isinstance(row, Fault):
                yield row
            else:
                yield Measured(row.line, {"time": _shown(row.time_ns), "values": row.values, **row.context})


def _message(one: Value | Count) -> Message:
    if isinstance(one, Value):
        return {"time": _shown(one.time_ns), "values": {one.name: one.value}, **one.context}
    counts = {"inspected": one.inspected, "rejected": one.rejected, "defects": {one.name: one.rejected}}
    return {"kind": "inspection", "time": _shown(one.time_ns), **counts, **one.context}


def _shown(time_ns: int) -> int | str:
    """A time as a message gives it: milliseconds, or RFC 3339 where that would lose digits."""
    if time_ns % 1_000_000 == 0:
        return time_ns // 1_000_000
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC).strftime('%Y-%m-%dT%H:%M:%S')}.{rest:09}Z"
