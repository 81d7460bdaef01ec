"""The simulated plant's days as a journal: what its gateways would send, and the clock's ticks, without a broker.

`flows.simulate` publishes the same messages in the same steps; here they go straight into the journal, in the order in
which the gateway would have appended them.
"""

from pathlib import Path

import orjson

from config.models import PlantFile
from connectors.journal import GAP, PLAN, SYSTEM, TICK, JournalWriter, Row
from flows.clocks import TopicClock
from flows.plant_model import SECOND_NS, production_day, start_ns
from flows.simulate import Settings, steps
from flows.ticks import TickState

CONNECTOR = "gateways"
MINUTE_NS = 60 * SECOND_NS


def write_journal(plant: PlantFile, data: Path, *, settings: Settings, days: int) -> None:
    """Write the first `days` production days; on the second one a reading is voided and a connector's session lost."""
    clock, plan = TopicClock(TickState(), MINUTE_NS), plant.plan(clock_step_seconds=60)
    writer = JournalWriter(data / "journal")
    try:
        entries: list[Row] = [(start_ns(production_day(0)), SYSTEM, PLAN, 0, 0, plan.to_json())]
        for number in range(days):
            for place, step in enumerate(steps(settings, number)):
                now = clock.received(step.at_ns)
                entries += [(now, CONNECTOR, sent.topic, 0, 0, sent.payload) for sent in step.messages]
                if number == 1 and place == 60:
                    entries += _mishaps(now)
                ticks = clock.published(b"%d" % (step.at_ns // 1_000_000))
                entries += [(tick, SYSTEM, TICK, 0, 0, b"%d" % tick) for tick in ticks]
            writer.append(entries)
            entries = []
    finally:
        writer.close()


def _mishaps(now: int) -> list[Row]:
    """A reading is voided, two are out of specification, and a connector has lost a quarter of an hour."""
    void = {"kind": "void", "ref": "M11-000003", "name": "depth", "who": "W5", "why": "wrong part"}
    gap = {"gap": "g1", "connector": "press", "reason": "session-lost", "from_ns": now - 15 * MINUTE_NS}
    beyond = [{"time": now // 1_000_000, "product": "P7", "values": {"depth": depth}} for depth in (24.8, 25.2)]
    return [
        (now, CONNECTOR, "factory/line1/op10/void", 0, 0, orjson.dumps(void)),
        *((now, CONNECTOR, "factory/line1/op10/measurements", 0, 0, orjson.dumps(one)) for one in beyond),
        (now, SYSTEM, GAP, 0, 0, orjson.dumps({**gap, "to_ns": now, "state": "open"})),
    ]
