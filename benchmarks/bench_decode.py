"""How fast JSON messages become columns: `python -m benchmarks.bench_decode [--profile]`.

Messages as a gateway sends them (time, id, values; every fourth with a context), prepared beforehand; one core.
Beside it, what orjson alone takes to parse the same payloads: the floor of any decoder.
"""

import cProfile
import pstats
import random
import sys
import time

import orjson

from config.plan import ConnectorPlan, Plan
from connectors.decode import Decoder
from connectors.repetition import Repetition
from connectors.segments import Entry
from rules.spec import CalendarSpec, CharacteristicSpec

START_NS = 1_795_248_000_000_000_000
CONNECTOR = ConnectorPlan(
    name="line1",
    payload="json",
    topics=("factory/{line}/{station}/measurements",),
    characteristic="{line}/{station}/{name}",
    time_zone="UTC",
    dedupe="id",
)


def plan(names: int) -> Plan:
    ids = sorted(f"line1/op10/c{number:03}" for number in range(names))
    characteristics = tuple(CharacteristicSpec(one) for one in ids)
    return Plan("bench", CalendarSpec(), connectors=(CONNECTOR,), characteristics=characteristics)


def entries(messages: int, values: int, arrays_of: int = 0) -> list[Entry]:
    random.seed(7)
    made = []
    for number in range(messages):
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(START_NS // 10**9 + number // 500))
        message: dict[str, object] = {"time": f"{at}.{number % 500 * 2:03}Z", "id": f"gw1-{number:08}"}
        if number % 4 == 0:
            message |= {"part": f"SN{number}", "product": "P7", "lot": f"L{number // 1000}"}
        if arrays_of:
            columns = range(values // arrays_of)
            message["values"] = {
                f"c{name:03}": [round(random.gauss(10, 0.01), 4) for _ in range(arrays_of)] for name in columns
            }
        else:
            message["values"] = {f"c{name:03}": round(random.gauss(10, 0.01), 4) for name in range(values)}
        topic, payload = "factory/line1/op10/measurements", orjson.dumps(message)
        made.append(Entry(number + 1, START_NS, "line1", topic, number % 65_535 + 1, 0, payload))
    return made


def measure(title: str, sample: list[Entry], values: int, *, batch: int = 500) -> None:
    batches = [sample[start : start + batch] for start in range(0, len(sample), batch)]
    best = floor = float("inf")
    for _ in range(3):
        decoder, repetition = Decoder(plan(100)), Repetition()
        began = time.perf_counter()
        rows = sum(len(decoder.decode(one, repetition)[0]) for one in batches)
        best = min(best, time.perf_counter() - began)
        assert rows == len(sample) * values
        began = time.perf_counter()
        for entry in sample:
            orjson.loads(entry.payload)
        floor = min(floor, time.perf_counter() - began)
    print(
        f"{title:32} {rows / best / 1e6:6.2f} M values/s {len(sample) / best / 1e3:8.1f} k messages/s"
        f"   {best / len(sample) * 1e6:6.2f} us a message, of which parsing {floor / len(sample) * 1e6:.2f}"
    )


def main() -> None:
    measure("100 values a message", entries(4_000, 100), 100)
    measure("20 arrays of 5 a message", entries(4_000, 100, arrays_of=5), 100)
    measure("1 value a message", entries(60_000, 1), 1)
    measure("1 value, batches of 20", entries(60_000, 1), 1, batch=20)
    if "--profile" in sys.argv:
        sample, decoder, repetition = entries(60_000, 1), Decoder(plan(100)), Repetition()
        profile = cProfile.Profile()
        profile.runcall(decoder.decode, sample, repetition)
        pstats.Stats(profile).sort_stats("tottime").print_stats(14)


if __name__ == "__main__":
    main()
