"""What a person wants to see of the plant: the filters in the URL."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from board.history.glance import Tile
from board.pages.andon.wall import ROTATIONS

SECONDS = 15  # that a slide of the wall is shown, unless told otherwise
SHORTEST, LONGEST = 3, 3_600
SIZES = ("small", "large")


@dataclass(frozen=True, slots=True)
class Choice:
    """Lines, stations and statuses (none: all) and a text; whether on a wall, by what it rotates and how fast."""

    line: tuple[str, ...] = ()
    station: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    q: str = ""
    size: str = ""
    wall: bool = False
    by: str = ROTATIONS[0]
    seconds: int = SECONDS

    @classmethod
    def of(cls, query: QueryParams) -> "Choice":
        """What the query says; what cannot be read is as if it were not there.

        >>> Choice.of(QueryParams("line=a&line=b&status=alert&q=+Bore+&wall=1&seconds=1"))
        Choice(line=('a', 'b'), station=(), status=('alert',), q='Bore', size='', wall=True, by='line', seconds=3)
        """
        several = {name: tuple(value for value in query.getlist(name) if value) for name in ("line", "station")}
        seconds = query.get("seconds", "")
        by, size = query.get("by", ""), query.get("size", "")
        return cls(
            **several,
            status=tuple(dict.fromkeys(value for value in query.getlist("status") if value)),
            q=query.get("q", "").strip(),
            size=size if size in SIZES else "",
            wall=query.get("wall") == "1",
            by=by if by in ROTATIONS else ROTATIONS[0],
            seconds=min(max(int(seconds), SHORTEST), LONGEST) if _is_count(seconds) else SECONDS,
        )

    @property
    def is_all(self) -> bool:
        """True when nothing is left out."""
        return not (self.line or self.station or self.status or self.q)

    def has_line(self, line: str) -> bool:
        """Whether something of that line may be seen."""
        return not self.line or line in self.line

    def matches(self, tile: Tile, *, but_status: bool = False) -> bool:
        """Whether a characteristic is to be seen; `but_status`: whatever its status is.

        Every word of the text is to be in its id, unit, owner, product or status.
        """
        item = tile.item
        if not self.has_line(str(item["line"])) or (self.station and item["station"] not in self.station):
            return False
        if self.status and not but_status and tile.status not in self.status:
            return False
        if not self.q:
            return True
        parts = (tile.name, item["unit"], item["owner"], item["product"], tile.status)
        text = " ".join(str(part) for part in parts if part).lower()
        return all(word in text for word in self.q.lower().split())

    def link(self, **other: object) -> str:
        """The address of the page with this choice, but for what is `other`: `link(line="a", station=None)`."""
        asked = asdict(self) | other
        usual = asdict(Choice())
        pairs = [(name, one) for name, value in asked.items() if value not in (usual[name], None)
                 for one in _each(value)]  # fmt: skip
        return f"/?{urlencode(pairs)}" if pairs else "/"

    def toggled(self, status: str) -> str:
        """The address with that status asked for as well, or no more.

        >>> Choice(line=("a",)).toggled("alert"), Choice(status=("alert",)).toggled("alert")
        ('/?line=a&status=alert', '/')
        """
        left = tuple(one for one in self.status if one != status)
        return self.link(status=left if status in self.status else (*self.status, status))

    def hidden(self, *shown: str) -> Iterable[tuple[str, str]]:
        """What a form keeps that does not ask for it: names and values, but for the fields it has."""
        asked: Mapping[str, object] = asdict(self)
        usual = asdict(Choice())
        return [(name, one) for name, value in asked.items() if name not in shown and value != usual[name]
                for one in _each(value)]  # fmt: skip


def _each(value: object) -> list[str]:
    if isinstance(value, tuple):
        return [str(one) for one in value]
    return ["1" if value is True else str(value)]


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 9
