"""What inspections found becomes readings of the attribute charts: a case for each sentence of the message's docs."""

import json
from typing import Any

import pytest

from config.plan import ConnectorPlan, Plan
from connectors.columns import Decoded
from connectors.decode import Decoder
from connectors.segments import Entry
from rules.spec import CalendarSpec, CharacteristicSpec, Chart

CHARTS: dict[str, Chart] = {
    "line1/P7/bore": "individuals",
    "line1/P7/defects": "u",
    "line1/P7/defects.dent": "c",
    "line1/P7/defects.scratch": "u",
    "line1/P7/rejected": "p",
    "line1/P7/reworked": "np",
    "line1/P7/scrapped": "xbar-r",
    "line2/P7/defects.dent": "c",
}
IDS = sorted(CHARTS)
PLAN = Plan(
    "p",
    CalendarSpec(),
    (ConnectorPlan("line", "json", ("{line}/m",), "{line}/{product}/{name}", "UTC", "none", place="{line}"),),
    tuple(CharacteristicSpec(name, chart=CHARTS[name]) for name in IDS),
)
FOUND = {"kind": "inspection", "inspected": 50, "rejected": 3, "reworked": 2, "product": "P7"}


def decode(*messages: dict[str, Any], topic: str = "line1/m") -> Decoded:
    body = json.dumps(messages[0] if len(messages) == 1 else messages).encode()
    return Decoder(PLAN).decode([Entry(7, 1_000, "line", topic, 0, 0, body)])


def taken(decoded: Decoded) -> dict[str, tuple[float, float]]:
    readings = decoded.readings
    return {
        IDS[which].removeprefix("line1/P7/"): (value, size)
        for which, value, size in zip(readings.characteristic, readings.value, readings.size, strict=True)
    }


def test_each_count_that_is_charted_is_a_reading_of_its_size() -> None:
    decoded = decode(FOUND | {"defects": {"scratch": 4, "dent": 1, "crack": 2}})
    assert taken(decoded) == {
        "rejected": (3, 50),
        "reworked": (2, 50),
        "defects": (7, 50),
        "defects.scratch": (4, 50),
        "defects.dent": (1, 50),
    }
    (event,) = decoded.events
    assert set(decoded.readings.idx) == {event.idx}
    assert [decoded.readings.contexts[place] for place in set(decoded.readings.context)] == ['{"product":"P7"}']


def test_a_kind_that_is_not_named_was_found_no_times() -> None:
    assert taken(decode(FOUND))["defects.scratch"] == (0, 50)
    assert taken(decode(FOUND))["defects"] == (0, 50)
    assert taken(decode(FOUND, topic="line2/m")) == {"line2/P7/defects.dent": (0, 50)}


def test_what_the_plan_does_not_chart_is_in_the_event_alone() -> None:
    decoded = decode(FOUND | {"product": "P8"})
    assert (len(decoded.readings), len(decoded.events)) == (0, 1)
    without = {name: value for name, value in FOUND.items() if name != "product"}
    assert (len(decode(without).readings), len(decode(without).events)) == (0, 1)


@pytest.mark.parametrize(
    ("changed", "lacking", "said"),
    [
        ({}, "scrapped", "line1/P7/scrapped: expected a chart of inspections (p, np, c, u), got 'xbar-r'"),
        ({"inspected": 7.5}, "rejected", "line1/P7/rejected: expected whole units for a p chart, got 7.5"),
        ({"inspected": 7.5}, "reworked", "line1/P7/reworked: expected whole units for a np chart, got 7.5"),
        ({"inspected": 2e9}, "defects", "line1/P7/defects: expected 1e-06 to 1e+09 units"),
        ({"inspected": 1e-9, "rejected": 0, "reworked": 0}, "defects", "line1/P7/defects: expected 1e-06 to 1e+09"),
    ],
)
def test_a_count_that_its_chart_cannot_take_is_refused_and_the_inspection_kept(
    changed: dict[str, Any], lacking: str, said: str
) -> None:
    decoded = decode(FOUND | changed)
    assert lacking not in taken(decoded)
    assert len(decoded.events) == 1
    told = [one for one in decoded.rejected if one.detail.startswith(said)]
    assert [one.reason for one in told] == ["wrong-chart"]
    assert decoded.counts.rejected["line", "wrong-chart"] == len(decoded.rejected)


def test_more_rejected_than_a_share_can_be() -> None:
    plan = Plan("p", CalendarSpec(), PLAN.connectors, (CharacteristicSpec("line1/P7/defects", chart="p"),))
    body = json.dumps(FOUND | {"inspected": 3, "defects": {"dent": 5}}).encode()
    decoded = Decoder(plan).decode([Entry(7, 1_000, "line", "line1/m", 0, 0, body)])
    assert len(decoded.readings) == 0
    assert "expected at most one a unit for a p chart, got 5 in 3" in decoded.rejected[0].detail


def test_a_measurement_of_an_attribute_chart_is_refused_and_its_neighbour_taken() -> None:
    decoded = decode({"values": {"bore": 10.0, "rejected": 3.0}, "product": "P7"})
    assert taken(decoded) == {"bore": (10.0, 0.0)}
    (refused,) = decoded.rejected
    assert (refused.reason, refused.seq, refused.idx) == ("wrong-chart", 7, 1)
    assert refused.detail == (
        "line1/P7/rejected: expected the count of an inspection for a p chart, got the measurement 3"
    )
    assert (decoded.counts.readings, decoded.counts.rejected) == ({"line": 1}, {("line", "wrong-chart"): 1})


def test_a_bad_measurement_of_an_attribute_chart_is_refused_once() -> None:
    decoded = decode({"values": {"rejected": None}, "product": "P7"})
    assert (len(decoded.readings), [one.reason for one in decoded.rejected]) == (0, ["absent-value"])


def test_inspections_of_one_payload_have_places_of_their_own_and_are_in_time_order() -> None:
    decoded = decode(FOUND | {"time": 900_000_000_000}, FOUND | {"time": 800_000_000_000, "rejected": 1, "reworked": 0})
    assert [event.idx for event in decoded.events] == [0, 1]
    rejected = [
        (value, idx)
        for which, value, idx in zip(
            decoded.readings.characteristic, decoded.readings.value, decoded.readings.idx, strict=True
        )
        if IDS[which] == "line1/P7/rejected"
    ]
    assert rejected == [(1, 1), (3, 0)]


def test_an_inspection_for_another_purpose_is_marked() -> None:
    assert set(decode(FOUND | {"purpose": "trial"}).readings.state) == {1}
    assert set(decode(FOUND).readings.state) == {0}
