import pickle
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.constants import d2
from rules.limits import XBAR_R, baseline
from rules.run_rules import (
    LOCATION_RULES,
    RULE_SETS,
    RULES_BY_NAME,
    RUN_RULES,
    RUN_STATE,
    SINGLE_POINT_BITS,
    compile_rules,
    new_signals,
    reset_runs,
    run_rules_step,
)
from rules.spec import CharacteristicSpec, RuleSpec
from tests.oracle_rules import bits as oracle_bits
from tests.truth_tables import load

nan = float("nan")
NELSON = compile_rules(RULE_SETS["nelson"])
WESTERN_ELECTRIC = compile_rules(RULE_SETS["western-electric"])
# qcc's names of the Western Electric rules, as bits of the table
WE_BITS = {"WE1": 0, "WE2": 4, "WE3": 5, "WE4": 1}


def run(z: Sequence[float], lengths: np.ndarray, state: np.ndarray | None = None) -> list[int]:
    state = np.zeros(RUN_STATE) if state is None else state
    return [run_rules_step(float(x), state, lengths) for x in z]


def marked(z: Sequence[float], bit: int, lengths: np.ndarray = NELSON) -> list[int]:
    """Numbers of the points that carry a rule's bit, counted from 1."""
    return [i for i, bits in enumerate(run(z, lengths), 1) if bits >> bit & 1]


EDGES = load("rules_edge_cases")
QCC = load("rules_qcc3_tests")


@pytest.mark.parametrize("key", EDGES.expected)
def test_edge_sequences_signal_where_the_definitions_say(key: str) -> None:
    case = EDGES.data["sequences"][int(key[:2])]
    assert marked(case["z"], case["nelson_rule"] - 1) == EDGES.value(key)


# qcc 3 wants both sides for test 8; here, as with Nelson, JMP and SAS, one side may do, and the case of
# eight points at +1.2 signals at the eighth.
QCC_CASES = [key for key in QCC.expected if key != "12_NEL8"]


@pytest.mark.parametrize("key", QCC_CASES)
def test_qcc_3_unit_sequences(key: str) -> None:
    case = QCC.data["sequences"][int(key[:2])]
    name = case["rule"]
    if name.startswith("WE"):
        assert marked(case["z"], WE_BITS[name], WESTERN_ELECTRIC) == QCC.value(key)
    else:
        assert marked(case["z"], int(name[3:]) - 1) == QCC.value(key)


def test_eight_beyond_1_sigma_on_one_side_signal_as_with_nelson_and_not_as_in_qcc_3() -> None:
    assert QCC.value("12_NEL8") == []
    assert marked(QCC.data["sequences"][12]["z"], 7) == [8]


def test_pchartr_p_chart_sequences() -> None:
    truth = load("rules_pchartr")
    p = truth.array("p")
    center = p.mean()
    sigma = np.sqrt(center * (1 - center) / truth.data["n"])
    z = (p - center) / sigma
    assert marked(z, 0) == truth.value("rule1_none")
    assert marked(z, 4) == truth.value("rule5_none")
    changed = (np.concatenate([p[:9], [0.15, 0.03], p[11:]]) - center) / sigma
    assert marked(changed, 0) == truth.value("rule1_two")
    # its two signalling cases of test 5 are left out: the points put in are not on record
    # eight in a row on one side: pchartr marks the whole window; its last point is where the bit comes on
    assert marked(np.full(8, 1.2), 7) == [truth.value("rule8_eight_on_one_side")["first"]]


def test_piston_rings_carry_qccs_rules_point_by_point() -> None:
    truth = load("qcc_pistonrings_xbar")
    phase1, phase2 = truth.array("phase1"), truth.array("phase2")
    _, center, sigma, _, _ = baseline(XBAR_R, phase1.mean(axis=1), np.ptp(phase1, axis=1), np.full(len(phase1), 5.0))
    z = (np.concatenate([phase1, phase2]).mean(axis=1) - center) / (sigma / np.sqrt(5))
    for name, bit in WE_BITS.items():
        assert marked(z, bit, WESTERN_ELECTRIC) == truth.value(name), name
    for number in range(1, 9):
        assert marked(z, number - 1) == truth.value(f"NEL{number}"), number
    seven = compile_rules((RuleSpec("9-on-one-side", 7),))
    assert marked(z, 1, seven) == truth.value("runs_of_7")


def test_sas_partgaps_has_only_test_5_at_subgroup_14() -> None:
    truth = load("sas_partgaps_xbar_r")
    subgroups = truth.array("subgroups")
    sigma = np.ptp(subgroups, axis=1).mean() / d2(5)
    z = (subgroups.mean(axis=1) - subgroups.mean()) / (sigma / np.sqrt(5))
    for number in range(1, 6):
        assert marked(z, number - 1) == truth.value(f"nelson_test_{number}"), number


# Values that lie on lines, tie, and trend are as common as others.
POINTS = st.one_of(
    st.sampled_from([0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 1.0 + 1e-13, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 3.5]),
    st.floats(-4, 4),
)
LENGTHS = st.tuples(
    st.sampled_from([0, 1]),
    *(st.one_of(st.just(0), st.integers(2, 10)) for _ in range(3)),
    st.sampled_from([0, 3]),
    st.sampled_from([0, 5]),
    *(st.one_of(st.just(0), st.integers(2, 10)) for _ in range(2)),
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(POINTS, max_size=40), LENGTHS)
def test_random_sequences_carry_the_bits_of_the_slow_oracle(z: list[float], lengths: tuple[int, ...]) -> None:
    assert run(z, np.array(lengths, dtype=np.int64)) == oracle_bits(z, lengths)


@pytest.mark.parametrize("seed", range(6))
def test_long_walks_carry_the_bits_of_the_slow_oracle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stretches = [
        rng.normal(size=150),
        rng.normal(1.2, 0.8, size=100),
        np.linspace(-2, 2, 30),
        rng.normal(0, 0.3, size=60),
        rng.uniform(1.1, 3.5, size=30) * rng.choice([-1, 1], size=30),
        rng.uniform(0.1, 2, size=20) * np.resize([-1, 1], 20),
    ]
    z = np.concatenate(stretches).round(1 if seed % 2 else 6)
    expected = oracle_bits(z.tolist(), NELSON.tolist())
    assert run(z, NELSON) == expected
    assert np.bitwise_or.reduce(expected) == 0b11111111  # each rule has been on


def test_a_state_pickled_and_resumed_in_the_middle_changes_nothing() -> None:
    z = np.random.default_rng(7).normal(0.5, 1.2, size=120).round(1)
    whole = run(z, NELSON)
    for cut in range(0, 121, 7):
        state = np.zeros(RUN_STATE)
        before = run(z[:cut], NELSON, state)
        resumed = pickle.loads(pickle.dumps(state))
        assert before + run(z[cut:], NELSON, resumed) == whole
        from_bytes = np.frombuffer(state.tobytes()).copy()
        assert before + run(z[cut:], NELSON, from_bytes) == whole


def test_a_reset_begins_every_pattern_anew() -> None:
    state = np.zeros(RUN_STATE)
    first = run([0.5] * 12, NELSON, state)
    reset_runs(state)
    assert not state.any()
    assert run([0.5] * 12, NELSON, state) == first


def test_an_undefined_point_ends_every_pattern_and_poisons_nothing_after_it() -> None:
    z = [0.5] * 8 + [nan] + [0.5] * 9
    assert marked(z, 1) == [18]
    rising = [0, 0.1, 0.2, nan, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    assert marked(rising, 2) == [10]
    assert marked([2.5, nan, 2.5], 4) == [3]  # beyond nothing, but seen: a point of the window
    assert marked([0.1] * 14 + [nan] + [0.1] * 15, 6) == [30]


def test_rules_that_are_off_carry_no_bit() -> None:
    z = np.random.default_rng(1).normal(1, 2, size=200)
    assert set(run(z, compile_rules(()))) == {0}
    only_first = compile_rules((RuleSpec("beyond-3-sigma"),))
    assert set(run(z, only_first)) == {0, 1}


def test_a_pattern_raises_one_signal_and_a_single_point_always_one() -> None:
    lengths = compile_rules(CharacteristicSpec(id="x").rules)
    z = [0.5] * 12 + [3.5, 3.5, -0.5] + [0.5] * 9
    raised, previous = [], 0
    for bits in run(z, lengths):
        raised.append(new_signals(bits, previous))
        previous = bits
    at = {i: bits for i, bits in enumerate(raised, 1) if bits}
    assert at == {9: 2, 13: 1, 14: 1, 24: 2}
    assert SINGLE_POINT_BITS == 0b1100000001
    assert new_signals(0b1100000011, 0b1100000011) == 0b1100000001


def test_the_table_numbers_its_rules_by_bit_and_names_them_once() -> None:
    assert [rule.bit for rule in RUN_RULES] == list(range(len(RUN_RULES)))
    assert len(RULES_BY_NAME) == len(RUN_RULES) == 10
    assert [rule.nelson for rule in RUN_RULES[:LOCATION_RULES]] == list(range(1, 9))
    assert all(rule.applies_to == "location" for rule in RUN_RULES[:LOCATION_RULES])
    assert not any(rule.applies_to == "location" for rule in RUN_RULES[LOCATION_RULES:])
    assert all("{" not in rule.sentence.format(k=rule.k) for rule in RUN_RULES)


def test_each_rule_of_the_table_has_the_length_and_zone_that_the_step_gives_it() -> None:
    shapes = {  # a sequence of as many points as the table says, and the same one point short
        "beyond-3-sigma": lambda n, line: [line + 0.01] * n,
        "9-on-one-side": lambda n, line: [line + 0.01] * n,
        "6-trending": lambda n, line: [0.1 * i for i in range(n)],
        "14-alternating": lambda n, line: [float(i % 2) for i in range(n)],
        "2-of-3-beyond-2-sigma": lambda n, line: [line + 0.01, 0.0, line + 0.01][3 - n :],
        "4-of-5-beyond-1-sigma": lambda n, line: [line + 0.01] * n,
        "15-within-1-sigma": lambda n, line: [line - 0.01] * n,
        "8-beyond-1-sigma": lambda n, line: [line + 0.01] * n,
    }
    for rule in RUN_RULES[:LOCATION_RULES]:
        assert marked(shapes[rule.name](rule.k, rule.zone), rule.bit) == [rule.k], rule.name
        assert marked(shapes[rule.name](rule.k - 1, rule.zone), rule.bit) == [], rule.name


@pytest.mark.parametrize(
    ("name", "lengths"),
    [
        ("nelson", [1, 9, 6, 14, 3, 5, 15, 8]),
        ("western-electric", [1, 8, 0, 0, 3, 5, 0, 0]),
        ("aiag", [1, 7, 6, 14, 3, 5, 15, 8]),
        ("juran", [1, 9, 6, 0, 3, 5, 0, 8]),
        ("montgomery", [1, 8, 6, 14, 3, 5, 15, 8]),
    ],
)
def test_named_sets_have_the_lengths_of_their_sources(name: str, lengths: list[int]) -> None:
    assert compile_rules(RULE_SETS[name]).tolist() == lengths


def test_rules_that_are_always_on_may_be_named() -> None:
    assert not compile_rules((RuleSpec("out-of-spec"), RuleSpec("dispersion-beyond-limits"))).any()


@pytest.mark.parametrize(
    "spec",
    [
        RuleSpec("9-in-a-row"),
        RuleSpec("9-on-one-side", 1),
        RuleSpec("6-trending", -6),
        RuleSpec("2-of-3-beyond-2-sigma", 4),
        RuleSpec("beyond-3-sigma", 2),
        RuleSpec("out-of-spec", 2),
    ],
)
def test_unknown_rules_and_impossible_lengths_are_refused(spec: RuleSpec) -> None:
    with pytest.raises(ValueError, match="expected"):
        compile_rules((spec,))
