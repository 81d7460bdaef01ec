"""The web process: the board, the query API on the history, and the OKR store, on one port.

It is the only writer of `okr.db`. It needs no other process to start: what is not there yet is shown as absent.
"""

import asyncio
import contextlib
import logging
import os
import socket
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from threading import Event
from time import monotonic
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from board.access.gate import Gate, asker
from board.access.guard import LOOPBACK, host_name
from board.access.sessions import Sessions
from board.app import create_app
from board.goals import Okr
from board.hand_in import doors, hand_in
from board.history.queries import History, limits_revision
from board.vitals.health import Newest, Sources
from config.models import PlantFile
from config.web import bracketed
from connectors.errors import JournalError, PlumblineError
from connectors.http_intake import check_certificate
from connectors.locking import RoleLock
from connectors.segments import connect, segments
from connectors.status import read_status, status_path
from connectors.tokens import FILE, Tokens, make_push_token
from flows.watchdog import Pulse
from okr.api import router as okr_router
from okr.board import Goals
from okr.errors import StoreError, Unwritable
from okr.store import Store

GRACE_SECONDS = 2  # for requests that are being answered when the process is stopped
WATCH_SECONDS = 0.1
PROVE_SECONDS = 5.0

Certificate = tuple[str, str]  # paths of certificate and key

logger = logging.getLogger("web")


class WebError(PlumblineError):
    """The web process cannot serve: its address, its port or its database is not to be had."""


def run(plant: PlantFile, data: Path, stop: Event, *, pulse: Pulse | None = None) -> None:
    """Serve at `[web] host` and `port` with the files in `data` until `stop` is set.

    Raises `WebError` (a port in use, a certificate that cannot be used, a database of a later version) and
    `AlreadyRunning` (another web process has `okr.db`).
    """
    tls = _certificate(plant)
    with RoleLock(data / "okr.lock", "web"), _listening(plant.web.host, plant.web.port) as listener:
        store = _open_store(data / "okr.db")
        try:
            app = create_app(
                data / "history.db",
                Okr(okr_router(store, partial(limits_revision, History(data / "history.db")), asker), Goals(store)),
                sources=Sources(
                    store.tick,
                    lambda process: read_status(status_path(data, process)),
                    partial(newest_entry, data / "journal"),
                    plant.clock.source,
                ),
                gate=open_gate(plant, data),
                plant=plant,
                hand_in=partial(hand_in, doors(plant, os.environ)),
                plant_id=plant.plant.id,
                calendar=plant.plant.calendar(),
            )
            logger.info("the board is at %s/", " and ".join(plant.web.public_urls) or plant.web.address)
            asyncio.run(_serve(app, listener, stop, partial(_prove, store, pulse or Pulse()), tls))
        finally:
            store.close()


def open_gate(plant: PlantFile, data: Path) -> Gate:
    """Who may ask, by the tokens in the data folder; with a new secret for the forwarder in it."""
    tokens = Tokens(data / FILE, always=plant.web.is_open, push_digest=make_push_token(data))
    if tokens.missing:
        logger.warning("a token is needed, and there is none: plumbline token add %s NAME --role admin makes one",
                       plant.path)  # fmt: skip
    urls = plant.web.public_urls
    return Gate(
        tokens,
        Sessions(data / "sessions.json", plant.web.session_hours),
        cookie=f"plumbline-{plant.plant.id}",
        hosts=frozenset({*LOOPBACK, bracketed(plant.web.host), *map(_name_of, (*urls, plant.web.store_url))}),
        public=frozenset(urls),
    )


def _name_of(origin: str) -> str:
    return host_name(urlsplit(origin).netloc)


def _certificate(plant: PlantFile) -> Certificate | None:
    """The files of `[web] tls`, looked at before anything is opened."""
    tls = plant.web.tls
    if not tls.cert:
        return None
    cert, key = str(plant.file(tls.cert)), str(plant.file(tls.key))
    try:
        check_certificate(cert, key)
    except OSError as error:
        raise WebError(f"[web] tls: {cert} and {key} cannot be used: {error.strerror or error}") from error
    return cert, key


def newest_entry(journal: Path) -> Newest | None:
    """The newest entry of the journal in that folder; None while there is none. Opens its last segment only."""
    first_seqs = segments(journal)
    if not first_seqs:
        return None
    try:
        with contextlib.closing(connect(journal, first_seqs[-1], None)) as db:
            row = db.execute("SELECT seq, received_ns FROM entry ORDER BY seq DESC LIMIT 1").fetchone()
    except JournalError as error:
        return Newest(problem=str(error))
    except sqlite3.Error as error:
        return Newest(problem=f"journal {journal}: {error}")
    return Newest(first_seqs[-1] - 1) if row is None else Newest(*row)


def _open_store(path: Path) -> Store:
    path.touch(mode=0o600)
    try:
        return Store(f"sqlite:///{path.absolute()}")
    except (StoreError, Unwritable) as error:
        raise WebError(str(error)) from error
    except SQLAlchemyError as error:
        raise WebError(f"{path} cannot be used: {error.__cause__ or error}; restore it from a backup") from error


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens at host and port; SO_REUSEADDR, so that a restart need not wait.

    Its protocol is named: asyncio sets TCP_NODELAY on no other, and an event would wait 40 ms for its turn.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise WebError(f"cannot listen at {host}:{port}: {error.strerror}") from error
        listener.listen(128)
        listener.setblocking(False)
        yield listener


class _Server(uvicorn.Server):
    """Leaves signals to the command line, which sets `stop`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _prove(store: Store, pulse: Pulse) -> None:
    """Beat when a question to the database has been answered, well or not: neither it nor the threads hang."""
    with contextlib.suppress(SQLAlchemyError):
        store.tick()
    pulse.tell(store=store.trouble or None)
    pulse.beat()


def _make_ready(app: FastAPI) -> None:
    """What the first to ask would wait for: done while nobody asks yet."""
    app.state.board.look()
    app.state.site.make_ready()


async def _serve(
    app: FastAPI, listener: socket.socket, stop: Event, prove: Callable[[], None], tls: Certificate | None
) -> None:
    """Serve until `stop`; `prove` is called every few seconds, in a thread as requests are, one call at a time."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=30,
        ssl_certfile=tls[0] if tls else None,
        ssl_keyfile=tls[1] if tls else None,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    looking = asyncio.create_task(run_in_threadpool(_make_ready, app))
    proving: asyncio.Task[None] | None = None
    prove_at = 0.0
    while not stop.is_set() and not serving.done():
        if (proving is None or proving.done()) and monotonic() >= prove_at:
            prove_at = monotonic() + PROVE_SECONDS
            proving = asyncio.create_task(run_in_threadpool(prove))
        await asyncio.sleep(WATCH_SECONDS)
    await app.state.feed.close()  # event streams would go on for ever
    server.should_exit = True
    await serving
    await looking
