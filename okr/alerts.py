"""Alerts and their improvement tasks: what the data say of an episode, and what people did about it.

The owner's rectification plan is due 24 h after notice by the store's clock; a task that has none by then is
escalated as of that time, whenever the store is told of it. Recovery stops no clock (the fault was there); a
retracted or withdrawn alert has none, and one that was found only in the past has none until a newer day joins it.
"""

from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, insert, select, update

from okr.errors import Conflict, Missing, Refused
from okr.models import Alert, Event
from okr.objectives import PUSHED
from okr.store import Answer, Json, canonical, log
from okr.tables import alert, alert_event, alert_revision
from okr.times import parsed, rfc3339

PLAN_DUE = timedelta(hours=24)

# The steps of a task: event → (the state it follows, the state it leads to).
STEPS = {
    "acknowledge": ("open", "acknowledged"),
    "plan": ("acknowledged", "planned"),
    "verify": ("planned", "verified"),
    "close": ("verified", "closed"),
}
# What a step cannot do without: a text that says so.
TEXTS = {
    "plan": "the rectification plan",
    "verify": "what was verified",
    "close": "what closes it",
}
AFTER_PLAN = ("verified", "closed")  # a fault that comes back needs a plan anew
BEFORE_PLAN = ("open", "acknowledged")  # the states in which a due plan is missing


def apply_alert(connection: Connection, now: str, pushed: Alert) -> Answer:
    """The alert shows `pushed` when it is new or its revision is above the one held; a lower one is ignored.

    The first time it opens a task. A reopened episode whose task was verified or closed opens that task again, with
    a new notice. Raises `Conflict` when the revision is held with other content.
    """
    body = canonical(pushed.model_dump(mode="json"))
    answer: Json = {"alert": pushed.alert, "revision": pushed.revision}
    held = connection.execute(
        select(alert_revision.c.body).where(
            alert_revision.c.alert == pushed.alert, alert_revision.c.revision == pushed.revision
        )
    ).scalar_one_or_none()
    if held is not None and held != body:
        raise Conflict(f"alert {pushed.alert!r}: revision {pushed.revision} is held with other content")
    if held is not None:
        return Answer(200, {**answer, "result": "unchanged"})
    row = connection.execute(select(alert).where(alert.c.id == pushed.alert)).mappings().one_or_none()
    if row is not None and row["revision"] > pushed.revision:
        return Answer(200, {**answer, "result": "ignored", "held": row["revision"]})
    connection.execute(insert(alert_revision).values(alert=pushed.alert, revision=pushed.revision, body=body))
    values = {"revision": pushed.revision, "characteristic": pushed.characteristic or "", "state": pushed.state,
              "body": body, **_task_after(row, pushed, _notice(now, pushed))}  # fmt: skip
    if row is None:
        connection.execute(insert(alert).values(id=pushed.alert, **values))
    else:
        connection.execute(update(alert).where(alert.c.id == pushed.alert).values(values))
    before = None if row is None else _facts(dict(row))
    log(connection, now, PUSHED, "alert", pushed.alert, before=before, after=_facts(values))
    return Answer(201, {**answer, "result": "applied"})


def _notice(now: str, pushed: Alert) -> datetime:
    """When the alert came to notice: the store's time, or its own if the clock has not been told of it yet."""
    return max(parsed(now), pushed.as_of)


def _task_after(row: Any, pushed: Alert, notice: datetime) -> Json:
    """The task's columns after `pushed`: no clock runs for what was over, or past, when it came to notice."""
    running = pushed.state == "open" and pushed.clock == "running"
    due = rfc3339(notice + PLAN_DUE) if running else None
    begun: Json = {"noticed_at": rfc3339(notice), "due_at": due, "escalated_at": None}
    if row is None:
        return {"task_state": "open", **begun}
    if pushed.state in ("retracted", "withdrawn"):
        return {"due_at": None}
    if pushed.state == "open" and row["state"] != "open" and row["task_state"] in AFTER_PLAN:
        return {"task_state": "open", **begun}
    if running and row["due_at"] is None and row["task_state"] in BEFORE_PLAN:
        return begun
    return {}


def _facts(row: Json) -> Json:
    names = ("revision", "state", "task_state", "due_at", "escalated_at")
    return {name: row[name] for name in names if name in row}


def take_step(connection: Connection, now: str, name: str, event: Event) -> Answer:
    """The alert after a person's step on its task.

    Raises `Missing` for an unknown alert, `Conflict` when the step does not follow the task's state, `Refused` when
    it lacks its text.
    """
    row = connection.execute(select(alert).where(alert.c.id == name)).mappings().one_or_none()
    if row is None:
        raise Missing(f"no alert {name!r}")
    needed, reached = STEPS[event.event]
    if row["task_state"] != needed:
        raise Conflict(f"alert {name!r}: {event.event!r} follows {needed!r}; its task is {row['task_state']!r}")
    if event.event in TEXTS and not event.text.strip():
        raise Refused(f"alert {name!r}: {event.event!r} needs a text: {TEXTS[event.event]}")
    connection.execute(update(alert).where(alert.c.id == name).values(task_state=reached))
    connection.execute(
        insert(alert_event).values(alert=name, event=event.event, who=event.who, text=event.text, at=now)
    )
    log(connection, now, event.who, event.event, name,
        before={"task_state": needed}, after={"task_state": reached, "text": event.text})  # fmt: skip
    return Answer(201, one_alert(connection, name))


def escalate(connection: Connection, now: str) -> list[str]:
    """The ids of the alerts whose plan is overdue at `now`, and that were not escalated before: now they are.

    Each as of the time when it was due.
    """
    waiting = select(alert).where(
        alert.c.due_at.is_not(None), alert.c.escalated_at.is_(None), alert.c.task_state.in_(BEFORE_PLAN)
    )
    overdue = [row for row in connection.execute(waiting) if parsed(row.due_at) < parsed(now)]
    for row in overdue:
        connection.execute(update(alert).where(alert.c.id == row.id).values(escalated_at=row.due_at))
        text = f"no rectification plan by {row.due_at}"
        step = {"alert": row.id, "event": "escalate", "who": "clock", "text": text, "at": row.due_at}
        connection.execute(insert(alert_event).values(step))
        log(connection, now, "clock", "escalate", row.id,
            before={"escalated_at": None}, after={"escalated_at": row.due_at})  # fmt: skip
    return [row.id for row in overdue]


def alerts(
    connection: Connection, *, state: str | None = None, characteristic: str | None = None, name: str | None = None
) -> list[Json]:
    """Alerts in the order in which they came to notice, each with its task and the task's events."""
    query = select(alert).order_by(alert.c.noticed_at, alert.c.id)
    for column, value in ((alert.c.state, state), (alert.c.characteristic, characteristic), (alert.c.id, name)):
        if value is not None:
            query = query.where(column == value)
    rows = connection.execute(query).mappings().all()
    steps = select(alert_event).order_by(alert_event.c.id)
    if name is not None:
        steps = steps.where(alert_event.c.alert == name)
    events: dict[str, list[Json]] = {row["id"]: [] for row in rows}
    for step in connection.execute(steps).mappings():
        if step["alert"] in events:
            events[step["alert"]].append({key: step[key] for key in ("event", "who", "text", "at")})
    return [_shown(row, events[row["id"]]) for row in rows]


def one_alert(connection: Connection, name: str) -> Json:
    """One alert as `alerts` shows it. Raises `Missing` for an unknown one."""
    found = alerts(connection, name=name)
    if not found:
        raise Missing(f"no alert {name!r}")
    return found[0]


def _shown(row: Any, events: list[Json]) -> Json:
    task = {
        "state": row["task_state"],
        "noticed_at": row["noticed_at"],
        "due_at": row["due_at"],
        "escalated": row["escalated_at"] is not None,
        "escalated_at": row["escalated_at"],
        "next": next((name for name, (needed, _) in STEPS.items() if needed == row["task_state"]), None),
    }
    return {**orjson.loads(row["body"]), "task": task, "events": events}
