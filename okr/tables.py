"""The tables of the OKR store. Times are RFC 3339 text in UTC, days ISO dates, bodies canonical JSON text.

`key_result_update`, `alert_revision`, `alert_event`, `operation` and `command` are only ever appended to. Revisions
and plan seqs count within a history: those of earlier histories are kept as negative numbers, in their order.
"""

from sqlalchemy import Column, Float, Integer, MetaData, String, Table, Text

SCHEMA_VERSION = 3

metadata = MetaData()

# One row per fact of the store itself: `schema_version`, `uuid`, `tick` (the greatest the store was told) and `history`
# (the uuid of the one whose results are pushed).
fact = Table("fact", metadata, Column("name", String, primary_key=True), Column("value", Text, nullable=False))

plan = Table(
    "plan", metadata,
    Column("plan_seq", Integer, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
)  # fmt: skip

objective = Table(
    "objective", metadata,
    Column("id", String, primary_key=True),
    Column("title", Text, nullable=False),
    Column("level", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("parent", String, nullable=False),  # "" at the top
    Column("period", String, nullable=False),
    Column("first_day", String),
    Column("last_day", String),
    Column("state", String, nullable=False),  # active | withdrawn
)  # fmt: skip

key_result = Table(
    "key_result", metadata,
    Column("id", String, primary_key=True),
    Column("objective", String, nullable=False),
    Column("title", Text, nullable=False),
    Column("metric", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("start", Float),
    Column("target", Float),
    Column("direction", String, nullable=False),
    Column("required_share", Float),
    Column("unit", String, nullable=False, server_default="index"),  # index, share, h, …; since schema version 3
    Column("state", String, nullable=False),  # active | withdrawn
    Column("revision", Integer),  # of the newest applied update; null before the first
)  # fmt: skip

key_result_update = Table(
    "key_result_update", metadata,
    Column("key_result", String, primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("as_of", String, nullable=False),
    Column("body", Text, nullable=False),
)  # fmt: skip

alert = Table(
    "alert", metadata,
    Column("id", String, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("characteristic", String, nullable=False),  # "": of a metric, which its body names
    Column("state", String, nullable=False),  # what the data say
    Column("body", Text, nullable=False),
    Column("task_state", String, nullable=False),  # what people did
    Column("noticed_at", String, nullable=False),
    Column("due_at", String),  # null: no clock is running
    Column("escalated_at", String),
)  # fmt: skip

alert_revision = Table(
    "alert_revision", metadata,
    Column("alert", String, primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
)  # fmt: skip

alert_event = Table(
    "alert_event", metadata,
    Column("id", Integer, primary_key=True),
    Column("alert", String, nullable=False, index=True),
    Column("event", String, nullable=False),
    Column("who", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("at", String, nullable=False),
)  # fmt: skip

operation = Table(
    "operation", metadata,
    Column("id", Integer, primary_key=True),
    Column("at", String, nullable=False),
    Column("who", String, nullable=False),
    Column("what", String, nullable=False),
    Column("subject", String, nullable=False, index=True),
    Column("before", Text),
    Column("after", Text),
)  # fmt: skip

idempotency = Table(
    "idempotency", metadata,
    Column("key", String, primary_key=True),
    Column("digest", String, nullable=False),  # of the path and the content
    Column("status", Integer, nullable=False),
    Column("answer", Text, nullable=False),
    Column("at", String, index=True),  # by the store's clock; since schema version 2
)  # fmt: skip

# What people order of the engine; the gateway reads it and brings it into the journal.
command = Table(
    "command", metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),
    sqlite_autoincrement=True,
)  # fmt: skip
