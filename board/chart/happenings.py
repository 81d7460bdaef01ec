"""What stands beside the points of a chart: revisions, changes, gaps, corrections, signals, and the days' first points.

A place is that of the first point that came at or after the time.
"""

from collections.abc import Iterator

import numpy as np

from board.chart.columns import Columns
from board.history.changes import changes
from board.history.corrections import TOLD, corrections
from board.history.queries import DAY_NS, Range, View, gaps, listed, select, series
from board.history.rows import Shown, refs_of
from board.times import FIRST_NS, LAST_NS, iso_day, parse_time
from rules.calendar import day_starts, production_days

MOST = 1000  # signals, changes, gaps and corrections: so many of the newest of each
NEIGHBOURS = 50  # points behind a corrected reading among which its own is looked for
_REVISED = {
    "limits": ("revision", "time", "state", "center", "sigma", "points", "excluded", "reason"),
    "specification": ("revision", "time", "lsl", "usl", "target", "reason"),
}


def happenings(view: View, name: str, points: Columns, before: int, *, to_now: bool) -> Shown:
    """What befell the characteristic `name` while `points` came, of which the first has the place `before`.

    `to_now`: also what came after the last of them.
    """
    number = (view.numbers([name]) or [0])[0]
    found: Shown = {kind: _revisions(view, kind, number, points) for kind in _REVISED}
    if not len(points):
        return found | {"changes": [], "gaps": [], "signals": [], "corrections": [], "days": []}
    end_ns = LAST_NS if to_now else min(int(points["time"][-1]), LAST_NS - 1) + 1
    asked = Range(int(points["time"][0]), end_ns, MOST)
    return found | {
        "changes": [one | {"before": before + _place(points, one["time"])} for one in changes(view, [name], asked)],
        "gaps": list(_gaps(view, points, asked, before)),
        "signals": [_without(one, ("row", "cause_seq", "ordinal", "characteristic"))
                    for one in series(view, "signal", [name], asked)],
        "corrections": list(_corrections(view, name, points, asked, before)),
        "days": _days(view, points, before),
    }  # fmt: skip


def _without(row: Shown, names: tuple[str, ...]) -> Shown:
    return {name: value for name, value in row.items() if name not in names}


def _place(points: Columns, time: object) -> int:
    return int(np.searchsorted(points["time"], parse_time(str(time)), "left"))


def _revisions(view: View, kind: str, number: int, points: Columns) -> list[Shown]:
    """Those of its revisions that its points were judged by, each as it is now."""
    column = "revision" if kind == "limits" else "specification_revision"
    used = np.unique(points[column]).tolist()
    rows = view.db.execute(
        f'SELECT {select(kind, "k")} FROM "current_{kind}" c JOIN "{kind}" k ON k."row" = c."row" '
        f'WHERE c."characteristic" = ? AND c."revision" IN ({listed(used)}) ORDER BY c."revision"',
        (number,),
    )
    return [{name: row[name] for name in _REVISED[kind]} for row in view.show_all(kind, rows.fetchall())]


def _gaps(view: View, points: Columns, asked: Range, before: int) -> Iterator[Shown]:
    """Losses between the first and the last point: `before` and `after` are the places between which they lie."""
    for one in gaps(view, asked):
        end = len(points) if one["to_time"] is None else _place(points, one["to_time"])
        told = {name: one[name] for name in ("gap", "connector", "reason", "state", "from_time", "to_time")}
        yield told | {"after": before + _place(points, one["from_time"]) - 1, "before": before + end}


def _corrections(view: View, name: str, points: Columns, asked: Range, before: int) -> Iterator[Shown]:
    """Corrected readings of these points; one of a subgroup began before the subgroup's point."""
    around = Range(max(asked.start_ns - DAY_NS, FIRST_NS), asked.end_ns, MOST)
    for one in corrections(view, [name], around):
        place = _holding(view, points, one)
        if place is not None:
            yield {"place": before + place, "time": one["time"]} | {name: one[name] for name in TOLD}


def _holding(view: View, points: Columns, correction: Shown) -> int | None:
    """The place of the point that the reading is in."""
    reading = (correction["seq"], correction["idx"])
    start = _place(points, correction["time"])
    near = points.part(start, start + NEIGHBOURS)
    same = np.flatnonzero((near["seq"] == reading[0]) & (near["idx"] == reading[1]))
    if len(same):
        return start + int(same[0])
    rows = near["row"].tolist()
    found = dict(view.db.execute(f'SELECT "row", "refs" FROM "point" WHERE "row" IN ({listed(rows)})'))
    for place, row in enumerate(rows):
        if isinstance(found.get(row), bytes) and any((seq, idx) == reading for seq, idx, _ in refs_of(found[row])):
            return start + place
    return None


def _days(view: View, points: Columns, before: int) -> list[Shown]:
    """The production days of the points, each with the place of its first."""
    first, last = production_days(view.calendar, points["time"][[0, -1]].astype(np.int64)).tolist()
    starts = np.searchsorted(points["time"], day_starts(view.calendar, first, last), "left")
    ends = np.append(starts[1:], len(points))
    return [
        {"place": before + start, "day": iso_day(first + number)}
        for number, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True))
        if start < end
    ]
