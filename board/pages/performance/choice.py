"""What the page is asked for: a line or machine, a range of production days, and the day of the time line."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property

from board.history.machine_states import machine_specs
from board.history.queries import read_meta
from board.page import Asked
from board.times import iso_day, parse_day
from rules.calendar import day_start_ns, is_working_day, production_day
from rules.machine_spec import MachineSpec
from rules.planned_time import Span
from rules.spec import CalendarSpec

USUAL_DAYS = 14
MOST_DAYS = 92
MOST_MACHINES = 24  # of more the first line is shown, unless all are asked for


@dataclass(frozen=True)
class Choice:
    """`of` is a line, a machine, or empty for all; days are ordinals. `machines`: all that there are, by place.

    `until_ns` is the plant's time: what is after it has not happened yet. `wrong`: what was asked for and is not so,
    as keys of the catalogue with what fills them in.
    """

    of: str
    first: int
    last: int
    day: int
    today: int
    until_ns: int
    calendar: CalendarSpec
    machines: dict[str, MachineSpec]
    wrong: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def covers(self, place: str) -> bool:
        """Whether a place, or a characteristic of it, is of what was chosen."""
        return not self.of or place == self.of or place.startswith(f"{self.of}/")

    @cached_property
    def shown(self) -> dict[str, MachineSpec]:
        """The machines that were chosen."""
        return {place: machine for place, machine in self.machines.items() if self.covers(place)}

    @property
    def days(self) -> range:
        """The production days, the first and the last included."""
        return range(self.first, self.last + 1)

    @property
    def span(self) -> Span:
        """From the first day's start up to the last one's end, or up to now."""
        start = day_start_ns(self.calendar, self.first)
        return start, max(start, min(day_start_ns(self.calendar, self.last + 1), self.until_ns))

    def lines(self) -> list[tuple[str, list[str]]]:
        """The lines (the first part of places), each with its machines; a place without a line stands for itself."""
        found: dict[str, list[str]] = {}
        for place in self.machines:
            line, slash, _ = place.partition("/")
            found.setdefault(line, []).extend([place] if slash else [])
        return list(found.items())

    def iso(self, day: int) -> str:
        """A day as the form takes it."""
        return iso_day(day) or ""

    def neighbours(self) -> Iterator[tuple[str, str]]:
        """`earlier` and `later` with the day before and after that of the time line, where there is one."""
        yield "earlier", self.iso(self.day - 1)
        if self.day < self.today:
            yield "later", self.iso(self.day + 1)


def chosen(asked: Asked) -> Choice:
    """The choice that a request's query makes; what it leaves out is the last 14 production days, and all machines.

    Of a large plant that is the first line: drawings of hundreds of machines are slow, and nobody looks at all of them.
    """
    view, plant = asked.view, asked.board.plant
    calendar, until_ns = view.calendar, max(read_meta(view.db).last_tick_ns, 0)
    today = production_day(calendar, until_ns)
    wrong: list[tuple[str, dict[str, str]]] = []
    last = min(_day(asked, "to", today, wrong), today)
    first = _day(asked, "from", _back(calendar, last, USUAL_DAYS), wrong)
    if first > last:
        wrong.append(("performance.wrong_order", {"first": _iso(first), "last": _iso(last)}))
        first = _back(calendar, last, USUAL_DAYS)
    if last - first >= MOST_DAYS:
        wrong.append(("performance.wrong_length", {"n": str(MOST_DAYS)}))
        first = last - MOST_DAYS + 1
    given = () if plant is None else tuple(one.spec(name) for name, one in plant.machines.items())
    day = min(_day(asked, "day", last, wrong), today)
    days = min(day, first), max(day, last)
    span = day_start_ns(calendar, days[0]), day_start_ns(calendar, days[1] + 1)
    machines = machine_specs(view, given, span)
    choice = Choice("", first, last, day, today, until_ns, calendar, machines, wrong)
    of = asked.query.get("of")
    if of is None:
        of = choice.lines()[0][0] if len(machines) > MOST_MACHINES else ""
    choice = replace(choice, of=of)
    if of and not choice.shown:
        wrong.append(("performance.wrong_place", {"place": of}))
    return choice


def _day(asked: Asked, name: str, usual: int, wrong: list[tuple[str, dict[str, str]]]) -> int:
    text = asked.query.get(name, "")
    if not text:
        return usual
    try:
        found = parse_day(text)
    except ValueError:
        wrong.append(("performance.wrong_day", {"text": text}))
        return usual
    return min(max(found, date(1970, 1, 2).toordinal()), date(2199, 12, 30).toordinal())


def _iso(day: int) -> str:
    return iso_day(day) or ""


def _back(calendar: CalendarSpec, last: int, working: int) -> int:
    """The first of so many working days that end with `last`, days off in between not counted; within the longest."""
    found = [day for day in range(last, last - MOST_DAYS, -1) if is_working_day(calendar, day)][:working]
    return found[-1] if found else last - working + 1
