"""A backup of a plant that runs, restored elsewhere, where the plant goes on: the rows are those of an undisturbed run.

What was acknowledged after the backup is not in it: the gateways send everything again, and what had come before is
known by its id. Not compared is what depends on the run: the journal's numbers (of a repetition too), and uuids.
"""

import random
import struct
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from rules.results import KINDS, LEADING
from tests.servers import Mosquitto
from tests.spine import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    PROCESSES,
    START_NS,
    Message,
    Publisher,
    Spine,
    clock,
    connected,
    measured,
    plant,
    rows,
)

DAYS = 6
BAD_DAYS = (1, 2, 3)
END_NS = START_NS + DAYS * DAY_NS
NUMBERS = {column.name for column in LEADING} | {"seq", "first_seq", "last_seq", "key"}
PLANT = """
[characteristics."line1/op10/bore"]
lsl = 9.9
usl = 10.1
chart = "xbar-r"
subgroup_size = 5
minimum_n = 20
window = 50
limits = { center = 10.0, sigma = 0.02 }
owner = "production"

[metrics.bore]
kind = "cpk"
of = ["line1/op10/bore"]
over = "day"

[objectives.O1]
title = "Capable"
level = "department"
period = "2026-Q4"

[key_results.KR1]
objective = "O1"
title = "Bore"
metric = "bore"
start = 0.5
target = 1.33
"""
HEAD = 'day_starts_at = "06:00"\n'
PERSISTENT = "persistence true\nset_tcp_nodelay true\n"


@cache
def stream() -> tuple[Message, ...]:
    """Six days of a subgroup every half hour, three days of it off centre; the clock every ten minutes."""
    draw, messages, number = random.Random(11), list[Message](), 0
    for at in range(START_NS + 10 * MINUTE_NS, END_NS + 1, 10 * MINUTE_NS):
        if (at - START_NS) % (30 * MINUTE_NS) == 0:
            mean = 10.05 if (at - START_NS + 2 * HOUR_NS) // DAY_NS in BAD_DAYS else 10.0
            values = [round(draw.gauss(mean, 0.02), 4) for _ in range(5)]
            number += 1
            messages.append(clock(at - MINUTE_NS))
            messages.append(measured("line1/op10", at - MINUTE_NS, {"bore": values}, id=f"gw1-{number:06d}"))
        messages.append(clock(at))
    return tuple(messages)


def end_state(spine: Spine) -> dict[str, Any]:
    """Every row of the history, what was pushed, and what the OKR store shows, without what depends on the run."""
    found: dict[str, Any] = {}
    for kind in KINDS:
        names = [column.name for column in LEADING + kind.columns]
        quoted = ", ".join(f'"{name}"' for name in names)
        held = rows(spine.data / "history.db", f'SELECT {quoted} FROM "{kind.name}" ORDER BY "row"')
        found[kind.name] = [comparable(dict(zip(names, row, strict=True))) for row in held]
    found["rejected"] = [row for row in found["rejected"] if row["reason"] != "repeated"]
    del found["checkpoint"]  # where the journal's segments end
    found["outbox"] = [(row["path"], without_seq(orjson.loads(row["body"]))) for row in found["outbox"]]
    found["updates"] = without_seq(spine.get("key-results/KR1/updates"))
    found["alerts"] = without_seq(spine.get("alerts"))
    return found


def comparable(row: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if name not in NUMBERS}
    if isinstance(kept.get("refs"), bytes):
        kept["refs"] = [ref[1:] for ref in struct.iter_unpack("<qqq", kept["refs"])]  # (idx, time)
    return kept


def without_seq(body: Any) -> Any:
    """A body without the journal's numbers, at any depth."""
    if isinstance(body, dict):
        return {name: without_seq(value) for name, value in body.items() if name not in ("cause_seq", "plan_seq")}
    return [without_seq(value) for value in body] if isinstance(body, list) else body


def begin(spine: Spine) -> None:
    for name in PROCESSES:
        spine.start(name)


def send(publisher: Publisher, messages: Sequence[Message]) -> None:
    for first in range(0, len(messages), 20):
        publisher.send(messages[first : first + 20])


def plumbline(*arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", *map(str, arguments)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_backup_of_a_running_plant_goes_on_elsewhere_as_if_nothing_had_happened(tmp_path: Path) -> None:
    messages = stream()
    half = len(messages) * 11 // 20  # the third bad day is not over
    half_ns = START_NS + half * DAYS * DAY_NS // len(messages)
    with (
        Mosquitto(tmp_path / "broker-a", PERSISTENT) as broker,
        plant(tmp_path / "a", PLANT, broker=broker.port, head=HEAD) as spine,
        connected(broker.port) as publisher,
    ):
        begin(spine)
        spine.wait_ready(publisher, START_NS)
        send(publisher, messages)
        spine.wait_through(END_NS)
        expected = end_state(spine)
    assert [alert["state"] for alert in expected["alerts"]] == ["open"]
    assert len(expected["day"]) == DAYS

    with (
        Mosquitto(tmp_path / "broker-b", PERSISTENT) as broker,
        plant(tmp_path / "b", PLANT, broker=broker.port, head=HEAD) as spine,
        connected(broker.port) as publisher,
        plant(tmp_path / "c", PLANT, broker=broker.port, head=HEAD) as elsewhere,
    ):
        begin(spine)
        spine.wait_ready(publisher, START_NS)
        send(publisher, messages[: half // 2])
        program = [sys.executable, "-m", "flows.cli", "backup", str(spine.file), str(tmp_path / "backup")]
        with subprocess.Popen([*program, "--data", str(spine.data)]) as taking:
            send(publisher, messages[half // 2 : half])  # while it is taken
            assert taking.wait(60) == 0
        publisher.send([clock(half_ns)])
        spine.wait_through(half_ns)  # acknowledged, and in part not in the backup
        for name in PROCESSES:
            spine.kill(name)

        said = plumbline("restore", tmp_path / "backup", "--data", elsewhere.data)
        assert "the plant as of journal entry" in said
        begin(elsewhere)
        send(publisher, messages)
        elsewhere.wait_through(END_NS)
        found = end_state(elsewhere)
    for name, those in expected.items():
        assert found[name] == those, name
