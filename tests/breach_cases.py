"""The cases of tests/cases/breaches, which say in the design's words when an episode opens, moves and ends.

How a story is written stands in tests/cases/breaches/opening.toml.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from math import inf, nan
from pathlib import Path
from typing import Any, NamedTuple

from rules.day_figures import DayFigure
from rules.spec import BreachSpec
from rules.verdicts import BITS

FOLDER = Path(__file__).parent / "cases" / "breaches"
DAY = DayFigure(
    day=1,
    n=30,
    subgroups=6,
    mean=10.0,
    sigma_within=0.01,
    within_df=21.6,
    sigma_overall=0.01,
    cpk=1.3,
    ppk=1.3,
    lsl=9.96,
    usl=10.04,
    verdicts=BITS["ok"],
)
ROW = re.compile(r"([A-Z]) (open|recovered|retracted|withdrawn)(?:@(\d+))? (\d[\d ]*)(?:, (no clock))?(?:: (.*))?")


class Row(NamedTuple):
    """What is told of an episode: its letter, and the fields that the story names."""

    letter: str
    state: str
    recovered_day: int | None
    days: tuple[int, ...]
    clock: str
    reason: str


class Event(NamedTuple):
    """One tick: a day that closes (`closes`), or closed days restated; or the characteristic is removed."""

    closes: int | None
    stated: dict[int, str]  # day → token
    spec: BreachSpec
    removed: bool = False


@dataclass
class Step:
    """A line of a story: its events, and the rows that they give in all."""

    line: str
    events: list[Event] = field(default_factory=list)
    told: list[Row] = field(default_factory=list)


@dataclass
class Case:
    name: str
    file: str
    rule: Any
    story: str
    spec: BreachSpec
    steps: list[Step]


def figure(token: str, day: int) -> DayFigure | None:
    """A token of a story as a day's figures."""
    number, *verdicts = token.split("/")
    bits = sum(BITS[name] for name in verdicts)
    if number == "none":
        return None
    if number == "stuck":
        bits |= BITS["resolution"]
        return replace(DAY, day=day, cpk=-inf, ppk=nan, sigma_within=0.0, sigma_overall=0.0, verdicts=bits)
    cpk, _, ppk = number.partition(":")
    return replace(DAY, day=day, cpk=float(cpk), ppk=float(ppk or cpk), verdicts=bits or BITS["ok"])


def cases() -> Iterator[Case]:
    """Every case there is, file by file."""
    for path in sorted(FOLDER.glob("*.toml")):
        for case in tomllib.loads(path.read_text("utf-8"))["case"]:
            spec = BreachSpec(**case.get("spec", {}))
            rule = case.get("rule", "cpk-below-floor")
            yield Case(case["name"], path.stem, rule, case["story"].strip(), spec, _steps(case["story"], spec))


def _steps(story: str, spec: BreachSpec) -> list[Step]:
    steps, day = [], 0
    for line in story.strip().splitlines():
        happens, _, told = line.partition("->")
        step = Step(line.strip(), told=[_row(text.strip()) for text in told.split(";") if text.strip()])
        first, *rest = happens.split()
        if first == "again":
            pairs = (part.split(":", 1) for part in happens.split(maxsplit=1)[1].split(","))
            step.events.append(Event(None, {int(at): token.strip() for at, token in pairs}, spec))
        elif first == "rules":
            named = dict(word.split("=") for word in rest)
            spec = replace(spec, **{name: type(getattr(spec, name))(value) for name, value in named.items()})
        elif first == "removed":
            step.events.append(Event(None, {}, spec, removed=True))
        else:
            for token in happens.split():
                day += 1
                if token != "free":
                    step.events.append(Event(day, {day: token}, spec))
        steps.append(step)
    return steps


def _row(text: str) -> Row:
    matched = ROW.fullmatch(text)
    assert matched, f"expected 'A open 1 2 3', got {text!r}"
    letter, state, recovered, days, quiet, reason = matched.groups()
    return Row(
        letter,
        state,
        int(recovered) if recovered else None,
        tuple(int(day) for day in days.split()),
        "none" if quiet or state in ("retracted", "withdrawn") else "running",
        reason or ("found only in restated days: no clock runs" if quiet else ""),
    )


def in_days(reason: str, letters: dict[str, str]) -> str:
    """A reason in the words of the stories: days by number, episodes by letter."""
    for name, letter in letters.items():
        reason = reason.replace(name, letter)
    days = [str(date.fromisoformat(day).toordinal()) for day in re.findall(r"\d{4}-\d\d-\d\d", reason)]
    if not days:
        return reason
    head, tail = re.split(r"\d{4}-\d\d-\d\d(?:, \d{4}-\d\d-\d\d)*", reason)
    return f"{head}{'days' if len(days) > 1 else 'day'} {', '.join(days)}{tail}"


TITLES = {
    "opening": "When a breach opens an episode",
    "gaps": "Days that do not count",
    "drifting": "Drifting days",
    "recovery": "When it is over",
    "relapse": "When it comes back",
    "restated": "When late data restate a day",
    "plans": "When the plan changes",
}


def shown() -> str:
    """The cases as docs/days-and-breaches.md shows them."""
    parts = []
    for file, title in TITLES.items():
        parts.append(f"### {title}\n")
        for case in cases():
            if case.file == file:
                words = [case.rule] if case.rule != "cpk-below-floor" else []
                usual = BreachSpec()
                words += [
                    f"{name} = {getattr(case.spec, name)}"
                    for name in BreachSpec.__slots__
                    if getattr(case.spec, name) != getattr(usual, name)
                ]
                heading = f"**{case.name}**" + (f" ({', '.join(words)})" if words else "")
                parts.append(f"{heading}\n\n```\n{case.story}\n```\n")
    return "\n".join(parts)
