"""Cases told as tables: what goes into the journal, line by line, and the rows that history then holds.

Input lines are `DAY HH:MM` (Mon is 2026-11-16, Mon2 a week later; UTC) followed by one of

- `plan KEY=VALUE …`: a plan with these settings beside those before (`-NAME` without, `+NAME` again with it)
- `NAME VALUE …`: readings, one at that time; `every N` minutes; `VALUE` may be `24x±0.08`: so many about 10 by turns;
  `part=A` and the like: fields of their messages
- `state running`: a message of the machine
- `late|ahead|sent DAY HH:MM NAME VALUE …`: readings from that time on that come now; `id=7`: with ids that count on
  from there; `packet=3`: with such an MQTT packet id, and `dup`: delivered again
- `raw PAYLOAD`: a message as it stands
- `clock DAY HH:MM`: a tick that says that time; `ticks`: nothing, but the clock goes on up to here

A time may have seconds. The clock ticks every 15 minutes, and before each line. Output lines are `KIND KEY=VALUE …`:
all rows of the kinds named, in order, each with these columns; numbers to the digits given, `_` for a space. `no KIND`:
there is none of it.
"""

import json
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from math import nan
from pathlib import Path
from typing import Any

from config.data_quality import seconds_of
from config.plan import ConnectorPlan, Dedupe, Plan
from rules.spec import BaselineLimits, BreachSpec, CalendarSpec, CharacteristicSpec, FixedLimits, GaugeSpec, MetricSpec
from tests.plants import MINUTE, TOPIC, Journal, at, make_plan, query

CASES = Path(__file__).parent / "cases"
WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONDAY = date(2026, 11, 16).toordinal()
QUARTER = 15 * MINUTE
DAYS = {"day", "first_day", "last_day", "opened_day", "recovered_day"}
TIMES = {"time", "from_time", "to_time"}

START = CharacteristicSpec(
    "bore",
    lsl=9.4,
    usl=10.6,
    limits=FixedLimits(10.0, 0.1),
    minimum_n=10,
    day_basis="day",
    breach=BreachSpec(breach_days=1, recovery_days=1),
)


@dataclass(frozen=True, slots=True)
class Case:
    """One case; `given` and `gives` are its tables."""

    name: str
    given: str
    gives: str


def cases(folder: str) -> list[Case]:
    """The cases of a folder, in the order of its files."""
    found = []
    for path in sorted((CASES / folder).glob("*.toml")):
        found += [Case(**case) for case in tomllib.loads(path.read_text())["case"]]
    return found


def journal_of(case: Case) -> Journal:
    """The journal that a case tells."""
    teller = _Teller()
    for line in case.given.strip().splitlines():
        teller.line(*line.split())
    return teller.journal


def differences(case: Case, folder: Path) -> list[str]:
    """What history holds that the case does not say, and the other way round; `got` and `expected` side by side."""
    expected = [line.split() for line in case.gives.strip().splitlines()]
    found = []
    kinds = [rest[0] if kind == "no" else kind for kind, *rest in expected]
    for kind in dict.fromkeys(kinds):
        wanted = [_pairs(rest) for one, *rest in expected if one == kind]
        rows = _named(query(folder, f'SELECT * FROM "{kind}" ORDER BY "row"'), folder)
        if len(rows) != len(wanted):
            found.append(
                f"{kind}: expected {len(wanted)} rows, got {len(rows)}: {[_brief(row, wanted) for row in rows]}"
            )
            continue
        for place, (row, want) in enumerate(zip(rows, wanted, strict=True)):
            got = {key: _shown(key, row[key], text) for key, text in want.items()}
            if got != want:
                found.append(f"{kind} {place}: expected {want}, got {got}")
    return found


class _Teller:
    """Writes a journal line by line; keeps what the plan is."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.specs = {"bore": START}
        self.away: set[str] = set()
        self.calendar = CalendarSpec()
        self.metric: MetricSpec | None = None
        self.gauges: tuple[GaugeSpec, ...] = ()
        self.restate_days = 7
        self.dedupe: Dedupe = "id"

    def line(self, day: str, clock: str, verb: str, *rest: str) -> None:
        now = _moment(day, clock)
        if verb == "clock":
            self.journal.tick(_moment(*rest))
            self.journal.last_tick_ns = now
            return
        self._tick(now)
        if verb == "plan":
            self._set(rest)
            self.journal.plan(now, self._plan())
            if not any(entry.topic == "tick" for entry in self.journal.entries):
                self.journal.tick(now)
        elif verb in ("late", "ahead", "sent"):
            self._send(now, _moment(*rest[:2]), list(rest[2:]))
        elif verb == "state":
            body = {"kind": "state", "state": rest[0], "time": now // 1_000_000}
            self.journal.add(now, TOPIC, json.dumps(body).encode(), connector="line")
        elif verb == "raw":
            self.journal.add(now, TOPIC, " ".join(rest).encode(), connector="line")
        elif verb != "ticks":
            self._read(now, verb, list(rest))

    def _tick(self, now: int) -> None:
        if any(entry.topic == "tick" for entry in self.journal.entries):
            while self.journal.last_tick_ns < now:
                self.journal.tick(min(self.journal.last_tick_ns + QUARTER, now))

    def _send(self, now: int, time_ns: int, words: list[str]) -> None:
        options = {key: int(number) for key, eq, number in (word.partition("=") for word in words) if eq}
        dup = int("dup" in words)
        name, *words = (word for word in words if "=" not in word and word != "dup")
        values, step = _series(words)
        for k, value in enumerate(values):
            body: dict[str, Any] = {"time": (time_ns + k * step) // 1_000_000, "values": {name: value}}
            if "id" in options:
                body["id"] = f"g{options['id'] + k}"
            packet = options["packet"] + k if "packet" in options else 0
            self.journal.add(now, TOPIC, json.dumps(body).encode(), connector="line", packet=packet, dup=dup)

    def _read(self, now: int, name: str, words: list[str]) -> None:
        fields = dict(word.split("=") for word in words if "=" in word)
        values, step = _series([word for word in words if "=" not in word])
        for value in values:
            self._tick(now)
            self.journal.message(now, {name: value}, **fields)
            now += step

    def _plan(self) -> Plan:
        here = [spec for name, spec in self.specs.items() if name not in self.away]
        metrics = (self.metric,) if self.metric else ()
        line = ConnectorPlan("line", "json", ("plant/{kind}",), "{name}", "UTC", self.dedupe)
        return make_plan(
            *here,
            calendar=self.calendar,
            metrics=metrics,
            gauges=self.gauges,
            restate_days=self.restate_days,
            connectors=(line,),
        )

    def _set(self, words: Iterable[str]) -> None:
        for word in words:
            if word[0] in "+-":
                name = word[1:]
                self.specs.setdefault(name, replace(START, id=name))
                (self.away.add if word[0] == "-" else self.away.discard)(name)
                continue
            key, value = word.split("=")
            match key:
                case "day_starts_at":
                    hours, minutes = value.split(":")
                    self.calendar = replace(self.calendar, day_starts_at=60 * int(hours) + int(minutes))
                case "timezone":
                    self.calendar = replace(self.calendar, timezone=value)
                case "grace_minutes":
                    self.calendar = replace(self.calendar, grace_minutes=int(value))
                case "restate_days":
                    self.restate_days = int(value)
                case "dedupe":
                    self.dedupe = value  # type: ignore[assignment] # a word of the case
                case "holiday":
                    self.calendar = replace(self.calendar, holidays=self.calendar.holidays | {_day(value)})
                case "calibrated":  # gauge:day
                    gauge, until = value.split(":")
                    self.gauges = (*self.gauges, GaugeSpec(gauge, _day(until)))
                case "expected_every" | "plausible":
                    self.specs["bore"] = _doubting(self.specs["bore"], key, value)
                case "metric":
                    self.metric = MetricSpec("m", "cpk", ("bore", "depth"), over="day", reduce=value)  # type: ignore[arg-type] # a word of the case
                case _:
                    self.specs["bore"] = _with(self.specs["bore"], key, value)


def _with(spec: CharacteristicSpec, key: str, value: str) -> CharacteristicSpec:
    match key:
        case "floor":
            return replace(spec, breach=replace(spec.breach, floor=float(value), recovery_cpk=float(value)))
        case "baseline":
            return replace(spec, limits=BaselineLimits(int(value)))
        case "limits":  # centre±sigma
            center, sigma = value.split("±")
            return replace(spec, limits=FixedLimits(float(center), float(sigma)))
        case "chart" | "remeasure" | "gauge":
            return replace(spec, **{key: value})  # type: ignore[arg-type] # a word of the case
        case "lsl" | "usl" | "lateness_seconds":
            return replace(spec, **{key: nan if value == "-" else float(value)})  # type: ignore[arg-type] # floats all
        case _:
            return replace(spec, **{key: int(value)})  # type: ignore[arg-type] # a whole number


def _doubting(spec: CharacteristicSpec, key: str, value: str) -> CharacteristicSpec:
    if key == "expected_every":
        return replace(spec, expected_every_seconds=seconds_of(value))
    low, high = (float(bound) for bound in value.split(".."))
    return replace(spec, plausible_low=low, plausible_high=high)


def _series(words: list[str]) -> tuple[Iterable[float], int]:
    """Values, and the ns between two: a minute unless `every N` stands behind them."""
    if "every" not in words:
        return _values(words), MINUTE
    place = words.index("every")
    return _values(words[:place]), int(words[place + 1]) * MINUTE


def _values(words: Iterable[str]) -> Iterable[float]:
    for word in words:
        turns = re.fullmatch(r"(\d+)x±([\d.]+)", word)
        if turns is None:
            yield float(word)
            continue
        for k in range(int(turns[1])):
            yield 10 + float(turns[2]) * (-1) ** k


def _day(text: str) -> int:
    return MONDAY + WEEK.index(text[:3]) + 7 * (int(text[3:] or 1) - 1)


def _moment(day: str, clock: str) -> int:
    return at(f"{date.fromordinal(_day(day))} {clock}")


def _pairs(words: Iterable[str]) -> dict[str, str]:
    return dict(word.split("=", 1) for word in words)


def _named(rows: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """Rows with characteristics by name."""
    names = {row["characteristic"]: row["name"] for row in query(folder, 'SELECT * FROM "characteristic"')}
    return [row | {"of": names.get(row.get("characteristic"))} for row in rows]


def _brief(row: dict[str, Any], wanted: list[dict[str, str]]) -> dict[str, str]:
    return {key: _shown(key, row[key], text) for key, text in (wanted[0] if wanted else dict.fromkeys(row, "")).items()}


def _shown(key: str, value: Any, like: str) -> str:
    """A value as the tables write it, a number to the digits of `like`; without spaces."""
    if value is None or (key in DAYS and value == 0):
        return "-"
    if key in DAYS:
        week, day = divmod(value - MONDAY, 7)
        return WEEK[day] + (str(week + 1) if week else "")
    if key in TIMES:
        moment = datetime.fromtimestamp(value // 1_000_000_000, UTC)
        clock = f"{moment:%H:%M:%S}" if like.count(":") > 1 else f"{moment:%H:%M}"
        return f"{_shown('day', moment.toordinal(), '')},{clock}"
    if isinstance(value, float):
        return f"{value:.{len(like.partition('.')[2])}f}"
    return str(value).replace(" ", "_")
