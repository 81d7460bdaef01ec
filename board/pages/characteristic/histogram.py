"""The histogram of a characteristic's page: the readings of the rolling window, or of the period of the address."""

from math import nan

import numpy as np

from board.figures.histogram import Fitted, histogram
from board.history.measured import Choice, Measured
from board.history.rows import Shown
from board.history.selection import MOST, TooMany, judged_by, select
from board.history.statements import Item, item, specification
from board.page import Asked
from board.pages.characteristic.range import chosen, query
from board.times import SECOND_NS, rfc3339

Values = np.ndarray[tuple[int], np.dtype[np.float64]]


def part(asked: Asked) -> Shown:
    """`histogram` and what it is of: `window`, `range`, or why there is none (`counts`, `too-many`, `nothing`)."""
    own, asked_for = item(asked.view, asked.name), chosen(asked)
    window = own.statement("capability")
    found: Shown = {
        "histogram": None,
        "histogram_unit": own.unit,
        "histogram_range": asked_for,
        "histogram_most": MOST,
        "histogram_query": query(asked),
    }
    if own.counts:
        return found | {"histogram_of": "counts"}
    try:
        values, studied = _of_range(asked, own) if asked_for.given else _of_window(asked, own.number)
    except TooMany:
        return found | {"histogram_of": "too-many"}
    revision = None if window is None else window["specification_revision"]
    held = specification(asked.view, own.number, revision)
    resolution = judged_by(own.shown, held, asked.board.plant).resolution
    drawn = histogram(values, resolution, (held.lsl, held.target, held.usl), _fitted(window))
    of = "nothing" if drawn is None else "range" if asked_for.given else "window"
    return found | {"histogram": drawn, "histogram_of": of, "histogram_query": studied}


def _fitted(window: Shown | None) -> Fitted:
    names = ("mean", "sigma_overall", "sigma_within")
    stored = [None if window is None else window[name] for name in names]
    return Fitted(*(float(value) if isinstance(value, (int, float)) else nan for value in stored))


def _of_window(asked: Asked, number: int) -> tuple[Values, str]:
    """The readings of the points that the stored window rests on, and the query of a study of their time."""
    row = asked.view.db.execute(
        'SELECT k."last_seq", k."subgroups" FROM "current_capability" c JOIN "capability" k ON k."row" = c."row" '
        'WHERE c."characteristic" = ?', (number,),
    ).fetchone()  # fmt: skip
    points = [] if row is None else Measured(asked.view, number).newest_points(*row)
    readings = [one for point in points for one in point.readings if one.counts_for is not None]
    if not readings:
        return np.array([]), ""
    times = [one.time_ns for one in readings]
    studied = {"from": rfc3339(min(times)), "to": rfc3339(max(times) + SECOND_NS)}
    return np.array([one.counts_for for one in readings], dtype=np.float64), query(asked, **studied)


def _of_range(asked: Asked, own: Item) -> tuple[Values, str]:
    taken = select(asked.view, own.number, str(own.shown["chart"]), Choice(*chosen(asked).period))
    return taken.values, query(asked)
