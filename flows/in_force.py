"""What of a plan is not yet in force: a changed calendar, floor, metric or machine waits for the next production day.

The days in hand go on with the calendar, the breach rule (floor, days, recovery), the definitions of metrics, the
machines and the limits of complaints that they began with. New characteristics, metrics and key results are there at
once, and so is what leaves the plan.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from config.plan import Plan
from flows.frames import Lead
from rules.complaints import USUAL_LIMITS, AnswerLimit, ComplaintSpec
from rules.machine_spec import BreakSpec, MachineSpec
from rules.spec import BreachSpec, CalendarSpec, MetricSpec
from rules.timeline import Piece, passed_over


@dataclass(frozen=True, slots=True)
class Held:
    """What the production days before `until_day` go by instead of the plan."""

    until_day: int
    calendar: CalendarSpec
    breaches: dict[str, BreachSpec]  # by characteristic, where it differs
    metrics: dict[str, MetricSpec]  # by id, where it differs
    machines: tuple[MachineSpec, ...] = ()
    complaints: ComplaintSpec = USUAL_LIMITS


def plan_of_day(plan: Plan, held: Sequence[Held], day: int) -> Plan:
    """The plan as it is in force for production day `day`."""
    before = next((one for one in held if day < one.until_day), None)
    if before is None:
        return plan
    specs = (
        replace(spec, breach=before.breaches[spec.id]) if spec.id in before.breaches else spec
        for spec in plan.characteristics
    )
    metrics = tuple(before.metrics.get(metric.id, metric) for metric in plan.metrics)
    return replace(
        plan,
        calendar=before.calendar,
        characteristics=tuple(specs),
        metrics=metrics,
        machines=before.machines,
        complaints=before.complaints,
    )


def hold_back(held: Sequence[Held], before: Plan, plan: Plan, lead: Lead) -> tuple[Held, ...]:
    """What is held when `plan` follows `before` (the plan as it was adopted), each by the day until which; in order."""
    if not lead.from_day:
        return ()
    still = []
    for until_day in sorted({one.until_day for one in held if one.until_day < lead.from_day} | {lead.from_day}):
        was = plan_of_day(before, held, until_day - 1)
        known = {spec.id: spec.breach for spec in was.characteristics}
        breaches = {s.id: known[s.id] for s in plan.characteristics if known.get(s.id, s.breach) != s.breach}
        metrics = {metric.id: metric for metric in was.metrics}
        others = {m.id: metrics[m.id] for m in plan.metrics if metrics.get(m.id, m) != m}
        own, given = ((one.calendar, one.machines, one.complaints) for one in (was, plan))
        if breaches or others or own != given:
            still.append(Held(until_day, was.calendar, breaches, others, was.machines, was.complaints))
    return tuple(still)


def without_skipped(plan: Plan, before: CalendarSpec, lead: Lead) -> Plan:
    """The plan; dates that its other calendar passes over are days off."""
    if not lead.from_day or plan.calendar == before:
        return plan
    gone = frozenset(passed_over(Piece(plan.calendar, lead.from_day, lead.from_ns)))
    if not gone:
        return plan
    calendar = plan.calendar
    off = replace(calendar, holidays=calendar.holidays | gone, extra_working_days=calendar.extra_working_days - gone)
    return replace(plan, calendar=off)


def to_plain(held: Sequence[Held]) -> list[dict[str, Any]]:
    """What is held as plain values."""
    return [asdict(one) for one in held]


def from_plain(plain: Sequence[dict[str, Any]]) -> tuple[Held, ...]:
    """What `to_plain` gave."""
    return tuple(
        Held(
            one["until_day"],
            CalendarSpec(**one["calendar"]),
            {name: BreachSpec(**spec) for name, spec in one["breaches"].items()},
            {name: MetricSpec(**spec) for name, spec in one["metrics"].items()},
            tuple(MachineSpec(**spec | {"breaks": _breaks(spec["breaks"])}) for spec in one["machines"]),
            ComplaintSpec(tuple(AnswerLimit(**limit) for limit in one["complaints"]["answer_within"])),
        )
        for one in plain
    )


def _breaks(plain: Sequence[dict[str, int]]) -> tuple[BreakSpec, ...]:
    return tuple(BreakSpec(**one) for one in plain)
