"""The OKR store's part of the HTTP API: what the forwarder pushes, what people do, what the board reads."""

from collections.abc import Callable, Coroutine
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy import Connection, insert

from config.roles import ANYBODY, Asker, Role
from okr import alerts, objectives
from okr.errors import Conflict, Forbidden, Missing, Refused
from okr.milestones import move_by_hand
from okr.models import Acted, Alert, Body, ByHand, Clock, Command, Event, Move, Plan
from okr.store import Answer, Json, Store, advance, canonical, follow_history, log, operations
from okr.tables import command
from okr.times import rfc3339

Key = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=500)]
# The history whose results are pushed (uuid): keys, revisions and plan seqs count within it.
History = Annotated[str | None, Header(alias="Plumbline-History", min_length=1, max_length=100)]
MaybeKey = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=500)]
Limit = Annotated[int, Query(ge=1, le=100_000)]
Act = Callable[[Connection, str], Answer]  # (transaction, the store's time)
# The newest revision of a characteristic's limits: 0 while there are none, None for an unknown characteristic.
LimitsRevision = Callable[[str], int | None]
WhoAsks = Callable[[Request], Asker]
Deed = TypeVar("Deed", bound=Acted)


class _ProblemRoute(APIRoute):
    """A route whose refusals are RFC 9457 problem details, and whose answers name the store (uuid)."""

    store = ""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                response = await handler(request)
            except Refused as refused:
                response = _problem(refused.status, refused.title, str(refused))
            except RequestValidationError as invalid:
                errors = [
                    {"path": ".".join(map(str, error["loc"])), "message": error["msg"]} for error in invalid.errors()
                ]
                detail = "; ".join(f"{error['path']}: {error['message']}" for error in errors)
                response = _problem(422, HTTPStatus(422).phrase, detail, errors=errors)
            response.headers["Plumbline-Store"] = self.store
            return response

        return answered


def _problem(status: int, title: str, detail: str, **more: object) -> Response:
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return Response(orjson.dumps(body), status, media_type="application/problem+json")


def _json(content: object, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


def router(
    store: Store,
    limits_revision: LimitsRevision = lambda characteristic: 0,
    who_asks: WhoAsks = lambda request: ANYBODY,
) -> APIRouter:
    """The routes under `/api/v1` that read and write `store`; orders are held against `limits_revision`.

    `who_asks` tells who shows which token: that is who did it, whatever the body says.
    """
    named = type("StoreRoute", (_ProblemRoute,), {"store": store.uuid})
    routes = APIRouter(prefix="/api/v1", route_class=named, tags=["okr"])
    _add_pushes(routes, store, who_asks)
    _add_actions(routes, store, limits_revision, who_asks)
    _add_queries(routes, store)
    return routes


def _signed(body: Deed, asker: Asker) -> Deed:
    """The body with who did it: who shows a token, else who the body says."""
    if not asker.name and not body.who:
        raise Refused("who: expected the name of whoever does that")
    return body.model_copy(update={"who": asker.name}) if asker.name else body


def _done(store: Store, key: str | None, path: str, body: Body, act: Act) -> Response:
    answer = store.once(key, path, body.model_dump(mode="json"), act)
    return _json(answer.body, answer.status)


def _pushed(
    store: Store, scope: tuple[str, str | None], path: str, body: Body, tick: datetime | None, act: Act
) -> Response:
    """What the engine says as of a tick: that tick is told with it. `scope` is the key and its history."""
    key, history = scope

    def told(connection: Connection, _now: str) -> Answer:
        if tick is not None and advance(connection, tick):
            alerts.escalate(connection, rfc3339(tick))
        now = rfc3339(store.time(connection))
        if history is not None:
            follow_history(connection, now, history, objectives.PUSHED)
        return act(connection, now)

    return _done(store, key if history is None else f"{history} {key}", path, body, told)


def _add_pushes(routes: APIRouter, store: Store, who_asks: WhoAsks) -> None:
    """What the engine's outbox pushes: each with an Idempotency-Key, and as of a tick."""

    @routes.post("/plans", status_code=201)
    def apply_plan(body: Plan, key: Key, history: History = None) -> Response:
        """Objectives and key results of a plan; those that it lacks are withdrawn."""
        scope = (key, history)
        return _pushed(store, scope, "plans", body, body.time, lambda c, now: objectives.apply_plan(c, now, body))

    @routes.post("/key-results/{name}/updates", status_code=201)
    def apply_update(request: Request, name: str, body: Move, key: Key, history: History = None) -> Response:
        """One revision of a key result's figures (a lower one than held is ignored), or a milestone moved by hand."""
        asker, need = who_asks(request), Role.WRITE if isinstance(body, ByHand) else Role.PUSH
        if not asker.may(need):
            raise Forbidden(f"the token {asker.name!r} has the role {asker.role}: this needs {need}")
        if isinstance(body, ByHand):
            by_hand = _signed(body, asker)
            return _done(store, key, f"key-results/{name}", by_hand, lambda c, now: move_by_hand(c, now, name, by_hand))
        if body.key_result != name:
            raise Refused(f"the path says {name!r}, the body {body.key_result!r}")
        path, scope = f"key-results/{name}/updates", (key, history)
        return _pushed(store, scope, path, body, body.as_of, lambda c, now: objectives.apply_update(c, now, body))

    @routes.post("/alerts", status_code=201)
    def apply_alert(body: Alert, key: Key, history: History = None) -> Response:
        """One revision of an alert; the first opens its improvement task."""
        scope = (key, history)
        return _pushed(store, scope, "alerts", body, body.as_of, lambda c, now: alerts.apply_alert(c, now, body))

    @routes.post("/clock", status_code=200)
    def tell_time(body: Clock) -> Response:
        """The plant's time: it only goes forward, and what is overdue is escalated."""
        with store.writing() as connection:
            escalated = alerts.escalate(connection, rfc3339(body.tick)) if advance(connection, body.tick) else []
            told = rfc3339(store.time(connection))
        return _json({"tick": told, "escalated": escalated})


def _add_actions(routes: APIRouter, store: Store, limits_revision: LimitsRevision, who_asks: WhoAsks) -> None:
    """What people do."""

    @routes.post("/alerts/{name:path}/events", status_code=201)
    def take_step(request: Request, name: str, body: Event, key: MaybeKey = None) -> Response:
        """Acknowledge → plan → verify → close: a step that does not follow is a 409."""
        path, step = f"alerts/{name}/events", _signed(body, who_asks(request))
        return _done(store, key, path, step, lambda c, now: alerts.take_step(c, now, name, step))

    @routes.post("/commands", status_code=201)
    def order(request: Request, body: Command, key: MaybeKey = None) -> Response:
        """Something that the engine is to do; the gateway brings it into the journal."""
        asked = _signed(body, who_asks(request))
        return _done(store, key, "commands", asked, lambda c, now: _order(c, now, asked, limits_revision))


def _order(connection: Connection, now: str, body: Command, limits_revision: LimitsRevision) -> Answer:
    name, found = body.characteristic, limits_revision(body.characteristic)
    if found is None:
        raise Missing(f"no characteristic {name!r}")
    if body.revision is not None and found and body.revision != found:
        raise Conflict(f"the limits of {name} have revision {found} by now, not {body.revision}: look at them again")
    content: Json = body.model_dump(mode="json", exclude={"who", "kind"}, exclude_none=True)
    row = {"at": now, "who": body.who, "kind": body.kind, "body": canonical(content)}
    key = connection.execute(insert(command).values(row)).inserted_primary_key
    number = None if key is None else key[0]
    log(connection, now, body.who, body.kind, body.characteristic, before=None, after={"command": number, **content})
    return Answer(201, {"command": number, "at": now, **body.model_dump(mode="json")})


def _add_queries(routes: APIRouter, store: Store) -> None:
    @routes.get("/objectives")
    def list_objectives() -> Response:
        """The tree: top objectives with their key results and the objectives below."""
        with store.reading() as connection:
            return _json(objectives.tree(connection))

    @routes.get("/key-results")
    def list_key_results() -> Response:
        """Each key result with the figures of its newest update."""
        with store.reading() as connection:
            return _json(objectives.key_results(connection))

    @routes.get("/key-results/{name}")
    def show_key_result(name: str) -> Response:
        """One key result with the figures of its newest update."""
        with store.reading() as connection:
            found = objectives.key_results(connection, name)
        if not found:
            raise Missing(f"no key result {name!r}")
        return _json(found[0])

    @routes.get("/key-results/{name}/updates")
    def list_updates(name: str, limit: Limit = 1000) -> Response:
        """The newest updates of a key result, oldest first."""
        with store.reading() as connection:
            return _json(objectives.updates(connection, name, limit))

    @routes.get("/alerts")
    def list_alerts(state: str | None = None, characteristic: str | None = None) -> Response:
        """Alerts with their improvement tasks, oldest first."""
        with store.reading() as connection:
            return _json(alerts.alerts(connection, state=state, characteristic=characteristic))

    @routes.get("/alerts/{name:path}")
    def show_alert(name: str) -> Response:
        """One alert with its improvement task and its events."""
        with store.reading() as connection:
            return _json(alerts.one_alert(connection, name))

    @routes.get("/operations")
    def list_operations(limit: Limit = 1000) -> Response:
        """The newest lines of the operation log, oldest first."""
        with store.reading() as connection:
            return _json(operations(connection, limit))
