"""The oracle of an attribute chart (p, np, c, u): what inspections give, told slowly and plainly from the design.

As `tests.oracle` does for measurements: every inspection is kept in a list and each statement computed from the list;
exact fractions where the engine has floats. Sources: Montgomery, SQC 8th ed., sections 7.2 and 7.3; NIST 6.3.3.
"""

from fractions import Fraction
from math import isnan, nan, sqrt

from rules.spec import BaselineLimits, CharacteristicSpec, FixedLimits
from tests import oracle_rules
from tests.oracle_events import Day, Reading, Results
from tests.oracle_figures import VERDICTS, binomial_quantile

LINE = 1e-12
OUT_OF_SPEC = 9


def limits_of_size(chart: str, rate: float, n: float) -> tuple[float, float, float]:
    """cl, ucl, lcl as the books write them."""
    match chart:
        case "p":
            half = 3 * sqrt(rate * (1 - rate) / n)
            return rate, min(rate + half, 1.0), max(rate - half, 0.0)
        case "np":
            half = 3 * sqrt(n * rate * (1 - rate))
            return n * rate, min(n * rate + half, n), max(n * rate - half, 0.0)
        case "u":
            half = 3 * sqrt(rate / n)
            return rate, rate + half, max(rate - half, 0.0)
        case _:
            mean = n * rate
            return mean, mean + 3 * sqrt(mean), max(mean - 3 * sqrt(mean), 0.0)


def rate_of(readings: list[Reading]) -> float:
    inspected = sum(Fraction(one.size) for one in readings)
    return float(sum(Fraction(one.value) for one in readings) / inspected) if inspected else nan


def sigma_of_unit(chart: str, rate: float) -> float:
    return sqrt(rate * (1 - rate)) if chart in ("p", "np") else sqrt(rate)


class AttributeChart:
    """One characteristic; `tests.oracle.Oracle` drives it as it drives the charts of measurements."""

    def __init__(self, number: int, spec: CharacteristicSpec, results: Results) -> None:
        self.number, self.spec, self.results = number, spec, results
        self.revision, self.state, self.rate = 0, "none", nan
        self.limits_since_ns = self.frozen_revision = 0
        if isinstance(spec.limits, FixedLimits):
            self.revision, self.state, self.rate = 1, "fixed", spec.limits.center
        self.taken: list[Reading] = []
        self.beyond: dict[Reading, bool] = {}  # as it stands
        self.baseline: list[Reading] = []
        self.z: list[float] = []
        self.held = 0
        self.before: Reading | None = None
        self.chain: Reading | None = None
        self.open: list[list[Reading]] = []
        self.days: dict[int, Day] = {}
        self.charted: dict[int, list[bool]] = {}  # by day: beyond limits when charted
        self.window_changed = self.stale = False
        wanted = {rule.name: rule.k for rule in spec.rules}
        usual = (1, 9, 6, 14, 3, 5, 15, 8)
        names = ("beyond-3-sigma", "9-on-one-side", "6-trending", "14-alternating", "2-of-3-beyond-2-sigma")
        names += ("4-of-5-beyond-1-sigma", "15-within-1-sigma", "8-beyond-1-sigma")
        self.lengths = [(wanted[name] or k) if name in wanted else 0 for name, k in zip(names, usual, strict=True)]

    def close_all(self, cause: int, through: int | None = None) -> None:
        """There are no subgroups."""

    def take(self, reading: Reading, closed_through: int) -> None:
        if reading.state == 1:
            self.aside(reading, "purpose")
            return
        late = self.before is not None and reading.time_ns < self.before.time_ns
        rate = reading.value / reading.size
        outside = rate > self.spec.usl
        if outside:
            self.signal(reading, OUT_OF_SPEC, rate, self.spec.usl)
        if reading.day not in self.days:
            revision = 1 if reading.day <= closed_through else 0
            self.days[reading.day] = Day(revision=revision, limits_revision=self.revision)
            self.charted[reading.day] = []
        day = self.days[reading.day]
        day.readings.append(reading)
        day.signals += outside
        day.changed = True
        if late:
            self.take_late(reading, day)
            return
        self.before = reading
        self.window_changed, self.stale = True, False
        known = self.state != "none"
        bits, raised = self.judge(reading) if known else (0, 0)
        if not known:
            self.held = 0
        self.charted[reading.day].append(self.beyond.setdefault(reading, False))
        day.signals += raised.bit_count()
        self.taken.append(reading)
        self.give_point(reading, 2 if known else 0, bits, raised, reading.cause, fresh=True)
        if not known:
            self.collect(reading)

    def take_late(self, reading: Reading, day: Day) -> None:
        day.late += 1
        known = self.state != "none" and reading.time_ns >= self.limits_since_ns
        z = self.standardised(reading) if known else 0.0
        if known and self.lengths[0] and abs(z) > 3 + LINE:
            _, ucl, lcl = limits_of_size(self.spec.chart, self.rate, reading.size)
            self.signal(reading, 0, self.plotted(reading), ucl if z > 0 else lcl)
            day.signals += 1
        self.aside(reading, "late")

    def plotted(self, reading: Reading) -> float:
        return reading.value / reading.size if self.spec.chart in ("p", "u") else reading.value

    def standardised(self, reading: Reading) -> float:
        return (reading.value / reading.size - self.rate) / (
            sigma_of_unit(self.spec.chart, self.rate) / sqrt(reading.size)
        )

    def judge(self, reading: Reading) -> tuple[int, int]:
        """The bits that stand at the inspection, and those of the signals raised there."""
        self.z.append(self.standardised(reading))
        tests = zip(range(8), oracle_rules.TESTS, self.lengths, strict=True)
        bits = sum(1 << bit for bit, test, k in tests if k and test(self.z, k))
        self.beyond[reading] = bool(bits & 1)
        raised = bits & (~self.held | 1)
        self.held = bits
        return bits, raised

    def collect(self, reading: Reading) -> None:
        assert isinstance(self.spec.limits, BaselineLimits)
        self.baseline.append(reading)
        if len(self.baseline) < self.spec.limits.points:
            return
        points, self.baseline = self.baseline, []
        ok, rate, excluded = phase_one(self.spec.chart, points)
        self.revision += 1
        self.results.limits.append(
            {
                "cause_seq": reading.cause,
                "characteristic": self.number,
                "revision": self.revision,
                "time": reading.time_ns,
                "state": "provisional" if ok else "rejected",
                "center": rate,
                "sigma": sigma_of_unit(self.spec.chart, rate) if ok else nan,
                "points": len(points),
                "excluded": excluded,
            }
        )
        if ok:
            self.state, self.rate = "provisional", rate
            self.limits_since_ns, self.frozen_revision = reading.time_ns, self.revision
            for one in points:
                self.give_point(one, 1, *self.judge(one), reading.cause, fresh=False)

    # what is given out

    def give_point(self, one: Reading, phase: int, bits: int, raised: int, cause: int, *, fresh: bool) -> None:
        cl, ucl, lcl = limits_of_size(self.spec.chart, self.rate, one.size) if phase else (nan, nan, nan)
        self.results.points.append(
            {
                "cause_seq": cause,
                "characteristic": self.number,
                "seq": one.seq,
                "idx": one.idx,
                "time": one.time_ns,
                "value": self.plotted(one),
                "dispersion": nan,
                "n": one.size,
                "cl": cl,
                "ucl": ucl,
                "lcl": lcl,
                "dispersion_ucl": nan,
                "signals": bits | (one.value / one.size > self.spec.usl) << OUT_OF_SPEC,
                "raised": raised,
                "phase": phase,
                "revision": self.revision,
                "values": [one.value] if fresh else None,
                "refs": [one.ref] if fresh else None,
            }
        )

    def give_day(self, number: int, cause: int, tick_ns: int) -> None:
        day = self.days[number]
        if day.revision == 0:
            day.limits_revision = self.revision
        day.revision += 1
        day.changed = False
        charted = self.charted[number]
        figures = self.figures(day.readings, len(charted), sum(charted), stale=False)
        self.results.days.append(
            {"cause_seq": cause, "characteristic": self.number, "time": tick_ns}
            | figures
            | {
                "limits_revision": day.limits_revision,
                "day": number,
                "day_revision": day.revision,
                "basis": "day",
                "late": day.late,
                "signals": day.signals,
                "out_of_spec_day": figures["out_of_spec"],
                "own_n": figures["n"],
                "own_mean": figures["mean"],
                "first_seq": day.readings[0].seq,
                "last_seq": max(one.seq for one in day.readings),
            }
        )

    def give_window(self, cause: int, tick_ns: int) -> None:
        self.window_changed = False
        newest = self.taken[-self.spec.window :]
        beyond = sum(self.beyond[one] for one in newest)
        self.results.windows.append(
            {"cause_seq": cause, "characteristic": self.number, "time": tick_ns, "limits_revision": self.revision}
            | self.figures(newest, len(newest), beyond, stale=self.stale)
            | {"first_seq": newest[0].seq if newest else 0, "last_seq": max((one.seq for one in newest), default=0)}
        )

    def figures(self, readings: list[Reading], points: int, beyond: int, *, stale: bool) -> dict[str, float]:
        inspected = sum(Fraction(one.size) for one in readings)
        holds = {
            "no-spec": True,
            "insufficient": inspected < self.spec.minimum_n,
            "stale": stale,
            "unstable": beyond > binomial_quantile(points, 0.99),
        }
        undefined = "sigma_within sigma_overall cp cpl cpu cpk cpk_lower pp ppl ppu ppk ppk_lower cpm"
        return dict.fromkeys(undefined.split(), nan) | {
            "n": int(inspected + Fraction(1, 2)),
            "subgroups": points,
            "mean": rate_of(readings),
            "out_of_spec": int(sum(one.value for one in readings)),
            "beyond_limits": beyond,
            "verdicts": sum(1 << VERDICTS.index(name) for name in VERDICTS if holds.get(name)),
        }

    def aside(self, reading: Reading, state: str) -> None:
        row = {"cause_seq": reading.cause, "characteristic": self.number, "seq": reading.seq, "idx": reading.idx}
        row |= {"time": reading.time_ns, "context": reading.context}
        self.results.loose.append(row | {"value": reading.value, "state": state})

    def signal(self, at: Reading, bit: int, value: float, limit: float) -> None:
        row = {"cause_seq": at.cause, "characteristic": self.number, "seq": at.seq, "idx": at.idx, "time": at.time_ns}
        revision = self.revision if at.time_ns >= self.limits_since_ns else self.frozen_revision - 1
        self.results.signals.append(row | {"bit": bit, "value": value, "limit": limit, "revision": revision})


def phase_one(chart: str, points: list[Reading]) -> tuple[bool, float, int]:
    """ok, the rate, and how many were left out: at most two passes and 10 %."""
    kept = list(points)
    for attempt in range(3):
        rate = rate_of(kept)
        left_out = len(points) - len(kept)
        if isnan(rate) or not sigma_of_unit(chart, rate) > 0:
            return False, nan, left_out
        inside = [one for one in kept if not _stands_out(chart, rate, one)]
        if len(inside) == len(kept):
            return True, rate, left_out
        kept = inside
        left_out = len(points) - len(kept)
        if attempt == 2 or left_out > len(points) / 10:
            return False, nan, left_out
    raise AssertionError


def _stands_out(chart: str, rate: float, one: Reading) -> bool:
    return abs(one.value / one.size - rate) > (3 + LINE) * sigma_of_unit(chart, rate) / sqrt(one.size)
