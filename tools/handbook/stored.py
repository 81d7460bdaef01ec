"""The page that says what is stored: the history's tables, column by column."""

from collections.abc import Mapping

from rules.results import KINDS, Kind

HEAD = """# What is stored

Written from the table that the program itself goes by. Field names are the same in the history and the API;
[InfluxDB](../boards/grafana.md#the-schema-in-influxdb) has a choice of them. Read the databases as you like
(`sqlite3 -readonly data/history.db`), and end what you begin: a view that is held open makes the write-ahead log grow
([retention](../operation.md#retention-and-archive)).

`history.db` is an append-only log, a SQLite table for each kind of result. Every row begins with `row` (its number,
from one counter over all kinds), `cause_seq` (the journal entry that made it appear) and `ordinal` (its place among
that entry's rows). Times are whole nanoseconds since 1970 in UTC, days are date ordinals (1 is 1 January of the
year 1), undefined numbers are NULL. A characteristic is a number, whose name is in the table `characteristic`. What
is restated is a new row; its key finds the newest.
"""

# What one row is, by kind.
ROWS: Mapping[str, str] = {
    "characteristic": "what is measured, as the plan has it; `state` is `active` or `withdrawn`",
    "specification": "a revision of a specification, and its reason",
    "limits": "a revision of control limits; `state` is `provisional`, `accepted`, `fixed` or `rejected`",
    "reading": "a reading that is in no point; `state` says why",
    "point": "a plotted point with the limits that judged it; `values`, `refs` and `contexts` are the readings in it",
    "signal": "a run rule that fired, a value out of specification, or doubtful data",
    "capability": "rolling capability, when it had changed",
    "day": "the capability of a closed production day, in that revision",
    "episode": "an alert as the data have it: its state, its days, the pooled index",
    "metric": "a value of a metric",
    "key_result": "an update of a key result",
    "event": "what happened besides readings: an inspection, a machine state, a count, a complaint, a change",
    "correction": "a reading that was voided or corrected: what it counts for now, and what came",
    "gap": "a known loss, open or filled",
    "rejected": "a value or message that was refused; `count` is how many of its connector and reason so far",
    "checkpoint": "the state of a step of the engine, to rebuild from",
    "outbox": "what is pushed to the OKR store, under its key",
}
CLASSES = {"INTEGER": "integer", "REAL": "real", "TEXT": "text", "BLOB": "bytes"}


def stored_page() -> str:
    """The whole page, in Markdown."""
    return "\n".join([HEAD, *(_kind(kind) for kind in KINDS)])


def _kind(kind: Kind) -> str:
    columns = ", ".join(f"`{column.name}` {CLASSES[column.sql]}" for column in kind.columns)
    key = ", ".join(f"`{name}`" for name in kind.key)
    return f"### `{kind.name}` {{ #{kind.name} }}\n\nA row is {ROWS[kind.name]}. Key: {key}.\n\n{columns}\n"
