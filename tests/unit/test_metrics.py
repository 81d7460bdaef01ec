"""Metrics: hand-made reductions (design, section 9), and days pooled into one figure."""

from dataclasses import replace
from math import inf, isnan, nan, sqrt
from statistics import fmean, stdev
from typing import Literal

import pytest

from rules.day_figures import DayFigure, merged_overall, pooled_overall, pooled_within
from rules.metrics import MemberFigure, MetricValue, member_of_days, pool_days, reduce_metric
from rules.spec import MetricSpec
from rules.verdicts import BITS

Z = 1.6448536269514722  # the standard normal's 95 % quantile (any table)


def metric(
    reduce: Literal["min", "mean", "share-at-target"],
    members: str,
    count_when: Literal["estimate", "lower"] = "estimate",
    target: float = nan,
) -> MetricSpec:
    return MetricSpec("m", "cpk", tuple(members), reduce=reduce, count_when=count_when, target=target)


def member(name: str, value: float, lower: float, n: int = 100, target: float = 1.33) -> MemberFigure:
    return MemberFigure(name, value, lower, n, True, target)


A = member("a", 1.4, 1.1, 100)
B = member("b", 1.6, 1.2, 150)
C = member("c", 1.3, 1.15, 50)
FEW = MemberFigure("b", 1.9, 1.0, 20, False, 1.33, "insufficient")


def test_min_is_the_worst_member_with_its_bound_and_n() -> None:
    assert reduce_metric(metric("min", "abc"), [A, B, C]) == MetricValue(1.3, 1.15, 50, 3, 3, True, "")


def test_of_equals_the_one_with_the_lower_bound_is_worse() -> None:
    equal = [member("a", 1.4, 1.2, 200), member("b", 1.4, 1.1, 100)]
    assert reduce_metric(metric("min", "ab"), equal) == MetricValue(1.4, 1.1, 100, 2, 2, True, "")


def test_mean_has_the_bound_of_independent_errors() -> None:
    # mean 1.5; √(0.3² + 0.4²)/2 = 0.25
    found = reduce_metric(metric("mean", "ab"), [A, B])
    assert found.value == pytest.approx(1.5, rel=1e-15)
    assert found.lower == pytest.approx(1.25, rel=1e-15)
    assert (found.n, found.members, found.counted, found.complete) == (250, 2, 2, True)


def test_the_mean_of_one_is_that_one() -> None:
    found = reduce_metric(metric("mean", "a"), [A])
    assert (found.value, found.n) == (1.4, 100)
    assert found.lower == pytest.approx(1.1, rel=1e-15)


def test_share_at_target_counts_estimates_and_bounds_that_are_there() -> None:
    d = member("d", 1.8, 1.5, 80)
    # at 1.33: a, b, d of four; surely only d
    found = reduce_metric(metric("share-at-target", "abcd"), [A, B, C, d])
    assert found == MetricValue(0.75, 0.25, 380, 4, 4, True, "")


def test_share_at_target_is_held_to_the_metrics_target_or_to_the_members_own() -> None:
    exacting = [replace(A, target=1.67), replace(B, target=1.5), replace(C, target=1.3)]
    assert reduce_metric(metric("share-at-target", "abc"), exacting).value == pytest.approx(2 / 3, rel=1e-15)
    assert reduce_metric(metric("share-at-target", "abc", target=1.0), exacting).value == 1.0


def test_a_value_on_the_target_is_at_target() -> None:
    assert reduce_metric(metric("share-at-target", "a"), [member("a", 1.33, 1.0)]).value == 1.0


def test_with_count_when_lower_the_bound_is_the_value() -> None:
    assert reduce_metric(metric("min", "abc", "lower"), [A, B, C]) == MetricValue(1.1, 1.1, 100, 3, 3, True, "")
    assert reduce_metric(metric("share-at-target", "abc", "lower", 1.15), [A, B, C]).value == pytest.approx(2 / 3)
    mean = reduce_metric(metric("mean", "ab", "lower"), [A, B])
    assert mean.value == mean.lower == pytest.approx(1.25, rel=1e-15)


def test_a_member_that_is_not_usable_makes_it_incomplete_and_is_left_out() -> None:
    found = reduce_metric(metric("min", "abc"), [A, FEW, C])
    assert found == MetricValue(1.3, 1.15, 50, 3, 2, False, "insufficient")
    assert reduce_metric(metric("share-at-target", "abc"), [A, FEW, C]).value == 0.5


def test_a_member_without_any_figure_is_missing() -> None:
    found = reduce_metric(metric("min", "abcd"), [A, B, C])
    assert (found.members, found.counted, found.complete, found.reason) == (4, 3, False, "missing")


def test_the_first_member_that_does_not_count_gives_the_reason() -> None:
    stale = MemberFigure("a", 1.5, 1.2, 200, False, 1.33, "stale")
    assert reduce_metric(metric("min", "abc"), [stale, FEW, C]).reason == "stale"


def test_an_undefined_figure_does_not_count() -> None:
    assert reduce_metric(metric("min", "ab"), [A, member("b", nan, nan)]).counted == 1
    assert reduce_metric(metric("min", "ab", "lower"), [A, member("b", 1.5, nan)]).counted == 1


def test_with_none_that_counts_there_is_no_value() -> None:
    found = reduce_metric(metric("mean", "b"), [FEW])
    assert isnan(found.value)
    assert isnan(found.lower)
    assert (found.n, found.members, found.counted, found.complete, found.reason) == (0, 1, 0, False, "insufficient")
    assert reduce_metric(metric("mean", ""), []).reason == "no-members"


def test_minus_infinity_counts_and_is_the_worst() -> None:
    stuck = member("c", -inf, -inf, 30)
    assert reduce_metric(metric("min", "abc"), [A, B, stuck]) == MetricValue(-inf, -inf, 30, 3, 3, True, "")
    assert reduce_metric(metric("mean", "abc"), [A, B, stuck]).value == -inf
    assert reduce_metric(metric("mean", "abc"), [A, B, stuck]).lower == -inf
    assert reduce_metric(metric("share-at-target", "abc"), [A, B, stuck]).value == pytest.approx(2 / 3, rel=1e-15)


# --- days pooled -------------------------------------------------------------------------------------------------


def a_day(day: int, values: list[float], sigma_within: float, subgroups: int, within_df: float) -> DayFigure:
    """A day's own figures, by the standard library; its indices are not looked at."""
    spread = stdev(values) if len(values) > 1 else nan
    ok = BITS["ok"]
    return DayFigure(
        day, len(values), subgroups, fmean(values), sigma_within, within_df, spread, nan, nan, 9.9, 10.1, ok
    )


VALUES = [[10.0 + 0.001 * ((day + 1) * place % 7 - 3) + 0.002 * day for place in range(50)] for day in range(3)]
DAYS = [a_day(day, values, 0.002 + 0.001 * day, 10, 36.0) for day, values in enumerate(VALUES)]
EVERYTHING = [value for values in VALUES for value in values]


def test_pooled_days_are_all_their_readings_together() -> None:
    pooled = pool_days(DAYS)
    assert (pooled.n, pooled.usable, pooled.reason) == (150, True, "")
    # sigma within (10·0.002 + 10·0.003 + 10·0.004)/30 = 0.003, with 108 degrees of freedom
    mean = fmean(EVERYTHING)
    cpk = min(10.1 - mean, mean - 9.9) / 0.009
    assert pooled.cpk.value == pytest.approx(cpk, rel=1e-12)
    assert pooled.cpk.lower == pytest.approx(cpk - Z * sqrt(1 / (9 * 150) + cpk**2 / (2 * 108)), rel=1e-12)
    ppk = min(10.1 - mean, mean - 9.9) / (3 * stdev(EVERYTHING))
    assert pooled.ppk.value == pytest.approx(ppk, rel=1e-11)
    assert pooled.ppk.lower == pytest.approx(ppk - Z * sqrt(1 / (9 * 150) + ppk**2 / (2 * 149)), rel=1e-11)


def test_fewer_than_125_readings_are_insufficient() -> None:
    short = [*DAYS[:2], a_day(2, VALUES[2][:24], 0.004, 4, 14.4)]
    assert (pool_days(short).n, pool_days(short).usable, pool_days(short).reason) == (124, False, "insufficient")
    enough = [*DAYS[:2], a_day(2, VALUES[2][:25], 0.004, 5, 18.0)]
    assert pool_days(enough).usable


def test_days_too_short_for_themselves_take_part_and_idle_ones_do_no_harm() -> None:
    insufficient = [replace(day, verdicts=BITS["insufficient"]) for day in DAYS]
    idle = DayFigure(9, 0, 0, nan, nan, nan, nan, nan, nan, 9.9, 10.1, BITS["insufficient"])
    single = a_day(10, [10.0], nan, 0, nan)
    pooled = pool_days([*insufficient, idle, single])
    assert (pooled.n, pooled.usable) == (151, True)
    assert pooled.ppk.sigma == pytest.approx(stdev([*EVERYTHING, 10.0]), rel=1e-11)


def test_a_day_whose_gauge_was_not_in_order_is_left_out() -> None:
    wrong = replace(DAYS[0], day=3, mean=20.0, verdicts=BITS["gauge"])
    assert pool_days([*DAYS, wrong]) == pool_days(DAYS)


def test_the_newest_days_specification_is_the_one() -> None:
    tighter = [*DAYS[:2], replace(DAYS[2], lsl=nan, usl=10.05)]
    assert pool_days(tighter).cpk.value == pytest.approx((10.05 - fmean(EVERYTHING)) / 0.009, rel=1e-12)


def test_pooled_days_say_why_they_are_not_usable() -> None:
    assert pool_days([]).reason == "insufficient"
    assert pool_days([replace(day, lsl=nan, usl=nan) for day in DAYS]).reason == "no-spec"
    same = a_day(0, [10.0] * 150, 0.0, 30, 108.0)
    assert pool_days([same]).reason == "resolution"


def test_nothing_varies_and_parts_are_out_is_a_bad_figure() -> None:
    out = replace(a_day(0, [10.5] * 150, 0.0, 30, 108.0), cpk=-inf, verdicts=BITS["resolution"])
    found = member_of_days("a", [out], "cpk", 1.33)
    assert (found.value, found.lower, found.usable, found.reason) == (-inf, -inf, True, "resolution")


@pytest.mark.parametrize("means", [(1e308, -1e308, 1e308), (1.797e308,) * 3, (1e308, inf, -inf), (1e154, 0.0, 1e154)])
@pytest.mark.parametrize("sigma", [1.0, 1e200, 1.797e308, inf, nan])
def test_what_overflows_is_undefined_and_raises_nothing(means: tuple[float, ...], sigma: float) -> None:
    wild = [
        replace(day, mean=mean, sigma_within=sigma, sigma_overall=sigma) for day, mean in zip(DAYS, means, strict=True)
    ]
    for pool in (pooled_within, pooled_overall, merged_overall):
        found = pool(wild)
        # whatever can still be said is finite and bad: these means are far outside 9.9 … 10.1
        assert isnan(found.value) or -inf < found.value < 0
        assert isnan(found.lower) or found.lower < 0
    assert isnan(reduce_metric(metric("mean", "ab"), [member("a", 1.7e308, 1.0), member("b", 1.7e308, 1.0)]).value)


def test_a_member_is_all_the_days_given() -> None:
    new = [replace(DAYS[0], day=day) for day in range(25)]
    found = member_of_days("a", new, "cpk", 1.5)
    assert (found.characteristic, found.n, found.usable, found.target, found.reason) == ("a", 1250, True, 1.5, "")
    assert found.value == pytest.approx(min(10.1 - DAYS[0].mean, DAYS[0].mean - 9.9) / 0.006, rel=1e-12)
    assert member_of_days("a", new, "ppk", 1.5).value == pool_days(new).ppk.value
