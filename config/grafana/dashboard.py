"""A dashboard: rows of panels, variables and annotations, as Grafana's classic JSON."""

from collections.abc import Sequence
from dataclasses import dataclass

from config.grafana.annotations import Annotation
from config.grafana.links import TAG, board_links
from config.grafana.panels import Panel
from config.grafana.queries import Json
from config.grafana.variables import Variable

SCHEMA_VERSION = 42  # of Grafana 13
WIDTH = 24  # columns of Grafana's grid
CROSSHAIR = 1  # the pointer's time is shown in all panels


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading; they stand beside each other as long as there is room."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One board; its `uid` never changes: links and provisioning know it by that."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    since: str = "now-7d"
    refresh: str = "30s"

    def plain(self) -> Json:
        """The dashboard as `dashboards/<uid>.json` holds it."""
        panels = placed(self.rows)
        numbers = {str(one["title"]): int(str(one["id"])) for one in panels}
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": [TAG],
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": True,
            "graphTooltip": CROSSHAIR,
            "timezone": "browser",
            "time": {"from": self.since, "to": "now"},
            "refresh": self.refresh,
            "links": board_links(),
            "templating": {"list": [one.plain() for one in self.variables]},
            "annotations": {"list": [one.plain(numbers) for one in self.annotations]},
            "panels": panels,
        }


def placed(groups: Sequence[Row]) -> list[Json]:
    """The panels and the headings of their rows, numbered, each at its place in the grid."""
    found: list[Json] = []
    y = 0
    for row in groups:
        place = {"h": 1, "w": WIDTH, "x": 0, "y": y}
        found.append(
            {
                "id": len(found) + 1,
                "type": "row",
                "title": row.title,
                "collapsed": False,
                "gridPos": place,
                "panels": [],
            }
        )
        x, y, below = 0, y + 1, y + 1
        for panel in row.panels:
            if x + panel.width > WIDTH:
                x, y = 0, below
            found.append(panel.plain(len(found) + 1, x, y))
            x, below = x + panel.width, max(below, y + panel.height)
        y = below
    return found
