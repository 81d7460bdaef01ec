"""The page that says every table and option of the plant file."""

from collections.abc import Iterator

from pydantic import BaseModel

from config.connectors import BY_PAYLOAD, CONNECTOR_TYPES
from tools.handbook.options import Option, options_of, tables_in
from tools.handbook.plant_tables import CONNECTOR_EXAMPLES, TABLES

HEAD = """# The plant file

One TOML file says what is measured and what is wanted. This page is written from the models by which the program
checks the file: every table, every option, its default and what it may be. `plumbline check FILE` names every mistake
with its place; [a file with all of it](plant.example.md) can be copied.

- Tables of one plant stand once; `[connectors.NAME]` and the like as often as there are names.
- An option that is not there has its default, an option that is not known is an error.
- Passwords and tokens are never in the file: it names the environment variable, or the file, that holds them.
- Files and folders are named from the folder of the plant file, if nothing else is said.
- While the plant runs, `kill -HUP` of the gateway has it read anew: [changes of the plan](../plan-changes.md).
"""

FILE_OF_CHARACTERISTICS = """## `characteristics_file`

`characteristics_file = "characteristics.csv"`, at the top of the file, names a CSV file of characteristics, from the
folder of the plant file. Its columns are `id` and the options of a characteristic; an empty cell is an option that is
not there; lists are separated by `;`; limits stand in the columns `limits.from`, `limits.subgroups`, `limits.center`
and `limits.sigma`. It may stand beside `[characteristics.ID]` tables; no id may be in both.

```csv
id,unit,lsl,usl,chart,subgroup_size,rules
line3/op10/length,mm,19.9,20.1,xbar-r,5,beyond-3-sigma;9-on-one-side
```
"""


CONNECTORS_SAY = """## Connectors { #connectors }

`[connectors.NAME]` is one way in: a broker, a server, a folder, an intake. `type` says of what kind it is, and each
kind has options of its own. [Ways in](../connectors/index.md) says what each guarantees.
"""


def plant_file_page() -> str:
    """The whole page, in Markdown."""
    return "\n".join([HEAD, *_tables(), CONNECTORS_SAY, *_connectors(), FILE_OF_CHARACTERISTICS])


def examples() -> str:
    """All examples of the page, which together are a plant file."""
    return "\n\n".join([*(table.example for table in TABLES), *(text for _, text in CONNECTOR_EXAMPLES.values())])


def _tables() -> Iterator[str]:
    for table in TABLES:
        yield f"## `{table.heading}`\n\n{table.says}\n\n```toml\n{table.example}\n```\n"
        if table.key != "defaults":
            yield from _rows(table.model, table.key)


def _connectors() -> Iterator[str]:
    for kind, (page, example) in CONNECTOR_EXAMPLES.items():
        model = CONNECTOR_TYPES[kind] if isinstance(kind, str) else BY_PAYLOAD[kind]
        said = f'type = "{kind}"' if isinstance(kind, str) else f'type = "{kind[0]}"`, `payload = "{kind[1]}"'
        name = kind if isinstance(kind, str) else str(kind[1])
        yield f"### `{said}` {{ #{name} }}\n\n[More of it](../connectors/{page}).\n\n```toml\n{example}\n```\n"
        yield from _rows(model, name)


def _rows(model: type[BaseModel], anchor: str) -> Iterator[str]:
    """The table of options, and one of each option that is a table itself."""
    yield "| option | value | default | |\n|---|---|---|---|"
    yield "\n".join(_row(option, anchor) for option in options_of(model)) + "\n"
    for name, inner in tables_in(model):
        yield f"`{name}` of it:\n"
        yield from _rows(inner, f"{anchor}-{name}")


def _row(option: Option, anchor: str) -> str:
    name = f'<span id="{anchor}-{option.name}">`{option.name}`</span>'
    return f"| {name} | {_cell(option.kind)} | {_cell(option.default)} | {_cell(option.sentence)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
