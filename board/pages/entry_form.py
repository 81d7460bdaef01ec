"""What a person sends from a station's page: read, checked, handed in, and told what came of it."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from board.access.gate import asker
from board.formats import number
from board.hand_in import HandIn
from board.history.overview import characteristics
from board.history.queries import read_meta
from board.history.rows import Shown
from board.page import Board
from board.pages.entry import CONTEXT, Check, checks_at, inspection, message
from board.site import Site
from board.times import rfc3339
from config.roles import Role
from rules.spec import ATTRIBUTE_CHARTS

# What a keyboard-wedge gauge may type: a sign, decimals behind a point or a comma, its unit behind.
_NUMBER = re.compile(r"([+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?)\s*([^\d\s].*)?")


class NotANumber(ValueError):  # noqa: N818 - says what is the case
    """A field that holds no number, or one in another unit."""


def number_of(text: str, unit: str) -> float:
    """The number that was typed; raises `NotANumber`.

    >>> number_of("+10,012 mm", "mm"), number_of(" .5", "mm")
    (10.012, 0.5)
    """
    found = _NUMBER.fullmatch(text.strip())
    if found is None or (found[2] or unit) != unit:
        raise NotANumber(text)
    return float(found[1].replace(",", "."))


def router(site: Site, board: Board, hand_in: HandIn) -> APIRouter:
    """The route that takes a station's form: answered with JSON to a script, else with the page."""
    routes = APIRouter(include_in_schema=False)

    @routes.post("/entry/{name:path}", name="hand-in")
    async def enter(request: Request) -> Response:
        form = {key: values[-1] for key, values in _form(await request.body()).items()}
        if not asker(request).may(Role.WRITE):
            raise HTTPException(403, "expected a token with the role write")
        result = await run_in_threadpool(_enter, board, hand_in, request, form)
        status = 200 if result["ok"] else 422
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse(result, status)
        return await run_in_threadpool(site.answer, "entry-station", request, {"result": result}, status)

    def _enter(board: Board, hand_in: HandIn, request: Request, form: Mapping[str, str]) -> Shown:
        return _taken(site, board, hand_in, request, form)

    return routes


def _form(body: bytes) -> dict[str, list[str]]:
    return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=2000)


def _taken(site: Site, board: Board, hand_in: HandIn, request: Request, form: Mapping[str, str]) -> Shown:
    """Hand in one characteristic's values; what came of it in a sentence, and whether one is out of specification."""
    t = site.language(request).t
    name = form.get("characteristic", "")
    found = [check for check in checks_at(board.plant, request.path_params["name"]) if check.characteristic == name]
    if not found or board.plant is None:
        raise HTTPException(404, f"no characteristic {name!r} is entered by hand at this station")
    result: Shown = {"ok": False, "characteristic": name, "says": "", "out": False, "form": dict(form)}
    try:
        values = _values(board, found[0], form)
    except NotANumber as error:
        text = str(error).strip()
        return result | {"says": t("entry.not-a-number", text=text) if text else t("entry.value-missing")}
    with board.history.view() as view:
        (item,) = characteristics(view, [name])
        simulated = {"time": rfc3339(read_meta(view.db).last_tick_ns)} if board.plant.clock.source == "topic" else {}
    context = {key: form.get(key, "").strip()[:200] for key in CONTEXT}
    context["operator"] = asker(request).name or context["operator"]
    more = {"id": form.get("id") or f"entry-{uuid4()}", **simulated}
    is_count = board.plant.characteristics[name].chart in ATTRIBUTE_CHARTS
    way = found[0].way
    body = inspection(way, values[0], values[1], context, **more) if is_count else message(way, values, context, **more)
    outcome = hand_in(way.connector, way.topic, body)
    if not outcome.is_on_disk:
        return result | {"says": t("entry.not-taken-in", why=outcome.detail)}
    if outcome.refused:
        says = "; ".join(f"{site.language(request).meaning(one['reason']) or one['reason']} ({one['detail']})"
                         for one in outcome.refused)  # fmt: skip
        return result | {"says": t("entry.refused", why=says)}
    judged = [values[1] / values[0]] if is_count and values[0] else values
    out = any(_is_out(value, item) for value in judged)
    told = [number(value, 15) for value in values]
    all_told = t("entry.count", found=told[1], inspected=told[0]) if is_count else " ".join(told)
    says = t("entry.taken-in", values=all_told)
    if out:
        says += " " + (t("entry.out-react") if item["reaction"] else t("entry.out"))
    return result | {"ok": True, "out": out, "says": says}


def _values(board: Board, check: Check, form: Mapping[str, str]) -> list[float]:
    """The numbers of the form in order: a whole subgroup, or inspected and found."""
    assert board.plant is not None
    options = board.plant.characteristics[check.characteristic]
    is_count = options.chart in ATTRIBUTE_CHARTS
    fields = ("inspected", "found") if is_count else tuple(f"value-{k + 1}" for k in range(options.subgroup_size))
    return [number_of(form.get(field, ""), "" if is_count else options.unit) for field in fields]


def _is_out(value: float, item: Mapping[str, Any]) -> bool:
    """Whether a value is beyond the stored specification."""
    lsl, usl = item["lsl"], item["usl"]
    return (lsl is not None and value < lsl) or (usl is not None and value > usl)
