"""Objectives, key results and their updates: what a plan and the engine's pushes change, and the tree to read."""

from collections.abc import Iterable
from typing import Any

import orjson
from sqlalchemy import Connection, Table, and_, func, insert, select, update

from okr.errors import Conflict, Missing, Refused
from okr.models import KeyResult, Plan, Update
from okr.store import Answer, Json, canonical, log
from okr.tables import key_result, key_result_update, objective
from okr.tables import plan as plan_table
from okr.times import rfc3339

PUSHED = "plumbline"  # who pushes: the operation log's name for the engine's outbox
MOST_KEY_RESULTS = 5  # per objective


def apply_plan(connection: Connection, now: str, plan: Plan) -> Answer:
    """Objectives and key results become those of `plan`; the ones it lacks are withdrawn, nothing is deleted.

    A plan of a lower seq than the newest held is ignored. Raises `Conflict` when the seq is held with other
    content, `Refused` when the plan contradicts itself.
    """
    _check(plan)
    content = plan.model_dump(mode="json")
    held = connection.execute(select(plan_table.c.body).where(plan_table.c.plan_seq == plan.plan_seq)).scalar()
    if held is not None and held != canonical(content):
        raise Conflict(f"plan {plan.plan_seq} is held with other content")
    newest = connection.execute(select(func.max(plan_table.c.plan_seq))).scalar()
    if newest is not None and newest >= plan.plan_seq:
        return Answer(200, {"plan_seq": plan.plan_seq, "result": "unchanged" if held else "ignored"})
    connection.execute(insert(plan_table).values(plan_seq=plan.plan_seq, body=canonical(content)))
    objectives = [{**o.model_dump(mode="json"), "parent": o.parent or ""} for o in plan.objectives]
    key_results = [k.model_dump(mode="json") for k in plan.key_results]
    _replace(connection, now, objective, objectives)
    _replace(connection, now, key_result, key_results)
    return Answer(201, {"plan_seq": plan.plan_seq, "result": "applied"})


def _check(plan: Plan) -> None:
    parents = {o.id: o.parent or "" for o in plan.objectives}
    if len(parents) < len(plan.objectives) or len({k.id for k in plan.key_results}) < len(plan.key_results):
        raise Refused("the ids of objectives and of key results must each be there once")
    for start, parent in parents.items():
        seen, at = {start}, parent
        while at in parents:
            if at in seen:
                raise Refused(f"objective {start!r} is among its own parents")
            seen.add(at)
            at = parents[at]
    counts = dict.fromkeys(parents, 0)
    for item in plan.key_results:
        if item.objective not in counts:
            raise Refused(f"key result {item.id!r} belongs to the unknown objective {item.objective!r}")
        counts[item.objective] += 1
    for name, count in counts.items():
        if count > MOST_KEY_RESULTS:
            raise Refused(f"objective {name!r} has {count} key results; at most {MOST_KEY_RESULTS} are allowed")


def _replace(connection: Connection, now: str, table: Table, items: list[Json]) -> None:
    """The rows of `table` become `items` (active); the others are withdrawn. Each change is logged."""
    columns = [str(column.name) for column in table.columns if column.name not in ("state", "revision")]
    rows = connection.execute(select(table)).mappings()
    held = {row["id"]: {str(column): value for column, value in row.items()} for row in rows}
    wanted = {str(item["id"]): {**{name: item.get(name) for name in columns}, "state": "active"} for item in items}
    for name, row in held.items():
        after = wanted.get(name) or {**row, "state": "withdrawn"}
        before = {column: row[column] for column in after}
        if before != after:
            connection.execute(update(table).where(table.c.id == name).values(after))
            log(connection, now, PUSHED, f"plan {table.name}", name, before=before, after=after)
    for name in sorted(wanted.keys() - held.keys()):
        connection.execute(insert(table).values(wanted[name]))
        log(connection, now, PUSHED, f"plan {table.name}", name, before=None, after=wanted[name])


def apply_update(connection: Connection, now: str, pushed: Update) -> Answer:
    """The key result shows `pushed` when its revision is above the one held; a lower one is ignored.

    An unknown key result (the store was lost, and its plan with it) is made bare, of no objective: the next plan
    completes it. Raises `Conflict` when the revision is held with other content, `Refused` for a milestone, which
    people move.
    """
    wanted = select(key_result).where(key_result.c.id == pushed.key_result)
    row = connection.execute(wanted).one_or_none()
    if row is None:
        _make_bare(connection, now, pushed.key_result)
        row = connection.execute(wanted).one()
    if row.kind == "milestone":
        raise Refused(f"key result {row.id!r} is a milestone: it is moved by hand, with evidence, and by nothing else")
    body = canonical(pushed.model_dump(mode="json"))
    answer: Json = {"key_result": pushed.key_result, "revision": pushed.revision}
    held = _update_body(connection, pushed.key_result, pushed.revision)
    if held is not None and held != body:
        raise Conflict(f"key result {pushed.key_result!r}: revision {pushed.revision} is held with other content")
    if held is not None:
        return Answer(200, {**answer, "result": "unchanged"})
    if row.revision is not None and row.revision > pushed.revision:
        return Answer(200, {**answer, "result": "ignored", "held": row.revision})
    before = None if row.revision is None else _update_body(connection, row.id, row.revision)
    values = {"key_result": row.id, "revision": pushed.revision, "as_of": rfc3339(pushed.as_of), "body": body}
    connection.execute(insert(key_result_update).values(values))
    connection.execute(update(key_result).where(key_result.c.id == row.id).values(revision=pushed.revision))
    old: Json | None = None if before is None else _figures(orjson.loads(before))
    log(connection, now, PUSHED, "update", row.id, before=old, after=_figures(orjson.loads(body)))
    return Answer(201, {**answer, "result": "applied"})


def _make_bare(connection: Connection, now: str, name: str) -> None:
    bare: Json = {**KeyResult.model_construct(id=name, objective="", title=name).model_dump(), "state": "active"}
    connection.execute(insert(key_result).values(bare))
    log(connection, now, PUSHED, "unknown key_result", name, before=None, after=bare)


def _figures(body: Json) -> Json:
    return {name: body.get(name) for name in ("revision", "as_of", "value", "progress", "status")}


def _update_body(connection: Connection, name: str, revision: int) -> str | None:
    table = key_result_update
    return connection.execute(
        select(table.c.body).where(table.c.key_result == name, table.c.revision == revision)
    ).scalar_one_or_none()


def key_results(connection: Connection, name: str | None = None) -> list[Json]:
    """Key results in the order of their ids, each with the figures of its newest update.

    One without an update has the status `no-data`: it never looks green.
    """
    newest = and_(
        key_result_update.c.key_result == key_result.c.id, key_result_update.c.revision == key_result.c.revision
    )
    query = select(key_result, key_result_update.c.body).outerjoin(key_result_update, newest).order_by(key_result.c.id)
    if name is not None:
        query = query.where(key_result.c.id == name)
    return [_shown(row) for row in connection.execute(query).mappings()]


def _shown(row: Any) -> Json:
    fixed = {str(name): value for name, value in row.items() if name not in ("body", "revision")}
    if row["body"] is None:
        none = dict.fromkeys(("value", "lower", "n", "progress", "expected", "as_of", "day", "revision"))
        return {**none, "status": "no-data", "reason": "no update yet", **fixed}
    return {**orjson.loads(row["body"]), **fixed}


def updates(connection: Connection, name: str, limit: int) -> list[Json]:
    """The newest `limit` updates of a key result by revision, oldest first. Raises `Missing` for an unknown one."""
    if not key_results(connection, name):
        raise Missing(f"no key result {name!r}")
    table = key_result_update
    query = select(table.c.body).where(table.c.key_result == name).order_by(table.c.revision.desc()).limit(limit)
    return [orjson.loads(body) for body in reversed(connection.execute(query).scalars().all())]


def tree(connection: Connection) -> list[Json]:
    """The top objectives, each with its `key_results` and the `objectives` below it, in the order of ids.

    Withdrawn ones are left out unless something active hangs below them.
    """
    found = connection.execute(select(objective).order_by(objective.c.id)).mappings()
    rows = [{str(name): value for name, value in row.items()} for row in found]
    mine: dict[str, list[Json]] = {row["id"]: [] for row in rows}
    for item in key_results(connection):
        if item["state"] == "active" and item["objective"] in mine:
            mine[str(item["objective"])].append(item)
    known = {row["id"] for row in rows}

    def branch(parents: Iterable[dict[str, Any]]) -> list[Json]:
        nodes: list[Json] = []
        for row in parents:
            below = branch(child for child in rows if child["parent"] == row["id"])
            if row["state"] == "active" or below or mine[row["id"]]:
                nodes.append({**row, "key_results": mine[row["id"]], "objectives": below})
        return nodes

    return branch(row for row in rows if row["parent"] not in known)
