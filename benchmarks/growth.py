"""Cost as the work grows: `make bench ARGS=--curves`, or `python -m benchmarks.growth [--scale 0.01]`.

Characteristics, values a message, days of history at the start, points behind the API. Each size is measured in a
process of its own, so that memory is its own. Curves go to `docs/images`, the page to `docs/performance.md`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from os import sysconf
from pathlib import Path
from statistics import median

import httpx
import numpy as np
import orjson
from rich.console import Console

from benchmarks.bench_decode import CONNECTOR
from config.plan import Plan
from connectors.history import CommitUnit, HistoryWriter
from connectors.journal import PLAN, SYSTEM, TICK, JournalReader, JournalWriter
from connectors.segments import Entry
from flows.engine import follow
from flows.frames import Answer, PlantFrame
from flows.framing import FramingLogic
from flows.journal_source import MOST_ENTRIES
from flows.plant_step import PlantLogic
from flows.shard import ShardLogic
from rules.spec import CalendarSpec, CharacteristicSpec, FixedLimits
from tests.history_rows import row_of
from tests.servers import free_port
from tests.spine import rows

SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS
START_NS = 1_795_248_000 * SECOND_NS
TOPIC = "factory/line1/op10/measurements"
CHARACTERISTICS = (10, 100, 1_000, 10_000, 100_000)
VALUES_A_MESSAGE = (1, 3, 10, 30, 100, 300, 1_000)
DAYS = (0, 10, 30, 90)
POINTS = (10_000, 100_000, 1_000_000, 10_000_000)
VALUES = 1_000_000  # taken for one figure
OF_MESSAGE = 100  # characteristics in a message, at most
EVERY_SECONDS = 900  # between two messages of a station in a plant's history
MEMBERS = 100  # characteristics of that plant
QUERIES = {
    "points of one, newest": "points?characteristic=line1/op10/c000007",
    "points of one, from the middle": "points?characteristic=line1/op10/c000007&to={middle}",
    "readings of ten, newest": "readings?" + "&".join(f"characteristic=line1/op10/c{k:06}" for k in range(10)),
    "points of all, newest": "points",
    "overview of all": "characteristics",
}
REPEATED = 7

Result = dict[str, float]


def plan_of(characteristics: int) -> Plan:
    ids = [f"line1/op10/c{number:06}" for number in range(characteristics)]
    specs = tuple(CharacteristicSpec(one, lsl=9.9, usl=10.1, limits=FixedLimits(10.0, 0.02)) for one in ids)
    return replace(Plan("bench", CalendarSpec()), connectors=(CONNECTOR,), characteristics=specs)


def journal(plan: Plan, messages: int, values: int, step_ns: int) -> Iterator[Entry]:
    """The plan, then messages of `values` values of characteristics in turn, and a tick each second at least."""
    rng = np.random.default_rng(7)
    count = len(plan.characteristics)
    names = [spec.id.rpartition("/")[2] for spec in plan.characteristics]
    yield Entry(1, START_NS, SYSTEM, PLAN, 0, 0, plan.to_json())
    seq, ticked = 1, 0
    for number in range(messages):
        at = START_NS + number * step_ns
        if at - ticked >= SECOND_NS:
            seq, ticked = seq + 1, at // SECOND_NS * SECOND_NS
            yield Entry(seq, at, SYSTEM, TICK, 0, 0, b"%d" % ticked)
        first = number * values % count
        some = names[first : first + values]
        measured = dict(zip(some, np.round(rng.normal(10.0, 0.02, len(some)), 4).tolist(), strict=True))
        body = orjson.dumps({"time": at // 1_000_000, "id": f"gw1-{number:09}", "values": measured})
        seq += 1
        yield Entry(seq, at, "line1", TOPIC, 0, 0, body)


class Through:
    """The logics of the flow, without Bytewax and without storage."""

    def __init__(self, plan: Plan) -> None:
        self._framing = FramingLogic(lambda _: plan)
        self._plant = PlantLogic(lambda _: plan)
        self._shards: dict[str, ShardLogic] = {}
        self._plan = plan

    def take(self, entries: list[Entry]) -> int:
        """Rows that so many entries give."""
        found = 0
        for key, frame in self._framing.frames(entries):
            item: PlantFrame | Answer
            if isinstance(frame, PlantFrame):
                item = frame
            else:
                item = self._shards.setdefault(key, ShardLogic(lambda _: self._plan)).answer(frame)
            found += sum(len(some) for unit in self._plant.take(item) for some in unit.rows.values())
        return found

    def state_bytes(self) -> int:
        """What a snapshot of all steps holds."""
        states = [logic.to_bytes() for logic in (self._framing, self._plant, *self._shards.values())]
        return sum(map(len, states))


def resident() -> int:
    """Bytes of memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * sysconf("SC_PAGE_SIZE")


def through(characteristics: int, values: int, total: int) -> Result:
    """Values and messages a second, and memory, of `total` values in messages of `values`."""
    warm = Through(plan_of(10))
    warm.take(list(journal(plan_of(10), 50, 10, SECOND_NS)))  # compiled, or read from the disk
    plan = plan_of(characteristics)
    entries = list(journal(plan, max(1, total // values), values, 1_000_000))
    before, flow = resident(), Through(plan)
    began = time.process_time()
    flow.take(entries[:1])
    planned = time.process_time() - began
    began = time.process_time()
    for start in range(1, len(entries), MOST_ENTRIES):
        flow.take(entries[start : start + MOST_ENTRIES])
    took = time.process_time() - began
    memory = (resident() - before) / characteristics
    return {
        "values_per_s": total / took,
        "messages_per_s": len(entries) / took,
        "plan_s": planned,
        "resident_bytes": memory,
        "state_bytes": flow.state_bytes() / characteristics,
    }


def of_characteristics(size: int, scale: float) -> Result:
    return through(size, min(size, OF_MESSAGE), max(size, int(VALUES * scale)))


def of_values(size: int, scale: float) -> Result:
    return through(1_000, size, max(1_000, int(VALUES * scale * min(1.0, size / 20 + 0.05))))


def of_days(size: int, scale: float) -> Result:
    """Seconds from the start of the engine to its first new result, and of the web process to its first answer."""
    days = max(1, round(size * scale)) if size else 0
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "data"
        plan = plan_of(MEMBERS)
        made = journal(plan, max(1, days * 86_400 // EVERY_SECONDS), MEMBERS, EVERY_SECONDS * SECOND_NS)
        entries = list(made)
        append(data, entries)
        reader = JournalReader(data / "journal")
        writer = HistoryWriter(data / "history.db", reader.uuid, bulk=True)
        follow(data, reader, writer, lambda seq: seq >= len(entries))
        writer.finish_bulk()
        points, applied = len(entries) * MEMBERS, writer.meta.applied_seq
        writer.close()
        reader.close()
        at = entries[-1].received_ns + SECOND_NS
        append(data, [Entry(0, at, SYSTEM, TICK, 0, 0, b"%d" % at)])
        file, port = plant_file(Path(name))
        began = time.perf_counter()
        with process("engine", file, data):
            wait(lambda: rows(data / "history.db", "SELECT applied_seq FROM meta")[0][0] > applied)
            engine = time.perf_counter() - began
        began = time.perf_counter()
        with process("web", file, data):
            wait(lambda: answers(port))
            web = time.perf_counter() - began
    return {"engine_s": engine, "web_s": web, "points": float(points)}


def append(data: Path, entries: list[Entry]) -> None:
    writer = JournalWriter(data / "journal")
    for start in range(0, len(entries), 5_000):
        writer.append([entry[1:] for entry in entries[start : start + 5_000]])
    writer.close()


def of_points(size: int, scale: float) -> Result:
    """Milliseconds of each query, over a history of so many points of 1,000 characteristics."""
    total = max(10_000, round(size * scale))
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "data"
        fill(data / "history.db", total)
        file, port = plant_file(Path(name))
        moment = time.gmtime((START_NS + total // 2 * 100_000_000) // SECOND_NS)
        middle = time.strftime("%Y-%m-%dT%H:%M:%SZ", moment)
        with process("web", file, data):
            wait(lambda: answers(port))
            with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1/", timeout=60, trust_env=False) as client:
                return {title: asked(client, path.format(middle=middle)) for title, path in QUERIES.items()}


def asked(client: httpx.Client, path: str) -> float:
    """The median time of a query, in ms; the first is left out."""
    taken = []
    for _ in range(REPEATED + 1):
        began = time.perf_counter()
        answer = client.get(path)
        taken.append((time.perf_counter() - began) * 1e3)
        assert answer.status_code == 200, answer.text
        assert answer.json()
    return median(taken[1:])


def fill(path: Path, total: int) -> None:
    """A history of `total` points of 1,000 characteristics, ten a second."""
    writer = HistoryWriter(path, "journal", bulk=True)
    ids = [spec.id for spec in plan_of(1_000).characteristics]
    shared = {"unit": "mm", "line": "line1", "station": "op10", "product": "", "chart": "xbar-r", "subgroup_size": 5}
    shared |= {"cpk_target": 1.33, "cpk_floor": 1.2, "minimum_n": 30, "owner": "", "reaction": "", "state": "active"}
    named = [row_of("characteristic", k + 1, 1, characteristic=k + 1, name=one, **shared) for k, one in enumerate(ids)]
    writer.commit(CommitUnit(1, 1, START_NS, {"characteristic": named}))
    values, refs = np.full(5, 10.0).tobytes(), np.zeros(15, np.int64).tobytes()
    judged = (10.0, 0.01, 5, 10.0, 10.1, 9.9, 0.01, 0.02, 0.0, 0, 2, 1, 1, values, refs, None)
    for first in range(0, total, 5_000):
        some = [
            (1_001 + n, 2 + n, 0, n % 1_000 + 1, 2 + n, 4, START_NS + n * 100_000_000, *judged)
            for n in range(first, min(first + 5_000, total))
        ]
        writer.commit(CommitUnit(some[0][1], some[-1][1], some[-1][6], {"point": some}))
    writer.finish_bulk()
    writer.close()


def plant_file(folder: Path) -> tuple[Path, int]:
    port = free_port()
    file = folder / "plant.toml"
    file.write_text(f'[plant]\nid = "bench"\n[web]\nport = {port}\n', "utf-8")
    return file, port


@contextmanager
def process(name: str, file: Path, data: Path) -> Iterator[None]:
    """One of the four processes, for as long as it lasts."""
    with (file.parent / f"{name}.log").open("wb") as log:
        command = [sys.executable, "-m", "flows.cli", name, str(file), "--data", str(data)]
        child = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield
    finally:
        child.kill()
        child.wait()


def answers(port: int) -> bool:
    try:
        asked_for = f"http://127.0.0.1:{port}/api/v1/characteristics"
        return httpx.get(asked_for, timeout=60, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def wait(done: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s")
        time.sleep(0.005)


PARTS: dict[str, tuple[tuple[int, ...], Callable[[int, float], Result]]] = {
    "characteristics": (CHARACTERISTICS, of_characteristics),
    "values": (VALUES_A_MESSAGE, of_values),
    "days": (DAYS, of_days),
    "points": (POINTS, of_points),
}


def apart(part: str, size: int, scale: float) -> Result:
    """One measurement, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.growth", "--one", part, str(size), "--scale", str(scale)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    found: Result = json.loads(told.splitlines()[-1])
    return found


def measured(scale: float, largest: int) -> dict[str, dict[int, Result]]:
    """Every part at every size up to `largest` (0: all)."""
    console, found = Console(stderr=True), dict[str, dict[int, Result]]()
    for part, (sizes, _) in PARTS.items():
        for size in sizes:
            if not largest or size <= largest:
                with console.status(f"measuring: {part}, {size:,}"):
                    found.setdefault(part, {})[size] = apart(part, size, scale)
    return found


def main(arguments: list[str]) -> int:
    """Measure, draw the curves and write the page."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=--curves", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--one", nargs=2, metavar=("PART", "SIZE"), help=argparse.SUPPRESS)
    parser.add_argument("--scale", type=float, default=1.0, help="of values, days and points: 0.01 runs in a minute")
    parser.add_argument("--largest", type=int, default=0, help="the largest size of each part (default: all)")
    parser.add_argument("--docs", type=Path, default=Path(__file__).parent.parent / "docs", help="where the page goes")
    given = parser.parse_args(arguments)
    if given.one:
        part, size = given.one
        print(json.dumps(PARTS[part][1](int(size), given.scale)))
        return 0
    from benchmarks.growth_page import write_page  # noqa: PLC0415 - a measuring process does without

    found = measured(given.scale, given.largest)
    print(f"written: {write_page(found, given.docs)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
