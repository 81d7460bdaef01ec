"""Members of metrics: each one's figure as of a production day, and what of it may still be restated."""

from collections.abc import Iterable
from datetime import date
from math import inf, isnan, nan
from typing import Any

import numpy as np

from config.plan import Plan
from flows.day_book import RESTATE_SLACK, DayBook, stuck
from flows.outbox import iso_day, number
from rules.breaches import counts, day_index
from rules.calendar import working_days_between
from rules.capability import LOWER_95, bissell_bound
from rules.day_figures import DayFigure, defined
from rules.metrics import TRAILING_DAYS, Lineage, MemberFigure, lineage_of_days, member_of_days
from rules.progress import STALE_DAYS
from rules.records import FIGURE
from rules.spec import CharacteristicSpec, KeyResultSpec, MetricSpec
from rules.verdicts import BITS, VERDICTS, headline

SOURCES = 20  # members that an update names: the lowest figures, and as many that do not count
UNUSABLE = BITS["no-spec"] | BITS["insufficient"] | BITS["gauge"] | BITS["resolution"] | BITS["stale"]


class Members:
    """What metrics look at, by lasting numbers of characteristics.

    `windows`: the newest window statement (a FIGURE record). `stated`: the days that may still be restated, as they
    were stated last. `production`: production days of late, in order. `restated`: closed days that were restated since
    metrics were last looked at, and of whom.
    """

    def __init__(self) -> None:
        self.windows: dict[int, bytes] = {}
        self.stated: dict[int, dict[int, DayFigure]] = {}
        self.production: list[int] = []
        self.restated: dict[int, set[int]] = {}

    def take(self, who: int, figure: DayFigure, closed: int) -> None:
        """Note a day's figures as stated; `closed` is the last closed day."""
        self.stated.setdefault(who, {})[figure.day] = figure
        if figure.day <= closed:
            self.restated.setdefault(figure.day, set()).add(who)
            self.add_day(figure.day)

    def close(self, day: int, restate_days: int) -> None:
        """A production day has closed: what can no longer be restated is forgotten."""
        self.add_day(day)
        oldest = day - restate_days - RESTATE_SLACK
        for days in self.stated.values():
            for old in [one for one in days if one < oldest]:
                del days[old]
        within = sum(one >= oldest for one in self.production)
        del self.production[: -(TRAILING_DAYS + within)]

    def withdraw(self, who: int) -> None:
        """Forget a characteristic that the plan no longer has."""
        self.stated.pop(who, None)
        self.windows.pop(who, None)

    def changed_days(self, metric: MetricSpec, numbers: dict[str, int], last: int) -> list[int]:
        """The production days up to `last` at whose close the metric looked at a day that has been restated since."""
        own = {numbers[name] for name in metric.members if name in numbers}
        days = sorted(day for day, some in self.restated.items() if not own.isdisjoint(some))
        if not days or metric.over == "window":
            return []
        if metric.over == "day":
            return [day for day in days if day <= last]
        return [day for day in self.production if days[0] <= day <= last]

    def usable(self, specs: Iterable[CharacteristicSpec], numbers: dict[str, int], day: int) -> bool:
        """Whether a day is one that counts, of any of these members."""
        return any(counts(self.stated.get(numbers[one.id], {}).get(day), one.breach.index) for one in specs)

    def figure(
        self,
        plan: Plan,
        metric: MetricSpec,
        spec: CharacteristicSpec,
        who: int,
        days: DayBook,
        day: int,
        bound: list[KeyResultSpec],
    ) -> MemberFigure:
        """One member's figure as of the close of `day`; stale without a usable day for 2 working days.

        A window is always the newest: of a day that has passed there is no other.
        """
        if metric.over == "window":
            return self._window(metric, spec, who)
        if metric.over == "day":
            return _of_day(metric, spec, self.stated.get(who, {}).get(day))
        first = self.first_day(plan, metric, day, bound)
        upto = [figure for figure in days.history.get(who, []) if figure.day <= day]
        taken = [figure for figure in upto if figure.day >= first]
        member = member_of_days(spec.id, taken, metric.index, spec.cpk_target)
        last = max((figure.day for figure in upto if figure.n > 0), default=0)
        if member.usable and working_days_between(plan.calendar, last + 1, day) >= STALE_DAYS:
            figures = (member.value, member.lower, member.n, False, spec.cpk_target, "stale", member.lineage)
            return MemberFigure(spec.id, *figures)
        return member

    def first_day(self, plan: Plan, metric: MetricSpec, day: int, bound: list[KeyResultSpec]) -> int:
        """The first of the days that a metric looks at as of the close of `day`."""
        if metric.over == "period":
            return _period_start(plan, bound, day)
        return self._trailing_start(day) if metric.over == "trailing" else day

    def _trailing_start(self, day: int) -> int:
        """The first of the 20 production days that end with `day`; all there were while they are fewer."""
        upto = [one for one in self.production if one <= day]
        return upto[-TRAILING_DAYS] if len(upto) >= TRAILING_DAYS else 0

    def _window(self, metric: MetricSpec, spec: CharacteristicSpec, who: int) -> MemberFigure:
        text = self.windows.get(who)
        if text is None:
            return MemberFigure(spec.id, nan, nan, 0, False, spec.cpk_target, "missing")
        row: Any = np.frombuffer(text, FIGURE)[0]
        value, lower = defined(float(row[metric.index])), defined(float(row[f"{metric.index}_lower"]))
        if isnan(value) and stuck(row):
            value = lower = -inf
        bits = int(row["verdicts"])
        lineage = Lineage(
            first_seq=int(row["first_seq"]),
            last_seq=int(row["last_seq"]),
            limits_revision=int(row["limits_revision"]),
            specification_revision=int(row["specification_revision"]),
            verdicts=bits & ~BITS["ok"],
        )
        return _judged(spec, value, lower, int(row["n"]), bits, lineage)

    def add_day(self, day: int) -> bool:
        """Note a production day; whether it was none before."""
        if day in self.production:
            return False
        self.production = sorted([*self.production, day])
        return True

    def to_plain(self) -> dict[str, Any]:
        """As plain values, for the state's bytes."""
        stated = {who: [_fields(figure) for figure in days.values()] for who, days in self.stated.items()}
        restated = {day: sorted(some) for day, some in self.restated.items()}
        return {"windows": self.windows, "stated": stated, "production": self.production, "restated": restated}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "Members":
        """What `to_plain` wrote."""
        members = cls()
        members.windows, members.production = plain["windows"], plain["production"]
        members.restated = {day: set(some) for day, some in plain["restated"].items()}
        for who, days in plain["stated"].items():
            members.stated[who] = {fields[0]: DayFigure(*fields) for fields in days}
        return members


def _fields(figure: DayFigure) -> tuple[Any, ...]:
    return tuple(getattr(figure, name) for name in DayFigure.__slots__)


def _of_day(metric: MetricSpec, spec: CharacteristicSpec, figure: DayFigure | None) -> MemberFigure:
    """The figure of a production day itself; a day without data is missing."""
    if figure is None:
        return MemberFigure(spec.id, nan, nan, 0, False, spec.cpk_target, "missing")
    value = day_index(figure, metric.index)
    df = figure.within_df if metric.index == "cpk" else figure.n - 1
    lower = -inf if value == -inf else defined(bissell_bound(value, float(figure.n), float(df), LOWER_95))
    return _judged(spec, value, lower, figure.n, figure.verdicts, lineage_of_days([figure]))


def _judged(spec: CharacteristicSpec, value: float, lower: float, n: int, bits: int, lineage: Lineage) -> MemberFigure:
    """A statement's figure as a member's: usable by its verdicts; -inf is usable, its resolution being the fault."""
    hindering = bits & UNUSABLE & ~(BITS["resolution"] if value == -inf else 0)
    usable = not hindering and not isnan(value)
    reason = "resolution" if value == -inf else "" if usable else headline(hindering or bits)
    return MemberFigure(spec.id, value, lower, n, usable, spec.cpk_target, reason, lineage)


def _period_start(plan: Plan, bound: Iterable[KeyResultSpec], day: int) -> int:
    """The first day of the period in force: that of the key results bound to the metric, else the quarter."""
    objectives = {one.id: one for one in plan.objectives}
    periods = [objectives[spec.objective] for spec in bound]
    starts = [one.first_day for one in periods if one.first_day <= day <= one.last_day]
    if starts:
        return min(starts)
    today = date.fromordinal(max(day, 1))
    return date(today.year, 3 * ((today.month - 1) // 3) + 1, 1).toordinal()


def sources_of(members: list[MemberFigure]) -> dict[str, Any]:
    """What an update says of the members: all their verdicts, the worst few, and how many `more` there are.

    Few enough for the OKR store's limit on a body, however many a metric has. The lowest figures come first, then
    what does not count.
    """
    counted = sorted((one for one in members if one.usable), key=lambda one: (one.value, one.characteristic))
    others = [one for one in members if not one.usable]
    named = counted[:SOURCES] + others[:SOURCES]
    words = {one.reason for one in members if one.reason}
    bits = 0
    for one in members:
        bits |= one.lineage.verdicts
    words |= {word for word in VERDICTS if bits & BITS[word]}
    return {
        "verdicts": sorted(words),
        "sources": [member_detail(one) for one in named],
        "more": len(members) - len(named),
    }


def member_detail(member: MemberFigure) -> dict[str, Any]:
    """A member as metric rows and updates show it, with the days or the window that its figure came from."""
    lineage = member.lineage
    detail = {
        "characteristic": member.characteristic,
        "value": number(member.value),
        "lower": number(member.lower),
        "n": member.n,
        "counted": member.usable,
        "reason": member.reason,
    }
    if lineage.days:
        detail["days"] = lineage.days
        detail["first_day"], detail["last_day"] = iso_day(lineage.first_day), iso_day(lineage.last_day)
        detail["revision"] = lineage.revision
    elif lineage.last_seq:
        detail["first_seq"], detail["last_seq"] = lineage.first_seq, lineage.last_seq
    if lineage.days or lineage.last_seq:
        detail["limits_revision"] = lineage.limits_revision
        detail["specification_revision"] = lineage.specification_revision
    return detail
