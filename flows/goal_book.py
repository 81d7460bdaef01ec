"""The goal book: metrics and key results, looked at when a day closes and at most every 15 minutes between."""

from collections.abc import Iterable
from datetime import date
from hashlib import sha256
from math import inf, isnan, nan
from typing import Any

import numpy as np
import orjson

from config.plan import Plan
from flows.day_book import DayBook, stuck
from flows.outbox import OutboxRow, iso_day, number, update_row
from rules.breaches import day_index
from rules.calendar import production_day, working_days_between
from rules.capability import LOWER_95, bissell_bound
from rules.day_figures import DayFigure, defined
from rules.metrics import TRAILING_DAYS, MemberFigure, MetricValue, member_of_days, reduce_metric
from rules.progress import STALE_DAYS, KeyResultMoment, KeyResultState, key_result_step
from rules.records import FIGURE
from rules.spec import CharacteristicSpec, KeyResultSpec, MetricSpec
from rules.verdicts import BITS, headline

QUARTER_HOUR_NS = 15 * 60 * 1_000_000_000
SOURCES = 20  # members that an update names: the lowest figures, and as many that do not count
UNUSABLE = BITS["no-spec"] | BITS["insufficient"] | BITS["gauge"] | BITS["resolution"] | BITS["stale"]

Rows = tuple[list[tuple[Any, ...]], list[tuple[Any, ...]], list[OutboxRow]]


class GoalBook:
    """What metrics and key results remember; `windows` holds the newest window statement of metrics' members.

    A metric's row holds the figures of all its members. A key result refers to that row by (metric, revision), and
    its update names the worst few. Where nothing varies and parts are out of specification a figure is bad, not
    missing: inside it is -inf, outside null; the member counts, with the reason `resolution`, and the key result
    is red.
    """

    def __init__(self) -> None:
        self.windows: dict[int, bytes] = {}  # number → FIGURE record
        self.last_ns = 0
        self._metrics: dict[str, tuple[int, bytes]] = {}  # revision, digest of the last row
        self._key_results: dict[str, tuple[int, bytes, bytes]] = {}  # revision, digest, state

    def look(self, plan: Plan, numbers: dict[str, int], days: DayBook, tick: tuple[int, int], closed: bool) -> Rows:
        """Metric rows, key-result rows and their pushes at a tick (seq, ns); `closed`: a day has just closed."""
        self.last_ns = tick[1]
        day = days.newest if closed else production_day(plan.calendar, tick[1])
        specs = {spec.id: spec for spec in plan.characteristics}
        metrics: list[tuple[Any, ...]] = []
        key_results: list[tuple[Any, ...]] = []
        pushes: list[OutboxRow] = []
        for metric in plan.metrics:
            bound = [spec for spec in plan.key_results if spec.metric == metric.id]
            members = [
                self._member(plan, metric, specs[name], numbers[name], days, bound)
                for name in metric.members
                if name in specs
            ]
            value = reduce_metric(metric, members)
            metrics += self._metric_row(metric, value, tick, day, members, closed)
            told = _sources(members)
            for spec in bound:
                moment = self._moment(plan, spec, metric, numbers, days, day, closed)
                if moment is not None:
                    self._update(spec, value, moment, tick, told, key_results, pushes)
        return metrics, key_results, pushes

    def _member(
        self,
        plan: Plan,
        metric: MetricSpec,
        spec: CharacteristicSpec,
        who: int,
        days: DayBook,
        bound: list[KeyResultSpec],
    ) -> MemberFigure:
        """One member's figure over what the metric looks at; stale without a usable day for 2 working days."""
        history = days.history.get(who, [])
        if metric.over == "window":
            return self._window_member(metric, spec, who)
        if metric.over == "day":
            return _day_member(metric, spec, days.latest.get(who), days.newest)
        if metric.over == "period":
            first = _period_start(plan, bound, days.closed)
            member = member_of_days(spec.id, [f for f in history if f.day >= first], metric.kind, spec.cpk_target)
        else:
            recent = [figure for figure in history if figure.n > 0][-TRAILING_DAYS:]
            member = member_of_days(spec.id, recent, metric.kind, spec.cpk_target)
        last = max((figure.day for figure in history if figure.n > 0), default=0)
        if member.usable and working_days_between(plan.calendar, last + 1, days.closed) >= STALE_DAYS:
            return MemberFigure(spec.id, member.value, member.lower, member.n, False, spec.cpk_target, "stale")
        return member

    def _window_member(self, metric: MetricSpec, spec: CharacteristicSpec, who: int) -> MemberFigure:
        text = self.windows.get(who)
        if text is None:
            return MemberFigure(spec.id, nan, nan, 0, False, spec.cpk_target, "missing")
        row = _record(text)
        value, lower = defined(float(row[metric.kind])), defined(float(row[f"{metric.kind}_lower"]))
        if isnan(value) and stuck(row):
            value = lower = -inf
        return _judged(spec, value, lower, int(row["n"]), int(row["verdicts"]))

    def _moment(
        self,
        plan: Plan,
        spec: KeyResultSpec,
        metric: MetricSpec,
        numbers: dict[str, int],
        days: DayBook,
        day: int,
        closed: bool,
    ) -> KeyResultMoment | None:
        """What the calendar and the members say; None before the period begins."""
        objective = next(one for one in plan.objectives if one.id == spec.objective)
        if day < objective.first_day:
            return None
        last = min(days.closed, objective.last_day)
        known = [numbers[name] for name in metric.members if name in numbers]
        usable = max((days.last_usable.get(who, 0) for who in known), default=0)
        since = max(usable, objective.first_day - 1)
        return KeyResultMoment(
            day=day,
            day_closed=closed,
            passed_days=working_days_between(plan.calendar, objective.first_day, last),
            total_days=working_days_between(plan.calendar, objective.first_day, objective.last_day),
            usable_day_age=working_days_between(plan.calendar, since + 1, days.closed),
            open_breach=any(days.open_breach(who) for who in known),
            period_over=day > objective.last_day,
            day_usable=closed and usable == day,
        )

    def _metric_row(
        self,
        metric: MetricSpec,
        value: MetricValue,
        tick: tuple[int, int],
        day: int,
        members: list[MemberFigure],
        closed: bool,
    ) -> list[tuple[Any, ...]]:
        detail = orjson.dumps([_member_detail(member) for member in members])
        content = sha256(orjson.dumps(value) + detail).digest()
        revision, before = self._metrics.get(metric.id, (0, b""))
        if not closed and content == before:
            return []
        self._metrics[metric.id] = (revision + 1, content)
        return [
            (tick[0], metric.id, tick[1], day, number(value.value), number(value.lower), value.n)
            + (value.members, value.counted, int(value.complete), revision + 1, detail.decode())
        ]

    def _update(
        self,
        spec: KeyResultSpec,
        value: MetricValue,
        moment: KeyResultMoment,
        tick: tuple[int, int],
        told: dict[str, Any],
        rows: list[tuple[Any, ...]],
        pushes: list[OutboxRow],
    ) -> None:
        """Advance one key result and state it: at every day close, and between when something changed."""
        revision, before, text = self._key_results.get(spec.id, (0, b"", b""))
        state = KeyResultState.from_json(text) if text else KeyResultState()
        state, update = key_result_step(spec, state, value, moment)
        said = [update.value, update.progress, update.status, update.reason, update.members, told]
        content = sha256(orjson.dumps(said)).digest()
        unchanged = content == before and (moment.period_over or not moment.day_closed)
        if unchanged:
            self._key_results[spec.id] = (revision, before, state.to_json())
            return
        revision += 1
        self._key_results[spec.id] = (revision, content, state.to_json())
        lineage = {"metric": spec.metric, "metric_revision": self._metrics[spec.metric][0]}
        rows.append(
            (tick[0], spec.id, spec.objective, tick[1], moment.day, revision)
            + (number(update.value), number(update.lower), update.n, number(update.progress), update.expected)
            + (update.status, update.reason, update.members, update.counted)
            + (orjson.dumps(lineage).decode(),)
        )
        body = {
            "revision": revision,
            "day": iso_day(moment.day),
            "value": number(update.value),
            "progress": number(update.progress),
            "clamped": number(update.clamped),
            "expected": number(update.expected),
            "status": update.status,
            "reason": update.reason,
            "n": update.n,
            "lower": number(update.lower),
            "members": update.members,
            "counted": update.counted,
            **told,
            "history": {"cause_seq": tick[0], **lineage},
        }
        pushes.append(update_row(tick[0], spec.id, tick[1], body))

    def to_plain(self) -> dict[str, Any]:
        """The book as plain values, for the state's bytes."""
        return {name: getattr(self, name) for name in ("windows", "last_ns", "_metrics", "_key_results")}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "GoalBook":
        """The book that `to_plain` wrote."""
        book = cls()
        for name, value in plain.items():
            setattr(book, name, value)
        return book


def _record(text: bytes) -> Any:
    return np.frombuffer(text, FIGURE)[0]


def _day_member(
    metric: MetricSpec, spec: CharacteristicSpec, figure: DayFigure | None, newest_day: int
) -> MemberFigure:
    """The figure of the last closed production day itself; such a day without data is missing."""
    if figure is None or figure.day != newest_day:
        return MemberFigure(spec.id, nan, nan, 0, False, spec.cpk_target, "missing")
    value = day_index(figure, metric.kind)
    df = figure.within_df if metric.kind == "cpk" else figure.n - 1
    lower = -inf if value == -inf else defined(bissell_bound(value, float(figure.n), float(df), LOWER_95))
    return _judged(spec, value, lower, figure.n, figure.verdicts)


def _judged(spec: CharacteristicSpec, value: float, lower: float, n: int, bits: int) -> MemberFigure:
    """A statement's figure as a member's: usable by its verdicts; -inf is usable, its resolution being the fault."""
    hindering = bits & UNUSABLE & ~(BITS["resolution"] if value == -inf else 0)
    usable = not hindering and not isnan(value)
    reason = "" if usable else headline(hindering or bits)
    return MemberFigure(spec.id, value, lower, n, usable, spec.cpk_target, "resolution" if value == -inf else reason)


def _period_start(plan: Plan, bound: Iterable[KeyResultSpec], day: int) -> int:
    """The first day of the period in force: that of the key results bound to the metric, else the quarter."""
    objectives = {one.id: one for one in plan.objectives}
    periods = [objectives[spec.objective] for spec in bound]
    starts = [one.first_day for one in periods if one.first_day <= day <= one.last_day]
    if starts:
        return min(starts)
    today = date.fromordinal(max(day, 1))
    return date(today.year, 3 * ((today.month - 1) // 3) + 1, 1).toordinal()


def _sources(members: list[MemberFigure]) -> dict[str, Any]:
    """What an update says of the members: all their verdicts, the worst few, and how many `more` there are.

    Few enough for the OKR store's limit on a body, however many a metric has. The lowest figures come first, then
    what does not count.
    """
    counted = sorted((one for one in members if one.usable), key=lambda one: (one.value, one.characteristic))
    others = [one for one in members if not one.usable]
    named = counted[:SOURCES] + others[:SOURCES]
    return {
        "verdicts": sorted({one.reason for one in members if one.reason}),
        "sources": [_member_detail(one) for one in named],
        "more": len(members) - len(named),
    }


def _member_detail(member: MemberFigure) -> dict[str, Any]:
    return {
        "characteristic": member.characteristic,
        "value": number(member.value),
        "lower": number(member.lower),
        "n": member.n,
        "counted": member.usable,
        "reason": member.reason,
    }
