"""Where a key result's value came from, as the history has it: a metric's members, their days, what was restated."""

from collections.abc import Sequence
from itertools import groupby

import orjson

from board.history.queries import View, select
from board.history.rows import Shown
from board.times import rfc3339
from rules.calendar import day_start_ns
from rules.spec import CalendarSpec

Value = tuple[int, float | None, float | None]  # a day (ordinal), its value and its lower bound


def members(view: View) -> dict[str, set[str]]:
    """The characteristics that each metric's newest value was made of."""
    rows = view.db.execute('SELECT m."metric", m."detail" FROM "current_metric" c JOIN "metric" m ON m."row" = c."row"')
    found = {}
    for metric, detail in rows:
        parts = orjson.loads(detail or "[]")
        found[str(metric)] = {part["characteristic"] for part in parts if "characteristic" in part}
    return found


def metric_days(view: View, metric: str, first: int) -> tuple[list[Value], dict[int, float | None]]:
    """The newest value of each production day of a metric from `first` (ordinal) on, and what restated ones were.

    A row of a closed day that comes behind rows of later days restates it.
    """
    rows = view.db.execute(
        'SELECT "day", "value", "lower" FROM "metric" WHERE "metric" = ? AND "row" > ? AND "day" >= ? ORDER BY "row"',
        (metric, _row_before(view, first), first),
    )
    values: dict[int, Value] = {}
    was: dict[int, float | None] = {}
    newest = 0
    for day, value, lower in rows:
        if day < newest and day in values:
            was.setdefault(day, values[day][1])
        newest = max(newest, day)
        values[day] = (day, value, lower)
    return [values[day] for day in sorted(values)], was


def _row_before(view: View, day: int) -> int:
    """A row behind which all of `day` is; 0 where the engine has noted none."""
    if view.db.execute("SELECT 1 FROM sqlite_master WHERE name = 'closed'").fetchone() is None:
        return 0
    found = view.db.execute('SELECT max("row") FROM "closed" WHERE "day" < ?', (day - 1,)).fetchone()
    return int(found[0] or 0)


def days_of(view: View, characteristic: str, first: int, last: int) -> list[list[Shown]]:
    """Every revision of each production day of a characteristic from `first` to `last` (ordinals), oldest first."""
    number = view.numbers([characteristic]) or [0]
    rows = view.db.execute(
        f'SELECT {select("day")} FROM "day" WHERE "characteristic" = ? AND "day" BETWEEN ? AND ? '
        'ORDER BY "day", "revision", "row"',
        (number[0], first, last),
    ).fetchall()
    shown = view.show_all("day", rows)
    return [list(revisions) for _, revisions in groupby(shown, key=lambda row: row["day"])]


def span_of_days(calendar: CalendarSpec, first: int, last: int) -> str:
    """Production days (ordinals, both included) as the `from` and `to` of a page's address."""
    return span(day_start_ns(calendar, first), day_start_ns(calendar, last + 1))


def span(start_ns: int, end_ns: int) -> str:
    """A range of time as the `from` and `to` of a page's address."""
    return f"from={rfc3339(start_ns)}&to={rfc3339(end_ns)}"


def span_of_entries(view: View, characteristic: str, entries: Sequence[int]) -> str:
    """The time of the points that came in between two journal entries (both included); empty without any."""
    number = view.numbers([characteristic]) or [0]
    found = view.db.execute(
        'SELECT min("time"), max("time") FROM "point" WHERE "characteristic" = ? AND "seq" BETWEEN ? AND ?',
        (number[0], *entries),
    ).fetchone()
    return "" if found[0] is None else span(found[0], found[1] + 1)
