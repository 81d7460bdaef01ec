"""One run: the world, its faults, calm, and the comparison of everything that is left."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.charts import compare_charts, compare_taken
from tests.chaos.compare import Findings, compare_record, compare_undisturbed, entries_of
from tests.chaos.episodes import compare_episodes
from tests.chaos.faults import Faults
from tests.chaos.goals import compare_goals
from tests.chaos.key_results import compare_key_results, compare_updates
from tests.chaos.oracle import JournalOracle
from tests.chaos.plant import Stream
from tests.chaos.publisher import Publishing
from tests.chaos.pushed import compare_influx, compare_store
from tests.chaos.report import lines_of
from tests.chaos.world import GivenUp, World

SECONDS_A_DAY = 1.2  # of the run, for each production day
ORDER_AT, CHANGE_AT = 0.45, 0.6  # when a person accepts limits, and when the plan changes: the share of the days


@dataclass(frozen=True)
class Outcome:
    """What a run has come to."""

    found: Findings
    lines: list[str]

    @property
    def ok(self) -> bool:
        return self.found.differences == 0


def run(folder: Path, *, seconds: float, seed: int, mutant: str = "") -> Outcome:
    """Run for so long in `folder`, which is removed unless something differs."""
    folder.mkdir(parents=True)
    stream = Stream(seed, days=max(8, round(seconds / SECONDS_A_DAY)))
    found = Findings()
    with World(folder, stream, mutant=mutant) as world:
        try:
            live(world, seconds, seed)
            world.plant.stop_all()
            compare(found, world)
        except GivenUp as fault:  # what has not come to rest is not compared
            found.differs("unrest", str(fault))
            for what in world.plant.ended:
                found.differs("ended", what)
    kept = folder if found.differences else None
    lines = lines_of(world, found, seed=seed, seconds=seconds, kept=kept)
    if kept is None:
        shutil.rmtree(folder)
    else:
        (folder / "report.txt").write_text("\n".join(lines) + "\n")
    return Outcome(found, lines)


def live(world: World, seconds: float, seed: int) -> None:
    """The stream is published while everything fails; then rest."""
    world.begin()
    plant = world.plant
    publishing = Publishing(
        world.stream, world.recorder, seconds, [(ORDER_AT, lambda: accept(world)), (CHANGE_AT, plant.change_plan)]
    )
    publishing.start()
    try:
        Faults(world, seed).run(publishing)
    finally:
        publishing.stop.set()
        publishing.join(90)
    if publishing.fault is not None:
        raise publishing.fault
    world.rest()


def accept(world: World) -> None:
    """A person accepts the limits of the bore."""
    order: dict[str, object] = {"kind": "accept-limits", "characteristic": "line1/op10/bore", "who": "anna"}
    world.plant.order(order, "chaos-accept")


def compare(found: Findings, world: World) -> None:
    """Everything that is left."""
    data = world.plant.data
    for what in world.plant.ended:
        found.differs("ended", what)
    for line in world.plant.rebuilt():
        found.differs("state", f"after a kill the state does not fit the history: {line}")
    entries = entries_of(data)
    compare_record(found, world.recorder.measurements(), entries)
    told = JournalOracle().run(entries)
    compare_taken(found, data, world.recorder.measurements(), told)
    compare_charts(found, data, told)
    compare_episodes(found, data, entries)
    compare_goals(found, data, entries, told)
    said = compare_key_results(found, data, entries)
    compare_undisturbed(found, data, world.folder / "undisturbed")
    compare_influx(found, data, world.influx, world.lines)
    compare_store(found, data, world.plant.store)
    compare_updates(found, data, said)
