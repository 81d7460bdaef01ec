"""Episodes of metrics as the history keeps them and as people see them."""

from typing import Any

import orjson

from config.plan import Plan
from flows.outbox import OutboxRow, alert_of, iso_day, number
from rules.episodes import Episode
from rules.metric_floor import MetricDay
from rules.spec import MetricSpec


def metric_episode_row(seq: int, tick_ns: int, episode: Episode[MetricDay]) -> tuple[Any, ...]:
    """An episode of a metric, behind the entry that caused it: it has no characteristic."""
    days = orjson.dumps([iso_day(day) for day in episode.days]).decode()
    return (
        (seq, episode.id, None, episode.rule, episode.state, episode.days[0], episode.days[-1], days)
        + (episode.floor, number(episode.value), number(episode.upper), episode.confidence)
        + (episode.opened_day, episode.recovered_day, tick_ns, episode.reason, episode.subject)
    )


def metric_alert_row(seq: int, tick_ns: int, episode: Episode[MetricDay], metric: MetricSpec, plan: Plan) -> OutboxRow:
    """An episode of a metric as the alert that people see, one revision of it; `cpk` is the metric's value."""
    owners = [metric.owner] if metric.owner else _owners(plan, metric)
    share = metric.reduce == "share-at-target"
    floor = f"{100 * episode.floor:g} %" if share else f"{episode.floor:g}"
    own = {
        "characteristic": None,
        "metric": metric.id,
        "unit": "share" if share else "index",
        "days": [_bad_day(day) for day in episode.figures],
        "index": metric.kind,
        "owner": owners[0] if owners else "",
        "co_owners": owners[1:],
        "reaction": "",
        "title": f"{metric.id}: below {floor} on {len(episode.days)} production days",
    }
    return alert_of(seq, tick_ns, episode, own)


def _owners(plan: Plan, metric: MetricSpec) -> list[str]:
    """The owners of the objectives whose key results are bound to the metric, in the order of these, each once."""
    by_id = {one.id: one.owner for one in plan.objectives}
    bound = [by_id.get(spec.objective, "") for spec in plan.key_results if spec.metric == metric.id]
    return [owner for owner in dict.fromkeys(bound) if owner]


def _bad_day(day: MetricDay) -> dict[str, Any]:
    figures = {"day": iso_day(day.day), "cpk": number(day.value), "ppk": number(day.value), "n": day.n}
    return {**figures, "members": day.members, "counted": day.counted, "verdict": ""}
