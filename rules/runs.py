"""Runs of bad days, and the faults that they are: what the days say, without any memory of what they said before.

A day is *bad*, *good*, *between* (it counts and is neither) or *uncounted*. `breach_days` bad days in a row open a
fault; it takes in every further bad day and is over after `recovery_days` good days in a row. A further breach within
`relapse_days` production days of that is the same fault again (design, section 8).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from rules.spec import BreachSpec

Judgement = Literal["bad", "good", "between", "uncounted"]
JUDGEMENTS: tuple[Judgement, ...] = get_args(Judgement)
JudgedDay = tuple[int, Judgement]  # a date ordinal, and what the day was


@dataclass(frozen=True, slots=True)
class Fault:
    """`days`: its bad days (date ordinals, increasing); `recovered_day`: the day that ended it, None while open."""

    days: tuple[int, ...]
    recovered_day: int | None = None


@dataclass(frozen=True, slots=True)
class RunState:
    """What is to be remembered from day to day.

    `run`: the bad days in a row while no fault is open. `good`: the good days in a row while one is. `gap`: the days
    in succession since that do not count. `fault`: the newest, open or over for `since` ≤ `relapse_days` days.
    """

    run: tuple[int, ...] = ()
    good: int = 0
    gap: int = 0
    fault: Fault | None = None
    since: int = 0

    @property
    def is_open(self) -> bool:
        """Whether a fault is open."""
        return self.fault is not None and self.fault.recovered_day is None


def run_step(spec: BreachSpec, state: RunState, day: int, judgement: Judgement) -> RunState:
    """The state after `day`; days come in increasing order, and only production days come at all.

    A day that does not count changes no run for `max_gap_days` such days in succession and breaks it at the next
    (`on_gap = "skip"`), or breaks it at once (`"reset"`); that holds for the run of bad days and for the good days
    of a recovery alike. A gap never ends an open fault. Every production day, counted or not, is one of the
    `relapse_days`; a breach comes on the day that completes it.

    >>> state = RunState()
    >>> for day, judgement in enumerate(("bad", "bad", "bad", "good", "good", "good"), 1):
    ...     state = run_step(BreachSpec(), state, day, judgement)
    >>> state.fault
    Fault(days=(1, 2, 3), recovered_day=6)
    """
    if state.fault is not None and state.fault.recovered_day is not None:
        over = state.since >= spec.relapse_days
        state = replace(state, fault=None if over else state.fault, since=0 if over else state.since + 1)
    match judgement:
        case "uncounted":
            return _pass_over(spec, state)
        case "bad":
            return _bad_day(spec, state, day)
        case "good" if state.is_open:
            return _good_day(spec, state, day)
        case _:
            return replace(state, run=(), good=0, gap=0)


def _pass_over(spec: BreachSpec, state: RunState) -> RunState:
    if not state.run and not state.good:
        return state
    if spec.on_gap == "reset" or state.gap >= spec.max_gap_days:
        return replace(state, run=(), good=0, gap=0)
    return replace(state, gap=state.gap + 1)


def _bad_day(spec: BreachSpec, state: RunState, day: int) -> RunState:
    if state.fault is not None and state.is_open:
        return RunState(fault=Fault((*state.fault.days, day)))
    run = (*state.run, day)
    if len(run) < spec.breach_days:
        return replace(state, run=run, gap=0)
    return RunState(fault=Fault((*state.fault.days, *run) if state.fault is not None else run))


def _good_day(spec: BreachSpec, state: RunState, day: int) -> RunState:
    if state.good + 1 < spec.recovery_days or state.fault is None:
        return replace(state, good=state.good + 1, gap=0)
    return RunState(fault=replace(state.fault, recovered_day=day))


def fold(
    spec_on: Callable[[int], BreachSpec], state: RunState, days: Iterable[JudgedDay]
) -> tuple[RunState, list[Fault]]:
    """The state after `days`, and the faults that ended on the way for good; `state.fault` is not among them.

    `spec_on` gives the rules that a day goes by.
    """
    ended: list[Fault] = []
    for day, judgement in days:
        after = run_step(spec_on(day), state, day, judgement)
        if state.fault is not None and (after.fault is None or after.fault.days[0] != state.fault.days[0]):
            ended.append(state.fault)
        state = after
    return state, ended
