"""The kernel against the oracle: every point, signal, limit, window and day of random streams, and any cut of them."""

from math import nan
from random import Random

import pytest

from flows.layout import lay_out
from rules.run_rules import RULE_SETS
from rules.spec import BaselineLimits, BreachSpec, CharacteristicSpec, FixedLimits
from tests.oracle_events import Event, Reading, Results, Tick
from tests.oracle_streams import DAY, FIRST_DAY, SECOND, compare, kernel, stream, told

NELSON = RULE_SETS["nelson"]


def spec(name: str, **options: object) -> CharacteristicSpec:
    usual: dict[str, object] = {"lsl": 9.6, "usl": 10.4, "target": 10.0, "rules": NELSON, "window": 20, "minimum_n": 8}
    return CharacteristicSpec(name, **(usual | options))  # type: ignore[arg-type] # by name


FIXED = FixedLimits(10.0, 0.1)

# Each row is a shard: what is charted side by side in one stream.
SHARDS: dict[str, tuple[CharacteristicSpec, ...]] = {
    "individuals": (
        spec("fixed", limits=FIXED),
        spec("baseline", limits=BaselineLimits(20)),
        spec("coarse", limits=FIXED, resolution=0.05, rules=()),
        spec("coarse-baseline", limits=BaselineLimits(10), lsl=nan, target=nan),
    ),
    "xbar-r": (
        spec("fixed", chart="xbar-r", subgroup_size=4, limits=FIXED),
        spec("baseline", chart="xbar-r", subgroup_size=3, limits=BaselineLimits(8)),
        spec("named", chart="xbar-r", subgroup_size=5, limits=FIXED, subgroup_within_seconds=7200.0),
        spec("pairs", chart="xbar-r", subgroup_size=2, limits=BaselineLimits(6), usl=nan, target=nan),
    ),
    "xbar-s": (
        spec("fixed", chart="xbar-s", subgroup_size=10, limits=FIXED, subgroup_within_seconds=40_000.0),
        spec("baseline", chart="xbar-s", subgroup_size=3, limits=BaselineLimits(8), lsl=nan, usl=nan, target=nan),
        spec("named", chart="xbar-s", subgroup_size=4, limits=BaselineLimits(10), subgroup_within_seconds=20_000.0),
        spec("last", chart="xbar-s", subgroup_size=2, limits=FIXED, stale_after_seconds=7200.0),
    ),
    "bases": (
        spec("day", limits=FIXED, day_basis="day"),
        spec("trailing", limits=FIXED, day_basis="trailing", minimum_n=15),
        spec("auto", chart="xbar-r", subgroup_size=3, limits=FIXED, minimum_n=12),
        spec("floor", chart="xbar-s", subgroup_size=3, limits=FIXED, breach=BreachSpec(floor=0.5), minimum_n=40),
    ),
}


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("name", SHARDS)
def test_random_streams_give_what_the_oracle_tells(name: str, seed: int) -> None:
    events = stream(Random(f"{name} {seed}"), SHARDS[name], days=5, per_day=120)
    compare(kernel(SHARDS[name], events), told(SHARDS[name], events))


@pytest.mark.parametrize("name", SHARDS)
def test_the_streams_hold_every_case(name: str) -> None:
    """What the comparison above rests on: all that it is to prove does occur."""
    every = [told(SHARDS[name], stream(Random(f"{name} {seed}"), SHARDS[name], 5, 120)) for seed in range(12)]

    def seen(part: str, field: str) -> set[object]:
        return {row[field] for results in every for row in getattr(results, part)}

    assert {"late", "purpose"} <= seen("loose", "state")
    assert ("single" in seen("loose", "state")) == (name != "individuals")
    assert seen("points", "phase") == ({2} if name == "bases" else {0, 1, 2})
    assert name == "bases" or seen("limits", "state") == {"provisional", "rejected"}
    assert seen("days", "basis") == {"day", "trailing"}
    assert {1, 2} <= seen("days", "day_revision")
    raised = {bit for bits in seen("points", "raised") for bit in range(10) if int(str(bits)) >> bit & 1}
    assert raised >= {0, 1, 4, 5, 7, 8}
    verdicts = {bit for bits in seen("windows", "verdicts") for bit in range(10) if int(str(bits)) >> bit & 1}
    assert verdicts >= {1, 6, 7, 9} | ({3} if name in ("individuals", "xbar-r") else set())


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", SHARDS)
def test_any_cut_gives_the_same_bits(name: str, seed: int) -> None:
    rng = Random(f"cut {name} {seed}")
    events = stream(rng, SHARDS[name], days=3, per_day=80)
    whole, single = kernel(SHARDS[name], events), kernel(SHARDS[name], events, range(len(events)))
    cut = kernel(SHARDS[name], events, sorted(rng.sample(range(len(events)), 12)))
    assert repr(whole) == repr(single) == repr(cut)  # repr: nan equals nan, and floats are shown to the last bit


def readings(*values: float, start: int = 0) -> list[Event]:
    """Readings a minute apart, entry by entry, on the stream's first days."""
    times = [start + 60 * k * SECOND for k in range(len(values))]
    return [Reading(0, t, FIRST_DAY + t // DAY, v, seq=t // SECOND + 1) for t, v in zip(times, values, strict=True)]


def test_a_subgroup_times_out_at_the_first_tick_after_its_time() -> None:
    one = spec("one", chart="xbar-r", subgroup_size=5, limits=FIXED, subgroup_within_seconds=1800.0)
    before, due = Tick(9_001, 1799 * SECOND, 0), Tick(9_002, 1800 * SECOND, 0)
    assert kernel([one], [*readings(10.0, 10.1, 10.3), before]).points == []
    (point,) = kernel([one], [*readings(10.0, 10.1, 10.3), before, due]).points
    # x̄ = 30.4/3, R = 0.3; limits of n = 3: 10 ± 3 · 0.1/√3 = 10 ± 0.17320508
    assert (point["n"], point["cause_seq"]) == (3, 9_002)
    assert point["value"] == pytest.approx(30.4 / 3, rel=1e-15)
    assert (point["ucl"], point["lcl"]) == (pytest.approx(10.17320508, abs=1e-8), pytest.approx(9.82679492, abs=1e-8))


def test_subgroups_that_end_together_are_charted_in_the_order_in_which_they_began() -> None:
    one = spec("one", chart="xbar-r", subgroup_size=3, limits=FIXED)
    opened: list[Event] = [
        *(Reading(0, 5 * SECOND, FIRST_DAY, 10.0, 1, idx, subgroup=7) for idx in range(3)),  # takes a place, and leaves
        *(Reading(0, 9 * SECOND, FIRST_DAY, 10.1, 2, idx, subgroup=8) for idx in range(2)),
        *(Reading(0, 9 * SECOND, FIRST_DAY, 10.2, 3, idx, subgroup=9) for idx in range(2)),
        *(Reading(0, 9 * SECOND, FIRST_DAY, 10.3, 4, idx, subgroup=7) for idx in range(2)),
    ]
    given = kernel([one], [*opened, Tick(5, 7200 * SECOND, 0)])
    assert [row["seq"] for row in given.points] == [1, 2, 3, 4]


def test_a_day_with_a_single_reading_of_a_subgroup_chart_says_nothing_of_the_days_before() -> None:
    """The last values up to its close hold none of its own (design, section 8)."""
    one = spec("one", chart="xbar-r", subgroup_size=2, limits=FIXED, day_basis="trailing", minimum_n=4)
    events = [*readings(9.9, 10.1, 9.9, 10.1), Tick(8_001, DAY + 900 * SECOND, FIRST_DAY)]
    events += [*readings(10.0, start=DAY + 1000 * SECOND), Tick(200_000, 2 * DAY + 900 * SECOND, FIRST_DAY + 1)]
    first, second = kernel([one], events).days
    assert (first["basis"], first["n"]) == ("trailing", 4)
    assert (second["basis"], second["n"], second["subgroups"]) == ("day", 1, 0)


def test_a_stale_window_says_so_and_a_reading_that_is_not_charted_yet_refreshes_it() -> None:
    one = spec("one", chart="xbar-r", subgroup_size=2, limits=FIXED, stale_after_seconds=3600.0)
    events = [*readings(9.9, 10.1), *(Tick(8_000 + m, m * 60 * SECOND, 0) for m in (2, 61, 62))]
    events += [*readings(10.0, start=63 * 60 * SECOND), Tick(9_000, 64 * 60 * SECOND, 0)]
    stale = [(row["cause_seq"], int(str(row["verdicts"])) >> 4 & 1) for row in kernel([one], events).windows]
    assert stale == [(8_002, 0), (8_061, 1), (9_000, 0)]


def test_a_window_holds_its_values_however_short_the_subgroups_are() -> None:
    one = spec("one", chart="xbar-s", subgroup_size=10, limits=FIXED, window=20)
    pairs: list[Event] = [
        Reading(0, k * SECOND, FIRST_DAY, 10 + 0.1 * (-1) ** idx, k + 1, idx, subgroup=k + 1, ends=idx == 1)
        for k in range(12)
        for idx in range(2)
    ]
    (window,) = kernel([one], [*pairs, Tick(50, 60 * SECOND, 0)]).windows
    assert (window["n"], window["subgroups"]) == (20, 10)


def test_a_late_reading_is_judged_alone_and_counted_in_its_day() -> None:
    one = spec("one", limits=FIXED, lsl=9.5, usl=10.5, day_basis="day")
    on_time = readings(10.0, 10.1, 10.0)
    late = Reading(0, 30 * SECOND, FIRST_DAY, 10.6, seq=500)  # out of specification, and beyond 10.3
    after = readings(10.2, start=180 * SECOND)
    given = kernel([one], [*on_time, late, *after, Tick(9_000, DAY + 900 * SECOND, FIRST_DAY)])
    assert [(row["seq"], row["bit"], row["limit"]) for row in given.signals] == [
        (500, 9, 10.5),
        (500, 0, pytest.approx(10.3)),
    ]
    assert [row["dispersion"] for row in given.points[1:]] == pytest.approx([0.1, 0.1, 0.2])  # none reaches it
    (day,) = given.days
    assert (day["n"], day["late"], day["signals"], day["subgroups"], day["out_of_spec"]) == (5, 1, 2, 4, 1)
    assert day["mean"] == pytest.approx((10 + 10.1 + 10 + 10.6 + 10.2) / 5)
    # sigma within from the three ranges of the chart: (0.1 + 0.1 + 0.2)/3/1.128379
    assert day["sigma_within"] == pytest.approx(0.4 / 3 / 1.1283791671, rel=1e-9)


def test_a_pattern_that_goes_on_from_the_baseline_is_no_new_signal() -> None:
    """Six points trend upwards to the baseline's end, and the next goes on: the limits of both are the same."""
    one = spec("one", limits=BaselineLimits(10))
    events = readings(10.0, 10.2, 9.9, 10.1, 9.8, 9.9, 10.0, 10.05, 10.1, 10.15, 10.2)
    points = kernel([one], events).points
    last, after = points[-2], points[-1]  # the baseline restated, then the first of phase II
    assert (last["phase"], last["signals"], last["raised"]) == (1, 1 << 2, 1 << 2)
    assert (after["phase"], after["signals"], after["raised"]) == (2, 1 << 2, 0)


def test_the_first_point_of_a_baseline_keeps_its_moving_range_however_short_the_window_is() -> None:
    """Ten equal values give no limits; the range of the first point after them reaches to the last of those."""
    one = spec("one", window=8, limits=BaselineLimits(10))
    values = [10.0] * 10 + [10.5, 10.0, 10.25, 9.75, 10.0, 10.25, 10.0, 9.75, 10.0, 10.25]
    given = kernel([one], readings(*values))
    assert len(given.limits) == 2  # rejected, provisional
    restated = [point for point in given.points if point["phase"] == 1]
    assert [point["seq"] for point in restated] == [60 * k + 1 for k in range(10, 20)]
    assert [point["time"] for point in restated] == [60 * k * SECOND for k in range(10, 20)]
    assert [point["dispersion"] for point in restated] == [0.5, 0.5, 0.25, 0.5, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25]


def test_a_characteristic_takes_no_more_memory_than_was_reckoned() -> None:
    """An individual takes 17 bytes a place of its window, 12 a point of its baseline, 288 a day it may restate."""
    for baseline, pools in ((None, 125 * 17), (100, 125 * 17 + 100 * 12)):
        limits = FIXED if baseline is None else BaselineLimits(baseline)
        some = lay_out(tuple(CharacteristicSpec(f"c{k}", limits=limits) for k in range(100)), restate_days=7)
        taken = (sum(array.nbytes for array in some) - some.clock.nbytes) / 100
        assert taken == pools + 9 * 288 + 368 + 8 * 48 + 8 * 8 + 11 * 8  # its records, revisions and run rules


def test_nothing_gives_nothing() -> None:
    assert kernel([spec("one")], []) == Results()
    assert kernel([], [Tick(1, SECOND, 0)]) == Results()
