"""What machines have told of their states, as stored: their time by state, and their stops by reason.

The same functions that the engine computes its metrics by (`rules.machine_time`) are asked here of the stored events;
days go by the calendar, and machines by the tables, that the plant file has now.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import orjson

from board.history.queries import View
from rules.calendar import day_start_ns
from rules.events import MachineState
from rules.machine_spec import MachineSpec
from rules.machine_time import MachineLine
from rules.planned_time import Span, planned_spans
from rules.spec import CalendarSpec

WEEK_NS = 7 * 86_400 * 1_000_000_000


@dataclass(slots=True)
class Reason:
    """Downtime for one reason ("" where none was told): `ns` of planned production time, in so many `stops`."""

    reason: str
    ns: int = 0
    stops: int = 0
    machines: set[str] = field(default_factory=set)


def day_span(calendar: CalendarSpec, day: int, until_ns: int) -> Span:
    """From where a production day begins up to where it ends, or up to `until_ns` where that is earlier."""
    start, end = day_start_ns(calendar, day), day_start_ns(calendar, day + 1)
    return start, max(start, min(end, until_ns))


def machine_specs(view: View, machines: Iterable[MachineSpec], span: Span) -> dict[str, MachineSpec]:
    """By place, sorted: the machines given, and every place that told a state in a span or in the week before."""
    told = view.db.execute(
        'SELECT DISTINCT "place" FROM "event" WHERE "kind" = \'state\' AND "time" >= ? AND "time" < ?',
        (span[0] - WEEK_NS, span[1]),
    )
    found = {place: MachineSpec(place) for (place,) in told} | {one.id: one for one in machines}
    return dict(sorted(found.items()))


def machine_lines(view: View, machines: Mapping[str, MachineSpec], span: Span) -> dict[str, MachineLine]:
    """Each machine's states in a span, and the one in force as it begins."""
    lines = {place: MachineLine() for place in machines}
    for place, machine in machines.items():
        before = view.db.execute(
            'SELECT "time", "body" FROM "event" WHERE "kind" = \'state\' AND "place" = ? AND "time" < ? '
            'AND "time" >= ? ORDER BY "time" DESC, "row" DESC LIMIT 1',
            (place, span[0], span[0] - machine.valid_ns),
        ).fetchone()
        if before is not None:
            lines[place].take(before[0], _state(before[1]))
    told = view.db.execute(
        'SELECT "place", "time", "body" FROM "event" WHERE "kind" = \'state\' AND "time" >= ? AND "time" < ? '
        'AND "place" IN (SELECT "value" FROM json_each(?)) ORDER BY "row"',
        (*span, orjson.dumps(list(lines)).decode()),
    )
    for place, time_ns, body in told:
        lines[place].take(time_ns, _state(body))
    return lines


def _state(body: str) -> MachineState:
    said = orjson.loads(body)
    return MachineState(said["state"], said.get("reason") or "")


def downtime(
    lines: Mapping[str, MachineLine],
    machines: Mapping[str, MachineSpec],
    calendar: CalendarSpec,
    days: Iterable[int],
    until_ns: int,
) -> list[Reason]:
    """Downtime in planned production time by reason, the longest first; equal ones by name.

    The time is that of `MachineLine.tally`: planned stops are none of it. A stop goes on while the machine tells
    nothing but `down` with the same reason; with another reason it is a stop of that one too.
    """
    found: dict[str, Reason] = {}
    for place, line in lines.items():
        machine = machines[place]
        spans = {day: day_span(calendar, day, until_ns) for day in days}
        for day, within in spans.items():
            for reason, length in line.tally(calendar, machine, day, within).down.items():
                one = found.setdefault(reason, Reason(reason))
                one.ns += length
                one.machines.add(place)
        for reason in _stops(line, machine, calendar, spans):
            found[reason].stops += 1
    return sorted(found.values(), key=lambda one: (-one.ns, one.reason))


def _stops(line: MachineLine, machine: MachineSpec, calendar: CalendarSpec, days: Mapping[int, Span]) -> Iterator[str]:
    """The reason of each stop that has planned production time in these days, in the order of their beginnings."""
    before, reason = -2, ""  # the last message of the stop that was met last
    for day, within in days.items():
        for start, end in planned_spans(calendar, machine, day, within):
            for one in line.stretches(start, end, machine.valid_ns):
                if one.state != "down" or one.reason in machine.planned_stops:
                    continue
                if not (one.reason == reason and before <= one.message <= before + 1):
                    yield one.reason
                before, reason = one.message, one.reason
