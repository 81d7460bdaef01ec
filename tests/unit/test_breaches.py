"""Breaches: the names and figures that an episode carries (when it opens and ends: test_breach_cases)."""

import pickle
from dataclasses import replace
from fractions import Fraction
from math import inf, isnan, nan, sqrt
from statistics import stdev

import pytest

from rules.breaches import BREACH_RULES, BREACHES, BreachRule, counts, pooled_index
from rules.day_figures import DayFigure, merged_overall, pooled_overall, pooled_within
from rules.episodes import Episode, EpisodeMemory, take_days, withdraw
from rules.spec import BreachSpec
from rules.verdicts import BITS
from tests.breach_cases import DAY, figure

Z = 1.6448536269514722  # the standard normal's 95 % quantile (any table)

Memory = EpisodeMemory[DayFigure]


def close(
    spec: BreachSpec, rule: BreachRule, memory: Memory, day: int, figure: DayFigure | None
) -> tuple[Memory, Episode[DayFigure] | None]:
    """The memory after the day's close, having passed through its bytes, and the episode that it changed."""
    rules = BREACHES[rule]
    memory, changed = take_days(rules, "line1/op10/bore", memory, spec, {day: figure}, closes=day, reach=9)
    memory = EpisodeMemory.from_plain(pickle.loads(pickle.dumps(memory.to_plain())), DayFigure)
    assert len(changed) <= 1
    return memory, changed[0] if changed else None


def walk(spec: BreachSpec, rule: BreachRule, tokens: str, memory: Memory) -> tuple[list[str], Memory]:
    """What each day's close answers in the words of the cases."""
    answers: list[str] = []
    for day, token in enumerate(tokens.split(), 1):
        was_open = memory.is_open
        memory, episode = close(spec, rule, memory, day, figure(token, day))
        word = "." if episode is None else {"open": "more" if was_open else "open"}.get(episode.state, episode.state)
        answers.append(word)
    return answers, memory


def opened(tokens: str = "1.1 1.1 1.1", rule: BreachRule = "cpk-below-floor") -> tuple[Memory, Episode[DayFigure]]:
    _, memory = walk(BreachSpec(), rule, tokens, EpisodeMemory())
    return memory, memory.known[-1]


def test_an_id_comes_from_characteristic_rule_and_first_bad_day_and_never_changes() -> None:
    _, episode = opened()
    _, longer = opened("1.1 1.1 1.1 1.0 1.3 1.3 1.3")
    assert episode.id == longer.id
    # sha256 of the text below, by `printf '["line1/op10/bore", "cpk-below-floor", "0001-01-01"]' | sha256sum`
    assert episode.id == "0001-01-01-b0b90bd5be16194f"
    others = {opened("1.3 1.1 1.1 1.1")[1].id, opened("1.4:1.1/drifting " * 3, "drifting")[1].id}
    assert len(others | {episode.id}) == 3


def test_after_a_recovery_that_is_long_enough_ago_a_new_run_is_a_new_episode() -> None:
    spec = BreachSpec(relapse_days=2)
    answers, memory = walk(spec, BREACH_RULES[0], "1 1 1 1.3 1.3 1.3 1 1 1", EpisodeMemory())
    assert answers == [".", ".", "open", ".", ".", "recovered", ".", ".", "open"]
    assert [episode.days for episode in memory.known] == [(1, 2, 3), (7, 8, 9)]
    assert memory.known[1].id.startswith("0001-01-07-")


def test_pooled_cpk_weighs_means_by_n_and_sigmas_by_subgroups() -> None:
    # mean (30·10.00 + 10·10.04)/40 = 10.01; σ (6·0.010 + 2·0.014)/8 = 0.011; Cpk (10.04 - 10.01)/0.033 = 10/11
    days = [DAY, replace(DAY, day=2, n=10, subgroups=2, mean=10.04, sigma_within=0.014, within_df=7.2)]
    pooled = pooled_within(days)
    assert pooled.n == 40
    assert pooled.mean == pytest.approx(10.01, rel=1e-15)
    assert pooled.sigma == pytest.approx(0.011, rel=1e-14)
    cpk = Fraction(10, 11)
    # 10.04 and 10.01 carry 1e-15 each, their difference of 0.03 therefore 1e-13
    assert pooled.value == pytest.approx(float(cpk), rel=1e-12)
    margin = Z * sqrt(Fraction(1, 9 * 40) + cpk**2 / (2 * Fraction("28.8")))
    assert pooled.upper == pytest.approx(float(cpk) + margin, rel=1e-12)
    assert pooled.lower == pytest.approx(float(cpk) - margin, rel=1e-12)


def test_pooled_ppk_pools_variances() -> None:
    # (4·0.03² + 12·0.01²)/16 = 0.0003; (10.04 - 10)/(3·√0.0003) = 0.7698
    days = [replace(DAY, n=5, sigma_overall=0.03), replace(DAY, day=2, n=13, sigma_overall=0.01)]
    pooled = pooled_overall(days)
    assert pooled.df == 16
    assert pooled.value == pytest.approx(0.04 / (3 * sqrt(0.0003)), rel=1e-12)


def test_merged_ppk_is_that_of_all_readings_as_one_sample() -> None:
    # the standard library's stdev (exact fractions inside) over the readings of three days, one of one reading
    readings = [[10.01, 9.99, 10.02, 10.0], [10.03], [9.98, 9.97, 10.0]]
    days = [
        replace(
            DAY,
            day=day,
            n=len(values),
            mean=sum(values) / len(values),
            sigma_overall=stdev(values) if len(values) > 1 else nan,
        )
        for day, values in enumerate(readings)
    ]
    pooled = merged_overall([*days, replace(DAY, day=9, n=0, mean=nan, sigma_overall=nan)])
    everything = [value for values in readings for value in values]
    assert pooled.n == 8
    assert pooled.df == 7
    assert pooled.sigma == pytest.approx(stdev(everything), rel=1e-12)
    assert pooled.value == pytest.approx((10.04 - 10.0) / (3 * stdev(everything)), rel=1e-12)


def test_an_episode_is_confirmed_when_the_upper_bound_is_below_the_floor() -> None:
    # Three days of n = 30, df 21.6 each, centred: Cpk = 0.04/(3σ), bound = Cpk + z·√(1/810 + Cpk²/129.6).
    # By bc, 12 digits: σ 0.0125: 1.0667 + 0.1647 = 1.2313, indicated; σ 0.0135: 0.9877 + 0.1540 = 1.1416, confirmed.
    for sigma, upper, confidence in [(0.0125, 1.2313, "indicated"), (0.0135, 1.1416, "confirmed")]:
        memory: Memory = EpisodeMemory()
        for day in (1, 2, 3):
            bad = replace(DAY, day=day, sigma_within=sigma, cpk=0.04 / (3 * sigma))
            memory, episode = close(BreachSpec(), "cpk-below-floor", memory, day, bad)
        assert episode is not None
        assert episode.value == pytest.approx(0.04 / (3 * sigma), rel=1e-12)
        assert episode.upper == pytest.approx(upper, abs=5e-5)
        assert episode.confidence == confidence


def test_an_episode_of_drifting_days_carries_ppk() -> None:
    memory: Memory = EpisodeMemory()
    for day in (1, 2, 3):
        bad = replace(DAY, day=day, sigma_overall=0.016, ppk=0.04 / 0.048, verdicts=BITS["drifting"])
        memory, episode = close(BreachSpec(), "drifting", memory, day, bad)
    assert episode is not None
    assert episode.rule == "drifting"
    assert episode.floor == 1.2
    assert episode.value == pytest.approx(0.04 / 0.048, rel=1e-12)
    # 0.8333 + z·√(1/810 + 0.8333²/(2·87)) = 0.8333 + 0.1189 (bc), over 3·29 degrees of freedom
    assert episode.upper == pytest.approx(0.9522, abs=5e-5)


def test_days_on_which_nothing_varies_and_parts_are_out_are_confirmed_at_minus_infinity() -> None:
    memory, episode = opened("stuck stuck stuck")
    assert episode.value == -inf
    assert episode.upper == -inf
    assert episode.confidence == "confirmed"
    assert memory.known[0].figures[0].cpk == -inf


def test_without_degrees_of_freedom_an_episode_is_only_indicated() -> None:
    memory: Memory = EpisodeMemory()
    for day in (1, 2, 3):
        bad = replace(DAY, day=day, cpk=0.5, within_df=nan)
        memory, episode = close(BreachSpec(), "cpk-below-floor", memory, day, bad)
    assert episode is not None
    assert isnan(episode.upper)
    assert episode.confidence == "indicated"


def test_the_worse_of_both_pooled_indices_is_carried_with_index_min() -> None:
    worse_overall = (replace(DAY, sigma_overall=0.02),)
    assert pooled_index(worse_overall, "min") == pooled_index(worse_overall, "ppk")
    worse_within = (replace(DAY, sigma_within=0.02),)
    assert pooled_index(worse_within, "min") == pooled_index(worse_within, "cpk")


def test_a_one_sided_specification_leaves_its_side() -> None:
    # (10.04 - 10.00)/0.03 = 4/3, and (10.00 - 9.99)/0.03 = 1/3
    assert pooled_within([replace(DAY, lsl=nan)]).value == pytest.approx(4 / 3, rel=1e-12)
    assert pooled_within([replace(DAY, lsl=9.99, usl=nan)]).value == pytest.approx(1 / 3, rel=1e-12)
    assert isnan(pooled_within([replace(DAY, lsl=nan, usl=nan)]).value)


def test_a_removed_characteristic_withdraws_its_open_episode() -> None:
    memory, episode = opened()
    memory, (withdrawn,) = withdraw(memory, 5)
    reason = "characteristic removed on 0001-01-05"
    assert withdrawn == replace(episode, state="withdrawn", clock="none", reason=reason, revision=2)
    assert not memory.is_open
    assert withdraw(memory, 6) == (memory, ())


def test_withdrawing_without_an_open_episode_forgets_the_run() -> None:
    _, memory = walk(BreachSpec(), BREACH_RULES[0], "1.1 1.1", EpisodeMemory())
    assert withdraw(memory, 3) == (EpisodeMemory(), ())


def test_a_memory_survives_its_bytes_in_every_bit() -> None:
    memory, _ = opened("1.1 stuck 1.1 1.3 none")
    assert repr(EpisodeMemory.from_plain(pickle.loads(pickle.dumps(memory.to_plain())), DayFigure)) == repr(memory)


def test_a_working_day_without_data_does_not_count() -> None:
    assert not counts(None)
    assert counts(DAY)
