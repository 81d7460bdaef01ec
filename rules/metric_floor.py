"""Breaches of a metric: production days in a row with its value strictly below its own floor (design, section 9).

Runs, recovery, relapse and restatement are those of characteristics (`rules.runs`, `rules.episodes`).
"""

from dataclasses import dataclass
from math import inf, isnan, nan

from rules.episodes import EpisodeRule
from rules.metrics import MetricValue
from rules.runs import Judgement
from rules.spec import BreachSpec, MetricSpec

RULE = "metric-below-floor"


@dataclass(frozen=True, slots=True)
class MetricDay:
    """A metric's value at the close of a production day, and its one-sided 95 % bounds (nan where undefined).

    `counts_below`, `counts`: whether the day counts when the value is below the floor, and when it is not.
    """

    day: int
    value: float
    lower: float
    upper: float
    n: int
    members: int
    counted: int
    counts_below: bool
    counts: bool


def metric_day(spec: MetricSpec, day: int, value: MetricValue) -> MetricDay:
    """What a day says of the metric's floor.

    An incomplete value is no good day; below the floor it counts all the same where the metric is the worst of its
    members, as those that are missing could only lower it. The upper bound mirrors the lower one (Bissell's interval
    is symmetric); a share, and a metric that is its lower bounds, has none.
    """
    known = not isnan(value.value)
    has_upper = spec.reduce != "share-at-target" and spec.count_when == "estimate"
    upper = nan if not has_upper else value.value if value.value == -inf else 2 * value.value - value.lower
    return MetricDay(
        day=day,
        value=value.value,
        lower=value.lower,
        upper=upper,
        n=value.n,
        members=value.members,
        counted=value.counted,
        counts_below=known and (value.complete or spec.reduce == "min"),
        counts=known and value.complete,
    )


def breach_of(spec: MetricSpec) -> BreachSpec:
    """The rules that a metric with a floor goes by; what it does not say is as for characteristics."""
    return BreachSpec(floor=spec.floor, breach_days=spec.breach_days, recovery_cpk=spec.floor)


def _judge(spec: BreachSpec, figure: MetricDay | None) -> Judgement:
    if figure is None:
        return "uncounted"
    if figure.value < spec.floor:
        return "bad" if figure.counts_below else "uncounted"
    return "good" if figure.counts else "uncounted"


def _pool(_: BreachSpec, figures: tuple[MetricDay, ...]) -> tuple[float, float]:
    """The mean of the days' values, and of their upper bounds: days may share readings, so many give no closer ones."""
    count = len(figures)
    return sum(one.value for one in figures) / count, sum(one.upper for one in figures) / count


METRIC_BREACH: EpisodeRule[MetricDay] = EpisodeRule(RULE, _judge, _pool)
