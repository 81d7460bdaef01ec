"""The pages' routes: each row of a table of pages is rendered on the server, whole or one part of it."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool

from board.access.gate import asker, known
from board.api.events import Position
from board.formats import Formats
from board.history.queries import NoHistory, TooLong, View, read_meta
from board.history.rows import Shown
from board.language import LANGUAGES, Language, language, preferred
from board.page import Asked, Board, NoSuchThing, Page
from board.tones import SIGNS
from config.roles import Role

HERE = Path(__file__).parent
THEMES = ("auto", "light", "dark")
LANGUAGE_COOKIE, THEME_COOKIE, WHO_COOKIE = "plumbline_language", "plumbline_theme", "plumbline_who"
YEAR_SECONDS = 31_536_000
NOTHING_MORE: Shown = {}


class Site:
    """Renders pages: one environment of templates a language."""

    def __init__(self, board: Board, pages: Sequence[Page], *, plant_id: str, time_zone: str) -> None:
        self._board = board
        self._pages = pages
        self._scripts: dict[tuple[str, str], Shown] = {}  # by language and page
        self._plant = {"plant_id": plant_id, "time_zone": time_zone}
        self._environments = {code: _environment(language(code), time_zone) for code in LANGUAGES}

    def router(self) -> APIRouter:
        """A route for every page, and the one that keeps what a person prefers."""
        routes = APIRouter(include_in_schema=False)
        for page in self._pages:
            self._add(routes, page)

        @routes.post("/preferences")
        async def prefer(request: Request) -> Response:
            return _prefer(parse_qs((await request.body()).decode("utf-8", "replace")))

        return routes

    def make_ready(self) -> None:
        """Compile every template, so that nobody who asks for a page waits for that."""
        for environment in self._environments.values():
            for name in environment.list_templates(extensions=["html"]):
                environment.get_template(name)

    def _add(self, routes: APIRouter, page: Page) -> None:
        @routes.get(page.route, name=page.name)
        def show(request: Request) -> Response:
            return self._answer(page, request, self._asked(request))

        if page.act is not None:

            @routes.post(page.route, name=page.name)
            async def act(request: Request) -> Response:
                form = parse_qs((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)
                typed = {name: values[0].strip() for name, values in form.items()}
                return await run_in_threadpool(self._act, page, request, typed)

    def _asked(self, request: Request) -> Asked:
        found = asker(request)
        return Asked(self._board, self.language(request), request.path_params, request.query_params,
                     part=request.query_params.get("part", ""), asker=found,
                     who=found.name or unquote(request.cookies.get(WHO_COOKIE, "")))  # fmt: skip

    def _act(self, page: Page, request: Request, typed: dict[str, str]) -> Response:
        """Does what a form orders; refused, the page says why, with what was typed."""
        asked = self._asked(request)
        if page.act is None or not asked.asker.may(Role.WRITE):
            raise HTTPException(403, "this needs the role write")
        who = asked.asker.name or typed.get("who", "")
        asked = replace(asked, typed=typed, who=who)
        status, refused = page.act(asked)
        if refused:
            return self._answer(page, request, replace(asked, refused=refused), status=status)
        answer = RedirectResponse(_here(request), 303)
        answer.set_cookie(WHO_COOKIE, quote(who), max_age=YEAR_SECONDS, httponly=True, samesite="strict")
        return answer

    def answer(self, name: str, request: Request, more: Shown, status: int) -> Response:
        """The page of that name with further variables: the answer to a form that was sent without a script."""
        page = next(page for page in self._pages if page.name == name)
        return self._answer(page, request, self._asked(request), more, status=status)

    def _answer(
        self, page: Page, request: Request, asked: Asked, more: Shown = NOTHING_MORE, *, status: int = 200
    ) -> Response:
        """The page, or the part of it that is asked for; why there is none, as a page too."""
        changes, _ = self._board.goals.news()  # before anything is read: what comes meanwhile is told as an event
        if asked.part not in ("", *page.parts):
            raise HTTPException(404, f"this page has no part {asked.part!r}; it has {', '.join(page.parts) or 'none'}")
        try:
            with self._snapshot() as view:
                found = page.variables(replace(asked, snapshot=view))
                found.setdefault("position", "" if view is None else _position(view))
                found["okr_changes"] = changes
        except NoHistory:
            return self._page(request, asked.language, "starting", page, {})
        except NoSuchThing as error:
            return self._page(request, asked.language, "missing", None, {"says": str(error)}, status=404)
        except TooLong as error:
            raise HTTPException(503, str(error)) from error
        return self._page(request, asked.language, page.name, page, found | more | {"asked": asked}, status=status,
                          part=asked.part)  # fmt: skip

    def language(self, request: Request) -> Language:
        """What the person has chosen, else what the browser prefers."""
        chosen = request.cookies.get(LANGUAGE_COOKIE, "")
        return language(chosen if chosen in LANGUAGES else preferred(request.headers.get("accept-language", "")))

    def missing(self, request: Request) -> Response:
        """The page for a path that is none."""
        return self._page(request, self.language(request), "missing", None, {"says": ""}, status=404)

    def plain(self, request: Request, template: str, found: Shown, status: int = 200) -> Response:
        """A page of no row: one that shows nothing of the plant."""
        return self._page(request, self.language(request), template, None, found, status=status)

    @contextmanager
    def _snapshot(self) -> Iterator[View | None]:
        """A view of the history; None while there is none."""
        with ExitStack() as stack:
            view = None
            with suppress(NoHistory):
                view = stack.enter_context(self._board.history.view())
            yield view

    def _page(
        self,
        request: Request,
        spoken: Language,
        template: str,
        page: Page | None,
        found: Shown,
        *,
        status: int = 200,
        part: str = "",
    ) -> Response:
        environment = self._environments[spoken.code]
        made = environment.get_template(f"{template}.html")
        variables: Shown = {**self._plant, **self._frame(request, spoken, page), "position": "", **found}
        if part:
            return HTMLResponse("".join(made.blocks[part](made.new_context(variables))), status)
        return HTMLResponse(made.render(variables), status)

    def _frame(self, request: Request, spoken: Language, page: Page | None) -> Shown:
        """What the frame of every page shows, and what its scripts are told."""
        theme = request.cookies.get(THEME_COOKIE, "auto")
        name = "" if page is None else page.name
        changes, opened = (0, 0) if known(request) is None else self._board.goals.news()
        return {
            "page": page, "menu": [one for one in self._pages if one.menu], "language": spoken, "languages": LANGUAGES,
            "theme": theme if theme in THEMES else "auto", "themes": THEMES, "here": _here(request),
            "signed_in": known(request), "open_alerts": opened, "okr_changes": changes,
            "script_data": self._script_data(spoken, name),
        }  # fmt: skip

    def _script_data(self, spoken: Language, name: str) -> Shown:
        """What the scripts of that page are told; put together once."""
        if (found := self._scripts.get((spoken.code, name))) is None:
            texts = spoken.section("frame.js") | (spoken.section(f"{name}.js") if name else {})
            found = self._scripts[spoken.code, name] = {
                "t": texts, "meanings": spoken.section("meaning"), "labels": spoken.section("word"),
                "signs": SIGNS, "zone": self._plant["time_zone"], "language": spoken.code,
            }  # fmt: skip
        return found


def _environment(spoken: Language, time_zone: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, auto_reload=False,  # an upgrade below a running process must not mix two versions
    )  # fmt: skip
    environment.globals.update(Formats(spoken, time_zone).all())
    return environment


def _position(view: View) -> str:
    meta = read_meta(view.db)
    return str(Position(meta.history_uuid, meta.last_row))


def _here(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _prefer(form: dict[str, list[str]]) -> Response:
    """Keeps the language or the theme that was chosen in a cookie, and goes back to the page."""
    back = form.get("back", ["/"])[0]
    answer = RedirectResponse(back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/", 303)
    for cookie, name, allowed in ((LANGUAGE_COOKIE, "language", tuple(LANGUAGES)), (THEME_COOKIE, "theme", THEMES)):
        chosen = form.get(name, [""])[0]
        if chosen in allowed:
            answer.set_cookie(cookie, chosen, max_age=YEAR_SECONDS, httponly=True, samesite="strict")
    return answer
