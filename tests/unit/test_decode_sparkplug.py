"""Sparkplug B messages into columns: births, deaths, aliases, times; a function of the entries, however they are cut.

What a host application has to do is named after the specification's `tck-id` (Eclipse Sparkplug 3.0.0).
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest

from config.plan import ConnectorPlan, Plan
from config.tag_plan import Meaning, TagPlan
from connectors.columns import INVALID, PRODUCTION, Decoded
from connectors.decode import Decoder
from connectors.repetition import Repetition
from connectors.segments import Entry
from connectors.sparkplug.encode import MetricOut, encode_payload
from connectors.sparkplug.types import BD_SEQ, REBIRTH, DataType
from rules.events import MachineState
from rules.spec import CalendarSpec, CharacteristicSpec
from tests.sparkplug_proto import Payload

START_MS = 1_795_248_000_000
MS = 1_000_000
IDS = ("line1/op10/bore", "plant/press/cell/depth", "plant/press/cell/height", "plant/press/volts")
TAGS = (
    TagPlan("Inputs/bore", "measurement", name="line1/op10/bore"),
    TagPlan("State", "state", place="line1/op10", meanings=(Meaning("0", "idle"), Meaning("1", "running"))),
    TagPlan("PartId", "context", field="part"),
    TagPlan("Made", "count", field="total", counting="each", place="line1/op10"),
)
PLAN = Plan(
    "plant",
    CalendarSpec(),
    connectors=(
        ConnectorPlan(
            "spb",
            "sparkplug",
            ("spBv1.0/STATE/plumbline", "spBv1.0/plant/#"),
            "{group}/{edge}/{device}/{name}",
            "UTC",
            "id",
            place="{group}/{edge}/{device}",
            tags=TAGS,
        ),
    ),
    characteristics=tuple(CharacteristicSpec(one) for one in IDS),
)
BORE, DEPTH, HEIGHT, VOLTS = 0, 1, 2, 3


def metric(name: str = "", value: Any = 1.0, alias: int | None = None, ms: int | None = None, **more: Any) -> MetricOut:
    return MetricOut(name, value, alias=alias, timestamp_ms=None if ms is None else START_MS + ms, **more)


class Line:
    """A journal in the making, decoded as it grows."""

    def __init__(self) -> None:
        self.decoder, self.repetition, self.seq = Decoder(PLAN), Repetition(), 0

    def entry(self, topic: str, payload: bytes, packet_id: int = 0, dup: int = 0) -> Entry:
        self.seq += 1
        return Entry(self.seq, (START_MS + self.seq) * MS, "spb", topic, packet_id, dup, payload)

    def send(self, kind: str, *metrics: MetricOut, device: str = "", edge: str = "press", at_ms: int = 0) -> Decoded:
        topic = f"spBv1.0/plant/{kind}/{edge}" + (f"/{device}" if device else "")
        seq = None if kind == "NDEATH" else self.seq % 256
        return self.take(self.entry(topic, encode_payload(START_MS + at_ms, metrics, seq)))

    def take(self, *entries: Entry) -> Decoded:
        return self.decoder.decode(entries, self.repetition)

    def born(self, bd_seq: int = 0, at_ms: int = 0) -> None:
        """An edge node with a volt meter and a device with two measurements and a state."""
        volts = metric("volts", 24.0, 1)
        rebirth = metric(REBIRTH, False, datatype=DataType.BOOLEAN)
        self.send("NBIRTH", bd(bd_seq), rebirth, volts, at_ms=at_ms)
        depth, bore = metric("depth", 5.0, 2), metric("Inputs/bore", 10.0, 3)
        state = metric("State", 1, 4, datatype=DataType.INT32)
        self.send("DBIRTH", depth, bore, state, device="cell", at_ms=at_ms)

    def restart(self) -> None:
        """Goes on with what was remembered."""
        self.decoder = Decoder(PLAN, self.decoder.memory())


def bd(number: int) -> MetricOut:
    return MetricOut(BD_SEQ, number, DataType.INT64)


@pytest.fixture
def line() -> Line:
    made = Line()
    made.born()
    return made


def values(decoded: Decoded) -> list[tuple[int, float]]:
    return list(zip(decoded.readings.characteristic.tolist(), decoded.readings.value.tolist(), strict=True))


def reasons(decoded: Decoded) -> list[str]:
    return [one.reason for one in decoded.rejected]


def marked(decoded: Decoded) -> list[tuple[int, str]]:
    return [(mark.characteristic, mark.what) for mark in decoded.marks]


def test_births_bring_values_and_make_their_characteristics_live() -> None:
    line = Line()
    born = line.send("NBIRTH", bd(0), metric("volts", 24.0, 1))
    assert values(born) == [(VOLTS, 24.0)]
    assert marked(born) == [(VOLTS, "live")]
    decoded = line.send("DBIRTH", metric("depth", 5.0, 2), metric("State", 1, datatype=DataType.INT32), device="cell")
    assert values(decoded) == [(DEPTH, 5.0)]
    assert [(event.place, event.body) for event in decoded.events] == [("line1/op10", MachineState("running"))]
    assert decoded.rejected == []


def test_data_are_known_by_alias_by_name_or_by_both(line: Line) -> None:
    decoded = line.send("DDATA", metric(alias=2, value=5.1), metric("Inputs/bore", 10.1), device="cell")
    assert values(decoded) == [(DEPTH, 5.1), (BORE, 10.1)]
    assert values(line.send("NDATA", metric("volts", 24.1, 1))) == [(VOLTS, 24.1)]


def test_a_data_type_is_that_of_the_birth_where_data_tell_none() -> None:
    line = Line()
    line.send("DBIRTH", metric("depth", -1, 2, datatype=DataType.INT8), device="cell")
    out = metric(alias=2, value=-5, datatype=DataType.INT8, tell_datatype=False)
    assert values(line.send("DDATA", out, device="cell")) == [(DEPTH, -5.0)]


def test_an_array_is_a_subgroup(line: Line) -> None:
    out = metric("depth", (5.0, 5.1), datatype=DataType.DOUBLE_ARRAY)
    readings = line.send("DDATA", out, metric("Inputs/bore", 9.9), device="cell").readings
    assert readings.value.tolist() == [5.0, 5.1, 9.9]
    assert readings.idx.tolist() == [0, 1, 2]
    assert readings.ends.tolist() == [False, True, False]


def test_a_time_is_the_metrics_else_the_payloads(line: Line) -> None:
    decoded = line.send("DDATA", metric(alias=2, ms=70), metric(alias=3), device="cell", at_ms=80)
    assert [ns // MS - START_MS for ns in decoded.readings.time_ns.tolist()] == [70, 80]
    entry = line.entry("spBv1.0/plant/DDATA/press/cell", encode_payload(None, [metric(alias=2)], 0))
    assert line.take(entry).readings.time_ns.tolist() == [entry.received_ns]


@pytest.mark.parametrize("wrong", [1_795_248_000, 1 << 62])
def test_a_time_that_is_none_costs_its_metric_alone(line: Line, wrong: int) -> None:
    out = MetricOut("", 5.0, alias=2, timestamp_ms=wrong)
    decoded = line.send("DDATA", out, metric(alias=3), device="cell")
    assert values(decoded) == [(BORE, 1.0)]
    assert reasons(decoded) == ["bad-time"]


def test_tck_id_operational_behavior_edge_node_termination_host_action_ndeath_node_tags_stale(line: Line) -> None:
    assert (VOLTS, "stale") in marked(line.send("NDEATH", bd(0)))


def test_tck_id_operational_behavior_edge_node_termination_host_action_ndeath_devices_tags_stale(line: Line) -> None:
    death = line.send("NDEATH", bd(0))
    assert marked(death) == [(BORE, "stale"), (DEPTH, "stale"), (VOLTS, "stale")]
    assert [mark.time_ns for mark in death.marks] == [(START_MS + line.seq) * MS] * 3  # our time: it has none


def test_tck_id_operational_behavior_edge_node_termination_host_action_ddeath_devices_tags_stale(line: Line) -> None:
    assert marked(line.send("DDEATH", device="cell")) == [(BORE, "stale"), (DEPTH, "stale")]


def test_a_death_is_told_once(line: Line) -> None:
    line.send("DDEATH", device="cell")
    assert marked(line.send("NDEATH", bd(0))) == [(VOLTS, "stale")]
    assert marked(line.send("NDEATH", bd(0))) == []


def test_tck_id_payloads_ndeath_bdseq(line: Line) -> None:
    """A death bears the bdSeq of its birth: one of an earlier session that comes late is none of this one."""
    line.born(bd_seq=1, at_ms=5)
    decoded = line.send("NDEATH", bd(0))
    assert (marked(decoded), reasons(decoded)) == ([], ["earlier-death"])
    assert len(line.send("NDEATH", bd(1)).marks) == 3


def test_a_death_of_a_node_that_nobody_knows_changes_nothing() -> None:
    line = Line()
    for decoded in (line.send("NDEATH", bd(0)), line.send("DDEATH", device="cell")):
        assert (marked(decoded), reasons(decoded)) == ([], [])


@pytest.mark.parametrize("dead", ["NDEATH", "DDEATH"])
def test_after_a_death_nothing_is_taken_until_the_next_birth(line: Line, dead: str) -> None:
    line.send(dead, *([bd(0)] if dead == "NDEATH" else []), device="" if dead == "NDEATH" else "cell")
    decoded = line.send("DDATA", metric("depth", 5.1), device="cell")
    assert (values(decoded), reasons(decoded)) == ([], ["before-birth"])
    line.born(at_ms=9)
    assert values(line.send("DDATA", metric(alias=2, value=5.2), device="cell")) == [(DEPTH, 5.2)]


def test_a_birth_that_tells_again_what_was_taken_is_no_measurement_and_makes_it_live(line: Line) -> None:
    line.send("DDATA", metric(alias=2, value=5.1, ms=50), device="cell")
    line.send("NDEATH", bd(0))
    line.send("NBIRTH", bd(1), at_ms=90)
    again = line.send("DBIRTH", metric("depth", 5.1, 2, ms=90), metric("Inputs/bore", 10.2, 3, ms=90), device="cell")
    assert values(again) == [(BORE, 10.2)]  # this one was measured while it was away
    assert marked(again) == [(BORE, "live"), (DEPTH, "live")]


def test_a_birth_older_than_what_was_taken_is_no_measurement(line: Line) -> None:
    line.send("DDATA", metric(alias=2, value=5.1, ms=50), device="cell")
    assert values(line.send("DBIRTH", metric("depth", 5.3, 2, ms=40), device="cell")) == []


@pytest.mark.parametrize("bad", [{"value": 5.1, "quality": 0}, {"value": None}])
def test_what_was_not_good_was_not_taken(line: Line, bad: dict[str, Any]) -> None:
    line.send("DDATA", metric(alias=2, ms=50, **bad), device="cell")
    assert values(line.send("DBIRTH", metric("depth", 5.1, 2, ms=50), device="cell")) == [(DEPTH, 5.1)]


def test_what_a_birth_does_not_name_any_more_is_stale(line: Line) -> None:
    decoded = line.send("DBIRTH", metric("depth", 5.0, 2), device="cell")
    assert marked(decoded) == [(BORE, "stale"), (DEPTH, "stale"), (DEPTH, "live")]


def test_a_new_birth_gives_the_aliases_anew(line: Line) -> None:
    line.send("NBIRTH", bd(1))
    line.send("DBIRTH", metric("height", 7.0, 2), device="cell")
    decoded = line.send("DDATA", metric(alias=2, value=7.1), metric(alias=3, value=9.9), device="cell")
    assert values(decoded) == [(HEIGHT, 7.1)]
    assert reasons(decoded) == ["unknown-alias"]


def test_null_is_no_value(line: Line) -> None:
    born = line.send("DBIRTH", metric("depth", None, 2), device="cell")
    assert (values(born), reasons(born)) == ([], [])
    assert (DEPTH, "live") not in marked(born)
    decoded = line.send("DDATA", metric(alias=2, value=None), device="cell")
    assert decoded.readings.state.tolist() == [INVALID]
    assert reasons(decoded) == ["absent-value"]


def test_a_historical_value_keeps_its_own_time_and_does_not_stand_for_the_present(line: Line) -> None:
    line.send("DDATA", metric(alias=2, value=5.1, ms=50), device="cell")
    late = line.send("DDATA", metric(alias=2, value=4.9, ms=20, is_historical=True), device="cell", at_ms=60)
    assert late.readings.time_ns.tolist() == [(START_MS + 20) * MS]
    again = line.send("DBIRTH", metric("depth", 5.1, 2, ms=70), device="cell")
    assert values(again) == []


@pytest.mark.parametrize(("quality", "reason"), [(0, "quality-bad"), (500, "quality-stale"), (64, "quality-uncertain")])
def test_only_good_values_enter_charts(line: Line, quality: int, reason: str) -> None:
    decoded = line.send("DDATA", metric(alias=2, quality=quality), metric(alias=3, quality=192), device="cell")
    assert decoded.readings.state.tolist() == [INVALID, PRODUCTION]
    assert reasons(decoded) == [reason]
    assert marked(decoded) == ([(DEPTH, "stale")] if quality == 500 else [])


def test_templates_datasets_and_transient_metrics_are_passed_over_and_counted(line: Line) -> None:
    payload = Payload(timestamp=START_MS, seq=1)
    payload.metrics.add(name="depth", datatype=19).template_value.metrics.add(name="x", double_value=1.0)
    payload.metrics.add(name="depth", datatype=16).dataset_value.columns.append("x")
    payload.metrics.add(name="depth", datatype=10, double_value=5.0, is_transient=True)
    payload.metrics.add(name="Inputs/bore", datatype=10, double_value=10.1)
    decoded = line.take(line.entry("spBv1.0/plant/DDATA/press/cell", payload.SerializeToString()))
    assert values(decoded) == [(BORE, 10.1)]
    assert reasons(decoded) == ["template", "dataset", "transient"]


def test_an_unknown_metric_is_set_aside_under_its_id(line: Line) -> None:
    decoded = line.send("DBIRTH", metric("Properties/OS", "x", datatype=DataType.STRING), device="cell")
    assert [(one.reason, one.name) for one in decoded.rejected] == [
        ("unknown-characteristic", "plant/press/cell/Properties/OS")
    ]


def test_a_count_of_its_own_is_not_counted_again_by_a_birth(line: Line) -> None:
    made = metric("Made", 3, datatype=DataType.INT32)
    assert line.send("DBIRTH", made, device="cell").events == []
    (event,) = line.send("DDATA", made, device="cell").events
    assert event.body.total == 3  # type: ignore[union-attr] # it is a count


def test_context_holds_for_what_follows(line: Line) -> None:
    part = metric("PartId", "SN1", datatype=DataType.STRING)
    line.send("DDATA", part, device="cell")
    readings = line.send("DDATA", metric(alias=2), device="cell").readings
    assert [readings.contexts[one] for one in readings.context] == ['{"part":"SN1"}']


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("spBv1.0/plant/NDATA/press", b"\x12", "not-sparkplug"),
        ("spBv1.0/plant/NDATA/press", b"\x22" + b"\x80\x80\x40" + bytes(1 << 20), "not-sparkplug"),
        ("spBv1.0/plant/NDATA/press/cell", b"", "unknown-topic"),
        ("spBv1.0/plant/DDATA/press", b"", "unknown-topic"),
        ("spBv1.0/plant/NOTHING/press", b"", "unknown-topic"),
        ("factory/line1", b"", "unknown-topic"),
        ("spBv1.0/plant/NDATA/nobody", b"", "before-birth"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(line: Line, topic: str, payload: bytes, reason: str) -> None:
    decoded = line.take(line.entry(topic, payload))
    assert (reasons(decoded), len(decoded.readings)) == ([reason], 0)
    assert decoded.counts.rejected == {("spb", reason): 1}


@pytest.mark.parametrize("topic", ["spBv1.0/plant/NCMD/press", "spBv1.0/plant/DCMD/press/cell", "spBv1.0/STATE/other"])
def test_what_is_said_to_others_changes_nothing(line: Line, topic: str) -> None:
    decoded = line.take(line.entry(topic, b'{"online":true,"timestamp":5}'))
    assert (reasons(decoded), marked(decoded)) == ([], [])


def test_a_new_session_of_ours_makes_everything_stale_until_it_is_born_again(line: Line) -> None:
    state = orjson.dumps({"online": True, "timestamp": START_MS})
    first = line.take(line.entry("spBv1.0/STATE/plumbline", state))
    assert marked(first) == [(BORE, "stale"), (DEPTH, "stale"), (VOLTS, "stale")]
    assert reasons(line.send("DDATA", metric(alias=2), device="cell")) == ["before-birth"]  # who knows what 2 is now
    line.born(at_ms=9)
    assert marked(line.take(line.entry("spBv1.0/STATE/plumbline", state))) == []  # the same session


@pytest.mark.parametrize("said", [b"", b"ONLINE", b"[]", b'{"online":true}', b'{"online":false,"timestamp":9}'])
def test_a_state_that_begins_no_session_changes_nothing(line: Line, said: bytes) -> None:
    assert marked(line.take(line.entry("spBv1.0/STATE/plumbline", said))) == []


def test_a_packet_that_the_broker_sends_again_counts_once(line: Line) -> None:
    topic, payload = "spBv1.0/plant/DDATA/press/cell", encode_payload(START_MS, [metric(alias=2)], 1)
    assert len(line.take(line.entry(topic, payload, 7)).readings) == 1
    again = line.take(line.entry(topic, payload, 7, 1))
    assert (len(again.readings), reasons(again)) == (0, ["repeated"])


def random_entries(rng: random.Random, n: int) -> list[Entry]:
    """What edge nodes could send, in any order, and what nobody should."""
    line, entries = Line(), []
    names = ["depth", "height", "Inputs/bore", "State", "PartId", "Made", "other"]
    for _ in range(n):
        kind = rng.choice(["NBIRTH", "DBIRTH", "DBIRTH", "NDATA", *["DDATA"] * 6, "NDEATH", "DDEATH", "STATE", "junk"])
        if kind == "STATE":
            state = {"online": rng.random() < 0.8, "timestamp": rng.randrange(3)}
            entries.append(line.entry("spBv1.0/STATE/plumbline", orjson.dumps(state)))
            continue
        metrics = [bd(rng.randrange(2))] if kind in ("NBIRTH", "NDEATH") else []
        for name in rng.sample(names, rng.randint(0, 5)):
            alias = names.index(name)
            by = {"name": name, "alias": alias} if "BIRTH" in kind else rng.choice([{"name": name}, {"alias": alias}])
            value: Any = {"PartId": f"SN{rng.randrange(4)}", "State": rng.randrange(3), "Made": rng.randrange(4)}.get(
                name
            )
            datatype = {"PartId": DataType.STRING, "State": DataType.INT32, "Made": DataType.INT32}.get(name)
            if datatype is None:
                array = rng.random() < 0.2
                value = (rng.gauss(10, 1), rng.gauss(10, 1)) if array else round(rng.gauss(10, 1), 1)
                datatype = DataType.DOUBLE_ARRAY if array else DataType.DOUBLE
            flags = {"is_historical": rng.random() < 0.1, "quality": rng.choice([None, None, 192, 0, 500])}
            metrics.append(metric(value=value, datatype=datatype, ms=rng.randrange(100), **by, **flags))
        edge = rng.choice(["press", "oven"])
        device = "/cell" if kind[0] == "D" else ""
        payload = rng.randbytes(20) if kind == "junk" else encode_payload(START_MS, metrics, 1)
        entries.append(line.entry(f"spBv1.0/plant/{'NDATA' if kind == 'junk' else kind}/{edge}{device}", payload))
    return entries


def plain_entries(rng: random.Random) -> list[Entry]:
    """Births, and data of many metrics by alias: mostly plain ones, now and then one that is not."""
    line = Line()
    names = [f"m{number}" for number in range(40)]
    born = [metric(name, 1.0, alias, 0) for alias, name in enumerate(names)]
    entries = [line.entry("spBv1.0/plant/DBIRTH/press/cell", encode_payload(START_MS, born, 0))]
    odd: list[dict[str, Any]] = [
        {"value": float("nan")},
        {"value": 1e200, "datatype": DataType.DOUBLE},
        {"value": None},
        {"value": 3, "datatype": DataType.INT32},
        {"value": (1.0, 2.0), "datatype": DataType.DOUBLE_ARRAY},
        {"quality": 0},
        {"alias": 99},
        {"alias": 39},  # the plan does not know it
        {"timestamp_ms": None},
        {"timestamp_ms": 1_795_248_000},
        {"is_historical": True},
        {"name": "m3"},
    ]
    for _ in range(60):
        sent = [
            {"alias": alias, "value": rng.gauss(10, 1), "timestamp_ms": START_MS + rng.randrange(5)}
            | {"datatype": rng.choice([DataType.DOUBLE, DataType.FLOAT]), "quality": rng.choice([None, 192])}
            for alias in rng.sample(range(39), rng.randint(10, 30))
        ]
        if rng.random() < 0.5:
            sent[rng.randrange(len(sent))] |= rng.choice(odd)
        payload = encode_payload(START_MS, [MetricOut(**one) for one in sent], 1)
        entries.append(line.entry("spBv1.0/plant/DDATA/press/cell", payload))
    return entries


@pytest.mark.parametrize("seed", range(4))
def test_many_metrics_at_once_give_what_they_give_one_by_one(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = plain_entries(random.Random(seed))
    ids = sorted(f"plant/press/cell/m{number}" for number in range(39))
    plan = replace(PLAN, characteristics=tuple(CharacteristicSpec(one) for one in ids))
    at_once, one_by_one = Decoder(plan), Decoder(plan)
    quick = at_once.decode(entries)
    monkeypatch.setattr("connectors.sparkplug.plain.FROM", 1 << 30)
    slow = one_by_one.decode(entries)
    assert told([quick]) == told([slow])
    assert at_once.memory() == one_by_one.memory()
    assert quick.readings.time_ns.tolist() == slow.readings.time_ns.tolist()  # in the same order
    assert len(quick.readings) > 800


def told(parts: Sequence[Decoded]) -> list[Any]:
    rows = []
    for part in parts:
        readings = part.readings
        context = [readings.contexts[number] for number in readings.context]
        columns = (readings.seq, readings.idx, readings.characteristic, readings.time_ns, readings.state, readings.ends)
        lists = [*(column.tolist() for column in columns), [str(one) for one in readings.value.tolist()], context]
        rows += [("reading", *row) for row in zip(*lists, strict=True)]
        rows += [("event", *event) for event in part.events]
        rows += [("mark", *mark) for mark in part.marks]
        rows += [("rejected", *one) for one in part.rejected]
    return sorted(rows, key=lambda row: (row[0], row[1], str(row)))


@pytest.mark.parametrize("seed", range(6))
def test_how_the_journal_was_cut_and_where_it_was_resumed_changes_nothing(seed: int) -> None:
    rng = random.Random(seed)
    entries = random_entries(rng, 150)
    whole = Decoder(PLAN)
    at_once = [whole.decode(entries, Repetition())]
    decoder, parts, start, repetition = Decoder(PLAN), [], 0, Repetition()
    while start < len(entries):
        end = start + rng.randint(1, 20)
        parts.append(decoder.decode(entries[start:end], repetition))
        start = end
        if rng.random() < 0.5:
            decoder = Decoder(PLAN, decoder.memory())
    assert told(parts) == told(at_once)
    assert decoder.memory() == whole.memory()
    kinds = {row[0] for row in told(at_once)}
    assert kinds == {"reading", "event", "mark", "rejected"}
