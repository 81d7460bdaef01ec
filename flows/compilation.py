"""The charts' machine code: made by a process of its own before the engine begins, and cleared away when it is old.

Compiling takes half a minute, in which no signal is answered. In a child of the engine it can be stopped at any moment;
what is done by then stays on disk. `python -m flows.compilation` is that child.
"""

import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event

import numba
import orjson

from config.plan import ConnectorPlan, Plan
from connectors.segments import COMMAND, GAP, PLAN, SYSTEM, TICK, Entry
from connectors.sparkplug.encode import MetricOut, encode_payload
from connectors.sparkplug.types import GOOD
from flows.framing import PLANT, FramingLogic
from flows.plant_step import PlantLogic
from flows.shard import ShardLogic
from flows.supervise import SUPERVISOR, end_with_supervisor
from flows.watchdog import Pulse
from rules.run_rules import RULE_SETS
from rules.spec import BaselineLimits, CalendarSpec, CharacteristicSpec, FixedLimits

KEPT = 2  # folders of other versions that stay, for going back to them
KEPT_SECONDS = 30 * 86_400.0
LOOK_SECONDS = 0.05

_COMPLETE = "complete"  # in the folder of machine code: all of it is there; its time is that of the last use
_SECOND = 1_000_000_000
_DAY = 86_400 * _SECOND
_START = 1_700_000_000 * _SECOND

log = logging.getLogger("plumbline.engine")


def machine_code() -> Path:
    """The folder of the machine code of exactly these sources."""
    return Path(numba.config.CACHE_DIR)  # type: ignore[attr-defined] # numba sets its settings when it is imported


def compile_charts(pulse: Pulse, stop: Event) -> bool:
    """Have the machine code on disk; False when stopped before that."""
    folder = machine_code()
    if not (folder / _COMPLETE).exists():
        log.info("the charts are being compiled, once for this version: results begin in about half a minute")
        pulse.tell(compiling=True)
        if not _in_a_child(pulse, stop):
            return False
        pulse.tell(compiling=None)
        log.info("the charts are compiled")
    with suppress(OSError):
        (folder / _COMPLETE).touch()
        clear_away(folder, time.time())
    return True


def clear_away(folder: Path, now: float) -> None:
    """Delete the machine code of other versions, but for the last two and what was used in the last 30 days."""

    def used(other: Path) -> float:
        marker = other / _COMPLETE
        return (marker if marker.exists() else other).stat().st_mtime

    others = [other for other in folder.parent.glob("compiled-*") if other.is_dir() and other != folder]
    for other in sorted(others, key=used, reverse=True)[KEPT:]:
        if now - used(other) > KEPT_SECONDS:
            shutil.rmtree(other, ignore_errors=True)


def _in_a_child(pulse: Pulse, stop: Event) -> bool:
    command = [sys.executable, "-P", "-m", "flows.compilation"]
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), SUPERVISOR: str(os.getpid())},
    )
    try:
        while child.poll() is None:
            pulse.beat()
            if stop.wait(LOOK_SECONDS):
                return False
    finally:
        child.kill()
        child.wait()
    if child.returncode != 0:  # the engine compiles by itself what is missing
        log.warning("compiling beforehand has ended with status %d", child.returncode)
    return True


def run_everything() -> None:
    """A small plant through all of the engine's logic: what it calls is compiled, and kept."""
    entries = _entries()

    def plan_at(seq: int) -> Plan:
        return Plan.from_json(entries[seq - 1].payload)

    framing, plant = FramingLogic(plan_at), PlantLogic(plan_at)
    shards: dict[str, ShardLogic] = {}
    for key, frame in framing.frames(entries):
        if key == PLANT:
            plant.take(frame)  # type: ignore[arg-type] # the key tells a plant's frame from a shard's
        else:
            plant.take(shards.setdefault(key, ShardLogic(plan_at)).answer(frame))  # type: ignore[arg-type] # as above


def _plan(sigma: float) -> Plan:
    rules = RULE_SETS["nelson"]
    return Plan(
        plant_id="compilation",
        calendar=CalendarSpec(),
        connectors=(
            ConnectorPlan("line", "json", ("plant/m",), "{name}", "UTC", "id"),
            ConnectorPlan("node", "sparkplug", ("spBv1.0/#",), "{name}", "UTC", "id"),
        ),
        characteristics=(
            CharacteristicSpec("a", lsl=9.0, usl=11.0, limits=FixedLimits(10.0, sigma), rules=rules, minimum_n=5),
            CharacteristicSpec("b", lsl=9.0, limits=BaselineLimits(4), window=20, minimum_n=5),
            CharacteristicSpec("c", usl=11.0, chart="xbar-r", subgroup_size=3, limits=BaselineLimits(3), minimum_n=5),
            CharacteristicSpec("d", chart="xbar-s", subgroup_size=3, limits=FixedLimits(10.0, sigma), minimum_n=5),
            CharacteristicSpec("defects", chart="u", limits=FixedLimits(0.1, sigma), minimum_n=5),
            CharacteristicSpec("rejected", chart="p", limits=BaselineLimits(4), minimum_n=5),
        ),
        clock_step_seconds=60,
    )


def _entries() -> Sequence[Entry]:
    """Four days of readings with a changed plan, a gap and an order."""
    found: list[Entry] = []

    def add(at_ns: int, topic: str, payload: bytes, connector: str = SYSTEM) -> None:
        found.append(Entry(len(found) + 1, at_ns, connector, topic, 0, 0, payload))

    add(_START, PLAN, _plan(0.1).to_json())
    for k in range(64):
        at_ns = _START + k * _DAY // 16
        add(at_ns, TICK, b"%d" % at_ns)
        values = dict.fromkeys("ab", 10.0 + 0.1 * (7 * k % 5 - 2))
        more = {name: [10.0 + 0.1 * ((3 * k + i) % 5 - 2) for i in range(3)] for name in "cd"}
        add(at_ns, "plant/m", orjson.dumps({"time": at_ns // 1_000_000, "values": values | more}), "line")
        found_bad = {"kind": "inspection", "time": at_ns // 1_000_000, "inspected": 50, "rejected": 2 + k % 3}
        add(at_ns, "plant/m", orjson.dumps(found_bad), "line")
        if k == 30:
            birth = encode_payload(at_ns // 1_000_000, [MetricOut("a", 10.0, quality=GOOD)], 0)
            add(at_ns, "spBv1.0/plant/NBIRTH/node", birth, "node")
            gap = {"gap": "line-1", "connector": "line", "reason": "session-lost", "state": "open"}
            add(at_ns, GAP, orjson.dumps(gap | {"from_ns": at_ns, "to_ns": at_ns}))
            order = {"id": "1", "kind": "accept-limits", "characteristic": "b", "who": "compilation"}
            add(at_ns, COMMAND, orjson.dumps(order | {"at_ns": at_ns}))
            add(at_ns, PLAN, _plan(0.2).to_json())
    return found


if __name__ == "__main__":
    end_with_supervisor()
    run_everything()
