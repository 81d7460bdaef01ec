"""The CSV file of characteristics: one row each, the columns are the options, an empty cell is absent.

`limits.from`, `limits.subgroups`, `limits.center` and `limits.sigma` are columns of their own; lists
(`rules`, `co_owners`) are separated by `;`, or by spaces where there is none.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

from config.characteristic import CharacteristicOptions, LimitsOptions
from config.errors import Problem
from config.problems import suggestion
from rules.run_rules import RULE_SETS

ID = "id"


@dataclass(frozen=True, slots=True)
class Row:
    """One characteristic of the file; `path` is `characteristics.csv row 7` (the line of the file)."""

    path: str
    id: str
    options: dict[str, Any]


def columns() -> tuple[str, ...]:
    """Every column there can be, in the order of the options."""
    limits = tuple(f"limits.{field.alias or name}" for name, field in LimitsOptions.model_fields.items())
    options = tuple(name for name in CharacteristicOptions.model_fields if name != "limits")
    return (ID, *options, *limits)


def read_table(path: Path) -> tuple[list[Row], list[Problem]]:
    """The rows of the file as options, and what is wrong with its form."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [(reader.line_num, cells) for reader in [csv.reader(file, strict=True)] for cells in reader]
    except OSError as error:
        return [], [Problem("characteristics_file", f"expected a readable file: {error.strerror} (got {str(path)!r})")]
    except UnicodeDecodeError as error:
        reason = f"{error.reason} at byte {error.start}"
        return [], [Problem("characteristics_file", f"expected UTF-8 text: {reason} (got {str(path)!r})")]
    except csv.Error as error:
        return [], [Problem("characteristics_file", f"expected CSV: {error} (got {str(path)!r})")]
    return _rows(path.name, lines)


def _rows(name: str, lines: list[tuple[int, list[str]]]) -> tuple[list[Row], list[Problem]]:
    if not lines:
        return [], [Problem(f"{name} row 1", "expected a header with the column id")]
    header = [cell.strip() for cell in lines[0][1]]
    problems = list(_header_problems(f"{name} row 1", header))
    rows = []
    for number, cells in lines[1:]:
        path = f"{name} row {number}"
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(header):
            problems.append(Problem(path, f"expected at most {len(header)} cells, as in the header (got {len(cells)})"))
            continue
        found = {column: cell.strip() for column, cell in zip(header, cells, strict=False) if cell.strip()}
        if ID in found:
            rows.append(Row(path, found.pop(ID), _options(found)))
        elif ID in header:
            problems.append(Problem(f"{path}.{ID}", "is required"))
    return rows, problems


def _header_problems(path: str, header: list[str]) -> list[Problem]:
    known = columns()
    problems = [
        Problem(path, f"unknown column {name!r}{suggestion(name, known)}" + _separator(name))
        for name in header
        if name not in known
    ]
    problems += [Problem(path, f"column {name!r} is there twice") for name in known if header.count(name) > 1]
    if ID not in header:
        problems.append(Problem(path, "expected a column id"))
    return problems


def _separator(name: str) -> str:
    return "; columns are separated by commas" if ";" in name or "\t" in name else ""


def _options(cells: dict[str, str]) -> dict[str, Any]:
    """Cells as TOML would give them: numbers, lists and the limits as a table. Unknown columns are left out."""
    options: dict[str, Any] = {}
    for column, cell in cells.items():
        if column == "rules" and cell in RULE_SETS:
            options[column] = cell
        elif column.startswith("limits.") and column in columns():
            key = column.removeprefix("limits.")
            options.setdefault("limits", {})[key] = cell if key == "from" else _number(cell)
        elif column in CharacteristicOptions.model_fields:
            options[column] = _value(column, cell)
    return options


def _value(column: str, cell: str) -> Any:
    annotation = CharacteristicOptions.model_fields[column].annotation
    kinds = {getattr(kind, "__origin__", kind) for kind in (annotation, *get_args(annotation))}  # Annotated[float, …]
    if get_origin(annotation) is tuple:
        parts = [part.strip() for part in (cell.split(";") if ";" in cell else cell.split()) if part.strip()]
        return [_number(part) for part in parts] if column == "plausible" else parts
    return _number(cell) if kinds & {int, float} else cell


def _number(cell: str) -> int | float | str:
    """The number that a cell holds; a cell that holds none stays text, for the option to refuse."""
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            continue
    return cell
