"""How fast Sparkplug B payloads become metrics, and readings: `python -m benchmarks.bench_sparkplug`.

Payloads as an edge node sends them: an alias, a time and a double each, one core. Beside it google.protobuf, which
parses the same bytes and has each metric's alias, time and value read.
"""

from functools import partial
from time import process_time
from typing import Any

from benchmarks.figures import Figure, medians, show
from config.plan import ConnectorPlan, Plan
from connectors.decode import Decoder
from connectors.segments import Entry
from connectors.sparkplug.encode import MetricOut, encode_payload
from connectors.sparkplug.payload import read_payload
from connectors.sparkplug.types import DataType
from rules.spec import CalendarSpec, CharacteristicSpec
from tests.sparkplug_proto import Payload

METRICS = 200_000
START_MS = 1_795_248_000_000
START_NS = START_MS * 1_000_000
BUDGET = 0.8e6


def payloads(metrics: int, each: int) -> list[bytes]:
    """So many metrics in all, `each` in a payload."""
    made = []
    for number in range(metrics // each):
        at_ms = START_MS + 100 * number
        values = [
            MetricOut(
                alias=alias, value=10.0 + 0.001 * (alias % 17), timestamp_ms=at_ms + alias % 3, tell_datatype=False
            )
            for alias in range(each)
        ]
        made.append(encode_payload(at_ms, values, number % 256))
    return made


def through_ours(sample: list[bytes]) -> float:
    """Metrics a second, each with its name, alias, time and value as Python objects."""
    began, found = process_time(), 0
    for data in sample:
        payload = read_payload(data)
        for metric in payload.metrics():
            found += payload.value(metric, DataType.DOUBLE) is not None
    return found / (process_time() - began)


def through_protobuf(sample: list[bytes]) -> float:
    """Metrics a second by google.protobuf, with alias, time and value taken out of each."""
    began, taken = process_time(), list[Any]()
    for data in sample:
        taken += [(one.alias, one.timestamp, one.double_value) for one in Payload.FromString(data).metrics]
    return len(taken) / (process_time() - began)


def through_decoder(sample: list[bytes], each: int) -> float:
    """Metrics a second from journal entries to readings, all of them known by a birth."""
    names = [f"m{number:04}" for number in range(each)]
    connector = ConnectorPlan("cells", "sparkplug", ("spBv1.0/#",), "{name}", "UTC", "id")
    plan = Plan("bench", CalendarSpec(), (connector,), tuple(CharacteristicSpec(name) for name in names))
    born = [MetricOut(name, 1.0, alias=alias, timestamp_ms=START_MS) for alias, name in enumerate(names)]
    decoder = Decoder(plan)
    decoder.decode([Entry(1, START_NS, "cells", "spBv1.0/plant/NBIRTH/press", 0, 0, encode_payload(START_MS, born, 0))])
    topic = "spBv1.0/plant/NDATA/press"
    entries = [Entry(seq, START_NS, "cells", topic, 0, 0, data) for seq, data in enumerate(sample, 2)]
    began, found = process_time(), 0
    for start in range(0, len(entries), 500):
        found += len(decoder.decode(entries[start : start + 500]).readings)
    took = process_time() - began
    assert found == len(sample) * each
    return found / took


def figures(metrics: int = METRICS) -> list[Figure]:
    found = []
    for each in (10, 100, 1_000):
        sample = payloads(metrics, each)
        through_ours(sample[:2])  # compiled, or read from the disk
        ours, theirs = medians(partial(through_ours, sample), partial(through_protobuf, sample))
        name, budget = f"Sparkplug B, {each} metrics a payload", BUDGET if each >= 100 else 0.0
        found.append(Figure(name, ours, "metrics/s", budget, "google.protobuf", theirs, "one core"))
        (decoded,) = medians(partial(through_decoder, sample, each))
        found.append(Figure(f"{name}, to readings", decoded, "metrics/s", binds="one core"))
    return found


if __name__ == "__main__":
    show(figures())
