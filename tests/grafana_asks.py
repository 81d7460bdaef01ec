"""What Grafana asks: the queries of the dashboards' files, and how it fills in variables and times.

Formats of variables are those of @grafana/scenes (`regex`: @grafana/data's `escapeRegex`; the value for All is taken as
it is); `$timeFilter` and `$__interval` are filled in as its InfluxDB data source's backend does.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import influxql

FOLDER = Path(__file__).parents[1] / "config" / "grafana" / "dashboards"
ALL = "$__all"


@dataclass(frozen=True)
class Asked:
    """One query and where it stands; `kind` is the panel's, or `annotation`, or `variable`."""

    board: str
    where: str
    kind: str
    query: str
    interval: str = "1s"

    def __str__(self) -> str:
        return f"{self.board}, {self.where}"


def boards() -> dict[str, dict[str, Any]]:
    """The dashboards as their files have them, by uid."""
    found = [json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))]
    return {one["uid"]: one for one in found}


def panels(board: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The panels of a board that show something."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def asked(board: Mapping[str, Any]) -> Iterator[Asked]:
    """Every query of a board."""
    uid = str(board["uid"])
    for variable in board["templating"]["list"]:
        yield Asked(uid, f"variable {variable['name']}", "variable", variable["query"]["query"])
    for annotation in board["annotations"]["list"]:
        yield Asked(uid, f"annotation {annotation['name']}", "annotation", annotation["target"]["query"])
    for panel in panels(board):
        for target in panel["targets"]:
            where = f"{panel['title']} {target['refId']}"
            yield Asked(uid, where, panel["type"], target["query"], panel.get("interval", "1s"))


def every() -> list[Asked]:
    """Every query of every board."""
    return [one for board in boards().values() for one in asked(board)]


def escape_regex(value: str) -> str:
    r"""A value as `${name:regex}` gives it: `value.replace(/[\\^$*+?.()|[\]{}\/]/g, '\\$&')`."""
    return re.sub(r"[\\^$*+?.()|\[\]{}/]", lambda found: "\\" + found.group(), value)


def fill_in(query: str, variables: Mapping[str, str], from_ms: int, to_ms: int, interval: str) -> str:
    """The query as it is sent; an unknown variable or format is an error."""

    def replaced(found: re.Match[str]) -> str:
        name, form = found.groups()
        if name in ("__from", "__to"):
            assert form is None, found.group()
            return str(from_ms if name == "__from" else to_ms)
        assert form == "regex", f"{found.group()}: only a regular expression is escaped for InfluxQL"
        value = variables[name]
        return ".*" if value == ALL else escape_regex(value)

    text = re.sub(r"\$\{(\w+)(?::(\w+))?\}", replaced, query)
    text = text.replace("$timeFilter", f"time >= {from_ms}ms and time <= {to_ms}ms").replace("$__interval", interval)
    assert not re.search(r"\$\w", text.replace("$/", "")), text
    return text


def annotation_events(target: Mapping[str, Any], rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """The events that Grafana makes of an annotation's answer.

    Its data source gets a frame a column, named by measurement and column; a row with nothing in one of them is left
    out. Title and end are found by a column's whole name, the text by a part of it (`transformAnnotationResponse`).
    """
    named = influxql.read(target["query"])
    (measurement,) = named.measurements
    columns = {f"{measurement}.{alias}": alias for alias in named.aliases}
    (text,) = (name for name in columns if target["textColumn"] in name)
    events = []
    for row in rows:
        if any(row[alias] is None for alias in named.aliases):
            continue
        event = {"time": row["time"], "title": row[columns[target["titleColumn"]]], "text": row[columns[text]]}
        if target["timeEndColumn"]:
            event["timeEnd"] = row[columns[target["timeEndColumn"]]]
        events.append(event)
    return events
