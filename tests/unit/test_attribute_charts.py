"""Attribute charts: the kernel against the oracle on random inspections, and the published answers."""

from math import nan, sqrt
from random import Random

import numpy as np
import pytest

from rules.attributes import NP, C, P, U, attribute_baseline, attribute_limits, plotted, standardised, unit_sigma
from rules.run_rules import RULE_SETS
from rules.spec import BaselineLimits, CharacteristicSpec, FixedLimits
from tests.oracle_events import Accept, Event, Gap, Reading, Tick
from tests.oracle_streams import DAY, SECOND, closed_through, compare, kernel, production_day, told
from tests.truth_tables import load

NELSON = RULE_SETS["nelson"]
SHARE, DEFECTS = 0.08, 1.4  # of the units rejected; defects a unit


def spec(name: str, chart: str, **options: object) -> CharacteristicSpec:
    usual: dict[str, object] = {"rules": NELSON, "window": 12, "minimum_n": 60}
    return CharacteristicSpec(name, chart=chart, **(usual | options))  # type: ignore[arg-type] # by name


def fixed(rate: float, chart: int) -> FixedLimits:
    return FixedLimits(rate, unit_sigma(chart, rate))


SHARDS: dict[str, tuple[CharacteristicSpec, ...]] = {
    "shares": (
        spec("p-fixed", "p", limits=fixed(SHARE, P), usl=0.2),
        spec("p-baseline", "p", limits=BaselineLimits(15)),
        spec("np-fixed", "np", limits=fixed(SHARE, NP)),
        spec("np-baseline", "np", limits=BaselineLimits(12), usl=0.15, stale_after_seconds=7200.0),
    ),
    "counts": (
        spec("u-fixed", "u", limits=fixed(DEFECTS, U), stale_after_seconds=7200.0),
        spec("u-baseline", "u", limits=BaselineLimits(15), usl=2.5),
        spec("c-fixed", "c", limits=fixed(DEFECTS, C), day_basis="trailing"),
        spec("c-baseline", "c", limits=BaselineLimits(12)),
    ),
    "beside measurements": (
        spec("p", "p", limits=BaselineLimits(10), rules=()),
        CharacteristicSpec("bore", lsl=9.6, usl=10.4, limits=FixedLimits(10.0, 0.1), window=20, minimum_n=8),
        spec("c", "c", limits=BaselineLimits(8), minimum_n=10_000),
        CharacteristicSpec("force", lsl=9.6, chart="xbar-r", subgroup_size=3, limits=BaselineLimits(6), minimum_n=8),
    ),
}


def stream(rng: Random, specs: tuple[CharacteristicSpec, ...], days: int, per_day: int) -> list[Event]:
    """Inspections (and measurements) in the order of the journal, with ticks, gaps, late ones and other purposes."""
    events: list[Event] = []
    seq, clock, last_tick = 0, 0, 0
    for day in range(days):
        clock = max(clock, day * DAY) + rng.randrange(1, 3600) * SECOND
        worse = rng.choice([1.0, 1.0, 1.0, 1.6, 0.3])
        for _ in range(rng.choice([0, 3, per_day, per_day])):
            clock += rng.choice([0, DAY // per_day // 2, DAY // (per_day + 1)])
            while last_tick + 60 * SECOND <= clock:
                last_tick = max(last_tick, clock - 7200 * SECOND) + rng.choice([60, 600, 1800]) * SECOND
                seq += 1
                events.append(Tick(seq, last_tick, closed_through(last_tick)))
            seq += 1
            number = rng.randrange(len(specs))
            events += [Gap(0)] * (rng.random() < 0.02) + [Accept(number)] * (rng.random() < 0.02)
            time_ns = clock if rng.random() > 0.06 else max(0, clock - rng.randrange(1, 90_000) * SECOND)
            events.append(_inspection(rng, specs[number], number, (seq, time_ns), worse))
    for _ in range(3):
        seq, last_tick = seq + 1, max(last_tick, clock) + DAY
        events.append(Tick(seq, last_tick, closed_through(last_tick)))
    return events


def _inspection(rng: Random, one: CharacteristicSpec, number: int, at: tuple[int, int], worse: float) -> Reading:
    seq, time_ns = at
    size, value = 0.0, rng.gauss(10, 0.1)
    if one.chart in ("p", "np"):
        size = float(rng.choice([50, 50, 50, 20, 120, 3]))
        value = float(sum(rng.random() < SHARE * worse for _ in range(int(size))))
    elif one.chart in ("c", "u"):
        size = rng.choice([10.0, 10.0, 9.5, 12.5, 4.0])
        value = float(sum(rng.random() < DEFECTS * worse * size / 200 for _ in range(200)))
        value += rng.choice([0, 12]) if rng.random() < 0.1 else 0  # a batch of its own
    state = 1 if rng.random() < 0.03 else 0
    return Reading(number, time_ns, production_day(time_ns), value, seq, context=seq % 5, state=state, size=size)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("name", SHARDS)
def test_random_inspections_give_what_the_oracle_tells(name: str, seed: int) -> None:
    events = stream(Random(f"{name} {seed}"), SHARDS[name], days=5, per_day=90)
    compare(kernel(SHARDS[name], events), told(SHARDS[name], events))


@pytest.mark.parametrize("name", ["shares", "counts"])
def test_the_inspections_hold_every_case(name: str) -> None:
    """What the comparison above rests on: all that it is to prove does occur."""
    every = [told(SHARDS[name], stream(Random(f"{name} {seed}"), SHARDS[name], 5, 90)) for seed in range(12)]

    def seen(part: str, field: str) -> set[object]:
        return {row[field] for results in every for row in getattr(results, part)}

    assert seen("loose", "state") == {"late", "purpose"}
    assert seen("points", "phase") == {0, 1, 2}
    assert seen("limits", "state") == {"provisional", "rejected"}
    assert seen("signals", "bit") == {0, 9}
    assert len(seen("points", "ucl")) > 20  # they step with the size
    assert 0.0 in seen("points", "lcl")
    raised = {bit for bits in seen("points", "raised") for bit in range(9) if int(str(bits)) >> bit & 1}
    assert raised >= {0, 1, 4, 5, 7}
    assert {1, 2} <= seen("days", "day_revision")
    verdicts = {bit for bits in seen("windows", "verdicts") for bit in range(10) if int(str(bits)) >> bit & 1}
    assert verdicts == {0, 1, 4, 6}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", SHARDS)
def test_any_cut_of_inspections_gives_the_same_bits(name: str, seed: int) -> None:
    rng = Random(f"cut {name} {seed}")
    events = stream(rng, SHARDS[name], days=3, per_day=60)
    whole, single = kernel(SHARDS[name], events), kernel(SHARDS[name], events, range(len(events)))
    cut = kernel(SHARDS[name], events, sorted(rng.sample(range(len(events)), 12)))
    assert repr(whole) == repr(single) == repr(cut)


def test_nist_6331_a_count_on_the_limit_does_not_signal() -> None:
    truth = load("nist_6331_c")
    center = float(np.mean(truth.data["c"]))
    assert center == truth.value("cbar")
    assert attribute_limits(C, center, unit_sigma(C, center), 1.0) == (16.0, truth.value("ucl"), truth.value("lcl"))
    z = [standardised(float(count), 1.0, center, unit_sigma(C, center)) for count in truth.data["c"]]
    assert [wafer for wafer, one in enumerate(z, 1) if abs(one) > 3] == truth.value("signals")


def test_qcc_orange_juice_p_and_np() -> None:
    truth = load("qcc_orangejuice_p")
    trial = [count for count, early in zip(truth.data["D"], truth.data["trial"], strict=True) if early]
    center = sum(trial) / (50 * len(trial))
    sigma = unit_sigma(P, center)
    _, ucl, lcl = attribute_limits(P, center, sigma, 50.0)
    assert [lcl, ucl] == truth.approx("p_limits")
    _, ucl, lcl = attribute_limits(NP, center, sigma, 50.0)
    assert [lcl, ucl] == truth.approx("np_limits")
    kept = [count for number, count in enumerate(trial, 1) if number not in (15, 23)]
    center = sum(kept) / (50 * len(kept))
    assert center == truth.approx("excl_center")
    _, ucl, lcl = attribute_limits(P, center, unit_sigma(P, center), 50.0)
    assert [lcl, ucl] == truth.approx("excl_limits")


def test_qcc_circuit_boards_leave_out_the_two_samples_that_montgomery_leaves_out() -> None:
    truth = load("qcc_circuit_c_u")
    trial = [float(x) for x, early in zip(truth.data["x"], truth.data["trial"], strict=True) if early]
    ok, center, sigma, excluded = attribute_baseline(C, np.array(trial), np.full(len(trial), 100.0))
    assert (ok, excluded) == (True, 2)
    assert center * 100 == truth.approx("excl_center")
    _, ucl, lcl = attribute_limits(C, center, sigma, 100.0)
    assert [lcl, ucl] == truth.approx("excl_limits")


def test_wheeler_276_u_limits_step_with_the_size() -> None:
    truth = load("wheeler_276_u")
    counts, sizes = truth.array("defects"), truth.array("n")
    center = float(counts.sum() / sizes.sum())
    assert center == truth.approx("ubar")
    assert [attribute_limits(U, center, unit_sigma(U, center), n)[1] for n in sizes] == truth.approx("ucl")


@pytest.mark.parametrize(
    ("changed", "bit", "expected"),
    [({}, 0, "rule1_none"), ({10: 0.15, 11: 0.03}, 0, "rule1_two"), ({}, 4, "rule5_none")],
)
def test_pchartr_shares_of_500(changed: dict[int, float], bit: int, expected: str) -> None:
    truth = load("rules_pchartr")
    shares, n = truth.data["p"], float(truth.data["n"])
    one = spec("p", "p", limits=fixed(sum(shares) / len(shares), P))
    events = [
        Reading(0, k * SECOND, production_day(0), n * changed.get(k, share), k, size=n)
        for k, share in enumerate(shares, 1)
    ]
    given = kernel([one], events)
    assert [row["seq"] for row in given.points if int(str(row["raised"])) >> bit & 1] == truth.value(expected)


@pytest.mark.parametrize(
    ("chart", "rate", "n", "expected"),
    [
        # 0.9 ± 3 √(0.09/4) = 0.45 … 1.35
        (P, 0.9, 4.0, (0.9, 1.0, 0.45)),
        (NP, 0.9, 4.0, (3.6, 4.0, 1.8)),
        # 0.1 ± 3 √(0.09/9) = −0.2 … 0.4
        (P, 0.1, 9.0, (0.1, 0.4, 0.0)),
        (NP, 0.1, 9.0, (0.9, 3.6, 0.0)),
        # 4 ± 3 · 2
        (C, 4.0, 1.0, (4.0, 10.0, 0.0)),
        (C, 4.0, 4.0, (16.0, 28.0, 4.0)),
        (U, 4.0, 4.0, (4.0, 7.0, 1.0)),
    ],
)
def test_limits_are_clipped_at_nothing_and_at_everything(
    chart: int, rate: float, n: float, expected: tuple[float, float, float]
) -> None:
    assert attribute_limits(chart, rate, unit_sigma(chart, rate), n) == pytest.approx(expected, rel=1e-14)


def test_p_and_u_plot_the_rate_np_and_c_the_count() -> None:
    assert [plotted(chart, 3.0, 12.0) for chart in (P, NP, C, U)] == [0.25, 3.0, 3.0, 0.25]


@pytest.mark.parametrize("chart", [P, C])
def test_a_baseline_in_which_nothing_was_found_is_rejected(chart: int) -> None:
    ok, center, sigma, excluded = attribute_baseline(chart, np.zeros(25), np.full(25, 50.0))
    assert (ok, excluded) == (False, 0)
    assert np.isnan([center, sigma]).all()


def test_a_baseline_with_more_than_a_tenth_beyond_is_rejected() -> None:
    counts = np.array([4.0] * 17 + [30.0] * 3)  # of 20: 15 %
    assert attribute_baseline(P, counts, np.full(20, 50.0))[0] is False
    assert attribute_baseline(P, np.append(counts[:-2], [4.0] * 2), np.full(20, 50.0))[::3] == (True, 1)


def test_a_rate_of_one_has_no_sigma() -> None:
    assert attribute_baseline(P, np.full(25, 50.0), np.full(25, 50.0))[0] is False
    assert unit_sigma(P, 1.0) == 0.0
    assert unit_sigma(U, 2.25) == sqrt(2.25)
    assert np.isnan(unit_sigma(C, nan))
