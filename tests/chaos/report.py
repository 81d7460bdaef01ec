"""The lines that a run prints."""

from pathlib import Path

from tests.chaos.compare import Findings
from tests.chaos.world import World


def lines_of(world: World, found: Findings, *, seed: int, seconds: float, kept: Path | None) -> list[str]:
    """What happened, what was compared, what differed."""
    counts = found.counts
    plant = world.plant

    def listed(some: dict[str, int]) -> str:
        return ", ".join(f"{name} {count}" for name, count in sorted(some.items())) or "none"

    lines = [
        f"seed              {seed} ({seconds:g} s, {world.stream.days} production days)",
        f"kills             {sum(plant.kills.values())}: {listed(plant.kills)}",
        f"broker restarts   {world.broker_restarts}",
        f"InfluxDB faults   {listed(world.lines.met)}",
        f"OKR store faults  {listed(plant.store.met)}",
        f"messages          {counts.get('messages', 0)} acknowledged, sent {counts.get('sent', 0)} times",
        f"readings          {counts.get('readings', 0)}",
        f"lost              {counts.get('lost', 0)}",
        f"repeated          {counts.get('repeated', 0)}",
        f"rows compared     {counts.get('rows', 0)} with an undisturbed run, {counts.get('told', 0)} with the oracle",
        f"key results       {counts.get('key results', 0)} rows and updates with the oracle,"
        f" {counts.get('restated after the end', 0)} restated after the end",
        f"points compared   {counts.get('points', 0)} in InfluxDB, {counts.get('broken lines', 0)} refused as broken",
        f"pushes compared   {counts.get('updates', 0)} updates, {counts.get('alerts', 0)} alerts",
        f"different         {found.differences}",
    ]
    lines += [f"  {what}" for what in found.different]
    if kept is not None:
        lines.append(f"kept              {kept}")
    return lines
