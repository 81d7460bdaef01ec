"""Entry: the stations at which people measure, and a page a station for their gauges, what is due first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from board.history.overview import characteristics
from board.history.queries import read_meta
from board.history.rows import Shown
from board.page import Asked, NoSuchThing, Page
from board.times import SECOND_NS, parse_time, rfc3339
from config.data_quality import seconds_of
from config.hand_entry import HandEntry, hand_entries
from config.models import PlantFile
from config.roles import Role
from rules.spec import ATTRIBUTE_CHARTS

CONTEXT = ("part", "lot", "operator", "gauge")  # what is asked for once, and goes with every value
SOON = 0.2  # of the time between two checks: from there on the next is due soon
STATES = ("overdue", "due-soon", "not-due", "not-expected")


@dataclass(frozen=True, slots=True)
class Check:
    """One characteristic that is measured by hand: `at` its station, `way` how a reading is handed in."""

    characteristic: str
    at: str
    way: HandEntry


def checks(plant: PlantFile) -> list[Check]:
    """What people enter, in the order of the plant file."""
    plan = {spec.id: spec for spec in plant.plan().characteristics}
    return [
        Check(name, "/".join(filter(None, (plan[name].line, plan[name].station))) or name, way)
        for name, way in hand_entries(plant).items()
    ]


def checks_at(plant: PlantFile | None, station: str) -> list[Check]:
    """The checks of one station."""
    return [] if plant is None else [check for check in checks(plant) if check.at == station]


def stations(asked: Asked) -> Shown:
    """Every station with its checks: how many, and the state of the gravest; those with something overdue first."""
    plant = asked.board.plant
    by_station: dict[str, list[Shown]] = {}
    for check in [] if plant is None else checks(plant):
        by_station.setdefault(check.at, [])
    if plant is not None and by_station:
        for card in _cards(asked, checks(plant)):
            by_station[card["at"]].append(card)
    shown = [{"name": name, "count": len(cards), "overdue": sum(card["due"] == "overdue" for card in cards),
              "due": min((card["due"] for card in cards), key=STATES.index)}
             for name, cards in by_station.items() if cards]  # fmt: skip
    return {"stations": sorted(shown, key=lambda one: STATES.index(one["due"]))}


def station(asked: Asked) -> Shown:
    """The cards of one station's checks, the most due first; raises `NoSuchThing` for a station without any."""
    found = checks_at(asked.board.plant, asked.name)
    if not found:
        raise NoSuchThing(asked.language.t("entry.unknown", name=asked.name))
    cards = sorted(_cards(asked, found), key=lambda card: (STATES.index(card["due"]), card["due_at"] or ""))
    plant = asked.board.plant
    return {"station": asked.name, "cards": cards, "context": CONTEXT, "gauges": list(plant.gauges) if plant else [],
            "may_write": asked.asker.may(Role.WRITE), "who": asked.asker.name, "result": None}  # fmt: skip


def _cards(asked: Asked, found: list[Check]) -> Iterator[Any]:
    """What a card shows of each check that the engine knows already."""
    plant = asked.board.plant
    assert plant is not None, "without a plant file there are no checks"
    known = {str(item["characteristic"]): item
             for item in characteristics(asked.view, [check.characteristic for check in found])}  # fmt: skip
    now = read_meta(asked.view.db).last_tick_ns
    for check in found:
        options, item = plant.characteristics[check.characteristic], known.get(check.characteristic)
        if item is None or item["state"] == "withdrawn":
            continue
        point = item["point"]
        every = seconds_of(options.expected_every) if options.expected_every else 0.0
        due = due_at(str(point["time"]) if isinstance(point, dict) else None, every)
        is_count = options.chart in ATTRIBUTE_CHARTS
        yield {
            "item": item, "at": check.at, "is_count": is_count, "every": every, "due_at": due,
            "due": due_state(due, every, now), "reaction": options.reaction, "gauge": options.gauge,
            "low": _bound(options.plausible[0]), "high": _bound(options.plausible[1]),
            "counts": check.way.name if is_count else "", "places": 1 if is_count else options.subgroup_size,
        }  # fmt: skip


def _bound(value: float) -> float | None:
    return value if isfinite(value) else None


def due_at(last: str | None, every_seconds: float) -> str | None:
    """When the next check is due: so long after the last point's time; None when nothing is expected or came yet.

    >>> due_at("2026-11-21T08:00:00Z", 1800.0), due_at(None, 1800.0), due_at("2026-11-21T08:00:00Z", 0.0)
    ('2026-11-21T08:30:00Z', None, None)
    """
    if last is None or not every_seconds:
        return None
    return rfc3339(parse_time(last) + round(every_seconds * SECOND_NS))


def due_state(due: str | None, every_seconds: float, now_ns: int) -> str:
    """One of `STATES` by the plant's clock; what is expected and never came is overdue.

    >>> now = parse_time("2026-11-21T08:25:00Z")
    >>> due_state("2026-11-21T08:30:00Z", 1800.0, now), due_state("2026-11-21T08:20:00Z", 1800.0, now)
    ('due-soon', 'overdue')
    >>> due_state(None, 1800.0, now), due_state(None, 0.0, now), due_state("2026-11-21T09:00:00Z", 7200.0, now)
    ('overdue', 'not-expected', 'not-due')
    """
    if not every_seconds:
        return "not-expected"
    if due is None:
        return "overdue"
    left = (parse_time(due) - now_ns) / SECOND_NS
    return "overdue" if left < 0 else "due-soon" if left < SOON * every_seconds else "not-due"


def message(way: HandEntry, values: list[float], context: Mapping[str, str], **more: object) -> dict[str, Any]:
    """A measurement as the intake takes it; several values are a whole subgroup.

    >>> message(HandEntry("forms", "l1/op10", "bore", {"product": "P7"}), [10.01], {"lot": "L7", "part": ""}, id="e1")
    {'values': {'bore': 10.01}, 'product': 'P7', 'lot': 'L7', 'id': 'e1'}
    """
    said = {name: text for name, text in context.items() if text}
    measured = values if len(values) > 1 else values[0]
    return {"values": {way.name: measured}, **way.fields, **said, **more}


def inspection(
    way: HandEntry, inspected: float, count: float, context: Mapping[str, str], **more: object
) -> dict[str, Any]:
    """An inspection as the intake takes it, with the one count that the characteristic's name says.

    >>> inspection(HandEntry("forms", "l1/op10", "defects.scratch"), 50, 2, {}, id="e2")
    {'kind': 'inspection', 'inspected': 50, 'defects': {'scratch': 2}, 'id': 'e2'}
    """
    said = {name: text for name, text in context.items() if text}
    field, _, kind = way.name.partition(".")
    counted: dict[str, Any] = {field: {kind or "found": count} if field == "defects" else count}
    return {"kind": "inspection", "inspected": inspected, **counted, **way.fields, **said, **more}


PAGES = (
    Page("entry", "/entry", parts={"stations": stations}),
    Page("entry-station", "/entry/{name:path}", station, menu=False),
)
