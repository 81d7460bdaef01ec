"""A characteristic's readings out of the history into a file of the Q-DAS ASCII transfer format."""

from pathlib import Path

from config.models import PlantFile
from connectors.dfq_write import Described, DfqWriter
from connectors.errors import WrongInput
from connectors.reading_pages import readings_of


def export_dfq(
    plant: PlantFile, data: Path, characteristic: str, target: Path, from_ns: int = 0, until_ns: int = 1 << 62
) -> int:
    """Write `target`; how many readings are in it. The file has its name once it is whole.

    Raises `WrongInput` for a characteristic that the plant or its history does not know, a file that is there already
    and a stretch without readings; `HistoryAbsent`; `OSError`.
    """
    options = plant.characteristics.get(characteristic)
    if options is None:
        raise WrongInput(f"expected a characteristic of {plant.path}, got {characteristic!r}")
    if target.exists():
        raise WrongInput(f"{target}: expected a file that is not there yet")
    spec = options.spec(characteristic)
    described = Described(
        characteristic, plant.plant.id, spec.unit, spec.lsl, spec.usl, spec.target, max(1, spec.subgroup_size)
    )
    part, count = target.with_name(target.name + ".part"), 0
    try:
        with part.open("wb") as file:
            writer = DfqWriter(file, described, plant.plant.timezone)
            for reading in readings_of(data / "history.db", characteristic, from_ns, until_ns):
                writer.value(reading.time_ns, reading.value, reading.context)
                count += 1
        if not count:
            raise WrongInput(f"{characteristic}: expected readings in the history, got none (older ones may be in "
                             f"{data / 'archive'}, which `plumbline replay` reads)")  # fmt: skip
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)
    return count
