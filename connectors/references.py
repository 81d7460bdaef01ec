"""Which values of a JSON message a correction means, and through which topics a characteristic's readings come."""

from collections.abc import Collection
from typing import Any

from config.plan import Plan
from connectors.decode_json import places
from connectors.event_json import kind_of
from connectors.journal_past import Sender
from connectors.json_payload import Unreadable, read_json
from connectors.routes import Source


def longest_plain(text: str) -> str:
    """The longest part of an id that stands in JSON as it is, whatever wrote it; empty for none."""
    plain = "".join(one if one.isascii() and (one.isalnum() or one in "-_.: ") else "\n" for one in text)
    return max(plain.split("\n"), key=len)


def values_of(payload: bytes, identity: str, name: str) -> dict[int, float]:
    """The values of the message `identity`, or of its value `name`, by their places within the entry; empty for none.

    A name that is no key of its values leaves all of them.

    >>> values_of(b'[{"id": 1, "values": {"a": 1}}, {"id": 2, "values": {"a": [1, 2], "b": 3}}]', "2", "")
    {1: 1.0, 2: 2.0, 3: 3.0}
    >>> values_of(b'{"id": 2, "values": {"a": [1, 2], "b": 3}}', "2", "b")
    {2: 3.0}
    """
    try:
        document = read_json(payload)
    except Unreadable:
        return {}
    first = 0
    for message in document if type(document) is list else [document]:
        if type(message) is not dict:
            continue
        values: Any = message.get("values")
        known = message.get("id")
        if type(values) is dict and type(known) in (str, int) and str(known) == identity:
            return _placed(values, first, name)
        first += places(values) if type(values) is dict else int(kind_of(message.get("kind")) is not None)
    return {}


def _placed(values: dict[str, Any], first: int, name: str) -> dict[int, float]:
    found, place = dict[int, float](), first
    for key, value in values.items():
        for element in (value or [None]) if type(value) is list else [value]:
            if type(element) in (int, float) and (key == name or name not in values):
                found[place] = float(element)
            place += 1
    return found


def senders_of(plan: Plan, senders: Collection[Sender], ids: Collection[str]) -> list[Sender]:
    """Those of `senders` (connector, topic) whose messages can hold readings of any of `ids`, so far as is known."""
    known = {one.name: Source(number, one, {}) for number, one in enumerate(plan.connectors) if one.payload == "json"}
    found = []
    for connector, topic in sorted(senders):
        if connector in known:
            route = known[connector].route(topic)
            if route is None or not any(route.could_give(one) for one in ids):
                continue
        found.append((connector, topic))
    return found
