"""Row tuples for tests of the history and its readers: named values in, exact column order out."""

import struct

from rules.results import BY_NAME, LEADING

Row = tuple[object, ...]

TIME = 1_795_248_000_123_456_789  # 2026-11-21T08:00:00.123456789Z


def row_of(kind: str, /, row: int, cause_seq: int | None = None, ordinal: int = 0, **values: object) -> Row:
    """A row of `kind`; columns that are not named are NULL. `cause_seq` is the row's number unless given."""
    columns = [column.name for column in BY_NAME[kind].columns]
    assert values.keys() <= set(columns), values.keys() - set(columns)
    cause = row if cause_seq is None else cause_seq
    return (row, cause, ordinal, *(values.get(name) for name in columns))


def point(
    row: int, readings: list[float], *, seq: int | None = None, cause_seq: int | None = None, **other: object
) -> Row:
    """A point of characteristic 0 whose readings are (seq, 0), (seq, 1)… at one time, unless said otherwise."""
    seq = row if seq is None else seq
    time = other.get("time", TIME)
    refs = [part for idx in range(len(readings)) for part in (seq, idx, time)]
    named = {
        "characteristic": 0,
        "seq": seq,
        "idx": len(readings) - 1,
        "time": time,
        "value": sum(readings) / len(readings),
        "n": len(readings),
        "signals": 0,
        "phase": 2,
        "revision": 1,
        "specification_revision": 1,
        "values": struct.pack(f"<{len(readings)}d", *readings),
        "refs": struct.pack(f"<{len(refs)}q", *refs),
    }
    return row_of("point", row, cause_seq, **(named | other))


def characteristic(row: int, number: int = 0, name: str = "line1/op10/bore", **other: object) -> Row:
    """A characteristic as the plan names it."""
    named = {"line": "line1", "station": "op10", "chart": "xbar-r", "state": "active", "unit": "mm"}
    return row_of("characteristic", row, **(named | {"characteristic": number, "name": name} | other))


def as_dict(kind: str, row: Row) -> dict[str, object]:
    """A row by column names."""
    return dict(zip([column.name for column in LEADING + BY_NAME[kind].columns], row, strict=True))
