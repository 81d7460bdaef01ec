"""The web process's access tokens: a small file beside the data, of which the tokens cannot be read off.

A token is 256 random bits, so that its SHA-256 is as good as a slow hash of a password: nobody finds it by trying. The
file is replaced as a whole, for its owner only, by one writer at a time; who reads it sees a change at once.
"""

import hmac
import os
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import orjson

from config.roles import Asker, Role
from connectors.errors import WrongInput
from connectors.locking import RoleLock

FILE = "tokens.json"
PUSH_FILE = "push.token"  # what the forwarder shows; made anew whenever the web process starts
PREFIX = "plumbline_"  # by which a scanner for secrets knows one
PUSHER = "plumbline"  # the forwarder, in logs

Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Token:
    """One line of the file: whose token it is, what it may, since when and until when (RFC 3339; empty: for good)."""

    id: str
    name: str
    role: Role
    made: str
    until: str
    digest: str  # SHA-256, hex

    @property
    def is_over(self) -> bool:
        """Whether its time is over."""
        return bool(self.until) and datetime.fromisoformat(self.until) <= datetime.now(UTC)

    @property
    def asker(self) -> Asker:
        """Who shows it."""
        return Asker(self.name, self.role, self.id)


def add_token(data: Path, name: str, role: Role, days: int | None = None) -> str:
    """A new token of that name, which is told here and never again; `WrongInput` for a name that is taken."""
    with RoleLock(data / "tokens.lock", "token"):
        tokens = list(read_tokens(data / FILE) or ())
        if any(token.name == name for token in tokens):
            raise WrongInput(f"a token {name!r} is there already; revoke it first, or choose another name")
        now, text = datetime.now(UTC).replace(microsecond=0), PREFIX + secrets.token_urlsafe(32)
        until = "" if days is None else (now + timedelta(days=days)).isoformat()
        tokens.append(Token(secrets.token_hex(8), name, role, now.isoformat(), until, digest_of(text)))
        _write(data / FILE, orjson.dumps([asdict(token) for token in tokens], option=orjson.OPT_INDENT_2))
    return text


def revoke_token(data: Path, name: str) -> None:
    """Take a token back; `WrongInput` when there is none of that name."""
    with RoleLock(data / "tokens.lock", "token"):
        tokens = read_tokens(data / FILE) or ()
        left = [token for token in tokens if token.name != name]
        if len(left) == len(tokens):
            raise WrongInput(f"there is no token {name!r}")
        _write(data / FILE, orjson.dumps([asdict(token) for token in left], option=orjson.OPT_INDENT_2))


def read_tokens(path: Path) -> tuple[Token, ...] | None:
    """What the file holds; None while there is none. `WrongInput` when it is not what `add_token` has written."""
    try:
        lines = orjson.loads(path.read_bytes())
        if not all(isinstance(value, str) for line in lines for value in line.values()):
            raise ValueError("expected texts")
        return tuple(Token(**{**line, "role": Role(line["role"])}) for line in lines)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise WrongInput(f"{path} is not readable as tokens: {error}; delete it and make new ones") from error


def make_push_token(data: Path) -> str:
    """Put a new secret for the forwarder where only who owns the data can read it; its digest."""
    text = PREFIX + secrets.token_urlsafe(32)
    _write(data / PUSH_FILE, text.encode())
    return digest_of(text)


def digest_of(token: str) -> str:
    """What is kept of a token."""
    return sha256(token.encode()).hexdigest()


class Tokens:
    """The tokens that hold now, read again when the file has changed; see `board.access.gate.Keys`.

    `always`: a token is needed even while there is no file. `push_digest`: that of the forwarder's secret.
    """

    def __init__(self, path: Path, *, always: bool, push_digest: str = "") -> None:
        self._path, self._always = path, always
        self._own: Sequence[Token] = ()
        if push_digest:
            self._own = (Token("push", PUSHER, Role.PUSH, "", "", push_digest),)
        self._stamp: Stamp | None = None
        self._kept: Sequence[Token] = ()
        self.trouble = ""  # why the file cannot be read: then nobody comes in

    @property
    def required(self) -> bool:
        """Whether who asks must show a token: beyond this machine always, else as soon as the file is there."""
        self._look()
        return self._always or self._stamp is not None

    @property
    def missing(self) -> bool:
        """Whether a token is needed, and there is none."""
        return self.required and not self._kept

    def by_token(self, token: str) -> Asker | None:
        """Whose token that is. Each one is compared, and each comparison takes as long whatever it finds."""
        self._look()
        shown, found = digest_of(token), None
        for one in (*self._own, *self._kept):
            if hmac.compare_digest(one.digest, shown):
                found = one
        return None if found is None or found.is_over else found.asker

    def by_id(self, token_id: str) -> Asker | None:
        """Who has the token of that id, while it holds."""
        self._look()
        return next((one.asker for one in self._kept if one.id == token_id and not one.is_over), None)

    def _look(self) -> None:
        try:
            found = os.stat(self._path)
            stamp = (found.st_ino, found.st_mtime_ns, found.st_size)
            if stamp != self._stamp:
                self._stamp = stamp
                self._kept, self.trouble = read_tokens(self._path) or (), ""
        except FileNotFoundError:
            self._stamp, self._kept, self.trouble = None, (), ""
        except (OSError, WrongInput) as error:
            self._stamp, self._kept, self.trouble = self._stamp or (0, 0, 0), (), str(error)


def _write(path: Path, content: bytes) -> None:
    """Replace the file, for its owner only, and on disk."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, content)
        os.fsync(fd)
    finally:
        os.close(fd)
    os.replace(new, path)
