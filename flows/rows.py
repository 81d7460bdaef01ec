"""Rows of the history from the shards' answers: columns in, tables out, numbered without regard to cuts.

Rows are ordered by the journal entry that caused them, then by kind (in the order of `rules.results.KINDS`),
then by characteristic; their numbers follow that order, so that they depend on the journal alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from flows.frames import Answer
from rules.attributes import zone_line
from rules.events import Event
from rules.limits import CHART_CODES
from rules.records import BASES, LIMITS_STATES, READING_STATES
from rules.results import BY_NAME, CAPABILITY_FIGURES, KINDS
from rules.run_rules import RUN_RULES
from rules.spec import Chart
from rules.verdicts import headline, names

RANK = {kind.name: rank for rank, kind in enumerate(KINDS)}
FIGURE_FIELDS = [word.split(":")[0] for word in CAPABILITY_FIGURES.split()]
NO_CHARTS: Mapping[int, Chart] = {}
RULE_BY_BIT = {rule.bit: rule for rule in RUN_RULES}


@dataclass(slots=True)
class Table:
    """Rows of one kind: `cause_seq` int64[n] in order, and a list for each column after the leading ones."""

    cause_seq: NDArray[np.int64]
    columns: list[list[Any]]


def table_of(kind: str, rows: Sequence[tuple[Any, ...]]) -> Table:
    """A table from ready rows `(cause_seq, ...)` of a kind, in the order of their cause."""
    ordered = sorted(rows, key=lambda row: row[0])  # stable
    width = len(BY_NAME[kind].columns)
    cause = np.array([row[0] for row in ordered], np.int64)
    return Table(cause, [[row[1 + k] for row in ordered] for k in range(width)])


def number_rows(tables: dict[str, Table], last_row: int) -> tuple[dict[str, list[tuple[Any, ...]]], int]:
    """The tables as rows `(row, cause_seq, ordinal, ...)`, numbered from `last_row + 1`, and the last number."""
    kinds = [kind for kind in sorted(tables, key=RANK.__getitem__) if len(tables[kind].cause_seq)]
    if not kinds:
        return {}, last_row
    cause = np.concatenate([tables[kind].cause_seq for kind in kinds])
    rank = np.repeat([RANK[kind] for kind in kinds], [len(tables[kind].cause_seq) for kind in kinds])
    order = np.lexsort((rank, cause))  # stable: within a kind the order stays
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    sorted_cause = cause[order]
    first = np.searchsorted(sorted_cause, sorted_cause)  # where each entry's rows begin
    ordinal = np.empty(len(order), np.int64)
    ordinal[order] = np.arange(len(order)) - first
    numbered: dict[str, list[tuple[Any, ...]]] = {}
    start = 0
    for kind in kinds:
        table = tables[kind]
        part = slice(start, start + len(table.cause_seq))
        leading = ((place[part] + last_row + 1).tolist(), cause[part].tolist(), ordinal[part].tolist())
        numbered[kind] = list(zip(*leading, *table.columns, strict=True))
        start = part.stop
    return numbered, last_row + len(order)


class Merged:
    """The answers of all shards to one frame, as arrays over the whole plant.

    `numbers[i]` is the lasting number of the plan's characteristic i; arrays hold it in `characteristic`. `attribute`
    are the charts of those that have an attribute chart, by that number.
    """

    def __init__(
        self, answers: Sequence[Answer], numbers: NDArray[np.int64], attribute: Mapping[int, Chart] = NO_CHARTS
    ) -> None:
        self._attribute = attribute
        answers = [answer for answer in answers if _has_output(answer)] or answers[:1]
        self._values = np.concatenate([answer.values for answer in answers])
        self._refs = np.concatenate([answer.refs for answer in answers])
        self._contexts: list[str] = []
        self.signals = _by_cause([answer.signals for answer in answers], numbers)
        self.limits = _by_cause([answer.limits for answer in answers], numbers)
        self.windows = _by_cause([answer.windows for answer in answers], numbers)
        self.days = _by_cause([answer.days for answer in answers], numbers)
        self._join(answers, numbers)

    def _join(self, answers: Sequence[Answer], numbers: NDArray[np.int64]) -> None:
        """Join points and loose readings; their pointers into the shards' pools go into the joined ones."""
        at, ref = 0, 0
        points, loose = [], []
        for answer in answers:
            own, aside = answer.points.copy(), answer.loose.copy()
            own["at"][own["at"] >= 0] += at
            shift = len(self._contexts)
            self._refs[ref : ref + len(answer.refs), 3] += shift
            aside["context"] += shift
            self._contexts += answer.contexts
            points.append(own)
            loose.append(aside)
            at += len(answer.values)
            ref += len(answer.refs)
        self.points = _by_cause(points, numbers)
        self.loose = _by_cause(loose, numbers)

    def tables(self) -> dict[str, Table]:
        """Every kind that the shards decide, as tables."""
        return {
            "point": self._point_table(),
            "reading": self._reading_table(),
            "signal": self._signal_table(),
            "limits": self._limits_table(),
            "capability": self._capability_table(),
        }

    def _point_table(self) -> Table:
        points = self.points
        starts, sizes = points["at"].tolist(), _lengths(points["at"], len(self._values)).tolist()
        values, refs = self._values.tobytes(), np.ascontiguousarray(self._refs[:, :3]).tobytes()
        fresh = [start >= 0 for start in starts]
        plain = [column.name for column in BY_NAME["point"].columns[:-3]]
        columns = [points[name].tolist() for name in plain]
        spans = list(zip(starts, sizes, fresh, strict=True))
        columns.append([values[8 * at : 8 * (at + n)] if new else None for at, n, new in spans])
        columns.append([refs[24 * at : 24 * (at + n)] if new else None for at, n, new in spans])
        if any(self._contexts):
            numbers = self._refs[:, 3].tolist()
            columns.append([self._context_list(numbers[at : at + n]) if new else None for at, n, new in spans])
        else:
            columns.append([None] * len(points))
        return Table(points["cause_seq"], columns)

    def _context_list(self, numbers: list[int]) -> str | None:
        """The contexts of a point's values as a JSON list; null for a value without one."""
        texts = [self._contexts[number] for number in numbers]
        return "[" + ",".join(text or "null" for text in texts) + "]" if any(texts) else None

    def _reading_table(self) -> Table:
        loose = self.loose
        columns = [loose[name].tolist() for name in ("characteristic", "seq", "idx", "time", "value")]
        columns.append([READING_STATES[state] for state in loose["state"].tolist()])
        columns.append([self._contexts[number] or None for number in loose["context"].tolist()])
        return Table(loose["cause_seq"], columns)

    def _signal_table(self) -> Table:
        rows = [self._point_signal(point, rule.bit) for point in self.points[self.points["raised"] != 0]
                for rule in RUN_RULES if point["raised"] >> rule.bit & 1]  # fmt: skip
        columns = ("cause_seq", "characteristic", "seq", "idx", "time", "bit", "value", "limit", "revision")
        rows += [
            (cause, who, seq, idx, time, RULE_BY_BIT[bit].name, RULE_BY_BIT[bit].applies_to, value, limit, 2, revision)
            for cause, who, seq, idx, time, bit, value, limit, revision in zip(
                *(self.signals[name].tolist() for name in columns), strict=True
            )
        ]
        return table_of("signal", sorted(rows, key=lambda row: (row[0], row[1], row[2], row[3], row[5])))

    def _point_signal(self, point: Any, bit: int) -> tuple[Any, ...]:
        """The signal that a pattern raises at the point that completes it, with the line it was judged by."""
        rule = RULE_BY_BIT[bit]
        dispersion = rule.applies_to == "dispersion"
        value = float(point["dispersion"] if dispersion else point["value"])
        chart = self._attribute.get(int(point["characteristic"]))
        line = _line(point, rule.zone, dispersion) if chart is None else _stepped_line(point, chart, rule.zone)
        return (
            (int(point["cause_seq"]), int(point["characteristic"]), int(point["seq"]), int(point["idx"]))
            + (int(point["time"]), rule.name, rule.applies_to, value, line)
            + (int(point["phase"]), int(point["revision"]))
        )

    def _limits_table(self) -> Table:
        limits = self.limits
        columns = [limits[name].tolist() for name in ("characteristic", "revision", "time")]
        columns.append([LIMITS_STATES[state] for state in limits["state"].tolist()])
        columns += [limits[name].tolist() for name in ("center", "sigma", "points", "excluded")]
        columns.append(["baseline"] * len(limits))
        return Table(limits["cause_seq"], columns)

    def _capability_table(self) -> Table:
        windows = self.windows
        columns = [windows[name].tolist() for name in ("characteristic", "time", "first_seq", "last_seq")]
        return Table(windows["cause_seq"], columns + figure_columns(windows))


def day_table(days: NDArray[Any]) -> Table:
    """The table of kind `day` from FIGURE records (`day_revision` as it is to be stored)."""
    columns = [days[name].tolist() for name in ("characteristic", "day", "day_revision")]
    columns.append([BASES[basis] for basis in days["basis"].tolist()])
    columns += [days[name].tolist() for name in ("late", "signals", "out_of_spec_day", "within_df")]
    columns += [days[name].tolist() for name in ("first_seq", "last_seq")]
    return Table(days["cause_seq"], columns + figure_columns(days))


def figure_columns(figures: NDArray[Any]) -> list[list[Any]]:
    """The columns of `CAPABILITY_FIGURES` of FIGURE records."""
    bits = figures["verdicts"].tolist()
    words = {
        "verdict": [headline(value) for value in bits],
        "verdicts": [orjson.dumps(names(value)).decode() for value in bits],
    }
    return [words[name] if name in words else figures[name].tolist() for name in FIGURE_FIELDS]


def _lengths(at: NDArray[np.int64], values: int) -> NDArray[np.int64]:
    """How many values each point has of a pool of `values`: they reach to where those of the next one begin."""
    order = np.argsort(at, kind="stable")
    lengths = np.empty_like(at)
    lengths[order] = np.diff(at[order], append=values)
    return lengths


def _has_output(answer: Answer) -> bool:
    return any(len(getattr(answer, name)) for name in ("points", "loose", "signals", "limits", "windows", "days"))


def _by_cause(parts: list[NDArray[Any]], numbers: NDArray[np.int64]) -> NDArray[Any]:
    """The parts in the order of their cause, then of the characteristic's number."""
    joined = np.concatenate(parts)
    joined["characteristic"] = numbers[joined["characteristic"]]
    return joined[np.lexsort((joined["characteristic"], joined["cause_seq"]))]


def _line(point: Any, zone: float, dispersion: bool) -> float:
    """The line that the value lies beyond: the limit, or so many sigma from the centre; nan without one."""
    if dispersion:
        upper = bool(point["dispersion"] > point["dispersion_ucl"])
        return float(point["dispersion_ucl"] if upper else point["dispersion_lcl"])
    if isnan(zone):
        return float("nan")
    side = 1.0 if point["value"] > point["cl"] else -1.0
    return float(point["cl"] + side * zone / 3.0 * (point["ucl"] - point["cl"]))


def _stepped_line(point: Any, chart: Chart, zone: float) -> float:
    """The line that an inspection lies beyond, of its own size; nan without one."""
    if isnan(zone):
        return float("nan")
    zones = zone if point["value"] > point["cl"] else -zone
    return zone_line(CHART_CODES[chart], float(point["cl"]), float(point["n"]), zones)


def event_row(event: Event) -> tuple[Any, ...]:
    """The row of kind `event`; its body as canonical JSON."""
    body = orjson.dumps(event.body, option=orjson.OPT_SORT_KEYS).decode()
    row = (event.seq, event.kind, event.place, event.time_ns, event.seq, event.idx, body)
    return (*row, event.context or None)
