"""The plant of the kill loop: its file, and all that its gateways send, made from a seed.

Six stations, eight characteristics: individuals and subgroups, baseline and fixed limits, named subgroups, arrays,
one-sided specifications, one with `lateness_seconds`. Days turn bad and good again, so that breaches open, recover
and relapse. Messages come in another order than their times, again, late, too late, ahead of the clock and broken.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from tests.spine import Message, clock

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
ZONE = ZoneInfo("Europe/Berlin")
FIRST_DAY = date(2026, 10, 19)  # a Monday; in its first week the clocks go back
STEPS = 24  # of a production day, one every 40 minutes: 16 hours of work
STEP_NS = 40 * MINUTE_NS
MEASURED_NS = 38 * MINUTE_NS  # into a step: what it sends was measured by then
STRIDE_NS = 30 * MINUTE_NS  # of the clock while nothing is measured
SUNDAY = 6
PERIOD_ENDS = date(2026, 11, 7)  # of the objective O1; the bore's last days in it are restated two days after

AGAIN = 0.05  # share of the messages that are sent again
LATE, TOO_LATE, AHEAD, BROKEN, SETUP = 0.012, 0.004, 0.006, 0.006, 0.01

HEAD = """
[plant]
id = "chaos"
timezone = "Europe/Berlin"
day_starts_at = "06:00"
working_days = ["mon", "tue", "wed", "thu", "fri", "sat"]
holidays = ["2026-11-03"]

[clock]
source = "topic"
topic = "plant/clock"

[connectors.gateways]
type = "mqtt"
port = {broker}
topics = ["factory/{{line}}/{{station}}/measurements"]

[web]
port = {web}

[storage]
keep_days = 36500
journal_keep_days = 36500

[influxdb]
url = "{influx}"
bucket = "plumbline"
token_env = "INFLUX_TOKEN"

[defaults]
window = 20
minimum_n = 10
stale_after_hours = 60
subgroup_within_minutes = 90
owner = "production"
"""

BODY = """
[characteristics."line1/op10/bore"]
lsl = 9.955
usl = 10.045
target = 10.0
chart = "xbar-r"
subgroup_size = 4
limits = { from = "baseline", subgroups = 8 }
rules = "nelson"
co_owners = ["quality"]

[characteristics."line1/op10/force"]
lsl = 28.6
usl = 35.4
limits = { center = 32.0, sigma = 0.8 }
day_basis = "day"

[characteristics."line1/op20/width"]
lsl = 41.91
usl = 42.09
chart = "xbar-s"
subgroup_size = 3
limits = { from = "baseline", subgroups = 8 }

[characteristics."line1/op20/roughness"]
usl = 1.6
limits = { from = "baseline", subgroups = 30 }
rules = "western-electric"

[characteristics."line2/op10/height"]
lsl = {height_lsl}
usl = 18.59
target = 18.5
chart = "xbar-r"
subgroup_size = 5
limits = { center = 18.5, sigma = 0.02 }
minimum_n = 40
window = 40

[characteristics."line2/op20/strength"]
lsl = 6.2
limits = { from = "baseline", subgroups = 20 }
lateness_seconds = 600
breach_days = 2
recovery_days = 2
on_gap = "reset"

[characteristics."line2/op30/leak"]
usl = 1.75
resolution = 0.01
limits = { from = "baseline", subgroups = 25 }
breach_index = "min"

[metrics.bore_cpk]
kind = "cpk"
of = ["line1/op10/bore"]
over = "day"

[metrics.line1_lowest]
kind = "cpk"
of = ["line1/*"]
over = "day"
floor = 1.25

[metrics.line1_trailing]
kind = "cpk"
of = ["line1/*"]
reduce = "mean"

[metrics.strength_ppk]
kind = "ppk"
of = ["line2/op20/strength"]
count_when = "lower"

[metrics.line2_share]
kind = "cpk"
of = ["line2/op10/height", "line2/op20/strength", "line2/op30/leak"]
over = "day"
reduce = "share-at-target"
floor = 0.6
breach_days = 2
owner = "quality"

[metrics.window_lowest]
kind = "cpk"
of = ["line1/op10/force", "line1/op20/roughness"]
over = "window"

[objectives.O0]
title = "Parts that never come back"
level = "company"
owner = "plant manager"
period = "2026-Q4"

[objectives.O1]
title = "Line 1 makes capable parts"
level = "department"
owner = "production 1"
parent = "O0"
period = "2026-10-19..{period_ends}"

[key_results.KR1]
objective = "O1"
title = "Bore Cpk at least 1.33"
metric = "bore_cpk"
start = 0.9
target = 1.33

[key_results.KR2]
objective = "O1"
title = "The lowest Cpk of line 1 stays at 1.2"
metric = "line1_lowest"
kind = "maintain"
target = 1.2
required_share = 0.7

[key_results.KR3]
objective = "O0"
title = "Line 1 in the mean at 1.5"
metric = "line1_trailing"
start = 1.0
target = 1.5

[key_results.KR4]
objective = "O0"
title = "Weld strength Ppk, surely 1.3"
metric = "strength_ppk"
start = 0.8
target = 1.3

[key_results.KR5]
objective = "O0"
title = "Line 2 at target"
metric = "line2_share"
kind = "maintain"
target = 0.66
"""

# What the plan has before it changes, and what afterwards.
BEFORE = '\n[characteristics."line2/op40/weight"]\nlsl = 407.0\nusl = 417.0\n'
AFTER = (
    '\n[characteristics."line2/op40/torque"]\nlsl = 11.2\nusl = 12.8\nlimits = { from = "baseline", subgroups = 20 }\n'
)
CHANGED = ("line2/op10/height", "line2/op40/weight", "line2/op40/torque")  # by the change of the plan


def plant_text(*, broker: int, web: int, influx: str, changed: bool) -> str:
    """The plant file, before or after its change."""
    body = BODY.replace("{height_lsl}", "18.42" if changed else "18.41")
    body = body.replace("{period_ends}", PERIOD_ENDS.isoformat())
    return HEAD.format(broker=broker, web=web, influx=influx) + body + (AFTER if changed else BEFORE)


@dataclass(frozen=True)
class Station:
    """A station: what it measures, as (name, mean, sigma, decimals), and how it sends it."""

    name: str
    features: tuple[tuple[str, float, float, int], ...]
    messages: int  # of each step
    spread_seconds: int  # their times lie within so many seconds, in any order
    array: int = 0  # so many values at once
    named: bool = False  # its subgroups have names
    ids: bool = True


STATIONS = (
    Station("line1/op10", (("bore", 10.0, 0.01, 6), ("force", 32.0, 0.8, 5)), 1, 30),
    Station("line1/op20", (("width", 42.0, 0.02, 6), ("roughness", 0.9, 0.16, 6)), 1, 30, named=True),
    Station("line2/op10", (("height", 18.5, 0.02, 6),), 1, 5, array=5),
    Station("line2/op20", (("strength", 7.4, 0.28, 6),), 2, 420),
    Station("line2/op30", (("leak", 0.8, 0.21, 6),), 1, 10, ids=False),
    Station("line2/op40", (("weight", 412.0, 1.1, 5), ("torque", 12.0, 0.18, 6)), 1, 10),
)


@dataclass(frozen=True)
class Step:
    """What is sent together; then the clock says `at_ns`. `share`: how much of all days is then over."""

    messages: tuple[Message, ...]
    at_ns: int
    share: float


@dataclass
class Stream:
    """All steps of `days` production days, the same for the same seed."""

    seed: int
    days: int
    _random: Random = field(init=False)
    _number: int = 0
    _again: list[Message] = field(default_factory=list)
    _moods: dict[str, tuple[float, int]] = field(default_factory=dict)  # (shift in sigma, days left)

    def __post_init__(self) -> None:
        self._random = Random(f"chaos {self.seed}")

    @property
    def start_ns(self) -> int:
        return day_start_ns(FIRST_DAY)

    @property
    def end_ns(self) -> int:
        """Two days after the last one, and an hour: everything has closed, been restated and released."""
        return day_start_ns(FIRST_DAY + timedelta(days=self.days + 2)) + HOUR_NS

    def steps(self) -> Iterator[Step]:
        """The steps in the order of sending, up to `end_ns`."""
        now = self.start_ns
        for number in range(self.days):
            day = FIRST_DAY + timedelta(days=number)
            begin = day_start_ns(day)
            if day.weekday() != SUNDAY or self._random.random() < 0.3:
                for k in range(STEPS):
                    at_ns = begin + (k + 1) * STEP_NS
                    messages = self._messages(at_ns - STEP_NS, day, k)
                    yield from self._strides(now, at_ns - STEP_NS + MEASURED_NS, (number + k / STEPS) / self.days)
                    yield Step(tuple(messages), at_ns, (number + k / STEPS) / self.days)
                    now = at_ns
            yield from self._strides(now, day_start_ns(day + timedelta(days=1)), (number + 1) / self.days)
            now = max(now, day_start_ns(day + timedelta(days=1)))
        yield from self._strides(now, self.end_ns, 1.0)

    def _strides(self, now: int, until: int, share: float) -> Iterator[Step]:
        while now < until:
            now = min(now + STRIDE_NS, until)
            yield Step((), now, share)

    def _messages(self, begin_ns: int, day: date, k: int) -> list[Message]:
        chance = self._random
        messages = []
        for station in STATIONS:
            for _ in range(station.messages):
                at_ns = begin_ns + 30 * MINUTE_NS + chance.randrange(station.spread_seconds * 1000) * 1_000_000
                messages.append(self._message(station, at_ns, day, k))
        if day == PERIOD_ENDS + timedelta(days=2) and k in (4, 8):
            at_ns = day_start_ns(PERIOD_ENDS - timedelta(days=k // 8)) + (k + 1) * HOUR_NS
            messages.append(self._message(STATIONS[0], at_ns, day, k))
        for message in list(messages):
            if chance.random() < AGAIN:
                self._again.append(message)
        for message in list(self._again):
            if chance.random() < 0.3:  # soon, or much later, between live ones
                self._again.remove(message)
                messages.append(message)
        chance.shuffle(messages)
        return messages

    def _message(self, station: Station, at_ns: int, day: date, k: int) -> Message:
        chance = self._random
        self._number += 1
        fate = chance.random()
        shifts = (
            (LATE, -chance.randrange(30, 5 * 1440)),
            (TOO_LATE, -chance.randrange(8 * 1440, 12 * 1440)),
            (AHEAD, chance.choice([9, 11, 40])),
        )
        for share, shift in shifts:
            if 0 <= fate < share:
                at_ns += shift * MINUTE_NS
            fate -= share
        body: dict[str, Any] = {
            "time": at_ns // 1_000_000,
            "values": {name: self._value(station, day, *feature) for name, *feature in station.features},
            "part": f"{self._number:06d}",
            "lot": f"L{(day - FIRST_DAY).days // 4}",
        }
        if station.ids:
            body["id"] = f"{station.name[4:].replace('/', '-')}-{self._number:06d}"
        if station.named:
            body["subgroup"] = f"{day.toordinal() % 100}-{(k + (self._number % 7 == 0)) // 3}"
        if 0 <= fate < SETUP:
            body["purpose"] = "setup"
        fate -= SETUP
        payload = orjson.dumps(body)
        if 0 <= fate < BROKEN:
            payload = self._broken(body, payload)
        return Message(f"factory/{station.name}/measurements", payload)

    def _broken(self, body: dict[str, Any], payload: bytes) -> bytes:
        kind = self._random.randrange(4)
        if kind == 0:
            return payload[: len(payload) // 2]
        if kind == 1:
            return orjson.dumps(body | {"values": body["values"] | {"nobody": 1.5}})
        if kind == 2:
            return orjson.dumps(body | {"values": dict.fromkeys(body["values"], None)})
        return orjson.dumps(body | {"time": "some day"})

    def _value(self, station: Station, day: date, mean: float, sigma: float, decimals: int) -> Any:
        shift = self._mood(f"{station.name}{mean}", day)
        values = [round(self._random.gauss(mean + shift * sigma, sigma), decimals) for _ in range(station.array or 1)]
        return values if station.array else values[0]

    def _mood(self, name: str, day: date) -> float:
        """How far off a characteristic is today: well for some days, then off for some, and so on."""
        shift, until = self._moods.get(name, (0.0, FIRST_DAY.toordinal() + self._random.randrange(2, 5)))
        if day.toordinal() >= until:
            off = shift == 0.0
            shift = self._random.choice([1.6, 2.2]) * self._side(name) if off else 0.0
            until = day.toordinal() + self._random.randrange(2, 6) + 2 * (not off)
        self._moods[name] = (shift, until)
        return shift

    def _side(self, name: str) -> int:
        """Towards a limit: strength has only a lower one, roughness and leak only an upper one."""
        return -1 if name.startswith("line2/op20") else 1


def day_start_ns(day: date) -> int:
    """When the production day of that date begins."""
    return int(datetime.combine(day, time(6), ZONE).timestamp()) * SECOND_NS


def closing(stream: Stream) -> Message:
    """The clock's last message."""
    return clock(stream.end_ns)
