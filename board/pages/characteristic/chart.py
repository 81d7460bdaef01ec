"""The control chart of a characteristic's page: its head, the chart's frame and the signals."""

from collections.abc import Mapping
from dataclasses import replace

from board.history.overview import characteristics
from board.history.queries import Range, View, series
from board.history.rows import Shown
from board.page import Asked, Content, NoSuchThing
from board.pages.characteristic.range import chosen
from board.times import rfc3339
from rules.calendar import day_start_ns, production_day
from rules.run_rules import RUN_RULES
from rules.spec import CalendarSpec

MOST_SIGNALS = 500  # among which a rule is looked for
SHOWN_SIGNALS = 50
INSPECTED = ("p", "np", "c", "u")  # kinds of charts whose points are inspections


def item_of(asked: Asked) -> Shown:
    """The characteristic at a glance; raises `NoSuchThing` for one that the history does not have."""
    found = [one for one in characteristics(asked.view, [asked.name]) if one["characteristic"] == asked.name]
    if not found:
        raise NoSuchThing(asked.language.t("characteristic.unknown", name=asked.name))
    return found[0]


def head(asked: Asked) -> Shown:
    """Its name and place, status, unit, owner and reaction, and its neighbours at the station."""
    item = item_of(asked)
    before, after = neighbours(asked.view, item)
    return {"item": item, "before": before, "after": after}


def neighbours(view: View, item: Shown) -> tuple[str | None, str | None]:
    """The names before and after the item's among those of its line and station, in their order."""
    rows = view.db.execute(
        'SELECT k."name" FROM "current_characteristic" c JOIN "characteristic" k ON k."row" = c."row" '
        'WHERE k."line" IS ? AND k."station" IS ? AND (k."state" <> \'withdrawn\' OR k."name" = ?) ORDER BY k."name"',
        (item["line"], item["station"], item["characteristic"]),
    )
    names = [name for (name,) in rows]
    place = names.index(item["characteristic"])
    return (names[place - 1] if place else None, names[place + 1] if place + 1 < len(names) else None)


def frame(asked: Asked) -> Shown:
    """What the chart's frame is built of: the period of the address, and since when a shift, a day and a week are."""
    item = item_of(asked)
    point = item["point"]
    time_ns = None
    if isinstance(point, dict):
        (time_ns,) = asked.view.db.execute('SELECT "time" FROM "point" WHERE "row" = ?', (point["row"],)).fetchone()
    period = chosen(asked)
    start, end = period.period if period.given else (None, None)
    return {
        "item": item,
        "seen_from": "" if not period.start or start is None else rfc3339(start),
        "seen_to": "" if not period.end or end is None else rfc3339(end),
        "inspected": item["chart"] in INSPECTED,
        "spans": {} if time_ns is None else spans(asked.view.calendar, time_ns),
    }


def spans(calendar: CalendarSpec, time_ns: int) -> dict[str, str]:
    """Since when the shift of a time is on (where there are shifts), its production day, and seven such days.

    RFC 3339 times by `shift`, `day` and `week`.
    """
    day = production_day(calendar, time_ns)
    found = {"day": day_start_ns(calendar, day), "week": day_start_ns(calendar, day - 6)}
    if calendar.shift_names:
        found["shift"] = shift_start_ns(calendar, time_ns)
    return {name: rfc3339(found[name]) for name in ("shift", "day", "week") if name in found}


def shift_start_ns(calendar: CalendarSpec, time_ns: int) -> int:
    """The last start of a shift at or before a time; its shifts must not be none.

    >>> two = CalendarSpec(shift_names=("early", "late"), shift_starts=(360, 1080))  # 06:00, 18:00
    >>> hour_ns = 3600 * 10**9
    >>> [shift_start_ns(two, hour * hour_ns) // hour_ns for hour in (25, 31, 42)]
    [18, 30, 42]
    """
    of_each = (replace(calendar, day_starts_at=minutes) for minutes in calendar.shift_starts)
    return max(day_start_ns(one, production_day(one, time_ns)) for one in of_each)


def signals(asked: Asked) -> Shown:
    """Its signals, the latest first; of one rule when the query says `rule=NAME`."""
    rule = asked.query.get("rule", "")
    found = series(asked.view, "signal", [asked.name], Range(limit=MOST_SIGNALS))[::-1]
    of_rule = [one for one in found if rule in ("", one["rule"])]
    rules = [one.name for one in RUN_RULES]
    known = {str(one["rule"]) for one in found} | ({rule} if rule in rules else set())
    return {
        "signals": of_rule[:SHOWN_SIGNALS],
        "more_signals": len(of_rule) > SHOWN_SIGNALS,
        "rule": rule,
        "rules": sorted(known, key=lambda name: rules.index(name) if name in rules else len(rules)),
    }


PARTS: Mapping[str, Content] = {"head": head, "chart": frame, "signals": signals}
