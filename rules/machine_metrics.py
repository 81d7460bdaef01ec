"""Metrics of machine states and counts, as functions over a tally: ISO 22400-2, and what keeps each from being whole.

The names of the standard: PBT planned busy time is `planned_ns`, APT actual production time the state `running`, AUST
actual unit setup time `setup`, ADET actual unit delay time `down`; PRI planned run time per item is the ideal cycle, PQ
produced quantity `total`, GQ good quantity `good`. Factors are multiplied unrounded. A performance over 1 says that the
ideal cycle is too long: it is reported, with a warning, and never cut off.
"""

from math import isnan, nan

from rules.event_tally import Tally
from rules.metric_kind import MetricKind, hours, share

ISO = "ISO 22400-2:2014"
IEC = "IEC 60050-192:2015"


def _state(tally: Tally, state: str) -> int:
    return tally.states.get(state, 0)


def _is_known(tally: Tally) -> bool:
    """Whether of any of the planned time the state is known."""
    return _state(tally, "unknown") < tally.planned_ns


def _of_states(tally: Tally) -> str:
    """Why times of states are missing, or not whole."""
    if not tally.planned_ns:
        return "no-planned-time"
    if not _is_known(tally):
        return "no-states"
    return "state-unknown" if _state(tally, "unknown") else ""


def _availability(tally: Tally) -> float:
    return share(_state(tally, "running"), tally.planned_ns) if _is_known(tally) else nan


def _performance(tally: Tally) -> float:
    whole = tally.total > 0 and tally.paced == tally.total
    return share(tally.ideal_ns, _state(tally, "running")) if whole else nan


def _performance_reason(tally: Tally) -> str:
    if tally.total == 0:
        return "no-count"
    if tally.paced < tally.total:
        return "no-ideal-cycle"
    return _of_states(tally) if _state(tally, "running") else "not-running"


def _too_fast(tally: Tally) -> str:
    return "ideal-cycle" if _performance(tally) > 1 else ""


def _quality(tally: Tally) -> float:
    return share(tally.good, tally.total)


def _stood_still(tally: Tally) -> bool:
    """Whether it is known of all the planned time that the machine did not run, and nothing was made."""
    return tally.planned_ns > 0 and tally.total == 0 and not _state(tally, "unknown") and not _state(tally, "running")


def _oee(tally: Tally) -> float:
    if _stood_still(tally):
        return 0.0
    return _availability(tally) * _performance(tally) * _quality(tally)


def _oee_reason(tally: Tally) -> str:
    if _stood_still(tally):
        return ""
    first = _of_states(tally)
    return first if isnan(_availability(tally)) else _performance_reason(tally) or first


def _busy_ns(tally: Tally) -> int:
    return sum(_state(tally, state) for state in ("running", "setup", "down"))


def _utilisation_reason(tally: Tally) -> str:
    reason = _of_states(tally)
    return reason if _busy_ns(tally) or reason in ("no-planned-time", "no-states") else "not-busy"


def _throughput_reason(tally: Tally) -> str:
    if not tally.planned_ns:
        return "no-planned-time"
    return "" if tally.total else "no-count"


def _mtbf(tally: Tally) -> float:
    return share(hours(_state(tally, "running")), tally.failures)


def _mttr(tally: Tally) -> float:
    return share(hours(tally.repair_ns), tally.failures)


def _failures_reason(tally: Tally) -> str:
    reason = _of_states(tally)
    return reason if tally.failures or reason in ("no-planned-time", "no-states") else "no-failures"


def _down_hours(tally: Tally) -> float:
    return hours(_state(tally, "down")) if tally.planned_ns and _is_known(tally) else nan


def _planned_hours(tally: Tally) -> float:
    return hours(tally.planned_ns)


def _made(tally: Tally) -> float:
    return tally.total


def _failures(tally: Tally) -> float:
    return tally.failures


MACHINE_METRICS: tuple[MetricKind, ...] = (
    MetricKind(
        name="throughput",
        formula="units made / hours of planned production time",
        unit="units/h",
        better="higher",
        source=f"{ISO}, throughput rate, on planned busy time in place of an order's execution time",
        folds="machine",
        value=lambda tally: share(tally.total, hours(tally.planned_ns)) if tally.total else nan,
        n=_made,
        n_of="units made",
        shows=("planned_ns", "total"),
        reason=_throughput_reason,
    ),
    MetricKind(
        name="utilisation",
        formula="running time / (running + setup + down time)",
        unit="share",
        better="higher",
        source=f"{ISO}, utilization efficiency: APT / AUBT",
        folds="machine",
        value=lambda tally: share(_state(tally, "running"), _busy_ns(tally)),
        n=_planned_hours,
        n_of="planned hours",
        shows=("planned_ns", "states"),
        reason=_utilisation_reason,
    ),
    MetricKind(
        name="availability",
        formula="running time / planned production time",
        unit="share",
        better="higher",
        source=f"{ISO}, availability: APT / PBT",
        folds="machine",
        value=_availability,
        n=_planned_hours,
        n_of="planned hours",
        shows=("planned_ns", "states", "down"),
        reason=_of_states,
    ),
    MetricKind(
        name="performance",
        formula="ideal cycle × units made / running time",
        unit="share",
        better="higher",
        source=f"{ISO}, effectiveness: PRI × PQ / APT",
        folds="machine",
        value=_performance,
        n=_made,
        n_of="units made",
        shows=("total", "ideal_ns", "states"),
        reason=_performance_reason,
        warning=_too_fast,
    ),
    MetricKind(
        name="quality",
        formula="good units / units made",
        unit="share",
        better="higher",
        source=f"{ISO}, quality ratio: GQ / PQ",
        folds="counts",
        value=_quality,
        n=_made,
        n_of="units made",
        shows=("total", "good"),
        reason=lambda tally: "" if tally.total else "no-count",
    ),
    MetricKind(
        name="oee",
        formula="availability × performance × quality; 0 for a machine that stood still in all of its planned time",
        unit="share",
        better="higher",
        source=f"{ISO}, overall equipment effectiveness",
        folds="machine",
        value=_oee,
        n=_made,
        n_of="units made",
        shows=("planned_ns", "states", "down", "total", "good", "ideal_ns"),
        reason=_oee_reason,
        warning=_too_fast,
    ),
    MetricKind(
        name="mtbf",
        formula="hours of running time / failures",
        unit="h",
        better="higher",
        source=f"{IEC}, 192-05-13, mean operating time between failures",
        folds="machine",
        value=_mtbf,
        n=_failures,
        n_of="failures",
        shows=("failures", "states"),
        reason=_failures_reason,
    ),
    MetricKind(
        name="mttr",
        formula="hours down with failures / failures",
        unit="h",
        better="lower",
        source=f"{IEC}, 192-07-23, mean time to restoration",
        folds="machine",
        value=_mttr,
        n=_failures,
        n_of="failures",
        shows=("failures", "repair_ns", "states"),
        reason=_failures_reason,
    ),
    MetricKind(
        name="downtime",
        formula="hours down in planned production time; by reason in the detail",
        unit="h",
        better="lower",
        source="own",
        folds="machine",
        value=_down_hours,
        n=_planned_hours,
        n_of="planned hours",
        shows=("planned_ns", "states", "down"),
        reason=_of_states,
    ),
)
