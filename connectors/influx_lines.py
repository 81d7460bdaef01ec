"""Rows of the history as InfluxDB line protocol: pure, and the same row always gives the same bytes.

The measurements, tags and fields are the design's section 11; `MEASUREMENTS` says which kind of row gives which.
Field types are fixed: whole numbers end in `i`, all others are floats or quoted text. Undefined numbers and
empty tags are left out, and a line without fields is no line.
"""

from collections.abc import Iterable, Mapping
from math import isfinite

import numpy as np
import orjson

from rules.data_quality import DATA_QUALITY
from rules.results import BY_NAME, KINDS, LEADING
from rules.run_rules import RULES_BY_NAME
from rules.spec import ATTRIBUTE_CHARTS

Row = tuple[object, ...]
Values = dict[str, object]  # a row by its column names

COLUMNS = {kind.name: tuple(column.name for column in LEADING + kind.columns) for kind in KINDS}
# Columns whose field is whole: SQLite's storage class decides, so that a field never changes its type.
_WHOLE = {(kind.name, column.name) for kind in KINDS for column in kind.columns if column.sql == "INTEGER"}


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


CAPABILITY_FIELDS = _names("n mean sigma_within sigma_overall cp cpk cpk_lower pp ppk ppk_lower out_of_spec verdict")
CHART_FIELDS = _names("value dispersion n cl ucl lcl dispersion_cl dispersion_ucl dispersion_lcl signals revision")
KEY_RESULT_FIELDS = _names("value lower n progress status reason members counted")
METRIC_FIELDS = _names("value members counted")

# Kind of row → the measurements made of it. Kinds that are not here are the program's own affair.
MEASUREMENTS: dict[str, tuple[str, ...]] = {
    "point": ("reading", "chart"),
    "reading": ("reading",),
    "signal": ("signal",),
    "capability": ("capability",),
    "day": ("capability",),
    "metric": ("metric",),
    "key_result": ("key_result",),
    "episode": ("alert",),
}
FOLLOWED = ("characteristic", "specification")  # kinds that name what the others refer to by number

# Readings that are in no point but are production's own; the others (purpose, invalid, too-late) would
# spoil a histogram.
SHOWN_READINGS = ("late", "single")

_EPOCH_DAY = 719_163  # date(1970, 1, 1).toordinal()
_DAY_NS = 86_400_000_000_000


def line_time(time_ns: int, seq: int = 0, idx: int = 0) -> int:
    """The event time in whole microseconds, and in its last three digits a number made of (seq, idx).

    So two readings with one time stay two, and a repetition stays one. With the factor 43 no two of 20 journal
    entries in a row share a number when each brings up to 43 values of one characteristic, nor two of 90 when
    each brings up to 10 (checked in the tests); 1,000 readings of one characteristic fit into a microsecond.
    """
    return time_ns // 1000 * 1000 + (43 * seq + idx) % 1000


def day_time(day: int) -> int:
    """Noon UTC of a production day's date: boards in nearly every time zone show it on that date."""
    return (day - _EPOCH_DAY) * _DAY_NS + _DAY_NS // 2


def escape_tag(text: str) -> str:
    """A tag's value: space, comma and equals sign escaped; what a tag cannot hold is replaced.

    Line breaks become spaces; a backslash at the end would escape what follows, so it is left out
    (InfluxDB line protocol reference, "Special characters").
    """
    plain = text.translate(_LINE_BREAKS).rstrip("\\")
    return plain.replace(",", "\\,").replace(" ", "\\ ").replace("=", "\\=")


def escape_text(text: str) -> str:
    """A text field with its quotes; backslashes and quotes escaped, line breaks kept."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def make_line(measurement: str, tags: Iterable[tuple[str, object]], fields: str, time_ns: int) -> str:
    """One line, or "" without fields; tags in the given order, empty ones left out."""
    if not fields:
        return ""
    return f"{measurement}{_tags(tags)} {fields} {time_ns}"


def make_fields(values: Iterable[tuple[str, object]]) -> str:
    """The field set: int → `5i`, float → `5.0`, str → quoted; None, nan and infinite are left out."""
    return ",".join(f"{name}={written}" for name, value in values if (written := _field(value)))


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
    limits are then those that were current at each row, in every run. `lengths` is k by (characteristic's id,
    rule) where the plan chose one. `late` counts the readings that came late.
    """

    def __init__(self, lengths: Mapping[tuple[str, str], int] | None = None) -> None:
        self._lengths = lengths or {}
        self._named: dict[int, Values] = {}
        self._reading_tags: dict[tuple[int, str], str] = {}
        self._limits: dict[tuple[int, int], str] = {}
        self._newest: dict[int, int] = {}  # characteristic → revision of its specification
        self._makers = {
            "point": self._point,
            "reading": self._reading,
            "signal": self._signal,
            "capability": self._capability,
            "day": self._day,
            "metric": self._metric,
            "key_result": self._key_result,
            "episode": self._episode,
        }
        self.late = 0

    def lines(self, kind: str, row: Row) -> list[str]:
        """The lines of one row; none for kinds that InfluxDB does not get."""
        if kind in FOLLOWED:
            self._follow(kind, _by_name(kind, row))
            return []
        make = self._makers.get(kind)
        return [line for line in make(_by_name(kind, row)) if line] if make else []

    def _follow(self, kind: str, row: Values) -> None:
        number = _int(row["characteristic"])
        if kind == "characteristic":
            self._named[number] = row
            self._reading_tags = {key: tags for key, tags in self._reading_tags.items() if key[0] != number}
            return
        revision = _int(row["revision"])
        self._limits[number, revision] = _fields_of("specification", row, ("lsl", "usl"))
        self._newest[number] = revision

    def _point(self, row: Values) -> list[str]:
        number = _int(row["characteristic"])
        lines = self._point_readings(number, row)
        named = self._named.get(number, {})
        tags = [("characteristic", _name(named, number)), ("chart", named.get("chart"))]
        tags += [(place, named.get(place)) for place in ("line", "station")]
        fields = _fields_of("point", row, CHART_FIELDS)
        lines.append(make_line("chart", tags, fields, line_time(*_when(row))))
        return lines

    def _point_readings(self, number: int, row: Values) -> list[str]:
        values, refs, contexts = row["values"], row["refs"], row["contexts"]
        if not isinstance(values, bytes) or not isinstance(refs, bytes):
            return []
        singles = np.frombuffer(values, "<f8").tolist()
        places = np.frombuffer(refs, "<i8").reshape(-1, 3).tolist()
        known = orjson.loads(contexts) if isinstance(contexts, str) and contexts else [None] * len(singles)
        limits = self._limits_of(number, _int(row["specification_revision"]))
        return [
            self._one_reading(number, value, limits, context, line_time(time_ns, seq, idx))
            for value, (seq, idx, time_ns), context in zip(singles, places, known, strict=True)
        ]

    def _reading(self, row: Values) -> list[str]:
        self.late += row["state"] == "late"
        if row["state"] not in SHOWN_READINGS:
            return []
        number = _int(row["characteristic"])
        limits = self._limits_of(number, self._newest.get(number, 0))
        text = row["context"]
        context = orjson.loads(text) if isinstance(text, str) and text else None
        return [self._one_reading(number, row["value"], limits, context, line_time(*_when(row)))]

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
            tags = self._reading_tags[number, product] = _tags(
                [
                    ("characteristic", _name(named, number)),
                    *((place, named.get(place)) for place in ("line", "station")),
                    ("product", named.get("product") or product),
                ]
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
        named = self._named.get(number := _int(row["characteristic"]), {})
        name, rule = _name(named, number), str(row["rule"])
        message = sentence(rule, row["value"], row["limit"], self._lengths.get((name, rule), 0))
        fields = _joined(_fields_of("signal", row, ("value", "limit")), make_fields((("message", message),)))
        return [make_line("signal", (("characteristic", name), ("rule", rule)), fields, line_time(*_when(row)))]

    def _capability(self, row: Values) -> list[str]:
        return self._figures("capability", row, "window", line_time(_int(row["time"])))

    def _day(self, row: Values) -> list[str]:
        return self._figures("day", row, "day", day_time(_int(row["day"])))

    def _figures(self, kind: str, row: Values, over: str, time_ns: int) -> list[str]:
        number = _int(row["characteristic"])
        tags = (("characteristic", _name(self._named.get(number, {}), number)), ("over", over))
        return [make_line("capability", tags, _fields_of(kind, row, CAPABILITY_FIELDS), time_ns)]

    def _metric(self, row: Values) -> list[str]:
        fields = _fields_of("metric", row, METRIC_FIELDS)
        return [make_line("metric", [("metric", row["metric"])], fields, line_time(_int(row["time"])))]

    def _key_result(self, row: Values) -> list[str]:
        tags = (("key_result", row["key_result"]), ("objective", row["objective"]))
        fields = _fields_of("key_result", row, KEY_RESULT_FIELDS)
        return [make_line("key_result", tags, fields, line_time(_int(row["time"])))]

    def _episode(self, row: Values) -> list[str]:
        subject = ("metric", row["metric"])
        if row["characteristic"] is not None:
            number = _int(row["characteristic"])
            subject = ("characteristic", _name(self._named.get(number, {}), number))
        tags = (subject, ("episode", row["episode"]))
        days = orjson.loads(str(row["days"] or "[]"))
        fields = _joined(make_fields((("days", len(days)),)), _fields_of("episode", row, ("state", "cpk")))
        return [make_line("alert", tags, fields, line_time(_int(row["time"])))]


def service_line(process: str, time_ns: int, *, lag_seconds: float, rejected: int, late: int, rows: int) -> str:
    """How a process is doing, at the plant's own time."""
    fields = (("lag_seconds", float(lag_seconds)), ("rejected", rejected), ("late", late), ("rows", rows))
    return make_line("service", [("process", process)], make_fields(fields), line_time(time_ns))


_LINE_BREAKS = str.maketrans("\n\r\t", "   ")


def _tags(tags: Iterable[tuple[str, object]]) -> str:
    return "".join(f",{name}={written}" for name, value in tags if value and (written := escape_tag(str(value))))


def _field(value: object) -> str:
    if isinstance(value, float):
        return repr(value) if isfinite(value) else ""
    if isinstance(value, int):
        return f"{value}i"
    return escape_text(value) if isinstance(value, str) else ""


def _fields_of(kind: str, row: Values, names: tuple[str, ...]) -> str:
    return make_fields((name, _typed(kind, name, row[name])) for name in names)


def _joined(*field_sets: str) -> str:
    return ",".join(fields for fields in field_sets if fields)


def _typed(kind: str, name: str, value: object) -> object:
    """The value in its column's type: a REAL is a float even where it came as a whole number."""
    if isinstance(value, int) and (kind, name) not in _WHOLE:
        return float(value)
    return value


def _by_name(kind: str, row: Row) -> Values:
    return dict(zip(COLUMNS[kind], row, strict=True))


def _when(row: Values) -> tuple[int, int, int]:
    return _int(row["time"]), _int(row["seq"]), _int(row["idx"])


def _name(named: Values, number: int) -> str:
    return str(named.get("name") or number)


def _int(value: object) -> int:
    assert isinstance(value, int), f"expected a whole number, got {value!r}"
    return value


assert set(MEASUREMENTS) <= set(BY_NAME)
