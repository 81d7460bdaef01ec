"""The OKR store: one database, one writer, whole transactions, and answers that are given once.

SQLite by default, PostgreSQL by URL. The store's clock is the plant's: the greatest tick it has been told, by
itself or as the as-of of what was pushed.
"""

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import uuid4

import orjson
from sqlalchemy import Connection, Engine, Table, create_engine, delete, event, func, insert, inspect, select, update
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError, OperationalError

from okr.errors import Conflict, StoreError, Unwritable
from okr.tables import (
    SCHEMA_VERSION,
    alert,
    alert_revision,
    fact,
    idempotency,
    key_result,
    key_result_update,
    metadata,
    operation,
    plan,
)
from okr.times import parsed, rfc3339

Json = dict[str, object]

logger = logging.getLogger("okr")

# An answer is given again for so long; after that the revisions alone keep a repetition from changing anything.
KEYS_KEPT = timedelta(days=30)
KEYS_DROPPED = 100  # at most, with each new one


class Answer(NamedTuple):
    """What a request is answered with: HTTP status and JSON body."""

    status: int
    body: Json


class Store:
    """The OKR database at `url` (`sqlite:///data/okr.db`, `postgresql+psycopg://…`), created when empty.

    `now` gives the time before the first tick is known. `uuid` is the database's own. Raises `StoreError` for a
    database of a later version.
    """

    def __init__(self, url: str, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self.trouble = ""  # why the last transaction that writes failed; empty when it did not
        self._writer = threading.Lock()
        self._engine = create_engine(url)
        if self._engine.dialect.name == "sqlite":
            _prepare_sqlite(self._engine)
        with self.writing() as connection:
            metadata.create_all(connection)
            version = _fact(connection, "schema_version")
            if version is not None and int(version) > SCHEMA_VERSION:
                raise StoreError(f"{url}: expected schema version {SCHEMA_VERSION} or lower, got {version}")
            _bring_up_to_date(connection, rfc3339(self.time(connection)))
            _set_fact(connection, "schema_version", str(SCHEMA_VERSION))
            self.uuid = _fact(connection, "uuid") or str(uuid4())
            _set_fact(connection, "uuid", self.uuid)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One snapshot of the store."""
        with self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, the only one at a time; an exception undoes all of it.

        Raises `Unwritable` when the database cannot be written: its disk is full, say.
        """
        try:
            with self._writer, self._engine.connect() as plain:
                connection = plain.execution_options(writing=True)
                with connection.begin():
                    yield connection
        except DatabaseError as error:
            if type(error) not in (OperationalError, DatabaseError):  # a fault in the program, such as IntegrityError
                raise
            raise Unwritable(self._troubled(str(error.orig))) from error
        if self.trouble:
            self.trouble = ""
            logger.info("okr.db is written again")

    def once(self, key: str | None, path: str, content: Json, act: Callable[[Connection, str], Answer]) -> Answer:
        """The answer of `act(connection, now)`, done once per idempotency key.

        The same key with the same path and content gives the first answer and changes nothing. A refusal is
        not an answer: it leaves the key free. Raises `Conflict` for the same key with another content.
        """
        digest = hashlib.sha256(path.encode() + b"\n" + canonical(content).encode()).hexdigest()
        with self.writing() as connection:
            if key is not None:
                first = connection.execute(select(idempotency).where(idempotency.c.key == key)).one_or_none()
                if first is not None and first.digest == digest:
                    return Answer(first.status, orjson.loads(first.answer))
                if first is not None:
                    raise Conflict(f"Idempotency-Key {key!r} was used before with another path or content")
            answer = act(connection, rfc3339(self.time(connection)))
            if key is not None:
                time = self.time(connection)
                _drop_old_keys(connection, rfc3339(time - KEYS_KEPT))
                row = {"key": key, "digest": digest, "status": answer.status, "answer": canonical(answer.body)}
                connection.execute(insert(idempotency).values(**row, at=rfc3339(time)))
            return answer

    def time(self, connection: Connection) -> datetime:
        """The store's time: its greatest tick, or `now` before the first."""
        tick = _fact(connection, "tick")
        return self._now() if tick is None else parsed(tick)

    def tick(self) -> str | None:
        """The greatest tick told, RFC 3339; None before the first."""
        with self.reading() as connection:
            return _fact(connection, "tick")

    def history(self, connection: Connection) -> str | None:
        """The uuid of the history whose results are pushed; None before the first."""
        return _fact(connection, "history")

    def _troubled(self, why: str) -> str:
        if not self.trouble:
            logger.warning("okr.db cannot be written: %s; orders and updates are refused until it can", why)
        self.trouble = why
        return f"okr.db cannot be written now ({why}): try again when there is room on its disk"

    def close(self) -> None:
        """Gives every connection back."""
        self._engine.dispose()


def advance(connection: Connection, tick: datetime) -> bool:
    """True when `tick` is beyond all that the store was told, and is now its time."""
    told = _fact(connection, "tick")
    if told is not None and parsed(told) >= tick:
        return False
    _set_fact(connection, "tick", rfc3339(tick))
    return True


def follow_history(connection: Connection, now: str, history: str, who: str) -> None:
    """What is pushed from now on are results of `history`: those of another one do not stand in their way.

    When another one is held (the history was lost and computed again, or begun anew), what is held keeps its order
    under negative numbers: it is shown until newer results come, and their revisions begin anew above it.
    """
    held = _fact(connection, "history")
    if held == history:
        return
    _set_fact(connection, "history", history)
    before: Json | None = None if held is None else {"history": held}
    log(connection, now, who, "history", history, before=before, after={"history": history})
    if held is None:
        return
    _step_down(connection, plan, "plan_seq")
    for revisions, current in ((key_result_update, key_result), (alert_revision, alert)):
        below = _step_down(connection, revisions, "revision")
        connection.execute(update(current).values(revision=current.c.revision - below))


def _step_down(connection: Connection, table: Table, name: str) -> int:
    """Lower all numbers below 0, each to one that is not in use: by how much."""
    column = table.c[name]
    lowest, highest = connection.execute(select(func.min(column), func.max(column))).one()
    if highest is None:
        return 0
    below = int(max(highest + 1, highest - lowest + 1))
    connection.execute(update(table).values({name: column - below}))
    return below


def _drop_old_keys(connection: Connection, before: str) -> None:
    old = select(idempotency.c.key).where(idempotency.c.at < before).order_by(idempotency.c.at).limit(KEYS_DROPPED)
    connection.execute(delete(idempotency).where(idempotency.c.key.in_(old.scalar_subquery())))


def _bring_up_to_date(connection: Connection, now: str) -> None:
    """Version 2: idempotency keys know their time. Version 3: key results know what their values are.

    The log's index came without a version: it changes nothing for an earlier release.
    """
    connection.exec_driver_sql("CREATE INDEX IF NOT EXISTS ix_operation_subject ON operation (subject)")
    if "unit" not in {column["name"] for column in inspect(connection).get_columns("key_result")}:
        connection.exec_driver_sql("ALTER TABLE key_result ADD COLUMN unit VARCHAR NOT NULL DEFAULT 'index'")
    if "at" not in {column["name"] for column in inspect(connection).get_columns("idempotency")}:
        connection.exec_driver_sql("ALTER TABLE idempotency ADD COLUMN at VARCHAR")
        connection.exec_driver_sql("CREATE INDEX ix_idempotency_at ON idempotency (at)")
        connection.execute(update(idempotency).values(at=now))


def log(
    connection: Connection,
    at: str,
    who: str,
    what: str,
    subject: str,
    *,
    before: Json | None,
    after: Json | None,
) -> None:
    """One line of the operation log: who did what to which `subject`, when, and what changed."""
    connection.execute(
        insert(operation).values(
            at=at, who=who, what=what, subject=subject,
            before=None if before is None else canonical(before),
            after=None if after is None else canonical(after),
        )
    )  # fmt: skip


def operations(connection: Connection, limit: int, subject: str | None = None) -> list[Json]:
    """The newest `limit` lines of the operation log (of `subject`, unless None), oldest first."""
    query = select(operation).order_by(operation.c.id.desc()).limit(limit)
    if subject is not None:
        query = query.where(operation.c.subject == subject)
    rows = connection.execute(query).mappings().all()
    return [
        {
            str(name): orjson.loads(value) if name in ("before", "after") and value else value
            for name, value in row.items()
        }
        for row in reversed(rows)
    ]


def canonical(content: object) -> str:
    """`content` as JSON text with sorted keys: equal texts mean equal contents."""
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS).decode()


def _fact(connection: Connection, name: str) -> str | None:
    return connection.execute(select(fact.c.value).where(fact.c.name == name)).scalar_one_or_none()


def _set_fact(connection: Connection, name: str, value: str) -> None:
    if _fact(connection, name) is None:
        connection.execute(insert(fact).values(name=name, value=value))
    else:
        connection.execute(update(fact).where(fact.c.name == name).values(value=value))


def _prepare_sqlite(engine: Engine) -> None:
    """WAL, written through to disk; transactions are begun by us, so that a writer holds the lock from its start."""

    def connected(connection: DBAPIConnection, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def begun(connection: Connection) -> None:
        writing = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
