"""The real dataflow with a history that keeps one day, killed and resumed: history and archive together are whole."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from bytewax.errors import BytewaxRuntimeError

from connectors.archive import Archived, Stretch, archive
from connectors.history import CommitUnit, HistoryWriter
from connectors.history_schema import ARCHIVED
from connectors.journal import Entry, JournalReader
from connectors.retention import Retention
from flows.engine import follow
from rules.results import KINDS
from tests.flow.journals import everything
from tests.plants import follow_to_the_end

STRETCH = 40  # entries a frame
Rows = dict[str, dict[int, tuple[Any, ...]]]  # by kind and row number


class Killed(Exception):  # noqa: N818 - what a kill does to a process
    """Raised from inside the dataflow."""


class ShortReads(JournalReader):
    """Reads a few entries at a time."""

    def read(self, after_seq: int, limit: int = STRETCH) -> list[Entry]:
        return super().read(after_seq, min(limit, STRETCH))


class Mortal(HistoryWriter):
    """Fails behind an entry: the history is ahead of the offset, and an archive is under way."""

    dies_behind = 1 << 62

    def commit(self, unit: CommitUnit) -> None:
        super().commit(unit)
        if unit.last_seq >= self.dies_behind:
            raise Killed


class Slow:
    """An archive that is written at once and told three commits later."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, history: Path, stretch: Stretch) -> "Slow":
        job = Slow(self._folder)
        job._outcome, job._looks = archive(history, self._folder, stretch), 3
        return job

    def done(self) -> Archived | None:
        self._looks -= 1
        return self._outcome if self._looks <= 0 else None

    def abandon(self) -> None:
        """It has been written already; it will be again."""


def run(folder: Path, dies_behind: int = 1 << 62) -> None:
    reader = ShortReads(folder / "journal")
    keep = Retention(keep_days=1, keep_bytes=1 << 40, archive=Slow(folder / "archive"), stretch_rows=60)
    writer = Mortal(folder / "history.db", reader.uuid, verify=True, retention=keep)
    writer.dies_behind = dies_behind
    try:
        follow(folder, reader, writer, lambda _: True, timedelta(milliseconds=15))
    finally:
        writer.close()
        reader.close()


def stored(folder: Path) -> Rows:
    with closing(sqlite3.connect(folder / "history.db")) as db:
        return {kind.name: {row[0]: row for row in db.execute(f'SELECT * FROM "{kind.name}"')} for kind in KINDS}


def readings_of(rows: Rows) -> set[tuple[int, int]]:
    """(seq, idx) of all readings that rows hold, each in one row."""
    found = [(row[4], row[5]) for row in rows["reading"].values()]
    for row in rows["point"].values():
        if row[-3] is not None and row[-1] == 1:
            refs = memoryview(row[-3]).cast("q")
            found += list(zip(refs[0::3], refs[1::3], strict=True))
    assert len(found) == len(set(found))
    return set(found)


def test_history_and_archive_together_hold_what_an_undisturbed_history_holds(tmp_path: Path) -> None:
    journal = everything(4, messages=150)
    journal.write(tmp_path / "whole")
    journal.write(tmp_path / "short")
    follow_to_the_end(tmp_path / "whole")
    for dies_behind in (200, 330, 500):
        with pytest.raises((Killed, BytewaxRuntimeError)):
            run(tmp_path / "short", dies_behind)
    run(tmp_path / "short")

    whole, short = stored(tmp_path / "whole"), stored(tmp_path / "short")
    for kind in KINDS:
        if kind.name not in (*ARCHIVED, "rejected"):
            assert short[kind.name] == whole[kind.name], kind.name
    archived = {
        kind: [pl.read_parquet(file) for file in sorted((tmp_path / "short" / "archive" / kind).glob("*.parquet"))]
        for kind in ARCHIVED
    }
    for kind in ("point", "signal", "capability", "event"):
        numbers = [row for frame in archived[kind] for row in frame["row"].to_list()]
        assert len(numbers) == len(set(numbers))
        assert set(numbers) | short[kind].keys() == whole[kind].keys()
        assert all(repr(short[kind][row][:16]) == repr(whole[kind][row][:16]) for row in short[kind])
    readings = pl.concat(archived["reading"])
    there = set(zip(readings["seq"], readings["idx"], strict=True))
    assert len(there) == len(readings) > 100
    assert there | readings_of(short) == readings_of(whole)
