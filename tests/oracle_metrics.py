"""Metrics of inspections by plain Python: for any moment and day the value, from a list of all that had come by then.

Nothing is kept from one question to the next: no tallies, no books, no restatement.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from fractions import Fraction

DAY_NS = 86_400 * 1_000_000_000
QUARTER_NS = 900 * 1_000_000_000
EPOCH = 719_163  # date.toordinal of 1970-01-01


@dataclass(frozen=True)
class Told:
    """One inspection as it was told in journal entry `seq`."""

    seq: int
    time_ns: int
    place: str
    inspected: Fraction
    rejected: int
    supplier: str = ""
    defects: dict[str, int] = field(default_factory=dict)

    @property
    def day(self) -> int:
        return self.time_ns // DAY_NS + EPOCH


@dataclass(frozen=True)
class Asked:
    """What a metric asks for; `last_ns` of a window."""

    kind: str
    of: tuple[str, ...]
    over: str
    reduce: str
    where: tuple[tuple[str, str], ...] = ()
    by: str = ""
    window_hours: int = 24


def in_time(told: Iterable[Told], ticks: list[tuple[int, int]], restate_days: int) -> list[Told]:
    """Those that count: neither told more than five minutes ahead of the clock, nor later than days are restated."""
    found = []
    for one in told:
        clock = max(ns for seq, ns in ticks if seq < one.seq)
        if clock - restate_days * DAY_NS <= one.time_ns <= clock + 300 * 1_000_000_000:
            found.append(one)
    return found


def value_of(asked: Asked, told: list[Told], day: int, now_ns: int, production: list[int]) -> float | None:
    """The value as of the close of `day` (of a window: at `now_ns`); `production` are the production days known."""
    chosen = [one for one in told if _looked_at(asked, one, day, now_ns, production)]
    groups: dict[str, list[Told]] = {}
    for one in chosen:
        groups.setdefault((one.supplier or "(none)") if asked.by else one.place, []).append(one)
    if asked.reduce == "total":
        found = _formula(asked.kind, chosen)
        return None if found is None else float(found)
    values = [value for some in groups.values() if (value := _formula(asked.kind, some)) is not None]
    if not values:
        return None
    if asked.reduce == "mean":
        return float(sum(values) / len(values))
    return float(min(values) if asked.kind == "first-pass-yield" else max(values))


def _looked_at(asked: Asked, one: Told, day: int, now_ns: int, production: list[int]) -> bool:
    if not any(fnmatchcase(one.place, glob) for glob in asked.of):
        return False
    if any(one.supplier != value for _, value in asked.where):
        return False
    if asked.over == "window":
        quarters = now_ns // QUARTER_NS - one.time_ns // QUARTER_NS
        return 0 <= quarters < 4 * asked.window_hours
    if asked.over == "day":
        return one.day == day
    last = [known for known in production if known <= day][-20:]
    return one.day <= day and (len(last) < 20 or one.day >= last[0])


def _formula(kind: str, told: list[Told]) -> Fraction | None:
    inspected = sum((one.inspected for one in told), Fraction(0))
    rejected = sum(one.rejected for one in told)
    if kind == "pareto":
        by: dict[str, int] = {}
        for one in told:
            for name, count in one.defects.items():
                by[name] = by.get(name, 0) + count
        amounts = sorted(by.values())
        return Fraction(sum(amounts[-3:]), sum(amounts)) if sum(amounts) else None
    if not inspected:
        return None
    return rejected / inspected if kind == "defect-rate" else 1 - rejected / inspected
