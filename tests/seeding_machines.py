"""Machines, stops and metrics of events for the small seeded plant: what the pages Metrics and Health show of it."""

import json
from datetime import date
from pathlib import Path

from connectors.history import HistoryWriter
from tests.seeding import DAY_NS, END_NS, LAST_DAY, MINUTE_NS, Rows

OP10, OP20 = "line1/op10", "line1/op20"
MACHINES = """
[machines."line1/op10"]
ideal_cycle_seconds = 1.0
planned_stops = ["maintenance"]

[machines."line1/op20"]
ideal_cycle_seconds = 1.0

[metrics.oee_by_day]
kind = "oee"
of = ["line1/op10"]
over = "day"

[metrics.first_pass]
kind = "first-pass-yield"
of = ["line1/*"]
over = "day"

[metrics.answered]
kind = "complaints-answered-in-time"
of = ["*"]
over = "period"

[objectives.O9]
title = "Right first time"
level = "company"
period = "2026-Q4"

[key_results.KR9]
objective = "O9"
title = "97 % right first time"
metric = "first_pass"
start = 0.9
target = 0.97
"""
MIDNIGHT_NS = END_NS - 21 * 60 * MINUTE_NS  # END_NS is 21:00 in Shanghai: where the day begins
# what OP10 told that day: minutes after midnight, state, reason
TODAY = ((0, "running", ""), (360, "down", "tool"), (390, "running", ""), (600, "setup", ""), (630, "running", ""),
         (720, "idle", "no material"), (750, "running", ""), (900, "down", "maintenance"), (960, "running", ""),
         (1080, "down", "tool"), (1090, "down", "jam"), (1100, "running", ""))  # fmt: skip


def oee_group(place: str, minutes: dict[str, int], total: int, good: int) -> dict[str, object]:
    """A machine's day as the engine states it, with an ideal cycle of 1 s: OEE is the good units' time in all of it."""
    planned = sum(minutes.values())
    return {
        "place": place, "value": good / (planned * 60), "n": total, "counted": True, "reason": "",
        "planned_ns": planned * MINUTE_NS, "states": {state: n * MINUTE_NS for state, n in minutes.items()},
        "down": {"tool": minutes.get("down", 0) * MINUTE_NS}, "total": total, "good": good,
        "ideal_ns": total * 1_000_000_000,
    }  # fmt: skip


def seed_machines(folder: Path) -> None:
    """Into history and plant file: states, OEE (one day restated, one not whole), yields and complaints."""
    with (folder / "more.toml").open("a", encoding="utf-8") as more:
        more.write(MACHINES)
    writer = HistoryWriter(folder / "history.db", "journal-1")
    rows = Rows(writer)
    for minute, state, reason in TODAY:
        add_state(rows, OP10, MIDNIGHT_NS + minute * MINUTE_NS, state, reason)
    add_state(rows, OP10, MIDNIGHT_NS - 300 * MINUTE_NS, "running", "")
    add_state(rows, OP20, MIDNIGHT_NS + 60 * MINUTE_NS, "down", "electric")
    add_state(rows, OP20, MIDNIGHT_NS + 180 * MINUTE_NS, "running", "")
    for back in range(9, -1, -1):
        _add_day(rows, LAST_DAY - back, back)
    nothing = {"place": OP20, "value": None, "n": 0, "counted": False, "reason": "none-due"}
    add_metric(rows, "answered", LAST_DAY, nothing, is_complete=False)
    rows.commit(END_NS)
    writer.close()


def _add_day(rows: Rows, day: int, back: int) -> None:
    """What metrics had come to as a day closed, so many days before the last."""
    value = 0.959 - back / 1000
    group = {"place": OP10, "value": value, "n": 1000, "counted": True, "reason": "", "inspected": 1000.0}
    add_metric(rows, "first_pass", day, group)
    for restated in {2: (False,), 1: (False, True), 0: (False,)}.get(back, ()):
        # the example of tests/truth/oee_worked_examples.json, and a day of which an hour is not known
        minutes = {"running": 373, "down": 47} if back else {"running": 313, "down": 47, "unknown": 60}
        group = oee_group(OP10, minutes, 19271, 18848 - 100 * restated)
        if not back:
            group |= {"reason": "state-unknown"}
        add_metric(rows, "oee_by_day", day, group, is_complete=back > 0, restated=restated)


def add_state(rows: Rows, place: str, time_ns: int, state: str, reason: str) -> int:
    """One message of a machine's state."""
    body = json.dumps({"state": state, "reason": reason})
    return rows.add("event", kind="state", place=place, time=time_ns, seq=0, idx=0, body=body, context=None)


def add_metric(
    rows: Rows,
    metric: str,
    day: int,
    group: dict[str, object],
    *,
    is_complete: bool = True,
    restated: bool = False,
) -> int:
    """A metric's row of one group, written as its day has closed in Shanghai; a restated one an hour later."""
    closed_ns = (day + 1 - date(1970, 1, 1).toordinal()) * DAY_NS - 8 * 60 * MINUTE_NS
    return rows.add(
        "metric", metric=metric, time=closed_ns + (75 if restated else 15) * MINUTE_NS, day=day, value=group["value"],
        lower=None, n=group["n"], members=1, counted=int(group["counted"] is True), complete=int(is_complete),
        revision=1 + restated, detail=json.dumps([group]),
    )  # fmt: skip
