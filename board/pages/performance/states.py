"""The time line of a production day: one row a machine, what it told drawn over the hours of the plant's clock."""

from collections.abc import Iterator
from dataclasses import dataclass

from board.history.machine_states import day_span, machine_lines
from board.history.queries import View
from board.history.rows import Shown
from board.pages.performance.choice import Choice
from board.times import rfc3339
from rules.calendar import day_start_ns
from rules.machine_spec import MachineSpec
from rules.machine_time import PLANNED_STOP, MachineLine
from rules.planned_time import Span, planned_spans

HOUR_NS = 3_600 * 1_000_000_000
STEP_NS = 2 * HOUR_NS
LETTERED = 2.5  # percent of the day from which a stretch has room for its letter


@dataclass(frozen=True, slots=True)
class Stretch:
    """Part of a row: where it stands in percent of the day, and what it tells (also `planned-stop`, `unknown`)."""

    state: str
    reason: str
    x: float
    width: float
    from_time: str
    to_time: str
    minutes: float

    @property
    def has_room(self) -> bool:
        """Whether a letter fits."""
        return self.width >= LETTERED


@dataclass(frozen=True, slots=True)
class Row:
    """A machine's day: its stretches, the planned production time below them, and the hours in each state."""

    place: str
    stretches: list[Stretch]
    planned: list[tuple[float, float]]
    hours: list[tuple[str, float]]


def time_line(view: View, choice: Choice) -> Shown:
    """Variables `rows`; `hours`, `shifts` and `now` of the axis in percent (None on a day that is over); its times."""
    calendar, day = choice.calendar, choice.day
    whole = day_start_ns(calendar, day), day_start_ns(calendar, day + 1)
    told = day_span(calendar, day, choice.until_ns)
    lines = machine_lines(view, choice.shown, told)
    rows = [_row(place, lines[place], machine, choice, whole, told) for place, machine in choice.shown.items()]
    return {
        "rows": rows,
        "hours": [(percent(at, whole), rfc3339(at)) for at in range(whole[0], whole[1], STEP_NS)],
        "shifts": list(_shifts(choice, whole)),
        "now": percent(told[1], whole) if told[1] < whole[1] else None,
        "states_told": sorted({one.state for row in rows for one in row.stretches}),
        "from_time": rfc3339(whole[0]),
        "to_time": rfc3339(told[1]),
    }


def percent(at_ns: int, whole: Span) -> float:
    """Where an instant stands in a span, in percent with three decimals."""
    return round(100 * (at_ns - whole[0]) / (whole[1] - whole[0]), 3)


def _row(place: str, line: MachineLine, machine: MachineSpec, choice: Choice, whole: Span, told: Span) -> Row:
    stretches = [_stretch(*one, whole) for one in joined(line, machine, told)]
    planned = planned_spans(choice.calendar, machine, choice.day, whole)
    hours: dict[str, float] = {}
    for one in stretches:
        hours[one.state] = hours.get(one.state, 0.0) + one.minutes / 60
    marks = [(percent(start, whole), percent(end, whole) - percent(start, whole)) for start, end in planned]
    return Row(place, stretches, marks, sorted(hours.items(), key=lambda item: -item[1]))


def joined(line: MachineLine, machine: MachineSpec, span: Span) -> Iterator[tuple[str, str, int, int]]:
    """(state, reason, from, to) in order and without holes; what was only told again goes on."""
    last: tuple[str, str, int, int] | None = None
    for one in line.stretches(*span, machine.valid_ns):
        is_planned = one.state not in ("running", "unknown") and one.reason in machine.planned_stops
        state = PLANNED_STOP if is_planned else one.state
        if last is not None and last[:2] == (state, one.reason):
            last = (*last[:3], one.to_ns)
            continue
        if last is not None:
            yield last
        last = (state, one.reason, one.from_ns, one.to_ns)
    if last is not None:
        yield last


def _stretch(state: str, reason: str, from_ns: int, to_ns: int, whole: Span) -> Stretch:
    x = percent(from_ns, whole)
    width = max(round(percent(to_ns, whole) - x, 3), 0.05)
    return Stretch(state, reason, x, width, rfc3339(from_ns), rfc3339(to_ns), (to_ns - from_ns) / 6e10)


def _shifts(choice: Choice, whole: Span) -> Iterator[tuple[str, float, float]]:
    """Each shift of a working day: its name, where it begins and how long it is, in percent."""
    for name in choice.calendar.shift_names:
        for start, end in planned_spans(choice.calendar, MachineSpec("", shifts=(name,)), choice.day, whole):
            yield name, percent(start, whole), percent(end, whole) - percent(start, whole)
