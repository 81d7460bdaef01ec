"""What people ordered: commands that the web process has written into `okr.db`, read as one more source."""

import logging
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import orjson

log = logging.getLogger(__name__)


class Command(NamedTuple):
    """A row of the table `command` and the journal entry it becomes."""

    id: int
    payload: bytes


INT64 = range(-(1 << 63), 1 << 63)


def read_commands(okr_db: Path, after_id: int, limit: int = 1_000) -> list[Command]:
    """The commands after `after_id`, oldest first; none when there is no file or table yet, or it is busy.

    A row that is no command (body not a JSON object, time not RFC 3339) is passed over with a warning. Raises
    `sqlite3.Error` for a file that is no database, or a broken one.
    """
    if not okr_db.exists():
        return []
    query = "SELECT id, at, who, kind, body FROM command WHERE id > ? ORDER BY id LIMIT ?"
    try:
        with closing(sqlite3.connect(f"{okr_db.absolute().as_uri()}?mode=ro", uri=True, timeout=0.1)) as db:
            rows = db.execute(query, (after_id, limit)).fetchall()
    except sqlite3.OperationalError:  # not made yet, or locked: the next look finds it
        return []
    return [Command(row[0], payload) for row in rows if (payload := _payload(*row)) is not None]


def _payload(command_id: int, at: str, who: str, kind: str, body: str) -> bytes | None:
    try:
        moment = datetime.fromisoformat(at)
        at_ns = int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1_000
        details = orjson.loads(body)
        if moment.tzinfo is None or not isinstance(details, dict):
            raise ValueError("expected a time with offset, and an object")
        if at_ns not in INT64:
            raise ValueError(f"expected a time before 2262, got {at}")
    except (ValueError, TypeError) as error:
        log.warning("command %r in okr.db is passed over: %s", command_id, error)
        return None
    return orjson.dumps(details | {"id": str(command_id), "kind": kind, "who": who, "at_ns": at_ns})
