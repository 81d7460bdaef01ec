"""Server-sent events: rows of the history as they are committed, for as long as somebody listens.

One watcher looks every 25 ms (100 ms for fifty listeners) at the number of the history's last row; what is new is then
read once for all listeners that chose the same and are at the same place, which they are but for those that are slow or
have just come. Nothing is queued, so a slow listener costs nothing but its own delay; one that asks for more than
`BACKLOG` rows is told to `reset` (load anew) and goes on from the end. So is one that followed another history.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from board.history.queries import History, NoHistory, View, listed, read_meta, select
from rules.results import BY_NAME

OKR = "okr"
KINDS = (
    *("point", "signal", "capability", "day", "key_result", "episode", "metric", "limits", "specification", "reading"),
    *("correction", "event", "gap", "rejected", OKR),
)
USUAL = ("point", "signal", "capability", "day", "key_result", "episode")  # what is told when no kind is named
POLL_SECONDS = 0.025  # between two looks at the history, and so much more for each listener that is to be told:
LISTENER_SECONDS = 0.002  # fifty are told ten times a second at most, or telling would be all that is done
OKR_SECONDS = 0.25
HEARTBEAT_SECONDS = 15.0
PAGE = 500  # rows of each kind at once
BACKLOG = 20_000  # rows (of all kinds) behind which a resuming listener starts at the end
MOST_LISTENERS = 100


class TooManyListeners(Exception):  # noqa: N818 - says what is the case
    """`MOST_LISTENERS` are there already."""


class Position(NamedTuple):
    """How far a listener is: everything up to `row` of this history is known to it."""

    history_uuid: str
    row: int

    def __str__(self) -> str:
        return f"{self.history_uuid}:{self.row}"


def parse_position(text: str | None) -> Position | None:
    """The position in a `Last-Event-ID`; None for an absent or foreign one."""
    uuid, colon, row = (text or "").rpartition(":")
    return Position(uuid, int(row)) if colon and row.isascii() and row.isdigit() and len(row) < 19 else None


@dataclass(frozen=True, slots=True)
class Choice:
    """What a listener wants: kinds of rows, and characteristics by glob (none: all)."""

    kinds: tuple[str, ...] = USUAL
    globs: tuple[str, ...] = ()


class Page(NamedTuple):
    """The events up to `position`, as they are sent; `more` when there may be further ones at once."""

    events: bytes
    position: Position
    more: bool


class Feed:
    """What is new in a history, for any number of listeners up to `MOST_LISTENERS`.

    `goals` tells the OKR store's newest change and its open alerts.
    """

    def __init__(self, history: History, goals: Callable[[], tuple[int, int]]) -> None:
        self._history = history
        self._goals = goals
        self._okr = (0, 0)
        self._news = asyncio.Event()  # set, and another taken in its place, when the head moves
        self._reads: dict[tuple[Choice, Position | None], asyncio.Task[Page | None]] = {}
        self._watcher: asyncio.Task[None] | None = None
        self._head: tuple[str, int] | None = None
        self._closed = False
        self.listeners = 0

    async def follow(self, choice: Choice, last: Position | None, okr: int | None = None) -> AsyncGenerator[bytes]:
        """The event stream of one listener, from behind `last` or from now on. Raises `TooManyListeners`.

        `okr`: up to which change of the OKR store it knows; None: of none.
        """
        if self.listeners >= MOST_LISTENERS:
            raise TooManyListeners(f"{MOST_LISTENERS} listeners are there already")
        self.listeners += 1
        try:
            yield b"retry: 1000\n\n"
            if self._watcher is None or self._watcher.done():
                self._watcher = asyncio.create_task(self._watch_both())
            position, known = last, okr
            while not self._closed:
                news, (changes, alerts) = self._news, self._okr
                if OKR in choice.kinds and changes not in (0, known):
                    known = changes
                    yield _message(OKR, None, {"changes": changes, "alerts": alerts})
                page = await self._read(choice, position)
                if page is not None:
                    position = page.position
                    if page.events:
                        yield page.events
                    if page.more:
                        continue
                try:
                    async with asyncio.timeout(HEARTBEAT_SECONDS):  # `wait_for` may swallow a cancellation
                        await news.wait()
                except TimeoutError:
                    yield b": still here\n\n"
        finally:
            self.listeners -= 1
            if self.listeners == 0 and self._watcher is not None:
                self._watcher.cancel()
                self._watcher = None
                self._reads.clear()

    async def close(self) -> None:
        """Ends every stream, so that the server can stop."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        """Everybody reads anew; what was read before is known to all who had the same."""
        news, self._news = self._news, asyncio.Event()
        self._reads.clear()
        news.set()

    async def _read(self, choice: Choice, position: Position | None) -> Page | None:
        """The next events behind `position`, read once for everybody who wants them before the head moves again."""
        key = (choice, position)
        read = self._reads.get(key)
        if read is None:
            read = self._reads[key] = asyncio.create_task(asyncio.to_thread(self._page, choice, position))
            read.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(read)  # who goes does not take it from the others

    def _forget(self, key: tuple[Choice, Position | None], done: "asyncio.Task[Page | None]") -> None:
        """Keep what brings a listener to the head only: pages of a long way there are for one."""
        failed = done.cancelled() or done.exception() is not None
        if (failed or ((page := done.result()) is not None and page.more)) and self._reads.get(key) is done:
            del self._reads[key]

    async def _watch_both(self) -> None:
        await asyncio.gather(self._watch(), self._watch_goals())

    async def _watch_goals(self) -> None:
        """Keeps `_okr` at the OKR store's news and wakes the listeners when there are any."""
        while not self._closed:
            okr = await asyncio.to_thread(self._goals)
            if okr != self._okr:
                self._okr = okr
                self._wake()
            await asyncio.sleep(OKR_SECONDS)

    async def _watch(self) -> None:
        """Keeps `_head` at the history's last row and wakes the listeners when it moves."""
        db: sqlite3.Connection | None = None
        file: tuple[int, int] | None = None
        try:
            while not self._closed:
                now = self._file()
                if now != file and db is not None:
                    db.close()
                    db = None
                if db is None and now is not None:
                    with suppress(NoHistory):
                        db, file = self._history.connect(), now
                head = None if db is None else _head(db)
                if head != self._head:
                    self._head = head
                    self._wake()
                await asyncio.sleep(max(POLL_SECONDS, LISTENER_SECONDS * self.listeners))
        finally:
            if db is not None:
                db.close()

    def _file(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._history.path)
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _page(self, choice: Choice, position: Position | None) -> Page | None:
        """The next events behind `position`; None while there is no history."""
        try:
            db = self._history.connect()
        except NoHistory:
            return None
        with closing(db):
            view = self._history.snapshot(db)
            meta = read_meta(db)
            end = Position(meta.history_uuid, meta.last_row)
            if position is None:
                return Page(_message("ready", end, {}), end, False)
            if position.history_uuid != end.history_uuid or not 0 <= end.row - position.row <= BACKLOG:
                return Page(_message("reset", end, {}), end, False)
            if position == end:
                return Page(b"", end, False)
            return _read_page(view, choice, position, end)


def _head(db: sqlite3.Connection) -> tuple[str, int]:
    uuid, row = db.execute('SELECT "history_uuid", "last_row" FROM "meta"').fetchone()
    return uuid, row


def _read_page(view: View, choice: Choice, position: Position, end: Position) -> Page:
    """Rows behind `position` in the order of their numbers over all kinds, up to where every kind is whole."""
    found: list[tuple[int, str, Sequence[object]]] = []
    upto = end.row
    numbers = view.numbers(choice.globs)
    for kind in choice.kinds:
        if kind == OKR:
            continue
        among = ""
        if numbers is not None and any(column.name == "characteristic" for column in BY_NAME[kind].columns):
            among = f'AND +"characteristic" IN ({listed(numbers)})'
        rows = view.db.execute(
            f'SELECT {select(kind)} FROM "{kind}" WHERE "row" > ? AND "row" <= ? {among} ORDER BY "row" LIMIT ?',
            (position.row, end.row, PAGE),
        ).fetchall()
        if len(rows) == PAGE:
            upto = min(upto, rows[-1][0])
        found.extend((row[0], kind, row) for row in rows)
    found.sort(key=lambda item: item[0])
    uuid = end.history_uuid
    events = [
        _message(kind, Position(uuid, number), view.show(kind, row)) for number, kind, row in found if number <= upto
    ]
    return Page(b"".join(events), Position(uuid, upto), upto < end.row)


def _message(event: str, position: Position | None, content: object) -> bytes:
    """An event; without a position the listener stays where it is."""
    at = b"" if position is None else b"id: %s\n" % str(position).encode()
    return at + b"event: %s\ndata: %s\n\n" % (event.encode(), orjson.dumps(content))
