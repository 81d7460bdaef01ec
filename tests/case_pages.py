"""The cases of tests/cases as the docs show them: what a reader sees is what runs.

    python -m tests.case_pages      # writes them into the pages anew

A page holds the cases of a file between `<!-- cases: metrics/reduce.toml -->` and `<!-- end of cases -->`, and a table
of the code, such as that of event metrics, between `<!-- table: metrics -->` and `<!-- end of table -->`.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

from tests.code_tables import TABLES

ROOT = Path(__file__).parents[1]
PAGES = (
    ROOT / "docs" / "key-results.md",
    ROOT / "docs" / "metrics.md",
    ROOT / "docs" / "statistics.md",
    ROOT / "docs" / "boards" / "grafana.md",
)
BLOCK = re.compile(r"<!-- cases: (\S+) -->\n.*?<!-- end of cases -->", re.DOTALL)
TABLE = re.compile(r"<!-- table: (\S+) -->\n.*?<!-- end of table -->", re.DOTALL)


def rendered(name: str) -> str:
    """The legend of a file of cases, and every case: its name, and what it says as it stands in the file."""
    path = ROOT / "tests" / "cases" / name
    text = path.read_text("utf-8")
    legend = "\n".join(line.removeprefix("#").removeprefix(" ") for line in text.split("\n\n")[0].splitlines())
    if "[[case]]" in legend:
        raise ValueError(f"{name}: expected a legend in comments, and an empty line behind it")
    parts = ["```text", legend, "```"]
    for case in tomllib.loads(text)["case"]:
        parts += ["", f"**{_capital(case['name'])}**", "", "```text", *_lines(case), "```"]
    return "\n".join(parts)


def _capital(name: str) -> str:
    return name[0].upper() + name[1:]


def _lines(case: dict[str, Any]) -> list[str]:
    found = []
    for key, value in case.items():
        if key == "name":
            continue
        if isinstance(value, str) and "\n" in value:
            found += [f"{key}:", *("  " + line for line in value.strip().splitlines())]
        else:
            found.append(f"{key}: {_text(value)}")
    return found


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} = {_text(one)}" for key, one in value.items())
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def with_cases(page: str) -> str:
    """A page with its blocks of cases as the files have them now."""
    page = TABLE.sub(lambda found: f"<!-- table: {found[1]} -->\n{TABLES[found[1]]()}\n<!-- end of table -->", page)
    return BLOCK.sub(lambda found: f"<!-- cases: {found[1]} -->\n{rendered(found[1])}\n<!-- end of cases -->", page)


if __name__ == "__main__":
    for file in PAGES:
        file.write_text(with_cases(file.read_text("utf-8")), "utf-8")
