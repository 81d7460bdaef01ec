"""Annotations: what happened, drawn over the charts that it concerns."""

from collections.abc import Mapping
from dataclasses import dataclass

from config.grafana.queries import SOURCE, Json


@dataclass(frozen=True, slots=True)
class Annotation:
    """Marks from the points of a measurement: the columns that are their `title` and `text`.

    `until` is the column with the end, in milliseconds, of what lasts. `panels` are the titles of those that show the
    marks. Grafana's data source names a column of the answer by measurement and alias.
    """

    name: str
    measurement: str
    title: str
    text: str
    where: str
    colour: str
    panels: tuple[str, ...]
    until: str = ""

    @property
    def query(self) -> str:
        """The query whose rows are the marks."""
        lasting = f', "{self.until}" AS "until"' if self.until else ""
        columns = f'"{self.title}" AS "title", "{self.text}" AS "text"{lasting}'
        return f'SELECT {columns} FROM "{self.measurement}" {self.where}'

    def plain(self, numbers: Mapping[str, int]) -> Json:
        """As the dashboard holds it; `numbers` are the ids of panels by title."""
        columns: Json = {
            "titleColumn": f"{self.measurement}.title",
            "textColumn": f"{self.measurement}.text",
            "timeEndColumn": f"{self.measurement}.until" if self.until else "",
            "tagsColumn": "",
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
        return {
            "name": self.name,
            "datasource": SOURCE,
            "enable": True,
            "hide": False,
            "iconColor": self.colour,
            "filter": {"exclude": False, "ids": [numbers[title] for title in self.panels]},
            "target": target,
        }
