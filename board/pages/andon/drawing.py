"""The drawing of a tile: its latest points with the limits that judged them, as the paths of a small SVG.

Stored values and stored limits only. The specification is drawn where a point is one reading: means are not to be
held against it. Signals have the shapes they have on the chart, the gravest of a point: squares out of specification,
triangles beyond three sigma, diamonds for patterns; the latest point is a dot.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeGuard

from jinja2.runtime import Macro
from markupsafe import Markup

from board.history.glance import Tile
from board.history.latest_points import KEPT, Latest
from board.history.rows import Shown
from rules.run_rules import RUN_RULES

WIDTH, HEIGHT, EDGE = 320, 80, 8  # of the drawing, in its own units
WIDEST = 3.0  # the specification is left out where it would make what is seen so many times higher
_BITS = {rule.name: 1 << rule.bit for rule in RUN_RULES}
# By shape, the gravest first: the path around a place, and the rules that it stands for.
_SHAPES = {
    "square": ("M{x} {y}m-7-7h14v14h-14z", _BITS["out-of-spec"]),
    "triangle": ("M{x} {y}m0-9l8 14h-16z", _BITS["beyond-3-sigma"]),
    "diamond": ("M{x} {y}m0-8l8 8l-8 8l-8-8z", ~0),
}
_STEP = (WIDTH - 2 * EDGE) / (KEPT - 1)
MOST = 1e300  # differences of such values are beyond what a number holds


class Drawing(NamedTuple):
    """Paths: values, centre line, limits, specification, and signals by their shape.

    `dot`: where the latest point is. `signals`: how many points show one.
    """

    values: str
    centre: str
    limits: str
    specification: str
    marks: Mapping[str, str]
    dot: tuple[int, int] | None
    signals: int


def drawing(tile: Tile) -> Drawing:
    """What is drawn of a tile; empty paths for what there is not."""
    points, item = tile.points, tile.item
    known = [value for point in points for value in (point.value, point.ucl, point.lcl) if _is_number(value)]
    if not known:
        return Drawing("", "", "", "", {}, None, 0)
    low, high = min(known), max(known)
    bounds = _specification(item) if item["subgroup_size"] == 1 else []
    if bounds and high > low and max(high, *bounds) - min(low, *bounds) <= WIDEST * (high - low):
        low, high = min(low, *bounds), max(high, *bounds)
    height = high - low or 1.0

    def y(value: float) -> int:
        return round(HEIGHT - EDGE - (value - low) / height * (HEIGHT - 2 * EDGE))

    places = [round(WIDTH - EDGE - (len(points) - 1 - at) * _STEP) for at in range(len(points))]
    seen = [(x, point, y(point.value)) for x, point in zip(places, points, strict=True) if _is_number(point.value)]
    marks: dict[str, str] = {}
    for x, point, at in seen:
        if shape := _shape(point):
            marks[shape] = marks.get(shape, "") + _SHAPES[shape][0].format(x=x, y=at)
    return Drawing(
        values=_line(
            (x, y(point.value) if _is_number(point.value) else None) for x, point in zip(places, points, strict=True)
        ),
        centre=_steps(places, [point.cl for point in points], y),
        limits=_steps(places, [point.ucl for point in points], y) + _steps(places, [point.lcl for point in points], y),
        specification="".join(f"M0 {y(bound)}H{WIDTH}" for bound in bounds if low <= bound <= high),
        marks=marks,
        dot=(seen[-1][0], seen[-1][2]) if seen else None,
        signals=sum(1 for _, point, _ in seen if _shape(point)),
    )


def drawn(language: str) -> Callable[[Tile, Macro], Markup]:
    """Renders a tile by the template's macro, once for as long as it stays as it is."""

    def draw(tile: Tile, macro: Macro) -> Markup:
        if (known := tile.drawn.get(language)) is None:
            known = tile.drawn[language] = Markup(macro(tile, drawing(tile)))
        return known

    return draw


def _specification(item: Shown) -> list[float]:
    return [bound for bound in (item["lsl"], item["usl"]) if isinstance(bound, float)]


def _is_number(value: float | None) -> TypeGuard[float]:
    """Whether a value can be drawn; the greatest that a computer holds, which a broken gauge may tell, cannot."""
    return value is not None and abs(value) < MOST


def _shape(point: Latest) -> str:
    """The shape of the gravest rule that a point shows; empty for none. Those of the first phase alarm nobody."""
    signals = point.signals if point.phase == 2 else point.signals & _BITS["out-of-spec"]
    return next((shape for shape, (_, bits) in _SHAPES.items() if signals & bits), "")


def _line(places: Iterable[tuple[int, int | None]]) -> str:
    """A line through the places, broken where there is none."""
    path, pen = [], "M"
    for x, y in places:
        if y is None:
            pen = "M"
            continue
        path.append(f"{pen}{x} {y}")
        pen = "L"
    return "".join(path)


def _steps(places: Sequence[int], values: Sequence[float | None], y: Callable[[float], int]) -> str:
    """Levels that step half-way between two points, broken where there is none."""
    path: list[str] = []
    before: int | None = None
    for place, value in zip(places, values, strict=True):
        level = y(value) if _is_number(value) else None
        left = round(place - _STEP / 2)
        if level is not None and level != before:
            path.append(f"M{left} {level}" if before is None else f"H{left}V{level}")
        elif level is None and before is not None:
            path.append(f"H{left}")
        before = level
    return "".join(path) + (f"H{WIDTH}" if before is not None else "")
