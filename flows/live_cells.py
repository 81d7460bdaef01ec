"""The cells of the simulated plant that speak for themselves, by the connectors of its plant file."""

import os
from typing import TYPE_CHECKING, Protocol

from config.opcua import OpcuaOptions
from config.sparkplug import SparkplugOptions
from flows.oven_cell import OvenCell
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
    """A press for each connector to an OPC UA server, an oven for each that hosts Sparkplug edge nodes."""
    cells: list[Cell] = []
    for name, options in plant.connectors.items():
        if isinstance(options, OpcuaOptions):
            cells.append(PressCell(options.url, seed))
        elif isinstance(options, SparkplugOptions):
            password = plant.password(name, os.environ)
            cells.append(OvenCell(options, None if password is None else password.get_secret_value(), seed))
    return cells
