import zoneinfo
from dataclasses import replace
from importlib.resources import files
from zoneinfo import ZoneInfoNotFoundError

import numpy as np
import pytest

from connectors.columns import DTYPES, Counts
from connectors.decode import Decoder
from connectors.event_time import EventTimes
from connectors.repetition import Repetition
from tests.decode_samples import BORE, DEPTH, LINE1, PLAN, RECEIVED_NS, TOPIC, entry, plan_of


def decode(*payloads, plan=PLAN, **of_entry):
    entries = [entry(payload, seq=7 + number, **of_entry) for number, payload in enumerate(payloads)]
    return Decoder(plan).decode(entries)[:3]


def refusals(*payloads, **of_entry):
    readings, rejected, counts = decode(*payloads, **of_entry)
    assert sum(counts.rejected.values()) == len(rejected)
    assert len(readings) == np.count_nonzero(readings.state == 2)
    return [one.reason for one in rejected]


def test_a_message_of_two_values_is_two_readings():
    readings, rejected, counts = decode({"time": "2026-11-21T08:00:00.123Z", "values": {"bore": 10.012, "depth": 5}})
    assert readings.characteristic.tolist() == [BORE, DEPTH]
    assert readings.value.tolist() == [10.012, 5.0]
    assert readings.time_ns.tolist() == [1_795_248_000_123_000_000] * 2
    assert readings.seq.tolist() == [7, 7]
    assert readings.idx.tolist() == [0, 1]
    assert readings.subgroup.tolist() == [0, 0]
    assert readings.change.tolist() == [0, 0]
    assert readings.context.tolist() == [0, 0]
    assert readings.state.tolist() == [0, 0]
    assert readings.connector.tolist() == [0, 0]
    assert rejected == []
    assert counts == Counts(messages={"line1": 1}, readings={"line1": 2})
    assert {name: getattr(readings, name).dtype.str for name in DTYPES} == DTYPES


def test_without_a_time_it_is_the_time_of_receipt():
    readings, _, _ = decode({"values": {"bore": 1}}, {"time": None, "values": {"bore": 1}})
    assert readings.time_ns.tolist() == [RECEIVED_NS] * 2


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        # `date -u -d ... +%s%N` of GNU coreutils 9.1, digits beyond ns cut off; before 1970 by hand
        ("2026-11-21T08:00:00Z", 1_795_248_000_000_000_000),
        ("2026-11-21T08:00:00.000000001Z", 1_795_248_000_000_000_001),
        ("2026-11-21T08:00:00.1234567899Z", 1_795_248_000_123_456_789),
        ("2026-11-21t08:00:00.5z", 1_795_248_000_500_000_000),
        ("2026-11-21 08:00:00+05:30", 1_795_228_200_000_000_000),
        ("2026-11-21T08:00:00.25-08:00", 1_795_276_800_250_000_000),
        ("2026-11-21T08:00:00", 1_795_219_200_000_000_000),  # the connector's zone: Shanghai, +08:00
        ("1969-12-31T23:59:59.9Z", -100_000_000),
        (1_795_248_000_123, 1_795_248_000_123_000_000),
        (1_795_248_000_123.5, 1_795_248_000_123_500_000),
        (0, 0),
    ],
)
def test_a_time_is_exact_to_the_nanosecond(text, ns):
    readings, rejected, _ = decode({"time": text, "values": {"bore": 1}})
    assert rejected == []
    assert readings.time_ns.tolist() == [ns]
    times = EventTimes("Asia/Shanghai")
    assert times.ns(text) == times.ns(text) == ns  # the second reading comes from the cache


def test_a_local_time_that_occurs_twice_is_the_first():
    times = EventTimes("Europe/Berlin")
    assert times.ns("2026-10-25T02:30:00") == times.ns("2026-10-25T02:30:00+02:00")
    assert times.ns("2026-03-29T02:30:00") == times.ns("2026-03-29T02:30:00+01:00")


BAD_TIMES = ["2026-11-21T08:00:00.Z", "2026-11-21T08:00:00+24:00", "2026-11-21T08:00:00+01:60", "2300-01-01T00:00:00Z"]
BAD_TIMES += ["2026-11-21T08:00:00.\u0661Z", "1700-01-01T00:00:00Z", "2026-11-21T08:00:00.12x456Z", "Z", "", "now"]
BAD_TIMES += ["2026-11-21", "2026-11-21T08:00Z", "2026-02-30T08:00:00Z", "2026-11-21T24:00:00Z"]


@pytest.mark.parametrize("time", [*BAD_TIMES, True, [], {}, 1e300, 10**30, -(2**62)])
def test_a_bad_time_refuses_its_message_only(time):
    good = {"time": "2026-11-21T08:00:00Z", "values": {"bore": 2}}  # also fills the cache
    readings, rejected, _ = decode([good, {"time": time, "values": {"bore": 1, "depth": 2}}, good])
    assert [(one.reason, one.idx) for one in rejected] == [("bad-time", 1)]
    assert readings.idx.tolist() == [0, 3]


@pytest.mark.parametrize("time", [946_684_800, 1_795_248_000, 1_795_248_000.25, 4_102_444_799])
def test_epoch_seconds_are_refused_and_named(time):
    readings, (refused,), _ = decode([{"time": time, "values": {"bore": 1}}])
    assert len(readings) == 0
    assert refused.reason == "epoch-seconds"
    assert refused.detail == f"time: expected milliseconds since 1970, got {time}: epoch seconds?"


@pytest.mark.parametrize("time", [0, 1, 946_684_799, 4_102_444_800, "1970-01-21T18:40:48Z"])
def test_other_times_of_1970_are_times(time):
    readings, rejected, _ = decode([{"time": time, "values": {"bore": 1}}])
    assert (len(readings), rejected) == (1, [])


def test_nan_as_a_time_is_refused():
    assert refusals(b'{"time": NaN, "values": {"bore": 1}}') == ["bad-time"]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "not-json"),
        (b"{", "not-json"),
        (b"\xff\xfe", "not-json"),
        (b'{"values": {"bore": 1}} x', "not-json"),
        (b'{"values": {"bore": 01}}', "not-json"),
        (b'{"values": {"bore": NaN, "depth": 1.2.3}}', "not-json"),
        (b'{"values": {"bore": NaN', "not-json"),
        (b'"Infinity', "not-json"),
        (b"7", "not-an-object"),
        (b"null", "not-an-object"),
        (b"NaN", "not-an-object"),
        (b"[[]]", "not-an-object"),
        (b"[]", "no-values"),
        (b"{}", "no-values"),
        (b'{"values": {}}', "no-values"),
        (b'{"values": null}', "no-values"),
        (b'{"values": []}', "wrong-type"),
        (b'{"values": 3}', "wrong-type"),
        (b'{"kind": "inspection", "inspected": 50, "rejected": 51}', "wrong-field"),
        (b'{"kind": "state", "state": "asleep"}', "wrong-field"),
        (b'{"kind": [1], "values": {"bore": 1}}', "unsupported-kind"),
        (b'{"values": {"bohr": 1}}', "unknown-characteristic"),
        (b'{"values": {"": 1}}', "unknown-characteristic"),
        (b"[" * 100_000, "too-deep"),
        (b'{"values": {"bore": ' + b"[" * 2000 + b"]" * 2000 + b"}}", "too-deep"),
        (b'{"values": {"bore": 1}, "x": NaN, "y": ' + b"[" * 2000 + b"]" * 2000 + b"}", "too-deep"),
        (b'{"values": {"bore": 1}}' + b" " * (1 << 20), "too-large"),
    ],
)
def test_what_cannot_be_read_has_its_reason(payload, reason):
    readings, rejected, counts = decode(payload)
    assert len(readings) == 0
    assert [(one.reason, one.seq, one.connector, one.topic) for one in rejected] == [(reason, 7, "line1", TOPIC)]
    assert rejected[0].payload == payload[:512]
    assert rejected[0].detail
    assert counts.rejected == {("line1", reason): 1}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"NaN", "not-finite"),
        (b"-Infinity", "not-finite"),
        (b"1e999", "not-finite"),
        (b"9" * 400, "not-finite"),
        (b"1.7976931348623157e308", "out-of-range"),  # DBL_MAX, a usual sentinel
        (b"-1.01e100", "out-of-range"),
        (b"9" * 101, "out-of-range"),
        (b"null", "absent-value"),
        (b"[]", "absent-value"),
        (b"true", "wrong-type"),
        (b'"10.0"', "wrong-type"),
        (b'"NaN"', "wrong-type"),
        (b"{}", "wrong-type"),
        (b"[[1]]", "wrong-type"),
        (b"[" * 900 + b"]" * 900, "wrong-type"),
    ],
)
def test_a_bad_value_is_refused_alone_and_leaves_an_invalid_reading(value, reason):
    readings, rejected, counts = decode(b'{"values": {"bore": ' + value + b', "depth": 4.5, "none": 1}}')
    assert [(one.idx, one.reason) for one in rejected] == [(0, reason), (2, "unknown-characteristic")]
    assert readings.state.tolist() == [2, 0]
    assert readings.characteristic.tolist() == [BORE, DEPTH]
    assert np.isnan(readings.value[0])
    assert readings.value[1] == 4.5
    assert readings.idx.tolist() == [0, 1]
    assert counts.readings == {"line1": 1}


def test_a_number_of_any_length_is_a_number():
    readings, rejected, _ = decode(b'{"values": {"bore": 123456789012345678901234567890, "depth": -0.0}}')
    assert rejected == []
    assert readings.value.tolist() == [123456789012345678901234567890.0, 0.0]


def test_the_largest_numbers_are_numbers():
    readings, rejected, _ = decode(b'{"values": {"bore": 1e100, "depth": [-1e100, 5]}}')
    assert rejected == []
    assert readings.value.tolist() == [1e100, -1e100, 5.0]


def test_a_sentinel_alone_is_refused_and_closes_its_array_at_the_last_good_value():
    readings, rejected, _ = decode(
        b'{"values": {"bore": [1, 2, -1.7e308], "depth": 5}}', b'{"values": {"bore": 2e100}}'
    )
    assert [(one.seq, one.idx, one.reason) for one in rejected] == [(7, 2, "out-of-range"), (8, 0, "out-of-range")]
    assert "line1/op10/bore: expected a number from -1e+100 to 1e+100, got -1.7e+308" in rejected[0].detail
    assert readings.state.tolist() == [0, 0, 2, 0, 2]
    assert readings.ends.tolist() == [False, True, False, False, False]


def test_a_sentinel_of_another_purpose_breaks_no_chain():
    readings, rejected, _ = decode({"purpose": "setup", "part": "P", "values": {"bore": -1e300, "depth": 1}})
    assert [(one.idx, one.reason) for one in rejected] == [(0, "out-of-range")]
    assert (readings.idx.tolist(), readings.state.tolist(), readings.value.tolist()) == ([1], [1], [1.0])


def test_an_array_is_a_subgroup_that_ends_on_its_last_value():
    readings, _, _ = decode({"values": {"bore": [1, 2, 3], "depth": [4, 5]}}, {"values": {"bore": [1, 2, 3]}})
    assert readings.idx.tolist() == [0, 1, 2, 3, 4, 0, 1, 2]
    assert readings.ends.tolist() == [False, False, True, False, True, False, False, True]
    bore, depth, again = readings.subgroup[0], readings.subgroup[3], readings.subgroup[5]
    assert readings.subgroup.tolist() == [bore] * 3 + [depth] * 2 + [again] * 3
    assert len({bore, depth, again, 0}) == 4
    assert (readings.subgroup > 0).all()


def test_an_array_with_a_bad_last_value_ends_on_its_last_good_one():
    readings, rejected, _ = decode({"values": {"bore": [1, None, 3, "x"]}})
    assert [(one.idx, one.reason) for one in rejected] == [(1, "absent-value"), (3, "wrong-type")]
    assert readings.state.tolist() == [0, 2, 0, 2]
    assert readings.ends.tolist() == [False, False, True, False]
    assert len(set(readings.subgroup.tolist())) == 1


def test_a_named_subgroup_wins_over_an_array():
    messages = [{"subgroup": "A17", "values": {"bore": [1, 2]}}, {"subgroup": "A17", "values": {"depth": 3}}]
    readings, _, _ = decode(
        *messages, {"subgroup": "A18", "values": {"bore": 1}}, {"subgroup": 17, "values": {"bore": 1}}
    )
    assert not readings.ends.any()
    assert readings.subgroup[:3].tolist() == [readings.subgroup[0]] * 3
    assert len(set(readings.subgroup.tolist())) == 3
    assert (readings.subgroup > 0).all()


def test_the_context_is_canonical_json_and_shared():
    fields = {"part": "SN 1", "lot": "L\u00e9", "order": 55, "x": 1, "tool": None, "gauge": ""}
    readings, _, _ = decode({**fields, "values": {"bore": 1, "depth": 2}}, {"values": {"bore": 3}})
    assert [readings.contexts[number] for number in readings.context] == [
        '{"lot":"L\u00e9","order":55,"part":"SN 1"}',
        '{"lot":"L\u00e9","order":55,"part":"SN 1"}',
        "",
    ]


def test_product_lot_and_tool_make_a_change():
    contexts = [{"lot": "1"}, {"tool": "1"}, {"lot": "1", "part": "9"}, {"part": "9"}, {"lot": 1}]
    readings, _, _ = decode(*({**fields, "values": {"bore": 1}} for fields in contexts))
    lot, tool, lot_again, none, lot_number = readings.change.tolist()
    assert lot == lot_again > 0
    assert none == 0
    assert len({lot, tool, lot_number}) == 3


@pytest.mark.parametrize(("purpose", "state"), [("production", 0), (None, 0), ("", 0), ("setup", 1), (3, 1)])
def test_another_purpose_than_production_is_kept_apart(purpose, state):
    readings, rejected, counts = decode({"purpose": purpose, "values": {"bore": 1}})
    assert rejected == []
    assert readings.state.tolist() == [state]
    assert counts.readings == {"line1": 1}


def test_a_bad_value_of_another_purpose_breaks_nothing():
    readings, rejected, _ = decode({"purpose": "setup", "values": {"bore": None, "depth": 1}})
    assert [one.reason for one in rejected] == ["absent-value"]
    assert readings.state.tolist() == [1]


@pytest.mark.parametrize("value", [b"true", b"[1]", b"{}", b"NaN"])
def test_a_bad_context_field_is_left_out_and_named(value):
    readings, rejected, _ = decode(b'{"operator": ' + value + b', "part": "1", "values": {"bore": 1}}')
    assert [one.reason for one in rejected] == ["wrong-type"]
    assert rejected[0].detail.startswith("operator: ")
    assert readings.contexts == ["", '{"part":"1"}']
    assert readings.state.tolist() == [0]


def test_a_context_field_of_more_than_500_characters_is_left_out_and_named():
    readings, rejected, _ = decode({"lot": "x" * 501, "tool": ["t"], "part": "y" * 500, "values": {"bore": 1}})
    assert [one.detail.partition(":")[0] for one in rejected] == ["tool", "lot"]
    assert readings.contexts == ["", '{"part":"' + "y" * 500 + '"}']
    assert readings.change.tolist() == [0]


def test_a_purpose_that_cannot_be_read_is_not_production():
    for purpose in (["setup"], "p" * 501):
        readings, _, _ = decode({"purpose": purpose, "values": {"bore": 1}})
        assert readings.state.tolist() == [1]


def test_readings_of_one_message_are_in_time_order_and_keep_their_places():
    at = "2026-11-21T08:00:0{}Z".format
    batch = [{"time": at(second), "values": {"bore": second, "depth": [1, 2]}} for second in (5, 3, 5, 1)]
    readings, _, _ = decode(batch, {"time": at(0), "values": {"bore": 0}})
    assert readings.idx.tolist() == [9, 10, 11, 3, 4, 5, 0, 1, 2, 6, 7, 8, 0]
    assert readings.seq.tolist() == [7] * 12 + [8]
    assert readings.ends.tolist() == [False, False, True] * 4 + [False]


def test_a_template_reads_topic_parts_and_context_fields():
    messages = [
        {"product": "P7", "cavity": 4, "values": {"bore": 1}},
        {"product": "P7", "cavity": 4.5, "values": {"bore": 2}},
        {"product": "P8", "cavity": 4, "values": {"bore": 3}},
        {"product": "P7", "values": {"bore": 4}},
        {"product": "P7", "cavity": [4], "values": {"bore": 5}},
    ]
    readings, rejected, _ = decode(*messages, connector="products", topic="p/op10")
    ids = [PLAN.characteristics[number].id for number in readings.characteristic]
    assert ids == ["op10/P7/4/bore", "op10/P7/4.5/bore"]
    reasons = ["unknown-characteristic", "template-field-missing", "template-field-missing"]
    assert [one.reason for one in rejected] == reasons
    assert "op10/P8/4/bore" in rejected[0].detail


def test_topics_and_connectors_that_the_plan_does_not_know_are_refused():
    assert refusals({"values": {"bore": 1}}, topic="factory/line1/measurements") == ["unknown-topic"]
    assert refusals({"values": {"bore": 1}}, connector="gone") == ["unknown-topic"]


@pytest.mark.parametrize("name", ["localtime", "posix/Europe/Berlin", "right/Europe/Berlin"])
def test_times_without_an_offset_are_read_in_pinned_zones_only(name, tmp_path):
    """Wherever the machine has such files: another machine would read the same journal otherwise."""
    with pytest.raises(ZoneInfoNotFoundError):
        EventTimes(name)
    folder = tmp_path / "Europe"
    folder.mkdir()
    (folder / "Berlin").write_bytes(files("tzdata").joinpath("zoneinfo", "Asia", "Tokyo").read_bytes())
    kept = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=[str(tmp_path)])
    zoneinfo.ZoneInfo.clear_cache()
    try:
        assert EventTimes("Europe/Berlin").ns("2026-11-21T09:00:00") == 1_795_248_000_000_000_000
    finally:
        zoneinfo.reset_tzpath(to=kept)
        zoneinfo.ZoneInfo.clear_cache()


def test_repeated_messages_yield_nothing_and_are_counted():
    first, second = {"id": "gw1-1", "values": {"bore": 1}}, {"id": "gw1-2", "values": {"bore": "x"}}
    entries = [entry(message, seq=seq) for seq, message in enumerate([first, second, first, second, [first, second]])]
    readings, rejected, counts, *_ = Decoder(PLAN).decode(entries, Repetition())
    assert readings.seq.tolist() == [0, 1]
    assert [(one.seq, one.idx, one.reason) for one in rejected] == [
        (1, 0, "wrong-type"),
        (2, 0, "repeated"),
        (3, 0, "repeated"),
        (4, 0, "repeated"),
        (4, 1, "repeated"),
    ]
    assert rejected[1].detail == "id 'gw1-1' was there before"
    assert counts.messages == {"line1": 5}
    assert counts.repeated == {"line1": 4}


def test_a_message_sent_again_with_a_later_time_counts_once():
    """A gateway may stamp as it sends; a time far ahead must not make all that follow repetitions or news."""
    times = ["2026-11-21T08:00:00Z", "2027-11-21T08:00:00Z", "2026-11-21T08:00:02Z"]
    sent = [{"id": f"gw1-{n}", "time": time, "values": {"bore": n}} for n, time in enumerate(times)]
    again = [{**message, "time": "2028-01-01T00:00:00Z"} for message in sent]
    entries = [entry(message, seq) for seq, message in enumerate([*sent, *again])]
    readings, rejected, *_ = Decoder(PLAN).decode(entries, Repetition())
    assert readings.value.tolist() == [0.0, 1.0, 2.0]
    assert [(one.seq, one.reason) for one in rejected] == [(3, "repeated"), (4, "repeated"), (5, "repeated")]


def test_the_brokers_repetition_is_seen_whatever_it_holds():
    entries = [
        entry(b"{", 1, packet_id=5),
        entry(b"{", 2, packet_id=5, dup=1),
        entry({"values": {"bore": 1}}, 3, packet_id=5, dup=1),
        entry({"values": {"bore": 1}}, 4, packet_id=5),
    ]
    readings, rejected, counts, *_ = Decoder(PLAN).decode(entries, Repetition())
    assert [(one.seq, one.reason) for one in rejected] == [(1, "not-json"), (2, "repeated")]
    assert "packet 5" in rejected[1].detail
    assert readings.seq.tolist() == [3, 4]
    assert counts.repeated == {"line1": 1}


def test_a_connector_says_how_it_finds_repetitions():
    payload = {"id": "a", "values": {"bore": 1}}
    for dedupe, kept in (("none", 3), ("payload", 1), ("id", 1)):
        plan = plan_of(replace(LINE1, dedupe=dedupe))
        entries = [entry(payload, seq, packet_id=1, dup=seq) for seq in range(3)]
        assert len(Decoder(plan).decode(entries, Repetition())[0]) == kept
    plan = plan_of(replace(LINE1, dedupe="payload"))
    entries = [entry({"values": {"bore": 1}}, seq) for seq in range(3)]
    assert len(Decoder(plan).decode(entries, Repetition())[0]) == 1
    assert len(Decoder(plan_of(LINE1)).decode(entries, Repetition())[0]) == 3


def test_an_id_of_the_wrong_type_is_named_and_its_message_counts():
    entries = [entry({"id": [1], "values": {"bore": 1}}, seq) for seq in range(2)]
    readings, rejected, *_ = Decoder(PLAN).decode(entries, Repetition())
    assert len(readings) == 2
    assert [one.reason for one in rejected] == ["wrong-type"] * 2


def test_hostile_payloads_take_no_longer_than_their_length():
    payloads = [
        b'"' + b'\\"' * 400_000 + b"NaN",
        b"NaN" + b"1" * 1_000_000,
        b"NaN" + b'"' * 1_000_001,
        b"NaN-" * 200_000,
    ]
    assert [decode(payload)[1][0].reason for payload in payloads] == ["not-json"] * 4
