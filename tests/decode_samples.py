"""A plan with two connectors, entries for it, and random messages of every kind and fault."""

import json
from dataclasses import replace

from config.plan import ConnectorPlan, Plan
from connectors.segments import Entry
from rules.spec import CalendarSpec, CharacteristicSpec
from tests import oracle_decode

RECEIVED_NS = 1_795_248_000_500_000_000  # 2026-11-21T08:00:00.5Z
TOPIC = "factory/line1/op10/measurements"
LINE1 = ConnectorPlan(
    name="line1",
    payload="json",
    topics=("factory/{line}/{station}/measurements", "other/{station}"),
    characteristic="{line}/{station}/{name}",
    time_zone="Asia/Shanghai",
    dedupe="id",
    place="{station}",
)
PRODUCTS = replace(
    LINE1, name="products", topics=("p/{station}",), characteristic="{station}/{product}/{cavity}/{name}"
)


def plan_of(*connectors, ids=("line1/op10/bore", "line1/op10/depth", "op10/P7/4/bore", "op10/P7/4.5/bore")):
    characteristics = tuple(map(CharacteristicSpec, sorted(ids)))
    return Plan("p", CalendarSpec(), tuple(sorted(connectors, key=lambda one: one.name)), characteristics)


PLAN = plan_of(replace(LINE1, topics=LINE1.topics[:1]), PRODUCTS)
BORE, DEPTH = (PLAN.characteristics.index(CharacteristicSpec(f"line1/op10/{name}")) for name in ("bore", "depth"))


def entry(payload, seq=7, topic=TOPIC, connector="line1", packet_id=0, dup=0):
    if not isinstance(payload, bytes):
        payload = json.dumps(payload).encode()
    return Entry(seq, RECEIVED_NS, connector, topic, packet_id, dup, payload)


TIMES = ["2026-11-21T08:00:00Z", "2026-11-21T08:00:00.123456Z", "2026-11-21T07:59:59+00:30", "2026-07-01T00:00:00", "x"]
TIMES += [1_795_248_000_123, 1_795_248_000_123.25, None, True, "2026-13-01T00:00:00Z", "2026-11-21T08:00:00.5Z"]
SCALARS = [1, 10.012, -3.5e-7, 0, 12345678901234567890123, 10.0, 9.99, 10.01, 5]
BAD = [None, True, "10", float("nan"), float("-inf"), {}, [], [[1]], 1.7976931348623157e308, -1e101]


def random_message(rng):
    def value():
        return rng.choice(BAD) if rng.random() < 0.1 else rng.choice(SCALARS)

    values = {}
    for name in rng.sample(["bore", "depth", "width"], rng.randint(0, 3)):
        values[name] = [value() for _ in range(rng.randint(0, 4))] if rng.random() < 0.3 else value()
    message = {"values": values if rng.random() < 0.95 else rng.choice([None, 3, []])}
    if rng.random() < 0.8:
        message["time"] = rng.choice(TIMES)
    for field in oracle_decode.FIELDS:
        if rng.random() < 0.2:
            message[field] = rng.choice(["A", "B7", "production", "", None, 4, 4.5, True, ["x"]])
    if rng.random() < 0.05:
        message["kind"] = rng.choice(["measurements", "setup", None, 3])
    return message


def random_entries(rng, count):
    made = []
    for seq in range(1, count + 1):
        document = random_message(rng)
        if rng.random() < 0.2:
            document = [random_message(rng) if rng.random() < 0.95 else 3 for _ in range(rng.randint(0, 4))]
        payload = json.dumps(document).encode() if rng.random() < 0.97 else b"{]"
        connector, topic = rng.choice([("line1", TOPIC), ("line1", TOPIC), ("products", "p/op10"), ("line1", "no")])
        made.append(Entry(seq, RECEIVED_NS + seq, connector, topic, 0, 0, payload))
    return made
