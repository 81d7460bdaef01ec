"""Readings of a gauge past its calibration: what is noted of them, and the verdict `gauge` of what rests on them."""

from typing import Any

from rules.compiled import compiled, inlined
from rules.verdicts import GAUGE, OK

OVERDUE_STATE = 4  # of a reading


@inlined
def note_overdue(record: Any, day: Any, state: int, seq: int) -> None:
    """Note a reading in its day, and for the windows that reach back to it (`record.overdue_seq`)."""
    if state == OVERDUE_STATE:
        day.overdue = 1
        record.overdue_seq = max(record.overdue_seq, seq)


@compiled
def by_gauge(bits: int, overdue: bool) -> int:
    """The bit set of verdicts of a figure; `overdue`: one of its readings was taken with such a gauge.

    >>> by_gauge(OK, True) == GAUGE, by_gauge(OK, False) == OK
    (True, True)
    """
    return bits & ~OK | GAUGE if overdue else bits
