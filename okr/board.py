"""What the board reads of the store, and the steps that people take on its pages: `board.goals.Goals`, fulfilled."""

import hashlib
from collections.abc import Callable

import orjson
from pydantic import ValidationError
from sqlalchemy import Connection, func, select

from okr import alerts, objectives
from okr.errors import Conflict, Refused
from okr.milestones import move_by_hand
from okr.models import ByHand, Event
from okr.store import Answer, Json, Store, canonical, operations
from okr.tables import alert, key_result, key_result_update, operation

LINEAGE = ("sources", "verdicts", "history", "more")  # of an update: what only its own page needs

Told = tuple[int, str]  # how a request is answered: HTTP status, and why it is refused
Course = tuple[str | None, int, list[Json]]  # history, newest revision, and every update without its lineage
FIRST = -(2**62)  # below every revision


class Goals:
    """The store as pages see it. Answers of `step` and `move` are given once: see `Store.once`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._courses: dict[str, Course] = {}

    def news(self) -> tuple[int, int]:
        """A number that grows with every change of the store but its clock's, and how many alerts are open."""
        with self._store.reading() as connection:
            newest = connection.execute(select(func.max(operation.c.id))).scalar() or 0
            opened = select(func.count()).select_from(alert).where(alert.c.state == "open")
            return newest, connection.execute(opened).scalar() or 0

    def time(self) -> str | None:
        """The store's time, which is the plant's; None before the first tick."""
        return self._store.tick()

    def objectives(self) -> list[Json]:
        """The tree, as the API has it."""
        with self._store.reading() as connection:
            return objectives.tree(connection)

    def key_result(self, name: str) -> Json | None:
        """A key result with its newest update; None for an unknown one."""
        with self._store.reading() as connection:
            return next(iter(objectives.key_results(connection, name)), None)

    def course(self, name: str) -> list[Json]:
        """Every update of a key result in the order of revisions, each without its lineage."""
        wanted = select(key_result.c.revision).where(key_result.c.id == name)
        with self._store.reading() as connection:
            newest: int | None = connection.execute(wanted).scalar()
            if newest is None:
                return []
            history = self._store.history(connection)  # of another one revisions begin anew
            held: Course = self._courses.get(name, (history, FIRST, []))
            _, known, rows = held if held[0] == history else (history, FIRST, [])
            if known != newest:
                rows = [*rows, *_slim(connection, name, known)]
                self._courses[name] = (history, newest, rows)
        return rows

    def update(self, name: str, revision: int) -> Json | None:
        """One update with its lineage; None for an unknown one."""
        table = key_result_update
        wanted = select(table.c.body).where(table.c.key_result == name, table.c.revision == revision)
        with self._store.reading() as connection:
            body = connection.execute(wanted).scalar()
        return None if body is None else orjson.loads(body)

    def alerts(self) -> list[Json]:
        """Every alert with its task and the steps of it, in the order in which they came to notice."""
        with self._store.reading() as connection:
            return alerts.alerts(connection)

    def alert(self, name: str) -> Json | None:
        """One alert; None for an unknown one."""
        with self._store.reading() as connection:
            return next(iter(alerts.alerts(connection, name=name)), None)

    def log(self, subject: str) -> list[Json]:
        """The operation log of an alert or a key result: who or what, when, what, before and after; oldest first."""
        with self._store.reading() as connection:
            return operations(connection, 1000, subject)

    def step(self, name: str, step: str, who: str, text: str, *, seen: str) -> Told:
        """A step on an alert's task; `seen` stands for the task as it was seen, so that a repetition is known."""

        def act(connection: Connection, now: str) -> Answer:
            taken = Event.model_validate({"event": step, "who": who, "text": text})
            return alerts.take_step(connection, now, name, taken)

        return self._once(f"alerts/{name}/events", {"event": step, "who": who, "text": text, "seen": seen}, act)

    def move(self, name: str, who: str, evidence: str, progress: float, *, seen: str) -> Told:
        """A milestone moved, by who has seen it at the revision `seen` (empty: not moved yet)."""

        def act(connection: Connection, now: str) -> Answer:
            held = connection.execute(select(key_result.c.revision).where(key_result.c.id == name)).scalar()
            if seen != ("" if held is None else str(held)):
                raise Conflict(f"key result {name!r} has been moved meanwhile")
            return move_by_hand(connection, now, name, ByHand(who=who, evidence=evidence, progress=progress))

        content: Json = {"who": who, "evidence": evidence, "progress": progress, "seen": seen}
        return self._once(f"key-results/{name}/updates", content, act)

    def _once(self, path: str, content: Json, act: Callable[[Connection, str], Answer]) -> Told:
        """Does it once for one content: sent again it changes nothing."""
        key = "board:" + hashlib.sha256(f"{path}\n{canonical(content)}".encode()).hexdigest()
        try:
            return self._store.once(key, path, content, act).status, ""
        except ValidationError as error:
            return 422, "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        except Refused as refused:
            return refused.status, str(refused)


def _slim(connection: Connection, name: str, above: int) -> list[Json]:
    table = key_result_update
    query = select(table.c.revision, table.c.body).where(table.c.key_result == name, table.c.revision > above)
    rows = connection.execute(query.order_by(table.c.revision)).all()
    return [
        {field: value for field, value in orjson.loads(body).items() if field not in LINEAGE} | {"revision": revision}
        for revision, body in rows
    ]
