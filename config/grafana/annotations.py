"""Annotations: what happened, drawn over the charts that it concerns."""

from collections.abc import Mapping
from dataclasses import dataclass

from config.grafana.queries import SOURCE, Json


@dataclass(frozen=True, slots=True)
class Annotation:
    """Marks from a query with the columns `text`, `title` and, where something lasts, `until` (milliseconds).

    `panels` are the titles of those that show it; none: all.
    """

    name: str
    query: str
    colour: str
    panels: tuple[str, ...] = ()
    lasts: bool = False
    shown: bool = True

    def plain(self, numbers: Mapping[str, int]) -> Json:
        """As the dashboard holds it; `numbers` are the ids of panels by title."""
        columns: Json = {
            "textColumn": "text",
            "titleColumn": "title",
            "tagsColumn": "",
            "timeEndColumn": "until" if self.lasts else "",
        }
        target: Json = {
            "refId": "annotation",
            "datasource": SOURCE,
            "query": self.query,
            "rawQuery": True,
            "queryType": "tags",
            "fromAnnotations": True,
            "name": self.name,
            "limit": 100,
            "matchAny": False,
            "tags": [],
            "type": "tags",
            **columns,
        }
        only: Json = {"filter": {"exclude": False, "ids": [numbers[title] for title in self.panels]}}
        return {
            "name": self.name,
            "datasource": SOURCE,
            "enable": self.shown,
            "hide": False,
            "iconColor": self.colour,
            "target": target,
            **(only if self.panels else {}),
        }
