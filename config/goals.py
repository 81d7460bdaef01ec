"""Objectives and key results, as the plant file gives them."""

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import date
from math import nan
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from config.errors import Problem
from config.metric import MetricOptions
from config.options import Identifier, Number, Options, Text, identifier, or_empty
from rules.spec import KeyResultSpec, ObjectiveSpec

LEVELS = ("company", "department", "post")
KEY_RESULTS_PER_OBJECTIVE = 5

_QUARTER = re.compile(r"(\d{4})-Q([1-4])")
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_YEAR = re.compile(r"(\d{4})")


class ObjectiveOptions(Options):
    """An objective of a company, a department or a post, for a period."""

    title: Annotated[Text, Field(min_length=1)]
    """What is to be reached, in a sentence."""
    level: Literal["company", "department", "post"]
    """Whose objective it is; a parent is of a higher level."""
    owner: Text = ""
    """Who is answerable for it."""
    parent: Annotated[str, AfterValidator(or_empty(identifier))] = ""
    """The objective that it serves; empty: none."""
    period: str
    """The days for which it holds: a quarter, month, year, or first and last day."""

    @field_validator("period")
    @classmethod
    def _is_a_period(cls, period: str) -> str:
        period_days(period)
        return period

    def spec(self, name: str) -> ObjectiveSpec:
        """The objective as the core knows it: its period also as first and last day."""
        first, last = period_days(self.period)
        return ObjectiveSpec(
            id=name,
            title=self.title,
            level=self.level,
            owner=self.owner,
            parent=self.parent,
            period=self.period,
            first_day=first.toordinal(),
            last_day=last.toordinal(),
        )


class KeyResultOptions(Options):
    """A key result: `reach` a target from a start, `maintain` one on a share of the days, or a `milestone` by hand."""

    objective: Identifier
    """The objective that it belongs to, which has at most five."""
    title: Annotated[Text, Field(min_length=1)]
    """What is to be reached, in a sentence."""
    metric: Annotated[str, AfterValidator(or_empty(identifier))] = ""
    """The metric that moves it; a milestone has none."""
    kind: Literal["reach", "maintain", "milestone"] = "reach"
    """`reach` a target from a start, `maintain` one on a share of the days, or a `milestone` moved by people."""
    start: Number | None = None
    """The value from which the target is to be reached; only of `reach`."""
    target: Number | None = None
    """The value to be reached or kept."""
    direction: Literal["at-least", "at-most"] = "at-least"
    """On which side of the target it is met."""
    required_share: Annotated[Number, Field(gt=0, le=1)] = 0.95
    """The share of sufficient days on which a key result to maintain has to be at its target."""

    def problems(self, path: str, metric: MetricOptions | None) -> Iterator[Problem]:
        """What is missing or useless; a start already at the target; a share that is none."""
        if self.kind == "milestone":
            yield from self._milestone_problems(path)
            return
        for name, value in (("metric", self.metric or None), ("target", self.target)):
            if value is None:
                yield Problem(f"{path}.{name}", 'is required, but for kind = "milestone"')
        if self.target is None:
            return
        if self.kind == "maintain" and self.start is not None:
            yield Problem(f"{path}.start", f"a key result to maintain has no start (got {self.start:g})")
        if self.kind == "reach" and self.start is None:
            yield Problem(f"{path}.start", "is required: the value from which the target is to be reached")
        if self.kind == "reach" and self.start is not None and self._reached(self.start):
            words = "below" if self.direction == "at-least" else "above"
            expected = f'expected {words} the target of {self.target:g}; to hold what is reached use kind = "maintain"'
            yield Problem(f"{path}.start", f"{expected} (got {self.start:g})")
        if metric is None:
            return
        if metric.is_share and not 0 <= self.target <= 1:
            yield Problem(f"{path}.target", f"expected a share from 0 to 1, as its metric is one (got {self.target:g})")
        wanted = {"higher": "at-least", "lower": "at-most"}.get(metric.better, self.direction)
        if self.direction != wanted:
            expected = f'expected "{wanted}", as of {metric.kind} the {metric.better} is the better'
            yield Problem(f"{path}.direction", f"{expected} (got {self.direction!r})")

    def _milestone_problems(self, path: str) -> Iterator[Problem]:
        """People move it: there is nothing to measure."""
        given = (("metric", self.metric or None), ("start", self.start), ("target", self.target))
        for name, value in given:
            if value is not None:
                yield Problem(f"{path}.{name}", f"a milestone is moved by hand and has no {name} (got {value!r})")

    def _reached(self, value: float) -> bool:
        target = nan if self.target is None else self.target
        return value >= target if self.direction == "at-least" else value <= target

    def spec(self, name: str) -> KeyResultSpec:
        """The key result as the core knows it."""
        return KeyResultSpec(
            id=name,
            objective=self.objective,
            title=self.title,
            metric=self.metric,
            kind=self.kind,
            target=nan if self.target is None else self.target,
            start=nan if self.start is None else self.start,
            direction=self.direction,
            required_share=self.required_share,
        )


def period_days(period: str) -> tuple[date, date]:
    """First and last day of `2026`, `2026-Q4`, `2026-11` or `2026-10-01..2026-12-31`; else `ValueError`."""
    try:
        if found := _QUARTER.fullmatch(period):
            year, month, months = int(found[1]), 3 * int(found[2]) - 2, 3
        elif found := _MONTH.fullmatch(period):
            year, month, months = int(found[1]), int(found[2]), 1
        elif found := _YEAR.fullmatch(period):
            year, month, months = int(found[1]), 1, 12
        else:
            first, last = (date.fromisoformat(day) for day in period.split(".."))
            if last < first:
                raise ValueError
            return first, last
        end = month + months - 1
        return date(year, month, 1), date(year, end, monthrange(year, end)[1])
    except ValueError:
        raise ValueError("expected a period such as 2026-Q4, 2026, 2026-11 or 2026-10-01..2026-12-31") from None
