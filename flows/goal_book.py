"""The goal book: metrics and key results, looked at when a day closes, when one was restated, and now and then."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import orjson

from config.plan import Plan
from flows.day_book import RESTATE_SLACK, DayBook
from flows.event_book import EventBook
from flows.figure import Figure
from flows.members import Members, member_detail, sources_of
from flows.metric_alerts import metric_alert_row, metric_episode_row
from flows.outbox import iso_day, number, update_row
from rules.calendar import production_day, working_days_between
from rules.day_figures import DayFigure
from rules.episodes import EpisodeMemory, take_days, withdraw
from rules.event_metrics import EVENT_METRICS
from rules.events import Event
from rules.metric_floor import METRIC_BREACH, MetricDay, breach_of, metric_day
from rules.metrics import MetricValue, reduce_metric
from rules.progress import KeyResultMoment, KeyResultState, key_result_step, restate_day
from rules.spec import CharacteristicSpec, KeyResultSpec, MetricSpec, ObjectiveSpec
from rules.timeline import Timeline

MINUTE_NS = 60 * 1_000_000_000
QUARTER_HOUR_NS = 15 * MINUTE_NS

Rows = dict[str, list[tuple[Any, ...]]]  # (cause_seq, ...) by kind


@dataclass(frozen=True, slots=True)
class Look:
    """When the book is looked at: the tick (seq, ns), the production day, and whether that has just closed."""

    plan: Plan
    numbers: dict[str, int]
    days: DayBook
    tick: tuple[int, int]
    day: int
    closed: bool
    specs: dict[str, CharacteristicSpec]
    rows: Rows
    timeline: Timeline = ()

    def add(self, kind: str, row: tuple[Any, ...]) -> None:
        """A row that follows from this look."""
        self.rows.setdefault(kind, []).append(row)


class GoalBook:
    """What metrics and key results remember; `members` and `events` are what they look at.

    A metric's row holds the figures of all its members. A key result refers to that row by (metric, revision), and
    its update names the worst few. Where nothing varies and parts are out of specification a figure is bad, not
    missing: inside it is -inf, outside null; the member counts, with the reason `resolution`, and the key result
    is red.
    """

    def __init__(self) -> None:
        self.members = Members()
        self.events = EventBook()
        self._last_ns = 0  # the last look, and the last that was at everything
        self._whole_ns = 0
        self._metrics: dict[str, tuple[int, bytes]] = {}  # revision, digest of the last row
        self._closed: dict[str, dict[int, bytes]] = {}  # metric → day → digest of the row at its close, as it is now
        self._episodes: dict[str, EpisodeMemory[MetricDay]] = {}
        # Revision, digest and state of each key result, and what its last sufficient update said of its sources.
        self._key_results: dict[str, tuple[int, bytes, bytes, dict[str, Any]]] = {}

    def take(self, who: int, figure: DayFigure, closed: int) -> None:
        """Note a member's day as stated; `closed` is the last closed day."""
        self.members.take(who, figure, closed)

    def take_events(self, events: Sequence[Event], timeline: Timeline, closed: int, plan: Plan) -> None:
        """Fold events; a closed day with one of them was a production day, whatever the calendar says."""
        for day in self.events.take(events, timeline, closed, plan):
            if self.members.add_day(day):
                self.events.added.add(day)

    def is_due(self, tick_ns: int) -> bool:
        """Whether to look though no day closes: every 15 minutes, and each minute where days were restated."""
        restated = bool(self.members.restated or self.events.is_restated) and tick_ns >= self._last_ns + MINUTE_NS
        return restated or tick_ns >= self._whole_ns + QUARTER_HOUR_NS

    def look(
        self,
        plan: Plan,
        numbers: dict[str, int],
        days: DayBook,
        tick: tuple[int, int],
        timeline: Timeline,
        *,
        closed: bool,
    ) -> Rows:
        """Rows of metrics, episodes and key results, and pushes, at a tick (seq, ns); `closed`: one has closed."""
        self._last_ns = tick[1]
        # Days follow each other without a gap, whatever date a calendar that has just come into force would give.
        day = days.newest if closed else max(production_day(plan.calendar, tick[1]), days.closed + 1)
        specs = {spec.id: spec for spec in plan.characteristics}
        look = Look(plan, numbers, days, tick, day, closed, specs, {}, timeline)
        if closed:
            self.members.close(day, plan.restate_days)
            self.events.close(day, tick[1], plan, timeline)
        self.events.settle(plan, timeline, days.closed)
        changed = {metric.id: self._changed_days(look, metric) for metric in plan.metrics}
        self.members.restated, self.events.restated, self.events.added = {}, {}, set()
        everything = closed or tick[1] >= self._whole_ns + QUARTER_HOUR_NS
        for metric in plan.metrics:
            if everything or changed[metric.id]:
                self._look_at(look, metric, changed[metric.id])
        if everything:
            self._whole_ns = tick[1]
        return look.rows

    def _changed_days(self, look: Look, metric: MetricSpec) -> list[int]:
        if metric.of_events:  # a day off that late events make a production day is stated too
            last = look.day - 1 if look.closed else look.days.closed
            return self.events.changed_days(metric, self.members.production, last)
        last = look.day - 1 if look.closed else look.days.newest
        return self.members.changed_days(metric, look.numbers, last)

    def _look_at(self, look: Look, metric: MetricSpec, restated: list[int]) -> None:
        bound = [spec for spec in look.plan.key_results if spec.metric == metric.id]
        values = self._restate(look, metric, bound, restated)
        figure = self._figure_at(look, metric, bound, look.days.newest)
        content = _digest(figure)
        self._metric_row(look, metric, figure, content, again=bool(values))
        if look.closed:
            self._remember(look, metric, look.day, content)
        open_breach = self._breach(look, metric, figure.value, values)
        told = figure.told() if bound else {}
        for spec in bound:
            moment = self._moment(look, spec, metric, open_breach)
            if moment is not None:
                self._restate_days(look, spec, metric, values)
                self._update(look, spec, figure.value, moment, told)

    def _figure_at(self, look: Look, metric: MetricSpec, bound: list[KeyResultSpec], day: int) -> Figure:
        if metric.of_events:
            first = self.members.first_day(look.plan, metric, day, bound)
            return self.events.figure(metric, first, day, look.tick[1], look.plan, look.timeline)
        members = [
            self.members.figure(look.plan, metric, look.specs[name], look.numbers[name], look.days, day, bound)
            for name in metric.members
            if name in look.specs
        ]
        detail = orjson.dumps([member_detail(member) for member in members])
        return Figure(reduce_metric(metric, members), detail, lambda: sources_of(members))

    def _restate(
        self, look: Look, metric: MetricSpec, bound: list[KeyResultSpec], restated: list[int]
    ) -> dict[int, MetricValue]:
        """The metric's values at the close of days that restated data have changed, each in a row of its own."""
        found: dict[int, MetricValue] = {}
        for day in restated:
            figure = self._figure_at(look, metric, bound, day)
            content = _digest(figure)
            if content != self._closed.get(metric.id, {}).get(day):
                found[day] = figure.value
                self._remember(look, metric, day, content)
                if day != look.days.newest or look.closed or metric.of_events:
                    self._add_metric_row(look, metric, figure, content, day)
        return found

    def _remember(self, look: Look, metric: MetricSpec, day: int, content: bytes) -> None:
        kept = self._closed.setdefault(metric.id, {})
        kept[day] = content
        for old in [one for one in kept if one < look.day - look.plan.restate_days - RESTATE_SLACK]:
            del kept[old]

    def _metric_row(self, look: Look, metric: MetricSpec, figure: Figure, content: bytes, again: bool) -> None:
        """State the newest value: at every day close, when it changed, and behind restated ones."""
        if look.closed or again or content != self._metrics.get(metric.id, (0, b""))[1]:
            self._add_metric_row(look, metric, figure, content, look.day)

    def _add_metric_row(self, look: Look, metric: MetricSpec, figure: Figure, content: bytes, day: int) -> None:
        value = figure.value
        revision = self._metrics.get(metric.id, (0, b""))[0] + 1
        self._metrics[metric.id] = (revision, content)
        row = (look.tick[0], metric.id, look.tick[1], day, number(value.value), number(value.lower), value.n)
        look.add("metric", (*row, value.members, value.counted, int(value.complete), revision, figure.detail.decode()))

    def _breach(self, look: Look, metric: MetricSpec, value: MetricValue, restated: dict[int, MetricValue]) -> bool:
        """Hold the metric's days against its floor, tell of episodes that changed, and whether one is open."""
        memory = self._episodes.get(metric.id)
        if metric.floor != metric.floor:
            return self._end(look, metric, "floor removed") if memory is not None else False
        memory = memory or EpisodeMemory()
        stated: dict[int, MetricDay | None] = {day: metric_day(metric, day, one) for day, one in restated.items()}
        if look.closed:
            stated[look.day] = metric_day(metric, look.day, value)
        if stated:
            reach = look.plan.restate_days + RESTATE_SLACK
            closes = look.day if look.closed else None
            memory, changed = take_days(
                METRIC_BREACH, metric.id, memory, breach_of(metric), stated, closes=closes, reach=reach
            )
            self._tell(look, metric, changed)
        self._episodes[metric.id] = memory
        return memory.is_open

    def _end(self, look: Look, metric: MetricSpec, reason: str) -> bool:
        """Withdraw what is open of a metric that has no floor any more."""
        memory, changed = withdraw(self._episodes[metric.id], look.days.closed, reason)
        self._tell(look, metric, changed)
        self._episodes[metric.id] = memory
        return False

    def _tell(self, look: Look, metric: MetricSpec, episodes: tuple[Any, ...]) -> None:
        for episode in episodes:
            look.add("episode", metric_episode_row(*look.tick, episode))
            look.add("outbox", metric_alert_row(*look.tick, episode, metric, look.plan))

    def withdraw(self, plan: Plan, metric: MetricSpec, days: DayBook, tick: tuple[int, int]) -> Rows:
        """Close the open things of a metric that the plan no longer has; `metric` is its last spec, `plan` its last."""
        look = Look(plan, {}, days, tick, days.newest, False, {}, {})
        if metric.id in self._episodes:
            self._end(look, metric, "metric removed")
        self._closed.pop(metric.id, None)
        return look.rows

    def _moment(self, look: Look, spec: KeyResultSpec, metric: MetricSpec, open_breach: bool) -> KeyResultMoment | None:
        """What the calendar and the members say; None before the period begins."""
        objective = _objective(look.plan, spec)
        if look.day < objective.first_day:
            return None
        calendar, days = look.plan.calendar, look.days
        known = [] if metric.of_events else [look.numbers[one] for one in metric.members if one in look.numbers]
        usable = max((days.last_usable.get(who, 0) for who in known), default=0)
        silent = False  # whether days without anything are good news, not days that say nothing
        if metric.of_events:
            usable = self.events.last_usable(metric, days.closed)
            silent = usable > 0 and EVENT_METRICS[metric.kind].folds == "complaints"
        since = days.closed if silent else max(usable, objective.first_day - 1)
        last = min(days.closed, objective.last_day)
        over = _is_over(look, objective)
        return KeyResultMoment(
            day=look.day if over else min(look.day, objective.last_day),
            day_closed=look.closed,
            passed_days=working_days_between(calendar, objective.first_day, last),
            total_days=working_days_between(calendar, objective.first_day, objective.last_day),
            usable_day_age=working_days_between(calendar, since + 1, days.closed),
            open_breach=open_breach or any(days.open_breach(who) for who in known),
            period_over=over,
            day_usable=look.closed and usable == look.day,
        )

    def _restate_days(
        self, look: Look, spec: KeyResultSpec, metric: MetricSpec, values: dict[int, MetricValue]
    ) -> None:
        """Take restated days of its period into a key result's state; it is over once its last day has closed."""
        if not values or spec.id not in self._key_results:
            return
        objective = _objective(look.plan, spec)
        revision, content, text, told = self._key_results[spec.id]
        state = KeyResultState.from_json(text)
        members = [look.specs[name] for name in metric.members if name in look.specs]
        for day, value in values.items():
            if objective.first_day <= day <= objective.last_day:
                usable = self.members.usable(members, look.numbers, day)
                if metric.of_events:
                    usable = self.events.is_usable(metric, day)
                over = _is_over(look, objective)
                state = restate_day(spec, state, value, day=day, usable=usable, period_over=over)
        self._key_results[spec.id] = (revision, content, state.to_json(), told)

    def _update(
        self, look: Look, spec: KeyResultSpec, value: MetricValue, moment: KeyResultMoment, told: dict[str, Any]
    ) -> None:
        """Advance one key result and state it: at every day close, and between when something changed."""
        revision, before, text, known = self._key_results.get(spec.id, (0, b"", b"", {}))
        state = KeyResultState.from_json(text) if text else KeyResultState()
        state, update = key_result_step(spec, state, value, moment)
        history = {"metric": spec.metric, "metric_revision": self._metrics[spec.metric][0]}
        now = known if moment.period_over and known else {**told, "history": history}
        kept = now if value.complete or not known else known  # what stands when the period is over
        content = sha256(orjson.dumps([replace(update, expected=0.0, lower=0.0, n=0), now | {"history": 0}])).digest()
        if content == before and (moment.period_over or not moment.day_closed):
            self._key_results[spec.id] = (revision, before, state.to_json(), kept)
            return
        revision += 1
        self._key_results[spec.id] = (revision, content, state.to_json(), kept)
        after_end = None
        if update.restated_after_end:
            after_end = {"value": number(update.restated_value), "progress": number(update.restated_progress)}
        look.add(
            "key_result",
            (look.tick[0], spec.id, spec.objective, look.tick[1], moment.day, revision)
            + (number(update.value), number(update.lower), update.n, number(update.progress), update.expected)
            + (update.status, update.reason, update.members, update.counted)
            + (orjson.dumps(now["history"]).decode(), number(update.restated_value), number(update.restated_progress)),
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
            "restated_after_end": after_end,
            **now,
            "history": {"cause_seq": look.tick[0], **now["history"]},
        }
        look.add("outbox", update_row(look.tick[0], spec.id, look.tick[1], body))

    def to_plain(self) -> dict[str, Any]:
        """The book as plain values, for the state's bytes."""
        return {
            "members": self.members.to_plain(),
            "events": self.events.to_plain(),
            "looked": (self._last_ns, self._whole_ns),
            "metrics": self._metrics,
            "closed": self._closed,
            "episodes": {name: memory.to_plain() for name, memory in self._episodes.items()},
            "key_results": self._key_results,
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "GoalBook":
        """The book that `to_plain` wrote."""
        book = cls()
        book.members = Members.from_plain(plain["members"])
        book.events = EventBook.from_plain(plain["events"])
        book._last_ns, book._whole_ns = plain["looked"]
        book._metrics, book._closed, book._key_results = plain["metrics"], plain["closed"], plain["key_results"]
        book._episodes = {name: EpisodeMemory.from_plain(one, MetricDay) for name, one in plain["episodes"].items()}
        return book


def _objective(plan: Plan, spec: KeyResultSpec) -> ObjectiveSpec:
    return next(one for one in plan.objectives if one.id == spec.objective)


def _is_over(look: Look, objective: ObjectiveSpec) -> bool:
    """Whether the period's last day has closed, and not just now: until then, grace included, nothing is frozen."""
    return look.day > objective.last_day if look.closed else look.days.closed >= objective.last_day


def _digest(figure: Figure) -> bytes:
    return sha256(orjson.dumps(figure.value) + figure.detail).digest()
