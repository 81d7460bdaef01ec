"""What happens in the simulated plant besides measurements: machine states, counts, inspections, complaints, a change.

Each station's machine runs while there is work, and breaks down about once a day, for one of four reasons; the press is
set up when its product changes. Once an hour the machine says how many parts it made and how many of them were good,
and final inspection looks at fifty. A customer complains every third day; the answer comes after a day, and once in
four times after four. The new lot of bars is told as a change of material. The same seed gives the same messages.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import orjson

from flows.plant_model import (
    HOUR_NS,
    HOURS,
    NEW_LOT_DAY,
    SECOND_NS,
    STATIONS,
    TIMEZONE,
    Sent,
    Station,
    production_day,
    start_ns,
)

MINUTE_NS = 60 * SECOND_NS
CYCLE_SECONDS = 30  # ideal, of every machine
SLOWER = 0.95  # of what the ideal cycle would give in the time it runs
GOOD = 0.985  # share of the parts
REASONS = ("tool", "material", "electric", "sensor")
DOWN_MINUTES = (6, 45)
SETUP_MINUTES = 25
INSPECTED = 50
INSPECTED_BAD = 0.02
DEFECTS = ("scratch", "dent", "burr")
COMPLAINT_EVERY = 3  # days
ANSWER_HOURS = (20, 95)
LATE_ANSWERS = 4  # one of so many
TOPICS = ("leak", "surface", "delivery", "packing")
FINAL = next(station for station in STATIONS if station.name == "op30" and station.line == "line2")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A machine is in `state` from `start_ns` on, until the next stretch of the day."""

    start_ns: int
    state: str
    reason: str = ""


def happenings(number: int, *, seed: int) -> list[Sent]:
    """The messages of production day `number` that are no measurements, in the order of sending."""
    sent: list[Sent] = []
    for place, station in enumerate(STATIONS):
        rng = np.random.default_rng([seed, number, place, 1])
        stretches = list(_stretches(station, number, rng))
        sent += [_state(station, stretch) for stretch in stretches]
        sent += _counts(station, number, stretches, rng)
    sent += _inspections(number, np.random.default_rng([seed, number, 98]))
    sent += _complaints(number, seed)
    if number == NEW_LOT_DAY:
        sent.append(_change(number))
    return sorted(sent, key=lambda message: message.at_ns)


def _stretches(station: Station, number: int, rng: np.random.Generator) -> Iterator[Stretch]:
    """The day's states: work begins with the day and ends 16 hours later."""
    begin = start_ns(production_day(number))
    end = begin + HOURS * HOUR_NS
    yield Stretch(begin, "running")
    stops = [(begin + int(minute) * MINUTE_NS, "down") for minute in rng.integers(40, 420, rng.poisson(1.0))]
    if len(station.products) > 1:
        stops.append((begin + HOURS // 2 * HOUR_NS, "setup"))
    free = begin
    for at, state in sorted(stops):
        if at < free:
            continue
        minutes = SETUP_MINUTES if state == "setup" else int(rng.integers(*DOWN_MINUTES))
        yield Stretch(at, state, "product" if state == "setup" else str(rng.choice(REASONS)))
        free = at + (minutes + 1) * MINUTE_NS
        yield Stretch(at + minutes * MINUTE_NS, "running")
    yield Stretch(end, "idle", "no work")


def _state(station: Station, stretch: Stretch) -> Sent:
    body = {"kind": "state", "state": stretch.state, "machine": station.machine, "time": _iso(stretch.start_ns)}
    return _sent(station, stretch.start_ns + MINUTE_NS, body | ({"reason": stretch.reason} if stretch.reason else {}))


def _counts(station: Station, number: int, stretches: list[Stretch], rng: np.random.Generator) -> Iterator[Sent]:
    """What the machine made in each hour, from how long it ran in it."""
    begin = start_ns(production_day(number))
    for hour in range(HOURS):
        start, end = begin + hour * HOUR_NS, begin + (hour + 1) * HOUR_NS
        total = round(_running_ns(stretches, start, end) / SECOND_NS / CYCLE_SECONDS * SLOWER)
        good = int(rng.binomial(total, GOOD))
        yield _sent(station, end - MINUTE_NS, {"kind": "count", "total": total, "good": good})


def _running_ns(stretches: list[Stretch], start: int, end: int) -> int:
    ends = [following.start_ns for following in stretches[1:]] + [end]
    return sum(
        max(0, min(until, end) - max(one.start_ns, start))
        for one, until in zip(stretches, ends, strict=True)
        if one.state == "running"
    )


def _inspections(number: int, rng: np.random.Generator) -> Iterator[Sent]:
    begin = start_ns(production_day(number))
    for hour in range(HOURS):
        rejected = int(rng.binomial(INSPECTED, INSPECTED_BAD))
        reworked = int(rng.binomial(rejected, 0.5))
        defects: dict[str, int] = {}
        for kind in rng.choice(DEFECTS, rejected):
            defects[str(kind)] = defects.get(str(kind), 0) + 1
        body = {"kind": "inspection", "inspected": INSPECTED, "rejected": rejected, "reworked": reworked}
        body |= {"scrapped": rejected - reworked, "defects": defects, "product": FINAL.products[0]}
        yield _sent(FINAL, begin + (hour + 1) * HOUR_NS - 2 * MINUTE_NS, body)


def _complaints(number: int, seed: int) -> Iterator[Sent]:
    """New complaints of this day, and the answers to earlier ones that fall into it."""
    begin = start_ns(production_day(number))
    for day in range(max(0, number - 8), number + 1):
        if day % COMPLAINT_EVERY != 0:
            continue
        rng = np.random.default_rng([seed, day, 99])
        received = start_ns(production_day(day)) + 2 * HOUR_NS
        told = {
            **{"kind": "complaint", "complaint": f"C-{1 + day // COMPLAINT_EVERY:03d}", "class": "production"},
            **{"topic": str(rng.choice(TOPICS)), "received": _iso(received)},
        }
        if day == number:
            yield _sent(FINAL, received, told)
        hours = ANSWER_HOURS[int(rng.integers(LATE_ANSWERS) == 0)]
        answered = received + hours * HOUR_NS
        if begin <= answered < start_ns(production_day(number + 1)):
            yield _sent(FINAL, answered, told | {"answered": _iso(answered)})


def _change(number: int) -> Sent:
    station = next(one for one in STATIONS if (one.line, one.name) == ("line1", "op20"))
    body: dict[str, Any] = {"kind": "change", "of": "material", "note": "bars of lot L72"}
    return _sent(station, start_ns(production_day(number)) + MINUTE_NS, body)


def _sent(station: Station, at_ns: int, body: dict[str, Any]) -> Sent:
    topic = f"factory/{station.line}/{station.name}/{body['kind']}"
    return Sent(at_ns, station.gateway, topic, orjson.dumps({"time": _iso(at_ns)} | body), 0)


def _iso(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // SECOND_NS, TIMEZONE).isoformat()
