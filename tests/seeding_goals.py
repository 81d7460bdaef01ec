"""More for the pages of key results and alerts, on top of `tests.seeding`: members, restated days, a metric's alert."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

from connectors.history import HistoryWriter
from okr.alerts import apply_alert
from okr.models import Alert, Plan, Update
from okr.objectives import apply_plan, apply_update
from okr.store import Store
from okr.times import rfc3339
from tests.seeding import BORE, DAY_CPK, DEPTH, END_NS, FORCE, LAST_DAY, NAMES, Rows, add_figures, okr_plan

METRIC_ALERT = "capable-2026-11-18"
RESTATED = LAST_DAY - 5  # stated as 1.52 first
RESTATED_CPK = 1.47
CAPABLE = (0.95, 0.8, 0.75, 0.7)  # the metric of the alert, by day


def iso(day: int) -> str:
    return date.fromordinal(day).isoformat()


def member(characteristic: int, cpk: float | None, day: int, *, reason: str = "") -> dict[str, object]:
    """A member of an update or of a metric's row, as `flows.members.member_detail` writes it."""
    return {"characteristic": NAMES[characteristic], "value": cpk, "lower": None if cpk is None else cpk * 0.87,
            "n": 125 if cpk is not None else 12, "counted": not reason, "reason": reason, "days": 1,
            "first_day": iso(day), "last_day": iso(day), "revision": 1, "limits_revision": 1,
            "specification_revision": 1}  # fmt: skip


def seed_goals(folder: Path) -> None:
    """Adds to a folder that `tests.browser.board.seed` has filled."""
    _add_history(folder / "history.db")
    store = Store(f"sqlite:///{folder / 'okr.db'}")
    with store.writing() as connection:
        now = rfc3339(datetime(2026, 11, 21, 0, 15, tzinfo=UTC))
        apply_plan(connection, now, Plan.model_validate(_wider_plan()))
        for body in _updates():
            apply_update(connection, now, Update.model_validate(body))
        apply_alert(connection, now, Alert.model_validate(_metric_alert()))
    store.close()


def _add_history(path: Path) -> None:
    writer = HistoryWriter(path, "journal-1")
    rows = Rows(writer)
    shared = {"time": END_NS, "members": 1, "counted": 1, "complete": 1}
    first = LAST_DAY - len(DAY_CPK) + 1
    values = [(first + place, cpk) for place, cpk in enumerate(DAY_CPK)]
    values += [(RESTATED, RESTATED_CPK), (LAST_DAY, DAY_CPK[-1])]
    for number, (day, cpk) in enumerate(values):
        rows.add("metric", metric="bore_cpk", day=day, value=cpk, lower=cpk * 0.87, n=125, revision=2 + number,
                 detail=json.dumps([member(BORE, cpk, day)]), **shared)  # fmt: skip
    for place, value in enumerate(CAPABLE):
        rows.add("metric", metric="capable", day=LAST_DAY - 3 + place, value=value, lower=None, n=480,
                 revision=1 + place, detail="[]", **shared)  # fmt: skip
    add_figures(rows, "day", BORE, RESTATED_CPK, day=RESTATED, revision=2, basis="day", late=3, signals=1,
                out_of_spec_day=0, within_df=100.0, first_seq=1, last_seq=2)  # fmt: skip
    rows.commit(END_NS)
    writer.close()


def _wider_plan() -> dict[str, object]:
    plan = okr_plan()
    more = {"id": "KR6", "objective": "O1", "title": "Depth and force at 1.33", "metric": "both", "start": 0.9,
            "target": 1.33, "kind": "reach", "direction": "at-least", "required_share": None}  # fmt: skip
    return {**plan, "plan_seq": 2, "key_results": [*plan["key_results"], more]}  # type: ignore[misc]


def _updates() -> list[dict[str, object]]:
    cpk = DAY_CPK[-1]
    shared = {"as_of": "2026-11-21T00:15:00Z", "day": iso(LAST_DAY), "expected": 0.55, "verdicts": [], "more": 0}
    restated = {"as_of": "2026-11-16T00:15:00Z", "day": iso(RESTATED)}
    return [
        {**shared, **restated, "key_result": "KR1", "revision": 11, "value": 1.52, "progress": 1.44, "status": "green",
         "reason": "on-course", "n": 125, "lower": 1.32, "members": 1, "counted": 1,
         "sources": [member(BORE, 1.52, RESTATED)]},
        {**shared, "key_result": "KR1", "revision": 12, "value": cpk, "progress": (cpk - 0.9) / 0.43, "status": "red",
         "reason": "floor", "n": 125, "lower": cpk * 0.87, "members": 1, "counted": 1,
         "sources": [member(BORE, cpk, LAST_DAY)]},
        {**shared, "key_result": "KR6", "revision": 1, "value": None, "progress": None, "status": "incomplete",
         "reason": "insufficient", "n": 0, "lower": None, "members": 2, "counted": 0,
         "sources": [member(DEPTH, None, LAST_DAY, reason="insufficient"),
                     member(FORCE, None, LAST_DAY, reason="stale")]},
    ]  # fmt: skip


def _metric_alert() -> dict[str, object]:
    days = [{"day": iso(LAST_DAY - 2 + place), "cpk": value, "ppk": value, "n": 480, "members": 4, "counted": 4,
             "verdict": ""} for place, value in enumerate(CAPABLE[1:])]  # fmt: skip
    return {
        "alert": METRIC_ALERT, "revision": 1, "metric": "capable", "rule": "metric-below-floor", "state": "open",
        "first_day": iso(LAST_DAY - 2), "last_day": iso(LAST_DAY), "days": days, "floor": 0.9, "cpk": 0.75,
        "cpk_upper": None, "confidence": "indicated", "opened_day": iso(LAST_DAY), "recovered_day": None,
        "as_of": "2026-11-21T00:15:00Z", "title": "capable: below 90 % on 3 production days", "unit": "share",
        "index": "cpk", "owner": "wang", "co_owners": [], "reaction": "", "reason": "",
    }  # fmt: skip
