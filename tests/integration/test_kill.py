"""kill -9 at one place that the kill loop (`tests/integration/test_chaos.py`) seldom hits."""

from pathlib import Path

from tests.servers import Mosquitto
from tests.spine import MINUTE_NS, PROCESSES, START_NS, clock, connected, measured, plant


def test_an_engine_that_was_killed_while_it_made_or_dropped_its_recovery_folder_starts_again(tmp_path: Path) -> None:
    characteristic = '[characteristics."line1/op10/bore"]\nusl = 11.0\n'
    with (
        Mosquitto(tmp_path / "broker") as broker,
        plant(tmp_path, characteristic, broker=broker.port) as spine,
        connected(broker.port) as publisher,
    ):
        for folder, left_over in (("recovery.new", "part-0.sqlite3"), ("recovery", "part-0.sqlite3-wal")):
            (spine.data / folder).mkdir(parents=True)
            (spine.data / folder / left_over).touch()
        for name in PROCESSES:
            spine.start(name)
        spine.wait_ready(publisher, START_NS)
        publisher.send([measured("line1/op10", START_NS, {"bore": 10.0}), clock(START_NS + MINUTE_NS)])
        spine.wait_through(START_NS + MINUTE_NS)
        assert len(spine.get("points")) == 1
