"""The simulated plant's numbers: which messages its gateways send on a production day. Pure and seeded.

Two lines of three stations each. Every station measures five parts once an hour, 08:00 to 24:00, Monday to
Saturday. What there is to be seen:

- tool wear: `line1/op30` grinds with a tool that lasts two days and drifts by two sigma in that time;
- a lot change: from the eighth day on `line1/op20` machines a lot of bars that comes out wider;
- a fault: for three days `line1/op10` bores too large and scatters more, then it is mended;
- two products on `line2/op10`, one in each shift, which sends a subgroup as an array;
- the gateway of `line2/op20` repeats messages and sends them out of order;
- the gateway of `line2/op30` sends broken JSON now and then.

The same seed gives the same messages, whichever days are asked for and in whatever order.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import orjson

TIMEZONE = ZoneInfo("Asia/Shanghai")
FIRST_DAY = date(2026, 10, 8)
DAY_STARTS_AT = time(8)
HOURS = 16  # of work in a production day
SUNDAY = 6
FAULT_DAYS = 3

PARTS = 5  # measured in a row, once an hour
ARRAY = 8  # values of a subgroup that is sent as an array
SECOND_NS = 1_000_000_000
PART_NS = 30 * SECOND_NS  # from one part to the next
STATION_NS = 600 * SECOND_NS  # the stations measure one after the other
HOUR_NS = 3600 * SECOND_NS

TOOL_DAYS = 2
WEAR_SIGMAS = 2.0
NEW_LOT_DAY = 7
LOT_SIGMAS = 0.8
FAULT_SIGMAS = 2.2
FAULT_SPREAD = 1.2

REPEATED = 0.05  # share of the messages
DELAYED = 0.10
DELAY_NS = (20 * SECOND_NS, 80 * SECOND_NS)  # below the characteristics' lateness_seconds
BROKEN = 0.01

TimeForm = Literal["offset", "epoch", "local"]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing measured: normal about `mean`, rounded to the gauge's `resolution`; `count` values at once."""

    name: str
    mean: float
    sigma: float
    resolution: float
    count: int = 1
    moves: Literal["", "wear", "lot", "fault"] = ""


@dataclass(frozen=True, slots=True)
class Station:
    """A station and the way its gateway speaks."""

    line: str
    name: str
    gateway: str
    machine: str
    time_form: TimeForm
    features: tuple[Feature, ...]
    products: tuple[str, ...] = ("P7",)  # one a shift


@dataclass(frozen=True, slots=True)
class Sent:
    """One message as its gateway sends it: `at_ns` is the simulated time of sending, `values` what it holds."""

    at_ns: int
    gateway: str
    topic: str
    payload: bytes
    values: int


STATIONS = (
    Station("line1", "op10", "line1", "M11", "offset", (
        Feature("bore", 10.0, 0.0075, 0.001, moves="fault"),
        Feature("depth", 25.0, 0.016, 0.001),
        Feature("roundness", 5.0, 0.85, 0.01),
    )),
    Station("line1", "op20", "line1", "M12", "offset", (
        Feature("width", 42.0, 0.018, 0.001, moves="lot"),
        Feature("slot", 8.0, 0.008, 0.001),
        Feature("flatness", 12.0, 2.2, 0.1),
    )),
    Station("line1", "op30", "line1", "M13", "offset", (
        Feature("diameter", 32.0, 0.002, 0.0001, moves="wear"),
        Feature("roughness", 0.42, 0.06, 0.001),
        Feature("taper", 0.0, 0.0012, 0.0001),
    )),
    Station("line2", "op10", "press", "M21", "epoch", (
        Feature("height", 18.5, 0.02, 0.001, count=ARRAY),
        Feature("force", 31.0, 0.48, 0.01),
    ), products=("P7", "P9")),
    Station("line2", "op20", "weld", "M22", "local", (
        Feature("strength", 7.4, 0.28, 0.01),
        Feature("penetration", 1.6, 0.06, 0.001),
        Feature("gap", 0.3, 0.015, 0.001),
    )),
    Station("line2", "op30", "final", "M23", "offset", (
        Feature("weight", 412.0, 0.9, 0.1),
        Feature("leak", 0.8, 0.18, 0.01),
        Feature("torque", 12.0, 0.16, 0.01),
        Feature("clearance", 0.05, 0.004, 0.0001),
    )),
)  # fmt: skip
GATEWAYS = ("line1", "press", "weld", "final")
SECOND_PRODUCT_MEANS = {"height": 21.0, "force": 36.0}  # what P9 is made to


def production_day(number: int) -> date:
    """The date of the plant's production day `number` (0 is the first); Sundays are none."""
    weeks, rest = divmod(number, 6)
    day = FIRST_DAY + timedelta(weeks=weeks)
    for _ in range(rest):
        day += timedelta(days=2 if (day + timedelta(days=1)).weekday() == SUNDAY else 1)
    return day


def start_ns(day: date) -> int:
    """When the production day of that date begins: int64 ns since the epoch (UTC)."""
    return int(datetime.combine(day, DAY_STARTS_AT, TIMEZONE).timestamp()) * SECOND_NS


def day_messages(number: int, *, seed: int, fault_from: int) -> list[Sent]:
    """The messages of production day `number`, in the order of sending; the fault lasts from day `fault_from`."""
    messages: list[Sent] = []
    for place, station in enumerate(STATIONS):
        rng = np.random.default_rng([seed, number, place])
        sent = _station_messages(station, place, number, rng, fault=fault_from <= number < fault_from + FAULT_DAYS)
        if station.gateway == "weld":
            sent = _repeated_and_reordered(sent, rng)
        if station.gateway == "final":
            sent = _sometimes_broken(sent, rng)
        messages += sent
    return sorted(messages, key=lambda message: message.at_ns)  # stable: equal times stay in order


def _station_messages(
    station: Station, place: int, number: int, rng: np.random.Generator, *, fault: bool
) -> list[Sent]:
    values = {f.name: _values(f, number, rng, fault=fault) for f in station.features}
    begin = start_ns(production_day(number)) + place * STATION_NS
    sent = []
    for hour in range(HOURS):
        shift = hour * len(station.products) // HOURS
        for part in range(PARTS):
            at_ns = begin + hour * HOUR_NS + (part + 1) * PART_NS
            measured = {
                f.name: _of_product(values[f.name][hour, part], f, station.products[shift])
                for f in station.features
                if f.count == 1 or part == PARTS - 1  # an array once an hour, with the last part
            }
            serial = (number * HOURS + hour) * PARTS + part
            message = {
                "time": _time(at_ns, station.time_form),
                "id": _message_id(station, serial),
                "part": f"{station.machine}-{serial:06d}",
                "product": station.products[shift],
                "lot": f"L{71 + (number >= NEW_LOT_DAY)}",
                "machine": station.machine,
                "tool": f"T{1 + number // TOOL_DAYS}",
                "operator": f"W{1 + 2 * (hour // (HOURS // 2)) + number % 2}",
                "values": measured,
            }
            if station.name == "op30" and station.line == "line2":
                message["subgroup"] = f"{number}-{hour}"
            count = sum(len(v) if isinstance(v, list) else 1 for v in measured.values())
            topic = f"factory/{station.line}/{station.name}/measurements"
            sent.append(Sent(at_ns, station.gateway, topic, orjson.dumps(message), count))
    return sent


def _values(feature: Feature, number: int, rng: np.random.Generator, *, fault: bool) -> Floats:
    """(hours, parts, count) values of one day, before rounding, about the first product's mean."""
    deviations = rng.standard_normal((HOURS, PARTS, feature.count))
    if feature.moves == "wear":
        elapsed = (number % TOOL_DAYS + (np.arange(HOURS) + 0.5) / HOURS) / TOOL_DAYS  # of the tool's life
        deviations += (WEAR_SIGMAS * (elapsed - 0.5))[:, None, None]
    if feature.moves == "lot" and number >= NEW_LOT_DAY:
        deviations += LOT_SIGMAS
    if feature.moves == "fault" and fault:
        deviations = FAULT_SPREAD * deviations + FAULT_SIGMAS
    values: Floats = feature.mean + feature.sigma * deviations
    return values


def _of_product(values: Floats, feature: Feature, product: str) -> float | list[float]:
    """(count,) values as the gauge shows them: one number, or a list of several."""
    moved = SECOND_PRODUCT_MEANS[feature.name] - feature.mean if product == "P9" else 0.0
    places = max(0, -round(np.log10(feature.resolution)))
    shown = [round(float(value) + moved, places) for value in values]
    return shown if feature.count > 1 else shown[0]


def _time(at_ns: int, form: TimeForm) -> str | int:
    if form == "epoch":
        return at_ns // 1_000_000
    local = datetime.fromtimestamp(at_ns // SECOND_NS, TIMEZONE)
    return local.isoformat() if form == "offset" else local.replace(tzinfo=None).isoformat()


def _message_id(station: Station, serial: int) -> str:
    """Counting upwards, but for the welding gateway, whose ids have no order."""
    if station.gateway == "weld":
        return f"{serial * 2_654_435_761 % 2**32:08x}"  # Knuth's multiplicative hash: one to one
    return f"{station.machine}-{serial:06d}"


def _repeated_and_reordered(messages: list[Sent], rng: np.random.Generator) -> list[Sent]:
    """Some arrive after their neighbours, some again a while later, as with QoS 1 over a bad line."""
    changed = []
    for message, chance, delay in zip(
        messages, rng.random(len(messages)), rng.integers(*DELAY_NS, len(messages)), strict=True
    ):
        later = replace(message, at_ns=message.at_ns + int(delay))
        if chance < REPEATED:
            changed += [message, later]
        else:
            changed.append(later if chance < REPEATED + DELAYED else message)
    return changed


def _sometimes_broken(messages: list[Sent], rng: np.random.Generator) -> list[Sent]:
    """Some lose their end on the way."""
    return [
        replace(m, payload=m.payload[: len(m.payload) // 2], values=0) if chance < BROKEN else m
        for m, chance in zip(messages, rng.random(len(messages)), strict=True)
    ]
