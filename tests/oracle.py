"""The oracle: what one shard makes of readings and ticks, told slowly and plainly from the design (sections 6 to 8).

It keeps every reading and every point in lists and computes each statement from them anew. It imports nothing of the
engine but the specs; the run rules are `tests.oracle_rules`, the figures `tests.oracle_figures`.

What the design leaves open is settled here as in the engine's own documentation: at most four subgroups are open at
once (a fifth closes the oldest); subgroups that end at one tick are charted oldest first; a day's count of points
beyond limits is that of the points as they were judged when charted, a window's that of the points as they stand; a
day whose readings are in no point is stated on its own readings.
"""

from collections.abc import Iterable
from fractions import Fraction
from math import isnan, nan, sqrt

from rules.spec import ATTRIBUTE_CHARTS, BaselineLimits, CharacteristicSpec, FixedLimits
from tests import oracle_rules
from tests.oracle_attributes import AttributeChart
from tests.oracle_events import Accept, Day, Event, Gap, Point, Reading, Results, Tick
from tests.oracle_figures import (
    Sample,
    capability,
    deviation,
    exact_mean,
    is_beyond,
    limits_of,
    phase_one,
    sigma_estimate,
)

SECOND = 1_000_000_000
RULES = (
    ("beyond-3-sigma", 1),
    ("9-on-one-side", 9),
    ("6-trending", 6),
    ("14-alternating", 14),
    ("2-of-3-beyond-2-sigma", 3),
    ("4-of-5-beyond-1-sigma", 5),
    ("15-within-1-sigma", 15),
    ("8-beyond-1-sigma", 8),
)  # bits 0 to 7, with their usual lengths
DISPERSION, OUT_OF_SPEC = 8, 9
EVERY_TIME = {0, DISPERSION}  # points of themselves: each raises a signal, not only the first


class _Chart:
    """One characteristic."""

    def __init__(self, number: int, spec: CharacteristicSpec, results: Results) -> None:
        self.number, self.spec, self.results = number, spec, results
        self.revision = 0
        self.state, self.center, self.sigma = "none", nan, nan
        self.frozen_revision = 0
        self.limits_since_ns = 0  # a late reading is judged by the limits of its time
        if isinstance(spec.limits, FixedLimits):
            self.revision, self.state = 1, "fixed"
            self.center, self.sigma = spec.limits.center, spec.limits.sigma
        self.points: list[Point] = []
        self.baseline: list[Point] = []
        self.z: list[float] = []
        self.held = 0
        self.before: Reading | None = None  # the last that the chart took
        self.chain: Reading | None = None  # what the next individual makes a moving range with
        self.open: list[list[Reading]] = []  # subgroups, in the order in which they were begun
        self.days: dict[int, Day] = {}
        self.window_changed = False
        self.stale = False
        wanted = {rule.name: rule.k for rule in spec.rules}
        self.lengths = [(wanted[name] or usual) if name in wanted else 0 for name, usual in RULES]

    def take(self, reading: Reading, closed_through: int) -> None:
        if reading.state == 2:
            self.chain = None
            return
        if reading.state == 1:
            self.aside(reading, "purpose", reading.cause)
            return
        late = self.before is not None and reading.time_ns < self.before.time_ns
        outside = reading.value < self.spec.lsl or reading.value > self.spec.usl
        if outside:
            limit = self.spec.lsl if reading.value < self.spec.lsl else self.spec.usl
            self.signal(reading, OUT_OF_SPEC, reading.value, limit, 2, reading.cause)
        if not late and self.before is not None and self.before.day != reading.day:
            self.close_all(reading.cause)
            self.chain = None
        day = self.day(reading.day, closed_through)
        day.readings.append(reading)
        day.signals += outside
        day.changed = True
        if late:
            self.take_late(reading, day)
            return
        changed = self.before is not None and self.before.change != reading.change
        self.before = reading
        if self.stale:
            self.stale, self.window_changed = False, True
        if self.spec.chart == "individuals":
            span = nan if self.chain is None or changed else abs(reading.value - self.chain.value)
            self.chain = reading
            self.chart([reading], span, reading.cause)
        else:
            self.gather(reading)

    def take_late(self, reading: Reading, day: Day) -> None:
        """Judged alone, counted in its day, in no pattern, subgroup or moving range."""
        day.late += 1
        known = self.state != "none" and reading.time_ns >= self.limits_since_ns
        if self.spec.chart == "individuals" and known and self.lengths[0]:
            _, ucl, lcl, *_ = limits_of("individuals", self.center, self.sigma, 1)
            if is_beyond(reading.value, lcl, ucl, self.sigma):
                limit = ucl if reading.value > ucl else lcl
                self.signal(reading, 0, reading.value, limit, 2, reading.cause)
                day.signals += 1
        self.aside(reading, "late", reading.cause)

    def gather(self, reading: Reading) -> None:
        """Into its subgroup: that of its name, or of no name."""
        own = next((group for group in self.open if group[0].subgroup == reading.subgroup), None)
        if own is not None:
            over = reading.time_ns >= own[0].time_ns + self.spec.subgroup_within_seconds * SECOND
            other = reading.subgroup == 0 and own[0].change != reading.change
            if over or other:
                self.close(own, reading.cause)
                own = None
        if own is None:
            if len(self.open) == 4:
                self.close(self.open[0], reading.cause)
            own = []
            self.open.append(own)
        own.append(reading)
        if len(own) == self.spec.subgroup_size or reading.ends:
            self.close(own, reading.cause)

    # subgroups and points

    def close_all(self, cause: int, through: int | None = None) -> None:
        for group in list(self.open):
            if through is None or group[0].day <= through:
                self.close(group, cause)

    def close(self, group: list[Reading], cause: int) -> None:
        self.open = [other for other in self.open if other is not group]
        if len(group) == 1:
            self.aside(group[0], "single", cause)
            return
        values = [reading.value for reading in group]
        self.chart(group, max(values) - min(values) if self.spec.chart == "xbar-r" else deviation(values), cause)

    def chart(self, readings: list[Reading], dispersion: float, cause: int) -> None:
        spec = self.spec
        values = [reading.value for reading in readings]
        outs = sum(value < spec.lsl or value > spec.usl for value in values)
        point = Point(readings, exact_mean(values), dispersion, outs)
        known = self.state in ("fixed", "provisional", "accepted")
        raised = self.judge(point) if known else []
        if outs:
            point.bits |= 1 << OUT_OF_SPEC
        if not known:
            self.held = 0
        self.give_point(point, 2 if known else 0, raised, cause, fresh=True)
        day = self.days[readings[0].day]
        day.points.append((point, point.beyond))
        day.signals += len(raised)
        day.changed = True
        self.points.append(point)
        self.window_changed = True
        if not known:
            self.collect(point, cause)

    def judge(self, point: Point) -> list[int]:
        """Set the bits that stand at the point; the bits of the signals that are raised there."""
        self.z.append((point.mean - self.center) / (self.sigma / sqrt(point.n)))
        tests = zip(range(8), oracle_rules.TESTS, self.lengths, strict=True)
        standing = {bit for bit, test, k in tests if k and test(self.z, k)}
        *_, upper, lower = limits_of(self.spec.chart, self.center, self.sigma, point.n)
        if is_beyond(point.range, lower, upper, self.sigma):
            standing.add(DISPERSION)
        point.bits = sum(1 << bit for bit in standing)
        point.beyond = bool(standing & EVERY_TIME)
        raised = sorted(bit for bit in standing if bit in EVERY_TIME or not self.held >> bit & 1)
        self.held = point.bits
        return raised

    def collect(self, point: Point, cause: int) -> None:
        """Phase I: when the baseline is full, freeze the limits and restate its points, or reject it."""
        assert isinstance(self.spec.limits, BaselineLimits)
        self.baseline.append(point)
        if len(self.baseline) < self.spec.limits.points:
            return
        points, self.baseline = self.baseline, []
        samples = [Sample(one.mean, one.range, one.n) for one in points]
        if self.spec.chart == "individuals":
            samples[0] = Sample(points[0].mean, nan, 1)  # its range reaches before the baseline
        ok, center, sigma, excluded = phase_one(self.spec.chart, samples)
        self.revision += 1
        self.results.limits.append(
            {
                "cause_seq": cause,
                "characteristic": self.number,
                "revision": self.revision,
                "time": point.readings[-1].time_ns,
                "state": "provisional" if ok else "rejected",
                "center": center,
                "sigma": sigma,
                "points": len(points),
                "excluded": excluded,
            }
        )
        if not ok:
            return
        self.state, self.center, self.sigma = "provisional", center, sigma
        self.limits_since_ns, self.frozen_revision = point.readings[-1].time_ns, self.revision
        for one in points:
            out = one.bits & 1 << OUT_OF_SPEC
            raised = self.judge(one)
            one.bits |= out
            self.give_point(one, 1, raised, cause, fresh=False)

    # days and windows

    def day(self, number: int, closed_through: int) -> Day:
        if number not in self.days:
            # A day that closed without data was stated then: what comes now is its second statement.
            self.days[number] = Day(revision=1 if number <= closed_through else 0, limits_revision=self.revision)
        return self.days[number]

    def give_day(self, number: int, cause: int, tick_ns: int) -> None:
        day, spec = self.days[number], self.spec
        own = [reading.value for reading in day.readings]
        trailing = spec.day_basis == "trailing" or (spec.day_basis == "auto" and len(own) < spec.minimum_n)
        if trailing and day.points:
            upto = [point for point in self.points if point.readings[0].day <= number]
            figures = self.newest(upto, spec.minimum_n)
            basis = "trailing"
        else:
            spans = [(point.range, point.n) for point, _ in day.points if not isnan(point.range)]
            beyond = sum(was for _, was in day.points)
            figures = dict(capability(spec, own, spans, points=len(day.points), beyond=beyond))
            figures["first_seq"] = day.readings[0].seq
            figures["last_seq"] = max(reading.seq for reading in day.readings)
            basis = "day"
        if day.revision == 0:
            day.limits_revision = self.revision
        day.revision += 1
        day.changed = False
        sigmas = [sigma_estimate(spec.chart, point.range, point.n) for point, _ in day.points if point.range >= 0]
        self.results.days.append(
            self.named(cause, tick_ns)
            | figures
            | {
                "own_n": len(own),
                "own_mean": exact_mean(own),
                "own_m2": sum((Fraction(value) - Fraction(exact_mean(own))) ** 2 for value in own) + 0.0,
                "own_smallest": min(own),
                "own_largest": max(own),
                "own_points": len(day.points),
                "own_within_sum": sum(sigmas) + 0.0,
                "own_within_count": len(sigmas),
                "limits_revision": day.limits_revision,
                "day": number,
                "day_revision": day.revision,
                "basis": basis,
                "late": day.late,
                "signals": day.signals,
                "out_of_spec_day": sum(value < spec.lsl or value > spec.usl for value in own),
            }
        )

    def newest(self, points: list[Point], wanted: int, *, stale: bool = False) -> dict[str, float]:
        """The statement of the newest points that together hold at least `wanted` values."""
        chosen: list[Point] = []
        while len(chosen) < len(points) and sum(point.n for point in chosen) < wanted:
            chosen.append(points[-1 - len(chosen)])
        values = [value for point in chosen for value in point.values]
        # The oldest individual's moving range reaches outside.
        ranged = chosen[:-1] if self.spec.chart == "individuals" else chosen
        spans = [(point.range, point.n) for point in ranged if not isnan(point.range)]
        beyond = sum(point.beyond for point in chosen)
        figures = capability(self.spec, values, spans, points=len(chosen), beyond=beyond, stale=stale)
        seqs = [point.readings[-1].seq for point in chosen]
        return figures | {"first_seq": seqs[-1] if seqs else 0, "last_seq": max(seqs, default=0)}

    def give_window(self, cause: int, tick_ns: int) -> None:
        self.window_changed = False
        figures = self.newest(self.points, self.spec.window, stale=self.stale)
        self.results.windows.append(self.named(cause, tick_ns) | figures)

    # what is given out

    def named(self, cause: int, time_ns: int) -> dict[str, object]:
        return {
            "cause_seq": cause,
            "characteristic": self.number,
            "time": time_ns,
            "limits_revision": self.revision,
        }

    def aside(self, reading: Reading, state: str, cause: int) -> None:
        self.results.loose.append(
            {
                "cause_seq": cause,
                "characteristic": self.number,
                "seq": reading.seq,
                "idx": reading.idx,
                "time": reading.time_ns,
                "value": reading.value,
                "state": state,
                "context": reading.context,
            }
        )

    def signal(self, at: Reading, bit: int, value: float, limit: float, phase: int, cause: int) -> None:
        """The signal of a single reading; those of points are told by the points' `raised`."""
        self.results.signals.append(
            {
                "cause_seq": cause,
                "characteristic": self.number,
                "seq": at.seq,
                "idx": at.idx,
                "time": at.time_ns,
                "bit": bit,
                "value": value,
                "limit": limit,
                # one that came late is of before the limits: their revision is the one before
                "revision": self.revision if at.time_ns >= self.limits_since_ns else self.frozen_revision - 1,
            }
        )

    def give_point(self, point: Point, phase: int, raised: Iterable[int], cause: int, *, fresh: bool) -> None:
        last = point.readings[-1]
        row: dict[str, object] = {
            "cause_seq": cause,
            "characteristic": self.number,
            "seq": last.seq,
            "idx": last.idx,
            "time": last.time_ns,
            "value": point.mean,
            "dispersion": point.range,
            "n": point.n,
            "signals": point.bits,
            "raised": sum(1 << bit for bit in raised),
            "phase": phase,
            "revision": self.revision,
            "values": point.values if fresh else None,
            "refs": [reading.ref for reading in point.readings] if fresh else None,
        }
        names = ("cl", "ucl", "lcl", "dispersion_cl", "dispersion_ucl", "dispersion_lcl")
        known = limits_of(self.spec.chart, self.center, self.sigma, point.n) if phase else (nan,) * 6
        self.results.points.append(row | dict(zip(names, known, strict=True)))


class Oracle:
    """One shard: its characteristics, and its clock."""

    def __init__(self, specs: Iterable[CharacteristicSpec]) -> None:
        self.results = Results()
        self.charts = [
            (AttributeChart if spec.chart in ATTRIBUTE_CHARTS else _Chart)(number, spec, self.results)
            for number, spec in enumerate(specs)
        ]
        self.closed_through = 0
        self.restated_ns = 0
        self.windows_ns = 0

    def run(self, events: Iterable[Event]) -> Results:
        for event in events:
            match event:
                case Reading():
                    self.charts[event.characteristic].take(event, self.closed_through)
                case Tick():
                    self.tick(event)
                case Gap():
                    for chart in self.charts:
                        if chart.before is not None and chart.before.connector == event.connector:
                            chart.chain = None
                case Accept():
                    chart = self.charts[event.characteristic]
                    chart.state = "accepted" if chart.state == "provisional" else chart.state
        return self.results

    def tick(self, tick: Tick) -> None:
        for chart in self.charts:
            within_ns = chart.spec.subgroup_within_seconds * SECOND
            for group in sorted(chart.open, key=lambda group: group[0].time_ns):
                if group[0].time_ns + within_ns <= tick.ns:
                    chart.close(group, tick.seq)
        if tick.closed > self.closed_through:
            self.closed_through = tick.closed
            for chart in self.charts:
                chart.close_all(tick.seq, tick.closed)
                for number in sorted(chart.days):
                    if number <= tick.closed and chart.days[number].revision == 0:
                        chart.give_day(number, tick.seq, tick.ns)
        if tick.ns >= self.restated_ns + 60 * SECOND:
            due = [(chart, n) for chart in self.charts for n, d in chart.days.items() if d.changed and d.revision]
            for chart, number in due:
                chart.give_day(number, tick.seq, tick.ns)
                self.restated_ns = tick.ns
        if tick.ns >= self.windows_ns + 10 * SECOND:
            self.give_windows(tick)

    def give_windows(self, tick: Tick) -> None:
        for chart in self.charts:
            silent = chart.before is not None and tick.ns >= chart.before.time_ns + (
                chart.spec.stale_after_seconds * SECOND
            )
            if silent and not chart.stale:
                chart.stale, chart.window_changed = True, True
            if chart.window_changed:
                chart.give_window(tick.seq, tick.ns)
                self.windows_ns = tick.ns
