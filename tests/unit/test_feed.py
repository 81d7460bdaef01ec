"""Many listeners of one choice are told the same, and the history is read once for all of them."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from board.api.events import Choice, Feed, Position
from board.history.queries import History
from connectors.history import HistoryWriter
from tests.seeding import DEPTH, END_NS, FORCE, MINUTE_NS, NAMES, Rows, add_point, seed_history

LISTENERS = 50
COMMITS = 5
POINTS = Choice(("point",))


class Counted(History):
    """A history that counts how often it is opened."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.opened = 0

    def connect(self) -> sqlite3.Connection:
        self.opened += 1
        return super().connect()


@pytest.fixture
def history(tmp_path: Path) -> Counted:
    seed_history(tmp_path / "history.db")
    return Counted(tmp_path / "history.db")


async def told(stream: AsyncGenerator[bytes], word: bytes) -> bytes:
    """What a listener is told up to and with what has that word in it."""
    found = b""
    async with asyncio.timeout(30):
        while word not in found:
            found += await anext(stream)
    return found


def commit(path: Path, number: int, characteristic: int = DEPTH) -> bytes:
    """One more point; its value as it is told."""
    writer = HistoryWriter(path, "journal-1")
    rows = Rows(writer)
    value = 5 + number / 1000
    add_point(rows, characteristic, [value], END_NS + number * MINUTE_NS, idx=0)
    rows.commit(END_NS + number * MINUTE_NS)
    writer.close()
    return f'"value":{value}'.encode()


def test_what_is_new_is_read_once_for_all_who_chose_the_same(history: Counted) -> None:
    async def run() -> tuple[list[bytes], int]:
        feed = Feed(history, lambda: (0, 0))
        streams = [feed.follow(POINTS, None) for _ in range(LISTENERS)]
        await asyncio.gather(*(told(stream, b"event: ready") for stream in streams))
        before, found = history.opened, [b""] * LISTENERS
        for number in range(1, COMMITS + 1):
            value = commit(history.path, number)
            some = await asyncio.gather(*(told(stream, value) for stream in streams))
            found = [one + more for one, more in zip(found, some, strict=True)]
        opened = history.opened - before
        await asyncio.gather(*(stream.aclose() for stream in streams))
        assert feed.listeners == 0
        return found, opened

    found, opened = asyncio.run(run())
    assert len(set(found)) == 1
    assert found[0].count(b"event: point") == COMMITS
    assert opened <= 3 * COMMITS  # one a commit, and one that finds nothing where the watcher looks later than a reader


def test_other_choices_and_other_places_are_read_for_themselves(history: Counted) -> None:
    async def run() -> None:
        feed = Feed(history, lambda: (0, 0))
        force, depth = (feed.follow(Choice(("point",), (NAMES[number],)), None) for number in (FORCE, DEPTH))
        first = await told(force, b"event: ready")
        await told(depth, b"event: ready")
        value = commit(history.path, 1, FORCE)
        assert value in await told(force, value)
        other = commit(history.path, 2, DEPTH)
        assert value not in await told(depth, other)
        uuid, row = first.partition(b"id: ")[2].partition(b"\n")[0].decode().split(":")
        late = feed.follow(POINTS, None)
        await told(late, b"event: ready")
        early = feed.follow(POINTS, Position(uuid, int(row)))
        both = await told(early, other)
        assert value in both
        for stream in (force, depth, late, early):
            await stream.aclose()

    asyncio.run(run())


def test_who_goes_takes_nothing_from_the_others_and_who_comes_back_misses_nothing(history: Counted) -> None:
    async def run() -> None:
        feed = Feed(history, lambda: (0, 0))
        stays, goes = feed.follow(POINTS, None), feed.follow(POINTS, None)
        await asyncio.gather(told(stays, b"ready"), told(goes, b"ready"))
        waiting = asyncio.create_task(told(goes, b"never"))
        await asyncio.sleep(0)
        waiting.cancel()
        value = commit(history.path, 1)
        assert value in await told(stays, value)
        await asyncio.gather(waiting, return_exceptions=True)
        await stays.aclose()
        await goes.aclose()
        commit(history.path, 2)  # while nobody listens
        again = feed.follow(POINTS, None)
        assert b"event: point" not in await told(again, b"ready")
        value = commit(history.path, 3)
        assert value in await told(again, value)
        await feed.close()
        with pytest.raises(StopAsyncIteration):
            await told(again, b"never")

    asyncio.run(run())
