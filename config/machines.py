"""`[machines]` and `[complaints]`: what is planned of a machine, what is its failure; when a complaint is late."""

from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase
from math import nan
from typing import Annotated

from pydantic import AfterValidator, Field

from config.errors import Problem
from config.options import Number, Options, Text, TimeOfDay, Whole, minutes_of
from config.plan import Plan
from config.problems import got, suggestion
from rules.complaints import DEFAULT, USUAL_LIMITS, AnswerLimit, ComplaintSpec
from rules.machine_spec import BreakSpec, MachineSpec

YEAR_HOURS = 8_760


class BreakOptions(Options):
    """A planned break of every day."""

    starts_at: TimeOfDay
    """The local time at which the break begins."""
    minutes: Annotated[Whole, Field(ge=1, le=720)]
    """How long it lasts."""


class MachineOptions(Options):
    """A machine, by the place of its states and counts. A place without a table has the defaults."""

    ideal_cycle_seconds: Annotated[Number, Field(gt=0, le=1e6)] | None = None
    """The planned time a unit; without it performance and OEE have no value."""
    shifts: tuple[Text, ...] = ()
    """In which of the plant's shifts it is to produce, on working days; none: all of the production day."""
    breaks: tuple[BreakOptions, ...] = ()
    """The planned breaks of every day."""
    planned_stops: tuple[Text, ...] = ()
    """Reasons of stops that are planned: no planned production time, and no failure."""
    not_failures: tuple[Text, ...] = ()
    """Reasons of stops that are lost time and not the machine's failure."""
    state_valid_hours: Annotated[Number, Field(gt=0, le=YEAR_HOURS)] = 24.0
    """How long after its last message a state is believed; then it is unknown."""

    def problems(self, path: str, shifts: Collection[str]) -> Iterator[Problem]:
        """Shifts that the plant does not have, and a reason that is said to be both."""
        for place, name in enumerate(self.shifts):
            if name not in shifts:
                known = suggestion(name, shifts) if shifts else ": [plant] shifts has none"
                yield Problem(f"{path}.shifts[{place}]", f"unknown shift{got(name)}{known}")
        for place, reason in enumerate(self.not_failures):
            if reason in self.planned_stops:
                said = f"is a planned stop already, which is never a failure{got(reason)}"
                yield Problem(f"{path}.not_failures[{place}]", said)

    def spec(self, name: str) -> MachineSpec:
        """The machine as the core knows it."""
        return MachineSpec(
            id=name,
            ideal_cycle_seconds=nan if self.ideal_cycle_seconds is None else self.ideal_cycle_seconds,
            shifts=self.shifts,
            breaks=tuple(BreakSpec(minutes_of(one.starts_at), one.minutes) for one in self.breaks),
            planned_stops=self.planned_stops,
            not_failures=self.not_failures,
            state_valid_hours=self.state_valid_hours,
        )


def machine_warnings(plan: Plan) -> Iterator[str]:
    """Metrics that can have no value, for want of an ideal cycle."""
    paced = {machine.id for machine in plan.machines if machine.ideal_cycle_ns}
    for metric in plan.metrics:
        for place in metric.members if metric.kind in ("performance", "oee") else ():
            if not any(fnmatchcase(known, place) for known in paced):
                lacking = f"{metric.kind} takes ideal_cycle_seconds of the machine {place}"
                yield f"metrics.{metric.id}: {lacking}, which [machines] does not give"


def _has_default(limits: dict[str, float]) -> dict[str, float]:
    if DEFAULT not in limits:
        raise ValueError("expected a limit for default too, such as { default = 72.0, urgent = 2.0 }")
    return limits


Hours = Annotated[Number, Field(gt=0, le=YEAR_HOURS)]
USUAL = {one.of: one.hours for one in USUAL_LIMITS.answer_within}


class ComplaintOptions(Options):
    """`[complaints]`: within how many hours one is to be answered, by customer class, `default` and `urgent`."""

    answer_within_hours: Annotated[dict[Text, Hours], AfterValidator(_has_default)] = USUAL
    """The hours in which a complaint is to be answered: by customer class, `default`, and `urgent`."""

    def spec(self) -> ComplaintSpec:
        """The limits as the core knows them, sorted."""
        return ComplaintSpec(tuple(AnswerLimit(of, hours) for of, hours in sorted(self.answer_within_hours.items())))
