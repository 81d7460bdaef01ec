"""What a plant costs in which nothing is measured: processor time of the four processes, not time by the clock."""

import os
import time
from pathlib import Path

from tests.integration.test_run import PROCESSES, Command, answers, command, wait_until
from tests.servers import Mosquitto, free_port

SECONDS = 6.0
MOST_SHARE = 0.10  # of a core; docs/operation.md has the measured figure, which is far below
PLANT = """
[plant]
id = "idle"

[web]
port = {web}

[connectors.line1]
type = "mqtt"
port = {broker}
topics = ["factory/{{line}}/{{station}}/measurements"]
characteristic = "{{line}}/{{station}}/{{name}}"
"""


def processor_seconds(pid: int) -> float:
    """User and system time of all threads of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def shares(running: Command, seconds: float) -> dict[str, float]:
    """The share of a core that each process takes, measured over so many seconds."""
    pids = {name: running.pids()[name] for name in PROCESSES}
    before, began = {name: processor_seconds(pid) for name, pid in pids.items()}, time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    return {name: (processor_seconds(pid) - before[name]) / took for name, pid in pids.items()}


def test_a_thousand_silent_characteristics_cost_next_to_nothing(tmp_path: Path) -> None:
    web = free_port()
    with Mosquitto(tmp_path / "broker") as broker:
        file = tmp_path / "plant.toml"
        names = "".join(f'[characteristics."line1/op{k // 100}/c{k}"]\nlsl = 9.0\nusl = 11.0\n' for k in range(1000))
        file.write_text(PLANT.format(web=web, broker=broker.port) + names)
        with command("run", file, "--data", tmp_path / "data", log=tmp_path / "run.log") as running:

            def settled() -> bool:
                health = answers(web, "/health")
                if not isinstance(health, dict) or health["problems"]:
                    return False
                return bool(health["processes"]["forwarder"]["targets"] and health["processes"]["engine"]["last_row"])

            def at_rest() -> bool:
                """What a start takes is over: pages and what they compute with are made ready while nobody asks."""
                return sum(shares(running, 1.0).values()) < MOST_SHARE

            wait_until(settled, running, 180.0)
            wait_until(at_rest, running, 60.0)
            found = shares(running, float(os.environ.get("IDLE_SECONDS", SECONDS)))
            print(
                {name: f"{100 * share:.2f} %" for name, share in found.items()},
                f"in all {100 * sum(found.values()):.2f} %",
            )
            assert sum(found.values()) < MOST_SHARE, found
            assert running.stop() == 0
