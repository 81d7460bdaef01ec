"""Metrics of machine states and counts, as functions over a tally."""

from math import nan

from rules.event_tally import Tally
from rules.metric_kind import MetricKind, hours, share

ISO = "ISO 22400-2:2014"


def _availability(tally: Tally) -> float:
    return share(tally.states.get("running", 0), tally.planned_ns)


def _performance(tally: Tally) -> float:
    return share(tally.ideal_ns, tally.states.get("running", 0)) if tally.paced == tally.total else nan


def _quality(tally: Tally) -> float:
    return share(tally.good, tally.total)


def _oee(tally: Tally) -> float:
    return _availability(tally) * _performance(tally) * _quality(tally)


MACHINE_METRICS: tuple[MetricKind, ...] = (
    MetricKind(
        name="quality",
        formula="good units / units made",
        unit="share",
        better="higher",
        source=f"{ISO}, quality ratio",
        folds="counts",
        value=_quality,
        n=lambda tally: tally.total,
        n_of="units made",
        shows=("total", "good"),
    ),
    MetricKind(
        name="availability",
        formula="running time / planned production time",
        unit="share",
        better="higher",
        source=f"{ISO}, availability",
        folds="machine",
        value=_availability,
        n=lambda tally: hours(tally.planned_ns),
        n_of="planned hours",
        shows=("planned_ns", "states", "down"),
    ),
    MetricKind(
        name="performance",
        formula="ideal cycle × units made / running time",
        unit="share",
        better="higher",
        source=f"{ISO}, effectiveness",
        folds="machine",
        value=_performance,
        n=lambda tally: tally.total,
        n_of="units made",
        shows=("total", "ideal_ns", "states"),
    ),
    MetricKind(
        name="oee",
        formula="availability × performance × quality",
        unit="share",
        better="higher",
        source=f"{ISO}, OEE index",
        folds="machine",
        value=_oee,
        n=lambda tally: tally.total,
        n_of="units made",
        shows=("planned_ns", "states", "total", "good", "ideal_ns"),
    ),
)
