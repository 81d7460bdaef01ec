"""One file that was dropped into a folder: its journal entries, and where it goes when they are on disk.

The entries are a function of the file's bytes and of how it is read: they are the same, under the same numbers and with
the same ids, whenever the file is read again. So the journal needs to know but the last of them to go on with the next
after a crash, and whatever comes twice counts once.
"""

from collections.abc import Iterator
from hashlib import file_digest, sha256
from pathlib import Path
from typing import NamedTuple

import orjson

from connectors.dfq import SUFFIXES, files_of
from connectors.dfq_lines import Fault
from connectors.errors import WrongInput
from connectors.measured import Message, message_of, read_file
from connectors.table_rows import Layout, printed

MOST_MESSAGES = 200  # an entry's
MOST_BYTES = 1 << 18  # about
MOST_TOLD = 100  # faults of a file that become entries: then they are on the board
MOST_LISTED = 1000  # faults of a file that its reason lists
DONE, REFUSED = "done", "refused"


class Opened(NamedTuple):
    """A file to be read, the .dfd that belongs to a .dfx with it; `digest` names its bytes and how they are read."""

    path: Path
    files: tuple[Path, ...]
    digest: str

    @property
    def name(self) -> str:
        """The file's name as text: a name in Latin-1 is none that the journal could hold."""
        return printed(self.path.name)


def opened(path: Path, time_zone: str, layout: Layout) -> Opened:
    """Raises `WrongInput` for a .dfx without its .dfd, and `OSError`."""
    files = tuple(dict.fromkeys(files_of(path))) if path.suffix.lower() in SUFFIXES else (path,)
    named = sha256(repr((time_zone, layout)).encode())
    for one in files:
        with one.open("rb") as file:
            named.update(file_digest(file, "sha256").digest())
    return Opened(path, files, named.hexdigest()[:32])


class Entries:
    """Reads a file into payloads; what was wrong with it is told as they are asked for."""

    def __init__(self, of: Opened, time_zone: str, layout: Layout) -> None:
        self._of, self._time_zone, self._layout = of, time_zone, layout
        self._numbered = 0
        self.taken = 0  # messages
        self.faults = 0
        self.listed: list[tuple[int, str]] = []  # line, what was wrong

    def __iter__(self) -> Iterator[bytes]:
        """The payloads, in order: arrays of messages, and each fault by itself, which the decoder refuses."""
        waiting: list[bytes] = []
        size = 0
        for one in self._read():
            if isinstance(one, Fault):
                told = self._fault(one)
                if told is None:
                    continue
                if waiting:
                    yield _array(waiting)
                yield told
                waiting, size = [], 0
                continue
            self.taken += 1
            waiting.append(self._identified(one))
            size += len(waiting[-1])
            if len(waiting) >= MOST_MESSAGES or size >= MOST_BYTES:
                yield _array(waiting)
                waiting, size = [], 0
        if waiting:
            yield _array(waiting)

    def _read(self) -> Iterator[Message | Fault]:
        try:
            for one in read_file(self._of.path, self._time_zone, self._layout):
                yield one if isinstance(one, Fault) else message_of(one)
        except WrongInput as error:  # the rest of it
            yield Fault(0, f"a readable {self._of.path.suffix[1:]} file", printed(str(error)).split("\n")[0])

    def _fault(self, fault: Fault) -> bytes | None:
        self.faults += 1
        text = str(fault) if fault.line else fault.got
        if self.faults <= MOST_LISTED:
            self.listed.append((fault.line, text))
        if self.faults > MOST_TOLD:
            return None
        return self._identified({"file": self._of.name, "line": fault.line, "fault": text})

    def _identified(self, message: Message) -> bytes:
        self._numbered += 1
        return orjson.dumps(message | {"id": f"{self._of.digest}-{self._numbered}"})


def put_away(of: Opened, entries: Entries) -> Path:
    """Move a file whose entries are on disk: to `done/`, or to `refused/` when nothing could be taken of it.

    What was wrong is in `refused/<name>.reason.txt`. A name that is taken gets the digest. Raises `OSError`.
    """
    folder = of.path.parent / (DONE if entries.taken or not entries.faults else REFUSED)
    folder.mkdir(exist_ok=True)
    if entries.faults:
        reason = of.path.parent / REFUSED / f"{of.path.name}.reason.txt"
        reason.parent.mkdir(exist_ok=True)
        reason.write_text(_reason(of, entries), "utf-8")
    for one in of.files:  # the .dfx last: while it is there, both are taken again
        target = folder / one.name
        if target.exists():
            target = folder / f"{one.stem}-{of.digest[:8]}{one.suffix}"
        one.replace(target)
    return folder


def _reason(of: Opened, entries: Entries) -> str:
    if entries.taken:
        head = f"{of.name}: {entries.taken} messages were taken, {entries.faults} lines were not."
        what = (
            f"What to do: drop in a file with the corrected lines only; {of.name} is in {DONE}/ and need not come "
            "again. A whole corrected file is another file: what was taken would be taken twice."
        )
    else:
        head = f"{of.name} was refused: nothing in it could be taken."
        what = f"What to do: correct {of.name}, or the connector's options, and drop it in again."
    more = [f"and {entries.faults - MOST_LISTED} more"] if entries.faults > MOST_LISTED else []
    return "\n".join([head, *(text for _, text in sorted(entries.listed)), *more, what]) + "\n"


def _array(messages: list[bytes]) -> bytes:
    return b"[" + b",".join(messages) + b"]"
