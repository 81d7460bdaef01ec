"""The simulated oven is an edge node on a real broker: the gateway's journal has its births and every batch."""

from pathlib import Path

from config.load import load
from connectors.decode import Decoder
from connectors.journal import SYSTEM
from flows.live_cells import cells_of
from flows.oven_cell import MINUTE_NS, batch_at
from flows.plant_model import HOUR_NS, production_day, start_ns
from tests.gateway_runs import Running, entries, wait_until
from tests.servers import Mosquitto

STATE = "spBv1.0/STATE/plumbline"  # what the gateway says of itself, once it listens
PLANT = """
[plant]
id = "p1"
timezone = "UTC"
[connectors.oven]
type = "mqtt"
payload = "sparkplug"
port = {port}
characteristic = "{{name}}"
[characteristics.Temperature]
usl = 900.0
[characteristics.Hardness]
usl = 70.0
"""


def test_every_batch_comes_in_with_its_simulated_time(tmp_path: Path) -> None:
    begin = start_ns(production_day(20))
    minutes = range(begin, begin + HOUR_NS, MINUTE_NS)
    expected = {at: batch for at in minutes if (batch := batch_at(at, 8)) is not None}
    with Mosquitto(tmp_path / "broker") as broker:
        (tmp_path / "plant.toml").write_text(PLANT.format(port=broker.port))
        plant = load(tmp_path / "plant.toml")
        (cell,) = cells_of(plant, 8)

        def found() -> dict[tuple[int, int], float]:
            messages = [entry for entry in entries(tmp_path / "data") if entry.connector != SYSTEM]
            readings = Decoder(plant.plan()).decode(messages).readings
            names = [plant.plan().characteristics[k].id for k in readings.characteristic]
            return dict(zip(zip(names, readings.time_ns.tolist(), strict=True), readings.value.tolist(), strict=True))

        try:
            with Running(tmp_path / "plant.toml", tmp_path / "data"):
                wait_until(lambda: any(entry.topic == STATE for entry in entries(tmp_path / "data")), seconds=60.0)
                for at, batch in expected.items():
                    cell.minute(at)
                    wait_until(lambda at=at: ("Hardness", at) in found(), seconds=60.0)
                    assert found()["Temperature", at] == batch.temperature
            assert {at for _, at in found()} == set(expected)
        finally:
            cell.close()
