"""The options of a characteristic, as `[defaults]`, `[characteristics.…]` and the CSV file give them."""

from collections.abc import Iterator
from math import nan
from typing import Annotated, Any, Literal

from pydantic import Field

from config.data_quality import DataQualityOptions
from config.errors import Problem
from config.options import Number, Options, Text, Whole
from config.rule_choice import RuleChoice
from rules.attributes import unit_sigma
from rules.limits import CHART_CODES
from rules.spec import (
    ATTRIBUTE_CHARTS,
    BaselineLimits,
    BreachSpec,
    CharacteristicSpec,
    Chart,
    DayBasis,
    FixedLimits,
    Index,
    OnGap,
    RuleSpec,
)

LARGEST_SUBGROUP = {"xbar-r": 25, "xbar-s": 1000}  # the range says little about more than 25 values
SHARES = ("p", "np")
BASELINE_INDIVIDUALS = 100
BASELINE_SUBGROUPS = 25

Positive = Annotated[Number, Field(gt=0)]
Days = Annotated[Whole, Field(ge=1, le=366)]


class LimitsOptions(Options):
    """`{ from = "baseline", subgroups = 25 }` or `{ center = 10.0, sigma = 0.01 }`; attribute charts have no sigma."""

    source: Annotated[Literal["baseline"] | None, Field(alias="from")] = None
    """Where limits come from: frozen from the first points of the chart, the baseline."""
    subgroups: Annotated[Whole, Field(ge=2, le=10_000)] | None = None
    """The points in the baseline; not said, 25 subgroups or inspections, or 100 individuals."""
    center: Number | None = None
    """The centre line of given limits; of an attribute chart the rate a unit inspected."""
    sigma: Positive | None = None
    """The standard deviation of single values that given limits rest on; attribute charts take none."""

    def problems(self, path: str, chart: Chart) -> Iterator[Problem]:
        """What does not go together."""
        given = self.center is not None or self.sigma is not None
        if given and (self.source is not None or self.subgroups is not None):
            yield Problem(path, 'expected { from = "baseline", subgroups = … } or { center = …, sigma = … }, not both')
        elif given and chart in ATTRIBUTE_CHARTS:
            yield from self._rate_problems(path, chart)
        elif given and (self.center is None or self.sigma is None):
            lacking = "center" if self.center is None else "sigma"
            yield Problem(f"{path}.{lacking}", "is required: fixed limits have a center and a sigma")

    def _rate_problems(self, path: str, chart: Chart) -> Iterator[Problem]:
        if self.sigma is not None:
            expected = f"expected none: of chart {chart!r} it follows from the center and each size"
            yield Problem(f"{path}.sigma", f"{expected} (got {self.sigma!r})")
        if self.center is None:
            yield Problem(f"{path}.center", "is required: fixed limits have a center")
        elif chart in SHARES and not 0 < self.center < 1:
            expected = "expected the share of units rejected, between 0 and 1"
            yield Problem(f"{path}.center", f"{expected}, for chart {chart!r} (got {self.center!r})")
        elif self.center <= 0:
            yield Problem(f"{path}.center", f"expected more than 0 a unit inspected (got {self.center!r})")

    def spec(self, chart: Chart) -> FixedLimits | BaselineLimits:
        """The limits as the core knows them; an unsaid baseline is 25 subgroups or inspections, or 100 individuals."""
        if self.center is not None and chart in ATTRIBUTE_CHARTS:
            return FixedLimits(self.center, unit_sigma(CHART_CODES[chart], self.center))
        if self.center is not None and self.sigma is not None:
            return FixedLimits(self.center, self.sigma)
        usual = BASELINE_INDIVIDUALS if chart == "individuals" else BASELINE_SUBGROUPS
        return BaselineLimits(usual if self.subgroups is None else self.subgroups)


class CharacteristicOptions(DataQualityOptions):
    """All that can be said of one characteristic; an absent number is None, an absent text empty."""

    unit: Text = ""
    """The unit of its values, as boards show it."""
    line: Text | None = None
    """The line on whose board it stands; not said, the first part of an id of at least three."""
    station: Text | None = None
    """The station on whose board it stands; not said, the second part of such an id."""
    product: Text = ""
    """The product it belongs to, for boards."""
    lsl: Number | None = None
    """The lower specification limit; one of the two may be absent."""
    usl: Number | None = None
    """The upper specification limit; of an attribute chart a limit of the rate."""
    target: Number | None = None
    """The nominal value."""
    resolution: Positive | None = None
    """The step of the gauge; one that is too coarse for the spread is then a verdict of its own."""
    chart: Chart = "individuals"
    """The kind of control chart."""
    subgroup_size: Annotated[Whole, Field(ge=1, le=1000)] = 1
    """The values of a subgroup: 2 to 25 of an X̄-R chart, 2 to 1,000 of an X̄-S chart, else 1."""
    subgroup_within_minutes: Annotated[Positive, Field(le=10_080)] = 30.0
    """How long after its first reading a subgroup that is not full closes."""
    limits: LimitsOptions = LimitsOptions()
    """Where the control limits come from: a baseline, or given ones."""
    rules: RuleChoice = (RuleSpec("beyond-3-sigma"), RuleSpec("9-on-one-side"))
    """The run rules that judge the chart: a list of them, or the name of a set."""
    window: Annotated[Whole, Field(ge=2, le=100_000)] = 125
    """The values in the window of rolling capability; inspections of an attribute chart."""
    minimum_n: Annotated[Whole, Field(ge=2, le=100_000)] = 30
    """From how many values on a capability figure is sufficient."""
    day_basis: DayBasis = "auto"
    """What a day's figure is computed of: its own readings, the last `minimum_n`, or whichever suffices."""
    stale_after_hours: Annotated[Positive, Field(le=8784)] = 24.0
    """After how many hours without a reading the characteristic is stale."""
    lateness_seconds: Annotated[Number, Field(ge=0)] = 0.0
    """How long readings are held to be put in the order of their times; at most the plant's grace."""
    cpk_target: Positive = 1.33
    """The index that the plant calls capable."""
    cpk_floor: Positive = 1.2
    """The index below which a day is a bad day."""
    breach_days: Days = 3
    """So many bad production days in a row open an alert."""
    breach_index: Index = "cpk"
    """Which index the floor is held against; `min` is the lower of the two."""
    recovery_days: Days = 3
    """So many good production days in a row end it."""
    recovery_cpk: Positive | None = None
    """The index that makes a day a good one for recovery; not said, the floor."""
    on_gap: OnGap = "skip"
    """What a day without a sufficient figure does to a run of bad days: nothing, or it ends it."""
    max_gap_days: Annotated[Whole, Field(ge=0, le=366)] = 7
    """How many such days in a row a run of bad days outlasts at most."""
    relapse_days: Annotated[Whole, Field(ge=0, le=366)] = 10
    """A breach within so many production days after a recovery reopens its alert instead of raising another."""
    owner: Text = ""
    """Who is answerable: the improvement task of an alert is theirs."""
    co_owners: tuple[Text, ...] = ()
    """Who else is told."""
    reaction: Text = ""
    """What is to be done when a part is out of specification; shown with the signal."""

    def problems(self, path: str, *, grace_minutes: int) -> Iterator[Problem]:
        """What single options cannot show: limits in the wrong order, sizes that do not fit the chart."""
        yield from self._specification_problems(path)
        yield from self.limits.problems(f"{path}.limits", self.chart)
        yield from self._chart_problems(path)
        yield from self.quality_problems(path, grace_minutes=grace_minutes, lateness_seconds=self.lateness_seconds)
        if self.window < self.minimum_n:
            yield Problem(
                f"{path}.window",
                f"expected at least minimum_n ({self.minimum_n}), or no window is ever sufficient (got {self.window})",
            )
        if self.lateness_seconds > grace_minutes * 60:
            expected = f"expected at most the grace of {grace_minutes} minutes ({grace_minutes * 60} s)"
            yield Problem(f"{path}.lateness_seconds", f"{expected} (got {self.lateness_seconds:g})")
        if self.recovery_cpk is not None and self.recovery_cpk < self.cpk_floor:
            expected = f"expected at least the floor of {self.cpk_floor:g}"
            yield Problem(f"{path}.recovery_cpk", f"{expected} (got {self.recovery_cpk:g})")

    def _specification_problems(self, path: str) -> Iterator[Problem]:
        if self.lsl is not None and self.usl is not None and not self.lsl < self.usl:
            yield Problem(f"{path}.usl", f"expected above lsl ({self.lsl!r}) (got {self.usl!r})")
        elif self.target is not None:
            low = -float("inf") if self.lsl is None else self.lsl
            high = float("inf") if self.usl is None else self.usl
            if not low <= self.target <= high:
                expected = f"expected within the specification {low!r} to {high!r}"
                yield Problem(f"{path}.target", f"{expected} (got {self.target!r})")

    def _chart_problems(self, path: str) -> Iterator[Problem]:
        if self.chart in ATTRIBUTE_CHARTS:
            for name in ("lsl", "target", "resolution"):
                if getattr(self, name) is not None:
                    expected = f"expected none for chart {self.chart!r}: its rate has at most a usl"
                    yield Problem(f"{path}.{name}", f"{expected} (got {getattr(self, name)!r})")
        low, high = (2, LARGEST_SUBGROUP[self.chart]) if self.chart in LARGEST_SUBGROUP else (1, 1)
        if not low <= self.subgroup_size <= high:
            expected = f"{low} to {high}" if low < high else f"{low}"
            yield Problem(
                f"{path}.subgroup_size", f"expected {expected} for chart {self.chart!r} (got {self.subgroup_size})"
            )

    def spec(self, name: str) -> CharacteristicSpec:
        """The characteristic as the core knows it: hours and minutes in seconds, absent numbers nan."""
        parts = name.split("/")
        line, station = parts[:2] if len(parts) >= 3 else ("", "")
        return CharacteristicSpec(
            id=name,
            unit=self.unit,
            line=line if self.line is None else self.line,
            station=station if self.station is None else self.station,
            product=self.product,
            lsl=_number(self.lsl),
            usl=_number(self.usl),
            target=_number(self.target),
            resolution=_number(self.resolution),
            chart=self.chart,
            subgroup_size=self.subgroup_size,
            subgroup_within_seconds=self.subgroup_within_minutes * 60.0,
            limits=self.limits.spec(self.chart),
            rules=self.rules,
            window=self.window,
            minimum_n=self.minimum_n,
            day_basis=self.day_basis,
            stale_after_seconds=self.stale_after_hours * 3600.0,
            lateness_seconds=self.lateness_seconds,
            cpk_target=self.cpk_target,
            breach=self._breach(),
            owner=self.owner,
            co_owners=self.co_owners,
            reaction=self.reaction,
            **self.quality_spec(),
        )

    def _breach(self) -> BreachSpec:
        return BreachSpec(
            floor=self.cpk_floor,
            breach_days=self.breach_days,
            recovery_days=self.recovery_days,
            recovery_cpk=self.cpk_floor if self.recovery_cpk is None else self.recovery_cpk,
            index=self.breach_index,
            on_gap=self.on_gap,
            max_gap_days=self.max_gap_days,
            relapse_days=self.relapse_days,
        )


def merged(defaults: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """The options of one characteristic over the defaults.

    A default subgroup size is meant for the charts that have subgroups: the others leave it aside.
    """
    options = {**defaults, **own}
    if str(options.get("chart", "individuals")) not in LARGEST_SUBGROUP and "subgroup_size" not in own:
        options.pop("subgroup_size", None)
    return options


def _number(value: float | None) -> float:
    return nan if value is None else float(value)
