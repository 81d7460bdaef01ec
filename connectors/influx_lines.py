"""Rows of the history as InfluxDB line protocol: pure, and the same row always gives the same bytes.

Measurements, tags and fields are those of `connectors.influx_schema`; `MEASUREMENTS` says which kind of row gives
which. Field types are fixed: whole numbers end in `i`, all others are floats or quoted text.
"""

from collections.abc import Callable
from math import isfinite

import numpy as np
import orjson

from connectors.influx_happenings import (
    alert_lines,
    correction_lines,
    event_lines,
    gap_lines,
    key_result_lines,
    limits_lines,
    metric_lines,
)
from connectors.influx_rows import Meant, Row, Values, by_name, fields_of, joined, shared_fields, subject, when, whole
from connectors.influx_text import day_time, escape_text, line_time, make_fields, make_line, make_tags
from rules.data_quality import DATA_QUALITY
from rules.results import BY_NAME
from rules.run_rules import RULES_BY_NAME
from rules.spec import ATTRIBUTE_CHARTS

CAPABILITY = shared_fields("day", "capability")
CHART = shared_fields("point", "chart")

# Kind of row → the measurements made of it. Kinds that are not here are the program's own affair.
MEASUREMENTS: dict[str, tuple[str, ...]] = {
    "point": ("reading", "chart"),
    "reading": ("reading",),
    "signal": ("signal",),
    "capability": ("capability",),
    "day": ("capability",),
    "metric": ("metric", "place_metric", "downtime"),
    "key_result": ("key_result",),
    "episode": ("alert",),
    "limits": ("limits",),
    "correction": ("correction",),
    "event": ("machine", "count", "inspection", "change"),
    "gap": ("gap",),
}
FOLLOWED = ("characteristic", "specification")  # kinds that name what the others refer to by number

# Readings that are in no point but are production's own; the others (purpose, invalid, too-late) would
# spoil a histogram.
SHOWN_READINGS = ("late", "single")

QUALITY_SENTENCES = {signal.rule: signal.sentence for signal in DATA_QUALITY}


def sentence(rule: str, value: object, limit: object, k: int = 0) -> str:
    """What a signal says to a person: the rule in words, the value and the limit it was judged by.

    `k` is the rule's length where the plan chose another than the table's. Undefined numbers are left out.
    """
    known = RULES_BY_NAME.get(rule)
    said = known.sentence.format(k=k or known.k) if known else QUALITY_SENTENCES.get(rule, rule)
    parts = [said]
    if isinstance(value, int | float) and isfinite(value):
        parts.append(f"value {value:.10g}")
    if isinstance(limit, int | float) and isfinite(limit):
        parts.append(f"limit {limit:.10g}")
    return f"{parts[0]}: {', '.join(parts[1:])}" if parts[1:] else said


class LineMaker:
    """Makes lines of rows in row order, and remembers the characteristics and specifications that pass.

    To start in the middle, give it first the rows of `FOLLOWED` as of there (`HistoryReader.as_of`): names and
    limits are then those that were current at each row, in every run. `late` counts the readings that came late.
    """

    def __init__(self, meant: Meant | None = None) -> None:
        meant = meant or Meant()
        self._lengths = meant.lengths
        self._named: dict[int, Values] = {}
        self._reading_tags: dict[tuple[int, str], str] = {}
        self._limits: dict[tuple[int, int], str] = {}
        self._goals: dict[int, str] = {}  # characteristic → the Cpk that it must have, and that it shall have
        self._newest: dict[int, int] = {}  # characteristic → revision of its specification
        self._makers: dict[str, Callable[[Values], list[str]]] = {
            "point": self._point,
            "reading": self._reading,
            "signal": self._signal,
            "capability": self._capability,
            "day": self._day,
            "metric": lambda row: metric_lines(row, meant),
            "key_result": lambda row: key_result_lines(row, meant),
            "episode": lambda row: alert_lines(row, self._named),
            "limits": lambda row: limits_lines(row, self._named),
            "correction": lambda row: correction_lines(row, self._named),
            "event": lambda row: event_lines(row, self._named),
            "gap": gap_lines,
        }
        self.late = 0

    def lines(self, kind: str, row: Row) -> list[str]:
        """The lines of one row; none for kinds that InfluxDB does not get."""
        if kind in FOLLOWED:
            self._follow(kind, by_name(kind, row))
            return []
        make = self._makers.get(kind)
        return [line for line in make(by_name(kind, row)) if line] if make else []

    def _follow(self, kind: str, row: Values) -> None:
        number = whole(row["characteristic"])
        if kind == "characteristic":
            self._named[number] = row
            self._goals[number] = fields_of("characteristic", row, ("cpk_floor", "cpk_target"))
            self._reading_tags = {key: tags for key, tags in self._reading_tags.items() if key[0] != number}
            return
        revision = whole(row["revision"])
        self._limits[number, revision] = fields_of("specification", row, ("lsl", "usl"))
        self._newest[number] = revision

    def _point(self, row: Values) -> list[str]:
        number = whole(row["characteristic"])
        lines = self._point_readings(number, row)
        named = self._named.get(number, {})
        tags = [*subject(self._named, number), ("chart", named.get("chart")), ("unit", named.get("unit"))]
        fields = fields_of("point", row, CHART)
        lines.append(make_line("chart", tags, fields, line_time(*when(row))))
        return lines

    def _point_readings(self, number: int, row: Values) -> list[str]:
        values, refs, contexts = row["values"], row["refs"], row["contexts"]
        if not isinstance(values, bytes) or not isinstance(refs, bytes):
            return []
        singles = np.frombuffer(values, "<f8").tolist()
        places = np.frombuffer(refs, "<i8").reshape(-1, 3).tolist()
        known = orjson.loads(contexts) if isinstance(contexts, str) and contexts else [None] * len(singles)
        limits = self._limits_of(number, whole(row["specification_revision"]))
        return [
            self._one_reading(number, value, limits, context, line_time(time_ns, seq, idx))
            for value, (seq, idx, time_ns), context in zip(singles, places, known, strict=True)
        ]

    def _reading(self, row: Values) -> list[str]:
        self.late += row["state"] == "late"
        if row["state"] not in SHOWN_READINGS:
            return []
        number = whole(row["characteristic"])
        limits = self._limits_of(number, self._newest.get(number, 0))
        text = row["context"]
        context = orjson.loads(text) if isinstance(text, str) and text else None
        return [self._one_reading(number, row["value"], limits, context, line_time(*when(row)))]

    def _limits_of(self, number: int, revision: int) -> str:
        """What stands with a reading: the specification it was judged by. That of a rate says nothing of a count."""
        if self._named.get(number, {}).get("chart") in ATTRIBUTE_CHARTS:
            return ""
        return self._limits.get((number, revision), "")

    def _one_reading(self, number: int, value: object, limits: str, context: object, time_ns: int) -> str:
        known = context if isinstance(context, dict) else {}
        product = str(known.get("product") or "")
        tags = self._reading_tags.get((number, product))
        if tags is None:
            named = self._named.get(number, {})
            tags = self._reading_tags[number, product] = make_tags(
                [*subject(self._named, number), ("product", named.get("product") or product)]
            )
        fields = make_fields((("value", value),))
        if not fields:
            return ""
        if limits:
            fields += f",{limits}"
        for name in ("lot", "part"):
            if known.get(name):
                fields += f",{name}={escape_text(str(known[name]))}"
        return f"reading{tags} {fields} {time_ns}"

    def _signal(self, row: Values) -> list[str]:
        tags = subject(self._named, whole(row["characteristic"]))
        name, rule = str(tags[0][1]), str(row["rule"])
        message = sentence(rule, row["value"], row["limit"], self._lengths.get((name, rule), 0))
        fields = joined(fields_of("signal", row, ("value", "limit")), make_fields((("message", message),)))
        return [make_line("signal", [*tags, ("rule", rule), ("part", row["part"])], fields, line_time(*when(row)))]

    def _capability(self, row: Values) -> list[str]:
        return self._figures("capability", row, "window", line_time(whole(row["time"])))

    def _day(self, row: Values) -> list[str]:
        return self._figures("day", row, "day", day_time(whole(row["day"])))

    def _figures(self, kind: str, row: Values, over: str, time_ns: int) -> list[str]:
        number = whole(row["characteristic"])
        tags = [*subject(self._named, number), ("over", over)]
        fields = joined(fields_of(kind, row, CAPABILITY), self._goals.get(number, ""))
        return [make_line("capability", tags, fields, time_ns)]


assert set(MEASUREMENTS) <= set(BY_NAME)
