"""The web process's application: pages, query API, events, vitals, and the OKR store's routes handed in."""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.staticfiles import StaticFiles

from board import api, vitals
from board.access import Access
from board.events import Feed
from board.guard import LOOPBACK, Guard
from board.problems import add_problems
from board.queries import History
from board.rows import Shown
from board.vitals import Sources
from board.words import MEANINGS
from rules.spec import CalendarSpec

HERE = Path(__file__).parent


class PageMaker(Protocol):
    """Makes the page of a template, which gets `more`."""

    def __call__(self, name: str, *, status: int = 200, **more: object) -> Response:
        """The page as an answer."""
        ...


def create_app(
    history: Path,
    okr_router: APIRouter,
    *,
    sources: Sources = Sources(),  # noqa: B008 - frozen
    allowed_hosts: Iterable[str] = LOOPBACK,
    plant_id: str = "",
    calendar: CalendarSpec = CalendarSpec(),  # noqa: B008 - frozen
) -> FastAPI:
    """The application on the history at that path, which may not be there yet.

    `okr_router` are the OKR store's routes; `sources` tell how the other processes are doing; `allowed_hosts` are
    the names (without port) under which it may be asked for; `plant_id` and the time zone
    of `calendar` what the pages show; its shifts say who was on.
    `app.state.feed.close()` ends the event streams, so that a server can stop.
    """
    app = FastAPI(title="Plumbline", version="1", docs_url=None, redoc_url=None)
    reader = History(history, calendar=calendar)
    feed = app.state.feed = Feed(reader)
    shown = _page_maker(plant_id, calendar.timezone)
    add_problems(app, lambda path: shown("missing", path=path, status=404))
    app.add_middleware(Access)
    app.add_middleware(Guard, hosts=allowed_hosts)
    app.include_router(api.router(reader, feed))
    app.include_router(okr_router)
    app.include_router(vitals.router(reader, feed, sources))
    app.include_router(_pages(shown))
    app.mount("/assets", StaticFiles(directory=HERE / "assets"), name="assets")
    return app


def _page_maker(plant_id: str, time_zone: str) -> PageMaker:
    """Makes a page of its template's name."""
    templates = Environment(
        loader=FileSystemLoader(HERE / "pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    known: Shown = {"plant_id": plant_id, "time_zone": time_zone, "meanings": MEANINGS}

    def page(name: str, *, status: int = 200, **more: object) -> Response:
        html = templates.get_template(f"{name}.html").render(**known, **more)
        return HTMLResponse(html, status)

    return page


def _pages(page: PageMaker) -> APIRouter:
    """The pages: shells that their scripts fill from the API."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    def characteristics() -> Response:
        return page("characteristics")

    @routes.get("/characteristics/{name:path}")
    def characteristic(name: str) -> Response:
        return page("characteristic", characteristic=name)

    @routes.get("/okr")
    def okr() -> Response:
        return page("okr")

    @routes.get("/service")
    def service() -> Response:
        return page("service")

    @routes.get("/docs")
    def docs() -> Response:
        return page("docs")

    @routes.get("/favicon.ico")
    def icon() -> Response:
        return Response((HERE / "assets" / "icon.svg").read_bytes(), media_type="image/svg+xml")

    return routes
