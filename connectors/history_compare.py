"""Results that came again, held against what is stored: how a crash test becomes a test of determinism."""

from collections.abc import Iterable, Mapping
from math import isnan

from connectors.errors import HistoryDiffers
from connectors.history_schema import COPIED, column_names
from rules.results import Kind

Row = tuple[object, ...]


def _same(given: object, stored: object) -> bool:
    return given == stored or (stored is None and isinstance(given, float) and isnan(given))  # stored as NULL


def compare_rows(kind: Kind, stored: Mapping[object, Row], again: Iterable[Row]) -> None:
    """Raise `HistoryDiffers` unless `again` are the rows `stored` (by row number), and all of them.

    Two things may differ: what a restated point took over when it was stored, and refusals that newer ones of
    the same connector and reason have pushed out.
    """
    names = column_names(kind)
    left = dict(stored)
    for given in again:
        held = left.pop(given[0], None)
        if held is None:
            if kind.name == "rejected":  # only the last hundred of a reason are kept
                continue
            raise HistoryDiffers(f"{kind.name} row {given[0]}: expected to find it stored, got none")
        for name, new, old in zip(names, given, held, strict=True):
            copied = kind.name == "point" and name in COPIED and new is None
            if not copied and not _same(new, old):
                raise HistoryDiffers(f"{kind.name} row {given[0]}: {name} is stored as {old!r}, got {new!r}")
    if left:
        raise HistoryDiffers(f"{kind.name} row {next(iter(left))}: stored, but not among the repeated results")
