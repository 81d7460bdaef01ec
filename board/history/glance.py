"""The characteristics at a glance, kept: what `board.history.overview` finds, with the latest points of each.

The history only grows, so what is known stays known: the next look reads the rows that have come since, and takes
anew the characteristics that they are of. All requests share it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from typing import Any

from markupsafe import Markup

from board.api.events import Position
from board.history import overview
from board.history.latest_points import Latest, followed, latest_points, new_points
from board.history.queries import View, read_meta
from board.history.rows import Shown

HELD_SECONDS = 0.25  # so long a look is shared: who needs what came since asks again
FAR = 50_000  # rows behind which everything is looked up anew: that is quicker than to follow
KINDS = ("characteristic", "specification", "limits", "capability", "day", "episode")  # and points


@dataclass(frozen=True, eq=False, slots=True)
class Tile:
    """One characteristic as it was from `row` of the history on; a change makes another tile of it.

    `item`: as `board.history.overview.characteristics` gives it. `points`: its latest, oldest first. `drawn`: what has
    been rendered of it, by language.
    """

    number: int
    row: int
    item: Shown
    points: tuple[Latest, ...]
    drawn: dict[str, Markup] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its id."""
        return str(self.item["characteristic"])

    @property
    def status(self) -> str:
        """Its status word."""
        return str(self.item["status"])


@dataclass(frozen=True, slots=True)
class Look:
    """All characteristics by number, in the order of their names, as the history was at `row`."""

    history_uuid: str = ""
    row: int = 0
    tick_ns: int = 0
    tiles: Mapping[int, Tile] = field(default_factory=dict)
    kept: dict[object, Any] = field(default_factory=dict)  # what pages have computed of it

    @property
    def position(self) -> str:
        """Where events go on behind it."""
        return str(Position(self.history_uuid, self.row))


class Glance:
    """Keeps the last look, and makes the next one of it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._look = Look()
        self._looked = -HELD_SECONDS

    def at(self, view: View, *, held_seconds: float = HELD_SECONDS) -> Look:
        """The characteristics as `view` has them, or as somebody has found them in the last `held_seconds`."""
        meta = read_meta(view.db)
        with self._lock:
            known = self._look
            if known.history_uuid == meta.history_uuid and monotonic() - self._looked < held_seconds:
                return known
            behind = meta.last_row - known.row
            if known.history_uuid != meta.history_uuid or behind > FAR:
                self._look = Look(meta.history_uuid, meta.last_row, meta.last_tick_ns, _all(view, meta.last_row))
            elif behind > 0 or meta.last_tick_ns > known.tick_ns:
                tiles = _followed(view, known, meta.last_row) if behind > 0 else known.tiles
                self._look = Look(known.history_uuid, max(meta.last_row, known.row), meta.last_tick_ns, tiles)
            self._looked = monotonic()
            return self._look


def _all(view: View, last_row: int) -> dict[int, Tile]:
    points = latest_points(view, last_row)
    numbers = {name: number for number, name in view.names.items()}
    found = {}
    for item in overview.characteristics(view, ()):
        number = numbers[str(item["characteristic"])]
        found[number] = Tile(number, last_row, item, points.get(number, ()))
    return found


def _followed(view: View, known: Look, last_row: int) -> Mapping[int, Tile]:
    points = new_points(view, known.row, last_row)
    changed = set(points)
    for kind in KINDS:
        statement = f'SELECT DISTINCT "characteristic" FROM "{kind}" WHERE "row" > ? AND "row" <= ?'
        changed |= {number for (number,) in view.db.execute(statement, (known.row, last_row)) if number is not None}
    if not changed:
        return known.tiles
    fresh = {}
    for number, item in overview.of_numbers(view, sorted(changed)).items():
        before = known.tiles.get(number)
        kept = before.points if before else ()
        fresh[number] = Tile(number, last_row, item, followed(kept, points.get(number, ())))
    tiles = {**known.tiles, **fresh}
    if fresh.keys() <= known.tiles.keys():
        return tiles
    return dict(sorted(tiles.items(), key=lambda one: one[1].name))
