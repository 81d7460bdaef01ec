"""What was pushed, held against the history: every point in InfluxDB, every update and alert in the OKR store.

The points are made here anew from the design's table (section 11), not by the program's own formatter.
"""

import json
import struct
from collections import Counter
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any

from connectors.journal import PLAN
from rules.results import BY_NAME, LEADING
from tests.chaos.compare import Findings
from tests.chaos.proxies import FaultProxy, is_poisoned
from tests.influx_server import InfluxServer
from tests.spine import rows

Key = tuple[str, tuple[tuple[str, str], ...], int]  # measurement, tags, time in ns
Points = dict[Key, dict[str, Any]]
Row = dict[str, Any]


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


CHART = _names("value dispersion n cl ucl lcl dispersion_cl dispersion_ucl dispersion_lcl signals revision")
CAPABILITY = _names("n mean sigma_within sigma_overall cp cpk cpk_lower pp ppk ppk_lower out_of_spec verdict")
KEY_RESULT = _names("value lower n progress expected status reason members counted")
METRIC = _names("value lower n members counted")
MEASUREMENTS = _names("reading chart signal capability metric key_result alert limits gap machine count change")
NOON_NS = 43_200_000_000_000
EPOCH_DAY = 719_163


def table(data: Path, kind: str) -> list[Row]:
    """The rows of a kind in their order, by column names."""
    names = [column.name for column in LEADING + BY_NAME[kind].columns]
    quoted = ", ".join(f'"{name}"' for name in names)
    found = rows(data / "history.db", f'SELECT {quoted} FROM "{kind}" ORDER BY "row"')
    return [dict(zip(names, row, strict=True)) for row in found]


def last_plan(data: Path) -> Row:
    """The plan that the forwarder has read too: the newest in the journal."""
    newest = sorted((data / "journal").glob("*.db"), key=lambda path: int(path.stem))[-1]
    found = rows(newest, 'SELECT "payload" FROM "entry" WHERE "topic" = ? ORDER BY "seq" DESC LIMIT 1', PLAN)
    plan: Row = json.loads(found[0][0])
    return plan


def compare_influx(found: Findings, data: Path, server: InfluxServer, proxy: FaultProxy) -> None:
    """(c) None missing, none twice, each as its row says; but for the broken lines, which are all in quarantine."""
    expected, held = expected_points(data), held_points(server)
    broken = quarantined(found, data, proxy)
    for key, fields in expected.items():
        if key in broken:
            continue
        if key not in held:
            found.differs("influxdb", f"{key} {fields} is missing")
        elif different := {n: (held[key].get(n), v) for n, v in fields.items() if not equal(held[key].get(n), v)}:
            found.differs("influxdb", f"{key}: (there, in the history) {different}")
        elif more := {n: v for n, v in held[key].items() if v is not None and n not in fields}:
            found.differs("influxdb", f"{key} has {more}, which the history has not")
    for key in held.keys() - expected.keys():
        found.differs("influxdb", f"{key} {held[key]} is there, and nothing in the history gives it")
    found.counts |= {"points": len(expected), "broken lines": len(broken)}


def equal(got: Any, want: Any) -> bool:
    """A message is the program's own wording: it has to be there."""
    return bool(got) if want is ... else got == want


def quarantined(found: Findings, data: Path, proxy: FaultProxy) -> set[Key]:
    """The keys of the broken lines; each that was seen is in quarantine once, and no other is."""
    query = 'SELECT "row", "body" FROM "quarantine" WHERE "target" = ?'
    kept = Counter((row, body) for row, body in rows(data / "forwarder.db", query, "influxdb"))
    seen = {line for line in proxy.poisoned if not line.startswith("service,")}
    for (row, body), times in kept.items():
        if not is_poisoned(body):
            found.differs("influxdb", f"{body[:200]} of row {row} is in quarantine, and is not broken")
        if times > 1:  # a restated point gives its readings' lines again, under its own row
            found.differs("influxdb", f"{body[:200]} of row {row} is in quarantine {times} times")
    for line in seen - {body for _, body in kept}:
        found.differs("influxdb", f"the broken line {line[:200]} is not in quarantine")
    return {key_of(line) for line in seen}


def key_of(line: str) -> Key:
    """The key of a line; names of the kill loop's plant hold nothing that line protocol escapes."""
    head, _, rest = line.partition(" ")
    measurement, *tags = head.split(",")
    pairs = sorted((name, value) for name, value in (tag.split("=") for tag in tags))
    return measurement, tuple(pairs), int(rest.rsplit(" ", 1)[1])


def held_points(server: InfluxServer) -> Points:
    """Everything that InfluxDB holds but what it says of the processes."""
    held: Points = {}
    for measurement in MEASUREMENTS:
        names = {str(row["tagKey"]) for row in server.query(f'SHOW TAG KEYS FROM "{measurement}"')}
        for row in server.query(f'SELECT * FROM "{measurement}" GROUP BY *'):
            tags = tuple(sorted((name, str(row[name])) for name in names if row.get(name)))
            fields = {n: v for n, v in row.items() if n != "time" and n not in names and v is not None}
            held[measurement, tags, int(str(row["time"]))] = fields
    return held


def point_ns(time_ns: int, seq: int = 0, idx: int = 0) -> int:
    """The event time in microseconds × 1000 + (the point's number mod 1000) nanoseconds."""
    return time_ns // 1000 * 1000 + (43 * seq + idx) % 1000


def expected_points(data: Path) -> Points:
    """What the rows of the history give; of rows with one key the later one stands."""
    made = _Made(data)
    for name in ("point", "reading", "signal", "capability", "day", "metric", "key_result", "episode", "limits", "gap"):
        for row in table(data, name):
            getattr(made, name)(row)
    return made.points


class _Made:
    """Points in the making."""

    def __init__(self, data: Path) -> None:
        self.points: Points = {}
        self._named: dict[int, Row] = {}
        for row in table(data, "characteristic"):
            self._named[row["characteristic"]] = row
        self._specified = table(data, "specification")
        plan = last_plan(data)
        self._metrics = {one["id"]: one for one in plan["metrics"]}
        self._goals = {one["id"]: one for one in plan["key_results"]}

    def _put(self, measurement: str, tags: Row, time_ns: int, fields: Row) -> None:
        key = measurement, tuple(sorted((n, str(v)) for n, v in tags.items() if v)), time_ns
        given = {n: v for n, v in fields.items() if v is not None and not (isinstance(v, float) and not isfinite(v))}
        if given:
            self.points[key] = self.points.get(key, {}) | given

    def _of(self, row: Row) -> Row:
        return self._named[row["characteristic"]]

    def _tags(self, row: Row) -> Row:
        named = self._of(row)
        return {"characteristic": named["name"], "line": named["line"], "station": named["station"]}

    def _one_reading(self, row: Row, revision: int, value: float, ref: tuple[int, int, int], context: Row) -> None:
        seq, idx, time_ns = ref
        named = self._of(row)
        limits = next(
            one for one in self._specified
            if one["characteristic"] == row["characteristic"] and one["revision"] == revision
        )  # fmt: skip
        tags = self._tags(row)
        tags["product"] = named["product"] or context.get("product", "")
        fields = {"value": value, "lsl": limits["lsl"], "usl": limits["usl"]}
        fields |= {name: context[name] for name in ("lot", "part") if name in context}
        self._put("reading", tags, point_ns(time_ns, seq, idx), fields)

    def point(self, row: Row) -> None:
        values = [value for (value,) in struct.iter_unpack("<d", row["values"])]
        refs = list(struct.iter_unpack("<qqq", row["refs"]))
        contexts = json.loads(row["contexts"]) if row["contexts"] else [None] * len(values)
        for value, ref, context in zip(values, refs, contexts, strict=True):
            self._one_reading(row, row["specification_revision"], value, ref, context or {})
        named = self._of(row)
        tags = self._tags(row) | {"chart": named["chart"], "unit": named["unit"]}
        fields = {name: row[name] for name in CHART}
        self._put("chart", tags, point_ns(row["time"], row["seq"], row["idx"]), fields)

    def reading(self, row: Row) -> None:
        if row["state"] not in ("late", "single"):
            return
        before = [
            one["revision"] for one in self._specified
            if one["characteristic"] == row["characteristic"] and one["row"] < row["row"]
        ]  # fmt: skip
        context = json.loads(row["context"]) if row["context"] else {}
        self._one_reading(row, max(before), row["value"], (row["seq"], row["idx"], row["time"]), context)

    def signal(self, row: Row) -> None:
        tags = self._tags(row) | {"rule": row["rule"], "part": row["part"]}
        fields = {"value": row["value"], "limit": row["limit"], "message": ...}
        self._put("signal", tags, point_ns(row["time"], row["seq"], row["idx"]), fields)

    def capability(self, row: Row) -> None:
        self._figures(row, "window", point_ns(row["time"]))

    def day(self, row: Row) -> None:
        self._figures(row, "day", (row["day"] - EPOCH_DAY) * 2 * NOON_NS + NOON_NS)

    def _figures(self, row: Row, over: str, time_ns: int) -> None:
        named = self._of(row)
        fields = {name: row[name] for name in CAPABILITY} | {n: named[n] for n in ("cpk_floor", "cpk_target")}
        self._put("capability", self._tags(row) | {"over": over}, time_ns, fields)

    def metric(self, row: Row) -> None:
        known = self._metrics[row["metric"]]
        tags = {"metric": row["metric"], "kind": known["kind"], "over": known["over"]}
        self._put("metric", tags, point_ns(row["time"]), {name: row[name] for name in METRIC})

    def key_result(self, row: Row) -> None:
        tags = {"key_result": row["key_result"], "objective": row["objective"]}
        known = self._goals[row["key_result"]]
        fields = {name: row[name] for name in KEY_RESULT} | {n: known[n] for n in ("title", "target")}
        self._put("key_result", tags, point_ns(row["time"]), fields)

    def episode(self, row: Row) -> None:
        tags, owner = {"metric": row["metric"]}, None
        if row["metric"] is None:
            tags, owner = self._tags(row), self._of(row)["owner"] or None
        tags |= {"episode": row["episode"], "rule": row["rule"]}
        fields = {n: row[n] for n in ("state", "cpk", "cpk_upper", "floor", "confidence")}
        fields |= {"days": len(json.loads(row["days"])), "owner": owner}
        self._put("alert", tags, point_ns(row["time"]), fields)

    def limits(self, row: Row) -> None:
        fields = {n: row[n] for n in ("revision", "state", "center", "sigma", "reason")}
        self._put("limits", self._tags(row), point_ns(row["time"]), fields)

    def gap(self, row: Row) -> None:
        fields = {"state": row["state"], "detail": row["detail"]}
        fields["until_ms"] = None if row["to_time"] is None else row["to_time"] // 1_000_000
        self._put("gap", {"connector": row["connector"], "reason": row["reason"]}, point_ns(row["from_time"]), fields)


def compare_store(found: Findings, data: Path, proxy: FaultProxy) -> None:
    """(d) Every row of the outbox is in the OKR store, once, in the order of the rows, with its content."""
    outbox, store = table(data, "outbox"), data / "okr.db"
    wanted = [row["key"] for row in outbox]
    taken = [key for key in dict.fromkeys(proxy.taken) if not key.startswith("clock-")]  # the first time each
    for key in sorted(set(wanted) - set(taken)):
        found.differs("okr store", f"{key} of the outbox has not been taken")
    for key in sorted(set(taken) - set(wanted)):
        found.differs("okr store", f"{key} was taken, and is not in the outbox")
    if taken != wanted and sorted(taken) == sorted(wanted):
        found.differs("okr store", "what was pushed was taken in another order than that of the outbox")
    refused = [
        row for row in rows(data / "forwarder.db", 'SELECT "target", "body" FROM "quarantine"') if row[0] != "influxdb"
    ]
    for target, body in refused:
        found.differs("okr store", f"{target} has refused {body[:200]}")
    bodies = [(row["path"], json.loads(row["body"])) for row in outbox]
    updates = [body for path, body in bodies if path.endswith("/updates")]
    alerts = [body for path, body in bodies if path == "/api/v1/alerts"]
    held = rows(store, 'SELECT "key_result", "revision", "body" FROM "key_result_update" ORDER BY 1, 2')
    _same(found, "update", held, updates, "key_result")
    held = rows(store, 'SELECT "alert", "revision", "body" FROM "alert_revision" ORDER BY 1, 2')
    _same(found, "alert", held, alerts, "alert")
    for name, revision, state in rows(store, 'SELECT "id", "revision", "state" FROM "alert"'):
        newest = [body for body in alerts if body["alert"] == name][-1]
        if (newest["revision"], newest["state"]) != (revision, state):
            found.differs("okr store", f"alert {name} shows {revision} {state}, the outbox ends with {newest}")
    found.counts |= {"updates": len(updates), "alerts": len(alerts)}


def _same(found: Findings, what: str, held: list[Any], told: list[Row], name: str) -> None:
    """The store holds exactly the revisions that were told, each with its content."""
    expected = {(body[name], body["revision"]): body for body in told}
    if len(expected) != len(told):
        found.differs("okr store", f"an {what} was told twice under one revision")
    given = {(one, revision): json.loads(body) for one, revision, body in held}
    for key in expected.keys() ^ given.keys():
        where = "missing" if key in expected else "there, and not in the outbox"
        found.differs("okr store", f"{what} {key} is {where}")
    for key in expected.keys() & given.keys():
        different = {
            n: (given[key].get(n), v) for n, v in expected[key].items() if moment(given[key].get(n)) != moment(v)
        }
        if different:
            found.differs("okr store", f"{what} {key}: (there, told) {different}")


def moment(value: Any) -> Any:
    """A time as such, however it is written; all else as it is."""
    if isinstance(value, str) and value.endswith("Z"):
        return datetime.fromisoformat(value)
    return value
