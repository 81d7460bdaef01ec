"""From a topic and the keys of `values` to characteristics: the templates of one connector, compiled."""

import re
from array import array
from string import Formatter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from config.plan import ConnectorPlan
from config.topics import KIND
from connectors.attributes import Around
from connectors.context import FIELDS
from connectors.event_json import kind_of
from connectors.event_time import EventTimes
from connectors.topics import compile_pattern

_KEPT = 100_000_000  # bytes of topics and names, about, that a connector keeps the meaning of
_ANY = "\0"  # stands for a name that is not known yet
_EACH = 200  # bytes, about, that one takes besides its text


class Names(NamedTuple):
    """The characteristics of a message's values, in their order; -1 where there is none."""

    indices: tuple[int, ...]
    packed: bytes  # the same as int32
    known: bool  # all of them
    ids: tuple[str, ...]


class Shape(NamedTuple):
    """Arrays of a message, one after the other, by their lengths."""

    packed: bytes  # the characteristic of each element, int32
    rows: NDArray[np.int64]  # (arrays, 2): how many elements, and the place of the first in the message


class Source:
    """What the decoder knows of one connector: its number, its clock's zone, its topics."""

    def __init__(self, number: int, plan: ConnectorPlan, characteristics: dict[str, int]) -> None:
        self.number, self.name, self.dedupe, self.place = number, plan.name, plan.dedupe, plan.place
        self.times = EventTimes(plan.time_zone)
        self._characteristics = characteristics
        self._patterns = [compile_pattern(pattern) for pattern in plan.topics]
        self._template = [(literal, name) for literal, name, _, _ in Formatter().parse(plan.characteristic)]
        self._place = [(literal, name) for literal, name, _, _ in Formatter().parse(plan.place)]
        self._routes: dict[str, Route | None] = {}
        self._kept = 0  # bytes, about

    def route(self, topic: str) -> "Route | None":
        """The route of a topic by the first pattern that matches it; None when no pattern does."""
        try:
            return self._routes[topic]
        except KeyError:
            pass
        self.keep(_EACH + len(topic))
        matches = (pattern.match(topic) for pattern in self._patterns)
        parts = next((parts for parts in matches if parts is not None), None)
        route = None if parts is None else Route(self, parts, self._template, self._place, self._characteristics)
        self._routes[topic] = route
        return route

    def keep(self, more: int) -> None:
        """Make room for so many bytes more: all that is kept is forgotten when it would be too much."""
        if self._kept + more > _KEPT:
            for route in self._routes.values():
                if route is not None:
                    route.forget()
            self._routes.clear()
            self._kept = 0
        self._kept += more


class Route:
    """One topic of a connector; `parts` are what its pattern names."""

    def __init__(
        self,
        source: Source,
        parts: dict[str, str],
        template: list[tuple[str, str | None]],
        place: list[tuple[str, str | None]],
        characteristics: dict[str, int],
    ) -> None:
        self.kind = kind_of(parts.get(KIND))
        self._place = [(text + parts[name], None) if name in parts else (text, name) for text, name in place]
        self._source, self._characteristics = source, characteristics
        self._template = [(text + parts[name], None) if name in parts else (text, name) for text, name in template]
        self.fields = tuple(sorted({name for _, name in self._template if name is not None and name != "name"}))
        self._names: dict[tuple[tuple[str, ...] | None, tuple[str, ...]], Names] = {}
        self._shapes: dict[tuple[bytes, tuple[int, ...]], Shape] = {}

    def names(self, keys: tuple[str, ...], message: dict[str, Any]) -> Names | None:
        """The characteristics that `keys` stand for; None when `message` lacks a field of the template."""
        given: tuple[str, ...] | None = None
        if self.fields:
            found = [message.get(field) if field in FIELDS else None for field in self.fields]
            if any(type(value) not in (str, int, float) or value == "" for value in found):
                return None
            given = tuple(map(str, found))
        try:
            return self._names[given, keys]
        except KeyError:
            return self._resolve(given, keys)

    def around(self, message: dict[str, Any]) -> Around | None:
        """What stands around `{name}` in the id; None when `message` lacks a field, or the template has no name."""
        names = self.names((_ANY,), message)
        if names is None:
            return None
        before, found, behind = names.ids[0].partition(_ANY)
        return Around(before, behind) if found else None

    def could_give(self, characteristic: str) -> bool:
        """Whether a message on this topic can hold a reading of a characteristic (its id)."""
        expression = "".join(re.escape(text) + (".+" if field is not None else "") for text, field in self._template)
        return re.fullmatch(expression, characteristic, re.DOTALL) is not None

    def place(self, message: dict[str, Any]) -> str | None:
        """Where an event happened; None when `message` lacks a field of the place's template."""
        parts = []
        for text, field in self._place:
            value = "" if field is None else message.get(field)
            if type(value) not in (str, int, float) or (value == "" and field is not None):
                return None
            parts.append(f"{text}{value}")
        return "".join(parts)

    def shape(self, names: Names, lengths: tuple[int, ...]) -> Shape:
        """How arrays of these lengths, one a name, lie one after the other."""
        try:
            return self._shapes[names.packed, lengths]
        except KeyError:
            pass
        self._source.keep(_EACH + 4 * sum(lengths) + 50 * len(lengths))
        n = np.array(lengths, np.int64)
        packed = np.repeat(np.array(names.indices, np.int32), n).tobytes()
        shape = self._shapes[names.packed, lengths] = Shape(packed, np.stack([n, np.cumsum(n) - n], axis=1))
        return shape

    def _resolve(self, given: tuple[str, ...] | None, keys: tuple[str, ...]) -> Names:
        fields = dict(zip(self.fields, given or (), strict=True))
        ids = tuple(self._id(key, fields) for key in keys)
        indices = tuple(self._characteristics.get(one, -1) for one in ids)
        names = Names(indices, array("i", indices).tobytes(), -1 not in indices, ids)
        self._source.keep(sum(_EACH + len(key) + len(one) for key, one in zip(keys, ids, strict=True)))
        self._names[given, keys] = names
        return names

    def forget(self) -> None:
        """Nothing is known of any name."""
        self._names.clear()
        self._shapes.clear()

    def _id(self, key: str, fields: dict[str, str]) -> str:
        return "".join(
            text if field is None else text + (key if field == "name" else fields[field])
            for text, field in self._template
        )
