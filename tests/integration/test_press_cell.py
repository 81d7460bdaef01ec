"""The simulated press offers what it makes through OPC UA, and the gateway's journal has every stroke once."""

import json
from pathlib import Path

from flows.plant_model import HOUR_NS, production_day, start_ns
from flows.press_cell import MINUTE_NS, PressCell, stroke_at
from tests.gateway_runs import Running, payloads, wait_until
from tests.servers import free_port

PLANT = """
[plant]
id = "p1"
timezone = "UTC"
[connectors.press]
type = "opcua"
url = "opc.tcp://127.0.0.1:{port}"
publishing_ms = 50
sampling_ms = 0
tags = [{{ tag = "nsu=urn:plumbline:simulated-press;s=Press.Thickness", name = "thickness" }}]
[characteristics.thickness]
usl = 10.0
"""


def test_every_stroke_is_in_the_journal_once_with_its_simulated_time(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "plant.toml").write_text(PLANT.format(port=port))
    begin = start_ns(production_day(20))
    minutes = range(begin, begin + HOUR_NS, MINUTE_NS)
    expected = {at: list(stroke.thickness) for at in minutes if (stroke := stroke_at(at, 8)) is not None}
    cell = PressCell(f"opc.tcp://127.0.0.1:{port}", 8)
    try:
        with Running(tmp_path / "plant.toml", tmp_path / "data"):

            def found() -> list[tuple[int, list[float]]]:
                rows = [row for payload in payloads(tmp_path / "data") for row in json.loads(payload)]
                return [(row[3], row[1]) for row in rows]

            for at in expected:
                cell.minute(at)
                wait_until(lambda at=at: at in dict(found()), seconds=60.0)
            assert found() == list(expected.items())
    finally:
        cell.close()
