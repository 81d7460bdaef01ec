"""What a process says of itself, in a small file beside the data: how far it is, what it waits for, why it ended.

The file has a fixed size and is written in place, so that a disk that fills up later does not stop it. A length and a
checksum before the content tell a reader that it has hit on half a write.
"""

import fcntl
import os
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import orjson

SIZE = 16_384  # bytes, content and all
FOLDER = "status"

_HEAD = 18  # "%08x %08d " of checksum and length
_TRIES = 5


def status_path(data: Path, process: str) -> Path:
    """Where `process` keeps its status, for a data folder."""
    return data / FOLDER / f"{process}.json"


class StatusFile:
    """The writer of one status file. What cannot be written is left out: it is said for information only."""

    def __init__(self, path: Path) -> None:
        self._fd = -1
        self._path = path

    def write(self, content: Mapping[str, object]) -> bool:
        """Replace what the file says; False when it could not be written, or was too long."""
        body = orjson.dumps(content)
        if len(body) > SIZE - _HEAD:
            return False
        try:
            self._reserve()
            os.pwrite(self._fd, b"%08x %08d " % (zlib.crc32(body), len(body)) + body, 0)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Let go of the file, which stays as it is."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _reserve(self) -> None:
        """Open the file, with all of its size on disk."""
        if self._fd >= 0:
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)  # another process of the role says how it is doing
            if os.fstat(fd).st_size < SIZE:
                os.pwrite(fd, b" " * SIZE, 0)
        except OSError:
            os.close(fd)
            raise
        self._fd = fd


def read_status(path: Path) -> dict[str, object] | None:
    """What the file says; None while there is none, or nothing whole in it."""
    for _ in range(_TRIES):
        with suppress(FileNotFoundError, ValueError):
            found = path.read_bytes()
            checksum, length = int(found[:8], 16), int(found[9:17])
            body = found[_HEAD : _HEAD + length]
            if len(body) == length and zlib.crc32(body) == checksum:
                content = orjson.loads(body)
                return content if isinstance(content, dict) else None
    return None
