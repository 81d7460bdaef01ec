"""The table of event metrics by itself: sound rows, and nothing made of nothing."""

from math import isnan

import pytest

from rules.event_metrics import EVENT_METRICS
from rules.event_tally import BY_NAME, NUMBERS, Tally, merged
from rules.metric_kind import MetricKind

KINDS = list(EVENT_METRICS.values())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_shows_fields_of_the_tally_and_is_undefined_without_data(kind: MetricKind) -> None:
    assert set(kind.shows) <= {*NUMBERS, *BY_NAME}
    assert isnan(kind.value(Tally()))
    assert kind.n(Tally()) == 0


def test_no_name_is_there_twice_and_every_text_says_something() -> None:
    assert all(name == kind.name for name, kind in EVENT_METRICS.items())
    assert all(kind.formula and kind.unit and kind.source and kind.n_of for kind in KINDS)


def test_a_tally_is_what_its_plain_values_say_and_adds_up_in_any_order() -> None:
    one = Tally(inspected=2.5, rejected=1, defects={"scratch": 2}, states={"running": 5})
    other = Tally(inspected=1.0, defects={"scratch": 1, "dent": 4}, total=7)
    assert merged([one, other]) == merged([other, one])
    assert merged([one, other]).defects == {"scratch": 3, "dent": 4}
    assert Tally.from_plain(one.to_plain()) == one
    assert one.defects == {"scratch": 2}  # merging leaves its parts alone
