"""Figures: what was measured, its budget, and what a peer did in the same run."""

import json
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"
LESS_IS_BETTER = frozenset(("ms", "s", "bytes", "MiB", "%"))


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. `budget` is at least (a rate) or at most (a time, bytes) so much; a peer of 0 is none."""

    name: str
    value: float
    unit: str
    budget: float = 0.0
    peer_name: str = ""
    peer: float = 0.0
    binds: str = ""  # what bounds it here

    @property
    def less_is_better(self) -> bool:
        return self.unit in LESS_IS_BETTER

    @property
    def ratio(self) -> float:
        """How many times better than the peer; 0 without one."""
        if not self.peer or not self.value:
            return 0.0
        return self.peer / self.value if self.less_is_better else self.value / self.peer

    @property
    def within_budget(self) -> bool:
        return not self.budget or (self.value <= self.budget if self.less_is_better else self.value >= self.budget)


def medians(*measures: Callable[[], float], repeats: int = 5) -> tuple[float, ...]:
    """The median of each measure; they take turns, so that what disturbs the machine disturbs all of them."""
    taken = [[measure() for measure in measures] for _ in range(repeats)]
    return tuple(median(column) for column in zip(*taken, strict=True))


def show(figures: Sequence[Figure]) -> None:
    """The table on stdout. Ratios are steadier than values: they come from one run on one machine."""
    columns = ("figure", "value", "budget", "peer in the same run", "times better", "what binds")
    table = Table(*columns, title=machine()["summary"])
    for column in (1, 2, 4):
        table.columns[column].justify = "right"
    for one in figures:
        met = "" if not one.budget else "[green]" if one.within_budget else "[yellow]"
        peer = f"{one.peer_name}: {shown(one.peer, one.unit)}" if one.peer_name else ""
        ratio = f"{one.ratio:,.{1 if one.ratio >= 1 else 2}f}" if one.ratio else ""
        budget = shown(one.budget, one.unit) if one.budget else ""
        table.add_row(one.name, f"{met}{shown(one.value, one.unit)}", budget, peer, ratio, one.binds)
    Console(width=None if os.isatty(1) else 200).print(table)


def save(figures: Sequence[Figure]) -> Path:
    """The figures with a description of the machine, as JSON in `benchmarks/results/`."""
    RESULTS.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    path = RESULTS / f"{now:%Y%m%dT%H%M%SZ}.json"
    rows = [asdict(one) | {"ratio": one.ratio} for one in figures]
    path.write_text(json.dumps({"time": now.isoformat(), "machine": machine(), "figures": rows}, indent=1), "utf-8")
    return path


def machine() -> dict[str, str]:
    """What the figures depend on."""
    described = Path("/proc/cpuinfo").read_text("utf-8") if Path("/proc/cpuinfo").exists() else ""
    models = [line.partition(": ")[2] for line in described.splitlines() if line.startswith("model name")]
    cpu = models[0] if models else platform.processor()
    load = os.getloadavg()[0]
    summary = f"{cpu}, {os.cpu_count()} cores, Python {platform.python_version()}, load at the end {load:.1f}"
    packages = {name: version(name) for name in ("bytewax", "numba", "numpy", "orjson", "polars", "paho-mqtt")}
    return {"summary": summary, "system": platform.platform(), **packages}


def shown(value: float, unit: str) -> str:
    """A value with its unit, to three digits or so."""
    if value >= 1e6:
        return f"{value / 1e6:,.2f} M {unit}"
    return f"{value:,.1f} {unit}" if value < 100 else f"{value:,.0f} {unit}"
