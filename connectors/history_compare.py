"""Results that came again, held against what is stored: how a crash test becomes a test of determinism."""

from collections.abc import Iterable, Mapping
from math import isnan

from connectors.errors import HistoryDiffers
from connectors.history_schema import COPIED, column_names
from rules.results import Kind

BOUNDED = ("rejected", "checkpoint")  # of which only the newest are kept
Row = tuple[object, ...]


def _same(given: object, stored: object) -> bool:
    return given == stored or (stored is None and isinstance(given, float) and isnan(given))  # stored as NULL


def compare_rows(kind: Kind, stored: Mapping[object, Row], again: Iterable[Row]) -> None:
    """Raise `HistoryDiffers` unless `again` are the rows `stored` (by row number), and all of them.

    Three things may differ: what a restated point took over when it was stored; refusals and checkpoints that newer
    ones have pushed out; and a checkpoint's state where another version of the program wrote it.
    """
    names = column_names(kind)
    left = dict(stored)
    for given in again:
        held = left.pop(given[0], None)
        if held is None:
            if kind.name in BOUNDED:
                continue
            raise HistoryDiffers(f"{kind.name} row {given[0]}: expected to find it stored, got none")
        for name, new, old in zip(names, given, held, strict=True):
            if kind.name == "checkpoint" and name == "schema_version" and new != old:
                break  # and its state, the last column, has nothing to be compared with
            copied = kind.name == "point" and name in COPIED and new is None
            if not copied and not _same(new, old):
                raise HistoryDiffers(f"{kind.name} row {given[0]}: {name} is stored as {old!r}, got {new!r}")
    if left:
        raise HistoryDiffers(f"{kind.name} row {next(iter(left))}: stored, but not among the repeated results")
