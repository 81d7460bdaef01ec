"""Milestones: moved by people, with evidence, and by nothing else (design, section 9)."""

import asyncio
from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from pydantic import ValidationError

from okr.api import router
from okr.errors import Missing, Refused
from okr.milestones import move_by_hand
from okr.models import ByHand
from okr.objectives import key_results, updates
from okr.store import Answer, Store, operations
from tests.unit.test_okr_store import NOON, PLAN, plan, push, store, tell

__all__ = ["store"]  # a fixture

GAUGE = {"id": "KR9", "objective": "O1", "title": "Gauge study accepted", "kind": "milestone"}
EVIDENCE = "report 4711, signed by the customer"


def begin(store: Store) -> None:
    plan(store, key_results=[*PLAN["key_results"], GAUGE])  # type: ignore[misc]
    tell(store, NOON)


def move(store: Store, name: str = "KR9", **said: object) -> Answer:
    body = ByHand.model_validate({"who": "wang", "evidence": EVIDENCE, **said})
    return store.once(None, "updates", {}, lambda c, now: move_by_hand(c, now, name, body))


def shown(store: Store) -> dict[str, object]:
    with store.reading() as connection:
        return key_results(connection, "KR9")[0]


def test_a_milestone_begins_without_data_and_is_done_when_a_person_says_so(store: Store) -> None:
    begin(store)
    assert (shown(store)["status"], shown(store)["progress"]) == ("no-data", None)
    answer = move(store)
    assert answer.status == 201
    found = shown(store)
    assert (found["progress"], found["status"], found["reason"], found["revision"]) == (1.0, "green", "done", 1)
    assert (found["who"], found["evidence"], found["as_of"]) == ("wang", EVIDENCE, NOON)


def test_a_share_of_it_may_be_done_and_its_status_is_what_people_say(store: Store) -> None:
    begin(store)
    move(store, progress=0.4)
    assert [shown(store)[name] for name in ("progress", "status", "reason")] == [0.4, "yellow", "by-hand"]
    move(store, progress=0.5, status="red")
    assert [shown(store)[name] for name in ("progress", "status", "reason")] == [0.5, "red", "by-hand"]
    move(store)
    with store.reading() as connection:
        assert [(row["revision"], row["progress"]) for row in updates(connection, "KR9", 10)] == [
            (1, 0.4),
            (2, 0.5),
            (3, 1.0),
        ]
        last = operations(connection, 1)[0]
    assert (last["who"], last["what"], last["subject"], last["before"]) == ("wang", "milestone", "KR9", {"revision": 2})


@pytest.mark.parametrize("said", [{"evidence": ""}, {"who": ""}, {"progress": 1.1}, {"progress": -0.1}])
def test_without_evidence_or_a_name_or_beyond_all_of_it_nothing_is_taken(said: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ByHand.model_validate({"who": "wang", "evidence": EVIDENCE, **said})


def test_the_engine_moves_no_milestone_and_people_move_nothing_else(store: Store) -> None:
    begin(store)
    with pytest.raises(Refused, match="moved by hand, with evidence"):
        push(store, key_result="KR9")
    with pytest.raises(Refused, match="only a milestone"):
        move(store, "KR1")
    with pytest.raises(Missing):
        move(store, "KR8")
    assert shown(store)["status"] == "no-data"


def test_a_milestone_keeps_its_state_through_a_new_plan(store: Store) -> None:
    begin(store)
    move(store)
    plan(store, plan_seq=7, key_results=[*PLAN["key_results"], {**GAUGE, "title": "Another title"}])  # type: ignore[misc]
    assert (shown(store)["title"], shown(store)["progress"]) == ("Another title", 1.0)


def test_people_post_to_the_same_place_as_the_engine_and_once(store: Store) -> None:
    app = FastAPI()
    app.include_router(router(store))
    begin(store)

    def post(said: dict[str, object], key: str) -> Response:
        async def ask() -> Response:
            async with AsyncClient(transport=ASGITransport(app), base_url="http://okr") as client:
                return await client.post("/api/v1/key-results/KR9/updates", json=said, headers={"Idempotency-Key": key})

        return asyncio.run(ask())

    body = {"who": "wang", "evidence": EVIDENCE, "progress": 0.5}
    first, again = post(body, "k1"), post(body, "k1")
    assert (first.status_code, first.json()) == (201, again.json())
    assert shown(store)["revision"] == 1
    refused = post({"who": "wang"}, "k2")
    assert refused.status_code == 422
    assert "evidence" in refused.json()["detail"]
    assert post({"key_result": "KR9"}, "k3").status_code == 422


def test_a_store_of_version_2_learns_what_its_values_are(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    old = Store(url)
    plan(old)
    with old.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE key_result DROP COLUMN unit")
        connection.exec_driver_sql("UPDATE fact SET value = '2' WHERE name = 'schema_version'")
    old.close()
    new = Store(url)
    with new.reading() as connection:
        assert key_results(connection, "KR1")[0]["unit"] == "index"
    new.close()
