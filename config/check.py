"""What `plumbline check` says of a sound plant file: what it makes of it, what to expect, what looks odd."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isnan

from config.expect import Estimate, Expected, Progress, expect, in_all
from config.machines import machine_warnings
from config.models import PlantFile
from config.plan import Plan
from config.topics import TopicPattern, could_be
from rules.event_metrics import EVENT_METRICS
from rules.spec import ATTRIBUTE_CHARTS, CharacteristicSpec, FixedLimits

POINTS_OF = {"individuals": "values", "xbar-r": "subgroups", "xbar-s": "subgroups"}


@dataclass(frozen=True, slots=True)
class ConnectorLine:
    """One connector: where it goes and what it subscribes to."""

    name: str
    type: str
    address: str
    subscriptions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CharacteristicLine:
    """One characteristic: how it is charted and judged."""

    id: str
    chart: str
    subgroup_size: int
    specification: str
    limits: str
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MetricLine:
    """One metric and `of` what it is: how many characteristics its globs found, or places as they are written."""

    id: str
    kind: str
    over: str
    reduce: str
    of: str
    key_results: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All of it, in the order of the plan; `warnings` are sentences that name the table they are about.

    `kept` says what of the storage is bounded how.
    `expected` has one entry for all characteristics whose settings are the same; `breaches` and `alarms` are the
    false ones a year in all, without those of so many attribute charts (`of_attributes`).
    """

    path: str
    plant_id: str
    days: str
    kept: tuple[str, ...]
    connectors: tuple[ConnectorLine, ...]
    characteristics: tuple[CharacteristicLine, ...]
    metrics: tuple[MetricLine, ...]
    objectives: int
    key_results: int
    expected: tuple[Expected, ...]
    breaches: Estimate
    alarms: Estimate
    of_attributes: int
    warnings: tuple[str, ...]


def check(plant_file: PlantFile, per_day: int | None = None, progress: Progress = lambda done, total: None) -> Report:
    """The report on a plant file that loaded. What to expect of it is simulated (`config.expect`): `per_day` values
    of each characteristic a production day, else its `minimum_n`; `progress` is told how far that is.
    """
    plan = plant_file.plan()
    expected = expect(plan, per_day, progress)
    return Report(
        path=str(plant_file.path),
        plant_id=plan.plant_id,
        days=_days(plant_file),
        kept=tuple(_kept(plant_file)),
        connectors=tuple(_connector_lines(plant_file)),
        characteristics=tuple(_characteristic_line(spec) for spec in plan.characteristics),
        metrics=tuple(_metric_lines(plan)),
        objectives=len(plan.objectives),
        key_results=len(plan.key_results),
        expected=tuple(expected),
        breaches=in_all((one.characteristics, one.breaches) for one in expected),
        alarms=in_all((one.characteristics, one.alarms) for one in expected),
        of_attributes=sum(spec.chart in ATTRIBUTE_CHARTS for spec in plan.characteristics),
        warnings=(*_warnings(plant_file, plan), *_too_few_a_day(expected)),
    )


def _days(plant_file: PlantFile) -> str:
    plant = plant_file.plant
    shifts = sorted((shift.starts_at, shift.name) for shift in plant.shifts)
    return (
        f"{' '.join(plant.working_days)} from {plant.day_starts_at} ({plant.timezone}), {plant.grace_minutes} min grace"
        + "".join(f", {name} from {start}" for start, name in shifts)
    )


def _kept(plant_file: PlantFile) -> Iterator[str]:
    """What is kept how long: each bound of `[storage]`, and what has none."""
    storage = plant_file.storage
    yield (
        f"kept: readings, points, signals and rolling capability {storage.keep_days} production days or "
        f"{storage.keep_gb:g} GB, whichever is less, then in the archive; days, key results, limits, specifications "
        "and alerts for ever"
    )
    yield (
        f"kept: the journal {storage.journal_keep_days} days or {storage.journal_keep_gb:g} GB, whichever is less, but "
        f"always what no stored checkpoint covers; in files of {storage.journal_segment_hours} h or "
        f"{storage.journal_segment_mb} MB"
    )


def _connector_lines(plant_file: PlantFile) -> Iterator[ConnectorLine]:
    for name, connector in sorted(plant_file.connectors.items()):
        yield ConnectorLine(
            name=name,
            type=connector.type,
            address=connector.address,
            subscriptions=tuple(TopicPattern(topic).subscription for topic in connector.patterns),
        )


def _characteristic_line(spec: CharacteristicSpec) -> CharacteristicLine:
    limits = spec.limits
    if isinstance(limits, FixedLimits) and spec.chart in ATTRIBUTE_CHARTS:
        said = f"center {limits.center:g} a unit inspected"
    elif isinstance(limits, FixedLimits):
        said = f"center {limits.center:g}, sigma {limits.sigma:g}"
    else:
        said = f"from the first {limits.points} {POINTS_OF.get(spec.chart, 'inspections')}"
    return CharacteristicLine(
        id=spec.id,
        chart=spec.chart,
        subgroup_size=spec.subgroup_size,
        specification=_specification(spec),
        limits=said,
        rules=tuple(f"{rule.name} (k = {rule.k})" if rule.k else rule.name for rule in spec.rules),
    )


def _specification(spec: CharacteristicSpec) -> str:
    low, high = not isnan(spec.lsl), not isnan(spec.usl)
    if low and high:
        said = f"{spec.lsl:g} to {spec.usl:g}"
    elif low or high:
        said = f"at least {spec.lsl:g}" if low else f"at most {spec.usl:g}"
    else:
        return "none"
    return f"{said} {spec.unit}".rstrip()


def _metric_lines(plan: Plan) -> Iterator[MetricLine]:
    for metric in plan.metrics:
        users = tuple(key_result.id for key_result in plan.key_results if key_result.metric == metric.id)
        count = len(metric.members)
        of = f"{count} characteristic{'' if count == 1 else 's'}"
        if metric.kind in EVENT_METRICS and EVENT_METRICS[metric.kind].folds != "readings":
            of = f"places {', '.join(metric.members)}"
        yield MetricLine(metric.id, metric.kind, metric.over, metric.reduce, of, users)


def _warnings(plant_file: PlantFile, plan: Plan) -> Iterator[str]:
    if not plan.connectors:
        yield "connectors: there is none; only replay has anything to do"
    if not plan.characteristics:
        yield "characteristics: there is none; every reading will be set aside as unknown"
    for name, connector in sorted(plant_file.connectors.items()):
        yield from (f"connectors.{name}: {warning}" for warning in connector.warnings())
    yield from (f"web: {warning}" for warning in plant_file.web.warnings())
    for spec in plan.characteristics:
        if isnan(spec.lsl) and isnan(spec.usl) and spec.chart not in ATTRIBUTE_CHARTS:
            yield f"{spec.id}: neither lsl nor usl, so it has a chart and no Cpk"
        if spec.cpk_target < spec.breach.floor:
            yield f"{spec.id}: cpk_target {spec.cpk_target:g} is below cpk_floor {spec.breach.floor:g}"
        if plan.connectors and not any(could_be(one, spec.id) for c in plan.connectors for one in c.templates):
            yield f"{spec.id}: no connector's template can give this id"
    yield from machine_warnings(plan)
    used = {key_result.objective for key_result in plan.key_results} | {o.parent for o in plan.objectives}
    for objective in plan.objectives:
        if objective.id not in used:
            yield f"objectives.{objective.id}: no key result and no objective under it"


def _too_few_a_day(expected: list[Expected]) -> Iterator[str]:
    for one in expected:
        setting = one.setting
        if setting.sides and one.breaches is None:
            few = f'{setting.n} values a day are fewer than minimum_n = {setting.minimum_n} and day_basis is "day"'
            yield f"{one.first}: {few}: no day counts, so there is never a breach"
