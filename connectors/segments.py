"""The journal's files: SQLite segments `<first seq, 20 digits>.db` in one folder, and what an entry is.

`seq` is contiguous over the segments. A full segment ends with a `checkpoint` entry; the next begins with the plan.
"""

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from connectors.errors import JournalError, JournalForeign, JournalHole

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE meta(journal_uuid TEXT NOT NULL, first_seq INTEGER NOT NULL, schema_version INTEGER NOT NULL);
CREATE TABLE state(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE entry(seq INTEGER PRIMARY KEY, received_ns INTEGER NOT NULL, connector TEXT NOT NULL,
                   topic TEXT NOT NULL, packet_id INTEGER NOT NULL, dup INTEGER NOT NULL, payload BLOB NOT NULL);
"""
SYSTEM = "_"  # the connector of ticks, plans, gaps, commands and checkpoints
TICK, PLAN, GAP, COMMAND, CHECKPOINT = "tick", "plan", "gap", "command", "checkpoint"


class Entry(NamedTuple):
    """One journal entry.

    System entries have connector `_` and one of the topics above; a tick's payload is its time in ns as ASCII digits.
    """

    seq: int
    received_ns: int
    connector: str
    topic: str
    packet_id: int
    dup: int
    payload: bytes


def segment_name(first_seq: int) -> str:
    """The file name of the segment that begins with `first_seq`."""
    return f"{first_seq:020d}.db"


def segments(folder: Path) -> list[int]:
    """The first seqs of the segments in `folder`, ascending; empty when there are none or no folder."""
    if not folder.is_dir():
        return []
    return sorted(int(name[:-3]) for name in os.listdir(folder) if len(name) == 23 and name.endswith(".db"))


def connect(folder: Path, first_seq: int, journal_uuid: str | None) -> sqlite3.Connection:
    """A read-only connection to a segment, which is proved to be what its name says, of this journal."""
    path = folder / segment_name(first_seq)
    if not path.exists():
        raise JournalHole(f"journal segment {path} is missing")
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
    try:
        found, first, version = db.execute("SELECT journal_uuid, first_seq, schema_version FROM meta").fetchone()
        if version != SCHEMA_VERSION:
            raise JournalForeign(f"{path} has format {version}; this version reads {SCHEMA_VERSION}")
        if journal_uuid is not None and found != journal_uuid:
            raise JournalForeign(f"{path} belongs to journal {found}; expected {journal_uuid}")
        if first != first_seq:
            raise JournalForeign(f"{path} begins with {first}; its name says {first_seq}")
    except sqlite3.Error as error:
        db.close()
        raise JournalError(f"{path}: {error}") from error
    except JournalError:
        db.close()
        raise
    return db


def tick_range(db: sqlite3.Connection) -> tuple[int, int]:
    """The times in ns of a segment's first and last tick; 0 and 0 without one."""
    query = f"SELECT payload FROM entry WHERE connector = '{SYSTEM}' AND topic = '{TICK}' ORDER BY seq"
    first, last = (db.execute(f"{query} {way} LIMIT 1").fetchone() for way in ("ASC", "DESC"))
    return (int(first[0]), int(last[0])) if first else (0, 0)


def check(folder: Path, first_seqs: Sequence[int]) -> str:
    """The uuid of a journal whose segments follow each other without a hole."""
    journal_uuid, expected = None, first_seqs[0]
    for first_seq in first_seqs:
        if first_seq != expected:
            raise JournalHole(f"journal {folder}: entries {expected} to {first_seq - 1} are missing")
        db = connect(folder, first_seq, journal_uuid)
        (journal_uuid,) = db.execute("SELECT journal_uuid FROM meta").fetchone()
        (last,) = db.execute("SELECT max(seq) FROM entry").fetchone()
        db.close()
        expected = first_seq if last is None else last + 1
    return str(journal_uuid)
