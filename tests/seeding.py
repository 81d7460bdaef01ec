"""A small plant's history and OKR store, as the engine and the forwarder would fill them: for tests of the web."""

import json
import random
import struct
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from connectors.history import CommitUnit, HistoryWriter
from okr.alerts import apply_alert
from okr.models import Alert, Plan, Update
from okr.objectives import apply_plan, apply_update
from okr.store import Store, advance
from okr.times import rfc3339
from tests.history_rows import Row, row_of

START_NS = 1_795_248_000_000_000_000  # 2026-11-21T08:00:00Z
MINUTE_NS = 60_000_000_000
DAY_NS = 1440 * MINUTE_NS
LAST_DAY = date(2026, 11, 20).toordinal()
BORE, DEPTH, FORCE = 1, 2, 3
NAMES = {BORE: "line1/op10/bore", DEPTH: "line1/op10/depth", FORCE: "line2/op30/force"}
ALERT = "bore-2026-11-18"
POINTS = 60
END_NS = START_NS + POINTS * 5 * MINUTE_NS
DAY_CPK = (1.61, 1.58, 1.55, 1.49, 1.52, 1.41, 1.36, 1.12, 1.05, 0.98)  # the last three are below the floor
FIGURES = {
    "subgroups": 25, "sigma_within": 0.01, "sigma_overall": 0.011, "cp": 1.33, "cpl": 1.5, "cpu": 1.17,
    "pp": 1.21, "ppl": 1.3, "ppu": 1.1, "ppk": 1.1, "ppk_lower": 0.95, "cpm": 1.1, "out_of_spec": 0,
    "beyond_limits": 0, "limits_revision": 1, "specification_revision": 1,
}  # fmt: skip


class Rows:
    """Rows in the order of their numbers, each caused by a journal entry of its own."""

    def __init__(self, writer: HistoryWriter) -> None:
        self._writer = writer
        self._rows: dict[str, list[Row]] = {}
        self._last = writer.meta.last_row

    def add(self, kind: str, /, **values: object) -> int:
        """One more row; its number and its entry's are the same."""
        self._last += 1
        self._rows.setdefault(kind, []).append(row_of(kind, self._last, self._last, **values))
        return self._last

    def commit(self, tick_ns: int) -> None:
        """What was added, in one transaction."""
        first = self._writer.meta.applied_seq + 1
        self._writer.commit(CommitUnit(first, max(self._last, first), tick_ns, self._rows))
        self._rows = {}


def add_point(rows: Rows, characteristic: int, readings: list[float], time_ns: int, **other: object) -> int:
    """A judged point of `readings`, its limits those of 10.00 ± 0.01 unless said otherwise; returns its row."""
    n = len(readings)
    seq = int(time_ns // MINUTE_NS)
    refs = [part for idx in range(n) for part in (seq, idx, time_ns)]
    values = {
        "characteristic": characteristic, "seq": seq, "idx": n - 1, "time": time_ns, "value": sum(readings) / n,
        "dispersion": max(readings) - min(readings), "n": n, "cl": 10.0, "ucl": 10.0134, "lcl": 9.9866,
        "dispersion_cl": 0.02326, "dispersion_ucl": 0.04917, "dispersion_lcl": 0.0,
        "signals": 0, "phase": 2, "revision": 1, "specification_revision": 1,
        "values": struct.pack(f"<{n}d", *readings), "refs": struct.pack(f"<{len(refs)}q", *refs),
        "contexts": json.dumps([{"part": f"SN{seq}-{idx}"} for idx in range(n)]),
    }  # fmt: skip
    return rows.add("point", **(values | other))


def add_signal(rows: Rows, characteristic: int, value: float, time_ns: int, rule: str, **other: object) -> int:
    """A signal at the point that `add_point` made of five readings at that time."""
    values = {"characteristic": characteristic, "seq": int(time_ns // MINUTE_NS), "idx": 4, "time": time_ns,
              "rule": rule, "part": "location", "value": value, "limit": 10.0134, "phase": 2,
              "revision": 1}  # fmt: skip
    return rows.add("signal", **(values | other))


def add_figures(rows: Rows, kind: str, characteristic: int, cpk: float | None, **other: object) -> int:
    """A rolling capability or a day with a plausible set of figures around `cpk`."""
    lower = None if cpk is None else round(cpk * 0.87, 3)
    values = {**FIGURES, "characteristic": characteristic, "n": 125, "mean": 10.001, "cpk": cpk, "cpk_lower": lower,
              "verdict": "ok", "verdicts": '["ok"]'}  # fmt: skip
    return rows.add(kind, **(values | other))


def seed_history(path: Path) -> None:
    """Two lines, three characteristics: an X̄-R chart in alert, a provisional one, a one-sided one with a signal."""
    writer = HistoryWriter(path, "journal-1")
    rows = Rows(writer)
    chance = random.Random(11)
    _add_characteristics(rows)
    for number in range(POINTS):
        time_ns = START_NS + number * 5 * MINUTE_NS
        _add_bore(rows, number, time_ns, chance)
        depth = round(chance.gauss(5.0, 0.004), 4)
        add_point(rows, DEPTH, [depth], time_ns, cl=5.0, ucl=5.012, lcl=4.988, dispersion=abs(depth - 5.0),
                  dispersion_cl=0.0045, dispersion_ucl=0.0147)  # fmt: skip
        force = 131.5 if number == 50 else round(chance.gauss(120, 3), 1)
        add_point(rows, FORCE, [force], time_ns, cl=120.0, ucl=129.0, lcl=111.0, dispersion=abs(force - 120),
                  dispersion_cl=3.38, dispersion_ucl=11.05, signals=int(force > 129.0))  # fmt: skip
        if force > 129.0:
            add_signal(rows, FORCE, force, time_ns, "beyond-3-sigma", idx=0, limit=129.0)
    end = END_NS
    window = {"time": end, "first_seq": START_NS // MINUTE_NS, "last_seq": (end - 1) // MINUTE_NS}
    add_figures(rows, "capability", BORE, 1.02, **window)
    add_figures(rows, "capability", DEPTH, 1.48, **window, n=60, mean=5.0)
    add_figures(rows, "capability", FORCE, 1.1, **window, n=60, mean=120.1, verdict="unstable",
                verdicts='["unstable"]', cp=None, cpl=1.1, cpu=None)  # fmt: skip
    _add_days(rows)
    _add_rest(rows, end)
    rows.commit(end)
    writer.close()


def _add_characteristics(rows: Rows) -> None:
    fixed = {"cpk_floor": 1.2, "cpk_target": 1.33, "minimum_n": 30, "owner": "production", "state": "active"}
    for number, unit, chart, size in ((BORE, "mm", "xbar-r", 5), (DEPTH, "mm", "individuals", 1),
                                      (FORCE, "N", "individuals", 1)):  # fmt: skip
        line, station, _ = NAMES[number].split("/")
        rows.add("characteristic", characteristic=number, name=NAMES[number], unit=unit, line=line, station=station,
                 product="", chart=chart, subgroup_size=size, reaction="stop and call quality", **fixed)  # fmt: skip
    for number, lsl, usl, target in ((BORE, 9.96, 10.04, 10.0), (DEPTH, 4.98, 5.02, 5.0), (FORCE, 105.0, None, None)):
        rows.add("specification", characteristic=number, revision=1, time=START_NS, lsl=lsl, usl=usl, target=target,
                 reason="plan")  # fmt: skip
    for number, state, center, sigma in ((BORE, "fixed", 10.0, 0.01), (DEPTH, "provisional", 5.0, 0.004),
                                         (FORCE, "fixed", 120.0, 3.0)):  # fmt: skip
        rows.add("limits", characteristic=number, revision=1, time=START_NS, state=state, center=center, sigma=sigma,
                 points=25, excluded=0, reason="plan")  # fmt: skip


def _add_bore(rows: Rows, number: int, time_ns: int, chance: random.Random) -> None:
    shift = 0.009 if number >= 48 else 0.0
    readings = [round(chance.gauss(10.0 + shift, 0.01), 4) for _ in range(5)]
    mean = sum(readings) / 5
    side = number >= 56  # nine on one side since the shift
    wide = max(readings) - min(readings) > 0.04917
    add_point(rows, BORE, readings, time_ns, signals=int(mean > 10.0134) | 2 * side | wide << 8)
    if wide:
        add_signal(rows, BORE, max(readings) - min(readings), time_ns, "dispersion-beyond-limits", part="dispersion",
                   limit=0.04917)  # fmt: skip
    if mean > 10.0134:
        add_signal(rows, BORE, mean, time_ns, "beyond-3-sigma")
    if number == 56:
        add_signal(rows, BORE, mean, time_ns, "9-on-one-side", limit=10.0)


def _add_days(rows: Rows) -> None:
    for place, cpk in enumerate(DAY_CPK):
        day = LAST_DAY - len(DAY_CPK) + 1 + place
        for number, figure in ((BORE, cpk), (DEPTH, 1.5)):
            add_figures(rows, "day", number, figure, day=day, revision=1, basis="day", late=0, signals=place % 3,
                        out_of_spec_day=0, within_df=100.0, first_seq=1, last_seq=2)  # fmt: skip


def _add_rest(rows: Rows, end: int) -> None:
    days = json.dumps([(date.fromordinal(LAST_DAY - back)).isoformat() for back in (2, 1, 0)])
    rows.add(
        "episode",
        episode="capable-2026-11-18",
        metric="capable",
        rule="metric-below-floor",
        state="open",
        first_day=LAST_DAY - 2,
        last_day=LAST_DAY,
        days="[]",
        floor=0.9,
        cpk=0.75,
        time=end,
    )
    rows.add("episode", episode=ALERT, characteristic=BORE, rule="cpk-below-floor", state="open",
             first_day=LAST_DAY - 2, last_day=LAST_DAY, days=days, floor=1.2, cpk=1.05, cpk_upper=1.16,
             confidence="confirmed", opened_day=LAST_DAY, recovered_day=None, time=START_NS, reason="")  # fmt: skip
    rows.add("event", kind="state", place="line1/op10", time=end - 3_600 * 10**9, seq=3, idx=0,
             body='{"reason": "tool", "state": "down"}', context=None)  # fmt: skip
    rows.add("event", kind="inspection", place="incoming", time=end, seq=4, idx=0,
             body='{"inspected": 50, "rejected": 2}', context='{"supplier": "S2"}')  # fmt: skip
    rows.add("metric", metric="bore_cpk", time=end, day=LAST_DAY, value=1.05, lower=0.93, n=375, members=1, counted=1,
             complete=1, revision=1, detail="{}")  # fmt: skip
    rows.add("key_result", key_result="KR1", objective="O1", time=end, day=LAST_DAY, revision=10, value=1.05,
             lower=0.93, n=375, progress=0.35, expected=0.55, status="red", reason="floor", members=1, counted=1,
             detail="{}")  # fmt: skip
    rows.add("reading", characteristic=BORE, seq=7, idx=0, time=START_NS + MINUTE_NS, value=10.002, state="late",
             context='{"part":"SN7"}')  # fmt: skip
    rows.add(
        "gap",
        gap="g1",
        connector="line1",
        reason="session-lost",
        from_time=START_NS,
        to_time=None,
        state="open",
        detail="",
    )
    rows.add("rejected", connector="line1", topic="factory/line1/op10/measurements", reason="not-json",
             detail="expected JSON", seq=9, idx=0, time=START_NS, count=1, payload=b'{"values": {"bore": ')  # fmt: skip


def seed_okr(url: str) -> None:
    """Three objectives with four key results (green, red, starting, without data) and two alerts."""
    store = Store(url)
    start = datetime(2026, 11, 21, 0, 15, tzinfo=UTC)
    with store.writing() as connection:
        advance(connection, start)
        apply_plan(connection, rfc3339(start), Plan.model_validate(okr_plan()))
        for body in _updates(start):
            apply_update(connection, rfc3339(start), Update.model_validate(body))
        for body in _alerts():
            apply_alert(connection, rfc3339(start), Alert.model_validate(body))
    store.close()


def okr_plan() -> dict[str, object]:
    kr = {"kind": "reach", "direction": "at-least", "required_share": None}
    span = {"period": "2026-Q4", "first_day": "2026-10-01", "last_day": "2026-12-31"}
    return {
        "plan_seq": 1,
        "time": "2026-11-01T00:00:00Z",
        "objectives": [
            {"id": "O0", "title": "A capable plant", "level": "company", "owner": "plant", "parent": "", **span},
            {"id": "O1", "title": "Make OP10 capable", "level": "department", "owner": "production", "parent": "O0",
             **span},
            {"id": "O2", "title": "Keep the press steady", "level": "post", "owner": "wang", "parent": "O1", **span},
        ],
        "key_results": [
            {"id": "KR0", "objective": "O0", "title": "All critical Cpk at 1.33", "metric": "all", "start": 0.9,
             "target": 1.33, **kr},
            {"id": "KR1", "objective": "O1", "title": "Bore Cpk at least 1.33", "metric": "bore_cpk", "start": 0.9,
             "target": 1.33, **kr},
            {"id": "KR2", "objective": "O1", "title": "Depth Cpk at least 1.33", "metric": "depth_cpk", "start": 0.9,
             "target": 1.33, **kr},
            {"id": "KR3", "objective": "O2", "title": "Force Cpk stays at 1.33", "metric": "force_cpk", "start": None,
             "target": 1.33, **kr, "kind": "maintain", "required_share": 0.95},
            {"id": "KR4", "objective": "O2", "title": "Characteristics at target", "metric": "capable", "start": 0.5,
             "target": 1.0, **kr, "unit": "share"},
            {"id": "KR5", "objective": "O2", "title": "Gauge study accepted", "kind": "milestone"},
        ],
    }  # fmt: skip


def _updates(start: datetime) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    shared = {"expected": 0.55, "members": 1, "counted": 1, "verdicts": [], "sources": []}
    for revision, cpk in enumerate(DAY_CPK, start=1):
        day = date.fromordinal(LAST_DAY - len(DAY_CPK) + revision)
        as_of = (start - timedelta(days=len(DAY_CPK) - revision)).isoformat()
        low = cpk < 1.2
        found.append({"key_result": "KR1", "revision": revision, "as_of": as_of, "day": day.isoformat(), "value": cpk,
                      "progress": (cpk - 0.9) / 0.43, "status": "red" if low else "green",
                      "reason": "floor" if low else "on-course", "n": 125, "lower": cpk * 0.87, **shared})  # fmt: skip
    found.append({"key_result": "KR2", "revision": 1, "as_of": start.isoformat(), "day": "2026-11-20", "value": 1.5,
                  "progress": 1.0, "status": "green", "reason": "target-met", "n": 125, "lower": 1.31,
                  **shared})  # fmt: skip
    found.append({"key_result": "KR3", "revision": 1, "as_of": start.isoformat(), "day": "2026-11-20", "value": 1.1,
                  "progress": 0.6, "status": "starting", "reason": "few-days", "n": 60, "lower": 0.97,
                  **shared})  # fmt: skip
    found.append({"key_result": "KR4", "revision": 1, "as_of": start.isoformat(), "day": "2026-11-20", "value": 0.75,
                  "progress": 0.5, "status": "yellow", "reason": "behind", "n": 480, "lower": 1 / 3,
                  **shared, "members": 4, "counted": 4})  # fmt: skip
    return found


def _alerts() -> list[dict[str, object]]:
    days = [{"day": date.fromordinal(LAST_DAY - 2 + place).isoformat(), "cpk": cpk, "n": 125, "verdict": "ok"}
            for place, cpk in enumerate(DAY_CPK[-3:])]  # fmt: skip
    figures = {"rule": "cpk-below-floor", "floor": 1.2, "confidence": "confirmed", "owner": "production",
               "co_owners": ["quality", "purchasing"], "reaction": "stop and call quality", "reason": ""}  # fmt: skip
    return [
        {"alert": "force-2026-11-02", "revision": 2, "characteristic": NAMES[FORCE], "state": "recovered",
         "first_day": "2026-11-02", "last_day": "2026-11-05", "days": [], "cpk": 1.01, "cpk_upper": 1.1,
         "opened_day": "2026-11-04", "recovered_day": "2026-11-08", "as_of": "2026-11-08T00:15:00Z",
         "title": "line2/op30/force: Cpk below 1.2 on 4 production days", **figures},
        {"alert": ALERT, "revision": 1, "characteristic": NAMES[BORE], "state": "open", "first_day": days[0]["day"],
         "last_day": days[2]["day"], "days": days, "cpk": 1.05, "cpk_upper": 1.16, "opened_day": "2026-11-20",
         "recovered_day": None, "as_of": "2026-11-21T00:15:00Z",
         "title": "line1/op10/bore: Cpk below 1.2 on 3 production days", **figures},
    ]  # fmt: skip
