"""What `plumbline check` says of a sound plant file: what it makes of it, what to expect, what looks odd."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isnan, nan
from statistics import NormalDist

from config.models import PlantFile
from config.mqtt import is_loopback
from config.plan import Plan
from config.topics import TopicPattern, could_be
from rules.capability import bissell_bound, within_df
from rules.spec import CHARTS, CalendarSpec, CharacteristicSpec, FixedLimits


@dataclass(frozen=True, slots=True)
class ConnectorLine:
    """One connector: where it goes and what it subscribes to."""

    name: str
    type: str
    address: str
    subscriptions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CharacteristicLine:
    """One characteristic; `false_breaches_a_year` as `false_breaches` tells, nan without a specification."""

    id: str
    chart: str
    subgroup_size: int
    specification: str
    limits: str
    rules: tuple[str, ...]
    false_breaches_a_year: float


@dataclass(frozen=True, slots=True)
class MetricLine:
    """One metric and how many characteristics its globs found."""

    id: str
    kind: str
    over: str
    reduce: str
    members: int
    key_results: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All of it, in the order of the plan; `warnings` are sentences that name the table they are about."""

    path: str
    plant_id: str
    days: str
    connectors: tuple[ConnectorLine, ...]
    characteristics: tuple[CharacteristicLine, ...]
    metrics: tuple[MetricLine, ...]
    objectives: int
    key_results: int
    warnings: tuple[str, ...]


def check(plant_file: PlantFile) -> Report:
    """The report on a plant file that loaded."""
    plan = plant_file.plan()
    return Report(
        path=str(plant_file.path),
        plant_id=plan.plant_id,
        days=_days(plant_file),
        connectors=tuple(_connector_lines(plant_file)),
        characteristics=tuple(_characteristic_line(spec, plan.calendar) for spec in plan.characteristics),
        metrics=tuple(_metric_lines(plan)),
        objectives=len(plan.objectives),
        key_results=len(plan.key_results),
        warnings=tuple(_warnings(plant_file, plan)),
    )


def false_breaches(spec: CharacteristicSpec, calendar: CalendarSpec) -> float:
    """Breaches a year to expect of a process that is exactly as capable as it should be (`cpk_target`).

    Each working day is taken to hold `minimum_n` readings and to be independent of the others; the day's index
    is taken as normal with Bissell's standard error (`rules.capability.bissell_bound`), and a year as 52 weeks.
    More readings a day make fewer. nan without a specification.
    """
    if isnan(spec.lsl) and isnan(spec.usl):
        return nan
    n, size = spec.minimum_n, spec.subgroup_size
    points = (n - 1) if spec.chart == "individuals" else max(n // size, 1)
    df = n - 1.0 if spec.breach.index == "ppk" else within_df(CHARTS.index(spec.chart), points, size)
    error = bissell_bound(spec.cpk_target, n, df, 1.0) - spec.cpk_target
    below = NormalDist(spec.cpk_target, error).cdf(spec.breach.floor)
    return expected_runs(below, spec.breach.breach_days, 52 * len(calendar.working_days))


def expected_runs(p: float, length: int, days: int) -> float:
    """How many runs of at least `length` bad days to expect in `days` days that are each bad with probability p.

    A run begins on the first day, or after a good one: p^length (1 + (days − length)(1 − p)).

    Source: linearity of expectation over the day on which a run begins.

    >>> expected_runs(0.5, 1, 2)  # bb, bg, gb have one each, gg none
    0.75
    """
    return p**length * (1.0 + (days - length) * (1.0 - p)) if days >= length else 0.0


def _days(plant_file: PlantFile) -> str:
    plant = plant_file.plant
    return (
        f"{' '.join(plant.working_days)} from {plant.day_starts_at} ({plant.timezone}), {plant.grace_minutes} min grace"
    )


def _connector_lines(plant_file: PlantFile) -> Iterator[ConnectorLine]:
    for name, connector in sorted(plant_file.connectors.items()):
        yield ConnectorLine(
            name=name,
            type=connector.type,
            address=f"{connector.host}:{connector.port}" + (" (TLS)" if connector.tls.ca else ""),
            subscriptions=tuple(TopicPattern(topic).subscription for topic in connector.topics),
        )


def _characteristic_line(spec: CharacteristicSpec, calendar: CalendarSpec) -> CharacteristicLine:
    limits = spec.limits
    if isinstance(limits, FixedLimits):
        said = f"center {limits.center:g}, sigma {limits.sigma:g}"
    else:
        said = f"from the first {limits.points} {'values' if spec.chart == 'individuals' else 'subgroups'}"
    return CharacteristicLine(
        id=spec.id,
        chart=spec.chart,
        subgroup_size=spec.subgroup_size,
        specification=_specification(spec),
        limits=said,
        rules=tuple(f"{rule.name} (k = {rule.k})" if rule.k else rule.name for rule in spec.rules),
        false_breaches_a_year=false_breaches(spec, calendar),
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
        yield MetricLine(metric.id, metric.kind, metric.over, metric.reduce, len(metric.members), users)


def _warnings(plant_file: PlantFile, plan: Plan) -> Iterator[str]:
    if not plan.connectors:
        yield "connectors: there is none; only replay has anything to do"
    if not plan.characteristics:
        yield "characteristics: there is none; every reading will be set aside as unknown"
    for name, connector in sorted(plant_file.connectors.items()):
        secret = connector.password_env or connector.password_file
        if secret and not connector.tls.ca and not is_loopback(connector.host):
            yield f"connectors.{name}: the password goes to {connector.host} unencrypted; tls.ca switches TLS on"
    unspecified = set()
    for spec in plan.characteristics:
        if isnan(spec.lsl) and isnan(spec.usl):
            unspecified.add(spec.id)
            yield f"{spec.id}: neither lsl nor usl, so it has a chart and no Cpk"
        if spec.cpk_target < spec.breach.floor:
            yield f"{spec.id}: cpk_target {spec.cpk_target:g} is below cpk_floor {spec.breach.floor:g}"
        if plan.connectors and not any(could_be(c.characteristic, spec.id) for c in plan.connectors):
            yield f"{spec.id}: no connector's template can give this id"
    for metric in plan.metrics:
        without = [name for name in metric.members if name in unspecified]
        if without:
            yield f"metrics.{metric.id}: {without[0]} has no specification, so the metric is never complete"
    used = {key_result.objective for key_result in plan.key_results} | {o.parent for o in plan.objectives}
    for objective in plan.objectives:
        if objective.id not in used:
            yield f"objectives.{objective.id}: no key result and no objective under it"
