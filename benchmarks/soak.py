"""The whole plant at a tenth of its limit for 20 minutes: `make soak`, or `python -m benchmarks.soak [--minutes 1]`.

A real Mosquitto and the four processes. Memory, open files, the sizes of the write-ahead logs and the lag of the
history behind the journal are sampled, plotted to SVG and saved as JSON in `benchmarks/results/soak-<time>/`. Status 1
when one of them is not flat: the straight line through its samples rises by more than its allowance.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from os import sysconf
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.bench_broker import BROKER, CHARACTERISTICS
from benchmarks.figures import RESULTS, machine
from benchmarks.svg import chart
from tests.servers import Mosquitto, free_port
from tests.spine import PROCESSES, rows

RATE = 2_000  # messages a second: a tenth of the budget of section 14
MINUTES = 20.0
CHUNK_SECONDS = 60  # a publisher's: its packets lie ready in memory
WARM_SHARE = 0.2  # of the samples that are left out: caches fill, and windows
MOST_SAMPLES = 240
FILES = ("history", "forwarder", "okr")
STARTED_SECONDS, DRAINED_SECONDS = 120.0, 60.0

PLANT = """
[plant]
id = "soak"
[web]
port = {web}
[connectors.line1]
type = "mqtt"
port = {port}
topics = ["factory/{{line}}/{{station}}/measurements"]
[defaults]
lsl = 9.9
usl = 10.1
limits = {{ center = 10.0, sigma = 0.03 }}
"""


@dataclass(frozen=True)
class Measure:
    """What is sampled: its unit, and how much a straight line may rise: a share of the mean, at least `floor`."""

    title: str
    unit: str
    share: float
    floor: float


MEASURES = {
    "memory": Measure("Resident memory", "MiB", 0.05, 10.0),
    "files": Measure("Open files", "files", 0.0, 3.0),
    "wal": Measure("Write-ahead logs", "MiB", 0.25, 16.0),
    "lag": Measure("Journal entries that the history is behind", "entries", 0.0, RATE / 2),
}

Series = dict[str, list[tuple[float, float]]]  # by name: (minutes, value)


@dataclass
class Samples:
    """Every measure over time, by process or file."""

    taken: dict[str, Series] = field(default_factory=lambda: {name: {} for name in MEASURES})

    def add(self, measure: str, name: str, minutes: float, value: float) -> None:
        self.taken[measure].setdefault(name, []).append((minutes, value))


def sample(samples: Samples, minutes: float, pids: Mapping[str, int], data: Path) -> None:
    """What there is now."""
    for name, pid in pids.items():
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        samples.add("memory", name, minutes, pages * sysconf("SC_PAGE_SIZE") / 2**20)
        samples.add("files", name, minutes, sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()))
    for name, pattern in (("journal", "journal/*.db-wal"), *((f"{one}.db", f"{one}.db-wal") for one in FILES)):
        size = sum(path.stat().st_size for path in data.glob(pattern))
        samples.add("wal", name, minutes, size / 2**20)
    samples.add("lag", "history", minutes, max(0, written(data) - applied(data)))


def written(data: Path) -> int:
    """The last entry of the journal; 0 without one."""
    newest = max(data.glob("journal/*.db"), default=None)
    found = rows(newest, "SELECT max(seq) FROM entry") if newest else []
    return int(found[0][0] or 0) if found else 0


def applied(data: Path) -> int:
    """The last entry whose results the history holds; 0 without one."""
    found = rows(data / "history.db", "SELECT applied_seq FROM meta")
    return int(found[0][0]) if found else 0


def rise(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """How much the straight line through the samples rises from first to last, and their mean; warmed up."""
    steady = np.array(points[int(len(points) * WARM_SHARE) :])
    if len(steady) < 3:
        return 0.0, float(steady[:, 1].mean()) if len(steady) else 0.0
    slope = float(np.polyfit(steady[:, 0], steady[:, 1], 1)[0])
    return slope * float(steady[-1, 0] - steady[0, 0]), float(steady[:, 1].mean())


def judge(samples: Samples) -> list[tuple[str, str, float, float, float]]:
    """(measure, name, mean, rise, allowed) of each series."""
    found = []
    for name, measure in MEASURES.items():
        for of, points in samples.taken[name].items():
            risen, mean = rise(points)
            found.append((name, of, mean, risen, max(measure.floor, measure.share * mean)))
    return found


@contextmanager
def processes(folder: Path, broker: int) -> Iterator[dict[str, int]]:
    """The pids of the four processes, each with its log in the folder; one that has ended early is a fault."""
    names = "".join(f'[characteristics."line1/op10/c{number:05d}"]\n' for number in range(CHARACTERISTICS))
    plant = folder / "plant.toml"
    plant.write_text(PLANT.format(port=broker, web=free_port()) + names, "utf-8")
    children = {}
    try:
        for name in PROCESSES:
            with (folder / f"{name}.log").open("ab") as log:
                command = [sys.executable, "-m", "flows.cli", name, str(plant), "--data", str(folder / "data")]
                children[name] = subprocess.Popen(command, stdout=log, stderr=log)
        yield {name: child.pid for name, child in children.items()}
        for name, child in children.items():
            if child.poll() is not None:
                raise RuntimeError(f"{name} ended with {child.returncode}:\n{(folder / f'{name}.log').read_text()}")
    finally:
        for child in children.values():
            child.terminate()
        for child in children.values():
            try:
                child.wait(10.0)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


class Load:
    """One publisher after the other, each with a minute's packets."""

    def __init__(self, port: int, rate: int, seconds: float) -> None:
        self._port, self._rate, self._left = port, rate, round(rate * seconds)
        self._first = 1_000
        self._child: subprocess.Popen[bytes] | None = None

    def going_on(self) -> bool:
        """Whether there is something left to send; starts the next publisher when one has ended."""
        if self._child is not None and self._child.poll() is None:
            return True
        if self._child is not None and self._child.returncode:
            raise RuntimeError(f"the publisher ended with {self._child.returncode}")
        count = min(self._left, self._rate * CHUNK_SECONDS)
        if count <= 0:
            return False
        arguments = [str(number) for number in (self._port, self._rate, count, self._first)]
        self._child = subprocess.Popen([sys.executable, "-m", "benchmarks.bench_broker", "publish", *arguments])
        self._first += count
        self._left -= count
        return True

    def stop(self) -> None:
        """No more."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()


def soak(minutes: float, rate: int) -> Samples:
    """Load the plant and sample it."""
    samples = Samples()
    with tempfile.TemporaryDirectory() as name, Mosquitto(Path(name) / "broker", BROKER) as broker:
        folder = Path(name)
        data = folder / "data"
        with processes(folder, broker.port) as pids:
            first = Load(broker.port, rate, 1.0)
            wait(lambda: first.going_on() is False and 0 < written(data) <= applied(data), STARTED_SECONDS, "a start")
            load = Load(broker.port, rate, minutes * 60)
            began, every = time.monotonic(), max(0.5, minutes * 60 / MOST_SAMPLES)
            due = 0.0
            try:
                while load.going_on():
                    if time.monotonic() - began >= due:
                        sample(samples, (time.monotonic() - began) / 60, pids, data)
                        due += every
                    time.sleep(0.05)
            finally:
                load.stop()
            wait(lambda: written(data) <= applied(data), DRAINED_SECONDS, "all results stored")
    return samples


def wait(done: Callable[[], bool], seconds: float, what: str) -> None:
    """Until `done`; `TimeoutError` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(0.1)


def save(samples: Samples, folder: Path) -> None:
    """The curves as SVG, and the samples as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, measure in MEASURES.items():
        drawn = chart(measure.title, "minutes", measure.unit, samples.taken[name])
        (folder / f"soak-{name}.svg").write_text(drawn, "utf-8")
    (folder / "samples.json").write_text(json.dumps({"machine": machine(), "samples": samples.taken}), "utf-8")


def main(arguments: list[str]) -> int:
    """Soak, plot and judge."""
    parser = argparse.ArgumentParser(prog="make soak", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--rate", type=int, default=RATE, help="messages a second")
    parser.add_argument("--into", type=Path, help="folder for curves and samples")
    given = parser.parse_args(arguments)
    console = Console(stderr=True)
    with console.status(f"soaking for {given.minutes:g} minutes at {given.rate} messages a second"):
        samples = soak(given.minutes, given.rate)
    folder = given.into or RESULTS / f"soak-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    save(samples, folder)
    title = f"{given.minutes:g} minutes at {given.rate} messages/s"
    table = Table("measure", "of", "mean", "rises by", "allowed", title=title)
    judged = judge(samples)
    for measure, of, mean, risen, allowed in judged:
        mark = "[red]" if risen > allowed else ""
        unit = MEASURES[measure].unit
        table.add_row(measure, of, f"{mean:,.1f} {unit}", f"{mark}{risen:+,.1f}", f"{allowed:,.1f}")
    Console(width=None if sys.stdout.isatty() else 120).print(table)
    print(f"curves and samples: {folder}")
    return int(any(risen > allowed for _, _, _, risen, allowed in judged))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
