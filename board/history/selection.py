"""The readings that a study takes, with the points that they made, and what they are judged by."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isnan, nan

import numpy as np

from board.history.measured import Choice, Measured, Point, Reading
from board.history.queries import DAY_NS, View
from board.times import FIRST_NS, LAST_NS
from config.models import PlantFile
from rules.calendar import day_start_ns
from rules.limits import CHART_CODES, INDIVIDUALS
from rules.spec import CalendarSpec
from rules.study import Chosen, Judged, moving_ranges, spread

MOST = 50_000  # readings of one study


class TooMany(Exception):  # noqa: N818 - says what is the case
    """More readings are chosen than one study takes."""


@dataclass(slots=True)
class Selection:
    """What was chosen: `readings` that count, their `points`; `voided` of them, and others by state, do not count.

    `gone` points have lost their readings with their age.
    """

    chart: int
    readings: list[Reading] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    set_aside: Counter[str] = field(default_factory=Counter)
    gone: int = 0
    _dispersions: list[float] = field(default_factory=list)
    _sizes: list[int] = field(default_factory=list)
    _chained: list[bool] = field(default_factory=list)
    _broken: bool = True

    @property
    def values(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """What the readings count for: float64[n]."""
        return np.array([one.counts_for for one in self.readings], dtype=np.float64)

    def chosen(self) -> Chosen:
        """The same as the core takes it."""
        sizes, beyond = np.array(self._sizes, dtype=np.int64), sum(point.beyond for point in self.points)
        if self.chart == INDIVIDUALS:
            charted = np.array([point.readings[0].counts_for for point in self.points], dtype=np.float64)
            dispersions = moving_ranges(charted, np.array(self._chained, dtype=np.bool_))
        else:
            dispersions = np.array(self._dispersions, dtype=np.float64)
        return Chosen(self.chart, self.values, dispersions, sizes, beyond)

    def take(self, point: Point, choice: Choice) -> None:
        """Take those of a point's readings that are chosen; a subgroup of which one is left is no point."""
        if not point.readings:
            self.gone += 1
            self._broken = True
            return
        taken = [one for one in point.readings if choice.takes(one)]
        counting = [one for one in taken if one.counts_for is not None]
        self.set_aside["void"] += len(taken) - len(counting)
        self.readings += counting
        if self.chart == INDIVIDUALS:
            self._chain(point, bool(taken), bool(counting))
        elif len(counting) >= 2:
            self.points.append(point)
            self._sizes.append(len(counting))
            self._dispersions.append(self._spread(point, counting))

    def take_loose(self, one: Reading) -> None:
        """Take a chosen reading that is in no point."""
        if one.counts_for is None:
            self.set_aside["void" if one.fix is not None else one.state] += 1
        else:
            self.readings.append(one)

    def _chain(self, point: Point, taken: bool, counts: bool) -> None:
        """A moving range reaches to the point before where the stored one does and both are chosen; over a void one."""
        self._broken |= isnan(point.dispersion) or not taken
        if counts:
            self.points.append(point)
            self._sizes.append(1)
            self._chained.append(not self._broken)
            self._broken = False

    def _spread(self, point: Point, counting: list[Reading]) -> float:
        if len(counting) == len(point.readings) and not any(one.fix for one in counting):
            return point.dispersion
        return spread(self.chart, np.array([one.counts_for for one in counting], dtype=np.float64))


def select(view: View, number: int, chart: str, choice: Choice) -> Selection:
    """The chosen readings of a variables chart, oldest point first; raises `TooMany`."""
    measured, found = Measured(view, number), Selection(CHART_CODES[chart])
    after, closed_by = (FIRST_NS, 0), min(choice.end_ns, LAST_NS - DAY_NS) + DAY_NS
    while page := measured.points(choice.start_ns, closed_by, after):
        for point in page:
            found.take(point, choice)
        if len(found.readings) > MOST:
            raise TooMany
        after = (page[-1].time_ns, page[-1].row)
    for one in measured.loose(choice.start_ns, choice.end_ns):
        if choice.takes(one):
            found.take_loose(one)
    if len(found.readings) > MOST:
        raise TooMany
    return found


@dataclass(frozen=True, slots=True)
class Specification:
    """A revision of the specification; an absent limit is nan, revision 0 is none."""

    revision: int = 0
    lsl: float = nan
    usl: float = nan
    target: float = nan


def specification_at(view: View, number: int, before_ns: int) -> Specification:
    """The one in force at the end of a time; the first one where it was not made yet."""
    rows = view.db.execute(
        'SELECT "revision", "lsl", "usl", "target", "time" FROM "specification" WHERE "characteristic" = ? '
        'ORDER BY "revision"', (number,),
    ).fetchall()  # fmt: skip
    held = [row for row in rows if row[4] < before_ns] or rows[:1]
    if not held:
        return Specification()
    revision, *limits = held[-1][:4]
    return Specification(int(revision), *(nan if limit is None else float(limit) for limit in limits))


def judged_by(row: Mapping[str, object], specification: Specification, plant: PlantFile | None) -> Judged:
    """By what a characteristic of that row of the history is judged; the gauge's step is the plant file's."""
    options = None if plant is None else plant.characteristics.get(str(row["name"]))
    floor, minimum_n = row["cpk_floor"], row["minimum_n"]
    return Judged(
        lsl=specification.lsl, usl=specification.usl, target=specification.target,
        resolution=nan if options is None or options.resolution is None else options.resolution,
        minimum_n=minimum_n if isinstance(minimum_n, int) else 0,
        floor=float(floor) if isinstance(floor, (int, float)) else nan,
    )  # fmt: skip


def past_calibration(found: Selection, name: str, plant: PlantFile | None, calendar: CalendarSpec) -> set[str]:
    """The gauges that some of the readings were taken with after the last day of their calibration."""
    if plant is None or not plant.gauges or name not in plant.characteristics:
        return set()
    local = CalendarSpec(calendar.timezone)
    ends = {
        gauge: day_start_ns(local, options.spec(gauge).calibrated_until + 1) for gauge, options in plant.gauges.items()
    }
    usual = plant.characteristics[name].gauge
    named = ((str(one.context.get("gauge") or usual), one.time_ns) for one in found.readings)
    return {gauge for gauge, time_ns in named if gauge in ends and time_ns >= ends[gauge]}
