"""Every row of an episode held against the oracle that looks at every day anew (`tests.oracle_breaches`).

It is told the day statements of the history, which `tests.chaos.charts` has held against the readings. Judging a day
and pooling days are written here again from the design's words (section 8).
"""

import json
from datetime import date
from math import inf, isnan, nan, sqrt
from pathlib import Path
from typing import Any

from config.plan import Plan
from connectors.journal import PLAN, SYSTEM, Entry
from rules.spec import BreachSpec, CharacteristicSpec
from tests.chaos.compare import Findings
from tests.chaos.pushed import Row, table
from tests.oracle_breaches import Event, Oracle
from tests.oracle_figures import LOWER_95
from tests.oracle_streams import same

DO_NOT_COUNT = {"no-spec", "insufficient", "gauge", "resolution"}
SLACK_DAYS = 2  # a reading may be taken in by the age of its own time, and its day restated a little later
RULES = ("cpk-below-floor", "drifting")


def compare_episodes(found: Findings, data: Path, entries: list[Entry]) -> None:
    """(b) Of every characteristic and rule."""
    plans = plans_of(entries)
    numbers = {row["name"]: row["characteristic"] for row in table(data, "characteristic")}
    statements = statements_of(data)
    given = [row for row in table(data, "episode") if row["metric"] is None]
    told: list[Row] = []
    for name, number in numbers.items():
        mine = [row for row in statements if row["characteristic"] == number]
        for rule in RULES:
            told += _of_one(name, number, rule, mine, plans)
    order = ("cause_seq", "characteristic", "rule", "opened_day")
    told.sort(key=lambda row: [row[column] for column in order])
    given.sort(key=lambda row: [row[column] for column in order])
    for got, want in zip(given, told, strict=False):
        different = {
            column: (got[column], value)
            for column, value in want.items()
            if not same(nan if got[column] is None and isinstance(value, float) else got[column], value)
        }
        if different:
            found.differs("episode", f"{got['episode']}, row {got['row']}: (there, told by the oracle) {different}")
    if len(given) != len(told):
        found.differs("episode", f"{len(given)} rows, the oracle has {len(told)}")
    found.counts["told"] = found.counts.get("told", 0) + len(given)


def plans_of(entries: list[Entry]) -> list[tuple[int, Plan]]:
    """The plans, each with its entry; a segment that begins with the plan in force changes nothing."""
    plans: list[tuple[int, Plan]] = []
    body = b""
    for entry in entries:
        if entry.connector == SYSTEM and entry.topic == PLAN and entry.payload != body:
            body = entry.payload
            plans.append((entry.seq, Plan.from_json(body)))
    return plans


def statements_of(data: Path) -> list[Row]:
    """The day rows in order, each with the specification by which it was stated."""
    limits = {(row["characteristic"], row["revision"]): row for row in table(data, "specification")}
    rows = table(data, "day")
    for row in rows:
        spec = limits.get((row["characteristic"], row["specification_revision"]), {})
        row["lsl"], row["usl"] = (nan if spec.get(side) is None else spec[side] for side in ("lsl", "usl"))
    return rows


def _of_one(name: str, number: int, rule: str, days: list[Row], plans: list[tuple[int, Plan]]) -> list[Row]:
    """The rows of one characteristic and rule, as the oracle tells them."""
    oracle = Oracle(name, rule, JUDGES[rule], POOLS[rule], plans[0][1].restate_days + SLACK_DAYS)
    told: list[Row] = []
    closed, gone = 0, False
    changes = [seq for seq, _ in plans[1:]]
    for cause in sorted({row["cause_seq"] for row in days} | set(changes)):
        spec = _spec(name, [plan for seq, plan in plans if seq <= cause][-1])
        stated = [row for row in days if row["cause_seq"] == cause]
        if spec is None:
            if not gone and oracle.specs:
                told += [row_of(one, cause, number, rule) for one in oracle.withdraw(closed)]
                gone = True
            continue
        events = _events(stated, closed)
        for event in events:
            told += [row_of(one, cause, number, rule) for one in oracle.event(spec.breach, event)]
        closed = max([closed, *(row["day"] for row in stated)])
    return told


def _spec(name: str, plan: Plan) -> CharacteristicSpec | None:
    return next((spec for spec in plan.characteristics if spec.id == name), None)


def _events(stated: list[Row], closed: int) -> list[Event]:
    """What one tick states: what is restated comes with the first day that closes, or by itself."""
    again = {row["day"]: _figure(row) for row in stated if row["day"] <= closed}
    closing = sorted((row for row in stated if row["day"] > closed), key=lambda row: row["day"])
    if not closing:
        return [Event(again)] if again else []
    events = []
    for row in closing:
        events.append(Event({**again, row["day"]: _figure(row)}, row["day"]))
        again = {}
    return events


def _figure(row: Row) -> Row | None:
    return row if row["n"] else None


def row_of(one: dict[str, Any], cause: int, number: int | None, rule: str) -> Row:
    """An episode that the oracle tells as the history keeps it."""
    return {
        "cause_seq": cause,
        "episode": one["id"],
        "characteristic": number,
        "rule": rule,
        "state": one["state"],
        "first_day": one["days"][0],
        "last_day": one["days"][-1],
        "days": json.dumps([iso(day) for day in one["days"]], separators=(",", ":")),
        "floor": one["floor"],
        "cpk": one["value"],
        "cpk_upper": one["upper"],
        "confidence": one["confidence"],
        "opened_day": one["opened_day"],
        "recovered_day": one["recovered_day"],
        "reason": one["reason"],
    }


def iso(day: int) -> str:
    return date.fromordinal(day).isoformat()


def _index(row: Row, index: str) -> float:
    """The day's figure that is held against the floor."""
    cpk, ppk = (nan if row[name] is None else row[name] for name in ("cpk", "ppk"))
    if index == "min":
        return nan if isnan(cpk) or isnan(ppk) else min(cpk, ppk)
    return cpk if index == "cpk" else ppk


def _judge(spec: BreachSpec, row: Row | None, index: str) -> str:
    if row is None or DO_NOT_COUNT & set(json.loads(row["verdicts"])) or isnan(_index(row, index)):
        return "uncounted"
    value = _index(row, index)
    return "bad" if value < spec.floor else "good" if value >= spec.recovery_cpk else "between"


def counted_day(spec: BreachSpec, row: Row | None) -> bool:
    """Whether a day is usable: one that counts."""
    return _judge(spec, _figure(row) if row is not None else None, spec.index) != "uncounted"


def _judge_drift(spec: BreachSpec, row: Row | None) -> str:
    word = _judge(spec, row, "ppk")
    if row is None or word == "uncounted":
        return "uncounted"
    if "drifting" in json.loads(row["verdicts"]):
        return "bad"
    return "good" if word == "good" else "between"


def _nearest(mean: float, sigma: float, newest: Row) -> float:
    room = min((side for side in (newest["usl"] - mean, mean - newest["lsl"]) if not isnan(side)), default=nan)
    return room / (3 * sigma) if sigma > 0 else nan


def _upper(index: float, n: int, df: float) -> float:
    """Bissell's one-sided 95 % upper bound."""
    return index - LOWER_95 * sqrt(1 / (9 * n) + index**2 / (2 * df)) if n > 0 and df > 0 else nan


def _within(rows: tuple[Row, ...]) -> tuple[float, float]:
    """The mean by n, sigma within by subgroups, the degrees of freedom summed."""
    known = [row for row in rows if row["sigma_within"] is not None]
    subgroups = sum(row["subgroups"] for row in known)
    sigma = sum(row["subgroups"] * row["sigma_within"] for row in known) / subgroups
    n = sum(row["n"] for row in rows)
    cpk = _nearest(sum(row["n"] * row["mean"] for row in rows) / n, sigma, rows[-1])
    return cpk, _upper(cpk, n, sum(row["within_df"] for row in known))


def _overall(rows: tuple[Row, ...]) -> tuple[float, float]:
    """The sigmas overall pooled by variance."""
    known = [row for row in rows if row["sigma_overall"] is not None]
    df = sum(row["n"] - 1 for row in known)
    sigma = sqrt(sum((row["n"] - 1) * row["sigma_overall"] ** 2 for row in known) / df)
    n = sum(row["n"] for row in rows)
    ppk = _nearest(sum(row["n"] * row["mean"] for row in rows) / n, sigma, rows[-1])
    return ppk, _upper(ppk, n, df)


def _pool(spec: BreachSpec, rows: tuple[Row, ...]) -> tuple[float, float]:
    if spec.index == "min":
        return min(_within(rows), _overall(rows), key=lambda pooled: inf if isnan(pooled[0]) else pooled[0])
    return _within(rows) if spec.index == "cpk" else _overall(rows)


JUDGES = {"cpk-below-floor": lambda spec, row: _judge(spec, row, spec.index), "drifting": _judge_drift}
POOLS = {"cpk-below-floor": _pool, "drifting": lambda _, rows: _overall(rows)}
