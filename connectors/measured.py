"""Measurements out of one file of any kind, one by one, and as the messages that a gateway would have sent."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.dfq import SUFFIXES, Count, Value, read_dfq
from connectors.dfq_lines import Fault
from connectors.table_rows import Layout, TableRow, read_rows

Message = dict[str, Any]  # a native JSON message, without an id


def read_file(path: Path, time_zone: str, layout: Layout) -> Iterator[TableRow | Count | Fault]:
    """What the lines hold, in the order of the file, which may be larger than memory; `layout` is for CSV and Parquet.

    Raises `WrongInput` for a file that cannot be read at all, and `OSError`.
    """
    if path.suffix.lower() not in SUFFIXES:
        yield from read_rows(path, layout, time_zone)
        return
    for one in read_dfq(path, time_zone):
        yield TableRow(one.line, one.time_ns, {one.name: one.value}, one.context) if isinstance(one, Value) else one


def message_of(one: TableRow | Count) -> Message:
    """The message that says the same; a count of an attributive characteristic is an inspection."""
    if isinstance(one, TableRow):
        return {"time": _shown(one.time_ns), "values": one.values, **one.context}
    counts = {"inspected": one.inspected, "rejected": one.rejected, "defects": {one.name: one.rejected}}
    return {"kind": "inspection", "time": _shown(one.time_ns), **counts, **one.context}


def _shown(time_ns: int) -> int | str:
    """A time as a message gives it: milliseconds, or RFC 3339 where that would lose digits."""
    if time_ns % 1_000_000 == 0:
        return time_ns // 1_000_000
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC).strftime('%Y-%m-%dT%H:%M:%S')}.{rest:09}Z"
