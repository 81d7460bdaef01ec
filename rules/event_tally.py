"""Event tallies: what inspections, counts, machine states, complaints and readings of a place add up to.

A tally is of one place and one production day (or a stretch of a rolling window), and of one group of context fields
where metrics ask for such. Tallies merge by adding, so that a metric of many days, places or groups is its formula
(`rules.event_metrics`) over one tally: a mean of daily shares would give a day of ten units the weight of one of a
thousand. Times are whole nanoseconds and counts whole numbers: their sums are exact, in whatever order.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

MOST = (1 << 63) - 1  # what is stored of a sum: no plant makes so many, but a message may say so


@dataclass(slots=True)
class Tally:
    """Sums; every field adds up, dictionaries key by key.

    Inspections: `inspected` units (a fraction where the unit is an area or a length), of them `rejected`, of these
    `reworked` and `scrapped`; `missed` ones found bad further on; `defects` by kind.
    Counts: `total` units made, `good` of them; `ideal_ns`: the time that those `paced` units should have taken whose
    machine has an ideal cycle.
    Machine states within `planned_ns` of planned production time (breaks left out): `states` ns by state, `down` ns by
    reason; `failures`, and the `repair_ns` of the down time that are theirs (`rules.machine_time`).
    Complaints: `complaints` received; `due` ones that are decided, being answered within their limit (`in_time`) or
    past it; `answered` ones with the `dwell_ns` that they waited in all; `topics` by what they are about.
    Readings of process parameters: `readings`, `out_of_spec` of them beyond a specification limit.
    """

    inspected: float = 0.0
    rejected: int = 0
    reworked: int = 0
    scrapped: int = 0
    missed: int = 0
    defects: dict[str, int] = field(default_factory=dict)
    total: int = 0
    good: int = 0
    paced: int = 0
    ideal_ns: int = 0
    planned_ns: int = 0
    states: dict[str, int] = field(default_factory=dict)
    down: dict[str, int] = field(default_factory=dict)
    failures: int = 0
    repair_ns: int = 0
    complaints: int = 0
    due: int = 0
    in_time: int = 0
    answered: int = 0
    dwell_ns: int = 0
    topics: dict[str, int] = field(default_factory=dict)
    readings: int = 0
    out_of_spec: int = 0

    def add(self, other: "Tally") -> None:
        """Take the sums of `other` into this one."""
        for name in NUMBERS:
            if amount := getattr(other, name):
                setattr(self, name, getattr(self, name) + amount)
        for name in BY_NAME:
            mine = getattr(self, name)
            for key, count in getattr(other, name).items():
                mine[key] = mine.get(key, 0) + count

    def bounded(self) -> "Tally":
        """The tally itself, with no sum beyond what 64 bits hold: what a place told of a day, as it is kept.

        >>> Tally(total=MOST + 5).bounded().total == MOST
        True
        """
        for name in NUMBERS:
            if getattr(self, name) > MOST:
                setattr(self, name, MOST)
        for name in BY_NAME:
            mine = getattr(self, name)
            for key in [key for key, count in mine.items() if count > MOST]:
                mine[key] = MOST
        return self

    def to_plain(self) -> dict[str, Any]:
        """The fields that are not empty, names sorted, for a state's bytes."""
        plain: dict[str, Any] = {name: getattr(self, name) for name in NUMBERS if getattr(self, name)}
        return plain | {name: dict(sorted(getattr(self, name).items())) for name in BY_NAME if getattr(self, name)}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "Tally":
        """What `to_plain` gave."""
        tally = cls()
        for name, value in plain.items():
            setattr(tally, name, dict(value) if name in BY_NAME else value)
        return tally


BY_NAME = ("defects", "states", "down", "topics")  # sums by key
NUMBERS = tuple(one.name for one in fields(Tally) if one.name not in BY_NAME)


def merged(tallies: Iterable[Tally]) -> Tally:
    """The sum of tallies, in their order.

    >>> merged([Tally(inspected=10, rejected=1), Tally(inspected=990, rejected=9)])  # doctest: +ELLIPSIS
    Tally(inspected=1000.0, rejected=10, ...
    """
    whole = Tally()
    for tally in tallies:
        whole.add(tally)
    return whole
