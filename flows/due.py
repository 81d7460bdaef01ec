"""At which ticks the gateway says that days close: those of the plan's calendar, and of the one that goes before it.

A changed calendar takes effect with the next production day (`rules.timeline`), so the days in hand still close by the
calendar before. A tick more than needed does nothing.
"""

import orjson

from config.plan import Plan
from flows.ticks import NextDue
from rules.calendar import next_due_tick
from rules.spec import CalendarSpec

KEPT_NS = 3 * 86_400 * 1_000_000_000  # a day in hand, of a change of the time zone too, and its grace


def earlier_calendars(known: str | None, before: bytes | None, plan: Plan, now_ns: int) -> str:
    """What to keep when `plan` follows the plan `before`, as JSON: pairs of when and a plan of the calendar replaced.

    `known` is what was kept so far.
    """
    kept = [[at_ns, body] for at_ns, body in orjson.loads(known or "[]") if at_ns > now_ns - KEPT_NS]
    calendar = plan.calendar if before is None else Plan.from_json(before).calendar
    if calendar != plan.calendar:
        kept.append([now_ns, Plan("", calendar).to_json().decode()])
    return orjson.dumps(kept).decode()


def next_due(calendar: CalendarSpec, earlier: str) -> NextDue:
    """The next close of a day after a time, by any of the calendars: ns → ns."""
    calendars = [calendar, *(Plan.from_json(body.encode()).calendar for _, body in orjson.loads(earlier))]

    def due(after_ns: int) -> int:
        return min(next_due_tick(one, after_ns) for one in calendars)

    return due
