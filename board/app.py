"""The web process's application: pages, query API, events, vitals, and the OKR store's routes handed in."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Response
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles

from board.access import login
from board.access.gate import Access, Gate
from board.access.guard import Guard
from board.api import export
from board.api import routes as api
from board.api.events import Feed
from board.api.problems import add_problems
from board.chart import route as chart
from board.goals import Okr
from board.hand_in import HandIn, nowhere
from board.history.queries import History
from board.page import Board
from board.pages import PAGES, entry_form
from board.site import Site
from board.vitals import health as vitals
from board.vitals.health import Sources
from config.models import PlantFile
from rules.spec import CalendarSpec

HERE = Path(__file__).parent
GZIP_LEVEL = 1  # a page of a thousand tiles in hundredths of a second; more would cost more than the network does


class Assets(StaticFiles):
    """Styles, scripts, pictures: kept by the browser, and asked whether they are still the same."""

    def file_response(self, *arguments: Any, **options: Any) -> Response:
        """The file, or that it has not changed."""
        answer = super().file_response(*arguments, **options)
        answer.headers["Cache-Control"] = "no-cache"
        return answer


def create_app(
    history: Path,
    okr: Okr,
    *,
    sources: Sources = Sources(),  # noqa: B008 - frozen
    plant: PlantFile | None = None,
    gate: Gate | None = None,
    hand_in: HandIn = nowhere,
    plant_id: str = "",
    calendar: CalendarSpec = CalendarSpec(),  # noqa: B008 - frozen
) -> FastAPI:
    """The application on the history at that path, which may not be there yet.

    `okr` is the OKR store: its routes, and what pages read of it; `sources` tell how the other processes are doing;
    `gate` says who may ask, and under which names; `plant_id` and the time zone of `calendar` what the pages show; its
    shifts say who was on. `plant` is the plant file that the pages tell of; `hand_in` takes what people measure to the
    gateway. `app.state.feed.close()` ends the event streams, so that a server can stop; `app.state.board.look()` and
    `app.state.site.make_ready()` take in what pages show, and how, before anybody asks.
    """
    app = FastAPI(title="Plumbline", version="1", docs_url=None, redoc_url=None)
    reader = History(history, calendar=calendar)
    feed = app.state.feed = Feed(reader, okr.goals.news)
    board = app.state.board = Board(reader, sources, okr.goals, plant)
    site = app.state.site = Site(board, PAGES, plant_id=plant_id, time_zone=calendar.timezone)
    gate = gate or Gate()
    add_problems(app, site.missing)
    app.add_middleware(Access, gate=gate)
    app.add_middleware(GZipMiddleware, compresslevel=GZIP_LEVEL)  # event streams pass by it
    app.add_middleware(Guard, hosts=gate.hosts, origins=gate.public)
    app.include_router(api.router(reader, feed))
    app.include_router(chart.router(reader))
    app.include_router(export.router(reader, calendar))
    app.include_router(okr.routes)
    app.include_router(vitals.router(reader, feed, sources))
    app.include_router(site.router())
    app.include_router(entry_form.router(site, board, hand_in))
    app.include_router(login.router(gate, site.plain))

    @app.get("/favicon.ico", include_in_schema=False)
    def icon() -> Response:
        return Response((HERE / "assets" / "icon.svg").read_bytes(), media_type="image/svg+xml")

    app.mount("/assets", Assets(directory=HERE / "assets"), name="assets")
    return app
