"""Key results under a thousand random streams of days, restatements and looks, against the oracle that starts anew."""

from math import isnan, nan
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.metrics import MetricValue
from rules.progress import KeyResultMoment, KeyResultState, KeyResultUpdate, key_result_step, restate_day
from rules.spec import KeyResultSpec
from tests.oracle_goals import Events, Figure, Look, Restated, told

FIRST = 739_000
VALUES = (0.7, 0.9, 1.0, 1.1, 1.2, 1.25, 1.3, 1.33, 1.4, 1.5, float("-inf"))
REACH = {"start": 0.9, "target": 1.4}
SPECS = st.sampled_from(
    [
        KeyResultSpec("KR1", "O1", "", "m", "reach", **REACH),
        KeyResultSpec("KR1", "O1", "", "m", "reach", start=1.5, target=1.0, direction="at-most"),
        KeyResultSpec("KR1", "O1", "", "m", "maintain", target=1.2, required_share=0.7),
        KeyResultSpec("KR1", "O1", "", "m", "maintain", target=1.2, required_share=0.95, direction="at-most"),
    ]
)
FIGURES = st.one_of(
    st.builds(lambda value: Figure(value, value - 0.1, 50, 3, 3), st.sampled_from(VALUES)),
    st.builds(lambda value: Figure(value, value - 0.1, 40, 3, 2, "missing"), st.sampled_from(VALUES)),
    st.just(Figure(nan, nan, 0, 3, 0, "insufficient")),
)
SELDOM = st.sampled_from([True] + [False] * 9)


@st.composite
def streams(draw: st.DrawFn) -> list[Look | Restated]:
    """Days close one after the other, beyond the period's end; between, looks and restatements of closed days."""
    total = draw(st.sampled_from([3, 6, 8, 12]))
    events: list[Look | Restated] = []
    closed, newest = 0, draw(FIGURES)
    for _ in range(draw(st.integers(2, 30))):
        kind = draw(st.sampled_from(["close"] * 5 + ["between", "restate"]))
        breach, age = draw(SELDOM), draw(st.sampled_from([0] * 8 + [1, 2]))
        if kind == "restate" and closed:
            day = draw(st.integers(max(1, closed - 4), closed))
            if day <= total:
                events.append(Restated(FIRST + day, draw(FIGURES), not draw(SELDOM), closed >= total))
        elif kind == "close":
            closed += 1
            newest = draw(FIGURES)
            passed, usable = min(closed, total), age == 0 and not draw(SELDOM)
            events.append(Look(newest, FIRST + closed, passed, total, age, breach, closed > total, usable))
        elif kind == "between":
            over = closed >= total
            newest = draw(st.one_of(st.just(newest), FIGURES))
            events.append(Look(newest, None, min(closed, total), total, age, breach, over))
    if not events or isinstance(events[-1], Restated):
        events.append(Look(newest, None, min(closed, total), total, 0, over=closed >= total))
    return events


def program(spec: KeyResultSpec, events: Events) -> list[KeyResultUpdate]:
    """What the program says at each look."""
    state, said, running = KeyResultState(), [], FIRST + 1
    for one in events:
        state = KeyResultState.from_json(state.to_json())
        figure = one.figure
        complete = figure.members == figure.counted
        value = MetricValue(
            figure.value, figure.lower, figure.n, figure.members, figure.counted, complete, figure.reason
        )
        if isinstance(one, Restated):
            state = restate_day(spec, state, value, day=one.day, usable=one.usable, period_over=one.over)
            continue
        moment = KeyResultMoment(
            day=running if one.closes is None else one.closes,
            day_closed=one.closes is not None,
            passed_days=one.passed,
            total_days=one.total,
            usable_day_age=one.age,
            open_breach=one.breach,
            period_over=one.over,
            day_usable=one.closes is not None and one.usable,
        )
        running = running if one.closes is None else one.closes + 1
        state, update = key_result_step(spec, state, value, moment)
        said.append(update)
    return said


def fields(update: KeyResultUpdate) -> dict[str, Any]:
    return {name: getattr(update, name) for name in update.__slots__}


def close(got: Any, want: Any) -> bool:
    if isinstance(want, float):
        return got == want or (isnan(got) and isnan(want)) or abs(got - want) < 1e-12
    return bool(got == want)


@settings(max_examples=1_000, deadline=None)
@given(SPECS, streams())
def test_every_update_is_what_all_days_looked_at_anew_say(spec: KeyResultSpec, events: list[Look | Restated]) -> None:
    places = [place for place, one in enumerate(events) if isinstance(one, Look)]
    for update, place in zip(program(spec, events), places, strict=True):
        want = told(spec, events[: place + 1])
        got = fields(update)
        different = {name: (got[name], value) for name, value in want.items() if not close(got[name], value)}
        assert got.keys() == want.keys()
        assert not different, (place, different)
