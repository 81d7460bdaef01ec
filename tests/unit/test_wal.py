import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import pytest

from connectors.wal import WalWatch

STEP = 1 << 20
PIECE = bytes(100_000)


class Written:
    """A database as the history's writer has it, with a short WAL; `add` commits 100 kB."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.db = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "wal_autocheckpoint = 50"):
            self.db.execute(f"PRAGMA {pragma}")
        self.db.execute(f"PRAGMA journal_size_limit = {STEP}")
        self.db.execute("CREATE TABLE piece (body BLOB)")
        self.wal = os.open(f"{path}-wal", os.O_RDONLY)
        self.watch = WalWatch(self.db, path, self.wal, STEP)
        self.longest = 0

    def add(self, pieces: int) -> None:
        for _ in range(pieces):
            self.db.execute("INSERT INTO piece VALUES (?)", (PIECE,))
            self.watch.look()
            self.longest = max(self.longest, self.size())

    def size(self) -> int:
        return os.fstat(self.wal).st_size


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Written]:
    written = Written(tmp_path / "history.db")
    yield written
    os.close(written.wal)
    written.db.close()


def reader(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
    db.execute("BEGIN")
    db.execute("SELECT count(*) FROM piece").fetchone()
    return db


def test_without_a_reader_the_wal_stays_short(written: Written) -> None:
    written.add(100)
    assert written.longest < STEP


def test_a_reader_that_holds_its_view_is_reported_once_and_the_wal_is_short_again_after_it(
    written: Written, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    written.add(5)
    with closing(reader(written.path)):
        written.add(100)
        held = written.size()
    assert 10_000_000 < held < 12_000_000  # what was written meanwhile, and what SQLite adds to it
    written.add(3)
    assert written.size() <= STEP
    warnings, news = [[one.getMessage() for one in caplog.records if one.levelno == level]
                      for level in (logging.WARNING, logging.INFO)]  # fmt: skip
    assert len(warnings) == 1
    assert "a reader holds" in warnings[0]
    assert [text.endswith("is short again: the reader has let go") for text in news] == [True]


def test_readers_whose_views_overlap_for_ever_do_not_make_the_wal_grow_for_ever(written: Written) -> None:
    written.add(1)
    stop, begun = Event(), Event()

    def read_on() -> None:
        held = reader(written.path)
        begun.set()
        while not stop.is_set():
            following = reader(written.path)
            held.close()
            held = following
        held.close()

    thread = Thread(target=read_on)
    thread.start()
    try:
        assert begun.wait(30)
        written.add(300)  # 30 MB
    finally:
        stop.set()
        thread.join()
    assert written.longest < 12 * STEP
