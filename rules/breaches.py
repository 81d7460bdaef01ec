"""Breaches: runs of bad production days, and the one episode that each run opens (design, section 8).

One call of `breach_step` per characteristic, rule and closed day. A day is *bad*, *good*, *between* (it counts and
is neither) or *uncounted*; an episode opens at the `breach_days`-th bad day in a row, gathers every further bad day,
and has recovered after `recovery_days` good days in a row.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from math import inf, isnan
from typing import Literal, get_args

from rules.day_figures import DayFigure, Pooled, pooled_overall, pooled_within
from rules.exact_json import decode, encode
from rules.spec import BreachSpec, Index
from rules.verdicts import COUNTS_FOR_BREACH_MASK, DRIFTING, RESOLUTION

__all__ = [
    "BREACH_RULES",
    "BreachState",
    "DayFigure",
    "Episode",
    "breach_step",
    "counts",
    "day_index",
    "pooled_index",
    "rule_index",
    "withdraw",
]

BreachRule = Literal["cpk-below-floor", "drifting"]
BREACH_RULES: tuple[BreachRule, ...] = get_args(BreachRule)


@dataclass(frozen=True, slots=True)
class Episode:
    """One fault as the data tell it: the bad days, their pooled index, and whether it is over.

    `first_day`, `last_day` and `days` are the bad days (date ordinals). `cpk` is the pooled index of those days and
    `cpk_upper` its one-sided 95 % upper bound: `confirmed` when that is below `floor`. `opened_day` is the day whose
    close opened it. `reason` says why it was withdrawn and is empty otherwise. The id never changes.
    """

    id: str
    characteristic: str
    rule: BreachRule
    state: Literal["open", "recovered", "withdrawn"]
    first_day: int
    last_day: int
    days: tuple[int, ...]
    floor: float
    cpk: float
    cpk_upper: float
    confidence: Literal["confirmed", "indicated"]
    opened_day: int
    recovered_day: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class BreachState:
    """What one characteristic and rule remember from day to day.

    `run`: the bad days in a row while no episode is open. `good`: the good days in a row while one is. `gap`: the
    days since that count for neither. `episode`: the newest one, open or over, and `figures`, its bad days.
    """

    run: tuple[DayFigure, ...] = ()
    good: int = 0
    gap: int = 0
    episode: Episode | None = None
    figures: tuple[DayFigure, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether an episode is open."""
        return self.episode is not None and self.episode.state == "open"

    def to_json(self) -> bytes:
        """Canonical JSON; `from_json` is its exact inverse."""
        return encode(self)

    @classmethod
    def from_json(cls, text: bytes) -> "BreachState":
        """The state that `to_json` wrote."""
        record = json.loads(text)
        return cls(
            run=tuple(decode(DayFigure, figure) for figure in record["run"]),
            good=record["good"],
            gap=record["gap"],
            episode=None if record["episode"] is None else decode(Episode, record["episode"]),
            figures=tuple(decode(DayFigure, figure) for figure in record["figures"]),
        )


def breach_step(
    spec: BreachSpec, characteristic: str, rule: BreachRule, state: BreachState, figure: DayFigure | None, day: int
) -> tuple[BreachState, Episode | None]:
    """The state after the close of `day`, and the episode if this day opened, lengthened or ended it.

    `figure` is None on a working day without data; days without work and without data are not passed at all. Days
    come in increasing order. A day that does not count changes no run for `max_gap_days` such days in succession
    and breaks it at the next (`on_gap = "skip"`), or breaks it at once (`"reset"`); that holds for the run of bad
    days and for the good days of a recovery alike. A gap never ends an open episode.

    >>> state = BreachState()
    >>> for day, cpk in enumerate((1.1, 1.15, 1.05), 739_938):  # 2026-11-18 …
    ...     bad = DayFigure(day, 30, 6, 10.0, 0.012, 21.6, 0.012, cpk, cpk, 9.96, 10.04, verdicts=1 << 9)
    ...     state, episode = breach_step(BreachSpec(), "bore", "cpk-below-floor", state, bad, day)
    >>> (episode.state, episode.days) if episode else None
    ('open', (739938, 739939, 739940))
    """
    match _judge(spec, rule, figure):
        case "uncounted":
            return _pass_over(spec, state), None
        case "bad" if figure is not None:
            return _bad_day(spec, characteristic, rule, state, figure, day)
        case "good" if state.is_open:
            return _good_day(spec, state, day)
        case _:
            return replace(state, run=(), good=0, gap=0), None


def withdraw(
    state: BreachState, day: int, reason: str = "characteristic removed"
) -> tuple[BreachState, Episode | None]:
    """The state of a characteristic that the plan no longer has, and its open episode as withdrawn on `day`."""
    if state.episode is None or not state.is_open:
        return replace(state, run=(), good=0, gap=0), None
    episode = replace(state.episode, state="withdrawn", reason=f"{reason} on {date.fromordinal(day).isoformat()}")
    return BreachState(episode=episode, figures=state.figures), episode


def counts(figure: DayFigure | None, index: Index = "cpk") -> bool:
    """Whether a closed day counts towards breach and recovery.

    It does with none of the verdicts no-spec, insufficient, gauge and resolution, and with an index. A day on which
    nothing varied and a part was out of specification (index -inf) counts although its verdict is `resolution`.
    """
    if figure is None:
        return False
    value = day_index(figure, index)
    hindering = figure.verdicts & COUNTS_FOR_BREACH_MASK
    if value == -inf:
        hindering &= ~RESOLUTION
    return not hindering and not isnan(value)


def day_index(figure: DayFigure, index: Index) -> float:
    """The day's figure that is held against the floor: Cpk, Ppk, or the worse of both (nan if either is undefined).

    Nothing varying with a part out of specification (`cpk` -inf) is -inf in each of them, unless Ppk is defined.
    """
    ppk = -inf if isnan(figure.ppk) and figure.cpk == -inf else figure.ppk
    match index:
        case "cpk":
            return figure.cpk
        case "ppk":
            return ppk
        case "min":
            return figure.cpk if isnan(figure.cpk) or figure.cpk <= ppk else ppk


def pooled_index(figures: tuple[DayFigure, ...], index: Index) -> Pooled:
    """The index over several days together, under the newest day's specification; for "min" the worse one.

    Days on a trailing basis share readings with their neighbours; they are pooled as they are, so their bounds
    are a little too close.
    """
    within, overall = pooled_within(figures), pooled_overall(figures)
    if index == "min":
        return overall if isnan(within.value) or overall.value < within.value else within
    return within if index == "cpk" else overall


Judgement = Literal["bad", "good", "between", "uncounted"]


def _below_floor(spec: BreachSpec, figure: DayFigure) -> bool:
    return day_index(figure, spec.index) < spec.floor


def _is_drifting(spec: BreachSpec, figure: DayFigure) -> bool:
    return bool(figure.verdicts & DRIFTING)


# What makes a counting day bad under each rule. `drifting` looks at Ppk, whatever the floor is held against.
_BAD: dict[BreachRule, Callable[[BreachSpec, DayFigure], bool]] = {
    "cpk-below-floor": _below_floor,
    "drifting": _is_drifting,
}


def rule_index(spec: BreachSpec, rule: BreachRule) -> Index:
    """The index that a rule looks at: `drifting` is about Ppk, whatever the floor is held against."""
    return "ppk" if rule == "drifting" else spec.index


def _judge(spec: BreachSpec, rule: BreachRule, figure: DayFigure | None) -> Judgement:
    index = rule_index(spec, rule)
    if figure is None or not counts(figure, index):
        return "uncounted"
    if _BAD[rule](spec, figure):
        return "bad"
    return "good" if day_index(figure, index) >= spec.recovery_cpk else "between"


def _pass_over(spec: BreachSpec, state: BreachState) -> BreachState:
    if not state.run and not state.good:
        return state
    if spec.on_gap == "reset" or state.gap >= spec.max_gap_days:
        return replace(state, run=(), good=0, gap=0)
    return replace(state, gap=state.gap + 1)


def _bad_day(
    spec: BreachSpec, characteristic: str, rule: BreachRule, state: BreachState, figure: DayFigure, day: int
) -> tuple[BreachState, Episode | None]:
    if state.episode is not None and state.is_open:
        figures = (*state.figures, figure)
        known = (state.episode.id, state.episode.opened_day)
    else:
        figures = (*state.run, figure)
        if len(figures) < spec.breach_days:
            return replace(state, run=figures, gap=0), None
        known = (_episode_id(characteristic, rule, figures[0].day), day)
    episode = _open_episode(spec, characteristic, rule, figures, known)
    return BreachState(episode=episode, figures=figures), episode


def _good_day(spec: BreachSpec, state: BreachState, day: int) -> tuple[BreachState, Episode | None]:
    if state.good + 1 < spec.recovery_days or state.episode is None:
        return replace(state, good=state.good + 1, gap=0), None
    episode = replace(state.episode, state="recovered", recovered_day=day)
    return BreachState(episode=episode, figures=state.figures), episode


def _open_episode(
    spec: BreachSpec,
    characteristic: str,
    rule: BreachRule,
    figures: tuple[DayFigure, ...],
    known: tuple[str, int],
) -> Episode:
    pooled = pooled_index(figures, rule_index(spec, rule))
    return Episode(
        id=known[0],
        characteristic=characteristic,
        rule=rule,
        state="open",
        first_day=figures[0].day,
        last_day=figures[-1].day,
        days=tuple(figure.day for figure in figures),
        floor=spec.floor,
        cpk=pooled.value,
        cpk_upper=pooled.upper,
        confidence="confirmed" if pooled.upper < spec.floor else "indicated",
        opened_day=known[1],
        recovered_day=None,
        reason="",
    )


def _episode_id(characteristic: str, rule: BreachRule, first_day: int) -> str:
    """The first bad day and 16 hex digits of SHA-256 over (characteristic, rule, that day)."""
    day = date.fromordinal(first_day).isoformat()
    return f"{day}-{sha256(json.dumps([characteristic, rule, day]).encode()).hexdigest()[:16]}"
