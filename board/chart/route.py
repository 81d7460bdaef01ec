"""The route of a control chart's points, `/api/v1/chart`."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, HTTPException, Query, Response

from board.api.routes import From, To
from board.chart.answer import TOLD, Window, chart
from board.chart.stored import Points
from board.history.queries import History, NoHistory, TooLong
from board.history.rows import Shown

Name = Annotated[str, Query(description="one id")]
First = Annotated[int | None, Query(ge=0, description="the place of the first: 0 is the oldest that is stored")]
Count = Annotated[int | None, Query(ge=1, description="so many, from the first on")]
Last = Annotated[int | None, Query(ge=1, le=20_000, description="the latest so many, and nothing else")]
Budget = Annotated[int, Query(alias="points", ge=12, le=20_000, description="more than so many are thinned")]
WithReadings = Annotated[bool, Query(alias="readings", description="the readings in each point, where none is thinned")]


def _array(kind: str) -> dict[str, object]:
    return {"type": "array", "items": {"type": [kind, "null"]}}


_WHOLE = ("seq", "idx", "signals", "phase", "revision", "specification_revision")
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "total": {"type": ["integer", "null"], "description": "points of the characteristic; null: not counted yet"},
        "origin": {"type": ["string", "null"], "description": "seq:idx of the oldest one: places count from there"},
        "before": {"type": "integer", "description": "points before the range; 0 while they are not counted"},
        "count": {"type": "integer", "description": "points of the range"},
        "bucket": {"type": "integer", "description": "points behind those drawn of a bucket; 1: all are told"},
        "rules": {"type": "array", "items": {"type": "string"}, "description": "by the bit of `signals`"},
        "signal_counts": {"type": "object", "description": "how many points of the range show each rule"},
        "columns": {
            "type": "object",
            "properties": {
                "place": _array("integer"), "time": _array("string"), "shift": _array("string"),
                **{name: _array("integer" if name in _WHOLE else "number") for name in TOLD},
            },
        },
        "readings": {"type": "array", "items": _array("number")},
        **{name: {"type": "array", "items": {"type": "object"}}
           for name in ("limits", "specification", "changes", "gaps", "signals", "corrections", "days")},
    },
}  # fmt: skip


def router(history: History) -> APIRouter:
    """The route; the points that it has read once are kept for the next request."""
    routes = APIRouter(prefix="/api/v1", tags=["history"])
    stored = Points()

    @routes.get("/chart", responses={200: {"content": {"application/json": {"schema": _SCHEMA}}}})
    def show_chart(
        characteristic: Name,
        start: From = None,
        end: To = None,
        first: First = None,
        count: Count = None,
        last: Last = None,
        budget: Budget = 2000,
        readings: WithReadings = False,
    ) -> Response:
        """A control chart's points as columns with all that is drawn with them; thinned so that nothing is lost.

        Of more than `points` points each bucket keeps its first, last, and its extremes of value and dispersion;
        every signal, every step of limits, revision or phase stays. `place` is a point's number in its order.
        """
        window = Window(start, end, first, count, last, budget, readings)
        return Response(orjson.dumps(_ask(history, stored, characteristic, window)), media_type="application/json")

    return routes


def _ask(history: History, stored: Points, name: str, window: Window) -> Shown:
    try:
        with history.view() as view:
            found = chart(view, stored, name, window)
    except NoHistory:
        found = None
    except TooLong as error:
        raise HTTPException(503, str(error)) from error
    if found is None:
        raise HTTPException(404, f"there is no characteristic {name!r} in the history")
    return found
