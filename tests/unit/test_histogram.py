import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.histogram import MOST_BINS, bins, decimal_step

nan = float("nan")


def test_the_width_is_that_of_freedman_and_diaconis_as_numpy_has_it() -> None:
    values = np.random.default_rng(1).normal(10.0, 0.01, 1000)
    expected = np.diff(np.histogram_bin_edges(values, "fd"))[0]
    assert bins(values, 1e-6).width == pytest.approx(expected, rel=0.05)  # to whole steps, and to whole bins of a range
    assert expected / 2 < bins(values, nan).width < expected * 2


def test_every_bin_holds_equally_many_steps_of_the_gauge() -> None:
    values = np.round(np.random.default_rng(2).normal(10.0, 0.004, 500), 3)
    found = bins(values, 0.001)
    for low, high in zip(found.edges, found.edges[1:], strict=False):
        steps = [k for k in range(9900, 10101) if low < k / 1000 < high]
        assert len(steps) == round(found.width / 0.001)
    assert sum(found.counts) == 500


def test_counts_are_those_of_a_plain_loop() -> None:
    values = np.round(np.random.default_rng(3).normal(5.0, 0.05, 300), 2)
    found = bins(values, 0.01)
    for i, count in enumerate(found.counts):
        assert count == sum(found.edges[i] < value < found.edges[i + 1] for value in values.tolist())


def test_bins_do_not_move_when_a_value_comes() -> None:
    values = np.round(np.random.default_rng(4).normal(10.0, 0.01, 400), 3)
    before, after = bins(values, 0.001), bins(np.append(values, 10.05), 0.001)
    assert after.width == pytest.approx(before.width)
    assert set(np.round(before.edges, 9)) <= set(np.round(after.edges, 9))


def test_values_that_are_all_equal_are_one_bin() -> None:
    for step in (0.01, nan):
        found = bins(np.full(20, 4.2), step)
        assert found.counts == (20,)
        assert found.edges[0] <= 4.2 <= found.edges[-1]
    assert bins(np.array([]), 0.01).counts == ()


def test_half_of_the_values_equal_still_give_bins() -> None:
    assert len(bins(np.array([1.0] * 60 + [1.1, 1.2, 1.3, 1.4, 1.5]), 0.1).counts) >= 3


def test_one_far_value_does_not_make_a_thousand_bins() -> None:
    assert len(bins(np.array([*np.linspace(0, 1, 1000), 1e6]), 0.001).counts) <= MOST_BINS + 1


@given(
    st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=1, max_size=200), st.sampled_from([nan, 0.1, 1.0])
)
def test_no_reading_is_lost(values: list[float], step: float) -> None:
    assert sum(bins(np.array(values), step).counts) == len(values)


def test_the_step_is_read_off_the_values() -> None:
    assert decimal_step(np.array([9.98, 10.0, 10.021])) == 0.001
    assert decimal_step(np.array([120.0, 3.0])) == 1.0
    assert np.isnan(decimal_step(np.array([])))
    assert np.isnan(decimal_step(np.array([np.pi])))
