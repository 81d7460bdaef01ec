"""Who asks, and what they may: looked at before any route or page sees a request, and put into `request.state`.

Whatever is not said to be open is closed: a new route needs a token of the role `read`, or `write` where its method
changes something. Nobody is let in for coming from this machine: behind a proxy everybody does.
"""

import time
from dataclasses import dataclass, field
from html import escape
from http.cookies import CookieError, SimpleCookie
from typing import Protocol
from urllib.parse import quote

from fastapi import Request, Response
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from board.access.attempts import Attempts
from board.access.guard import LOOPBACK
from board.access.sessions import Sessions
from board.api.problems import problem
from config.roles import ANYBODY, Asker, Role

API = "/api/v1"
SAFE = ("GET", "HEAD")
LOOK_SECONDS = 5.0  # between two looks whether a stream's token still holds
OPEN = frozenset({("GET", "/login"), ("POST", "/login"), ("POST", "/logout"), ("POST", "/preferences"),
                  ("GET", "/health"), ("GET", "/favicon.ico")})  # fmt: skip
OPEN_FOLDER = "/assets/"
PUSHES = frozenset({f"{API}/plans", f"{API}/alerts", f"{API}/clock"})
ADMINS = frozenset({f"{API}/operations"})

_IN_QUERY = "!$'()*+,-./:;=?@_~&%"
# The browser keeps a strict cookie back where a link on another site leads here, and sends it when it comes from here.
_AGAIN = '<!doctype html><title>Plumbline</title><meta http-equiv="refresh" content="0;url={there}">'


class Keys(Protocol):
    """The access tokens that hold."""

    @property
    def required(self) -> bool:
        """Whether one must be shown."""
        ...

    @property
    def missing(self) -> bool:
        """Whether one must be shown, and there is none."""
        ...

    def by_token(self, token: str) -> Asker | None:
        """Whose token that is."""
        ...

    def by_id(self, token_id: str) -> Asker | None:
        """Who has the token of that id, while it holds."""
        ...


class NoKeys:
    """No token is needed."""

    required = missing = False

    def by_token(self, token: str) -> Asker | None:
        """Nobody's."""
        return None

    def by_id(self, token_id: str) -> Asker | None:
        """Nobody."""
        return None


@dataclass(frozen=True, slots=True)
class Gate:
    """What decides who comes in: tokens, sessions, failures; `cookie` is the session's name.

    `hosts` are the names (without port) under which it may be asked for, `public` the origins of browsers elsewhere.
    """

    keys: Keys = field(default_factory=NoKeys)
    sessions: Sessions = field(default_factory=lambda: Sessions(None, 168))
    attempts: Attempts = field(default_factory=Attempts)
    cookie: str = "plumbline"
    hosts: frozenset[str] = frozenset(LOOPBACK)
    public: frozenset[str] = frozenset()

    def asker(self, headers: Headers) -> Asker | None:
        """Who asks, by the token or the session that they show; None when that is nobody."""
        if not self.keys.required:
            return ANYBODY
        token = bearer(headers)
        if token:
            return self.keys.by_token(token)
        token_id = self.sessions.token_of(self.secret(headers))
        return None if token_id is None else self.keys.by_id(token_id)

    def secret(self, headers: Headers) -> str:
        """The secret of the session in the browser's cookie; empty without one."""
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            found = None
        return "" if found is None else found.value

    def is_encrypted(self, scope: Scope) -> bool:
        """Whether the browser's way to here is: by this process, or by a proxy under one of its public addresses."""
        return scope["scheme"] == "https" or f"https://{Headers(scope=scope).get('host', '').lower()}" in self.public


def bearer(headers: Headers) -> str:
    """The token that a request bears; empty without one. Any other scheme is that of a proxy before us."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def asker(request: Request) -> Asker:
    """Who asks: `asker(request).may(Role.WRITE)` says whether a page shows what changes something."""
    found = known(request)
    assert found is not None, "nobody comes to a closed page"
    return found


def known(request: Request) -> Asker | None:
    """Who asks, where also those may ask of whom nothing is known."""
    found: Asker | None = request.state.asker
    return found


def needs(method: str, path: str) -> frozenset[Role]:
    """The roles of which one is needed; none for what is open to all.

    A key result is moved by people and by programs under one address, where the route tells them apart.
    """
    if (method, path) in OPEN or (method in SAFE and path.startswith(OPEN_FOLDER)):
        return frozenset()
    if method in SAFE:
        return frozenset({Role.ADMIN if path in ADMINS else Role.READ})
    if path in PUSHES:
        return frozenset({Role.PUSH})
    if path.startswith(f"{API}/key-results/"):
        return frozenset({Role.WRITE, Role.PUSH})
    return frozenset({Role.WRITE})


class Access:
    """Lets in who may come in, says who asks, and ends a stream whose token is revoked."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app, self._gate = app, gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers, needed = Headers(scope=scope), needs(scope["method"], scope["path"])
        found = self._gate.asker(headers)
        scope.setdefault("state", {})["asker"] = found
        refusal = self._refusal(scope, headers, needed, found)
        if refusal is not None:
            await refusal(scope, receive, send)
        elif not needed or found is ANYBODY:
            await self._app(scope, receive, send)
        else:
            await self._while_it_holds(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers, needed: frozenset[Role], found: Asker | None) -> Response | None:
        path = scope["path"]
        if not path.isprintable():  # a route may match a path that ends in a line break, and the table above does not
            return problem(404, "there is no such path")
        if not needed:
            return None
        if found is None:
            return self._unknown(scope, headers)
        if not any(found.may(role) for role in needed):
            return problem(403, f"the token {found.name!r} has the role {found.role}: this needs "
                                f"{' or '.join(sorted(needed))}")  # fmt: skip
        if scope["method"] not in SAFE and found is not ANYBODY and not bearer(headers) and "origin" not in headers:
            return problem(403, "expected the header Origin, as browsers send it with a session, or a token")
        return None

    def _unknown(self, scope: Scope, headers: Headers) -> Response:
        if scope["method"] in SAFE and "text/html" in headers.get("accept", ""):
            query = quote(scope.get("query_string", b""), safe=_IN_QUERY)
            there = quote(scope["path"]) + (f"?{query}" if query else "")
            if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
                return HTMLResponse(_AGAIN.format(there=escape(there)))
            return RedirectResponse(f"/login?next={quote(there, safe='/')}", 303)
        client = client_of(scope)
        if bearer(headers):
            wait = self._gate.attempts.wait_seconds(client)
            self._gate.attempts.failed(client)
            if wait:
                return too_often(wait)
        answer = problem(401, "expected the header Authorization: Bearer with an access token, or a session (/login)")
        answer.headers["WWW-Authenticate"] = 'Bearer realm="plumbline"'
        return answer

    async def _while_it_holds(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, looked = Headers(scope=scope), time.monotonic()

        async def send_on(message: Message) -> None:
            nonlocal looked
            if message.get("more_body") and (now := time.monotonic()) - looked >= LOOK_SECONDS:
                looked = now
                if self._gate.asker(headers) != scope["state"]["asker"]:
                    raise _Over
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        except* _Over:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def too_often(wait_seconds: float) -> Response:
    """What is answered to who has tried in vain too often."""
    seconds = int(wait_seconds) + 1
    answer = problem(429, f"too many tokens that are none: try again in {seconds} s")
    answer.headers["Retry-After"] = str(seconds)
    return answer


def client_of(scope: Scope) -> str:
    """The address from which a request comes."""
    client = scope.get("client")
    return str(client[0]) if client else ""


class _Over(Exception):  # noqa: N818 - says what is the case
    """The token of a stream holds no more."""
