"""Every metric of the plant file by what it is made of: its stored values by day, what counted, who uses it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from board.history.metric_days import MetricDay
from board.pages.performance.choice import Choice
from config.metric import MetricOptions
from config.models import PlantFile
from rules.event_metrics import EVENT_METRICS

FAMILIES = ("inspections", "machine", "counts", "complaints", "readings", "index", "gone")
MERGED = {"counts": "machine"}  # both are of machines
GROUPS = ("place", "characteristic")  # what a group of a detail may be named by, else by a context field
FIELDS = frozenset(("value", "lower", "n", "counted", "reason", "warning"))
MOST_COLUMNS = 8


@dataclass(frozen=True, slots=True)
class Group:
    """One place, characteristic or value of a context field, as a metric's day has it."""

    name: str
    value: float | None
    n: int
    counted: bool
    words: tuple[str, ...]


@dataclass(frozen=True)
class Day:
    """One production day of a metric: of a thousand groups only what is asked for is made."""

    stored: MetricDay

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """What its detail tells of each place, characteristic or value of a field."""
        return tuple(groups_of(self.stored.groups))

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of its groups."""
        return frozenset(_name_of(one) for one in self.stored.groups if "counted" in one)

    @property
    def words(self) -> tuple[str, ...]:
        """Why the value is not whole, or not to be believed: each word once."""
        return tuple(dict.fromkeys(word for one in self.stored.groups if "counted" in one for word in _words_of(one)))


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric with its days, the newest last; `unit` as in `rules.event_metrics`, `index` of Cpk and Ppk."""

    name: str
    options: MetricOptions | None
    unit: str
    n_of: str
    key_results: tuple[str, ...]
    days: tuple[Day, ...]

    @property
    def latest(self) -> Day | None:
        """The newest day."""
        return self.days[-1] if self.days else None

    @property
    def by_place(self) -> bool:
        """Whether its groups are characteristics, which have a page, or anything else."""
        return self.options is not None and not self.options.of_characteristics

    def curve(self) -> list[tuple[float, float, Day]]:
        """Its defined values as points: x and y in percent, y from the top, between the least and the greatest."""
        defined = [(place, day) for place, day in enumerate(self.days) if day.stored.value is not None]
        values = [float(day.stored.value or 0.0) for _, day in defined]
        if not values:
            return []
        low, high = min(values), max(values)
        wide, tall = max(len(self.days) - 1, 1), (high - low) or 1.0
        return [
            (round(100 * place / wide, 2), round(90 - 80 * ((day.stored.value or 0.0) - low) / tall, 2), day)
            for place, day in defined
        ]

    @property
    def names(self) -> frozenset[str]:
        """The names of the groups of all days."""
        return frozenset[str]().union(*(day.names for day in self.days))

    def columns(self) -> list[str]:
        """Those names, where a table has room for all."""
        names = sorted(self.names)
        return names if 1 < len(names) <= MOST_COLUMNS else []


def families(
    choice: Choice, plant: PlantFile | None, days: Mapping[str, Mapping[int, MetricDay]]
) -> list[tuple[str, list[Metric]]]:
    """(family, its metrics by id), for every family that has one: of the plant file, and `gone` what it has no more."""
    options = {} if plant is None else plant.metrics
    found: dict[str, list[Metric]] = {}
    for name in sorted(options.keys() | days.keys()):
        one = options.get(name)
        metric = _metric(name, one, plant, days.get(name, {}))
        if _is_chosen(choice, metric):
            found.setdefault(_family(one), []).append(metric)
    return [(family, found[family]) for family in FAMILIES if family in found]


def _family(options: MetricOptions | None) -> str:
    if options is None:
        return "gone"
    folds = EVENT_METRICS[options.kind].folds if options.of_events else "index"
    return MERGED.get(folds, folds)


def _metric(name: str, options: MetricOptions | None, plant: PlantFile | None, days: Mapping[int, MetricDay]) -> Metric:
    users = () if plant is None else tuple(sorted(kr for kr, one in plant.key_results.items() if one.metric == name))
    kind = EVENT_METRICS.get("" if options is None else options.kind)
    unit = "" if options is None else "share" if options.is_share else kind.unit if kind else "index"
    found = tuple(Day(_as_of(options, day)) for _, day in sorted(days.items()))
    return Metric(name, options, unit, kind.n_of if kind else "values", users, found)


def _as_of(options: MetricOptions | None, day: MetricDay) -> MetricDay:
    """A day's row; a window moves within the day, so that another content of it is no restatement."""
    return replace(day, was=()) if options is not None and options.over == "window" else day


def groups_of(detail: Sequence[Mapping[str, Any]]) -> Iterator[Group]:
    """The groups of a stored detail; what it says besides (how many more, how many wait) is none."""
    for one in detail:
        if "counted" in one:
            yield Group(
                _name_of(one), one.get("value"), int(one.get("n") or 0), bool(one["counted"]), tuple(_words_of(one))
            )


def _name_of(one: Mapping[str, Any]) -> str:
    for key in GROUPS:
        if key in one:
            return str(one[key])
    # of a context field, whose name stands first
    return str(next((value for key, value in one.items() if key not in FIELDS), ""))


def _words_of(one: Mapping[str, Any]) -> Iterator[str]:
    return (str(one[key]) for key in ("reason", "warning") if one.get(key))


def _is_chosen(choice: Choice, metric: Metric) -> bool:
    """Whether a metric has to do with what was chosen: by its groups, or as the plant file names it."""
    if not choice.of or any(map(choice.covers, metric.names)):
        return True
    named = () if metric.options is None else metric.options.of
    return any(fnmatchcase(choice.of, name) or choice.covers(name) for name in named)
