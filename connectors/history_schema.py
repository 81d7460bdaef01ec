"""The history's tables, made from `rules.results.KINDS`: one table a kind, and what is current beside them.

Beside each kind's own columns the point table has `current`: 1, or 0 once a restatement supersedes the row and has
taken its readings over, or 2 where they stay with the superseded row, since it was due to go.
`current_<kind>` maps a kind's key to the number of its newest row; `current_point` maps a characteristic to
the point that was charted last (restating an older one makes that no later); `restated` holds restatements of a
replay whose values are still to be copied.
"""

from rules.results import BY_NAME, KINDS, LEADING, Kind

SCHEMA_VERSION = 3
REJECTED_KEPT = 100  # per connector and reason (design, section 5)
CHECKPOINTS_KEPT = 3  # a rebuild begins with the newest; a return to the release before may need an earlier one

ARCHIVED = ("reading", "point", "signal", "capability", "event")  # kinds that go with their age (connectors.retention)
COPIED = ("values", "refs", "contexts")  # what a restated point takes over from the row it supersedes

# Kinds whose newest row per key is looked up by readers.
CURRENT: tuple[Kind, ...] = tuple(
    BY_NAME[name]
    for name in (
        "characteristic",
        "specification",
        "limits",
        "capability",
        "day",
        "episode",
        "metric",
        "key_result",
        "gap",
    )
)

META = """CREATE TABLE "meta" ("one" INTEGER PRIMARY KEY CHECK ("one" = 1), "history_uuid" TEXT NOT NULL,
"journal_uuid" TEXT NOT NULL, "applied_seq" INTEGER NOT NULL, "last_tick_ns" INTEGER NOT NULL, "kind" TEXT NOT NULL,
"schema_version" INTEGER NOT NULL, "last_row" INTEGER NOT NULL) STRICT"""

# What `connectors.retention` keeps: with which row each production day ended, and how far rows have gone.
RETENTION = (
    'CREATE TABLE IF NOT EXISTS "closed" ("day" INTEGER PRIMARY KEY, "row" INTEGER NOT NULL) STRICT',
    'CREATE TABLE IF NOT EXISTS "retention" ("one" INTEGER PRIMARY KEY CHECK ("one" = 1), '
    '"archived_row" INTEGER NOT NULL, "gone_row" INTEGER NOT NULL) STRICT',
    'INSERT OR IGNORE INTO "retention" VALUES (1, 0, 0)',
    'CREATE TABLE IF NOT EXISTS "kept" ("row" INTEGER PRIMARY KEY, "kind" TEXT NOT NULL, '
    '"archived" INTEGER NOT NULL) STRICT',
)

# Needed at every write, so they stay in a replay too.
SMALL_INDEXES = (
    'CREATE INDEX IF NOT EXISTS "rejected_by_reason" ON "rejected" ("connector", "reason", "count")',
    'CREATE INDEX IF NOT EXISTS "day_by_day" ON "day" ("characteristic", "day")',
    'CREATE INDEX IF NOT EXISTS "corrections" ON "correction" ("characteristic", "time")',
    'CREATE INDEX IF NOT EXISTS "changes" ON "event" ("time") WHERE "kind" = \'change\'',
)
# What costs a live history most of its writing time; a replay makes them at its end.
TIME_INDEXES = tuple(
    f'CREATE INDEX IF NOT EXISTS "{name}_by_time" ON "{name}" ("characteristic", "time")'
    for name in ("point", "reading", "signal", "capability")
) + ('CREATE INDEX IF NOT EXISTS "event_by_time" ON "event" ("time")',)


def column_names(kind: Kind) -> tuple[str, ...]:
    """All columns of a kind in the order of its tuples: `row, cause_seq, ordinal`, then its own."""
    return tuple(column.name for column in LEADING + kind.columns)


def quoted(names: tuple[str, ...]) -> str:
    """Column names as an SQL list, each double-quoted (`values` and `limit` are words of SQL)."""
    return ", ".join(f'"{name}"' for name in names)


def tables() -> list[str]:
    """Every CREATE TABLE of an empty history."""
    made = [META, 'CREATE TABLE "restated" ("row" INTEGER PRIMARY KEY) STRICT']
    for kind in KINDS:
        own = ", ".join(f'"{column.name}" {column.sql}' for column in kind.columns)
        extra = ', "current" INTEGER NOT NULL DEFAULT 1' if kind.name == "point" else ""
        made.append(
            f'CREATE TABLE "{kind.name}" ("row" INTEGER PRIMARY KEY, "cause_seq" INTEGER NOT NULL, '
            f'"ordinal" INTEGER NOT NULL, {own}{extra}) STRICT'
        )
    for kind in CURRENT:
        sql = {column.name: column.sql for column in kind.columns}
        key = ", ".join(f'"{name}" {sql[name]} NOT NULL' for name in kind.key)
        made.append(
            f'CREATE TABLE "current_{kind.name}" ({key}, "row" INTEGER NOT NULL, '
            f"PRIMARY KEY ({quoted(kind.key)})) STRICT, WITHOUT ROWID"
        )
    made.append(
        'CREATE TABLE "current_point" ("characteristic" INTEGER PRIMARY KEY, "seq" INTEGER NOT NULL, '
        '"idx" INTEGER NOT NULL, "row" INTEGER NOT NULL) STRICT'
    )
    return made


def insert(kind: Kind) -> str:
    """The INSERT of one row tuple of `kind`."""
    names = column_names(kind)
    return f'INSERT INTO "{kind.name}" ({quoted(names)}) VALUES ({", ".join("?" * len(names))})'


def upsert_current(kind: Kind) -> str:
    """The statement that makes a row (key values, then its number) the current one of its key."""
    marks = ", ".join("?" * (len(kind.key) + 1))
    return (
        f'INSERT INTO "current_{kind.name}" ({quoted((*kind.key, "row"))}) VALUES ({marks}) '
        f'ON CONFLICT ({quoted(kind.key)}) DO UPDATE SET "row" = excluded."row"'
    )


PRUNE_CHECKPOINTS = """DELETE FROM "checkpoint" WHERE "cause_seq" NOT IN
(SELECT DISTINCT "cause_seq" FROM "checkpoint" ORDER BY "cause_seq" DESC LIMIT ?)"""
UPSERT_POINT = """INSERT INTO "current_point" ("characteristic", "seq", "idx", "row") VALUES (?, ?, ?, ?)
ON CONFLICT ("characteristic") DO UPDATE SET "seq" = excluded."seq", "idx" = excluded."idx", "row" = excluded."row"
WHERE excluded."row" > "current_point"."row" """
RESTATE_POINT = """UPDATE "current_point" SET "row" = ? WHERE "characteristic" = ? AND "seq" = ? AND "idx" = ?"""
