"""The stored values of metrics by production day: what each day's newest row says, and whether it was restated."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from board.history.queries import View, select
from board.history.rows import columns_of
from rules.calendar import day_start_ns
from rules.results import BY_NAME

_COLUMNS = columns_of(BY_NAME["metric"])


@dataclass(frozen=True, slots=True)
class MetricDay:
    """What is stored of a metric at the close of a production day (`day`, an ordinal), or since.

    `groups` is its detail: one entry a place, group or characteristic, `more` of them left out there. `was`: the values
    that stood before for the same day, oldest first; empty where it has not been stated anew with another content.
    """

    metric: str
    day: int
    time_ns: int
    value: float | None
    lower: float | None
    n: int
    members: int
    counted: int
    is_complete: bool
    revision: int
    groups: tuple[Mapping[str, Any], ...]
    was: tuple[float | None, ...] = ()


def metric_days(view: View, first: int, last: int) -> dict[str, dict[int, MetricDay]]:
    """By metric and day, the newest row of each production day from `first` to `last` (ordinals, both included).

    A row of a day is written at its close or after it, so that rows are read from the newest back to the first day's
    start.
    """
    start_ns = day_start_ns(view.calendar, first)
    rows = view.db.execute(f'SELECT {select("metric")} FROM "metric" ORDER BY "row" DESC')
    found: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in rows:
        one = dict(zip(_COLUMNS, row, strict=True))
        if one["time"] < start_ns:
            break
        if first <= one["day"] <= last:
            found.setdefault((one["metric"], one["day"]), []).append(one)
    by_metric: dict[str, dict[int, MetricDay]] = {}
    for (metric, day), told in sorted(found.items()):
        by_metric.setdefault(metric, {})[day] = _metric_day(told)
    return by_metric


def _metric_day(told: list[dict[str, Any]]) -> MetricDay:
    """One day's, of all its rows, newest first; rows of the same content are the same fact told again."""
    newest = told[0]
    others: dict[tuple[object, ...], float | None] = {}
    for one in reversed(told):
        others[(one["value"], one["detail"])] = one["value"]
    others.pop((newest["value"], newest["detail"]))
    return MetricDay(
        metric=newest["metric"],
        day=newest["day"],
        time_ns=newest["time"],
        value=newest["value"],
        lower=newest["lower"],
        n=newest["n"],
        members=newest["members"],
        counted=newest["counted"],
        is_complete=bool(newest["complete"]),
        revision=newest["revision"],
        groups=_groups(newest["detail"]),
        was=tuple(others.values()),
    )


def _groups(detail: str) -> tuple[Mapping[str, Any], ...]:
    read = orjson.loads(detail or "[]")
    return tuple(read) if isinstance(read, list) else ()
