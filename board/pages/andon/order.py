"""Worst first: the order of tiles, stations and lines, and how many there are of each status."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor
from typing import NamedTuple

from board.history.glance import Tile
from board.tones import SIGNS, Tone, tone

# From worst to best. What is not known is worse than what is good; a test holds it against every status there is.
GRAVITY: tuple[str, ...] = (
    *("alert", "out-of-spec", "below-floor", "signal", "below-target", "unstable", "drifting", "stale", "unverified"),
    *("gauge", "resolution", "non-normal", "insufficient", "no-figure", "no-data", "no-spec", "ok", "withdrawn"),
)
_RANK = {status: rank for rank, status in enumerate(GRAVITY)}
_UNKNOWN = 9_999  # the step of no Cpk


class Tally(NamedTuple):
    """So many of a tone."""

    tone: Tone
    sign: str
    tiles: int


@dataclass(frozen=True, slots=True)
class Station:
    """Tiles of one station, worst first."""

    line: str
    name: str
    tiles: Sequence[Tile]


@dataclass(frozen=True, slots=True)
class Line:
    """Stations of one line, the one with the worst tile first."""

    name: str
    stations: Sequence[Station]

    @property
    def tiles(self) -> list[Tile]:
        """All tiles of the line."""
        return [tile for station in self.stations for tile in station.tiles]


def key(tile: Tile) -> str:
    """Sorts tiles by status, worst first, then by Cpk in steps of a tenth: it shall not dance with every figure."""
    capability = tile.item["capability"]
    cpk = capability.get("cpk") if isinstance(capability, dict) else None
    step = min(max(floor(10 * cpk) + 500, 0), _UNKNOWN - 1) if isinstance(cpk, float) else _UNKNOWN
    return f"{_RANK.get(tile.status, len(GRAVITY)):02}.{step:04}"


def in_order(tiles: Iterable[Tile]) -> list[Tile]:
    """Tiles worst first; equals by name."""
    return sorted(tiles, key=lambda tile: (key(tile), tile.name))


def lines(tiles: Iterable[Tile]) -> list[Line]:
    """Tiles by line and station, in the order of the worst of each, then of their names."""
    by: dict[str, dict[str, list[Tile]]] = {}
    for tile in in_order(tiles):
        by.setdefault(str(tile.item["line"]), {}).setdefault(str(tile.item["station"]), []).append(tile)
    found = [
        Line(line, sorted((Station(line, name, some) for name, some in stations.items()), key=_of_station))
        for line, stations in by.items()
    ]
    return sorted(found, key=lambda line: (key(line.stations[0].tiles[0]), line.name))


def _of_station(station: Station) -> tuple[str, str]:
    return key(station.tiles[0]), station.name


def tallies(tiles: Iterable[Tile]) -> dict[str, int]:
    """How many there are of each status, worst first."""
    counted: dict[str, int] = {}
    for tile in tiles:
        counted[tile.status] = counted.get(tile.status, 0) + 1
    return dict(sorted(counted.items(), key=lambda one: _RANK.get(one[0], len(GRAVITY))))


def tally(tiles: Iterable[Tile]) -> list[Tally]:
    """How many there are of each tone, gravest first; none of what there is not."""
    counted: dict[Tone, int] = {"bad": 0, "warn": 0, "none": 0, "good": 0}
    for tile in tiles:
        counted[tone(tile.status)] += 1
    return [Tally(one, SIGNS[one], count) for one, count in counted.items() if count]
