"""Panels: what one shows, of which queries, in which unit; how Grafana 13 wants each kind told."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from config.grafana.fields import PLAIN, Override, fixed, steps, words
from config.grafana.queries import SOURCE, Json, Query

VERSION = "13.0.0"  # the Grafana whose form the panels have: later ones migrate them
NO_VALUE = "no data"
PAUSE_MS = 3_600_000  # no line is drawn over a longer one
LEGEND: Json = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
TOOLTIP: Json = {"mode": "multi", "sort": "none"}
ONE_TOOLTIP: Json = {"mode": "single", "sort": "none"}


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel; `width` of 24, `height` in rows of 30 pixels. `unit` is Grafana's id of a unit.

    `custom` are the kind's own field settings, `settings` further ones of all fields (decimals, min, max, links).
    """

    kind: str
    title: str
    description: str
    queries: tuple[Query, ...]
    unit: str
    width: int
    height: int
    options: Json
    custom: Json = field(default_factory=dict)
    settings: Json = field(default_factory=dict)
    overrides: tuple[Override, ...] = ()
    transformations: tuple[Json, ...] = ()
    no_value: str = NO_VALUE
    asked: Json = field(default_factory=dict)  # how the queries are asked: `interval`, `maxDataPoints`

    def plain(self, number: int, x: int, y: int) -> Json:
        """The panel at its place, with its id."""
        defaults: Json = {"unit": self.unit, "noValue": self.no_value, "custom": self.custom, **self.settings}
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "gridPos": {"h": self.height, "w": self.width, "x": x, "y": y},
            "datasource": SOURCE,
            "pluginVersion": VERSION,
            "targets": [query.target(k) for k, query in enumerate(self.queries)],
            "fieldConfig": {"defaults": defaults, "overrides": [one.plain() for one in self.overrides]},
            "options": self.options,
            "transformations": list(self.transformations),
            **self.asked,
        }


def lines(
    title: str,
    description: str,
    *queries: Query,
    unit: str = "none",
    width: int = 24,
    height: int = 9,
    overrides: Sequence[Override] = (),
    interval: str = "1s",
    bars: bool = False,
    custom: Json | None = None,
    settings: Json | None = None,
    no_value: str = NO_VALUE,
    points: int = 0,
) -> Panel:
    """Series over time: points joined by lines (a pause of an hour is left open), or stacked `bars`.

    `points`: into how many stretches the range is cut at most; 0: as many as the panel is wide in pixels.
    """
    drawn: Json = {
        "drawStyle": "bars" if bars else "line",
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "fillOpacity": 60 if bars else 0,
        "showPoints": "auto",
        "pointSize": 5,
        "spanNulls": False,
        "insertNulls": False if bars else PAUSE_MS,
        "axisPlacement": "auto",
        "axisLabel": "",
        "stacking": {"mode": "normal" if bars else "none", "group": "A"},
        "thresholdsStyle": {"mode": "off"},
    }
    return Panel(
        "timeseries",
        title,
        description,
        queries,
        unit,
        width,
        height,
        {"legend": LEGEND, "tooltip": TOOLTIP},
        {**drawn, **(custom or {})},
        {"color": {"mode": "palette-classic-by-name"}, **(settings or {})},
        tuple(overrides),
        no_value=no_value,
        asked={"interval": interval, **({"maxDataPoints": points} if points else {})},
    )


def rows(
    title: str,
    description: str,
    query: Query,
    *,
    unit: str = "none",
    width: int = 24,
    height: int = 9,
    overrides: Sequence[Override] = (),
    sort_by: tuple[str, bool] | None = None,
    order: Sequence[str] = (),
    hidden: Sequence[str] = (),
    no_value: str = "–",
) -> Panel:
    """A table of one query's rows; `sort_by` a column and whether descending, `order` of the columns by name."""
    sorting = [{"displayName": sort_by[0], "desc": sort_by[1]}] if sort_by else []
    arranged: Json = {
        "id": "organize",
        "options": {
            "excludeByName": dict.fromkeys(hidden, True),
            "indexByName": {name: place for place, name in enumerate(order)},
            "renameByName": {},
        },
    }
    return Panel(
        "table",
        title,
        description,
        (query,),
        unit,
        width,
        height,
        {"showHeader": True, "cellHeight": "sm", "sortBy": sorting, "frameIndex": 0},
        {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True, "inspect": False},
        {"decimals": 3, "color": {"mode": "thresholds"}, "thresholds": steps("text")},
        tuple(overrides),
        (arranged,) if order or hidden else (),
        no_value,
    )


def figure(
    title: str,
    description: str,
    *queries: Query,
    unit: str = "none",
    width: int = 4,
    height: int = 4,
    settings: Json | None = None,
    overrides: Sequence[Override] = (),
    no_value: str = NO_VALUE,
    fields: str = "",
) -> Panel:
    """The last value of each series, large; `fields` a pattern of names where they are no numbers."""
    options: Json = {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "auto",
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": fields, "values": False},
    }
    return Panel(
        "stat",
        title,
        description,
        queries,
        unit,
        width,
        height,
        options,
        {},
        {"thresholds": steps("text"), "color": {"mode": "thresholds"}, **(settings or {})},
        tuple(overrides),
        no_value=no_value,
    )


def states(
    title: str,
    description: str,
    *queries: Query,
    colours: dict[str, str],
    width: int = 24,
    height: int = 7,
    links: Sequence[Json] = (),
) -> Panel:
    """Which state held when, a lane for each series; states are words with colours."""
    options: Json = {
        "alignValue": "left",
        "legend": LEGEND,
        "mergeValues": True,
        "rowHeight": 0.85,
        "showValue": "auto",
        "tooltip": ONE_TOOLTIP,
    }
    settings: Json = {"mappings": words(colours), "color": fixed(PLAIN), "links": list(links)}
    return Panel(
        "state-timeline",
        title,
        description,
        queries,
        "none",
        width,
        height,
        options,
        {"fillOpacity": 75, "lineWidth": 0},
        settings,
    )


def histogram(
    title: str, description: str, *queries: Query, width: int = 12, height: int = 10, overrides: Sequence[Override] = ()
) -> Panel:
    """How often values lie where: all series in the same classes, one before the other."""
    return Panel(
        "histogram",
        title,
        description,
        queries,
        "none",
        width,
        height,
        {"bucketCount": 30, "combine": False, "legend": LEGEND, "tooltip": ONE_TOOLTIP},
        {"fillOpacity": 70, "lineWidth": 1, "gradientMode": "none", "stacking": {"mode": "none", "group": "A"}},
        {"color": {"mode": "palette-classic"}},
        tuple(overrides),
    )
