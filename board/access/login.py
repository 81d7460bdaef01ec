"""Signing in and out: a token is pasted once, and the browser gets a session of it."""

import logging
from collections.abc import Callable
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from board.access.gate import Gate, client_of, known, too_often
from board.history.rows import Shown
from config.roles import ANYBODY

LONGEST = 4_096  # bytes of the form

logger = logging.getLogger("web")

Page = Callable[[Request, str, Shown, int], Response]  # (request, template, what it shows, status)


def router(gate: Gate, page: Page) -> APIRouter:
    """`/login` and `/logout`."""
    routes = APIRouter(include_in_schema=False)

    def shown(request: Request, there: str, status: int = 200, trouble: str = "") -> Response:
        found = {"there": there, "trouble": trouble, "missing": gate.keys.missing, "menu": [],
                 "needless": known(request) is ANYBODY}  # fmt: skip
        return page(request, "login", found, status)

    @routes.get("/login")
    def form(request: Request) -> Response:
        return shown(request, within(request.query_params.get("next", "")))

    @routes.post("/login")
    async def sign_in(request: Request) -> Response:
        fields, client = _fields(await request.body()), client_of(request.scope)
        wait = gate.attempts.wait_seconds(client)
        if wait:
            answer = shown(request, within(fields.get("next", "")), 429, "often")
            answer.headers["Retry-After"] = too_often(wait).headers["Retry-After"]
            return answer
        found = gate.keys.by_token(fields.get("token", "").strip())
        if found is None or gate.keys.by_id(found.token) is None:
            gate.attempts.failed(client)
            logger.warning("somebody at %s tried to sign in with what is no token", client)
            return shown(request, within(fields.get("next", "")), 403, "unknown")
        logger.info("%s has signed in from %s (%s)", found.name, client, found.role)
        answer = RedirectResponse(within(fields.get("next", "")), 303)
        gate.sessions.end(gate.secret(request.headers))
        answer.set_cookie(
            gate.cookie,
            gate.sessions.begin(found.token),
            max_age=int(gate.sessions.seconds),
            httponly=True,
            samesite="strict",
            secure=gate.is_encrypted(request.scope),
        )
        return answer

    @routes.post("/logout")
    def sign_out(request: Request) -> Response:
        gate.sessions.end(gate.secret(request.headers))
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(gate.cookie, httponly=True, samesite="strict", secure=gate.is_encrypted(request.scope))
        return answer

    return routes


def within(there: str) -> str:
    """A path of this board to go on to, and the first page for anything else.

    >>> within("/okr?line=1"), within("//evil.example/"), within("https://evil.example"), within("/login")
    ('/okr?line=1', '/', '/', '/')
    """
    inside = there.startswith("/") and there[1:2] not in ("/", "\\") and there.isprintable()
    return there if inside and there.isascii() and not there.startswith("/log") else "/"


def _fields(body: bytes) -> dict[str, str]:
    """The fields of a form; the last of a name, and none of a form that is too long."""
    try:
        found = parse_qs(body.decode("ascii"), max_num_fields=10) if len(body) <= LONGEST else {}
    except ValueError:
        found = {}
    return {name: values[-1] for name, values in found.items()}
