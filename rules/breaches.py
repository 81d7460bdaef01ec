"""Breaches: what makes a characteristic's closed day bad under each rule, and the figure that its episode carries.

How bad days become a fault is told by `rules.runs`, and which episode a fault is by `rules.episodes` (design,
section 8).
"""

from math import inf, isnan
from typing import Literal, get_args

from rules.day_figures import DayFigure, Pooled, pooled_overall, pooled_within
from rules.episodes import EpisodeRule
from rules.runs import Judgement
from rules.spec import BreachSpec, Index
from rules.verdicts import COUNTS_FOR_BREACH_MASK, DRIFTING, RESOLUTION

BreachRule = Literal["cpk-below-floor", "drifting"]


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


def rule_index(spec: BreachSpec, rule: str) -> Index:
    """The index that a rule looks at: `drifting` is about Ppk, whatever the floor is held against."""
    return "ppk" if rule == "drifting" else spec.index


def _below_floor(spec: BreachSpec, figure: DayFigure | None) -> Judgement:
    if figure is None or not counts(figure, spec.index):
        return "uncounted"
    value = day_index(figure, spec.index)
    return "bad" if value < spec.floor else "good" if value >= spec.recovery_cpk else "between"


def _drifting(spec: BreachSpec, figure: DayFigure | None) -> Judgement:
    if figure is None or not counts(figure, "ppk"):
        return "uncounted"
    if figure.verdicts & DRIFTING:
        return "bad"
    return "good" if day_index(figure, "ppk") >= spec.recovery_cpk else "between"


def _pool_index(spec: BreachSpec, figures: tuple[DayFigure, ...]) -> tuple[float, float]:
    pooled = pooled_index(figures, spec.index)
    return pooled.value, pooled.upper


def _pool_ppk(_: BreachSpec, figures: tuple[DayFigure, ...]) -> tuple[float, float]:
    pooled = pooled_overall(figures)
    return pooled.value, pooled.upper


BREACHES: dict[BreachRule, EpisodeRule[DayFigure]] = {
    "cpk-below-floor": EpisodeRule("cpk-below-floor", _below_floor, _pool_index),
    "drifting": EpisodeRule("drifting", _drifting, _pool_ppk),
}
BREACH_RULES: tuple[BreachRule, ...] = get_args(BreachRule)
