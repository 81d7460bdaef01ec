"""Metrics of complaints, as functions over a tally."""

from rules.event_tally import Tally
from rules.metric_kind import MetricKind, hours, share, top_share

OWN = "own"
UNITS = 1_000  # good units to which complaints are related


def _rate(tally: Tally) -> float:
    return share(UNITS * tally.complaints, tally.good)


COMPLAINT_METRICS: tuple[MetricKind, ...] = (
    MetricKind(
        name="complaint-rate",
        formula=f"complaints received × {UNITS} / good units made, of all its places together",
        unit="per 1000 units",
        better="lower",
        source=OWN,
        folds="complaints",
        value=_rate,
        n=lambda tally: tally.good,
        n_of="good units made",
        shows=("complaints", "good"),
        reason=lambda tally: "" if tally.good else "no-count",
        together=True,
    ),
    MetricKind(
        name="complaints-answered-in-time",
        formula="complaints answered within their limit / those so answered, or whose limit has passed without",
        unit="share",
        better="higher",
        source=OWN,
        folds="complaints",
        value=lambda tally: share(tally.in_time, tally.due),
        n=lambda tally: tally.due,
        n_of="complaints decided",
        shows=("due", "in_time"),
        reason=lambda tally: "" if tally.due else "none-due",
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
        reason=lambda tally: "" if tally.answered else "none-answered",
    ),
    MetricKind(
        name="complaint-pareto",
        formula="complaints of the three most frequent topics / all complaints",
        unit="share",
        better="neither",
        source="Juran, Quality Control Handbook: the vital few",
        folds="complaints",
        value=lambda tally: top_share(tally.topics),
        n=lambda tally: tally.complaints,
        n_of="complaints received",
        shows=("topics",),
        reason=lambda tally: "" if tally.complaints else "no-complaints",
    ),
)
