"""Variables of boards: lines, stations and characteristics (each within what is chosen before it), machines."""

from dataclasses import dataclass

from config.grafana.queries import OF_CHARACTERISTIC, OF_LINE, OF_STATION, SOURCE, Json

ON_LOAD, ON_TIME_RANGE, BY_NAME = 1, 2, 7  # 7: natural order
SHOWN, HIDDEN = 0, 2


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable filled by a query; with `all_of_them` everything can be chosen, and is at first."""

    name: str
    label: str
    query: str
    all_of_them: bool = True
    hidden: bool = False

    def plain(self) -> Json:
        """As the dashboard's templating holds it."""
        chosen: Json = {"current": {"text": "All", "value": "$__all"}, "allValue": ".*"} if self.all_of_them else {}
        return {
            "name": self.name,
            "label": self.label,
            "type": "query",
            "datasource": SOURCE,
            "query": {"query": self.query, "refId": f"variable-{self.name}"},
            "refresh": ON_TIME_RANGE,
            "sort": BY_NAME,
            "multi": False,
            "includeAll": self.all_of_them,
            "hide": HIDDEN if self.hidden else SHOWN,
            "options": [],
            "regex": "",
            **chosen,
        }


ANY_LINE = Variable("line", "Line", 'SHOW TAG VALUES FROM "chart" WITH KEY = "line"')
LINE = Variable("line", "Line", 'SHOW TAG VALUES FROM "chart" WITH KEY = "line"', all_of_them=False)
STATION = Variable("station", "Station", f'SHOW TAG VALUES FROM "chart" WITH KEY = "station" WHERE {OF_LINE}')
CHARACTERISTIC = Variable(
    "characteristic",
    "Characteristic",
    f'SHOW TAG VALUES FROM "chart" WITH KEY = "characteristic" WHERE {OF_LINE} AND {OF_STATION}',
    all_of_them=False,
)
UNIT = Variable(
    "unit",
    "Unit",
    f'SHOW TAG VALUES FROM "chart" WITH KEY = "unit" WHERE {OF_CHARACTERISTIC}',
    all_of_them=False,
    hidden=True,
)
CHART = Variable(
    "chart",
    "Chart",
    f'SHOW TAG VALUES FROM "chart" WITH KEY = "chart" WHERE {OF_CHARACTERISTIC}',
    all_of_them=False,
    hidden=True,
)
MACHINE = Variable("machine", "Machine", 'SHOW TAG VALUES FROM "machine" WITH KEY = "place"', all_of_them=False)
KEY_RESULT = Variable("key_result", "Key result", 'SHOW TAG VALUES FROM "key_result" WITH KEY = "key_result"')
PROCESS = Variable("process", "Process", 'SHOW TAG VALUES FROM "service" WITH KEY = "process"')
