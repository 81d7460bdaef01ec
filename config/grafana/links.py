"""Links between boards: each carries the time range, and the values of variables where it is told."""

from config.grafana.queries import Json

PLANT, LINE, CHARACTERISTIC = "plumbline-plant", "plumbline-line", "plumbline-characteristic"
MACHINE, GOALS, SERVICE = "plumbline-machine", "plumbline-goals", "plumbline-service"
TAG = "plumbline"  # of every board: the row of links on top lists what has it


def board_url(uid: str, **variables: str) -> str:
    """The address of a board with the time range looked at and these variables.

    >>> board_url(LINE, line="${__data.fields.line:percentencode}")
    '/d/plumbline-line?${__url_time_range}&var-line=${__data.fields.line:percentencode}'
    """
    return f"/d/{uid}?${{__url_time_range}}" + "".join(f"&var-{name}={value}" for name, value in variables.items())


def of_row(field: str) -> str:
    """A column's value of the row or series that was clicked on."""
    return f"${{__data.fields.{field}:percentencode}}"


def of_series(tag: str) -> str:
    """A tag of the series that was clicked on."""
    return f"${{__field.labels.{tag}:percentencode}}"


def link(title: str, url: str) -> Json:
    """A data link of a field or series."""
    return {"title": title, "url": url, "targetBlank": False}


def to_characteristic(field: str = "characteristic") -> list[Json]:
    """From a row to its characteristic's board."""
    return [link("The characteristic's charts", board_url(CHARACTERISTIC, characteristic=of_row(field)))]


def board_links() -> list[Json]:
    """The links on top of every board: all boards of the plant, with time range and variables."""
    return [
        {
            "type": "dashboards",
            "title": "Boards",
            "tags": [TAG],
            "asDropdown": False,
            "icon": "external link",
            "includeVars": True,
            "keepTime": True,
            "targetBlank": False,
            "tooltip": "",
        }
    ]
