"""A journal of the kill loop's plant on disk, written without a broker: what single processes are tried on."""

from pathlib import Path

from config.load import load
from connectors.journal import PLAN, SYSTEM, TICK, JournalWriter, Row
from flows.clocks import TopicClock
from flows.ticks import TickState
from tests.chaos.plant import MINUTE_NS, Stream, plant_text
from tests.spine import CLOCK, Message, clock

CONNECTOR = "gateways"


def write_plant(folder: Path, *, broker: int = 1, web: int = 1, influx: str = "http://127.0.0.1:1") -> Path:
    """The plant file in `folder`; ports that nobody is to be asked at need not be given."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "plant.toml"
    file.write_text(plant_text(broker=broker, web=web, influx=influx, changed=False))
    return file


def write_journal(stream: Stream, folder: Path) -> int:
    """All of the stream in the journal of `folder`, as the gateway would write it; the last entry's seq."""
    file = write_plant(folder)
    journal = JournalWriter(folder / "data" / "journal")
    ticks = TopicClock(TickState(), MINUTE_NS)
    try:
        rows: list[Row] = [(0, SYSTEM, PLAN, 0, 0, load(file).plan().to_json())]
        messages = [clock(stream.start_ns)]
        for step in stream.steps():
            messages += [*step.messages, clock(step.at_ns)]
        for number, message in enumerate(messages):
            rows += entries(ticks, message, number % 65_535 + 1)
        for start in range(0, len(rows), 500):
            journal.append(rows[start : start + 500])
        return journal.last_seq
    finally:
        journal.close()


def entries(ticks: TopicClock, message: Message, packet_id: int) -> list[Row]:
    """What the gateway makes of a message."""
    if message.topic == CLOCK:
        return [(tick, SYSTEM, TICK, 0, 0, b"%d" % tick) for tick in ticks.published(message.body)]
    return [(ticks.state.last_ns, CONNECTOR, message.topic, packet_id, 0, message.body)]
