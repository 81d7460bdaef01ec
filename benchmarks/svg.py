"""Curves as SVG, with nothing but text: `chart("Title", "x", "y", {"series": [(x, y), ...]})` gives the document."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from math import ceil, floor, log10

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 78, 24, 44, 84
COLOURS = ("#1f6feb", "#d1580f", "#2e8540", "#8250df", "#b0262e")
STYLE = (
    "text{font:13px system-ui,-apple-system,'Segoe UI',sans-serif;fill:#333}.title{font-size:16px;font-weight:600}"
    ".grid{stroke:#e3e6ea}.axis{stroke:#8b949e}.line{fill:none;stroke-width:2;stroke-linejoin:round}"
)


class Axis:
    """Places of values along `length` pixels, in equal steps or in powers of ten."""

    def __init__(self, values: Iterable[float], length: float, *, log: bool) -> None:
        found = [value for value in values if value > 0 or not log]
        low, high = min(found, default=1.0), max(found, default=1.0)
        self._log, self._length = log, length
        if log:
            self.low, self.high = floor(log10(low) + 1e-9), max(ceil(log10(high) - 1e-9), floor(log10(low) + 1e-9) + 1)
            self.ticks = [10.0**power for power in range(self.low, self.high + 1)]
        else:
            step = _step(high - min(low, 0.0))
            self.low, self.high = min(0, floor(low / step)) * step, max(1, ceil(high / step - 1e-9)) * step
            count = round((self.high - self.low) / step)
            self.ticks = [self.low + step * number for number in range(count + 1)]

    def at(self, value: float) -> float:
        """How many pixels along the axis; what is not above zero lies at the low end of a logarithmic one."""
        place = value if not self._log else log10(value) if value > 0 else self.low
        return (place - self.low) / (self.high - self.low) * self._length


def _step(span: float) -> float:
    """1, 2 or 5 times a power of ten: four to ten steps over a span."""
    power = 10.0 ** floor(log10(span / 4)) if span > 0 else 1.0
    return next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= 8)


def chart(title: str, x: str, y: str, series: Mapping[str, Points], *, log_x: bool = False, log_y: bool = False) -> str:
    """The SVG document of a line chart; a series without points is left out."""
    series = {name: points for name, points in series.items() if points}
    across = Axis((point[0] for points in series.values() for point in points), WIDTH - LEFT - RIGHT, log=log_x)
    upward = Axis((point[1] for points in series.values() for point in points), HEIGHT - TOP - BOTTOM, log=log_y)
    base = HEIGHT - BOTTOM
    parts = [
        "",  # the document's head and its ground: how high they are, the key of the curves decides
        "",
        f'<text class="title" x="{LEFT}" y="24">{escape(title)}</text>',
    ]
    for tick in upward.ticks:
        at = base - upward.at(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{shown(tick)}</text>')
    for tick in across.ticks:
        at = LEFT + across.at(tick)
        parts.append(f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{base}"/>')
        parts.append(f'<text x="{at:.1f}" y="{base + 18}" text-anchor="middle">{shown(tick)}</text>')
    parts.append(f'<path class="axis" d="M{LEFT} {TOP}V{base}H{WIDTH - RIGHT}" fill="none"/>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{base + 40}" text-anchor="middle">{escape(x)}</text>')
    parts.append(
        f'<text transform="translate(18 {(TOP + base) / 2}) rotate(-90)" text-anchor="middle">{escape(y)}</text>'
    )
    key, line = LEFT, HEIGHT - 20
    for colour, (name, points) in zip(COLOURS, series.items(), strict=False):
        places = [(LEFT + across.at(a), base - upward.at(b)) for a, b in points]
        path = "L".join(f"{a:.1f} {b:.1f}" for a, b in places)
        parts.append(f'<path class="line" stroke="{colour}" d="M{path}"/>')
        if len(places) <= 30:
            parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.5" fill="{colour}"/>' for a, b in places]
        wide = 44 + 7.2 * len(name)
        if key + wide > WIDTH and key > LEFT:
            key, line = LEFT, line + 20
        parts.append(f'<rect x="{key}" y="{line - 8}" width="14" height="4" fill="{colour}"/>')
        parts.append(f'<text x="{key + 20}" y="{line}">{escape(name)}</text>')
        key += wide
    parts[0] = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {line + 20}" role="img" '
        f'aria-label="{escape(title)}">'
    )
    parts[1] = f'<style>{STYLE}</style><rect width="{WIDTH}" height="{line + 20}" fill="#fff"/>'
    return "\n".join([*parts, "</svg>", ""])


def shown(value: float) -> str:
    """A tick's number, short: 100k, 2.5M, 0.01."""
    for unit, factor in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= factor:
            return f"{value / factor:g}{unit}"
    return f"{value:.6g}"
