"""Two saved runs side by side: `python -m benchmarks.compare A.json B.json [--worse PERCENT]`.

Without files: the two newest in `benchmarks/results`. Status 1 when a figure of B is worse than A's by more than
PERCENT (20 unless told otherwise), 2 when the files cannot be compared.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.figures import LESS_IS_BETTER, RESULTS, shown

WORSE_PERCENT = 20.0


def change(figure: str, unit: str, before: float, after: float) -> float:
    """How much better `after` is, in percent; below 0: worse."""
    if not before or not after:
        return 0.0
    better = before / after if unit in LESS_IS_BETTER else after / before
    return (better - 1) * 100 if better >= 1 else -(1 / better - 1) * 100


def table(one: dict[str, Any], other: dict[str, Any], worse_percent: float) -> tuple[Table, list[str]]:
    """The table, and the names of the figures that are worse by more than `worse_percent`."""
    before = {figure["name"]: figure for figure in one["figures"]}
    made = Table("figure", one["time"][:16], other["time"][:16], "better by", title=_machines(one, other))
    for column in (1, 2, 3):
        made.columns[column].justify = "right"
    worse = []
    for figure in other["figures"]:
        name, unit = figure["name"], figure["unit"]
        old = before.pop(name, None)
        if old is None:
            made.add_row(name, "", shown(figure["value"], unit), "new")
            continue
        percent = change(name, unit, old["value"], figure["value"])
        colour = "[red]" if percent < -worse_percent else "[green]" if percent > worse_percent else ""
        made.add_row(name, shown(old["value"], unit), shown(figure["value"], unit), f"{colour}{percent:+.0f} %")
        if percent < -worse_percent:
            worse.append(name)
    for name, old in before.items():
        made.add_row(name, shown(old["value"], old["unit"]), "", "gone")
    return made, worse


def _machines(one: dict[str, Any], other: dict[str, Any]) -> str:
    machines = [run["machine"]["summary"].partition(", load")[0] for run in (one, other)]
    return machines[0] if machines[0] == machines[1] else f"different machines: {machines[0]} | {machines[1]}"


def main(arguments: list[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--worse", type=float, default=WORSE_PERCENT, metavar="PERCENT")
    given = parser.parse_args(arguments)
    files = given.files or sorted(RESULTS.glob("*.json"))[-2:]
    if len(files) != 2:
        print(f"expected two saved runs, got {len(files)}: `make bench` saves one", file=sys.stderr)
        return 2
    try:
        runs = [json.loads(path.read_text("utf-8")) for path in files]
        made, worse = table(runs[0], runs[1], given.worse)
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"{' and '.join(map(str, files))}: expected runs that `make bench` saved, got {error!r}", file=sys.stderr)
        return 2
    Console(width=None if sys.stdout.isatty() else 160).print(made)
    return int(bool(worse))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
