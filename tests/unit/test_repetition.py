import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import repetition
from connectors.repetition import Repetition

HOUR_NS = 3600 * 10**9


def seen_ids(identities, made=None):
    made = made or Repetition()
    return [made.seen_id("c", identity) for identity in identities]


def first_time(identities):
    return [identity in identities[:place] for place, identity in enumerate(identities)]


@pytest.mark.parametrize(
    "identities",
    [
        ["gw1-1", "gw1-2", "gw1-1", "gw1-3", "gw1-2"],
        ["gw1-9", "gw1-10", "gw1-09", "gw1-9", "gw1-010", "gw1-10"],  # zeros before a number make another id
        ["gw1-000099", "gw1-000100", "gw1-000099", "gw1-100"],
        ["a", "b", "a", "", ""],
        ["0", "00", "0", "a0", "a0"],
        ["1", "gw1", "1", "gw1"],
        ["x" + "7" * 40, "x" + "7" * 41, "x" + "7" * 40],  # numbers too long to be counted
        ["x" * 300 + "1", "x" * 300 + "2", "x" * 300 + "1"],
        ["gw\u0661", "gw\u0662", "gw\u0661"],  # digits, but not ASCII
        ["7f3a-12", "7f3a-13", "99e1-12", "7f3a-12"],
    ],
)
def test_an_id_is_a_repetition_exactly_when_it_was_there(identities):
    assert seen_ids(identities) == first_time(identities)


def test_ids_of_two_connectors_are_apart():
    made = Repetition()
    assert not made.seen_id("c", "1")
    assert not made.seen_id("d", "1")
    assert made.seen_id("c", "1")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["gw1-", "gw2-00", ""]), st.integers(0, 40)), max_size=150), st.integers(0, 150)
)
def test_shuffled_and_repeated_ids_are_told_apart_and_state_resumes(pairs, cut):
    identities = [f"{prefix}{number}" for prefix, number in pairs]
    made = Repetition()
    found = seen_ids(identities[:cut], made)
    assert found + seen_ids(identities[cut:], Repetition.from_bytes(made.to_bytes())) == first_time(identities)


def test_a_gateway_that_counts_upwards_takes_no_room():
    made = Repetition()
    order = list(range(1, 30_001))
    rng = random.Random(5)
    for start in range(0, len(order), 50):
        piece = order[start : start + 50]
        rng.shuffle(piece)
        order[start : start + 50] = piece
    assert not any(made.seen_id("c", f"gw1-{number:08}") for number in order)
    assert all(made.seen_id("c", f"gw1-{number:08}") for number in order[:200])
    assert len(made.to_bytes()) < 1000


def test_what_is_forgotten_counts_as_new(monkeypatch):
    monkeypatch.setattr(repetition, "INTERVALS", 3)
    made = Repetition()
    assert seen_ids(["a", "b", "c", "d", "d", "c", "b"], made) == [False] * 4 + [True] * 3
    assert seen_ids(["a"], made) == [False]
    counting = Repetition()
    assert seen_ids(["10", "20", "30", "40"], counting) == [False] * 4
    assert seen_ids(["40", "30", "20", "10"], counting) == [True, True, True, False]
    resumed = Repetition()
    assert seen_ids(["a", "b", "c"], resumed) == [False] * 3
    resumed = Repetition.from_bytes(resumed.to_bytes())  # is as full as before
    assert seen_ids(["d", "b", "a"], resumed) == [False, True, False]


def test_a_gateway_that_counts_anew_needs_a_new_prefix():
    """The numbers alone could be its memory, sent again; they are told as repeated until they pass the mark."""
    made = Repetition()
    assert not any(seen_ids([f"gw1-{number}" for number in range(1, 10)], made))
    assert all(seen_ids(["gw1-1", "gw1-2", "gw1-3"], made))
    assert seen_ids(["gw1-9", "gw1-10", "gw1-2-1", "gw1-2-2", "gw1-2-1"], made) == [True, False, False, False, True]


def test_the_brokers_repetition_needs_flag_number_and_payload():
    made = Repetition()
    questions = [
        (5, 0, b"a"),
        (5, 1, b"a"),
        (5, 0, b"a"),
        (5, 1, b"b"),
        (5, 1, b"b"),
        (6, 1, b"b"),
        (0, 1, b"b"),
        (0, 1, b"b"),
    ]
    answers = [False, True, False, False, True, False, False, False]
    assert [made.seen_packet("c", *one) for one in questions] == answers
    assert not made.seen_packet("d", 5, 1, b"b")
    resumed = Repetition.from_bytes(made.to_bytes())
    assert resumed.seen_packet("c", 5, 1, b"b")
    assert resumed.seen_packet("c", 6, 1, b"b")
    assert not resumed.seen_packet("c", 70_000, 1, b"b")


def test_equal_payloads_repeat_within_48_hours_of_event_time():
    made = Repetition()
    assert not made.seen_payload("c", "t", b"x", 0)
    assert made.seen_payload("c", "t", b"x", 48 * HOUR_NS)
    assert not made.seen_payload("c", "u", b"x", HOUR_NS)
    assert not made.seen_payload("d", "t", b"x", HOUR_NS)
    resumed = Repetition.from_bytes(made.to_bytes())
    assert resumed.seen_payload("c", "u", b"x", 2 * HOUR_NS)
    assert not resumed.seen_payload("c", "t", b"x", 48 * HOUR_NS + 1)
    assert resumed.seen_payload("c", "t", b"x", 50 * HOUR_NS)
    assert not resumed.seen_payload("c", "old", b"y", 0)  # older than all that is kept


def test_payloads_are_kept_in_bounded_space(monkeypatch):
    monkeypatch.setattr(repetition, "PAYLOADS", 3)
    made = Repetition()
    assert not any(made.seen_payload("c", "t", bytes([number]), number) for number in range(5))
    assert [made.seen_payload("c", "t", bytes([number]), 5) for number in (4, 3, 2, 1)] == [True, True, True, False]


def test_equal_histories_have_equal_state():
    one, other = Repetition(), Repetition()
    for made in (one, other):
        seen_ids(["gw-3", "gw-1", "x"], made)
        made.seen_packet("c", 5, 0, b"a")
        made.seen_payload("c", "t", b"x", 9)
    assert one.to_bytes() == other.to_bytes() == Repetition.from_bytes(one.to_bytes()).to_bytes()
    with pytest.raises(ValueError, match="expected schema version 2, got 3"):
        Repetition.from_bytes(one.to_bytes().replace(b'"schema_version": 2', b'"schema_version": 3'))
