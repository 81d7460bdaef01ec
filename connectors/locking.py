"""One process a role: an advisory lock on a file, released by the kernel however the process ends."""

import fcntl
import os
from pathlib import Path
from types import TracebackType

from connectors.errors import AlreadyRunning


class RoleLock:
    """An exclusive `flock` on `path`, held from construction to `release()` (or to the end of the process).

    The file holds the pid of its holder, for the message only. Raises `AlreadyRunning` when another
    process, or another `RoleLock` of this one, holds it. Works as a context manager.
    """

    def __init__(self, path: Path, role: str) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._fd, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise AlreadyRunning(f"{role}: another one is running (process {holder} holds {path})") from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give the role up; a second call does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> "RoleLock":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()
