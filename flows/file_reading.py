"""How the options of a folder connector read a file: for the gateway, and for a replay of what it has taken."""

from config.folder import FolderOptions
from config.models import PlantFile
from connectors.errors import WrongInput
from connectors.measured_table import How
from connectors.table_rows import Layout


def how_of(plant: PlantFile, name: str) -> How:
    """How the folder connector `name` reads files; `WrongInput` when there is none of this name."""
    options = plant.connectors.get(name)
    if not isinstance(options, FolderOptions):
        folders = [one for one, some in plant.connectors.items() if isinstance(some, FolderOptions)]
        there = ", ".join(folders) or "there is none"
        raise WrongInput(f"--as: expected a connector of type folder ({there}), got {name!r}")
    layout = Layout(
        options.columns, options.values, options.separator, options.decimal, options.encoding, options.time_format
    )
    return How(layout, options.template, options.time_zone or plant.plant.timezone)
