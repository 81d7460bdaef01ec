"""Metrics: the figures of several characteristics reduced to the one value that a key result is bound to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import hypot, inf, isnan, nan
from typing import Literal

from rules.day_figures import DayFigure, Pooled, defined, merged_overall, pooled_within, total
from rules.spec import MetricSpec
from rules.verdicts import BITS

TRAILING_DAYS = 20  # production days pooled by a metric over "trailing" (design, section 9)
TRAILING_MINIMUM_N = 125

GAUGE = BITS["gauge"]
UNVERIFIED = BITS["unverified"]
_OF_ONE_DAY = ~BITS["ok"]
_OF_MANY_DAYS = ~(BITS["ok"] | BITS["insufficient"] | BITS["resolution"] | BITS["no-spec"] | UNVERIFIED)


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a member's figure came from; 0 is nothing.

    Its days `first_day` … `last_day` (`days` of them, `revision` the highest of theirs), or the window of the journal
    entries `first_seq` … `last_seq`; the newest revisions of limits and specification, and all verdicts (a bit set).
    """

    first_day: int = 0
    last_day: int = 0
    days: int = 0
    revision: int = 0
    first_seq: int = 0
    last_seq: int = 0
    limits_revision: int = 0
    specification_revision: int = 0
    verdicts: int = 0


@dataclass(frozen=True, slots=True)
class MemberFigure:
    """One member's figure: its index with its one-sided 95 % lower bound and n, and its own target.

    A member counts when it is `usable` and its figure is not nan; `reason` is the word for why it is not usable
    (`insufficient`, `stale`, `no-spec`, …). -inf is a value: nothing varied and a part was out of specification; it
    counts, with the reason `resolution`.
    """

    characteristic: str
    value: float
    lower: float
    n: int
    usable: bool
    target: float
    reason: str = ""
    lineage: Lineage = Lineage()


@dataclass(frozen=True, slots=True)
class MetricValue:
    """A metric's value with its bound: `counted` of `members` counted, `complete` when all did.

    `reason` is empty when complete, else the reason of the first member (by id) that did not count, or `missing`.
    `unverified`: the figure of one that counted is of something that has changed and was not shown capable since.
    """

    value: float
    lower: float
    n: int
    members: int
    counted: int
    complete: bool
    reason: str
    unverified: bool = False


@dataclass(frozen=True, slots=True)
class PooledDays:
    """One characteristic's days as one: Cpk and Ppk with what they came from; `reason` says why not usable."""

    cpk: Pooled
    ppk: Pooled
    n: int
    usable: bool
    reason: str


def reduce_metric(spec: MetricSpec, members: Sequence[MemberFigure]) -> MetricValue:
    """The metric's value over its members, which come in the order of their ids; a member may be absent.

    With `count_when = "lower"` each member's lower bound stands for its figure: the value is then the lower bound.
    What does not count makes the metric incomplete and is left out; with none that counts the value is nan.

    - min: the worst member's figure, with that member's n. Its lower bound is that member's.
    - mean: n summed. The lower bound is mean - √(Σ(valueᵢ - lowerᵢ)²)/k: the members' errors are independent
      (for k = 1 it is the member's own; the mean or the least of the bounds would be needlessly low).
    - share-at-target: the share of counting members at or above the metric's target, or else their own; n summed.
      Its lower bound is the share of those whose lower bounds are.

    >>> spec = MetricSpec("bore", "cpk", ("a", "b", "c"), reduce="min")
    >>> a = MemberFigure("a", 1.4, 1.3, n=200, usable=True, target=1.33)
    >>> b = MemberFigure("b", 1.7, 0.9, n=20, usable=False, target=1.33, reason="insufficient")
    >>> found = reduce_metric(spec, [a, b])  # c has no figure at all
    >>> found.value, found.lower, found.n, found.members, found.counted, found.complete, found.reason
    (1.4, 1.3, 200, 3, 1, False, 'insufficient')
    """
    counted = [member for member in members if _counts(spec, member)]
    members_in_all = len(spec.members)
    if not counted:
        return MetricValue(nan, nan, 0, members_in_all, 0, False, _reason(spec, members))
    value, lower, n = _REDUCTIONS[spec.reduce](spec, counted)
    if spec.count_when == "lower":
        value = lower
    complete = len(counted) == members_in_all
    reason = "" if complete else _reason(spec, members)
    unverified = any(member.lineage.verdicts & UNVERIFIED for member in counted)
    return MetricValue(value, lower, n, members_in_all, len(counted), complete, reason, unverified)


def pool_days(days: Sequence[DayFigure], minimum_n: int = TRAILING_MINIMUM_N) -> PooledDays:
    """Cpk and Ppk of several production days (oldest first) together, under the newest day's specification.

    Each day's figures must be of its own readings: days on a trailing basis share readings and would be counted
    twice. Sigma within is pooled by subgroups; sigma overall is that of all readings as one sample. A day too short
    for a Cpk of its own takes part; a day whose gauge was not in order does not. Not usable: `insufficient` below
    `minimum_n` readings, `no-spec` without limits, `resolution` where nothing varies.
    """
    taken = [day for day in days if day.n > 0 and not day.verdicts & GAUGE]
    within, overall = pooled_within(taken), merged_overall(taken)
    if within.n < minimum_n or isnan(within.sigma):
        reason = "insufficient"
    elif isnan(taken[-1].lsl) and isnan(taken[-1].usl):
        reason = "no-spec"
    else:
        reason = "resolution" if isnan(within.value) else ""
    return PooledDays(within, overall, within.n, not reason, reason)


def member_of_days(
    characteristic: str, days: Sequence[DayFigure], kind: Literal["cpk", "ppk"], target: float
) -> MemberFigure:
    """A member's figure for a metric over `trailing` or `period`: all the days given, pooled."""
    pooled = pool_days(days)
    index = pooled.cpk if kind == "cpk" else pooled.ppk
    usable = pooled.usable and not isnan(index.value)
    reason = pooled.reason or ("" if usable and index.value != -inf else "resolution")
    return MemberFigure(
        characteristic, index.value, index.lower, pooled.n, usable, target, reason, lineage_of_days(days)
    )


def lineage_of_days(days: Sequence[DayFigure]) -> Lineage:
    """Where a figure pooled of days (oldest first) comes from; of single days being too short nothing is said.

    It is unverified while the newest of them is.
    """
    taken = [day for day in days if day.n > 0]
    if not taken:
        return Lineage()
    verdicts = 0
    for day in taken:
        verdicts |= day.verdicts & (_OF_ONE_DAY if len(taken) == 1 else _OF_MANY_DAYS)
    verdicts |= taken[-1].verdicts & UNVERIFIED
    return Lineage(
        first_day=taken[0].day,
        last_day=taken[-1].day,
        days=len(taken),
        revision=max(day.revision for day in taken),
        limits_revision=taken[-1].limits_revision,
        specification_revision=taken[-1].specification_revision,
        verdicts=verdicts,
    )


def _counts(spec: MetricSpec, member: MemberFigure) -> bool:
    return member.usable and not isnan(member.lower if spec.count_when == "lower" else member.value)


def _reason(spec: MetricSpec, members: Sequence[MemberFigure]) -> str:
    """Why the first member by id that does not count does not."""
    known = {member.characteristic: member for member in members}
    for name in spec.members:
        member = known.get(name)
        if member is None:
            return "missing"
        if not _counts(spec, member):
            return member.reason or "insufficient"
    return "no-members"


Reduction = Callable[[MetricSpec, list[MemberFigure]], tuple[float, float, int]]


def _least(spec: MetricSpec, counted: list[MemberFigure]) -> tuple[float, float, int]:
    if spec.count_when == "lower":
        worst = min(counted, key=lambda member: (member.lower, member.value))
    else:
        worst = min(counted, key=lambda member: (member.value, member.lower))
    return worst.value, worst.lower, worst.n


def _mean(spec: MetricSpec, counted: list[MemberFigure]) -> tuple[float, float, int]:
    n = sum(member.n for member in counted)
    if any(member.value == -inf for member in counted):
        return -inf, -inf, n
    value = total(member.value for member in counted) / len(counted)
    return value, defined(value - hypot(*(member.value - member.lower for member in counted)) / len(counted)), n


def _share_at_target(spec: MetricSpec, counted: list[MemberFigure]) -> tuple[float, float, int]:
    targets = [member.target if isnan(spec.target) else spec.target for member in counted]
    at_target = sum(member.value >= target for member, target in zip(counted, targets, strict=True))
    surely = sum(member.lower >= target for member, target in zip(counted, targets, strict=True))
    return at_target / len(counted), surely / len(counted), sum(member.n for member in counted)


_REDUCTIONS: dict[str, Reduction] = {"min": _least, "mean": _mean, "share-at-target": _share_at_target}
