"""What a page of the board is: one row of `board.pages.PAGES`, a template and perhaps a script of its name.

The server renders it whole, so that it says everything before any script has run. A block of its template that is
named in `parts` can be asked for alone (`?part=NAME`): that is how what has changed is shown (`assets/live.js`).
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import QueryParams

from board.figures.ready import make_ready
from board.goals import Goals
from board.history.glance import Glance
from board.history.queries import History, NoHistory, TooLong, View
from board.history.rows import Shown
from board.language import Language
from board.vitals.health import Sources
from config.models import PlantFile
from config.roles import ANYBODY, Asker


@dataclass(frozen=True, slots=True)
class Board:
    """What pages are made of: history, OKR store, what tells of the other processes, plant file, what is kept."""

    history: History
    sources: Sources
    goals: Goals
    plant: PlantFile | None = None
    glance: Glance = field(default_factory=Glance)

    def look(self) -> None:
        """Take in all characteristics, so that nobody who asks for a page waits for that; nothing without a history.

        The first call of compiled code takes two seconds, whichever it is: that is done with too.
        """
        make_ready()
        with suppress(NoHistory, TooLong), self.history.view() as view:
            self.glance.at(view)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for a page: `path` are the parameters of its route, `query` those behind its question mark.

    `part` is the block that is asked for alone, empty for the whole page; `asker` who asks, and what they may:
    `asked.asker.may(Role.WRITE)` to take a step of a task, accept limits or enter readings. `who` is their name: the
    token's, else what they called themselves last. Where a form of theirs was refused, `refused` says why, and
    `typed` is what was in it.
    """

    board: Board
    language: Language
    path: Mapping[str, Any]
    query: QueryParams
    snapshot: View | None = None
    part: str = ""
    asker: Asker = ANYBODY
    who: str = ""
    refused: str = ""
    typed: Mapping[str, str] = field(default_factory=dict)

    @property
    def view(self) -> View:
        """The history as it is now, the same for all that is computed of one request; raises `NoHistory`."""
        if self.snapshot is None:
            raise NoHistory("there is no history yet")
        return self.snapshot

    @property
    def name(self) -> str:
        """The `{name}` of the route: a characteristic, a key result, an alert, a station."""
        return str(self.path["name"])


class NoSuchThing(Exception):  # noqa: N818 - says what is the case
    """A page of something that is not there: its message says what."""


Content = Callable[[Asked], Shown]  # a template's variables; raises NoSuchThing, and NoHistory while there is none
Act = Callable[[Asked], tuple[int, str]]  # what the form `asked.typed` orders: HTTP status, and why it is refused


def nothing(_asked: Asked) -> Shown:
    """No variables."""
    return {}


@dataclass(frozen=True, slots=True)
class Page:
    """One page: `pages/NAME.html`, the table `[NAME]` of the catalogues (with its `title`), perhaps `assets/NAME.js`.

    `content` is computed for every answer (its `position`, if it has one, is where events go on instead of the end of
    the snapshot), each of `parts` for the whole page and when its block is asked for alone.
    `menu` has it in the navigation; `stream` says that it follows the events. `act` takes the page's forms (POST to
    its own address, with the write role): done, the page is shown again by a redirect; refused, with why.
    """

    name: str
    route: str
    content: Content = nothing
    parts: Mapping[str, Content] = field(default_factory=dict)
    menu: bool = True
    stream: bool = True
    act: Act | None = None

    def variables(self, asked: Asked) -> Shown:
        """Everything that the template, or the part that is asked for, needs."""
        found = dict(self.content(asked))
        for name, part in self.parts.items():
            if asked.part in ("", name):
                found |= part(asked)
        return found
