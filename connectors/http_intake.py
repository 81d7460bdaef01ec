"""The HTTP intake: `POST /intake/<topic>` (or `?topic=<topic>`) with the JSON messages that also come over MQTT.

A request is answered with 200 once its message is in the journal, on disk; the answer names what of it will be refused,
and why, as the engine's own decoder sees it. Any other answer, or none, says that it may not be there: whoever sends
again gives the message an `id`, so that it counts once.
"""

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from hmac import compare_digest
from http import HTTPStatus
from threading import Event, Thread

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from config.plan import Plan
from config.topics import TopicPattern
from connectors.decode import Decoder
from connectors.intake import Intake, Message, Notice, Token
from connectors.json_payload import Unreadable, read_json
from connectors.segments import Entry

log = logging.getLogger(__name__)

MOST_BODY = 1 << 20  # bytes of a request
COMMIT_SECONDS = 10.0  # how long a request waits for its commit
CLOSE_SECONDS = 1.0  # for the answers that are due
LISTEN_SECONDS = 2.0  # between two tries to listen
LONGEST_TOPIC = 1_000


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Where one connector listens, the token that a request must bear, the plan by which it is answered."""

    name: str
    host: str
    port: int
    token: str = field(repr=False)
    plan: Plan = field(repr=False)
    cert: str = ""
    key: str = ""


class HttpConnector:
    """Listens, and tries again for ever while it cannot; see `connectors.intake.Source`."""

    def __init__(self, settings: HttpSettings, intake: Intake) -> None:
        self._settings, self._intake = settings, intake
        self._decoder = Decoder(settings.plan)
        own = next(one for one in settings.plan.connectors if one.name == settings.name)
        self._patterns = [TopicPattern.parse(text) for text in own.topics]
        self._waiting: dict[Token, asyncio.Future[None]] = {}  # touched by the loop's thread only
        self._requests = 0
        self._quiet = Event()
        self._closing: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = Thread(target=self._run, name=f"http-{settings.name}", daemon=True)
        self._why = "not yet listening"
        self.failure: BaseException | None = None

    def open(self) -> "HttpConnector":
        """Start the thread."""
        self._thread.start()
        return self

    @property
    def trouble(self) -> str:
        """Why it does not listen; empty while it does."""
        return self._why

    def acknowledge(self, tokens: Sequence[Token]) -> None:
        """These messages are on disk: their requests are answered."""
        self._call(partial(self._settle, tokens))

    def quiesce(self) -> None:
        """Take nothing more in; answers still go out."""
        self._quiet.set()

    def close(self) -> None:
        """Answer what is due, and stop listening."""
        self._quiet.set()
        if self._closing is not None:
            self._call(self._closing.set)
        if self._thread.is_alive():
            self._thread.join(CLOSE_SECONDS + 1.0)

    def _call(self, what: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop has ended: nobody waits any more
            if self._loop is not None:
                self._loop.call_soon_threadsafe(what)

    def _settle(self, tokens: Sequence[Token]) -> None:
        for token in tokens:
            future = self._waiting.pop(token, None)
            if future is not None and not future.done():
                future.set_result(None)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # kept for the gateway, which ends with it: a dead thread must not go unseen
            self.failure = error

    async def _serve(self) -> None:
        self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()
        if self._quiet.is_set():
            return
        listening = await self._listen()
        if listening is None:
            return
        config = uvicorn.Config(
            Starlette(
                routes=[Route(path, self._take, methods=["POST"]) for path in ("/intake", "/intake/{topic:path}")],
                exception_handlers={404: _not_here, 405: _not_here},
            ),
            ws="none",
            proxy_headers=False,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=1,
            limit_concurrency=500,
            ssl_certfile=self._settings.cert or None,
            ssl_keyfile=self._settings.key or None,
        )
        config.load()
        server = _Server(config)
        self._why = ""
        self._intake.tell(Notice(self._settings.name, "resumed", time.time_ns()))
        log.info("%s: listening at %s:%d", self._settings.name, self._settings.host, self._settings.port)
        serving = asyncio.ensure_future(server.serve(sockets=[listening]))
        closing = asyncio.ensure_future(self._closing.wait())
        await asyncio.wait({serving, closing}, return_when=asyncio.FIRST_COMPLETED)
        self._why = "closed"
        server.should_exit = True
        await serving
        log.info("%s: closed (%d requests)", self._settings.name, self._requests)

    async def _listen(self) -> socket.socket | None:
        """The listening socket; None when the gateway closes before it can be had."""
        assert self._closing is not None
        said = False
        while not self._closing.is_set():
            try:
                return _bound(self._settings.host, self._settings.port)
            except OSError as error:
                self._why = f"cannot listen at {self._settings.host}:{self._settings.port}: {error.strerror or error}"
                if not said:
                    log.warning("%s: %s; trying again", self._settings.name, self._why)
                said = True
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), LISTEN_SECONDS)
        return None

    async def _take(self, request: Request) -> Response:
        """One request: into the journal, or told why not."""
        try:
            topic = self._admitted(request)
            payload = await _body(request)
            await self._commit(topic, payload)
        except _RequestError as error:
            return error.response()
        refused = [{"idx": k, "reason": why, "detail": detail} for k, why, detail in self._refused(topic, payload)]
        return Response(orjson.dumps({"state": "on disk", "refused": refused}), media_type="application/json")

    def _admitted(self, request: Request) -> str:
        """The topic, of a request that may hand messages in there."""
        given = request.headers.get("authorization", "")
        scheme, _, token = given.partition(" ")
        if not compare_digest(token.strip().encode(), self._settings.token.encode()) or scheme.lower() != "bearer":
            raise _RequestError(401, "expected the header Authorization: Bearer with the connector's token")
        topic: str = request.path_params.get("topic") or request.query_params.get("topic", "")
        if len(topic) > LONGEST_TOPIC or not any(pattern.match(topic) is not None for pattern in self._patterns):
            expected = " or ".join(pattern.text for pattern in self._patterns)
            raise _RequestError(
                404, f"expected a topic such as {expected} behind /intake/ or ?topic=, got {topic[:100]!r}"
            )
        return topic

    async def _commit(self, topic: str, payload: bytes) -> None:
        """Hand the message in, and wait until it is on disk."""
        if self._quiet.is_set() or not self._intake.accepting:
            raise _RequestError(503, "nothing is taken in for the moment; send it again")
        self._requests += 1
        token = (0, self._requests)
        waiting = self._waiting[token] = asyncio.get_running_loop().create_future()
        row = (time.time_ns(), self._settings.name, topic, 0, 0, payload)
        try:
            if not self._intake.offer([Message(row, self, token)]):
                raise _RequestError(503, "nothing is taken in for the moment; send it again")
            await asyncio.wait_for(waiting, COMMIT_SECONDS)
        except TimeoutError:
            raise _RequestError(503, "not yet on disk; send it again (with an id it counts once)") from None
        finally:
            self._waiting.pop(token, None)

    def _refused(self, topic: str, payload: bytes) -> list[tuple[int, str, str]]:
        """What of a message will not be taken, but for repetitions and times, which the journal decides."""
        entry = Entry(0, time.time_ns(), self._settings.name, topic, 0, 0, payload)
        return [(one.idx, one.reason, one.detail) for one in self._decoder.decode([entry]).rejected]


class _Server(uvicorn.Server):
    """Leaves signals to the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _bound(host: str, port: int) -> socket.socket:
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listening = socket.socket(family, kind, socket.IPPROTO_TCP)  # named, or asyncio sets no TCP_NODELAY
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(100)
    except OSError:
        listening.close()
        raise
    return listening


class _RequestError(Exception):
    """Why a request is not served, as RFC 9457 has it."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self._status, self._detail = status, detail

    def response(self) -> Response:
        """What is answered."""
        headers = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "1"}}.get(self._status, {})
        title = HTTPStatus(self._status).phrase
        body = {"type": "about:blank", "title": title, "status": self._status, "detail": self._detail}
        return Response(orjson.dumps(body), self._status, headers, "application/problem+json")


async def _not_here(_request: Request, error: Exception) -> Response:
    """What is answered where no message can be handed in."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    return _RequestError(status, "expected POST /intake/ with a topic behind it").response()


async def _body(request: Request) -> bytes:
    """The body, which is one JSON message or an array of them."""
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > MOST_BODY:
                raise _RequestError(413, f"expected at most {MOST_BODY} bytes; send fewer messages at a time")
            parts.append(part)
        document = read_json(payload := b"".join(parts))
    except ClientDisconnect:
        raise _RequestError(400, "the request ended early") from None
    except Unreadable as error:
        raise _RequestError(400, f"expected one JSON message, or an array of messages: {error.detail}") from error
    if type(document) not in (dict, list):
        raise _RequestError(400, "expected one JSON message (an object), or an array of messages")
    return payload


def check_certificate(cert: str, key: str) -> None:
    """Raises `OSError` (`ssl.SSLError`) when the files cannot be read or do not go together."""
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key)
