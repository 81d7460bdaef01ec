"""The cells of the simulated plant that speak for themselves, by the connectors of its plant file."""

from typing import TYPE_CHECKING, Protocol

from config.opcua import OpcuaOptions
from flows.press_cell import PressCell

if TYPE_CHECKING:
    from config.models import PlantFile


class Cell(Protocol):
    """One cell; it connects, or listens, with the first minute that it is given."""

    def minute(self, at_ns: int) -> None:
        """Show what the minute that ends at `at_ns` brought."""

    def close(self) -> None:
        """Say that it leaves."""


def cells_of(plant: "PlantFile", seed: int) -> list[Cell]:
    """A press for each connector to an OPC UA server."""
    return [PressCell(options.url, seed) for options in plant.connectors.values() if isinstance(options, OpcuaOptions)]
