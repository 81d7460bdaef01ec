"""The wall: slides that follow each other, each with as many tiles as can be read from afar, worst first."""

from collections.abc import Sequence
from dataclasses import dataclass

from board.history.glance import Tile
from board.pages.andon.order import lines
from board.tones import tone

ROTATIONS = ("line", "station", "worst")
A_SLIDE = 12  # tiles that are legible from five metres on a screen of 55 inches
OF_WORST = 9  # whose whole ids are told
MOST_OF_WORST = 8  # slides of the plant's worst


@dataclass(frozen=True, slots=True)
class Slide:
    """Tiles of a line, of a station, or of all that is not good; `more` are those that have no room."""

    line: str
    station: str
    tiles: Sequence[Tile]
    more: Sequence[Tile] = ()


def slides(tiles: Sequence[Tile], by: str) -> list[Slide]:
    """The slides of `tiles` (worst first), a line or station each, or the worst of the plant; never none of some."""
    if by == "worst":
        worst = [tile for tile in tiles if tone(tile.status) in ("bad", "warn")] or list(tiles[:OF_WORST])
        shown = worst[: OF_WORST * MOST_OF_WORST]
        return [Slide("", "", shown[first : first + OF_WORST]) for first in range(0, len(shown), OF_WORST)]
    found = []
    rank = {tile.number: place for place, tile in enumerate(tiles)}
    for line in lines(tiles):
        for station in line.stations if by == "station" else (None,):
            members = sorted(station.tiles if station else line.tiles, key=lambda tile: rank[tile.number])
            name = station.name if station else ""
            found.append(Slide(line.name, name, members[:A_SLIDE], members[A_SLIDE:]))
    return found
