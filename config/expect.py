"""What to expect of a plan when every process is exactly as capable as it should be: false breaches, false alarms.

Both are counted in simulated years, with their standard errors. The process is normal, stable, centred between its
limits (or as far from its one limit) with a true Cpk equal to `cpk_target`; the control limits are the true ones.
Limits from a short baseline cry wolf somewhat more often.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isnan, sqrt

import numpy as np
from numpy.typing import NDArray

from config.plan import Plan
from rules.alarms import count_signals
from rules.constants import c4, d2
from rules.limits import CHART_CODES, control_limits
from rules.run_rules import RUN_STATE, compile_rules
from rules.spec import ATTRIBUTE_CHARTS, CalendarSpec, CharacteristicSpec

WEEKS = 52  # a year
WARM_UP = 60  # days before a year is counted: a breach may then be open already
VALUES = 40_000_000  # simulated in all, shared by the settings …
MOST, LEAST = 3_000_000, 200_000  # … each within these bounds
FEWEST_YEARS = 4
FEW = 10  # settings that take a moment
PARTS = 50  # of the simulated points: their spread gives the standard error
SEED = 20_261_121

Floats = NDArray[np.float64]
Progress = Callable[[int, int], None]  # (done, total)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A simulated figure and its standard error."""

    value: float
    error: float

    def times(self, count: int) -> "Estimate":
        """Of `count` independent things alike; the error is that of one simulation, so it grows as they do."""
        return Estimate(count * self.value, count * self.error)


@dataclass(frozen=True, slots=True)
class Setting:
    """All of a characteristic that decides the figures. `sides`: how many limits its specification has.

    `n`: its values a production day; `days`: its production days a year.
    """

    chart: str
    subgroup_size: int
    sides: int
    cpk_target: float
    floor: float
    breach_days: int
    recovery_days: int
    recovery_cpk: float
    index: str
    basis: str
    minimum_n: int
    lengths: tuple[int, ...]
    n: int
    days: int

    @classmethod
    def of(cls, spec: CharacteristicSpec, calendar: CalendarSpec, per_day: int | None) -> "Setting":
        """The setting of a characteristic with `per_day` values a day, else with its `minimum_n`."""
        breach = spec.breach
        return cls(
            chart=spec.chart,
            subgroup_size=spec.subgroup_size,
            sides=2 - isnan(spec.lsl) - isnan(spec.usl),
            cpk_target=spec.cpk_target,
            floor=breach.floor,
            breach_days=breach.breach_days,
            recovery_days=breach.recovery_days,
            recovery_cpk=breach.recovery_cpk,
            index=breach.index,
            basis=spec.day_basis,
            minimum_n=spec.minimum_n,
            lengths=tuple(compile_rules(spec.rules).tolist()),
            n=per_day or spec.minimum_n,
            days=WEEKS * len(calendar.working_days),
        )

    @property
    def points(self) -> int:
        """Charted points a day."""
        return max(self.n // self.subgroup_size, 1)


@dataclass(frozen=True, slots=True)
class Expected:
    """What to expect a year of each of `characteristics` with one setting; `first` is one of them.

    `breaches` is None without a specification, and where no day has the values that a figure takes.
    """

    setting: Setting
    first: str
    characteristics: int
    breaches: Estimate | None
    alarms: Estimate


def expect(plan: Plan, per_day: int | None = None, progress: Progress = lambda done, total: None) -> list[Expected]:
    """One entry a setting, in the order of the plan; where they are many, `progress` is told of each that is done.

    Attribute charts are left out: their false alarms hang on the rate and on the size of each inspection.
    """
    specs = [spec for spec in plan.characteristics if spec.chart not in ATTRIBUTE_CHARTS]
    settings = [Setting.of(spec, plan.calendar, per_day) for spec in specs]
    first = {setting: spec.id for setting, spec in zip(reversed(settings), reversed(specs), strict=True)}
    counts = Counter(settings)
    values = max(min(VALUES // max(len(counts), 1), MOST), LEAST)
    found = []
    for number, (setting, count) in enumerate(counts.items(), 1):
        found.append(Expected(setting, first[setting], count, *simulate(setting, values, number)))
        if len(counts) > FEW:
            progress(number, len(counts))
    return found


def in_all(estimates: Iterator[tuple[int, Estimate | None]]) -> Estimate:
    """The sum over settings, each of so many characteristics alike."""
    known = [one.times(count) for count, one in estimates if one is not None]
    return Estimate(sum(one.value for one in known), sqrt(sum(one.error**2 for one in known)))


def simulate(setting: Setting, values: int = MOST, number: int = 1) -> tuple[Estimate | None, Estimate]:
    """False breaches and false alarms a year from about so many simulated values; each `number` draws its own."""
    random = np.random.default_rng((SEED, number))
    days = setting.days + WARM_UP
    years = max(values // (days * setting.points * setting.subgroup_size), FEWEST_YEARS)
    points = Points.drawn(setting, random, years * days)
    alarms = _alarms(setting, points)
    if setting.sides == 0 or (setting.basis == "day" and setting.n < setting.minimum_n):
        return None, alarms
    indices = day_indices(setting, points).reshape(years, days)
    return breaches_a_year(setting, indices), alarms


@dataclass(frozen=True, slots=True)
class Points:
    """Charted points of a standard normal process: `mean`, `sigma` (each point's own estimate of sigma within),
    `dispersion`, and `squares` (the sum of the squared values), all float64[days, points].

    An individual's dispersion and sigma are of its moving range; the first of a day has none (nan).
    """

    mean: Floats
    dispersion: Floats
    sigma: Floats
    squares: Floats

    @classmethod
    def drawn(cls, setting: Setting, random: np.random.Generator, days: int) -> "Points":
        """Points of so many days."""
        if setting.chart == "individuals":
            x = random.standard_normal((days, setting.points))
            ranges = np.full_like(x, np.nan)
            np.abs(np.diff(x, axis=1), out=ranges[:, 1:])
            return cls(x, ranges, ranges / d2(2), x * x)
        x = random.standard_normal((days, setting.points, setting.subgroup_size))
        mean, squares = x.mean(axis=2), np.einsum("dpk,dpk->dp", x, x)
        if setting.chart == "xbar-r":
            dispersion = x.max(axis=2) - x.min(axis=2)
            return cls(mean, dispersion, dispersion / d2(setting.subgroup_size), squares)
        dispersion = x.std(axis=2, ddof=1)
        return cls(mean, dispersion, dispersion / c4(setting.subgroup_size), squares)


def _alarms(setting: Setting, points: Points) -> Estimate:
    """Signals a year of the location and the dispersion chart."""
    limits = control_limits(CHART_CODES[setting.chart], 0.0, 1.0, setting.subgroup_size)
    z = (points.mean * sqrt(setting.subgroup_size)).ravel()
    beyond = ((points.dispersion > limits[4]) | (points.dispersion < limits[5])).ravel()
    counts = np.zeros(PARTS, np.int64)
    count_signals(z, beyond, np.array(setting.lengths, np.int64), np.zeros(RUN_STATE), counts)
    a_year = setting.days * setting.points
    return Estimate(a_year * float(counts.sum()) / len(z), a_year * float(counts.std(ddof=1)) * sqrt(PARTS) / len(z))


def day_indices(setting: Setting, points: Points) -> Floats:
    """Each day's Cpk, Ppk or the lower of both (`setting.index`): float64[days].

    A day with fewer than `minimum_n` values rests on the newest points that hold so many, as `trailing` does.
    """
    a_day = points.mean.shape[1]
    trails = setting.basis == "trailing" or (setting.basis == "auto" and setting.n < setting.minimum_n)
    taken = -(-setting.minimum_n // setting.subgroup_size) if trails else a_day
    n = taken * setting.subgroup_size
    mean = _over_the_last(points.mean, taken) / taken
    within = _over_the_last(np.nan_to_num(points.sigma), taken) / _over_the_last(
        (~np.isnan(points.sigma)).astype(float), taken
    )
    room = 3.0 * setting.cpk_target - (np.abs(mean) if setting.sides == 2 else mean)
    cpk = room / (3.0 * within)
    if setting.index == "cpk":
        return cpk
    overall = np.sqrt((_over_the_last(points.squares, taken) - n * mean * mean) / (n - 1))
    ppk: Floats = room / (3.0 * overall)
    return ppk if setting.index == "ppk" else np.minimum(cpk, ppk)


def _over_the_last(column: Floats, taken: int) -> Floats:
    """The sum of the last `taken` points at each day's end: float64[days]; of fewer before there are so many."""
    days, a_day = column.shape
    if taken == a_day:
        total: Floats = column.sum(axis=1)
        return total
    sums = np.concatenate([[0.0], np.cumsum(column)])
    ends = a_day * np.arange(1, days + 1)
    upto: Floats = sums[ends] - sums[np.maximum(ends - taken, 0)]
    return upto


def breaches_a_year(setting: Setting, indices: Floats) -> Estimate:
    """How often an episode opens, or opens again, in a year: `indices` is float64[years, WARM_UP + days].

    The rules are those of `rules.runs` for days that all count, for all years at once. The error is at least that
    of one breach in all of them.
    """
    years, days = indices.shape
    run, good = np.zeros(years, np.int64), np.zeros(years, np.int64)
    is_open, opened = np.zeros(years, np.bool_), np.zeros(years, np.int64)
    for day in range(days):
        index = indices[:, day]
        run = np.where((index < setting.floor) & ~is_open, run + 1, 0)
        good = np.where(is_open & (index >= setting.floor) & (index >= setting.recovery_cpk), good + 1, 0)
        opens = run >= setting.breach_days
        if day >= WARM_UP:
            opened += opens
        is_open = (is_open & (good < setting.recovery_days)) | opens
    return Estimate(float(opened.mean()), max(float(opened.std(ddof=1)) / sqrt(years), 1 / years))
