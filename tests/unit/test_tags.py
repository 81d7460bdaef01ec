"""Tags into readings, context and events: a case for each sentence of docs/connectors/tags.md."""

import json
from typing import Any

import pytest

from config.plan import ConnectorPlan, Plan
from config.tag_plan import Meaning, TagPlan
from config.tags import TagOptions, tag_problems
from connectors.attributes import Inspected
from connectors.blocks import Blocks
from connectors.columns import INVALID, OTHER_PURPOSE, PRODUCTION, Readings
from connectors.segments import Entry
from connectors.tag_events import counted
from connectors.tags import TagMap, TagReader, TagValue, places_of
from rules.events import Count, Event, Inspection, MachineState
from rules.spec import CalendarSpec, CharacteristicSpec

SECOND = 1_000_000_000
RUNS = (Meaning("0", "idle"), Meaning("1", "running"), Meaning("2", "down"))
TAGS = (
    TagPlan("Inputs/bore", "measurement", name="line1/op10/bore"),
    TagPlan("PartId", "context", field="part"),
    TagPlan("Lot", "context", field="lot"),
    TagPlan("Purpose", "context", field="purpose"),
    TagPlan("State", "state", meanings=RUNS),
    TagPlan("Reason", "reason", meanings=(Meaning("7", "no material"),)),
    TagPlan("Total", "count", field="total", wraps_at=65_536),
    TagPlan("Good", "count", field="good", wraps_at=65_536),
    TagPlan("Inspected", "inspection", field="inspected"),
    TagPlan("Rejected", "inspection", field="rejected", counting="each"),
    TagPlan("Scratches", "inspection", field="defects.scratch", counting="each"),
    TagPlan("Weight", "ignore"),
    TagPlan("Other total", "count", field="total", place="{edge}/other"),
)
PLAN = ConnectorPlan(
    "cell", "sparkplug", ("spBv1.0/plant/#",), "{edge}/{device}/{name}", "UTC", "none", tags=TAGS, place="{edge}/op10"
)
IDS = {"line1/op10/bore": 0, "press/cell/depth": 1}
CHARTED = Inspected(
    Plan(
        "p",
        CalendarSpec(),
        (PLAN,),
        (
            CharacteristicSpec("line1/op10/bore"),
            CharacteristicSpec("press/cell/depth"),
            CharacteristicSpec("press/op10/defects.scratch", chart="u"),
            CharacteristicSpec("press/op10/rejected", chart="p"),
        ),
    )
)


class Shop:
    """A connector's tags, message by message."""

    def __init__(self) -> None:
        self.map, self.reader, self.blocks, self.seq = TagMap(PLAN, IDS), TagReader(3, CHARTED), Blocks(), 0

    def send(self, *values: tuple[Any, ...], at: int = 0) -> None:
        """Each value: name, value, and optionally its time in s, quality, whether it is historical."""
        self.seq += 1
        entry, idx, taken = Entry(self.seq, 0, "cell", "topic", 0, 0, b"payload"), 0, []
        for name, value, *more in values:
            time, quality, historical = (*more, *(at, "", False)[len(more) :])
            tag = self.map.tag(f"plant/press/cell/{name}", name, {"edge": "press", "device": "cell"})
            taken.append(TagValue(tag, value, time * SECOND, idx, quality, historical))
            idx += places_of(value)
        self.reader.take(entry, taken, self.blocks)

    def again(self) -> None:
        """Goes on with what was remembered, as after a restart."""
        plain = json.loads(json.dumps(self.reader.to_plain()))
        self.reader = TagReader(3, CHARTED)
        self.reader.resume(plain)

    @property
    def bodies(self) -> list[Any]:
        return [event.body for event in self.blocks.events]

    @property
    def reasons(self) -> list[str]:
        return [one.reason for one in self.blocks.rejected]


def contexts(readings: Readings) -> list[str]:
    return [readings.contexts[number] for number in readings.context]


def test_a_measurement_is_a_reading_and_what_is_not_mapped_goes_by_the_template() -> None:
    shop = Shop()
    shop.send(("Inputs/bore", 10.01), ("depth", 5), ("Weight", 3.0), at=7)
    readings = shop.blocks.readings()
    assert readings.characteristic.tolist() == [0, 1]
    assert readings.value.tolist() == [10.01, 5.0]
    assert readings.time_ns.tolist() == [7 * SECOND] * 2
    assert readings.connector.tolist() == [3, 3]
    assert readings.idx.tolist() == [0, 1]


def test_an_unknown_name_is_set_aside_under_its_id() -> None:
    shop = Shop()
    shop.send(("height", 1.0))
    assert [(one.reason, one.name) for one in shop.blocks.rejected] == [("unknown-characteristic", "press/cell/height")]


def test_an_array_is_a_subgroup_that_ends_with_its_last_good_value() -> None:
    shop = Shop()
    shop.send(("Inputs/bore", (10.0, 10.1, 10.2)), ("depth", 5.0))
    shop.send(("Inputs/bore", (10.0, float("nan"))))
    readings = shop.blocks.readings()
    assert readings.idx.tolist() == [0, 1, 2, 3, 0, 1]
    assert readings.ends.tolist() == [False, False, True, False, True, False]
    assert readings.state.tolist() == [PRODUCTION] * 5 + [INVALID]
    assert readings.subgroup[0] == readings.subgroup[2] != 0
    assert readings.subgroup[3] == 0
    assert shop.reasons == ["not-finite"]


@pytest.mark.parametrize(
    ("value", "quality", "reason"),
    [
        (10.0, "bad", "quality-bad"),
        (10.0, "uncertain", "quality-uncertain"),
        (None, "", "absent-value"),
        ("ten", "", "wrong-type"),
        (True, "", "wrong-type"),
        (1e200, "", "out-of-range"),
    ],
)
def test_what_is_no_good_number_is_kept_with_its_reason_and_enters_no_chart(
    value: object, quality: str, reason: str
) -> None:
    shop = Shop()
    shop.send(("Inputs/bore", value, 0, quality))
    readings = shop.blocks.readings()
    assert readings.state.tolist() == [INVALID]
    assert shop.reasons == [reason]
    assert shop.blocks.rejected[0].detail.startswith("line1/op10/bore")


def test_a_context_tag_holds_for_all_of_its_message_and_for_what_follows() -> None:
    shop = Shop()
    shop.send(("Inputs/bore", 10.0, 1), ("PartId", "SN1", 2))
    shop.again()
    shop.send(("Inputs/bore", 10.1), ("Lot", 7))
    shop.send(("PartId", ""), ("Inputs/bore", 10.2))
    assert contexts(shop.blocks.readings()) == ['{"part":"SN1"}', '{"lot":7,"part":"SN1"}', '{"lot":7}']


def test_a_context_tag_that_comes_more_than_once_holds_from_its_times_on() -> None:
    shop = Shop()
    shop.send(("PartId", "A", 1), ("PartId", "B", 3), ("Inputs/bore", 10.0, 2), ("Inputs/bore", 10.1, 3))
    assert contexts(shop.blocks.readings()) == ['{"part":"A"}', '{"part":"B"}']


def test_a_part_number_that_is_not_good_is_no_part_number() -> None:
    shop = Shop()
    shop.send(("PartId", "SN1"))
    shop.send(("PartId", "SN1", 0, "bad"), ("Inputs/bore", 10.0))
    assert contexts(shop.blocks.readings()) == [""]
    assert shop.reasons == ["quality-bad"]


def test_another_purpose_enters_no_chart() -> None:
    shop = Shop()
    shop.send(("Purpose", "setup"), ("Inputs/bore", 10.0))
    assert shop.blocks.readings().state.tolist() == [OTHER_PURPOSE]


def test_readings_of_a_message_come_in_the_order_of_their_times() -> None:
    shop = Shop()
    shop.send(("Inputs/bore", 10.1, 2), ("Inputs/bore", 10.0, 1))
    assert shop.blocks.readings().value.tolist() == [10.0, 10.1]


def test_a_historical_reading_keeps_its_time_and_has_no_part_that_came_later() -> None:
    shop = Shop()
    shop.send(("PartId", "now"))
    shop.send(("Inputs/bore", 10.0, 5, "", True), ("State", 2, 5, "", True))
    shop.send(("Inputs/bore", 10.1), ("State", 1))
    readings = shop.blocks.readings()
    assert readings.time_ns.tolist()[0] == 5 * SECOND
    assert contexts(readings) == ["", '{"part":"now"}']
    assert shop.bodies == [MachineState("down"), MachineState("running")]


def test_a_state_is_an_event_when_it_changes() -> None:
    shop = Shop()
    shop.send(("State", 1), at=10)
    shop.send(("State", 1.0), at=20)
    shop.again()
    shop.send(("State", 0), at=30)
    assert shop.blocks.events == [
        Event(1, 0, 10 * SECOND, 3, "state", "press/op10", "", MachineState("running")),
        Event(3, 0, 30 * SECOND, 3, "state", "press/op10", "", MachineState("idle")),
    ]


def test_an_unknown_state_is_refused() -> None:
    shop = Shop()
    shop.send(("State", 9))
    assert shop.reasons == ["unknown-state"]
    assert shop.blocks.events == []


def test_a_state_older_than_the_last_changes_nothing() -> None:
    shop = Shop()
    shop.send(("State", 1), at=20)
    shop.send(("State", 2), at=10)
    assert shop.bodies == [MachineState("running")]


def test_a_state_that_is_told_again_holds_until_then() -> None:
    shop = Shop()
    shop.send(("State", 1), at=10)
    shop.send(("State", 1), at=30)
    shop.again()
    shop.send(("State", 2), at=20)
    assert shop.bodies == [MachineState("running")]


@pytest.mark.parametrize("together", [True, False])
def test_a_reason_goes_with_its_state_whichever_comes_first(together: bool) -> None:
    shop = Shop()
    if together:
        shop.send(("State", 2), ("Reason", 7))
        expected = [MachineState("down", "no material")]
    else:
        shop.send(("State", 2))
        shop.send(("Reason", 7))
        expected = [MachineState("down"), MachineState("down", "no material")]
    shop.send(("State", 1))
    assert shop.bodies == [*expected, MachineState("running")]


def test_running_counters_become_differences_and_the_first_value_is_none() -> None:
    shop = Shop()
    shop.send(("Total", 100), ("Good", 90))
    shop.send(("Total", 103), ("Good", 92))
    shop.again()
    shop.send(("Total", 104), ("Good", 93))
    assert shop.bodies == [Count(3, 2), Count(1, 1)]


def test_good_parts_that_are_told_before_all_parts_wait_for_them() -> None:
    shop = Shop()
    shop.send(("Total", 100), ("Good", 90))
    shop.send(("Good", 92))
    shop.send(("Total", 101))
    shop.again()
    shop.send(("Total", 103))
    assert shop.bodies == [Count(1, 1), Count(2, 1)]


def test_where_good_parts_are_not_counted_all_are_good() -> None:
    shop = Shop()
    shop.send(("Other total", 5))
    shop.send(("Other total", 8))
    assert [(event.place, event.body) for event in shop.blocks.events] == [("press/other", Count(3, 3))]


@pytest.mark.parametrize(
    ("before", "now", "wraps_at", "expected"),
    [
        (5, 9, 0, 4),
        (65_535, 0, 65_536, 1),  # behind its highest value comes 0
        (65_530, 4, 65_536, 10),
        (65_530, 4, 0, 4),  # never wraps: it was set to 0, and has counted 4 since
        (1_000, 3, 65_536, 3),  # wrapping would be 64,539 parts: it was set to 0
        (70_000, 4, 65_536, 4),  # higher than it can be: set to 0
    ],
)
def test_a_counter_that_is_lower_has_wrapped_or_was_set_to_0(
    before: int, now: int, wraps_at: int, expected: int
) -> None:
    assert counted(before, now, wraps_at) == expected


def test_a_counter_value_older_than_the_last_changes_nothing() -> None:
    shop = Shop()
    shop.send(("Total", 100), at=10)
    shop.send(("Total", 99), at=5)
    shop.send(("Total", 98, 6, "", True))
    shop.send(("Total", 101), at=20)
    assert shop.bodies == [Count(1, 0)]  # good parts are counted at this place, and none has come


def test_an_inspection_takes_what_was_found_up_to_what_was_inspected() -> None:
    shop = Shop()
    shop.send(("Inspected", 0))
    shop.send(("Rejected", 2), ("Scratches", 3))
    shop.send(("Inspected", 1), ("Rejected", 1))
    shop.send(("Inspected", 4))
    assert shop.bodies == [
        Inspection(1, rejected=1, defects=(("scratch", 3),)),
        Inspection(3, rejected=2),
    ]
    readings = shop.blocks.readings()  # 2: press/op10/defects.scratch, 3: press/op10/rejected
    found = zip(readings.characteristic.tolist(), readings.value.tolist(), readings.size.tolist(), strict=True)
    assert sorted(found) == [(2, 0, 3), (2, 3, 1), (3, 1, 1), (3, 2, 3)]


def test_a_count_that_is_none_is_refused() -> None:
    shop = Shop()
    shop.send(("Total", -1))
    shop.send(("Total", 1.5))
    shop.send(("Total", None))
    assert shop.reasons == ["wrong-type", "wrong-type", "absent-value"]


def test_an_address_in_full_goes_before_a_name() -> None:
    tags = (TagPlan("total", "ignore"), TagPlan("plant/press/cell/total", "measurement", name="line1/op10/bore"))
    plan = ConnectorPlan("cell", "sparkplug", (), "{edge}/{name}", "UTC", "none", tags=tags)
    parts = {"edge": "press", "device": "cell"}
    assert TagMap(plan, IDS).tag("plant/press/cell/total", "total", parts).characteristic == 0
    assert TagMap(plan, IDS).tag("plant/press/other/total", "total", parts).plan.kind == "ignore"


def test_options_of_a_tag_become_its_plan() -> None:
    options = TagOptions(tag="State", kind="state", states={"1": "running", "0": "idle"})
    assert options.plan() == TagPlan("State", "state", meanings=(Meaning("0", "idle"), Meaning("1", "running")))


@pytest.mark.parametrize(
    ("tags", "problems"),
    [
        ([{"tag": "a"}, {"tag": "a", "kind": "ignore"}], ["c.tags[1].tag: is that of tags[0] too (got 'a')"]),
        (
            [{"tag": "a", "field": "part"}],
            ["c.tags[0].field: is not used with kind = \"measurement\" (got 'part')"],
        ),
        (
            [{"tag": "a", "kind": "count", "field": "good"}],
            ['c.tags[0].field: expected a tag with field = "total" of the same place beside it'],
        ),
        (
            [{"tag": "a", "kind": "inspection", "field": "defects."}, {"tag": "b", "kind": "inspection"}],
            [
                "c.tags[0].field: expected one of inspected, rejected, reworked, scrapped, missed or defects.<name> "
                "(got 'defects.')",
                'c.tags[0].field: expected a tag with field = "inspected" of the same place beside it',
                "c.tags[1].field: expected one of inspected, rejected, reworked, scrapped, missed or defects.<name> "
                "(got '')",
                'c.tags[1].field: expected a tag with field = "inspected" of the same place beside it',
            ],
        ),
        (
            [{"tag": "a", "kind": "state"}],
            ['c.tags[0].states: is required: { "1" = "running", … }, each one of running, idle, down, setup'],
        ),
        (
            [{"tag": "a", "name": "{node}/{name}", "place": "{name}"}],
            [
                "c.tags[0].name: {node} is none of device, edge, name (got '{node}/{name}')",
                "c.tags[0].place: {name} is none of device, edge (got '{name}')",
            ],
        ),
    ],
)
def test_what_is_wrong_with_tags_is_said(tags: list[dict[str, Any]], problems: list[str]) -> None:
    found = tag_problems(tuple(TagOptions(**one) for one in tags), "c", ("edge", "device"))
    assert [f"{one.path}: {one.message}" for one in found] == problems
