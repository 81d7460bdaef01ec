"""Small charts as inline SVG: days of a figure with their lines, a course in short, a bar of progress.

Colours come from classes (`assets/goals.css`); what a colour says is said by a shape and a `<title>` too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10

from markupsafe import Markup, escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 520, 190, 46, 10, 10, 24


@dataclass(frozen=True, slots=True)
class Dot:
    """A day's value: `css` gives colour and `shape` (circle, square, diamond, ring) its form; y None: at the bottom."""

    x: float
    y: float | None
    css: str
    shape: str
    title: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A polyline; a level one over the whole width where it has one point."""

    css: str
    points: Sequence[tuple[float, float | None]]
    label: str = ""


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers from `low` to `high`, at most `most`.

    >>> ticks(0.92, 1.66), ticks(0, 0.031), ticks(3, 3)
    ([1.0, 1.2, 1.4, 1.6], [0.0, 0.01, 0.02, 0.03], [3.0])
    """
    span = high - low
    if span <= 0:
        return [float(low)]
    step = 10.0 ** floor(log10(span / most))
    step = next(step * factor for factor in (1, 2, 5, 10, 20) if span / (step * factor) < most)
    first = -floor(-low / step)
    return [round(number * step, 12) for number in range(first, floor(high / step + 1e-9) + 1)]


class _Plane:
    """Where data lie on the picture."""

    def __init__(self, x: tuple[float, float], values: Iterable[float | None]) -> None:
        found = [value for value in values if value is not None and isfinite(value)] or [0.0, 1.0]
        low, high = min(found), max(found)
        pad = 0.08 * (high - low) or abs(high) * 0.1 or 1.0
        self.low, self.high = low - pad, high + pad
        self._x0, self._x1 = x

    def x(self, value: float) -> str:
        """The picture's x."""
        share = (value - self._x0) / (self._x1 - self._x0) if self._x1 > self._x0 else 0.5
        return f"{LEFT + share * (WIDTH - LEFT - RIGHT):.1f}"

    def y(self, value: float) -> str:
        """The picture's y."""
        share = (value - self.low) / (self.high - self.low)
        return f"{HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM):.1f}"


def chart(
    x: tuple[float, float],
    lines: Sequence[Line],
    dots: Sequence[Dot],
    *,
    says: str,
    x_labels: Sequence[tuple[float, str]],
    share: bool = False,
    end: float | None = None,
) -> Markup:
    """Days from left to right; `share`: the values are shares, told in per cent; `end` is a line across."""
    plane = _Plane(x, [y for line in lines for _, y in line.points] + [dot.y for dot in dots])
    parts = [_grid(plane, x_labels, share)]
    if end is not None:
        parts.append(Markup('<path class="c-end" d="M{0} {1}V{2}"/>').format(plane.x(end), TOP, HEIGHT - BOTTOM))
    parts += [_line(plane, line) for line in lines]
    parts += [_dot(plane, dot) for dot in dots]
    return Markup('<svg class="days-chart" viewBox="0 0 {} {}" role="group" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, says, Markup("").join(parts)
    )


def _grid(plane: _Plane, x_labels: Sequence[tuple[float, str]], share: bool) -> Markup:
    parts = []
    for value in ticks(plane.low, plane.high):
        text = f"{round(100 * value, 6):g} %" if share else f"{value:g}"
        parts.append(
            Markup('<path class="c-grid" d="M{} {}H{}"/><text x="{}" y="{}" dy="4" text-anchor="end">{}</text>').format(
                LEFT, plane.y(value), WIDTH - RIGHT, LEFT - 5, plane.y(value), text
            )
        )
    for number, (value, text) in enumerate(x_labels):
        anchor = "start" if number == 0 else "end" if number == len(x_labels) - 1 else "middle"
        parts.append(
            Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(plane.x(value), HEIGHT - 7, anchor, text)
        )
    return Markup("").join(parts)


def _line(plane: _Plane, line: Line) -> Markup:
    known = [(x, y) for x, y in line.points if y is not None and isfinite(y)]
    if len(line.points) == 1 and known:
        y = plane.y(known[0][1])
        return Markup('<path class="{}" d="M{} {}H{}"><title>{}</title></path>').format(
            line.css, LEFT, y, WIDTH - RIGHT, line.label
        )
    path, pen = "", "M"
    for x, value in line.points:
        if value is None or not isfinite(value):
            pen = "M"
        else:
            path += f"{pen}{plane.x(x)} {plane.y(value)}"
            pen = "L"
    return Markup('<path class="{}" d="{}"><title>{}</title></path>').format(line.css, path or "M0 0", line.label)


_SHAPES = {
    "circle": "M{x} {y}m-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0",
    "ring": "M{x} {y}m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0",
    "square": "M{x} {y}m-4.5 -4.5h9v9h-9z",
    "diamond": "M{x} {y}m0 -6l6 6l-6 6l-6 -6z",
}


def _dot(plane: _Plane, dot: Dot) -> Markup:
    y = str(HEIGHT - BOTTOM) if dot.y is None or not isfinite(dot.y) else plane.y(dot.y)
    shape = Markup('<path class="{}" d="{}"><title>{}</title></path>').format(
        dot.css, _SHAPES[dot.shape].format(x=plane.x(dot.x), y=y), dot.title
    )
    if not dot.link:
        return shape
    return Markup('<a href="{}" aria-label="{}">{}</a>').format(dot.link, dot.title, shape)


def spark(values: Sequence[float], target: float | None, says: str) -> Markup:
    """A course in a line's height, with the target as a dashed line; nothing of fewer than two values."""
    if len(values) < 2:
        return Markup("")
    known = [*values, *([] if target is None else [target])]
    low, span = min(known), (max(known) - min(known)) or 1
    heights = [f"{27 - 24 * (value - low) / span:.1f}" for value in known]
    points = " ".join(f"{1 + 108 * x / (len(values) - 1):.1f},{heights[x]}" for x in range(len(values)))
    goal = "" if target is None else Markup('<line x1="0" x2="110" y1="{0}" y2="{0}"/>').format(heights[-1])
    return Markup(
        '<svg class="trend" viewBox="0 0 110 30" role="img" aria-label="{}">{}<polyline points="{}"/></svg>'
    ).format(says, goal, points)


def bar(share: float | None, expected: float | None, tone: str, says: str) -> Markup:
    """Progress from 0 to 1, with a mark where it should be by now; `says` is the picture in words."""
    filled = Markup('<rect class="b-{}" width="{:.1f}" height="10"/>').format(tone, 100 * min(1, max(0, share or 0)))
    mark = ""
    if expected is not None:
        mark = Markup('<path class="b-mark" d="M{:.1f} -2V12"/>').format(100 * min(1, max(0, expected)))
    return Markup(
        '<svg class="progress" viewBox="0 -2 100 14" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<title>{}</title><rect class="b-track" width="100" height="10"/>{}{}</svg>'
    ).format(says, escape(says), filled, mark)
