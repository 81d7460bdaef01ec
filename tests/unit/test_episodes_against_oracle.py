"""Episodes under thousands of random histories of restatements, against the oracle that looks at every day anew."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.episodes import EpisodeMemory, EpisodeRule, take_days, withdraw
from rules.runs import Judgement
from rules.spec import BreachSpec
from tests.oracle_breaches import Event, Oracle

FIRST = 739_938  # 2026-11-18
REACH = 5


class Figure(tuple[float]):
    """A day's figure: (value,), below 0 uncounted."""

    __slots__ = ()


def judge(spec: BreachSpec, figure: Figure | None) -> Judgement:
    if figure is None or figure[0] < 0:
        return "uncounted"
    return "bad" if figure[0] < spec.floor else "good" if figure[0] >= spec.recovery_cpk else "between"


def pool(_: BreachSpec, figures: tuple[Figure, ...]) -> tuple[float, float]:
    mean = sum(figure[0] for figure in figures) / len(figures)
    return mean, mean + 0.1


RULE = EpisodeRule("cpk-below-floor", judge, pool)
FIGURES = st.sampled_from([None, *map(Figure, ((-1.0,), (1.0,), (1.1,), (1.15,), (1.25,), (1.4,)))])
SPECS = st.builds(
    BreachSpec,
    breach_days=st.integers(1, 3),
    recovery_days=st.integers(1, 3),
    recovery_cpk=st.sampled_from([1.2, 1.33]),
    on_gap=st.sampled_from(["skip", "reset"]),
    max_gap_days=st.integers(0, 3),
    relapse_days=st.sampled_from([0, 1, 3, 10]),
)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[BreachSpec, Event | None]]:
    """Days close in order, some are left out (no production days); between, closed ones are restated.

    None is a withdrawal. The rules change now and then.
    """
    events: list[tuple[BreachSpec, Event | None]] = []
    spec, day = draw(SPECS), FIRST
    for _ in range(draw(st.integers(3, 30))):
        kind = draw(st.sampled_from(["close"] * 6 + ["restate"] * 6 + ["both", "skip", "rules", "withdraw"]))
        back = st.integers(day - REACH - 2, day - 1)
        stated: dict[int, Any] = {}
        if kind in ("restate", "both"):
            stated = draw(st.dictionaries(back, FIGURES, min_size=1, max_size=3))
        if kind == "rules":
            spec = draw(SPECS)
        elif kind == "withdraw":
            events.append((spec, None))
        elif kind == "restate":
            events.append((spec, Event(stated)))
        else:
            if kind != "skip":
                events.append((spec, Event({**stated, day: draw(FIGURES)}, day)))
            day += 1
    return events


def fields(episode: Any) -> dict[str, Any]:
    told = {name: getattr(episode, name) for name in episode.__slots__ if name not in ("subject", "rule")}
    return told | {"days": list(episode.days), "figures": list(episode.figures)}


@settings(max_examples=800, deadline=None)
@given(histories())
def test_any_history_of_restatements_gives_the_oracles_episodes(history: list[tuple[BreachSpec, Event | None]]) -> None:
    memory: EpisodeMemory[Figure] = EpisodeMemory()
    oracle = Oracle("bore", RULE.name, judge, pool, REACH)
    day = FIRST
    for spec, event in history:
        if event is None:
            memory, changed = withdraw(memory, day)
            expected = oracle.withdraw(day)
        else:
            day = event.closes or day
            memory, changed = take_days(RULE, "bore", memory, spec, event.stated, closes=event.closes, reach=REACH)
            expected = oracle.event(spec, event)
        assert [fields(episode) for episode in changed] == expected
