"""Lines of what is no reading, point, signal or capability: goals, alerts, events, losses and the service itself.

Each function takes a row by its column names and gives its lines; an empty one is left out by whoever asked.
"""

from collections.abc import Mapping
from dataclasses import fields as fields_in
from typing import Any

import orjson

from connectors.influx_rows import Meant, Named, Values, fields_of, joined, shared_fields, subject, when, whole
from connectors.influx_schema import BY_NAME
from connectors.influx_text import line_time, make_fields, make_line
from rules.event_metrics import EVENT_METRICS
from rules.event_tally import Tally
from rules.events import Change, touches
from rules.metric_kind import hours

FACTORS = ("availability", "performance", "quality")  # of an OEE
METRIC = shared_fields("metric", "metric")
KEY_RESULT = shared_fields("key_result", "key_result")
ALERT = tuple(name for name in shared_fields("episode", "alert") if name != "days")
LIMITS = shared_fields("limits", "limits")
CORRECTION = shared_fields("correction", "correction")
_TALLIED = {one.name for one in fields_in(Tally)}


def metric_lines(row: Values, meant: Meant) -> list[str]:
    """The metric itself, and of a metric of events what it comes to at each place."""
    known = meant.metrics.get(str(row["metric"]))
    tags: list[tuple[str, object]] = [("metric", row["metric"])]
    tags += [("kind", known.kind), ("over", known.over)] if known else []
    at = line_time(whole(row["time"]))
    lines = [make_line("metric", tags, fields_of("metric", row, METRIC), at)]
    detail = orjson.loads(text) if isinstance(text := row["detail"], str | bytes) and text else []
    if known is None or known.kind not in EVENT_METRICS:
        return lines
    for group in detail:
        if not isinstance(group, dict) or "place" not in group:
            continue
        factors = _factors(group) if known.kind == "oee" and group.get("value") is not None else {}
        numbers = {"value": _float(group.get("value"))} | factors
        fields = joined(make_fields(numbers.items()), make_fields([("n", group.get("n"))]))
        lines.append(make_line("place_metric", [*tags, ("place", group["place"])], fields, at))
        if known.kind == "downtime":
            place = [("metric", row["metric"]), ("over", known.over), ("place", group["place"])]
            lines += [
                make_line("downtime", [*place, ("reason", reason or "(none)")], make_fields([("hours", hours(ns))]), at)
                for reason, ns in group.get("down", {}).items()
            ]
    return lines


def _factors(group: Mapping[str, Any]) -> dict[str, float]:
    """The factors of a place's OEE, by the formulas that made it, of the sums that stand with it."""
    tally = Tally(**{name: value for name, value in group.items() if name in _TALLIED})
    tally.paced = tally.total  # an OEE has a value only where all units have an ideal cycle
    return {name: EVENT_METRICS[name].value(tally) for name in FACTORS}


def key_result_lines(row: Values, meant: Meant) -> list[str]:
    """An update of a key result, with its title and target."""
    known = meant.key_results.get(str(row["key_result"]))
    said = make_fields([("title", known.title), ("target", float(known.target))]) if known else ""
    tags = (("key_result", row["key_result"]), ("objective", row["objective"]))
    fields = joined(fields_of("key_result", row, KEY_RESULT), said)
    return [make_line("key_result", tags, fields, line_time(whole(row["time"])))]


def alert_lines(row: Values, named: Named) -> list[str]:
    """An alert of a characteristic or of a metric."""
    tags: list[tuple[str, object]] = [("metric", row["metric"])]
    owner: object = None
    if row["characteristic"] is not None:
        number = whole(row["characteristic"])
        tags, owner = subject(named, number), named.get(number, {}).get("owner")
    tags += [("episode", row["episode"]), ("rule", row["rule"])]
    days = orjson.loads(str(row["days"] or "[]"))
    fields = joined(
        make_fields([("days", len(days))]), fields_of("episode", row, ALERT), make_fields([("owner", owner or None)])
    )
    return [make_line("alert", tags, fields, line_time(whole(row["time"])))]


def limits_lines(row: Values, named: Named) -> list[str]:
    """A revision of control limits."""
    tags = subject(named, whole(row["characteristic"]))
    return [make_line("limits", tags, fields_of("limits", row, LIMITS), line_time(whole(row["time"])))]


def correction_lines(row: Values, named: Named) -> list[str]:
    """A reading that was voided or corrected."""
    tags = [*subject(named, whole(row["characteristic"])), ("action", row["action"])]
    return [make_line("correction", tags, fields_of("correction", row, CORRECTION), line_time(*when(row)))]


def gap_lines(row: Values) -> list[str]:
    """A known loss; the row that closes it falls on the line of the one that opened it."""
    until = row["to_time"]
    ended = make_fields([("until_ms", until // 1_000_000 if isinstance(until, int) else None)])
    tags = (("connector", row["connector"]), ("reason", row["reason"]))
    fields = joined(fields_of("gap", row, ("state", "detail")), ended)
    return [make_line("gap", tags, fields, line_time(whole(row["from_time"])))]


def event_lines(row: Values, named: Named) -> list[str]:
    """A machine's state, a count, an inspection; a change once for each characteristic that it touches."""
    body, at, place = orjson.loads(str(row["body"])), line_time(*when(row)), str(row["place"] or "")
    measurement = {"state": "machine"}.get(str(row["kind"]), str(row["kind"]))
    if measurement == "change":
        return _change(body, place, at, named)
    if measurement not in ("machine", "count", "inspection"):
        return []
    values = {name: body.get(name) for name in BY_NAME[measurement].fields}
    if measurement == "inspection":
        values["inspected"] = _float(values["inspected"])
    return [make_line(measurement, [("place", place)], make_fields(values.items()), at)]


def _change(body: Mapping[str, Any], place: str, at: int, named: Named) -> list[str]:
    change = Change(body["of"], tuple(body.get("characteristics", ())), body.get("note", ""))
    fields = make_fields([("note", change.note)])
    return [
        make_line("change", [*subject(named, number), ("place", place), ("of", change.of)], fields, at)
        for number, known in named.items()
        if known["state"] != "withdrawn" and touches(change, place, str(known["name"]))
    ]


def service_line(process: str, time_ns: int, values: Mapping[str, object]) -> str:
    """How a process is doing, at the plant's own time."""
    fields = {name: values.get(name) for name in BY_NAME["service"].fields}
    fields["lag_seconds"] = _float(fields["lag_seconds"])
    return make_line("service", [("process", process)], make_fields(fields.items()), line_time(time_ns))


def rejected_line(connector: str, reason: str, count: int, time_ns: int) -> str:
    """How many values of a connector were refused for a reason so far."""
    tags = (("connector", connector), ("reason", reason))
    return make_line("rejected", tags, make_fields([("count", count)]), line_time(time_ns))


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
