import numpy as np
import pytest

from connectors.columns import DTYPES, Counts, Readings

CONTEXTS = ["", '{"part":"1"}', '{"part":"2"}', '{"part":"3"}']


def some(seqs, contexts=CONTEXTS, of=(0, 1, 2, 3)):
    n = len(seqs)
    arrays = {name: np.arange(n).astype(dtype) for name, dtype in DTYPES.items()}
    arrays["seq"] = np.array(seqs, np.int64)
    arrays["context"] = np.array([of[place % len(of)] for place in range(n)], np.int32)
    return Readings(**arrays, contexts=contexts)


def rows(readings):
    columns = [getattr(readings, name).tolist() for name in DTYPES if name != "context"]
    return list(zip(*columns, [readings.contexts[number] for number in readings.context], strict=True))


def test_the_fields_are_the_table_of_types():
    assert list(Readings.__dataclass_fields__) == [*DTYPES, "contexts"]


def test_no_readings_have_the_types_of_readings():
    empty = Readings.empty()
    assert len(empty) == 0
    assert {name: getattr(empty, name).dtype.str for name in DTYPES} == DTYPES
    assert rows(Readings.from_bytes(empty.to_bytes())) == []
    assert rows(Readings.concat([])) == rows(Readings.concat([empty, empty])) == []


def test_concatenated_readings_keep_their_contexts_once():
    one, other = some([1, 2, 3, 4]), some([5, 6], ["", '{"part":"3"}', '{"part":"9"}'], of=(2, 1))
    both = Readings.concat([one, Readings.empty(), other])
    assert rows(both) == rows(one) + rows(other)
    assert sorted(both.contexts) == sorted([*CONTEXTS, '{"part":"9"}'])
    assert {name: getattr(both, name).dtype.str for name in DTYPES} == DTYPES


@pytest.mark.parametrize("chosen", [np.array([True, False, False, True]), np.array([3, 0]), slice(1, 2), slice(0, 0)])
def test_taken_readings_hold_no_context_that_they_do_not_use(chosen):
    readings = some([1, 2, 3, 4])
    taken = readings.take(chosen)
    expected = [rows(readings)[place] for place in np.arange(4)[chosen]]
    assert rows(taken) == expected
    assert sorted(taken.contexts) == sorted({"", *(row[-1] for row in expected)})


def test_state_is_the_same_however_contexts_were_numbered():
    one = some([1, 2, 3, 4, 5])
    other = some([1, 2, 3, 4, 5], [*CONTEXTS[:1], *reversed(CONTEXTS[1:])], of=(0, 3, 2, 1))
    assert one.to_bytes() == other.to_bytes()
    back = Readings.from_bytes(one.to_bytes())
    assert rows(back) == rows(one)
    assert {name: getattr(back, name).dtype.str for name in DTYPES} == DTYPES
    assert back.to_bytes() == one.to_bytes()


def test_state_of_another_version_or_length_is_refused():
    state = some([1, 2]).to_bytes()
    with pytest.raises(ValueError, match="expected schema version 2, got 3"):
        Readings.from_bytes(state.replace(b'"schema_version": 2', b'"schema_version": 3'))
    with pytest.raises(ValueError, match="bytes"):
        Readings.from_bytes(state + b"\0")


def test_another_plan_renumbers_characteristics_and_connectors():
    readings = some([1, 2, 3])  # characteristics and connectors 0, 1, 2
    again = readings.renumber(np.array([2, 0, -1], np.int32), np.array([1, -1, 0], np.int16))
    assert again.characteristic.tolist() == [2, 0, -1]
    assert again.connector.tolist() == [1, -1, 0]
    assert again.renumber(np.arange(3, dtype=np.int32), np.array([5, 6], np.int16)).connector.tolist() == [6, -1, 5]


def test_counts_add_up():
    counts = Counts({"a": 1}, {"a": 2}, {}, {("a", "x"): 1})
    counts += Counts({"a": 1, "b": 1}, {"a": 3}, {"b": 1}, {("a", "x"): 2, ("a", "y"): 1})
    assert counts == Counts({"a": 2, "b": 1}, {"a": 5}, {"b": 1}, {("a", "x"): 3, ("a", "y"): 1})
