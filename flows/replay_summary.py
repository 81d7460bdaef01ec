"""What a replay has made of its files, in a sentence."""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import polars as pl

MOST_NAMES = 5
MOST_REFUSED = 20


@dataclass(frozen=True, slots=True)
class Refused:
    """Of Q-DAS files: the first `lines` that hold no value, how many (`faults`), and how many counts were left out."""

    lines: tuple[str, ...] = ()
    faults: int = 0
    counts: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """How many `readings` the files held, what followed, and how often each name came that the plant has not."""

    readings: int
    points: int
    signals: int
    days: int
    alerts: int
    unknown: Mapping[str, int]
    refused: Refused = Refused()

    def __str__(self) -> str:
        taken = self.readings - sum(self.unknown.values())
        told = (f"{taken:,} readings: {self.points:,} points, {self.signals:,} signals, {self.days:,} days, "
                f"{self.alerts:,} alerts")  # fmt: skip
        if self.unknown:
            told += f"; refused were {self.readings - taken:,} of unknown characteristics: {listed(self.unknown)}"
        if self.refused.faults:
            told += f"; refused were {self.refused.faults:,} lines of files"
        if self.refused.counts:
            told += f"; {self.refused.counts:,} counts of attributive characteristics are no readings and left out"
        return told


def unknown_names(readings: pl.DataFrame, characteristics: Iterable[str]) -> dict[str, int]:
    """How often each name came that is none of the characteristics, the most frequent first."""
    others = readings.filter(~pl.col("characteristic").is_in(list(characteristics)))
    counted = others.group_by("characteristic").len().sort(["len", "characteristic"], descending=[True, False])
    return dict(counted.rows())


def listed(names: Mapping[str, int]) -> str:
    """The first names with their counts, and how many more there are."""
    shown = [f"{name!r} ({count:,})" for name, count in list(names.items())[:MOST_NAMES]]
    more = [f"{len(names) - MOST_NAMES:,} more"] if len(names) > MOST_NAMES else []
    return ", ".join(shown + more)


def summary(history: Path, readings: int, unknown: Mapping[str, int], refused: Refused) -> Summary:
    """What the history of a replay holds now; a day or a point that was restated counts once."""
    with closing(sqlite3.connect(f"{history.absolute().as_uri()}?mode=ro", uri=True)) as db:

        def count(query: str) -> int:
            return int(db.execute(query).fetchone()[0])

        return Summary(
            readings,
            points=count('SELECT count(*) FROM "point" WHERE "current" = 1'),
            signals=count('SELECT count(*) FROM "signal"'),
            days=count('SELECT count(DISTINCT "day") FROM "current_day"'),
            alerts=count('SELECT count(*) FROM "current_episode"'),
            unknown=unknown,
            refused=refused,
        )
