"""`plumbline discover`: what came in and has no place in the plant file, as TOML that is ready to be filled in."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from config.models import PlantFile
from config.options import characteristic_id
from config.topics import TopicPattern
from connectors.columns import UNKNOWN, unknown_name
from connectors.history_reader import HistoryReader
from rules.results import BY_NAME, LEADING

UNKNOWN_TOPIC = "unknown-topic"
PAGE = 5_000

_COLUMNS = [column.name for column in (*LEADING, *BY_NAME["rejected"].columns)]


@dataclass(frozen=True, slots=True)
class Seen:
    """A name or a topic that the plant file does not know: how often at least, when last, and where."""

    what: str
    connector: str
    topic: str
    count: int
    last_ns: int


def discovered(plant: PlantFile, data: Path) -> Iterator[str]:
    """The lines of TOML. Raises `HistoryAbsent` while nothing has been taken in."""
    names, topics = _seen(plant, data)
    for name in sorted(names, key=lambda one: (one.connector, one.what)):
        yield f"# {_said(name)} on {name.topic}"
        try:
            characteristic_id(name.what)
        except ValueError as error:
            yield f"# cannot be the id of a characteristic: {error}"
            yield f"# [characteristics.{_quoted(name.what)}]"
        else:
            yield f"[characteristics.{_quoted(name.what)}]"
            yield from ('# unit = ""', "# lsl =", "# usl =")
        yield ""
    for connector in sorted({one.connector for one in topics}):
        own = sorted((one for one in topics if one.connector == connector), key=lambda one: one.what)
        patterns = plant.connectors[connector].patterns if connector in plant.connectors else ()
        yield "# No topic pattern of this connector matches:"
        yield from (f"#   {one.what}: {_said(one)}" for one in own)
        yield f"# [connectors.{connector}]"
        yield f"# topics = [{', '.join(_quoted(text) for text in (*patterns, *(one.what for one in own)))}]"
        yield ""
    if not names and not topics:
        yield "# Everything that came in has its place in the plant file."


def _seen(plant: PlantFile, data: Path) -> tuple[list[Seen], list[Seen]]:
    """Names and topics that were refused for being unknown, and still are."""
    names: dict[tuple[str, str], Seen] = {}
    topics: dict[tuple[str, str], Seen] = {}
    reader = HistoryReader(data / "history.db")
    try:
        row = 0
        while page := reader.rows(row, PAGE, ("rejected",)):
            for _, values in page:
                of = dict(zip(_COLUMNS, values, strict=True))
                row = int(str(of["row"]))
                connector, topic, detail = str(of["connector"]), str(of["topic"]), str(of["detail"])
                time_ns = int(str(of["time"]))
                if of["reason"] == UNKNOWN and (found := unknown_name(detail)) is not None:
                    name, count = found
                    if name not in plant.characteristics:
                        names[connector, name] = Seen(name, connector, topic, count, time_ns)
                elif of["reason"] == UNKNOWN_TOPIC and not _matches(plant, connector, topic):
                    known = topics.get((connector, topic), Seen(topic, connector, topic, 0, 0))
                    topics[connector, topic] = replace(known, count=known.count + 1, last_ns=time_ns)
    finally:
        reader.close()
    return list(names.values()), list(topics.values())


def _matches(plant: PlantFile, connector: str, topic: str) -> bool:
    options = plant.connectors.get(connector)
    return options is not None and any(TopicPattern(text).match(topic) is not None for text in options.patterns)


def _said(one: Seen) -> str:
    last = datetime.fromtimestamp(one.last_ns / 1e9, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return f"seen at least {one.count} times, last known {last}, from connector {one.connector}"


def _quoted(text: str) -> str:
    """A basic string of TOML, whose escapes are JSON's."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
