"""Rows of an OPC UA server into readings, refusals, context and events; written by hand from the design's words."""

import orjson

from config.opcua import OpcuaOptions
from config.plan import Plan
from config.tags import TagOptions
from connectors.decode import Decoder
from connectors.decode_opcua import name_of
from connectors.segments import Entry
from rules.calendar import CalendarSpec
from rules.spec import CharacteristicSpec

SECOND = 1_000_000_000
START = 1_795_248_000 * SECOND
BORE, PART, STATE = "ns=2;s=OP10.bore", "ns=2;s=OP10.part", "ns=2;s=OP10.state"


def plan() -> Plan:
    options = OpcuaOptions(
        type="opcua",
        url="opc.tcp://127.0.0.1:4840",
        tags=(
            TagOptions(tag=BORE, name="line1/op10/bore", place="line1/op10"),
            TagOptions(tag=PART, kind="context", field="part", place="line1/op10"),
            TagOptions(tag=STATE, kind="state", place="line1/op10", states={"1": "running", "2": "down"}),
            TagOptions(tag="ns=2;s=OP10/depth"),
        ),
    )
    specs = tuple(CharacteristicSpec(id=name, usl=10.0) for name in ("depth", "line1/op10/bore"))
    return Plan("p1", CalendarSpec(), (options.plan("press", "UTC"),), specs)


def entry(seq: int, *rows: object, received_ns: int = START) -> Entry:
    return Entry(seq, received_ns, "press", "publish", seq, 0, orjson.dumps(rows))


def test_good_values_are_readings_at_their_source_time_in_order() -> None:
    rows = (
        [BORE, 10.01, 0, START + 2 * SECOND, START + 3 * SECOND],
        ["ns=2;s=OP10/depth", 5, 0, None, START + SECOND],  # no source time: the server's; its template is {name}
        [BORE, 10.02, 0x480, START + 4 * SECOND, None],  # good, and the first after an overflow
        [BORE, 10.03, 0, None, None],  # no time at all: that of receipt
    )
    found = Decoder(plan()).decode([entry(1, *rows)])
    assert found.rejected == []
    got = zip(found.readings.characteristic, found.readings.time_ns - START, found.readings.value, strict=True)
    assert list(got) == [(1, 0, 10.03), (0, SECOND, 5.0), (1, 2 * SECOND, 10.01), (1, 4 * SECOND, 10.02)]
    assert found.counts.readings == {"press": 4}
    assert found.counts.messages == {"press": 1}


def test_an_array_is_a_subgroup() -> None:
    found = Decoder(plan()).decode([entry(1, [BORE, [10.0, 10.1, 10.2], 0, START, START])])
    assert found.readings.value.tolist() == [10.0, 10.1, 10.2]
    assert found.readings.ends.tolist() == [False, False, True]
    assert len(set(found.readings.subgroup.tolist())) == 1
    assert found.readings.subgroup[0] != 0


def test_what_is_not_good_enters_no_chart_and_is_kept_with_its_quality() -> None:
    rows = (
        [BORE, 10.0, 0x40000000, START, START],  # Uncertain
        [BORE, 10.0, 0x80050000, START + 1, START],  # BadCommunicationError
        [BORE, None, 0, START + 2, START],
        [BORE, {"type": "EUInformation"}, 0, START + 3, START],
    )
    found = Decoder(plan()).decode([entry(1, *rows)])
    assert [one.reason for one in found.rejected] == ["quality-uncertain", "quality-bad", "absent-value", "wrong-type"]
    assert found.readings.state.tolist() == [2, 2, 2, 2]  # breaks in what is measured
    assert found.counts.readings == {}


def test_context_goes_with_what_is_measured_at_its_place_and_states_are_events() -> None:
    decoder = Decoder(plan())
    first = decoder.decode([entry(1, [PART, "SN1", 0, START, START], [STATE, 1, 0, START, START])])
    again = Decoder(plan(), decoder.memory())  # the state of the framing step
    for one in (decoder, again):
        found = one.decode([entry(2, [BORE, 10.0, 0, START + SECOND, START])])
        assert found.readings.contexts[found.readings.context[0]] == '{"part":"SN1"}'
    assert [(event.kind, event.place, event.time_ns) for event in first.events] == [("state", "line1/op10", START)]


def test_what_is_no_row_costs_itself_only() -> None:
    rows = ([BORE, 10.0, 0, START, START], [BORE, 1.0], [BORE, 1.0, -1, START, START], [7, 1.0, 0, START, START])
    decoder = Decoder(plan())
    found = decoder.decode([entry(1, *rows), Entry(2, START, "press", "publish", 0, 0, b"[[")])
    assert found.readings.value.tolist() == [10.0]
    assert [one.reason for one in found.rejected] == ["wrong-type"] * 3 + ["not-json"]
    unknown = decoder.decode([entry(3, ["ns=2;s=other", 1.0, 0, START, START])])
    assert [(one.reason, one.name) for one in unknown.rejected] == [("unknown-characteristic", "other")]


def test_a_cut_elsewhere_changes_nothing() -> None:
    entries = [entry(seq, [BORE, 10.0 + seq, 0, START + seq * SECOND, START]) for seq in range(1, 7)]
    whole = Decoder(plan()).decode(entries).readings
    decoder = Decoder(plan())
    parts = [decoder.decode(entries[begin : begin + 2]).readings for begin in (0, 2, 4)]
    assert type(whole).concat(parts).to_bytes() == whole.to_bytes()


def test_the_name_of_a_node_is_the_last_part_of_its_text() -> None:
    names = {
        "ns=2;s=Line1.OP10.Bore": "Bore",
        "nsu=urn:plant:press;s=Bore": "Bore",
        'ns=3;s="DB1"."Bore"': '"Bore"',
        "i=2258": "2258",
        "/0:Objects/2:Line1/2:Bore": "Bore",
        "/Objects/Bore": "Bore",
    }
    assert {node: name_of(node) for node in names} == names
