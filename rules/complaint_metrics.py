"""Metrics of complaints, as functions over a tally."""

from rules.metric_kind import MetricKind, hours, share, top_share

OWN = "own"

COMPLAINT_METRICS: tuple[MetricKind, ...] = (
    MetricKind(
        name="complaints-answered-in-time",
        formula="complaints answered within their limit / those answered or past their limit",
        unit="share",
        better="higher",
        source=OWN,
        folds="complaints",
        value=lambda tally: share(tally.in_time, tally.due),
        n=lambda tally: tally.due,
        n_of="complaints",
        shows=("complaints", "due", "in_time"),
    ),
    MetricKind(
        name="dwell-time",
        formula="mean time from a complaint's receipt to its answer, of those answered",
        unit="h",
        better="lower",
        source=OWN,
        folds="complaints",
        value=lambda tally: share(hours(tally.dwell_ns), tally.answered),
        n=lambda tally: tally.answered,
        n_of="complaints answered",
        shows=("answered", "dwell_ns"),
    ),
    MetricKind(
        name="complaint-pareto",
        formula="share of the three most frequent topics in all complaints",
        unit="share",
        better="neither",
        source="Juran, Quality Control Handbook: the vital few",
        folds="complaints",
        value=lambda tally: top_share(tally.topics),
        n=lambda tally: sum(tally.topics.values()),
        n_of="complaints",
        shows=("topics",),
    ),
)
