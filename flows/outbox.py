"""Bodies for the OKR store: what is pushed, under keys that depend on data only (design, sections 9 and 10)."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from math import isfinite
from typing import Any

import orjson

from config.plan import Plan
from rules.breaches import rule_index
from rules.day_figures import DayFigure
from rules.episodes import Episode
from rules.event_metrics import unit_of
from rules.spec import CharacteristicSpec, Index
from rules.verdicts import headline

INDEX_NAMES: dict[Index, str] = {"cpk": "Cpk", "ppk": "Ppk", "min": "Cpk or Ppk"}

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# A row of the outbox: (cause_seq, path, key, body).
OutboxRow = tuple[int, str, str, str]


def rfc3339(time_ns: int) -> str:
    """UTC time with milliseconds and Z."""
    moment = EPOCH + timedelta(microseconds=time_ns // 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_day(day: int) -> str:
    """The ISO date of a date ordinal."""
    return date.fromordinal(day).isoformat()


def number(value: float) -> float | None:
    """A number as JSON has it: null for nan and infinities."""
    return value if isfinite(value) else None


def canonical(body: Mapping[str, Any]) -> str:
    """JSON with sorted keys; nan becomes null."""
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS).decode()


def plan_row(seq: int, time_ns: int, plan: Plan) -> OutboxRow:
    """The objectives and key results of a plan."""
    objectives = [
        {
            "id": one.id,
            "title": one.title,
            "level": one.level,
            "owner": one.owner,
            "parent": one.parent,
            "period": one.period,
            "first_day": iso_day(one.first_day),
            "last_day": iso_day(one.last_day),
        }
        for one in plan.objectives
    ]
    units = {metric.id: unit_of(metric) for metric in plan.metrics}
    key_results = [
        {
            "id": one.id,
            "objective": one.objective,
            "title": one.title,
            "metric": one.metric,
            "kind": one.kind,
            "start": number(one.start),
            "target": number(one.target),
            "direction": one.direction,
            "required_share": one.required_share if one.kind == "maintain" else None,
            "unit": units.get(one.metric, "index"),
        }
        for one in plan.key_results
    ]
    told = rfc3339(time_ns) if time_ns else None  # by a topic clock the first plan comes before any time
    body = {"plan_seq": seq, "time": told, "objectives": objectives, "key_results": key_results}
    text = canonical(body)
    return seq, "/api/v1/plans", f"plan:{seq}:{digest(text)}", text


def update_row(seq: int, key_result: str, as_of_ns: int, body: Mapping[str, Any]) -> OutboxRow:
    """A key result's update; its key is (key result, as-of, revision, hash of the content)."""
    text = canonical({"key_result": key_result, "as_of": rfc3339(as_of_ns), **body})
    key = f"{key_result}:{rfc3339(as_of_ns)}:{body['revision']}:{digest(text)}"
    return seq, f"/api/v1/key-results/{key_result}/updates", key, text


def episode_row(seq: int, tick_ns: int, who: int, episode: Episode[DayFigure]) -> tuple[Any, ...]:
    """An episode as the history keeps it, behind the entry that caused it."""
    days = orjson.dumps([iso_day(day) for day in episode.days]).decode()
    return (
        (seq, episode.id, who, episode.rule, episode.state, episode.days[0], episode.days[-1], days)
        + (episode.floor, number(episode.value), number(episode.upper), episode.confidence)
        + (episode.opened_day, episode.recovered_day, tick_ns, episode.reason, None)
    )


def alert_row(seq: int, tick_ns: int, episode: Episode[DayFigure], spec: CharacteristicSpec) -> OutboxRow:
    """An episode as the alert that people see, one revision of it.

    `index` says what its `cpk` and `cpk_upper` are of: cpk, ppk, or min (the worse of both). `clock` says whether
    the time for a plan runs: it does not for what was found only in restated days, retracted or withdrawn.
    """
    index = rule_index(spec.breach, episode.rule)
    below = f"{INDEX_NAMES[index]} below {episode.floor:g}"
    own = {
        "characteristic": episode.subject,
        "days": [_bad_day(figure) for figure in episode.figures],
        "index": index,
        "owner": spec.owner,
        "co_owners": list(spec.co_owners),
        "reaction": spec.reaction,
        "title": f"{episode.subject}: {below} on {len(episode.days)} production days",
    }
    return alert_of(seq, tick_ns, episode, own)


def alert_of(seq: int, tick_ns: int, episode: Episode[Any], own: Mapping[str, Any]) -> OutboxRow:
    """The alert of an episode: what every episode says, with what is `own` to its kind."""
    body = {
        "alert": episode.id,
        "revision": episode.revision,
        "rule": episode.rule,
        "state": episode.state,
        "first_day": iso_day(episode.days[0]),
        "last_day": iso_day(episode.days[-1]),
        "floor": number(episode.floor),
        "cpk": number(episode.value),
        "cpk_upper": number(episode.upper),
        "confidence": episode.confidence,
        "opened_day": iso_day(episode.opened_day),
        "recovered_day": iso_day(episode.recovered_day) if episode.recovered_day else None,
        "clock": episode.clock,
        "reason": episode.reason,
        "as_of": rfc3339(tick_ns),
    }
    text = canonical(body | dict(own))
    return seq, "/api/v1/alerts", f"{episode.id}:{episode.revision}:{digest(text)}", text


def _bad_day(figure: DayFigure) -> dict[str, Any]:
    return {
        "day": iso_day(figure.day),
        "cpk": number(figure.cpk),
        "ppk": number(figure.ppk),
        "n": figure.n,
        "verdict": headline(figure.verdicts),
    }


def digest(text: str) -> str:
    """What stands for a content in a key."""
    return sha256(text.encode()).hexdigest()[:16]
