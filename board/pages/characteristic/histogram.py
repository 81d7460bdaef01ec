"""The histogram of a characteristic's page: the readings of the rolling window, or of the period of the address."""

from math import nan

import numpy as np

from board.figures.histogram import Fitted, histogram
from board.measured import Choice, Measured
from board.page import Asked
from board.pages.characteristic.range import chosen, query
from board.rows import Shown
from board.selection import MOST, TooMany, judged_by, select
from board.statements import item, specification


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
        values = (
            _of_range(asked, own.number, str(own.shown["chart"])) if asked_for.given else _of_window(asked, own.number)
        )
    except TooMany:
        return found | {"histogram_of": "too-many"}
    revision = None if window is None else window["specification_revision"]
    held = specification(asked.view, own.number, revision)
    resolution = judged_by(own.shown, held, asked.board.plant).resolution
    drawn = histogram(values, resolution, (held.lsl, held.target, held.usl), _fitted(window))
    of = "nothing" if drawn is None else "range" if asked_for.given else "window"
    return found | {"histogram": drawn, "histogram_of": of}


def _fitted(window: Shown | None) -> Fitted:
    names = ("mean", "sigma_overall", "sigma_within")
    stored = [None if window is None else window[name] for name in names]
    return Fitted(*(float(value) if isinstance(value, (int, float)) else nan for value in stored))


def _of_window(asked: Asked, number: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The readings of the points that the stored window rests on; of all points while there is no window."""
    row = asked.view.db.execute(
        'SELECT k."last_seq", k."subgroups" FROM "current_capability" c JOIN "capability" k ON k."row" = c."row" '
        'WHERE c."characteristic" = ?', (number,),
    ).fetchone()  # fmt: skip
    if row is None:
        return np.array([])
    points = Measured(asked.view, number).newest_points(*row)
    readings = (one.counts_for for point in points for one in point.readings)
    return np.array([value for value in readings if value is not None], dtype=np.float64)


def _of_range(asked: Asked, number: int, chart: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return select(asked.view, number, chart, Choice(*chosen(asked).period)).values
