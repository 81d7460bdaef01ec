from math import nan

import pytest

from board.figures.verdicts import Bounds, headline, reasons
from board.language import LANGUAGES, language
from rules.verdicts import VERDICTS

T = language("en").t
HELD = Bounds(9.96, 10.04, 1.2, 1.33, 30, 0.001, 3, 2)
FIGURES = {"n": 125, "mean": 10.004, "sigma_within": 0.01, "cpl": 1.47, "cpu": 1.2, "cpk": 1.2, "cpk_lower": 1.05,
           "ppk": 1.1, "subgroups": 25, "beyond_limits": 0, "out_of_spec": 0}  # fmt: skip


def said(held: Bounds = HELD, **changed: object) -> str:
    return " ".join(headline(T, FIGURES | changed, held))


def why(verdict: str, held: Bounds = HELD, **changed: object) -> str:
    ((_, sentence),) = reasons(T, FIGURES | changed, [verdict], held)
    return sentence


def test_the_index_is_held_against_floor_and_target() -> None:
    assert "Cpk 1.20 is not below its floor of 1.20, but below its target of 1.33." in said()
    assert "Cpk 1.19 is below its floor of 1.20." in said(cpk=1.19)
    assert "Cpk 1.33 meets its target of 1.33." in said(cpk=1.33)


def test_an_index_that_rounds_to_its_limit_is_told_with_more_decimals() -> None:
    assert "Cpk 1.3297 is not below its floor of 1.20, but below its target of 1.33." in said(cpk=1.32971)
    assert "Cpk 1.19996 is below its floor of 1.20." in said(cpk=1.19996)
    assert "Cpk 1.20 is not below its floor of 1.20" in said(cpk=1.20004)


def test_the_side_that_decides_is_told_with_its_distance() -> None:
    assert "from the mean 10.004 to USL 10.04 it is 3.60 times sigma within (0.01)" in said()
    assert "from the mean 10.004 to LSL 9.96 it is 4.40 times" in said(cpl=1.1, cpu=1.2, cpk=1.1)
    one_sided = HELD._replace(lsl=nan)
    assert "to USL 10.04" in said(one_sided, cpl=None)
    assert "specification revision 3 (at most 10.04) and limits revision 2" in said(one_sided, cpl=None)


def test_a_bound_below_the_floor_is_told_as_such() -> None:
    assert "only known to be at least 1.05 (n = 125), which is below the floor of 1.20" in said()
    assert "With 95 % confidence it is at least 1.25 (n = 125)." in said(cpk=1.5, cpk_lower=1.25)
    assert "confidence" not in said(cpk_lower=None)


def test_no_index_is_told_as_bad_where_parts_are_out() -> None:
    nothing = {"cpk": None, "cpk_lower": None, "cpl": None, "cpu": None}
    assert "There is no Cpk: without a specification, or without spread" in said(**nothing)
    assert "nothing varies, and 4 readings are out of specification: a bad figure" in said(**nothing, out_of_spec=4)


def test_unstable_says_which_of_its_conditions_hold() -> None:
    # 25 points of a stable process: P(more than 1 beyond) is 0.2 %, the 99 % quantile is 1
    assert why("unstable", beyond_limits=4) == (
        "4 of 25 points lie beyond their limits; chance explains at most 1 of a stable process (99 %).")  # fmt: skip
    assert why("unstable", cpk=2.0, ppk=1.0) == (
        "Ppk/Cpk is 0.50, below 0.75: the process moved between its subgroups.")  # fmt: skip
    assert "4 of 25 points" in why("unstable", beyond_limits=4, cpk=2.0, ppk=1.0)
    assert "Ppk/Cpk is 0.50" in why("unstable", beyond_limits=4, cpk=2.0, ppk=1.0)


@pytest.mark.parametrize(
    ("verdict", "changed", "sentence"),
    [
        ("insufficient", {"n": 12}, "12 readings are fewer than the 30 that a figure needs."),
        ("drifting", {"cpk": 1.4, "ppk": 1.1}, "Ppk 1.10 is below the floor of 1.20, though Cpk 1.40 is not"),
        ("resolution", {}, "fewer than 5 steps of the gauge (step 0.001)"),
        ("no-spec", {}, "Neither a lower nor an upper specification limit is given."),
        ("ok", {}, "125 readings (at least 30), 0 of 25 points beyond limits (at most 1 by chance), Ppk/Cpk 0.92"),
        ("ok", {"cpk": None}, "0 of 25 points beyond limits (at most 1 by chance)."),
    ],
)
def test_a_verdict_says_which_value_is_held_against_which_limit(verdict, changed, sentence) -> None:
    assert sentence in why(verdict, **changed)


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_verdict_has_its_sentence_in_every_language(code: str) -> None:
    told = reasons(language(code).t, FIGURES | {"beyond_limits": 9}, list(VERDICTS), HELD)
    assert [one.verdict for one in told] == list(VERDICTS)
    assert all(one.sentence for one in told)
