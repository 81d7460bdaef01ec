"""Where a person's reading of a characteristic is to be handed in: the HTTP connector, the topic, the fields.

The gateway makes a characteristic's id of a topic's parts, context fields and the key in `values`; here it is taken
apart again. The gateway's answer says whether that was right: it names what it refuses.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from config.http import HttpOptions
from config.models import PlantFile
from config.topics import KIND, NAME, TopicPattern
from rules.spec import ATTRIBUTE_CHARTS

_PART = re.compile(r"\{([a-z][a-z0-9_]*)\}")
BY_HAND = "entry"  # fills parts of a topic that say nothing of the characteristic


@dataclass(frozen=True, slots=True)
class HandEntry:
    """How one characteristic's readings are handed in: `name` is the key in `values`, `fields` are the message's."""

    connector: str
    topic: str
    name: str
    fields: Mapping[str, str] = field(default_factory=dict)


def hand_entries(plant: PlantFile) -> dict[str, HandEntry]:
    """By characteristic, in the plant file's order: those that an HTTP connector's `by_hand` names and can give."""
    found: dict[str, HandEntry] = {}
    for characteristic, options in plant.characteristics.items():
        kind = "inspection" if options.chart in ATTRIBUTE_CHARTS else "measurement"
        entry = next(_ways(plant, characteristic, kind), None)
        if entry is not None:
            found[characteristic] = entry
    return found


def _ways(plant: PlantFile, characteristic: str, kind: str) -> Iterator[HandEntry]:
    for name, options in plant.connectors.items():
        if not isinstance(options, HttpOptions):
            continue
        if any(fnmatchcase(characteristic, glob) for glob in options.by_hand):
            for topic in options.topics:
                if (way := way_of(name, topic, options.characteristic, characteristic, kind)) is not None:
                    yield way


def way_of(connector: str, topic: str, template: str, characteristic: str, kind: str) -> HandEntry | None:
    """The topic and fields that give `characteristic` by `template`; None where they cannot.

    >>> way_of("forms", "{line}/{kind}", "{line}/{product}/{name}", "line1/P7/bore", "measurement")
    HandEntry(connector='forms', topic='line1/measurement', name='bore', fields={'product': 'P7'})
    """
    parts = _taken_apart(template, characteristic, TopicPattern(topic).parts)
    if parts is None:
        return None
    given = {**parts, KIND: kind}
    levels = []
    for level in topic.split("/"):
        part = _PART.fullmatch(level)
        if level != "#":
            levels.append(given.get(part[1], BY_HAND) if part else BY_HAND if level == "+" else level)
    named = TopicPattern(topic).parts
    fields = {name: text for name, text in parts.items() if name != NAME and name not in named}
    return HandEntry(connector, "/".join(levels), parts[NAME], fields)


def _taken_apart(template: str, characteristic: str, of_topic: tuple[str, ...]) -> dict[str, str] | None:
    """The names of a template with what they stand for in an id; a part of a topic holds no slash."""
    expression, seen = "", set[str]()
    for number, piece in enumerate(_PART.split(template)):
        if number % 2 == 0:
            expression += re.escape(piece)
        elif piece in seen:
            expression += f"(?P={piece})"
        else:
            seen.add(piece)
            expression += f"(?P<{piece}>{'[^/]+?' if piece in of_topic else '.+?'})"
    found = re.fullmatch(expression, characteristic, re.DOTALL)
    return found.groupdict() if found else None
