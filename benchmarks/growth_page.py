"""The page with the curves of `benchmarks.growth`: `docs/performance.md` and its pictures."""

from collections.abc import Mapping
from pathlib import Path

from benchmarks.figures import machine
from benchmarks.svg import chart

Sizes = Mapping[int, Mapping[str, float]]
MIB = 2**20
MEMORY = {"resident": "resident_bytes", "of it state": "state_bytes"}

HEAD = """# Cost as the work grows

Measured by `make bench ARGS=--curves` on: {machine}.

Rates and memory are of one core and one process that decodes, charts, judges and folds, without storage; sizes are
each measured in a process of its own. How the figures stand against their budgets and against peers, `make bench`
prints. `make bench ARGS=board` measures the board: the answer and the first contentful paint of a page of 1,000 tiles,
and how long a point takes from its publication to the screen while 50 browsers look on
(`python -m benchmarks.bench_board --points 10000000`: with ten million points in the history).
"""
CHARACTERISTICS = """
## Characteristics

![Values a second by the number of characteristics](images/growth-characteristics.svg)
![Memory by the number of characteristics](images/growth-memory.svg)

| characteristics | values/s | memory each, bytes | of it state, bytes | seconds to take the plan |
|---:|---:|---:|---:|---:|
{rows}
"""
VALUES = """
## Values a message

JSON messages of 1,000 characteristics.

![Values and messages a second by values a message](images/growth-values.svg)

| values a message | values/s | messages/s |
|---:|---:|---:|
{rows}
"""
DAYS = """
## Starting with a long history

100 characteristics, a value of each every 15 minutes: from the start of a process to its first new result (engine),
or to its first answer (web).

![Seconds to start by days of history](images/growth-days.svg)

| days | points | engine, s | web, s |
|---:|---:|---:|---:|
{rows}
"""
POINTS = """
## Queries of a long history

1,000 characteristics; 1,000 rows are asked for, the overview gives a row each; the median of seven, over HTTP.

![Milliseconds of a query by points of the history](images/growth-points.svg)

| points | {names} |
|---:|{columns}|
{rows}
"""


def write_page(found: Mapping[str, Sizes], docs: Path) -> Path:
    """The page, from what was measured; parts that were not are left out."""
    images = docs / "images"
    images.mkdir(parents=True, exist_ok=True)
    parts = [HEAD.format(machine=machine()["summary"].partition(", load")[0])]
    for name, make in (
        ("characteristics", _characteristics),
        ("values", _values),
        ("days", _days),
        ("points", _points),
    ):
        if found.get(name):
            text, pictures = make(found[name])
            parts.append(text)
            for picture, drawn in pictures.items():
                (images / f"growth-{picture}.svg").write_text(drawn, "utf-8")
    page = docs / "performance.md"
    page.write_text("".join(parts), "utf-8")
    return page


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _curve(sizes: Sizes, name: str, factor: float = 1.0) -> list[tuple[float, float]]:
    return [(size, figures[name] * factor) for size, figures in sizes.items()]


def _characteristics(sizes: Sizes) -> tuple[str, dict[str, str]]:
    rate = {"values/s": _curve(sizes, "values_per_s")}
    memory = {name: [(n, n * of[key] / MIB) for n, of in sizes.items()] for name, key in MEMORY.items()}
    rows = [
        _row(
            f"{n:,}", f"{of['values_per_s']:,.0f}", *(f"{of[name]:,.0f}" for name in ("resident_bytes", "state_bytes"))
        )
        + f" {of['plan_s']:.2f} |"
        for n, of in sizes.items()
    ]
    return CHARACTERISTICS.format(rows="\n".join(rows)), {
        "characteristics": chart("Values a second", "characteristics", "values/s", rate, log_x=True),
        "memory": chart("Memory", "characteristics", "MiB", memory, log_x=True, log_y=True),
    }


def _values(sizes: Sizes) -> tuple[str, dict[str, str]]:
    series = {"values/s": _curve(sizes, "values_per_s"), "messages/s": _curve(sizes, "messages_per_s")}
    rows = [_row(f"{n:,}", f"{of['values_per_s']:,.0f}", f"{of['messages_per_s']:,.0f}") for n, of in sizes.items()]
    drawn = chart("Values and messages a second", "values a message", "a second", series, log_x=True, log_y=True)
    return VALUES.format(rows="\n".join(rows)), {"values": drawn}


def _days(sizes: Sizes) -> tuple[str, dict[str, str]]:
    series = {"engine": _curve(sizes, "engine_s"), "web": _curve(sizes, "web_s")}
    rows = [
        _row(f"{n:,}", f"{of['points']:,.0f}", f"{of['engine_s']:.2f}", f"{of['web_s']:.2f}") for n, of in sizes.items()
    ]
    return DAYS.format(rows="\n".join(rows)), {"days": chart("Start", "days of history", "seconds", series)}


def _points(sizes: Sizes) -> tuple[str, dict[str, str]]:
    names = list(next(iter(sizes.values())))
    series = {name: _curve(sizes, name) for name in names}
    rows = [_row(f"{n:,}", *(f"{of[name]:,.1f}" for name in names)) for n, of in sizes.items()]
    text = POINTS.format(
        names=" | ".join(f"{name}, ms" for name in names), columns="---:|" * len(names), rows="\n".join(rows)
    )
    return text.replace("---:||", "---:|"), {
        "points": chart("Queries", "points in the history", "ms", series, log_x=True, log_y=True)
    }
