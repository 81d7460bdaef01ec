"""The characteristics at a glance: plant, line, station, tile; worst first, and as a wall that rotates."""

from board.api.events import parse_position
from board.history.glance import HELD_SECONDS
from board.history.rows import Shown
from board.page import Asked, Page
from board.pages.andon.choice import Choice
from board.pages.andon.drawing import drawn
from board.pages.andon.order import Line, in_order, key, lines, tallies, tally
from board.pages.andon.wall import ROTATIONS, slides
from board.pages.andon.warnings import open_alerts
from board.times import rfc3339
from board.tones import SIGNS, tone
from rules.spec import ATTRIBUTE_CHARTS

MANY = 150  # tiles: from here on they are small unless told otherwise


def content(asked: Asked) -> Shown:
    """What is asked for, and how the history stood."""
    look, choice = asked.board.glance.at(asked.view), Choice.of(asked.query)
    return {
        "position": look.position,
        "choice": choice,
        "rotations": ROTATIONS,
        "as_of": rfc3339(look.tick_ns) if look.tick_ns else None,
        "draw": drawn(asked.language.code),
        "key_of": key,
        "tone_of": tone,
        "sign_of": sign,
        "counted": ATTRIBUTE_CHARTS,
    }


def sign(status: str) -> str:
    """The sign of a status: the same as its colour says."""
    return SIGNS[tone(status)]


def summary(asked: Asked) -> Shown:
    """How many there are of each status, of lines and of stations, each a filter."""
    look, choice = asked.board.glance.at(asked.view), Choice.of(asked.query)
    if (found := look.kept.get(choice)) is None:
        counted = tallies(tile for tile in look.tiles.values() if choice.matches(tile, but_status=True))
        for status in choice.status:
            counted.setdefault(status, 0)
        total = sum(counted.values())
        found = look.kept[choice] = {"tallies": counted, "total": total, "of_plant": len(look.tiles)}
    return dict(found)


def choices(asked: Asked) -> Shown:
    """What the form offers."""
    look, choice = asked.board.glance.at(asked.view), Choice.of(asked.query)
    items = [tile.item for tile in look.tiles.values()]
    return {
        "all_lines": sorted({str(item["line"]) for item in items}),
        "all_stations": sorted({str(item["station"]) for item in items if choice.has_line(str(item["line"]))}),
    }


def plant(asked: Asked) -> Shown:
    """The tiles that are asked for, by line and station; none of a wall, which shows slides."""
    held = 0.0 if asked.part else HELD_SECONDS  # alone it is asked for when something may have been missed
    look, choice = asked.board.glance.at(asked.view, held_seconds=held), Choice.of(asked.query)
    tiles = [tile for tile in look.tiles.values() if choice.matches(tile)]
    found: list[Line] = [] if choice.wall else lines(tiles)
    return {"lines": found, "tally": tally, "size": choice.size or ("small" if len(tiles) >= MANY else "large")}


def changed(asked: Asked) -> Shown:
    """The tiles that have changed behind `since`, and those that are to be seen no more; all of another history."""
    if not asked.part:
        return {"changes": None}
    look, choice = asked.board.glance.at(asked.view), Choice.of(asked.query)
    since = parse_position(asked.query.get("since"))
    after = since.row if since and since.history_uuid == look.history_uuid else -1
    found = [tile for tile in look.tiles.values() if tile.row > after]
    return summary(asked) | {"changes": [(tile, choice.matches(tile)) for tile in found]}


def wall(asked: Asked) -> Shown:
    """The slides of a wall, and the open alerts."""
    choice = Choice.of(asked.query)
    if not choice.wall:
        return {"slides": [], "alerts": []}
    look = asked.board.glance.at(asked.view, held_seconds=0)
    tiles = in_order(tile for tile in look.tiles.values() if choice.matches(tile))
    return {"slides": slides(tiles, choice.by), "alerts": open_alerts(asked.view, look), "tally": tally}


PAGE = Page(
    "andon",
    "/",
    content,
    {"summary": summary, "choices": choices, "plant": plant, "changed": changed, "wall": wall},
)
