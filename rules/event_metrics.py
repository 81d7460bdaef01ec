"""Metrics over events: the one table of their kinds, which configuration, board, docs and tests iterate.

Each is a formula over a tally (`rules.event_tally`) of the days, places and groups that a metric of the plant file
names. Cpk and Ppk, which are reduced over characteristics, are not of this table (`rules.metrics`).
"""

from rules.complaint_metrics import COMPLAINT_METRICS
from rules.machine_metrics import MACHINE_METRICS
from rules.metric_kind import MetricKind, share, top_share
from rules.spec import MetricSpec

ISO = "ISO 22400-2:2014"

QUALITY_METRICS: tuple[MetricKind, ...] = (
    MetricKind(
        name="defect-rate",
        formula="rejected units / inspected units",
        unit="share",
        better="lower",
        source="ISO 22514-1, proportion nonconforming",
        folds="inspections",
        value=lambda tally: share(tally.rejected, tally.inspected),
        n=lambda tally: tally.inspected,
        n_of="units inspected",
        shows=("inspected", "rejected", "defects"),
    ),
    MetricKind(
        name="first-pass-yield",
        formula="(inspected units − rejected units) / inspected units: right first time, without rework",
        unit="share",
        better="higher",
        source=f"{ISO}, first pass yield",
        folds="inspections",
        value=lambda tally: share(tally.inspected - tally.rejected, tally.inspected),
        n=lambda tally: tally.inspected,
        n_of="units inspected",
        shows=("inspected", "rejected"),
    ),
    MetricKind(
        name="rework-rate",
        formula="reworked units / inspected units",
        unit="share",
        better="lower",
        source=f"{ISO}, rework ratio",
        folds="inspections",
        value=lambda tally: share(tally.reworked, tally.inspected),
        n=lambda tally: tally.inspected,
        n_of="units inspected",
        shows=("inspected", "reworked"),
    ),
    MetricKind(
        name="scrap-rate",
        formula="scrapped units / inspected units",
        unit="share",
        better="lower",
        source=f"{ISO}, scrap ratio",
        folds="inspections",
        value=lambda tally: share(tally.scrapped, tally.inspected),
        n=lambda tally: tally.inspected,
        n_of="units inspected",
        shows=("inspected", "scrapped"),
    ),
    MetricKind(
        name="missed-detection-rate",
        formula="missed units / (rejected units + missed units): of all bad ones, those that inspection passed",
        unit="share",
        better="lower",
        source="AIAG MSA, 4th ed., attribute studies: miss rate",
        folds="inspections",
        value=lambda tally: share(tally.missed, tally.rejected + tally.missed),
        n=lambda tally: tally.rejected + tally.missed,
        n_of="bad units",
        shows=("rejected", "missed"),
    ),
    MetricKind(
        name="incoming-pass-rate",
        formula="(inspected units − rejected units) / inspected units, of incoming goods",
        unit="share",
        better="higher",
        source="as first-pass-yield",
        folds="inspections",
        value=lambda tally: share(tally.inspected - tally.rejected, tally.inspected),
        n=lambda tally: tally.inspected,
        n_of="units inspected",
        shows=("inspected", "rejected"),
    ),
    MetricKind(
        name="process-compliance",
        formula="readings within their specification limits / all readings of the process parameters",
        unit="share",
        better="higher",
        source="own",
        folds="readings",
        value=lambda tally: share(tally.readings - tally.out_of_spec, tally.readings),
        n=lambda tally: tally.readings,
        n_of="readings",
        shows=("readings", "out_of_spec"),
    ),
    MetricKind(
        name="pareto",
        formula="defects of the three most frequent kinds / all defects",
        unit="share",
        better="neither",
        source="Juran, Quality Control Handbook: the vital few",
        folds="inspections",
        value=lambda tally: top_share(tally.defects),
        n=lambda tally: sum(tally.defects.values()),
        n_of="defects",
        shows=("defects",),
    ),
)

EVENT_METRICS: dict[str, MetricKind] = {
    one.name: one for one in (*QUALITY_METRICS, *MACHINE_METRICS, *COMPLAINT_METRICS)
}


def unit_of(metric: MetricSpec) -> str:
    """What a metric's values are: an `index`, a `share`, or a unit of measurement.

    >>> unit_of(MetricSpec("m", "mtbf", ("line1/*",)))
    'h'
    """
    if metric.of_events:
        return EVENT_METRICS[metric.kind].unit
    return "share" if metric.reduce == "share-at-target" else "index"
