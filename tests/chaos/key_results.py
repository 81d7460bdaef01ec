"""Key results and floors of metrics held against the oracles that look at every day anew (`tests.oracle_goals`,
`tests.oracle_breaches`).

They are told the rows of metrics, which `tests.chaos.goals` has held against the readings, the statements of days and
the episodes. When the program looks is said here again from the design's words (section 6): as a production day closes,
every 15 minutes, and a minute after days were restated. Metrics over `window`, whose rows tell of no day, bear no key
result and no floor in this plant.
"""

import json
from dataclasses import dataclass, field
from math import isnan, nan
from pathlib import Path
from typing import Any

from config.plan import Plan
from connectors.journal import SYSTEM, TICK, Entry
from rules.spec import BreachSpec, KeyResultSpec, MetricSpec
from tests.chaos.compare import Findings
from tests.chaos.episodes import counted_day, iso, plans_of, row_of, statements_of
from tests.chaos.goals import differing, working_days
from tests.chaos.oracle import production_day
from tests.chaos.plant import FIRST_DAY, MINUTE_NS
from tests.chaos.pushed import Row, table
from tests.oracle_breaches import Event, Oracle
from tests.oracle_goals import Figure, Look, Restated, told
from tests.spine import rows

FLOOR = "metric-below-floor"
SLACK_DAYS = 2
SAYS = ("value", "lower", "n", "progress", "expected", "status", "reason", "members", "counted")
AFTER_THE_END = ("restated_value", "restated_progress")
NEWS = ("value", "progress", "status", "reason", "members", "counted", "restated_after_end", *AFTER_THE_END)


@dataclass
class Glance:
    """The metrics are looked at, at a tick."""

    seq: int
    ns: int
    day: int | None  # that closes
    everything: bool
    again: set[int]  # the characteristics of which closed days were restated since


@dataclass
class _Metric:
    """What was seen of a metric so far."""

    current: Row | None = None
    at_close: dict[int, str] = field(default_factory=dict)  # the content of its row at each day's close, by now
    restated: dict[int, Row] = field(default_factory=dict)  # at this look


@dataclass
class _KeyResult:
    """What has happened to a key result, and what it said last."""

    events: list[Look | Restated] = field(default_factory=list)
    newest: dict[str, Any] = field(default_factory=dict)  # what it says by now
    said: dict[str, Any] | None = None
    content: str = ""
    revision: int = 0
    source: int = 0  # revision of the metric that is the last sufficient one


def compare_key_results(found: Findings, data: Path, entries: list[Entry]) -> list[Row]:
    """(b) Every row of a key result and of a metric's episode; gives what the oracle tells of key results."""
    telling = _Telling(data, entries)
    for glance in telling.glances(entries):
        telling.look(glance)
    given = table(data, "key_result")
    _rows(found, "key result", [row | {"name": row["key_result"]} for row in given], telling.said)
    episodes = [row | {"name": row["metric"]} for row in table(data, "episode") if row["metric"] is not None]
    _rows(found, "metric's episode", episodes, telling.episodes)
    found.counts["key results"] = len(telling.said)
    found.counts["restated after the end"] = sum(not _none(row["restated_progress"]) for row in given)
    found.counts["episodes of metrics"] = len(telling.episodes)
    found.counts["told"] = found.counts.get("told", 0) + len(telling.said) + len(telling.episodes)
    return telling.said


def compare_updates(found: Findings, data: Path, said: list[Row]) -> None:
    """(d) Every update that the OKR store holds says what the oracle tells."""
    query = 'SELECT "key_result", "revision", "body" FROM "key_result_update"'
    held = {(name, revision): json.loads(body) for name, revision, body in rows(data / "okr.db", query)}
    for want in said:
        body = held.pop((want["key_result"], want["revision"]), {})
        if different := differing(body, _update(want)):
            found.differs("update", f"{want['key_result']} {want['revision']}: (there, told by the oracle) {different}")
    for key in held:
        found.differs("update", f"{key} is in the OKR store, and the oracle has none")


def _none(value: float | None) -> bool:
    return value is None or isnan(value)


def _rows(found: Findings, sort: str, given: list[Row], said: list[Row]) -> None:
    """The rows there are, one after the other, are those that the oracle tells."""
    for got, want in zip(given, said, strict=False):
        if different := differing(got, {name: value for name, value in want.items() if name in got}):
            found.differs(sort, f"{got['name']}, row {got['row']}: (there, told by the oracle) {different}")
    if len(given) != len(said):
        found.differs(sort, f"{len(given)} rows, the oracle has {len(said)}")


def _update(want: Row) -> dict[str, Any]:
    """What the OKR store was told of it; undefined numbers are null."""
    after = {name.removeprefix("restated_"): _plain(want[name]) for name in AFTER_THE_END}
    return {name: _plain(want[name]) for name in (*SAYS, "clamped")} | {
        "day": iso(want["day"]),
        "restated_after_end": after if want["restated_after_end"] else None,
    }


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and isnan(value) else value


class _Telling:
    """Goes through the looks."""

    def __init__(self, data: Path, entries: list[Entry]) -> None:
        self.said: list[Row] = []
        self.episodes: list[Row] = []
        self._plans = plans_of(entries)
        self._numbers = {row["name"]: row["characteristic"] for row in table(data, "characteristic")}
        self._statements = statements_of(data)
        self._rows: dict[tuple[str, int], list[Row]] = {}
        for row in table(data, "metric"):
            self._rows.setdefault((row["metric"], row["cause_seq"]), []).append(row)
        self._opened = [row for row in table(data, "episode") if row["metric"] is None]
        self._metrics: dict[str, _Metric] = {}
        self._key_results: dict[str, _KeyResult] = {}
        self._floors: dict[str, Oracle] = {}
        self._days: dict[tuple[int, int], Row] = {}  # as stated by now
        self._closed = FIRST_DAY.toordinal() - 1

    def glances(self, entries: list[Entry]) -> list[Glance]:
        """When the program looks."""
        glances: list[Glance] = []
        newest, last, whole, tick_ns = self._closed, 0, 0, 0
        waiting: set[int] = set()
        statements = iter([*self._statements, None])
        row = next(statements)
        for entry in entries:
            if entry.connector != SYSTEM or entry.topic != TICK or int(entry.payload) <= tick_ns:
                continue
            tick_ns = int(entry.payload)
            closing = None
            while row is not None and row["cause_seq"] <= entry.seq:
                if row["day"] > newest:
                    closing = row["day"]
                else:
                    waiting.add(row["characteristic"])
                row = next(statements)
            newest = max(newest, production_day(self._plan(entry.seq), tick_ns, grace=True) - 1)
            everything = closing is not None or tick_ns >= whole + 15 * MINUTE_NS
            members = {self._numbers[one] for metric in self._plan(entry.seq).metrics for one in metric.members}
            if everything or (waiting & members and tick_ns >= last + MINUTE_NS):
                glances.append(Glance(entry.seq, tick_ns, closing, everything, waiting))
                last, waiting = tick_ns, set()
                whole = tick_ns if everything else whole
        return glances

    def look(self, glance: Glance) -> None:
        """What it gives."""
        plan = self._plan(glance.seq)
        for row in self._statements:
            if row["cause_seq"] <= glance.seq:
                self._days[row["characteristic"], row["day"]] = row
        self._closed = max(self._closed, glance.day or 0, production_day(plan, glance.ns, grace=True) - 1)
        for metric in plan.metrics:
            own = {self._numbers[name] for name in metric.members}
            if metric.over != "window" and (glance.everything or own & glance.again):
                self._see(glance, metric)
                breach = self._floor(glance, metric) | self._breach(glance, own)
                for spec in plan.key_results:
                    if spec.metric == metric.id:
                        self._tell(glance, plan, spec, own, breach)

    def _plan(self, cause: int) -> Plan:
        return [plan for seq, plan in self._plans if seq <= cause][-1]

    def _see(self, glance: Glance, metric: MetricSpec) -> None:
        """Its rows of this look: of days restated, and the newest value behind them."""
        seen = self._metrics.setdefault(metric.id, _Metric())
        given = self._rows.get((metric.id, glance.seq), [])
        seen.restated = {row["day"]: row for row in given[:-1]}
        seen.current = given[-1] if given else seen.current
        newest = max(seen.at_close, default=0)
        if glance.day is not None:
            assert seen.current is not None
            seen.at_close[glance.day] = _content(seen.current)
        elif newest and seen.current is not None and seen.at_close[newest] != _content(seen.current):
            seen.restated[newest] = seen.current
        for day, row in seen.restated.items():
            seen.at_close[day] = _content(row)

    def _floor(self, glance: Glance, metric: MetricSpec) -> bool:
        """Whether an episode of the metric is open; its rows."""
        if isnan(metric.floor):
            return False
        reach = self._plans[0][1].restate_days + SLACK_DAYS
        oracle = self._floors.setdefault(metric.id, Oracle(metric.id, FLOOR, _judge, _pool, reach))
        seen = self._metrics[metric.id]
        stated = {day: _figure_of(metric, row) for day, row in seen.restated.items()}
        if glance.day is not None and seen.current is not None:
            stated[glance.day] = _figure_of(metric, seen.current)
        if stated:
            spec = BreachSpec(floor=metric.floor, breach_days=metric.breach_days, recovery_cpk=metric.floor)
            for one in oracle.event(spec, Event(stated, glance.day)):
                row = row_of(one, glance.seq, None, FLOOR)
                self.episodes.append(row | {"metric": metric.id, "time": glance.ns})
        return any(one.state == "open" for one in oracle.told)

    def _breach(self, glance: Glance, own: set[int]) -> bool:
        """Whether an episode of a member is open."""
        newest = {
            row["episode"]: row["state"]
            for row in self._opened
            if row["characteristic"] in own and row["cause_seq"] <= glance.seq
        }
        return "open" in newest.values()

    def _usable(self, plan: Plan, own: set[int], day: int) -> bool:
        breach = {self._numbers[one.id]: one.breach for one in plan.characteristics if self._numbers[one.id] in own}
        return any(counted_day(breach[who], self._days.get((who, day))) for who in own)

    def _tell(self, glance: Glance, plan: Plan, spec: KeyResultSpec, own: set[int], breach: bool) -> None:
        objective = next(one for one in plan.objectives if one.id == spec.objective)
        first, last, calendar = objective.first_day, objective.last_day, plan.calendar
        running = glance.day or production_day(plan, glance.ns)
        row = self._metrics[spec.metric].current
        if running < first or row is None:
            return
        key_result = self._key_results.setdefault(spec.id, _KeyResult())
        over = glance.day > last if glance.day is not None else self._closed >= last
        for day, again in self._metrics[spec.metric].restated.items():
            if first <= day <= last and key_result.said is not None:
                key_result.events.append(Restated(day, _told_of(again), self._usable(plan, own, day), over))
        usable = [day for day in range(first, self._closed + 1) if self._usable(plan, own, day)]
        look = Look(
            _told_of(row),
            glance.day,
            passed=working_days(calendar, first, min(self._closed, last)),
            total=working_days(calendar, first, last),
            age=working_days(calendar, max(usable, default=first - 1) + 1, self._closed),
            breach=breach,
            over=over,
            usable=glance.day in usable,
        )
        if key_result.events[-1:] != [look]:  # the same again, between days, says the same
            key_result.events.append(look)
            key_result.newest = told(spec, key_result.events)
        said = key_result.newest
        if not over and (look.figure.sufficient or not key_result.source):
            key_result.source = row["revision"]
        self._state(glance, spec, key_result, said, running if over else min(running, last), over)

    def _state(
        self, glance: Glance, spec: KeyResultSpec, key_result: _KeyResult, said: dict[str, Any], day: int, over: bool
    ) -> None:
        """A row, at every day's close and where something is new."""
        row = self._metrics[spec.metric].current
        assert row is not None
        known = None if key_result.said is None else [repr(key_result.said[name]) for name in NEWS]
        new = known != [repr(said[name]) for name in NEWS] or (not over and key_result.content != _content(row))
        if not new and (over or glance.day is None):
            return
        key_result.said, key_result.revision = said, key_result.revision + 1
        key_result.content = key_result.content if over else _content(row)
        leading = {"cause_seq": glance.seq, "time": glance.ns, "day": day}
        named = {"key_result": spec.id, "objective": spec.objective, "revision": key_result.revision}
        source = key_result.source if over else row["revision"]
        detail = json.dumps({"metric": spec.metric, "metric_revision": source}, separators=(",", ":"))
        self.said.append(leading | named | said | {"detail": detail})


def _content(row: Row) -> str:
    """What makes a metric's row another one."""
    return repr([row[name] for name in ("value", "lower", "n", "counted", "complete", "detail")])


def _told_of(row: Row) -> Figure:
    """A metric's row as its figure; the first member by id that does not count says why."""
    members = json.loads(row["detail"])
    reason = next((one["reason"] or "insufficient" for one in members if not one["counted"]), "")
    value, lower = (nan if row[name] is None else row[name] for name in ("value", "lower"))
    return Figure(value, lower, row["n"], row["members"], row["counted"], reason)


def _figure_of(metric: MetricSpec, row: Row) -> dict[str, Any] | None:
    """A day of a metric with a floor; None where no member counted, or what is missing could make it either."""
    if row["value"] is None:
        return None
    below = row["value"] < metric.floor
    if not row["complete"] and not (below and metric.reduce == "min"):
        return None
    bounded = metric.reduce != "share-at-target" and metric.count_when == "estimate"
    upper = 2 * row["value"] - row["lower"] if bounded and row["lower"] is not None else nan
    return {name: row[name] for name in ("value", "lower", "n", "members", "counted")} | {"upper": upper}


def _judge(spec: BreachSpec, figure: dict[str, Any] | None) -> str:
    return "uncounted" if figure is None else "bad" if figure["value"] < spec.floor else "good"


def _pool(_: BreachSpec, figures: tuple[dict[str, Any], ...]) -> tuple[float, float]:
    """The means of the bad days' values, and of their bounds."""
    count = len(figures)
    return sum(one["value"] for one in figures) / count, sum(one["upper"] for one in figures) / count
