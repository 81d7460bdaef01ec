"""What stands before every request: whose Host and Origin it names, how long its body is, what a page may load.

Pure ASGI, so that event streams pass through unbuffered.
"""

from collections.abc import Iterable

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY = 1 << 20  # bytes that are accepted
MOST_READ = 8 << 20  # bytes that are read before a refusal
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

# Everything comes from here: no inline script or style, no frame around, no form or base elsewhere.
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # without any, a form would come from the origin "null"
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """Refuses requests that name another host (DNS rebinding) or come from another origin, and long bodies.

    `hosts` are host names without port, IPv6 in brackets; `origins` those of the pages that a proxy before us serves,
    beside the one that is asked for. Every answer gets `HEADERS`. HEAD is answered as GET is.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str], origins: Iterable[str] = ()) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        if host_name(host) not in self._hosts:
            await _refuse(send_guarded, 421, "Misdirected request", f"this is not the host {host!r}")
        elif (origin := headers.get("origin")) is not None and origin.lower() not in {
            f"{scope['scheme']}://{host}",
            *self._origins,
        }:
            await _refuse(send_guarded, 403, "Forbidden", f"requests from {origin!r} are not accepted")
        elif (body := await _body(headers, receive)) is None:
            await _refuse(send_guarded, 413, "Content too large", f"at most {MOST_BODY} bytes are accepted")
        elif scope["method"] == "HEAD":
            await self._app({**scope, "method": "GET"}, _replay(body, receive), _without_body(send_guarded))
        else:
            await self._app(scope, _replay(body, receive), send_guarded)


def host_name(host: str) -> str:
    """The name in a Host header, without its port.

    >>> host_name("localhost:8080"), host_name("[::1]:8080"), host_name("[::1]")
    ('localhost', '[::1]', '[::1]')
    """
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() and (not name.startswith("[") or name.endswith("]")) else host


async def _body(headers: Headers, receive: Receive) -> bytes | None:
    """The request's body, or None when it is longer than accepted.

    One that is a little too long is read to its end, or the client would not stay for the answer.
    """
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > MOST_READ:
        return None
    if length == "0" and "transfer-encoding" not in headers:
        return b""
    parts, total, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break  # gone; the application finds out by itself
        part = message.get("body", b"")
        more = message.get("more_body", False)
        total += len(part)
        if total > MOST_READ:
            return None
        if total <= MOST_BODY:
            parts.append(part)
    return b"".join(parts) if total <= MOST_BODY else None


def _replay(body: bytes, receive: Receive) -> Receive:
    """Gives the body that was read, then what comes after it."""
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


def _without_body(send: Send) -> Send:
    """Sends the head of an answer and ends it there: what HEAD asks for, of an event stream too."""
    ended = False

    async def send_head(message: Message) -> None:
        nonlocal ended
        if message["type"] == "http.response.start":
            await send(message)
        elif not ended:
            ended = True
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return send_head


async def _refuse(send: Send, status: int, title: str, detail: str) -> None:
    body = orjson.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail})
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode()),
               (b"connection", b"close")]  # fmt: skip
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
