"""What `plumbline check` says of a plant file: tables on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from config.check import Report
from config.expect import Estimate, Expected

Cells = tuple[str, ...]

HEADS: dict[str, Cells] = {
    "connector": ("connector", "type", "address", "subscriptions"),
    "characteristic": (
        "characteristic",
        "chart",
        "n",
        "specification",
        "limits",
        "run rules",
    ),
    "metric": ("metric", "kind", "over", "reduce", "of", "key results"),
    "expected": ("expected", "values a day", "false breaches a year each", "false alarms a year each"),
}


def show(report: Report) -> None:
    """The report on stdout, its warnings on stderr."""
    print(summary(report))
    if sys.stdout.isatty():
        console = Console()
        for noun, rows in tables(report).items():
            table = Table(*HEADS[noun], title_justify="left")
            for row in rows:
                table.add_row(*row)
            if rows:
                console.print(table, markup=False)
    else:
        for line in lines(report):
            print(line)
    for line in report.kept:
        print(line)
    if report.characteristics:
        print(in_all(report))
    for warning in report.warnings:
        print(f"plumbline: warning: {warning}", file=sys.stderr)


def summary(report: Report) -> str:
    """One sentence: what the file describes, and how much of it."""
    counts = (
        (len(report.connectors), "connector"),
        (len(report.characteristics), "characteristic"),
        (len(report.metrics), "metric"),
        (report.objectives, "objective"),
        (report.key_results, "key result"),
    )
    listed = ", ".join(f"{number} {noun}{'' if number == 1 else 's'}" for number, noun in counts)
    return f"{report.path}: plant {report.plant_id} is well: {listed}; {report.days}"


def lines(report: Report) -> Iterator[str]:
    """A line for each connector, characteristic and metric, each cell behind the name of its column."""
    for noun, rows in tables(report).items():
        for row in rows:
            said = "; ".join(f"{head} {cell}" for head, cell in zip(HEADS[noun][1:], row[1:], strict=True) if cell)
            yield f"{noun} {row[0]}: {said}"


def tables(report: Report) -> dict[str, list[Cells]]:
    """The rows of each table of `HEADS`; what does not apply is empty."""
    return {
        "connector": [(one.name, one.type, one.address, ", ".join(one.subscriptions)) for one in report.connectors],
        "characteristic": [
            (one.id, one.chart, str(one.subgroup_size), one.specification, one.limits, ", ".join(one.rules))
            for one in report.characteristics
        ],
        "metric": [
            (one.id, one.kind, one.over, one.reduce, one.of, ", ".join(one.key_results)) for one in report.metrics
        ],
        "expected": [
            (_alike(one), str(one.setting.n), "" if one.breaches is None else _said(one.breaches), _said(one.alarms))
            for one in report.expected
        ],
    }


def in_all(report: Report) -> str:
    """What to expect of all characteristics together."""
    return (
        f"in all, were every true Cpk at its target: {_said(report.breaches)} false breaches and "
        f"{_said(report.alarms)} false alarms a year (simulated, ± standard error)" + _left_out(report.of_attributes)
    )


def _left_out(charts: int) -> str:
    if not charts:
        return ""
    said = "1 attribute chart, whose" if charts == 1 else f"{charts} attribute charts, whose"
    return f"; without {said} false alarms hang on the rate and on the size of each inspection"


def _alike(one: Expected) -> str:
    return one.first if one.characteristics == 1 else f"{one.first} and {one.characteristics - 1} alike"


def _said(estimate: Estimate) -> str:
    """`6.5 ± 0.1`: the error to one digit, the figure as far as it goes; nothing finer than thousandths."""
    error = f"{estimate.error:.1g}"
    places = 0 if estimate.error >= 1 else min(len(f"{float(error):.3f}".rstrip("0")) - 2, 3)
    return f"{estimate.value:,.{places}f} ± {float(error):,.{places}f}"
