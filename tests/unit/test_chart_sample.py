"""Thinning of a chart's points, held against what the rule says in words, point by point."""

from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from board.chart.columns import DISPERSION, LOCATION, NAMES, REALS, Columns, type_of
from board.chart.sample import IN_A_BUCKET, STEPPED, bucket_of, kept
from rules.run_rules import RUN_RULES

BITS = [1 << rule.bit for rule in RUN_RULES]


def columns(count: int, **given_: object) -> Columns:
    """So many points; what is not given is 0."""
    filled = {name: given_.get(name, np.zeros(count)) for name in NAMES}
    return Columns({name: np.array(column, type_of(name)) for name, column in filled.items()})


@st.composite
def points(draw: st.DrawFn) -> Columns:
    """Up to 400 points with undefined values, runs of signals, and limits that step now and then or at each point."""
    count = draw(st.integers(0, 400))
    seed = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    given_: dict[str, object] = {name: seed.normal(size=count) for name in ("value", "dispersion")}
    for name in ("value", "dispersion"):
        given_[name] = np.where(seed.random(count) < draw(st.sampled_from((0.0, 0.1, 1.0))), nan, given_[name])
    often = draw(st.sampled_from((0.0, 0.02, 0.3, 1.0)))
    given_["signals"] = np.where(seed.random(count) < often, seed.integers(1, 1 << len(RUN_RULES), count), 0)
    steps = draw(st.sampled_from((0.0, 0.01, 0.5)))
    level = np.cumsum(seed.random(count) < steps)
    given_["revision"] = level if draw(st.booleans()) else np.zeros(count)
    given_["phase"] = level % 3
    for name in (*LOCATION, *DISPERSION):
        given_[name] = np.where(level == 0, nan, level) if draw(st.booleans()) else np.full(count, nan)
    return columns(count, **given_)


def buckets(count: int, size: int) -> list[range]:
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def same(one: float, other: float) -> bool:
    return one == other or (isnan(one) and isnan(other))


@settings(max_examples=300, deadline=None)
@given(points(), st.integers(12, 120))
def test_no_extreme_no_signal_and_no_step_is_lost_and_the_order_is_kept(some: Columns, budget: int) -> None:
    places = kept(some, budget).tolist()
    total = len(some)
    assert places == sorted(set(places))
    assert all(0 <= place < total for place in places)
    if total <= budget:
        assert places == list(range(total))
        return
    here, size = set(places), bucket_of(total, budget)
    plain = {name: some[name].tolist() for name in NAMES}
    steps = [at for at in range(1, total)
             if not all(same(float(plain[name][at]), float(plain[name][at - 1])) for name in STEPPED)]  # fmt: skip
    marked = [at for at in range(total) if plain["signals"][at]]
    for bucket in buckets(total, size):
        assert {bucket[0], bucket[-1]} <= here
        drawn = [at for at in bucket if at in here]
        for name in ("value", "dispersion"):
            values = [plain[name][at] for at in bucket if not isnan(plain[name][at])]
            shown = [plain[name][at] for at in drawn if not isnan(plain[name][at])]
            assert (min(values), max(values)) == (min(shown), max(shown)) if values else not shown
        for bit in BITS:  # whatever rule is shown in a stretch is shown in the drawing of it
            assert any(plain["signals"][at] & bit for at in bucket) == any(plain["signals"][at] & bit for at in drawn)
    if len(marked) <= budget:
        assert set(marked) <= here
    if len(steps) <= budget:
        assert {side for at in steps for side in (at - 1, at)} <= here


@settings(max_examples=100, deadline=None)
@given(points(), st.integers(12, 120))
def test_what_is_drawn_stays_within_a_few_times_of_what_was_asked_for(some: Columns, budget: int) -> None:
    rules, limits = 2 * len(RUN_RULES), 2 * len((*LOCATION, *DISPERSION))
    in_a_bucket = IN_A_BUCKET + rules + limits + 3 * 2 * 2
    most = -(-len(some) // bucket_of(len(some), budget)) * in_a_bucket + 3 * budget
    assert len(kept(some, budget)) <= max(budget, most)


def test_a_million_points_are_thinned_to_their_buckets_with_every_signal() -> None:
    count = 1_000_000
    chance = np.random.default_rng(7)
    signals = np.zeros(count)
    signals[chance.choice(count, 321, replace=False)] = 1
    some = columns(count, value=chance.normal(size=count), signals=signals, cl=np.zeros(count))
    places = kept(some, 2000)
    assert len(places) < 2000 + 321 + IN_A_BUCKET
    assert set(np.flatnonzero(signals).tolist()) <= set(places.tolist())
    assert {int(some["value"].argmin()), int(some["value"].argmax())} <= set(places.tolist())


@pytest.mark.parametrize("name", REALS)
def test_a_column_of_numbers_may_be_undefined_throughout(name: str) -> None:
    some = columns(100, **{name: np.full(100, nan)})
    assert len(kept(some, 12)) >= 2
