"""Looking back into the journal: the entries of a past stretch, chosen by topic or by a text that they hold.

What is looked up is bounded by entries on both sides, so that it is the same whenever it is asked for again.
"""

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol

from connectors.errors import JournalError, JournalHole
from connectors.segments import GAP, PLAN, SYSTEM, TICK, Entry, connect, segments

AT_ONCE = 20_000  # entries

_BETWEEN = "SELECT * FROM entry WHERE seq > ? AND seq < ? AND "
_RULES = f"connector = '{SYSTEM}' AND topic IN ('{TICK}', '{PLAN}', '{GAP}')"
_CHOSEN = "topic IN (SELECT value FROM json_each(?)) AND connector IN (SELECT value FROM json_each(?))"

Sender = tuple[str, str]  # connector, topic


class Past(Protocol):
    """What was there before, behind entry `after_seq` and before `before_seq`; `JournalHole` where it is gone."""

    def senders(self, after_seq: int, before_seq: int) -> Collection[Sender]:
        """Through which connectors and topics messages came."""
        ...

    def entries(self, after_seq: int, before_seq: int, senders: Collection[Sender]) -> Iterator[list[Entry]]:
        """The messages of these senders, in order, with all ticks, plans and gaps."""
        ...

    def holding(self, connector: str, text: str, after_seq: int, before_seq: int) -> Iterator[Entry]:
        """The messages of a connector whose payload holds a text, the newest first."""
        ...


class JournalPast:
    """The past of a journal on disk, read beside its writer; `beat` is called as long as it takes."""

    def __init__(self, folder: Path, uuid: str, beat: Callable[[], None] = lambda: None) -> None:
        self._folder, self._uuid, self._beat = folder, uuid, beat

    def senders(self, after_seq: int, before_seq: int) -> Collection[Sender]:
        """As in `Past`."""
        query = f"SELECT DISTINCT connector, topic FROM entry WHERE seq > ? AND seq < ? AND connector != '{SYSTEM}'"
        return {
            row for db in self._segments(after_seq, before_seq) for row in db.execute(query, (after_seq, before_seq))
        }

    def entries(self, after_seq: int, before_seq: int, senders: Collection[Sender]) -> Iterator[list[Entry]]:
        """As in `Past`."""
        topics, names = sorted({topic for _, topic in senders}), sorted({name for name, _ in senders})
        query = f"{_BETWEEN} ({_RULES} OR {_CHOSEN}) ORDER BY seq"
        for db in self._segments(after_seq, before_seq):
            cursor = db.execute(query, (after_seq, before_seq, json.dumps(topics), json.dumps(names)))
            while rows := cursor.fetchmany(AT_ONCE):
                self._beat()
                yield list(map(Entry._make, rows))

    def holding(self, connector: str, text: str, after_seq: int, before_seq: int) -> Iterator[Entry]:
        """As in `Past`."""
        query = f"{_BETWEEN} connector = ? AND instr(payload, CAST(? AS BLOB)) ORDER BY seq DESC"
        for db in self._segments(after_seq, before_seq, newest_first=True):
            yield from map(Entry._make, db.execute(query, (after_seq, before_seq, connector, text)))

    def _segments(self, after_seq: int, before_seq: int, *, newest_first: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection to each segment that has a part of the stretch, one after the other."""
        firsts = segments(self._folder)
        if not firsts or after_seq + 1 < firsts[0]:
            begins = firsts[0] if firsts else "nothing"
            raise JournalHole(f"journal {self._folder} begins with {begins}; entry {after_seq + 1} is gone")
        own = [
            first
            for first, following in zip(firsts, [*firsts[1:], before_seq + 1], strict=True)
            if following > after_seq + 1 and first < before_seq
        ]
        for first in reversed(own) if newest_first else own:
            self._beat()
            try:
                with closing(connect(self._folder, first, self._uuid)) as db:
                    yield db
            except sqlite3.Error as error:
                raise JournalError(f"journal {self._folder}: cannot read segment {first}: {error}") from error
