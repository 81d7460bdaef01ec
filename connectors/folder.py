"""Files dropped into a folder, as a source of the gateway: read once they are complete, moved once they are on disk.

A file is complete when its size and time have not changed for a while. Its messages go into the intake as those of a
broker do; when all are in the journal it is moved to `done/`, or to `refused/` with the reason. With each entry the
journal keeps how far the file is, so that a crash in the middle of it loses nothing and takes nothing twice.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path
from re import IGNORECASE, compile
from threading import Condition, Event, Thread

from connectors.dropped_file import Entries, Opened, opened, put_away
from connectors.errors import WrongInput
from connectors.intake import Intake, Message, Notice, Token
from connectors.table_rows import Layout, printed

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
MOST_UNDER_WAY = 50  # entries that are not yet on disk: a small part of what the intake holds for all
CLOSE_SECONDS = 1.5
_PAUSE_SECONDS = 0.02

_LAST = "file"  # the key of the last entry's file and number in what the journal keeps

_Mark = tuple[int, int, int]  # size, time and inode of a file


@dataclass(frozen=True, slots=True)
class FolderSettings:
    """Which files of which folder, and how they are read."""

    name: str
    path: Path
    pattern: str
    settle_seconds: float
    time_zone: str
    layout: Layout


class FolderConnector:
    """Looks into its folder for ever; see `connectors.intake.Source`. `known`: what the journal has of it."""

    def __init__(self, settings: FolderSettings, intake: Intake, known: Mapping[str, str]) -> None:
        self._settings, self._intake = settings, intake
        self._matches = compile(translate(settings.pattern), IGNORECASE).fullmatch
        self._mark = known.get(_LAST, "")
        self._seen: dict[Path, tuple[_Mark, float]] = {}  # since when a file has been as it is
        self._committed = Condition()
        self._under_way = 0  # entries handed in and not yet on disk
        self._quiet = Event()
        self._why = "not yet looked into"
        self._stuck: dict[Path, str] = {}  # files that cannot be read or moved, and why
        self._thread = Thread(target=self._run, name=f"folder-{settings.name}", daemon=True)
        self.failure: BaseException | None = None

    def open(self) -> "FolderConnector":
        """Start the thread."""
        self._thread.start()
        return self

    @property
    def trouble(self) -> str:
        """Why the folder or a file in it cannot be used; empty while all can."""
        return self._why or next(iter(self._stuck.values()), "")

    def acknowledge(self, tokens: Sequence[Token]) -> None:
        """These entries are on disk."""
        with self._committed:
            self._under_way -= len(tokens)
            self._committed.notify_all()

    def quiesce(self) -> None:
        """Begin no more entries."""
        self._quiet.set()
        with self._committed:
            self._committed.notify_all()

    def close(self) -> None:
        """End the thread; a file that is not finished stays where it is."""
        self.quiesce()
        if self._thread.is_alive():
            self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        try:
            while not self._quiet.is_set():
                for path in self._complete():
                    self._take(path)
                self._quiet.wait(LOOK_SECONDS)
        except BaseException as error:  # kept for the gateway, which ends with it: a dead thread must not go unseen
            self.failure = error

    def _complete(self) -> list[Path]:
        """The files that have not changed for long enough, those that came first before the others."""
        now, seen = time.monotonic(), {}
        try:
            found = sorted(self._found())
        except OSError as error:
            self._set_trouble(f"{self._settings.path}: expected a readable folder: {error.strerror or error}")
            return []
        self._set_trouble("")
        for mark, path in found:
            before = self._seen.get(path)
            seen[path] = before if before is not None and before[0] == mark else (mark, now)
        self._seen = seen
        self._stuck = {path: why for path, why in self._stuck.items() if path in seen}
        settled = [
            (mark[1], path) for path, (mark, since) in seen.items() if now - since >= self._settings.settle_seconds
        ]
        return [path for _, path in sorted(settled)]

    def _found(self) -> Iterator[tuple[_Mark, Path]]:
        for path in self._settings.path.iterdir():
            if self._matches(path.name) and not path.name.startswith("."):
                try:
                    status = path.stat()
                except FileNotFoundError:  # it has gone meanwhile
                    continue
                if path.is_file():
                    yield (status.st_size, status.st_mtime_ns, status.st_ino), path

    def _take(self, path: Path) -> None:
        """Read a file into the journal, and move it."""
        settings = self._settings
        try:
            of = opened(path, settings.time_zone, settings.layout)
            entries = Entries(of, settings.time_zone, settings.layout)
            if self._hand_in(of, entries):
                folder = put_away(of, entries)
                self._stuck.pop(path, None)
                log.info("%s: %s: %d messages, %d faults; now in %s", settings.name, of.name, entries.taken,
                         entries.faults, folder.name)  # fmt: skip
        except (OSError, WrongInput) as error:  # it may be mended: the next look tries again
            why = printed(f"{path.name}: {getattr(error, 'strerror', None) or error}")
            if self._stuck.get(path) != why:
                log.warning("%s: %s; trying again", settings.name, why)
            self._stuck[path] = why

    def _hand_in(self, of: Opened, entries: Entries) -> bool:
        """All entries that the journal has not yet, until they are on disk; False when the gateway closes before."""
        digest, _, number = self._mark.partition(":")
        there = int(number) if digest == of.digest else 0
        for place, payload in enumerate(entries, 1):
            if place > there and not self._offer(of, place, payload):
                return False
        with self._committed:
            self._committed.wait_for(lambda: not self._under_way or self._quiet.is_set())
            return not self._under_way

    def _offer(self, of: Opened, place: int, payload: bytes) -> bool:
        with self._committed:
            self._committed.wait_for(lambda: self._under_way < MOST_UNDER_WAY or self._quiet.is_set())
        mark = f"{of.digest}:{place}"
        row = (time.time_ns(), self._settings.name, f"file/{of.name}", 0, 0, payload)
        with self._committed:
            self._under_way += 1
        while not self._quiet.is_set():
            if self._intake.accepting and self._intake.offer([Message(row, self, (0, place), {_LAST: mark})]):
                self._mark = mark
                return True
            self._quiet.wait(_PAUSE_SECONDS)
        with self._committed:
            self._under_way -= 1
        return False

    def _set_trouble(self, why: str) -> None:
        if why == self._why:
            return
        self._why = why
        if why:
            log.warning("%s: %s; trying again", self._settings.name, why)
        self._intake.tell(Notice(self._settings.name, "lost" if why else "resumed", time.time_ns()))
