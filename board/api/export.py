"""Downloads as CSV: readings, points and days of one characteristic, read from the history in pages.

Between two pages the view is let go of, so that a long download holds nothing up.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Query, Response
from fastapi.responses import StreamingResponse

from board.api.csv_lines import BOM, Cell, csv_lines
from board.history.measured import CONTEXT, Choice, Measured, Reading
from board.history.queries import DAY_NS, History, NoHistory, View, days
from board.history.rows import columns_of, rules_of
from board.period import Period, days_of, period
from board.times import FIRST_NS, SECOND_NS, rfc3339
from rules.calendar import zone
from rules.results import BY_NAME, LEADING
from rules.spec import CalendarSpec

TOLD = (*CONTEXT, "subgroup", "supplier", "cavity", "fixture", "gauge", "order", "purpose")  # what comes with a reading
POINT_FIELDS = ("value", "dispersion", "n", "ucl", "cl", "lcl", "dispersion_ucl", "dispersion_cl", "dispersion_lcl",
                "phase", "revision", "specification_revision", "seq", "idx")  # fmt: skip
IN_THE_UNIT = frozenset((*POINT_FIELDS[:2], *POINT_FIELDS[3:9], "mean", "sigma_within", "sigma_overall"))
POINTS_A_PAGE = 5_000
MOST_DAYS = 100_000

Table = Iterator[Sequence[Sequence[Cell]]]
Name = Annotated[str, Query(alias="characteristic", description="its id")]
Start = Annotated[str, Query(alias="from", description="a production day, a time of the plant, or RFC 3339; included")]
End = Annotated[str, Query(alias="to", description="a production day (included), or a time (not included)")]
Bom = Annotated[Literal["yes", "no"], Query(description="the mark of UTF-8 at the beginning, for spreadsheets")]
Said = Annotated[str, Query(max_length=200)]


def router(history: History, calendar: CalendarSpec) -> APIRouter:
    """The routes `/api/v1/readings.csv`, `points.csv` and `days.csv`."""
    routes = APIRouter(prefix="/api/v1", tags=["download"])
    described: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}}

    def answer(kind: str, name: str, make: Callable[[int, str], Table], bom: str) -> Response:
        number, unit = _known(history, name)
        pages = chain([BOM] if bom == "yes" else (), (csv_lines(page) for page in make(number, unit)))
        return StreamingResponse(pages, media_type="text/csv; charset=utf-8", headers=_headers(name, kind))

    @routes.get("/readings.csv", response_class=Response, responses=described)
    def download_readings(  # noqa: PLR0913, PLR0917 - what may be asked
        name: Name, start: Start = "", end: End = "", bom: Bom = "yes", lot: Said = "", part: Said = "",
        product: Said = "", machine: Said = "", tool: Said = "", operator: Said = "",
    ) -> Response:  # fmt: skip
        """Every reading with its context and correction, in the order in which their points closed."""
        told = dict(zip(CONTEXT, (lot, part, product, machine, tool, operator), strict=True))
        choice = Choice(*_asked(start, end, calendar), {key: said for key, said in told.items() if said})
        return answer("readings", name, lambda *of: _readings(history, calendar, choice, *of), bom)

    @routes.get("/points.csv", response_class=Response, responses=described)
    def download_points(name: Name, start: Start = "", end: End = "", bom: Bom = "yes") -> Response:
        """Every charted point with the limits that judged it and the run rules that stand at it, oldest first."""
        asked = _asked(start, end, calendar)
        return answer("points", name, lambda *of: _points(history, calendar, asked, *of), bom)

    @routes.get("/days.csv", response_class=Response, responses=described)
    def download_days(name: Name, start: Start = "", end: End = "", bom: Bom = "yes") -> Response:
        """Every production day with its capability, in its newest revision, oldest first."""
        asked = _asked(start, end, calendar)
        return answer("days", name, lambda _, unit: _days(history, name, days_of(asked, calendar), unit), bom)

    return routes


def _asked(start: str, end: str, calendar: CalendarSpec) -> Period:
    try:
        return period(start, end, calendar)
    except ValueError as error:
        raise HTTPException(422, f"from, to: {error}") from error


def _known(history: History, name: str) -> tuple[int, str]:
    """The number and the unit of a characteristic."""
    try:
        with history.view() as view:
            row = view.db.execute(
                'SELECT "characteristic", "unit" FROM "characteristic" WHERE "name" = ? ORDER BY "row" DESC', (name,)
            ).fetchone()
    except NoHistory as error:
        raise HTTPException(404, str(error)) from error
    if row is None:
        raise HTTPException(404, f"there is no characteristic {name!r} in the history")
    return int(row[0]), str(row[1] or "")


def _headers(name: str, kind: str) -> dict[str, str]:
    file = f"{name.replace('/', '_')}-{kind}.csv"
    plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "_" for letter in file)
    return {"Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file)}"}


def _titled(names: Iterable[str], unit: str) -> tuple[str, ...]:
    return tuple(f"{name} [{unit}]" if unit and name in IN_THE_UNIT else name for name in names)


class _Clock:
    """Times as the plant's, in the form that spreadsheets take for a time."""

    def __init__(self, calendar: CalendarSpec) -> None:
        self._zone = zone(calendar.timezone)

    def pair(self, time_ns: int) -> tuple[str, str]:
        """RFC 3339 in UTC, and the plant's."""
        moment = datetime.fromtimestamp(time_ns // SECOND_NS, self._zone)
        return rfc3339(time_ns), f"{moment:%Y-%m-%d %H:%M:%S}.{time_ns % SECOND_NS // 1_000_000:03d}"


def _readings(history: History, calendar: CalendarSpec, choice: Choice, number: int, unit: str) -> Table:
    clock = _Clock(calendar)
    fixed = ("correction", "corrected to", "corrected by", "correction reason")
    yield [("time (UTC)", f"time ({calendar.timezone})", *_titled(("value",), unit), "state", "shift", *TOLD, *fixed,
            "seq", "idx")]  # fmt: skip

    def lines(view: View, readings: Iterable[Reading]) -> list[Sequence[Cell]]:
        chosen = [one for one in readings if choice.takes(one)]
        shifts = view.shifts([one.time_ns for one in chosen])
        return [_line(one, shift or "", clock) for one, shift in zip(chosen, shifts, strict=True)]

    after, loose_from, end_ns = (FIRST_NS, 0), choice.start_ns, _later(choice.end_ns)
    while True:
        with history.view() as view:
            measured = Measured(view, number)
            page = measured.points(choice.start_ns, end_ns, after)
            until = page[-1].time_ns if page else choice.end_ns
            aside = measured.loose(loose_from, max(min(until, choice.end_ns), loose_from))
            found = sorted(
                [(point.time_ns, place, point.readings) for place, point in enumerate(page)]
                + [(one.time_ns, -1, (one,)) for one in aside], key=lambda item: item[:2],
            )  # fmt: skip
            told = lines(view, chain.from_iterable(readings for _, _, readings in found))
        yield told
        if not page:
            return
        after, loose_from = (page[-1].time_ns, page[-1].row), max(loose_from, min(until, choice.end_ns))


def _later(end_ns: int) -> int:
    """Until when the points of readings before `end_ns` close."""
    return min(end_ns, 2**63 - 1 - DAY_NS) + DAY_NS


def _line(one: Reading, shift: str, clock: _Clock) -> Sequence[Cell]:
    told = (str(one.context.get(name) or "") for name in TOLD)
    fix = ("", None, "", "") if one.fix is None else (one.fix.action, one.fix.value, one.fix.who, one.fix.why)
    return (*clock.pair(one.time_ns), one.value, one.state, shift, *told, *fix, one.seq, one.idx)


def _points(history: History, calendar: CalendarSpec, asked: Period, number: int, unit: str) -> Table:
    clock = _Clock(calendar)
    yield [("time (UTC)", f"time ({calendar.timezone})", *_titled(POINT_FIELDS, unit), "rules")]
    columns = ", ".join(f'"{name}"' for name in POINT_FIELDS)
    after = (FIRST_NS, 0)
    while True:
        with history.view() as view:
            rows = view.db.execute(
                f'SELECT "time", "row", "signals", {columns} FROM "point" WHERE "characteristic" = ? AND "current" = 1 '
                'AND "time" >= ? AND "time" < ? AND ("time", "row") > (?, ?) ORDER BY "time", "row" LIMIT ?',
                (number, max(asked.start_ns, after[0]), asked.end_ns, *after, POINTS_A_PAGE),
            ).fetchall()
        if not rows:
            return
        yield [(*clock.pair(row[0]), *row[3:], " ".join(rules_of(row[2]))) for row in rows]
        after = (rows[-1][0], rows[-1][1])


def _days(history: History, name: str, asked: tuple[int, int], unit: str) -> Table:
    skipped = {"characteristic", "verdict", *(column.name for column in LEADING)}
    fields = [field for field in columns_of(BY_NAME["day"]) if field not in skipped]
    yield [_titled(fields, unit)]
    with history.view() as view:
        found = days(view, [name], *asked, MOST_DAYS)
    yield [[_plain(day[field]) for field in fields] for day in found]


def _plain(value: object) -> Cell:
    if isinstance(value, list):
        return " ".join(str(one) for one in value)
    return value if isinstance(value, (str, float, int)) or value is None else str(value)
