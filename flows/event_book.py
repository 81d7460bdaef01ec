"""The event book: what events add up to by production day, and metrics over it."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import orjson

from config.plan import Plan
from flows.case_book import CaseBook, GroupOf
from flows.day_book import RESTATE_SLACK, days_kept
from flows.event_shelf import Group, Placed, Shelf, is_named
from flows.figure import Figure
from flows.machine_book import MachineBook, machine_of
from rules.event_metrics import EVENT_METRICS
from rules.event_reduce import group_detail, group_figures, reduce_groups
from rules.event_tally import Tally, merged
from rules.events import Complaint, Count, Event, Inspection, MachineState
from rules.spec import MetricSpec
from rules.timeline import Timeline, days_of, end_of_day

QUARTER_NS = 15 * 60 * 1_000_000_000
QUARTERS = 4  # in an hour
TOGETHER = "(all)"  # the group of a kind whose places are taken together
NO_FIELD = "(none)"  # the group of what does not say the field that groups are by
MOST_DETAIL = 200  # groups that a row's detail names
SOURCES = 20  # … and an update


class EventBook:
    """Tallies by production day, and by quarter of an hour where a metric looks at a window.

    `restated`: closed days that late events have changed since metrics were last looked at, and of which places;
    `added`: those of them that were no production days before, so that others are the last twenty.
    Events of closed days come at most `restate_days` back (`flows.timely`).
    """

    def __init__(self) -> None:
        self.restated: dict[int, set[str]] = {}
        self.added: set[int] = set()
        # The newest figure of each metric over days, while none of its days changes: no part of the state.
        self._figures: dict[str, tuple[tuple[MetricSpec, int, int], Figure]] = {}
        self._days = Shelf()
        self._quarters = Shelf()
        self._parameters = Shelf()  # by characteristic: readings, and those out of specification
        self._machines = MachineBook()
        self._cases = CaseBook()
        self._stated = 0  # the last day of which machines and complaints have been stated

    def take(self, events: Sequence[Event], timeline: Timeline, closed: int, plan: Plan) -> list[int]:
        """Fold events in the order of the journal; gives the closed days that they are of. `closed` is the last one."""
        days = days_of(timeline, np.array([event.time_ns for event in events], np.int64)).tolist()
        asked, closed_ns = _fields(plan), end_of_day(timeline, closed) if closed else 0
        windowed = any(metric.over == "window" for metric in plan.metrics if metric.of_events)
        late: set[int] = set()
        for event, day in zip(events, days, strict=True):
            group = _group(event.context, asked)
            if group is None:
                continue
            if isinstance(event.body, MachineState):
                self._machines.take(event.place, event.time_ns, event.body, closed_ns)
            elif isinstance(event.body, Complaint):
                self._cases.take(event.place, event.context, event.body, plan, closed_ns)
            tally = _tally(event, plan)
            if tally is None:
                continue
            if isinstance(event.body, Count):
                self._machines.know(event.place)
            self._days.add(day, event.place, group, tally)
            if windowed:
                self._quarters.add(event.time_ns // QUARTER_NS, event.place, group, tally)
            if day <= closed:
                self.restated.setdefault(day, set()).add(event.place)
                late.add(day)
        if late:
            self._figures.clear()
        return sorted(late)

    def take_readings(self, characteristic: str, day: int, tally: Tally, closed: int) -> None:
        """Note a day's readings of a process parameter as stated, or as restated."""
        if self._parameters.put(day, characteristic, tally) and day <= closed:
            self.restated.setdefault(day, set()).add(characteristic)
            self._figures.clear()

    def has(self, day: int) -> bool:
        """Whether anything happened on a production day."""
        return any(True for _ in self._days.over([day]))

    @property
    def is_restated(self) -> bool:
        """Whether a closed day is another, or may be, than when metrics were last looked at."""
        return bool(self.restated) or self._machines.is_late or self._cases.is_late

    def settle(self, plan: Plan, timeline: Timeline, closed: int) -> None:
        """Find the closed days that late states and complaints have changed, before metrics are looked at."""
        changed = self._machines.settle(plan, timeline, closed)
        changed += self._cases.settle(plan, timeline, closed, self._oldest(closed, plan), _grouping(plan))
        if changed:
            self._figures.clear()
        for day, place in changed:
            if day >= closed - plan.restate_days:
                self.restated.setdefault(day, set()).add(place)

    def close(self, day: int, tick_ns: int, plan: Plan, timeline: Timeline) -> None:
        """A production day has closed: it is stated, and what no metric looks at any more is forgotten."""
        self._figures.clear()
        oldest = self._oldest(day, plan)
        days = range(max(self._stated + 1, oldest) if self._stated else day, day + 1)
        self._machines.close(days, plan, timeline)
        self._cases.close(days, plan, timeline, _grouping(plan))
        self._stated = day
        self._machines.forget(day, oldest, plan, timeline)
        self._cases.forget(oldest, plan, timeline)
        self._days.forget(oldest)
        self._parameters.forget(oldest)
        hours = max((one.window_hours for one in plan.metrics if one.of_events and one.over == "window"), default=0)
        self._quarters.forget(tick_ns // QUARTER_NS - QUARTERS * hours)

    def _oldest(self, day: int, plan: Plan) -> int:
        return day - days_kept(plan) - plan.restate_days - RESTATE_SLACK

    def changed_days(self, metric: MetricSpec, production: Iterable[int], last: int) -> list[int]:
        """The production days up to `last` at whose close the metric looked at a day that has been restated since."""
        days = [day for day, places in self.restated.items() if any(is_named(one, metric.members) for one in places)]
        days += sorted(self.added) if metric.over == "trailing" else []
        if not days or metric.over == "window":
            return []
        if metric.over == "day":
            return [day for day in production if day in days and day <= last]
        return [day for day in production if min(days) <= day <= last]

    def figure(self, metric: MetricSpec, first: int, day: int, tick_ns: int, plan: Plan, timeline: Timeline) -> Figure:
        """The metric over the production days `first` … `day`, or over the window that ends with the tick."""
        if metric.over == "window":
            return self._figure_of(metric, self._window(metric, tick_ns, plan, timeline))
        asked, known = (metric, first, day), self._figures.get(metric.id)
        if known is None or known[0] != asked:
            waiting = self._waiting(metric, day, timeline)
            known = self._figures[metric.id] = asked, self._figure_of(metric, self._over(metric, first, day), waiting)
        return known[1]

    def _waiting(self, metric: MetricSpec, day: int, timeline: Timeline) -> list[dict[str, Any]]:
        """Of the dwell time also what has not been answered by then."""
        if metric.kind != "dwell-time":
            return []
        waiting = self._cases.waiting(day, timeline, lambda place: is_named(place, metric.members))
        return [waiting] if waiting else []

    def _figure_of(
        self, metric: MetricSpec, tallies: Iterable[Placed], further: Sequence[dict[str, Any]] = ()
    ) -> Figure:
        groups, seen = _sorted_out(metric, tallies)
        figures = group_figures(EVENT_METRICS[metric.kind], groups)
        missing = [one for one in metric.members if not _is_glob(one) and one not in seen]
        value = reduce_groups(metric, figures, merged(groups.values()), missing)
        lacking = [{"place": one, "value": None, "n": 0, "counted": False, "reason": "missing"} for one in missing]
        detail = [*(group_detail(metric, one) for one in figures), *lacking]
        more = len(detail) - MOST_DETAIL
        shown = detail[:MOST_DETAIL] + ([{"more": more}] if more > 0 else []) + list(further)
        words = sorted({str(one[name]) for one in detail for name in ("reason", "warning") if one.get(name)})
        told = {"verdicts": words, "sources": detail[:SOURCES], "more": max(len(detail) - SOURCES, 0)}
        return Figure(value, orjson.dumps(shown), lambda: told)

    def is_usable(self, metric: MetricSpec, day: int) -> bool:
        """Whether a production day by itself gives the metric anything to rest on."""
        groups, _ = _sorted_out(metric, self._over(metric, day, day))
        return any(one.counts for one in group_figures(EVENT_METRICS[metric.kind], groups))

    def last_usable(self, metric: MetricSpec, upto: int) -> int:
        """The newest such day up to one; 0 for none."""
        days = {day for shelf in self._shelves(metric) for day in shelf.stretches() if day <= upto}
        return next((day for day in sorted(days, reverse=True) if self.is_usable(metric, day)), 0)

    def _shelves(self, metric: MetricSpec) -> list[Shelf]:
        """Where the tallies of days are that a metric may take from."""
        folds = EVENT_METRICS[metric.kind].folds
        if folds == "readings":
            return [self._parameters]
        more = {"machine": [self._machines.tallies], "complaints": [self._cases.tallies]}
        return [self._days, *more.get(folds, [])]

    def _over(self, metric: MetricSpec, first: int, last: int) -> Iterator[Placed]:
        for shelf in self._shelves(metric):
            yield from shelf.over(one for one in reversed(shelf.stretches()) if first <= one <= last)

    def _window(self, metric: MetricSpec, tick_ns: int, plan: Plan, timeline: Timeline) -> Iterable[Placed]:
        newest = tick_ns // QUARTER_NS
        oldest = newest - QUARTERS * metric.window_hours + 1
        counted, span = self._quarters.over(range(oldest, newest + 1)), (oldest * QUARTER_NS, tick_ns)
        match EVENT_METRICS[metric.kind].folds:
            case "machine":
                return chain(counted, self._machines.within(span, plan, timeline))
            case "complaints":
                return chain(counted, self._cases.within(span, plan, _grouping(plan)))
        return counted

    def to_plain(self) -> dict[str, Any]:
        """The book as plain values, for the state's bytes."""
        return {
            "restated": {day: sorted(places) for day, places in sorted(self.restated.items())},
            "added": sorted(self.added),
            "days": self._days.to_plain(),
            "quarters": self._quarters.to_plain(),
            "parameters": self._parameters.to_plain(),
            "machines": self._machines.to_plain(),
            "cases": self._cases.to_plain(),
            "stated": self._stated,
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "EventBook":
        """The book that `to_plain` wrote."""
        book = cls()
        book.restated = {day: set(places) for day, places in plain["restated"].items()}
        book.added = set(plain["added"])
        book._days = Shelf.from_plain(plain["days"])
        book._quarters = Shelf.from_plain(plain["quarters"])
        book._parameters = Shelf.from_plain(plain["parameters"])
        book._machines = MachineBook.from_plain(plain["machines"])
        book._cases = CaseBook.from_plain(plain["cases"])
        book._stated = plain["stated"]
        return book


def _tally(event: Event, plan: Plan) -> Tally | None:
    """What one event adds; None for a kind that does not add up."""
    match event.body:
        case Inspection() as body:
            return Tally(
                inspected=body.inspected,
                rejected=body.rejected,
                reworked=body.reworked,
                scrapped=body.scrapped,
                missed=body.missed,
                defects=dict(body.defects),
            )
        case Count() as body:
            cycle_ns = machine_of(plan, event.place).ideal_cycle_ns
            paced = body.total if cycle_ns else 0
            return Tally(total=body.total, good=body.good, paced=paced, ideal_ns=paced * cycle_ns)
    return None


def _fields(plan: Plan) -> frozenset[str]:
    """The context fields that metrics filter on or group by."""
    asked = {name for metric in plan.metrics for name, _ in metric.where}
    return frozenset(asked | {metric.by for metric in plan.metrics if metric.by})


def _group(context: str, asked: frozenset[str]) -> Group | None:
    """The asked fields of a context; None where it is of another purpose than production, which counts nowhere."""
    if not context:
        return ()
    fields = orjson.loads(context)
    if fields.get("purpose", "production") != "production":
        return None
    return tuple(sorted((name, str(value)) for name, value in fields.items() if name in asked))


def _grouping(plan: Plan) -> GroupOf:
    return partial(_group, asked=_fields(plan))


def _sorted_out(metric: MetricSpec, tallies: Iterable[Placed]) -> tuple[dict[str, Tally], set[str]]:
    """The tallies of a metric's groups, and the places that they are of."""
    groups: dict[str, Tally] = {}
    seen: set[str] = set()
    kind = EVENT_METRICS[metric.kind]
    named: dict[str, bool] = {}
    for place, group, tally in tallies:
        if place not in named:
            named[place] = is_named(place, metric.members)
        if not named[place] or not set(metric.where) <= set(group):
            continue
        if kind.has_data(tally):
            seen.add(place)
        key = dict(group).get(metric.by, NO_FIELD) if metric.by else TOGETHER if kind.together else place
        groups.setdefault(key, Tally()).add(tally)
    return groups, seen


def _is_glob(name: str) -> bool:
    return not set(name).isdisjoint("*?[")
