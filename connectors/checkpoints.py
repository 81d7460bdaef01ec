"""The checkpoints that a history holds: where a state can be rebuilt from, and what the journal need not keep."""

import sqlite3
from contextlib import closing
from pathlib import Path

from connectors.errors import HistoryAbsent
from connectors.history import read_meta


def checkpoint_seqs(path: Path) -> list[int]:
    """The journal entries whose checkpoints the history at `path` holds, the newest first."""
    with closing(_open(path)) as db:
        found = db.execute('SELECT DISTINCT "cause_seq" FROM "checkpoint" ORDER BY "cause_seq" DESC')
        return [seq for (seq,) in found]


def stored_versions(path: Path, seq: int) -> set[tuple[str, int]]:
    """The steps with the schema versions of their states in the checkpoint at a journal entry."""
    with closing(_open(path)) as db:
        query = 'SELECT DISTINCT "step", "schema_version" FROM "checkpoint" WHERE "cause_seq" = ?'
        return set(db.execute(query, (seq,)))


def stored_state(path: Path, seq: int, step: str, key: str) -> bytes | None:
    """A step's state as of a journal entry, by the step's id and the key within it."""
    with closing(_open(path)) as db:
        query = 'SELECT "state" FROM "checkpoint" WHERE "cause_seq" = ? AND "step" = ? AND "key" = ?'
        found = db.execute(query, (seq, step, key)).fetchone()
        return found[0] if found else None


def covered_seq(path: Path, journal_uuid: str) -> int:
    """Up to which entry a journal is not needed any more: the newest checkpoint, which is on disk; 0 without one.

    0 too while there is no history, and beside a history of another journal.
    """
    if not path.exists():
        return 0
    try:
        with closing(_open(path)) as db:
            if read_meta(db, path).journal_uuid != journal_uuid:
                return 0
            (newest,) = db.execute('SELECT max("cause_seq") FROM "checkpoint"').fetchone()
    except HistoryAbsent:
        return 0
    return newest or 0


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=10.0)
