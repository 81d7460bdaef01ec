"""The query API on the history: `/api/v1`, all of it read-only."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Annotated, Any, Literal

import anyio
import orjson
from fastapi import APIRouter, Header, HTTPException, Query, Response
from pydantic import BeforeValidator, WithJsonSchema
from starlette.types import Receive, Scope, Send

from board.api import events
from board.api.problems import problem
from board.history import overview, queries
from board.history.changes import changes
from board.history.corrections import corrections, with_corrections
from board.history.queries import History, NoHistory, Range, TooLong, View
from board.history.rows import Shown
from board.times import FIRST_NS, LAST_NS, parse_day, parse_time
from rules.events import KINDS
from rules.results import BY_NAME, LEADING

_Time = Annotated[int, BeforeValidator(parse_time), WithJsonSchema({"type": "string", "format": "date-time"})]
_Day = Annotated[int, BeforeValidator(parse_day), WithJsonSchema({"type": "string", "format": "date"})]
_Names = Annotated[list[str], Query(max_length=1000)]

Globs = Annotated[_Names, Query(alias="characteristic", description="ids or globs, repeatable; none: all")]
Metrics = Annotated[_Names, Query(alias="metric", description="ids or globs, repeatable; none: all")]
From = Annotated[_Time | None, Query(alias="from", description="RFC 3339; included")]
To = Annotated[_Time | None, Query(alias="to", description="RFC 3339; not included")]
FirstDay = Annotated[_Day | None, Query(alias="from", description="ISO date, or a time's date; included")]
LastDay = Annotated[_Day | None, Query(alias="to", description="ISO date, or a time's date; included")]
Limit = Annotated[int, Query(ge=1, le=100_000, description="so many of the newest, oldest first")]
Places = Annotated[_Names, Query(alias="place", description="places or globs, repeatable; none: all")]
ShopKinds = Annotated[_Names, Query(alias="kind", description=f"of {', '.join(KINDS)}; none: all")]
Kinds = Annotated[
    _Names, Query(alias="kind", description=f"of {', '.join(events.KINDS)}; none: {', '.join(events.USUAL)}")
]

_LAST_DAY = 3_652_059  # date.max.toordinal()


def router(history: History, feed: events.Feed) -> APIRouter:
    """The routes under `/api/v1` that read `history`; `feed` is what `/events` follows."""
    routes = APIRouter(prefix="/api/v1", tags=["history"])
    _add_overview(routes, history)
    _add_series(routes, history)
    _add_readings(routes, history)
    _add_rest(routes, history)
    _add_events(routes, feed)
    return routes


def answer(history: History, ask: Callable[[View], list[Shown]]) -> Response:
    """What `ask` finds as a JSON array; an empty one while there is no history."""
    try:
        with history.view() as view:
            found = ask(view)
    except NoHistory:
        found = []
    except TooLong as error:
        raise HTTPException(503, str(error)) from error
    return Response(orjson.dumps(found), media_type="application/json")


def _range(start: int | None, end: int | None, limit: int) -> Range:
    return Range(FIRST_NS if start is None else start, LAST_NS if end is None else end, limit)


def _documented(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI description of an array of rows of `kinds`, from their tables."""
    types = {"INTEGER": "integer", "REAL": "number", "TEXT": "string", "BLOB": "array"}
    fields = {column.name: {"type": [types[column.sql], "null"]} for kind in kinds
              for column in LEADING + BY_NAME[kind].columns}  # fmt: skip
    for name in fields:
        if name in ("characteristic", "time", "day") or name.endswith(("_time", "_day")):
            fields[name] = {"type": ["string", "null"]}
    if not queries.WITH_SHIFT.isdisjoint(kinds):
        fields["shift"] = {"type": ["string", "null"]}
    schema = {"type": "array", "items": {"type": "object", "properties": fields}}
    return {200: {"content": {"application/json": {"schema": schema}}}}


def _add_overview(routes: APIRouter, history: History) -> None:
    @routes.get("/characteristics", responses=_documented("characteristic"))
    def list_characteristics(characteristic: Globs = []) -> Response:  # noqa: B006 - FastAPI copies defaults
        """Each with its specification, limits, latest point, rolling capability, latest day, signals and alert."""
        return answer(history, lambda view: overview.characteristics(view, characteristic))


def _add_series(routes: APIRouter, history: History) -> None:
    def add(path: str, kind: str, summary: str) -> None:
        @routes.get(path, responses=_documented(kind), summary=summary, name=f"list_{path[1:]}")
        def list_rows(
            characteristic: Globs = [],  # noqa: B006
            start: From = None,
            end: To = None,
            limit: Limit = 1000,
        ) -> Response:
            asked = _range(start, end, limit)

            def told(view: View) -> list[Shown]:
                found = queries.series(view, kind, characteristic, asked)
                return with_corrections(view, characteristic, asked, found) if kind == "point" else found

            return answer(history, told)

    add("/points", "point", "Charted points with the limits that judged them; restated ones as they are now")
    add("/signals", "signal", "Run rules that fired, each at the point that completed it")
    add("/capability", "capability", "Rolling capability as it was stated")


def _add_readings(routes: APIRouter, history: History) -> None:
    @routes.get("/readings", responses=_documented("reading"))
    def list_readings(
        characteristic: Globs = [],  # noqa: B006
        start: From = None,
        end: To = None,
        of: Annotated[Literal["all", "loose"], Query(description="loose: those that are in no point")] = "all",
        limit: Limit = 1000,
    ) -> Response:
        """Every reading: those inside points, and those in none with the state that says why."""
        asked = _range(start, end, limit)

        def told(view: View) -> list[Shown]:
            found = queries.readings(view, characteristic, asked, loose_only=of == "loose")
            return with_corrections(view, characteristic, asked, found)

        return answer(history, told)


def _add_rest(routes: APIRouter, history: History) -> None:
    @routes.get("/days", responses=_documented("day"))
    def list_days(
        characteristic: Globs = [],  # noqa: B006
        first: FirstDay = None,
        last: LastDay = None,
        limit: Limit = 1000,
    ) -> Response:
        """Production days with their capability, each in its newest revision."""
        days = (0 if first is None else first, _LAST_DAY if last is None else last)
        return answer(history, lambda view: queries.days(view, characteristic, *days, limit))

    @routes.get("/rejected", responses=_documented("rejected"))
    def list_rejected(start: From = None, end: To = None, limit: Limit = 1000) -> Response:
        """What was refused, with the reason and the first bytes of the payload."""
        return answer(history, lambda view: queries.rejected(view, _range(start, end, limit)))

    @routes.get("/gaps", responses=_documented("gap"))
    def list_gaps(start: From = None, end: To = None, limit: Limit = 1000) -> Response:
        """Known losses: between `from_time` and `to_time` readings may be missing; `open` until they are filled."""
        return answer(history, lambda view: queries.gaps(view, _range(start, end, limit)))

    @routes.get("/corrections", responses=_documented("correction"))
    def list_corrections(
        characteristic: Globs = [],  # noqa: B006
        start: From = None,
        end: To = None,
        limit: Limit = 1000,
    ) -> Response:
        """Readings that were voided or corrected: what they count for now, what came, who said so and why."""
        return answer(history, lambda view: corrections(view, characteristic, _range(start, end, limit)))

    @routes.get("/changes")
    def list_changes(
        characteristic: Globs = [],  # noqa: B006
        start: From = None,
        end: To = None,
        limit: Limit = 1000,
    ) -> Response:
        """Changes of design, process, tool or material that touch any of the characteristics."""
        return answer(history, lambda view: changes(view, characteristic, _range(start, end, limit)))

    @routes.get("/metric-values", responses=_documented("metric"))
    def list_metric_values(
        metric: Metrics = [],  # noqa: B006
        start: From = None,
        end: To = None,
        limit: Limit = 1000,
    ) -> Response:
        """Values of the metrics that key results are bound to."""
        return answer(history, lambda view: queries.metric_values(view, metric, _range(start, end, limit)))

    @routes.get("/shop-events", responses=_documented("event"))
    def list_shop_events(
        place: Places = [],  # noqa: B006
        kind: ShopKinds = [],  # noqa: B006
        start: From = None,
        end: To = None,
        limit: Limit = 1000,
    ) -> Response:
        """Inspections, machine states, counts, complaints, changes and corrections, as they were told."""
        unknown = set(kind) - set(KINDS)
        if unknown:
            return problem(422, f"kind: expected any of {', '.join(KINDS)}, got {', '.join(sorted(unknown))}")
        return answer(history, lambda view: queries.shop_events(view, place, kind, _range(start, end, limit)))


def _add_events(routes: APIRouter, feed: events.Feed) -> None:
    @routes.get("/events", response_class=Response, responses={200: {"content": {"text/event-stream": {}}}})
    async def follow(
        characteristic: Globs = [],  # noqa: B006
        kind: Kinds = [],  # noqa: B006
        after: Annotated[str | None, Query(description="a position: what came behind it is told first")] = None,
        okr: Annotated[int | None, Query(description="the last of the OKR store's changes that is known")] = None,
        last: Annotated[str | None, Header(alias="Last-Event-ID")] = None,
    ) -> Response:
        """Server-sent events: rows as they are committed, from `ready` or `after` on; `reset`: load anew.

        `okr`: the OKR store has changed; the number of its newest change, and how many alerts are open.
        """
        unknown = set(kind) - set(events.KINDS)
        if unknown:
            return problem(422, f"kind: expected any of {', '.join(events.KINDS)}, got {', '.join(sorted(unknown))}")
        choice = events.Choice(tuple(kind) or events.USUAL, tuple(characteristic))
        position = events.parse_position(last) or events.parse_position(after)
        return EventStream(feed.follow(choice, position, okr))


class EventStream(Response):
    """A listener's stream; it ends when the client goes or the feed is closed."""

    media_type = "text/event-stream"

    def __init__(self, stream: AsyncGenerator[bytes]) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends until either side ends; a 503 when there are too many listeners."""
        async with aclosing(self._stream) as stream:
            try:
                first = await anext(stream)
            except events.TooManyListeners as error:
                await problem(503, str(error))(scope, receive, send)
                return
            async with anyio.create_task_group() as tasks:

                async def until_gone() -> None:
                    while (await receive())["type"] != "http.disconnect":
                        pass
                    tasks.cancel_scope.cancel()

                tasks.start_soon(until_gone)
                start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
                await send(start)
                await send({"type": "http.response.body", "body": first, "more_body": True})
                async for chunk in stream:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                tasks.cancel_scope.cancel()
