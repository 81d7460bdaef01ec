"""Planned production time: when a machine is to produce, by the calendar's shifts less its breaks.

ISO 22400-2:2014 calls it planned busy time (PBT): planned operation time less planned downtime. What a machine tells
as a planned stop is taken off in `rules.machine_time`.
"""

from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

from rules.calendar import MINUTE_NS, day_start_ns, is_working_day, production_day
from rules.machine_spec import MachineSpec
from rules.spec import CalendarSpec

Span = tuple[int, int]  # from, up to and not including, in ns since the epoch, UTC


@lru_cache(maxsize=4096)
def planned_spans(calendar: CalendarSpec, machine: MachineSpec, day: int, within: Span) -> tuple[Span, ...]:
    """The planned production time of production day `day`, which lasts `within`: spans in order, apart.

    A day off has none. Shifts and breaks start at their local times as a production day does, where such a time does
    not exist or happens twice; a shift lasts to the next one's start, so that it is an hour shorter or longer where the
    clocks change in it; a break lasts its minutes. Over midnight both go on. A shift that reaches over the day's end
    belongs to each day with its part.

    >>> early = CalendarSpec(shift_names=("early", "late"), shift_starts=(360, 840))  # 06:00, 14:00
    >>> hour = 60 * MINUTE_NS
    >>> press = MachineSpec("press", shifts=("early",))
    >>> [(a // hour, b // hour) for a, b in planned_spans(early, press, 719163, (0, 24 * hour))]  # 1970-01-01
    [(6, 14)]
    """
    if not is_working_day(calendar, day):
        return ()
    spans = [within] if not machine.shifts else _shift_spans(calendar, machine.shifts, within)
    for pause in machine.breaks:
        at = replace(calendar, day_starts_at=pause.starts_at)
        for one in _dates(calendar, within):
            start = day_start_ns(at, one)
            spans = _without(spans, (start, start + pause.minutes * MINUTE_NS))
    return tuple(spans)


def is_planned_between(calendar: CalendarSpec, machine: MachineSpec, from_ns: int, to_ns: int) -> bool:
    """Whether there is planned production time from `from_ns` up to `to_ns`."""
    if from_ns >= to_ns:
        return False
    for day in range(production_day(calendar, from_ns), production_day(calendar, to_ns - 1) + 1):
        within = day_start_ns(calendar, day), day_start_ns(calendar, day + 1)
        if any(start < to_ns and end > from_ns for start, end in planned_spans(calendar, machine, day, within)):
            return True
    return False


def _shift_spans(calendar: CalendarSpec, names: tuple[str, ...], within: Span) -> list[Span]:
    shifts = list(zip(calendar.shift_starts, calendar.shift_names, strict=True))
    starts = [
        (day_start_ns(replace(calendar, day_starts_at=at), one), name)
        for one in _dates(calendar, within)
        for at, name in shifts
    ]
    starts.sort(key=lambda start: start[0])
    found: list[Span] = []
    for (start, name), (end, _) in pairwise(starts):
        span = max(start, within[0]), min(end, within[1])
        if name in names and span[0] < span[1]:
            found.append(span)
    return found


def _dates(calendar: CalendarSpec, within: Span) -> range:
    """The dates on which something can start that reaches into a span, and those of what ends it."""
    midnight = replace(calendar, day_starts_at=0)
    return range(production_day(midnight, within[0]) - 1, production_day(midnight, within[1]) + 2)


def _without(spans: list[Span], hole: Span) -> list[Span]:
    left: list[Span] = []
    for start, end in spans:
        for piece in ((start, min(end, hole[0])), (max(start, hole[1]), end)):
            if piece[0] < piece[1]:
                left.append(piece)
    return left
