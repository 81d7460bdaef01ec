"""Who is signed in: sessions of browsers, each of one token, in a small file that outlives a restart.

A browser holds a random secret in a cookie, the file its SHA-256. A session ends at its time, when it is signed out,
or with its token.
"""

import logging
import os
import secrets
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import orjson

MOST = 1_000  # sessions; the oldest goes
HOUR_SECONDS = 3_600.0

logger = logging.getLogger("web")


class Sessions:
    """The sessions kept at `path` (None: in memory only), each for so many hours from its beginning."""

    def __init__(self, path: Path | None, hours: float, now: Callable[[], float] = time.time) -> None:
        self._path, self.seconds, self._now = path, hours * HOUR_SECONDS, now
        self._kept: dict[str, tuple[str, float]] = {} if path is None else _read(path)  # digest: token's id, its end

    def begin(self, token_id: str) -> str:
        """A new session of that token: the secret for the browser."""
        now, secret = self._now(), secrets.token_urlsafe(32)
        self._kept = {digest: one for digest, one in self._kept.items() if one[1] > now}
        for digest in list(self._kept)[: max(0, len(self._kept) - MOST + 1)]:
            del self._kept[digest]
        self._kept[_digest(secret)] = (token_id, now + self.seconds)
        self._write()
        return secret

    def token_of(self, secret: str) -> str | None:
        """The id of the token with which that session began; None when it has ended, or never was.

        It is looked up by its digest: how long that takes tells nothing of a secret.
        """
        token_id, end = self._kept.get(_digest(secret), ("", 0.0))
        return token_id if end > self._now() else None

    def end(self, secret: str) -> None:
        """Sign out."""
        if self._kept.pop(_digest(secret), None) is not None:
            self._write()

    def _write(self) -> None:
        if self._path is None:
            return
        new = self._path.with_name(f"{self._path.name}.new")
        try:
            new.unlink(missing_ok=True)
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
                file.write(orjson.dumps(self._kept))
            os.replace(new, self._path)
        except OSError as error:
            logger.warning("%s cannot be written: %s; sessions end with this process", self._path, error.strerror)


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _read(path: Path) -> dict[str, tuple[str, float]]:
    """What the file holds; nothing where it is absent or is no such file: then everybody signs in again."""
    try:
        return {str(digest): (str(one), float(end)) for digest, (one, end) in orjson.loads(path.read_bytes()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
