"""The own reader of Sparkplug B payloads beside google.protobuf's, on known, random and broken bytes."""

import json
import random
import struct
from base64 import b64decode
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import DecodeError

from connectors.sparkplug.encode import MetricOut, encode_payload, rebirth_command
from connectors.sparkplug.payload import Malformed, Metric, read_payload
from connectors.sparkplug.scan import HAS_ALIAS, HAS_TIMESTAMP, HISTORICAL, NULL, TRANSIENT
from connectors.sparkplug.types import ELEMENTS, SIGNED_BITS, DataType
from tests.sparkplug_proto import Payload
from tests.truth_tables import FOLDER

_FIELDS = {10: "int_value", 11: "long_value", 12: "float_value", 13: "double_value", 14: "boolean_value"}
_FIELDS |= {15: "string_value", 16: "bytes_value", 17: "dataset_value", 18: "template_value"}
_WHOLE_NUMBERS = (0, 1, 127, 128, 255, 300, 65_535, 2**31 - 1, 2**31, 2**32 - 1, 2**53 + 1, 2**63, 2**64 - 1)


def random_metric(rng: random.Random, metric: Any) -> None:
    if rng.random() < 0.6:
        metric.name = rng.choice(("Inputs/bore", "bdSeq", "Ø", "a" * 300, ""))
    if rng.random() < 0.6:
        metric.alias = rng.choice(_WHOLE_NUMBERS)
    if rng.random() < 0.7:
        metric.timestamp = rng.choice((0, 1_750_855_643_474, 2**63 - 1))
    if rng.random() < 0.7:
        metric.datatype = rng.choice(list(DataType))
    for flag in ("is_historical", "is_transient", "is_null"):
        if rng.random() < 0.3:
            setattr(metric, flag, rng.random() < 0.7)
    if rng.random() < 0.2:
        metric.metadata.content_type = "text"
    if rng.random() < 0.4:
        keys = rng.sample(("Quality", "Qualify", "unit", "quality"), rng.randint(1, 4))
        metric.properties.keys.extend(keys)
        for _ in keys:
            value = metric.properties.values.add(type=3)
            if rng.random() < 0.8:
                value.int_value = rng.choice((0, 192, 500))
            else:
                value.string_value = "mm"
    random_value(rng, metric)


def random_value(rng: random.Random, metric: Any) -> None:
    field = rng.choice([*_FIELDS.values(), None])
    if field == "int_value":
        metric.int_value = rng.choice([n for n in _WHOLE_NUMBERS if n < 2**32])
    elif field == "long_value":
        metric.long_value = rng.choice(_WHOLE_NUMBERS)
    elif field == "float_value":
        metric.float_value = struct.unpack("<f", struct.pack("<f", rng.uniform(-1e6, 1e6)))[0]
    elif field == "double_value":
        metric.double_value = rng.choice((0.0, -1.5, 1e300, rng.gauss(10, 0.01)))
    elif field == "boolean_value":
        metric.boolean_value = rng.random() < 0.5
    elif field == "string_value":
        metric.string_value = rng.choice(("", "SN123", "Maß", "x" * 1000))
    elif field == "bytes_value":
        metric.bytes_value = rng.randbytes(rng.choice((0, 4, 8, 24)))
    elif field == "dataset_value":
        metric.dataset_value.columns.append("a")
    elif field == "template_value":
        metric.template_value.metrics.add(name="inner", double_value=1.0)


def expected_value(metric: Any, field: str) -> object:
    """As the specification says (section 6.4.16): small whole numbers are two's complement of 32 bits or more."""
    raw = getattr(metric, field)
    if field in {"int_value", "long_value"} and metric.datatype in SIGNED_BITS:
        width = SIGNED_BITS[DataType(metric.datatype)]
        return int.from_bytes((raw % 2**width).to_bytes(width // 8, "little"), "little", signed=True)
    if field == "bytes_value":
        element = ELEMENTS.get(DataType(metric.datatype)) if metric.datatype in set(DataType) else None
        if element is not None:
            size = np.dtype(element).itemsize
            return tuple(np.frombuffer(raw, element).tolist()) if len(raw) % size == 0 else None
        return ...  # strings and booleans: tests of their own
    return None if field in {"dataset_value", "template_value"} else raw


def expected_quality(metric: Any) -> int:
    keys = list(metric.properties.keys)
    if "Quality" not in keys:
        return -1
    value = metric.properties.values[keys.index("Quality")]
    return int(value.int_value) if value.HasField("int_value") else -1


def signed(number: int) -> int:
    return number - 2**64 if number >= 2**63 else number


def assert_same(data: bytes, theirs: Any) -> None:
    ours = read_payload(data)
    assert ours.timestamp_ms == (theirs.timestamp if theirs.HasField("timestamp") else -1)
    assert ours.seq == (theirs.seq if theirs.HasField("seq") else -1)
    metrics = list(ours.metrics())
    assert len(metrics) == len(ours) == len(theirs.metrics)
    for one, other in zip(metrics, theirs.metrics, strict=True):
        assert one.name == other.name
        assert (one.flags & HAS_ALIAS != 0) == other.HasField("alias")
        assert one.alias == (signed(other.alias) if other.HasField("alias") else -1)
        assert (one.flags & HAS_TIMESTAMP != 0) == other.HasField("timestamp")
        assert one.timestamp_ms == (other.timestamp if other.HasField("timestamp") else -1)
        assert one.datatype == other.datatype
        flags = (one.flags & HISTORICAL != 0, one.flags & TRANSIENT != 0, one.flags & NULL != 0)
        assert flags == (other.is_historical, other.is_transient, other.is_null)
        assert one.quality == expected_quality(other)
        field = other.WhichOneof("value")
        assert _FIELDS.get(one.kind) == field
        if field is not None and (value := expected_value(other, field)) is not ...:
            assert ours.value(one, one.datatype) == value


def test_random_payloads_read_as_protobuf_reads_them() -> None:
    rng = random.Random(21)
    for _ in range(400):
        theirs = Payload()
        if rng.random() < 0.9:
            theirs.timestamp = 1_750_855_643_474
        if rng.random() < 0.9:
            theirs.seq = rng.randrange(256)
        if rng.random() < 0.1:
            theirs.uuid, theirs.body = "u", b"body"
        for _ in range(rng.choice((0, 1, 2, 5, 30))):
            random_metric(rng, theirs.metrics.add())
        assert_same(theirs.SerializeToString(), theirs)


def test_fields_in_another_order_and_said_twice_read_as_protobuf_reads_them() -> None:
    rng = random.Random(22)
    for _ in range(100):
        parts = []
        for _ in range(3):
            theirs = Payload(seq=rng.randrange(256))
            random_metric(rng, theirs.metrics.add())
            parts.append(theirs.SerializeToString())
        rng.shuffle(parts)
        data = b"".join(parts)
        assert_same(data, Payload.FromString(data))


def test_what_is_broken_is_refused_and_raises_nothing_else() -> None:
    rng = random.Random(23)
    refused = 0
    for _ in range(5_000):
        theirs = Payload(timestamp=1_750_855_643_474, seq=3)
        for _ in range(3):
            random_metric(rng, theirs.metrics.add())
        data = bytearray(theirs.SerializeToString())
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        broken = bytes(data[: rng.randrange(len(data) + 1)])
        try:
            payload = read_payload(broken)
        except Malformed:
            refused += 1
        else:
            for metric in payload.metrics():
                payload.value(metric, metric.datatype)
    assert refused > 1_000


@pytest.mark.parametrize(
    "broken",
    [b"\x12", b"\x12\x05ab", b"\x08" + b"\xff" * 10, b"\x07", b"\x00\x01", b"\x0b", b"\x12\xff\xff\xff\xff\x0f", b"{}"],
)
def test_bytes_that_protobuf_refuses_are_refused(broken: bytes) -> None:
    with pytest.raises(DecodeError):
        Payload.FromString(broken)
    with pytest.raises(Malformed, match="expected a Sparkplug B payload"):
        read_payload(broken)


def test_a_metric_that_cannot_be_read_is_named() -> None:
    good = encode_payload(None, [MetricOut("a", 1.0)])
    with pytest.raises(Malformed, match="metric 2 of 2"):
        read_payload(good + b"\x12\x02\x0a\x09")


def test_more_metrics_than_anybody_sends_are_refused() -> None:
    with pytest.raises(Malformed, match="expected at most 100000 metrics, got 100001"):
        read_payload(b"\x12\x00" * 100_001)


def test_known_payloads() -> None:
    for vector in json.loads((FOLDER / "sparkplug_vectors.json").read_text())["vectors"]:
        payload = read_payload(b64decode(vector["base64"]))
        decoded = vector["decoded"]
        assert (payload.timestamp_ms, payload.seq) == (decoded["timestamp"], decoded["seq"])
        assert [as_vector(payload.value(one, one.datatype), one) for one in payload.metrics()] == decoded["metrics"]


def as_vector(value: object, metric: Metric) -> dict[str, object]:
    said: dict[str, object] = {"alias": metric.alias, "datatype": metric.datatype, _FIELDS[metric.kind]: value}
    return said | ({"name": metric.name} if metric.name else {})


VALUES: list[tuple[DataType, Any]] = [
    (DataType.INT8, -5),
    (DataType.INT16, -300),
    (DataType.INT32, -(2**31)),
    (DataType.INT64, -(2**63)),
    (DataType.UINT8, 255),
    (DataType.UINT32, 2**32 - 1),
    (DataType.UINT64, 2**64 - 1),
    (DataType.FLOAT, 1.25),
    (DataType.DOUBLE, 10.012),
    (DataType.BOOLEAN, True),
    (DataType.STRING, "SN123"),
    (DataType.DATE_TIME, 1_750_855_643_474),
    (DataType.INT8_ARRAY, (-23, 123)),
    (DataType.INT16_ARRAY, (-30000, 30000)),
    (DataType.UINT64_ARRAY, (52, 2**64 - 1)),
    (DataType.FLOAT_ARRAY, (1.25, -89.5)),
    (DataType.DOUBLE_ARRAY, (12.354213, 1022.9123213)),
    (DataType.BOOLEAN_ARRAY, (False, False, True, True, False, True, False, False, True, True, False, True)),
    (DataType.STRING_ARRAY, ("ABC", "hello")),
    (DataType.DOUBLE_ARRAY, ()),
]


@pytest.mark.parametrize(("datatype", "value"), VALUES, ids=lambda one: one.name if isinstance(one, DataType) else "")
def test_a_value_comes_back_as_it_was_sent(datatype: DataType, value: Any) -> None:
    data = encode_payload(7, [MetricOut("x", value, datatype, alias=9, timestamp_ms=8, quality=192)], seq=5)
    payload = read_payload(data)
    (metric,) = payload.metrics()
    assert (metric.name, metric.alias, metric.timestamp_ms, metric.quality) == ("x", 9, 8, 192)
    assert payload.value(metric, datatype) == value
    theirs = Payload.FromString(data)
    assert (theirs.timestamp, theirs.seq, theirs.metrics[0].datatype) == (7, 5, datatype)


def test_the_arrays_of_the_specification_lie_as_it_shows_them() -> None:
    """Section 6.4.17: 12 booleans as their count and bits, texts that end with a zero byte."""
    booleans = (False, False, True, True, False, True, False, False, True, True, False, True)
    assert encode_payload(None, [MetricOut("", booleans, DataType.BOOLEAN_ARRAY)]).endswith(
        bytes.fromhex("0c00000034d0")
    )
    assert encode_payload(None, [MetricOut("", ("ABC", "hello"), DataType.STRING_ARRAY)]).endswith(
        bytes.fromhex("414243 00 68656c6c6f 00")
    )


def test_a_small_number_in_its_own_width_is_read_like_one_in_32_bits() -> None:
    metric = Payload()
    metric.metrics.add(datatype=DataType.INT8, int_value=0xFB)
    metric.metrics.add(datatype=DataType.INT8, int_value=0xFFFFFFFB)
    payload = read_payload(metric.SerializeToString())
    assert [payload.value(one, one.datatype) for one in payload.metrics()] == [-5, -5]


def test_a_null_metric_says_so_and_has_no_value() -> None:
    payload = read_payload(encode_payload(7, [MetricOut("x", None)]))
    (metric,) = payload.metrics()
    assert metric.flags & NULL
    assert payload.value(metric, metric.datatype) is None


def test_a_rebirth_command_is_what_an_edge_node_expects() -> None:
    theirs = Payload.FromString(rebirth_command(1_750_855_643_474))
    (metric,) = theirs.metrics
    assert (metric.name, metric.datatype, metric.boolean_value) == ("Node Control/Rebirth", DataType.BOOLEAN, True)
    assert not theirs.HasField("seq")
