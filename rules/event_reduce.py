"""From the tallies of several groups (places, or values of a context field) to the one value of a metric."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import isnan, nan
from typing import Any

from rules.day_figures import total
from rules.event_metrics import EVENT_METRICS
from rules.event_tally import BY_NAME, MOST, Tally
from rules.metric_kind import MetricKind
from rules.metrics import MetricValue
from rules.spec import MetricSpec

NAMED = 20  # amounts by reason, kind or topic that a group's detail names: the largest


@dataclass(frozen=True, slots=True)
class GroupFigure:
    """One group's figure; it counts when its formula has a value. `reason`: why it has none, or is of a part only."""

    group: str
    value: float
    n: float
    tally: Tally
    reason: str
    warning: str

    @property
    def counts(self) -> bool:
        """Whether there is a value."""
        return not isnan(self.value)


def group_figures(kind: MetricKind, tallies: Mapping[str, Tally]) -> list[GroupFigure]:
    """The figures of all groups that have anything to do with the kind: the worst first, those that count not last."""
    figures = [_figure(kind, name, tally) for name, tally in sorted(tallies.items()) if kind.has_data(tally)]
    sign = 1.0 if kind.better == "higher" else -1.0
    return sorted(figures, key=lambda one: (not one.counts, sign * one.value if one.counts else 0.0))


def _figure(kind: MetricKind, group: str, tally: Tally) -> GroupFigure:
    value = kind.value(tally)
    reason = kind.reason(tally) or ("undefined" if isnan(value) else "")
    return GroupFigure(group, value, kind.n(tally), tally, reason, kind.warning(tally))


def reduce_groups(
    spec: MetricSpec, figures: list[GroupFigure], whole: Tally, missing: Collection[str] = ()
) -> MetricValue:
    """The metric's value. `whole` is the tally of all groups, `missing` the places by name that sent nothing.

    - total: the formula over the whole: groups weigh as much as they have units.
    - worst: the first group of `figures`, with its n (the greatest value where neither side is better).
    - mean: the mean of the groups' values, each with the same weight; n summed.

    A group that has data and no value (an ideal cycle that is not known), or a value of a part only, and a named place
    without any make the value incomplete. There is no bound: the units of a day are seldom a random sample.

    >>> from rules.event_tally import merged
    >>> spec = MetricSpec("rate", "defect-rate", ("a", "b"), reduce="worst")
    >>> tallies = {"a": Tally(inspected=10, rejected=1), "b": Tally(inspected=90, rejected=3)}
    >>> figures = group_figures(EVENT_METRICS["defect-rate"], tallies)
    >>> reduce_groups(spec, figures, merged(tallies.values())).value
    0.1
    """
    kind = EVENT_METRICS[spec.kind]
    counted = [one for one in figures if one.counts]
    members = len(figures) + len(missing)
    first = next((one.reason for one in figures if one.reason), "")
    reason = "missing" if missing or not figures else first
    complete = not reason
    if not counted:
        return MetricValue(nan, nan, 0, members, 0, False, reason)
    value, n = _reduced(spec, kind, counted, whole)
    if isnan(value):
        return MetricValue(nan, nan, 0, members, len(counted), False, kind.reason(whole) or "undefined")
    return MetricValue(value, nan, round(min(n, MOST)), members, len(counted), complete, reason)


def _reduced(spec: MetricSpec, kind: MetricKind, counted: list[GroupFigure], whole: Tally) -> tuple[float, float]:
    if spec.reduce == "worst":
        return counted[0].value, counted[0].n
    if spec.reduce == "mean":
        return total(one.value for one in counted) / len(counted), sum(one.n for one in counted)
    return kind.value(whole), kind.n(whole)


def group_detail(spec: MetricSpec, figure: GroupFigure) -> dict[str, Any]:
    """A group as metric rows and updates show it: its value, n, and the sums that its formula takes."""
    detail: dict[str, Any] = {spec.by or "place": figure.group, "value": figure.value if figure.counts else None}
    detail |= {"n": round(min(figure.n, MOST)), "counted": figure.counts, "reason": figure.reason}
    if figure.warning:
        detail["warning"] = figure.warning
    for name in EVENT_METRICS[spec.kind].shows:
        amount = getattr(figure.tally, name)
        detail[name] = _largest(amount) if name in BY_NAME else min(amount, MOST)
    return detail


def _largest(amounts: dict[str, int]) -> dict[str, int]:
    """The largest amounts, the largest first; of equal ones the first by name."""
    largest = sorted(amounts.items(), key=lambda item: (-item[1], item[0]))[:NAMED]
    return {key: min(amount, MOST) for key, amount in largest}
