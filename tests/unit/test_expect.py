"""What `check` says to expect: against published run lengths, closed forms, and the rules as they run day by day."""

from dataclasses import replace
from itertools import pairwise
from math import erf, erfc, exp, isnan, pi, sqrt
from random import Random
from statistics import fmean, stdev

import numpy as np
import pytest

from config.expect import WARM_UP, Points, Setting, breaches_a_year, day_indices, simulate
from rules.breaches import BREACHES
from rules.constants import c4, d2, d3
from rules.day_figures import DayFigure
from rules.run_rules import RUN_STATE, compile_rules, reset_runs, run_rules_step
from rules.runs import RunState, run_step
from rules.spec import BreachSpec, CalendarSpec, CharacteristicSpec, RuleSpec
from rules.verdicts import BITS
from tests.truth_tables import load

SIX_DAYS = CalendarSpec(working_days=frozenset(range(6)))
CAPABLE = CharacteristicSpec("a", lsl=-1.0, usl=1.0)
CALM = replace(CAPABLE, rules=(RuleSpec("beyond-3-sigma"),))


@pytest.mark.parametrize(
    ("key", "rules"),
    [
        ("C1", "beyond-3-sigma"),
        ("C12", "beyond-3-sigma 2-of-3-beyond-2-sigma"),
        ("C14", "beyond-3-sigma 9-on-one-side=8"),
    ],
)
def test_run_lengths_are_the_published_ones(key: str, rules: str) -> None:
    """Champ & Woodall (1987), table 1, no shift: 2,500 runs leave 2 % of the length; four errors are let pass.

    Their 2 of 3 is full after two points, ours after three: a signal at the second point comes later or not at all.
    """
    named = [rule.partition("=")[::2] for rule in rules.split()]
    lengths = compile_rules(tuple(RuleSpec(name, int(k or 0)) for name, k in named))
    random, state, points, runs = np.random.default_rng(5), np.zeros(RUN_STATE), 0, 0
    while runs < 2500:
        for z in random.standard_normal(10_000).tolist():
            points += 1
            if run_rules_step(z, state, lengths):
                reset_runs(state)
                runs += 1
    assert points / runs == pytest.approx(load("arl_champ_woodall_1987").value(key)[0], rel=4 / sqrt(2500))


def normal(x: float) -> float:
    return 0.5 * erfc(-x / sqrt(2.0))


def beyond_of_ranges(size: int, upper: float) -> float:
    """The share of ranges of so many standard normal values above a limit: n ∫ φ(x) (Φ(x+w) - Φ(x))^(n-1) dx."""
    step = 0.001
    grid = [-9 + step * k for k in range(18_000)]
    density = (exp(-x * x / 2) / sqrt(2 * pi) * (normal(x + upper) - normal(x)) ** (size - 1) for x in grid)
    return 1 - size * step * sum(density)


def test_false_alarms_of_individuals_are_those_of_their_distributions() -> None:
    """A point beyond 3 sigma, a completed run of nine (2 · 2⁻¹⁰), a moving range beyond its limit (none at first)."""
    _, alarms = simulate(Setting.of(CAPABLE, SIX_DAYS, 30))
    limit = d2(2) + 3 * d3(2)
    a_point = erfc(3 / sqrt(2)) + 2**-9 + (29 / 30) * (1 - erf(limit / 2))
    assert abs(alarms.value - 30 * 312 * a_point) < 4 * alarms.error
    assert alarms.error < 0.01 * alarms.value


def test_false_alarms_of_subgroups_are_those_of_their_distributions() -> None:
    spec = replace(CALM, chart="xbar-r", subgroup_size=5)
    _, alarms = simulate(Setting.of(spec, SIX_DAYS, 50))
    a_point = erfc(3 / sqrt(2)) + beyond_of_ranges(5, d2(5) + 3 * d3(5))
    assert abs(alarms.value - 10 * 312 * a_point) < 4 * alarms.error


@pytest.mark.parametrize(("recovery_days", "designed"), [(1, 32.0), (3, 3.0)])
def test_a_process_at_1_10_breaches_as_often_as_the_design_says(recovery_days: int, designed: float) -> None:
    """DESIGN, section 8: n = 30 a day, true Cpk 1.10; it says neither the week nor more digits."""
    spec = replace(CAPABLE, cpk_target=1.10, breach=BreachSpec(recovery_days=recovery_days))
    breaches, _ = simulate(Setting.of(spec, SIX_DAYS, 30))
    assert breaches is not None
    assert breaches.value == pytest.approx(designed, rel=0.15)
    assert breaches.error < 0.05 * designed


def test_breaches_of_independent_days_are_those_of_the_formula() -> None:
    """With recovery at the first good day a breach is a run of at least k bad days: p^k (1 - p) of them a day."""
    setting = Setting.of(replace(CAPABLE, breach=BreachSpec(recovery_days=1)), SIX_DAYS, 30)
    indices = np.where(np.random.default_rng(3).random((2000, WARM_UP + 312)) < 0.4, 1.0, 1.5)
    found = breaches_a_year(setting, indices)
    assert abs(found.value - 312 * 0.4**3 * 0.6) < 4 * found.error


@pytest.mark.parametrize("breach", [BreachSpec(), BreachSpec(1.2, 2, 1, 1.3), BreachSpec(1.2, 1, 4, 1.2)])
def test_breaches_are_counted_as_the_rules_open_them(breach: BreachSpec) -> None:
    """Days of 1.0, 1.25 and 1.4 at random: the faults that `run_step` opens, or opens again, after the warm-up."""
    random, years = Random(11), []
    opened = 0
    for _ in range(20):
        years.append([random.choice((1.0, 1.0, 1.25, 1.4, 1.4)) for _ in range(WARM_UP + 100)])
        state = RunState()
        for place, cpk in enumerate(years[-1]):
            figure = DayFigure(739_000 + place, 30, 29, 0.0, 1.0, 17.7, 1.0, cpk, cpk, -3.6, 3.6, BITS["ok"])
            was_open = state.is_open
            state = run_step(breach, state, figure.day, BREACHES["cpk-below-floor"].judge(breach, figure))
            opened += place >= WARM_UP and state.is_open and not was_open
    found = breaches_a_year(Setting.of(replace(CAPABLE, breach=breach), SIX_DAYS, 30), np.array(years))
    assert opened > 20
    assert found.value == pytest.approx(opened / 20, rel=1e-12)


def test_no_breach_at_all_is_no_certainty() -> None:
    found = breaches_a_year(Setting.of(CAPABLE, SIX_DAYS, 30), np.full((50, WARM_UP + 312), 1.5))
    assert (found.value, found.error) == (0.0, 1 / 50)


@pytest.mark.parametrize("index", ["cpk", "ppk"])
@pytest.mark.parametrize("n", [40, 12])
def test_a_days_index_is_that_of_its_values(index: str, n: int) -> None:
    """By the standard library: 40 values are the day's own; of 12 a day the last 30 are taken, no range across days."""
    spec = replace(CAPABLE, breach=BreachSpec(index="cpk" if index == "cpk" else "ppk"))
    setting = Setting.of(spec, SIX_DAYS, n)
    points = Points.drawn(setting, np.random.default_rng(1), 5)
    found = day_indices(setting, points)
    days = points.mean.tolist()
    for place in range(3, 5):
        values = days[place] if n == 40 else [*days[place - 2][-6:], *days[place - 1], *days[place]]
        ends = range(len(values) - n, -1, -n)
        ranges = [abs(b - a) for k, (a, b) in enumerate(pairwise(values), 1) if k not in ends]
        if n == 12:
            ranges.insert(0, abs(days[place - 2][-6] - days[place - 2][-7]))
        sigma = fmean(ranges) / d2(2) if index == "cpk" else stdev(values)
        assert found[place] == pytest.approx((3 * 1.33 - abs(fmean(values))) / (3 * sigma), rel=1e-9)


def test_a_day_of_subgroups_and_one_sided_limits() -> None:
    spec = replace(CAPABLE, lsl=float("nan"), chart="xbar-s", subgroup_size=4)
    setting = Setting.of(spec, SIX_DAYS, 40)
    points = Points.drawn(setting, np.random.default_rng(1), 2)
    sigma = fmean(points.dispersion[1].tolist()) / c4(4)
    expected = (3 * 1.33 - fmean(points.mean[1].tolist())) / (3 * sigma)
    assert day_indices(setting, points)[1] == pytest.approx(expected, rel=1e-12)


def test_more_values_a_day_and_more_bad_days_make_fewer_false_breaches() -> None:
    def breaches(spec: CharacteristicSpec, n: int = 30) -> float:
        found, _ = simulate(Setting.of(spec, SIX_DAYS, n), 400_000)
        return -1.0 if found is None else found.value

    usual = breaches(CAPABLE)
    assert 0 <= breaches(CAPABLE, 125) < usual
    assert 0 <= breaches(replace(CAPABLE, breach=BreachSpec(breach_days=4))) < usual
    assert 0 <= breaches(replace(CAPABLE, cpk_target=1.67)) < usual


def test_there_is_no_breach_to_expect_without_a_specification() -> None:
    breaches, alarms = simulate(Setting.of(CharacteristicSpec("a"), SIX_DAYS, 30), 200_000)
    assert breaches is None
    assert not isnan(alarms.value)
