"""Key-result progress: what a metric's value means for the key result bound to it (design, section 9).

`key_result_step` is called at every day close (`day_closed`) and at most every 15 minutes between. Between day
closes a status can only worsen; only day closes count for "it must hold twice before it improves", and only they
count the days of a `maintain`.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import inf, isnan, nan
from typing import Any, Literal

from rules.exact_json import decode, encode
from rules.metrics import MetricValue
from rules.spec import KeyResultSpec

Colour = Literal["red", "yellow", "green"]
Status = Literal["insufficient", "stale", "incomplete", "starting", "red", "yellow", "green"]

COLOURS: tuple[Colour, ...] = ("red", "yellow", "green")  # from bad to good
REASONS: dict[Colour, str] = {"red": "far-behind", "yellow": "behind", "green": "on-course"}

STARTING_DAYS = 5
STARTING_SHARE = 0.05
GREEN_FROM = 0.95
YELLOW_FROM = 0.75
STALE_DAYS = 2
EDGE = 1e-12  # a ratio that is a threshold but for rounding has reached it


@dataclass(frozen=True, slots=True)
class KeyResultMoment:
    """When a key result is looked at, and what its calendar and its members say then.

    day: the production day (ordinal) that has just closed, or between day closes the running one.
    day_closed: whether this is the close of `day`.
    passed_days, total_days: production days of the period closed so far, and in all.
    usable_day_age: working days since the newest usable day: 0 when the last closed working day was one.
    open_breach: whether an episode of a member is open.
    period_over: whether the period's last day closed before this; its close itself is an ordinary step.
    day_usable: at a day close, whether `day` was a usable one of a member. A `maintain` holds the metric's value to
        the target on such days, where the metric is complete and has a value; False otherwise.
    """

    day: int
    day_closed: bool
    passed_days: int
    total_days: int
    usable_day_age: int
    open_breach: bool
    period_over: bool
    day_usable: bool


@dataclass(frozen=True, slots=True)
class KeyResultState:
    """What a key result remembers.

    `colour`: the colour shown last; `pending`: the better one that the last day close found, each "" for none.
    `status`, `reason`: as last shown within the period. `value` … `counted`: the last sufficient value (complete
    metric), of day `day` (0: none yet). `values`: the sufficient days that have closed, in order, with their values as
    they are by now; `days`: those of a `maintain` that were usable, and whether each was at target. `restated`: whether
    days of the period were restated after its end, `restated_…` what values and days would then have been.
    """

    colour: Colour | Literal[""] = ""
    pending: Colour | Literal[""] = ""
    status: Status = "insufficient"
    reason: str = "no-data"
    day: int = 0
    value: float = nan
    lower: float = nan
    n: int = 0
    members: int = 0
    counted: int = 0
    values: tuple[tuple[int, float], ...] = ()
    days: tuple[tuple[int, bool], ...] = ()
    restated: bool = False
    restated_values: tuple[tuple[int, float], ...] = ()
    restated_days: tuple[tuple[int, bool], ...] = ()

    def to_json(self) -> bytes:
        """Canonical JSON; `from_json` is its exact inverse."""
        return encode(self)

    @classmethod
    def from_json(cls, text: bytes) -> "KeyResultState":
        """The state that `to_json` wrote."""
        state = decode(cls, json.loads(text))
        return replace(
            state,
            values=_values(state.values),
            days=_pairs(state.days),
            restated_values=_values(state.restated_values),
            restated_days=_pairs(state.restated_days),
        )


@dataclass(frozen=True, slots=True)
class KeyResultUpdate:
    """What a key result says at one moment. `clamped` is `progress` within 0 … 1; undefined numbers are nan.

    `progress` is the share of the way (`reach`), or the share of days at target over the required share
    (`maintain`); `expected` is what it is compared with: the share of production days passed, or 1.
    `reason`: a word; for a colour on-course, behind, far-behind, `floor` (an open breach), or `not-held-twice`.
    `restated_after_end`: whether days of the period were restated after its end; value and progress stay frozen, and
    `restated_value` and `restated_progress` say what they would be.
    """

    value: float
    lower: float
    n: int
    progress: float
    clamped: float
    expected: float
    status: Status
    reason: str
    members: int
    counted: int
    restated_after_end: bool = False
    restated_value: float = nan
    restated_progress: float = nan


def key_result_step(
    spec: KeyResultSpec, state: KeyResultState, metric: MetricValue, moment: KeyResultMoment
) -> tuple[KeyResultState, KeyResultUpdate]:
    """The key result's state after this moment, and what it says.

    In this order: an open breach of a member is red (`floor`); without data `insufficient`; `stale` from 2 working
    days without a usable day; `insufficient` or `incomplete` as the metric is (a `maintain` looks at its days
    instead, and is `insufficient` while none was sufficient); `starting` until 5 production days and 5 % of the
    period have passed, or all of it; then the colour. Where that is not red and a member is unverified since a change,
    it is `incomplete` (`unverified`).

    - reach: progress over the share of production days passed: from 0.95 green, from 0.75 yellow, else red.
    - maintain: the share of sufficient days at target over the required one: from 1 green, from 0.75 yellow, else
      red; not compared with elapsed time.

    A colour worsens at once and improves when the better one held at two day closes running (to the lesser of the
    two). After the period the last sufficient value stands, with the status that the period's last step left.

    A value that is not complete never makes it better: its progress is at most that of the last sufficient value.
    """
    if moment.period_over:
        last = MetricValue(state.value, state.lower, state.n, state.members, state.counted, True, "")
        return state, _update(spec, state, last, replace(moment, passed_days=moment.total_days))
    state = _remember(spec, state, metric, moment)
    colourless = _without_colour(spec, state, metric, moment)
    if moment.open_breach:
        state = replace(state, colour="red", pending="", status="red", reason="floor")
    elif colourless:
        # A day close without a colour is not one at which the better colour held: counting to two begins anew.
        pending = "" if moment.day_closed else state.pending
        state = replace(state, pending=pending, status=colourless[0], reason=colourless[1])
    elif metric.unverified and _colour(spec, state, metric, moment) != "red":
        pending = "" if moment.day_closed else state.pending
        state = replace(state, pending=pending, status="incomplete", reason="unverified")
    else:
        state = _with_colour(state, _colour(spec, state, metric, moment), moment.day_closed)
    return state, _update(spec, state, metric, moment)


def restate_day(
    spec: KeyResultSpec, state: KeyResultState, metric: MetricValue, *, day: int, usable: bool, period_over: bool
) -> KeyResultState:
    """The state after a closed `day` of the period was restated: `metric` and `usable` as they are of it now.

    Within the period a `maintain` counts the day anew; a `reach` looks at its newest value, which the next step
    gives. After the period nothing that was frozen changes: what it would be now is kept beside it.
    """
    if not period_over:
        values, days = _with_value(state.values, metric, day), _with_day(spec, state.days, metric, day, usable)
        return replace(state, values=values, days=days)
    values, days = state.values, state.days
    if state.restated:
        values, days = state.restated_values, state.restated_days
    return replace(
        state,
        restated=True,
        restated_values=_with_value(values, metric, day),
        restated_days=_with_day(spec, days, metric, day, usable),
    )


def meets(spec: KeyResultSpec, value: float) -> bool:
    """Whether a value meets the target in its direction; nan and -inf (nothing varies, parts out) meet none."""
    if value == -inf:
        return False
    return value >= spec.target if spec.direction == "at-least" else value <= spec.target


def progress_of(spec: KeyResultSpec, value: float) -> float:
    """(value - start)/(target - start) of a `reach`, at least 1 when the value meets the target; nan for nan.

    -inf, the figure of what does not vary and is out of specification, is infinitely far behind.

    >>> reach = KeyResultSpec("KR1", "O1", "Bore Cpk", "bore_cpk", "reach", target=1.5, start=1.0)
    >>> progress_of(reach, 1.25), progress_of(reach, 0.75), progress_of(reach, 1.75)
    (0.5, -0.5, 1.5)
    """
    if isnan(value) or value == -inf:
        return value
    progress = (value - spec.start) / (spec.target - spec.start)
    return max(progress, 1.0) if meets(spec, value) else progress


def _remember(
    spec: KeyResultSpec, state: KeyResultState, metric: MetricValue, moment: KeyResultMoment
) -> KeyResultState:
    """The state with the metric's value if that is sufficient, and with the closed day if that is."""
    if _sufficient(metric):
        state = replace(
            state,
            day=moment.day,
            value=metric.value,
            lower=metric.lower,
            n=metric.n,
            members=metric.members,
            counted=metric.counted,
        )
    if moment.day_closed:
        values = _with_value(state.values, metric, moment.day)
        state = replace(state, values=values, days=_with_day(spec, state.days, metric, moment.day, moment.day_usable))
    return state


def _sufficient(metric: MetricValue) -> bool:
    return metric.complete and not isnan(metric.value)


def _with_value(values: tuple[tuple[int, float], ...], metric: MetricValue, day: int) -> tuple[tuple[int, float], ...]:
    """The sufficient days and their values with what `day` is now."""
    others = [one for one in values if one[0] != day]
    if _sufficient(metric):
        others.append((day, metric.value))
    return tuple(sorted(others))


def _with_day(
    spec: KeyResultSpec, days: tuple[tuple[int, bool], ...], metric: MetricValue, day: int, usable: bool
) -> tuple[tuple[int, bool], ...]:
    """The days of a `maintain` with what `day` is of them now: one if it was usable and its value is sufficient."""
    if spec.kind != "maintain":
        return days
    others = [one for one in days if one[0] != day]
    if usable and _sufficient(metric):
        others.append((day, meets(spec, metric.value)))
    return tuple(sorted(others))


def _pairs(days: Iterable[Iterable[Any]]) -> tuple[tuple[int, bool], ...]:
    """Days as they are in a state, of what JSON makes of them."""
    return tuple((day, at_target) for day, at_target in days)


def _values(days: Iterable[Iterable[Any]]) -> tuple[tuple[int, float], ...]:
    """Days and their values as they are in a state, of what JSON makes of them."""
    return tuple((day, float(value)) for day, value in days)


def _without_colour(
    spec: KeyResultSpec, state: KeyResultState, metric: MetricValue, moment: KeyResultMoment
) -> tuple[Status, str] | None:
    """The status that is not a colour, with its reason: the first row that holds; None when a colour is due."""
    nothing = metric.counted == 0 or isnan(metric.value)
    maintain = spec.kind == "maintain"
    rows: tuple[tuple[bool, Status, str], ...] = (
        (nothing and state.day == 0, "insufficient", metric.reason or "no-data"),
        (moment.usable_day_age >= STALE_DAYS, "stale", "no-usable-day"),
        (nothing and not maintain, "insufficient", metric.reason or "no-data"),
        (maintain and not state.days, "insufficient", metric.reason or "no-sufficient-day"),
        (not nothing and not metric.complete, "incomplete", metric.reason or "missing"),
        (_is_starting(moment), "starting", "few-days"),
    )
    return next(((status, reason) for holds, status, reason in rows if holds), None)


def _is_starting(moment: KeyResultMoment) -> bool:
    if moment.passed_days >= moment.total_days > 0:
        return False
    return moment.passed_days < STARTING_DAYS or moment.passed_days < STARTING_SHARE * moment.total_days - EDGE


def _colour(spec: KeyResultSpec, state: KeyResultState, metric: MetricValue, moment: KeyResultMoment) -> Colour:
    """What the figures say by themselves, whatever was shown before."""
    progress, expected = _progress(spec, state, metric, moment)
    green_from = 1.0 if spec.kind == "maintain" else GREEN_FROM
    if progress >= green_from * expected - EDGE:
        return "green"
    return "yellow" if progress >= YELLOW_FROM * expected - EDGE else "red"


def _with_colour(state: KeyResultState, found: Colour, day_closed: bool) -> KeyResultState:
    """The state with the colour to show now: a worse one at once, a better one when it held at two day closes."""
    rank = COLOURS.index
    shown, pending = state.colour or found, state.pending
    if rank(found) <= rank(shown):
        shown, pending = found, ""
    elif day_closed:
        if pending:
            shown = min(pending, found, key=rank)
        pending = found if rank(found) > rank(shown) else ""
    reason = REASONS[found] if found == shown else "not-held-twice"
    return replace(state, colour=shown, pending=pending, status=shown, reason=reason)


def _progress(
    spec: KeyResultSpec, state: KeyResultState, metric: MetricValue, moment: KeyResultMoment
) -> tuple[float, float]:
    """Progress, and what it is expected to be."""
    if spec.kind == "maintain":
        return _share_of(spec, state.days), 1.0
    expected = moment.passed_days / moment.total_days if moment.total_days else nan
    progress = progress_of(spec, metric.value)
    if not metric.complete and state.day:
        progress = min(progress, progress_of(spec, state.value))
    return progress, expected


def _share_of(spec: KeyResultSpec, days: tuple[tuple[int, bool], ...]) -> float:
    """The share of the days at target over the required one; nan without a day."""
    return sum(at_target for _, at_target in days) / len(days) / spec.required_share if days else nan


def _update(
    spec: KeyResultSpec, state: KeyResultState, metric: MetricValue, moment: KeyResultMoment
) -> KeyResultUpdate:
    progress, expected = _progress(spec, state, metric, moment)
    restated_value, restated_progress = _restated(spec, state)
    return KeyResultUpdate(
        value=metric.value,
        lower=metric.lower,
        n=metric.n,
        progress=progress,
        clamped=nan if isnan(progress) else min(max(progress, 0.0), 1.0),
        expected=expected,
        status=state.status,
        reason=state.reason,
        members=metric.members,
        counted=metric.counted,
        restated_after_end=state.restated,
        restated_value=restated_value,
        restated_progress=restated_progress,
    )


def _restated(spec: KeyResultSpec, state: KeyResultState) -> tuple[float, float]:
    """What value and progress would be by the days as they are by now: the last sufficient one's, nan without one."""
    if not state.restated:
        return nan, nan
    value = state.restated_values[-1][1] if state.restated_values else nan
    return value, _share_of(spec, state.restated_days) if spec.kind == "maintain" else progress_of(spec, value)
