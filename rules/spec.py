"""Specs: what the plant file asks of one characteristic, as the core understands it.

Configuration is converted into these once (`config.plan`); nothing in `rules` knows pydantic or TOML.
An absent number is nan, never None: specs are copied into compiled records as they are.
"""

from dataclasses import dataclass
from math import nan
from typing import Literal

Chart = Literal["individuals", "xbar-r", "xbar-s", "p", "np", "c", "u"]
DayBasis = Literal["auto", "day", "trailing"]
Index = Literal["cpk", "ppk", "min"]
OnGap = Literal["skip", "reset"]
Remeasure = Literal["all", "first", "last"]

CHARTS: tuple[Chart, ...] = ("individuals", "xbar-r", "xbar-s", "p", "np", "c", "u")
ATTRIBUTE_CHARTS: tuple[Chart, ...] = ("p", "np", "c", "u")  # of inspections: counts of rejected units or defects


@dataclass(frozen=True, slots=True)
class FixedLimits:
    """Given limits: `center` and `sigma` (within, of single values) in the characteristic's unit.

    Of an attribute chart they are those of a single unit inspected (`rules.attributes`).
    """

    center: float
    sigma: float


@dataclass(frozen=True, slots=True)
class BaselineLimits:
    """Phase I: limits from the first `points` subgroups (or individuals, or inspections)."""

    points: int


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """One run rule switched on: `name` is a row of `rules.run_rules.RUN_RULES`, `k` its length.

    `k` is 0 where the rule has no length (beyond-3-sigma) or the table's default is meant.
    """

    name: str
    k: int = 0


@dataclass(frozen=True, slots=True)
class BreachSpec:
    """When bad days become an episode, and when it is over (design, section 8)."""

    floor: float = 1.2
    breach_days: int = 3
    recovery_days: int = 3
    recovery_cpk: float = 1.2
    index: Index = "cpk"
    on_gap: OnGap = "skip"
    max_gap_days: int = 7
    relapse_days: int = 10


@dataclass(frozen=True, slots=True)
class CharacteristicSpec:
    """Everything that decides what is computed for one characteristic."""

    id: str
    unit: str = ""
    line: str = ""
    station: str = ""
    product: str = ""
    lsl: float = nan
    usl: float = nan
    target: float = nan
    resolution: float = nan  # the gauge's step, in the unit
    chart: Chart = "individuals"
    subgroup_size: int = 1
    subgroup_within_seconds: float = 1800.0
    limits: FixedLimits | BaselineLimits = BaselineLimits(100)
    rules: tuple[RuleSpec, ...] = (RuleSpec("beyond-3-sigma"), RuleSpec("9-on-one-side"))
    window: int = 125  # values in the rolling capability window; of an attribute chart inspections
    minimum_n: int = 30
    day_basis: DayBasis = "auto"
    stale_after_seconds: float = 86_400.0
    lateness_seconds: float = 0.0
    cpk_target: float = 1.33
    breach: BreachSpec = BreachSpec()
    owner: str = ""
    co_owners: tuple[str, ...] = ()
    reaction: str = ""
    # data quality: 0, nan or "" where it is not asked for
    expected_every_seconds: float = 0.0
    stuck: int = 0
    plausible_low: float = nan
    plausible_high: float = nan
    remeasure: Remeasure = "all"
    remeasure_within_seconds: float = 600.0
    gauge: str = ""  # where messages name none


@dataclass(frozen=True, slots=True)
class GaugeSpec:
    """A gauge, calibrated up to and including the local day `calibrated_until` (date ordinal)."""

    id: str
    calibrated_until: int


@dataclass(frozen=True, slots=True)
class CalendarSpec:
    """The production calendar: `day_starts_at` in minutes after local midnight, week days 0 = Monday.

    Shift `shift_names[k]` begins at `shift_starts[k]`, in minutes after local midnight, and runs to the start of the
    next; in the order of their starts.
    """

    timezone: str = "UTC"
    day_starts_at: int = 0
    working_days: frozenset[int] = frozenset(range(7))
    holidays: frozenset[int] = frozenset()  # date ordinals (date.toordinal)
    extra_working_days: frozenset[int] = frozenset()
    grace_minutes: int = 15
    shift_names: tuple[str, ...] = ()
    shift_starts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """What a key result can be bound to: `members` are characteristic ids, sorted, globs resolved.

    With a `floor`, `breach_days` production days in a row with a value strictly below it are a breach of its own,
    whose task is `owner`'s.

    A kind of `rules.event_metrics` is of events: `members` are places, as names and globs (of `process-compliance`
    characteristic ids); only groups whose context fields are as `where` says take part; `by` is the context field
    whose values are the groups that are reduced, "" each place; a window is of `window_hours`.
    """

    id: str
    kind: str
    members: tuple[str, ...]
    over: Literal["day", "trailing", "window", "period"] = "trailing"
    reduce: Literal["min", "mean", "share-at-target", "total", "worst"] = "min"
    count_when: Literal["estimate", "lower"] = "estimate"
    target: float = nan  # for share-at-target; nan: each member's own cpk_target
    floor: float = nan
    breach_days: int = 3
    owner: str = ""  # "": that of the objectives bound to it
    where: tuple[tuple[str, str], ...] = ()
    by: str = ""
    window_hours: int = 24

    @property
    def index(self) -> Literal["cpk", "ppk"]:
        """The index of a metric over characteristics."""
        return "ppk" if self.kind == "ppk" else "cpk"

    @property
    def of_events(self) -> bool:
        """Whether the metric is of events, not an index of characteristics."""
        return self.kind not in ("cpk", "ppk")


@dataclass(frozen=True, slots=True)
class ObjectiveSpec:
    """An objective; `period` as written (`2026-Q4`), `first_day` and `last_day` as date ordinals."""

    id: str
    title: str
    level: Literal["company", "department", "post"]
    owner: str
    parent: str
    period: str
    first_day: int
    last_day: int


@dataclass(frozen=True, slots=True)
class KeyResultSpec:
    """A key result bound to a metric. `start` is nan for `maintain`; a `milestone` has neither numbers nor metric."""

    id: str
    objective: str
    title: str
    metric: str
    kind: Literal["reach", "maintain", "milestone"]
    target: float = nan
    start: float = nan
    direction: Literal["at-least", "at-most"] = "at-least"
    required_share: float = 0.95
