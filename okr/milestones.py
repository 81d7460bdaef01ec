"""Milestones: key results that people move by hand, with evidence, and that nothing else moves."""

from sqlalchemy import Connection, func, insert, select, update

from okr.errors import Missing, Refused
from okr.models import ByHand
from okr.store import Answer, Json, canonical, log
from okr.tables import key_result, key_result_update


def move_by_hand(connection: Connection, now: str, name: str, moved: ByHand) -> Answer:
    """The milestone after a person's word, as an update of the next revision; the answer is that update.

    Its status is what the person says; else green once it is done, and yellow before. It is not compared with the
    time that has passed. Raises `Missing` for an unknown key result, `Refused` for one that is no milestone.
    """
    row = connection.execute(select(key_result).where(key_result.c.id == name)).one_or_none()
    if row is None:
        raise Missing(f"no key result {name!r}")
    if row.kind != "milestone":
        raise Refused(f"key result {name!r} is moved by its metric; only a milestone is moved by hand")
    newest = select(func.max(key_result_update.c.revision)).where(key_result_update.c.key_result == name)
    revision = max(connection.execute(newest).scalar() or 0, 0) + 1
    done = moved.progress >= 1
    body: Json = {
        "key_result": name,
        "revision": revision,
        "as_of": now,
        "value": None,
        "progress": moved.progress,
        "clamped": moved.progress,
        "expected": None,
        "status": moved.status or ("green" if done else "yellow"),
        "reason": "done" if done else "by-hand",
        "who": moved.who,
        "evidence": moved.evidence,
    }
    before = None if row.revision is None else {"revision": row.revision}
    values = {"key_result": name, "revision": revision, "as_of": now, "body": canonical(body)}
    connection.execute(insert(key_result_update).values(values))
    connection.execute(update(key_result).where(key_result.c.id == name).values(revision=revision))
    log(connection, now, moved.who, "milestone", name, before=before, after=body)
    return Answer(201, body)
