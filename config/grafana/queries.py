"""Queries: InfluxQL that InfluxDB 1.8, 2 (by its 1.x address) and 3 all answer, as targets of panels.

Identifiers are quoted, values come from variables as regular expressions, and times from Grafana. What is written here
is held to that by an allow-list in the tests.
"""

from dataclasses import dataclass
from typing import Literal

Json = dict[str, object]

SOURCE_UID = "plumbline-influxdb"
SOURCE: Json = {"type": "influxdb", "uid": SOURCE_UID}

EACH = "GROUP BY time($__interval)"  # as many stretches of time as the panel is wide
EACH_DAY = "GROUP BY time(1d, 12h)"  # from noon to noon, UTC: a day stands at noon of its date
OF_LINE = '"line" =~ /^${line:regex}$/'
OF_STATION = '"station" =~ /^${station:regex}$/'
OF_CHARACTERISTIC = '"characteristic" =~ /^${characteristic:regex}$/'
OF_MACHINE = '"place" =~ /^${machine:regex}$/'
UNTIL_THE_END = "time <= ${__to}ms"  # however old: what was last said still holds


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel: series with a name each (`$col`, `$tag_line`), or a table of its columns."""

    text: str
    alias: str = "$col"
    form: Literal["time_series", "table"] = "time_series"

    def target(self, number: int) -> Json:
        """The query as Grafana's InfluxDB data source takes it; the first one is A."""
        asked: Json = {"refId": chr(ord("A") + number), "datasource": SOURCE, "query": self.text, "rawQuery": True}
        named: Json = {"alias": self.alias} if self.form == "time_series" else {}
        return {**asked, "resultFormat": self.form, **named}


def table(text: str) -> Query:
    """A query whose answer is shown as rows: the time, the tags it is grouped by, its columns."""
    return Query(text, form="table")
