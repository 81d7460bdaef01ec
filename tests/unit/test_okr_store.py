from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import func, insert, select

from okr.alerts import alerts, apply_alert, escalate, one_alert, take_step
from okr.errors import Conflict, Missing, Refused, StoreError
from okr.models import Alert, Event, Plan, Update
from okr.objectives import apply_plan, apply_update, key_results, tree, updates
from okr.store import Answer, Store, advance, follow_history, operations
from okr.tables import fact, operation

NOON = "2026-11-21T12:00:00Z"
PLAN = {
    "plan_seq": 1,
    "time": NOON,
    "objectives": [
        {"id": "O0", "title": "A capable plant", "level": "company", "parent": ""},
        {"id": "O1", "title": "Make OP10 capable", "level": "department", "owner": "production", "parent": "O0",
         "period": "2026-Q4", "first_day": 739890, "last_day": "2026-12-31"},
    ],
    "key_results": [{"id": "KR1", "objective": "O1", "title": "Bore", "metric": "bore_cpk", "start": 0.9,
                     "target": 1.33}],
}  # fmt: skip
UPDATE = {"key_result": "KR1", "revision": 3, "as_of": NOON, "value": 1.1, "progress": 0.47, "status": "yellow",
          "sources": [7]}  # fmt: skip
ALERT = {"alert": "E1", "revision": 1, "characteristic": "line1/op10/bore", "rule": "cpk-below-floor",
         "state": "open", "first_day": "2026-11-18", "last_day": "2026-11-20", "as_of": NOON,
         "days": [{"day": "2026-11-18", "cpk": 1.05, "n": 50, "verdict": "ok"}]}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path):
    store = Store(f"sqlite:///{tmp_path / 'okr.db'}", now=lambda: datetime(2026, 11, 21, 8, tzinfo=UTC))
    yield store
    store.close()


def plan(store: Store, **changes: object) -> Answer:
    return store.once(None, "plans", {}, lambda c, now: apply_plan(c, now, Plan.model_validate({**PLAN, **changes})))


def push(store: Store, **changes: object) -> Answer:
    body = Update.model_validate({**UPDATE, **changes})
    return store.once(None, "updates", {}, lambda c, now: apply_update(c, now, body))


def alarm(store: Store, **changes: object) -> Answer:
    body = Alert.model_validate({**ALERT, **changes})
    return store.once(None, "alerts", {}, lambda c, now: apply_alert(c, now, body))


def step(store: Store, event: str, who: str = "wang", text: str = "done") -> Answer:
    body = Event.model_validate({"event": event, "who": who, "text": text})
    return store.once(None, "events", {}, lambda c, now: take_step(c, now, "E1", body))


def tell(store: Store, tick: str) -> list[str]:
    time = datetime.fromisoformat(tick)
    with store.writing() as connection:
        return escalate(connection, tick) if advance(connection, time) else []


def task(store: Store) -> dict[str, object]:
    with store.reading() as connection:
        return one_alert(connection, "E1")["task"]  # type: ignore[return-value]


def test_an_alert_is_of_a_characteristic_or_of_a_metric(store):
    assert alarm(store, alert="E2", characteristic=None, metric="bore_cpk").status == 201
    with store.reading() as connection:
        shown = one_alert(connection, "E2")
        assert [found["alert"] for found in alerts(connection, characteristic="line1/op10/bore")] == []
    assert (shown["characteristic"], shown["metric"]) == (None, "bore_cpk")
    for wrong in ({"metric": "bore_cpk"}, {"characteristic": None}):
        with pytest.raises(ValidationError, match="a characteristic or a metric"):
            alarm(store, **wrong)


def lines(store: Store) -> int:
    with store.reading() as connection:
        return connection.execute(select(func.count()).select_from(operation)).scalar_one()


def test_the_tree_has_objectives_below_their_parents_with_key_results(store):
    assert plan(store).status == 201
    with store.reading() as connection:
        (top,) = tree(connection)
    (below,) = top["objectives"]
    assert (top["id"], below["id"], below["first_day"], below["last_day"]) == ("O0", "O1", "2026-10-01", "2026-12-31")
    assert below["key_results"][0]["status"] == "no-data"
    assert below["key_results"][0]["value"] is None


def test_a_plan_of_a_lower_seq_is_ignored_and_the_same_seq_with_other_content_conflicts(store):
    plan(store, plan_seq=5)
    assert plan(store, plan_seq=4).body["result"] == "ignored"
    assert plan(store, plan_seq=5).body["result"] == "unchanged"
    with pytest.raises(Conflict):
        plan(store, plan_seq=5, key_results=[])


def test_what_a_new_plan_lacks_is_withdrawn_and_kept(store):
    plan(store)
    push(store)
    plan(store, plan_seq=2, key_results=[])
    with store.reading() as connection:
        (kept,) = key_results(connection)
        assert tree(connection)[0]["objectives"][0]["key_results"] == []
    assert (kept["state"], kept["value"]) == ("withdrawn", 1.1)


@pytest.mark.parametrize(
    "changes",
    [
        {"objectives": [{"id": "A", "title": "", "level": "post", "parent": "B"},
                        {"id": "B", "title": "", "level": "post", "parent": "A"}], "key_results": []},
        {"key_results": [{"id": "K", "objective": "nowhere", "title": ""}]},
        {"key_results": [{"id": f"K{i}", "objective": "O1", "title": ""} for i in range(6)]},
        {"key_results": [{"id": "K", "objective": "O1", "title": ""}] * 2},
    ],
)  # fmt: skip
def test_a_plan_that_contradicts_itself_is_refused(store, changes):
    with pytest.raises(Refused):
        plan(store, **changes)
    assert lines(store) == 0


def test_a_key_result_shows_its_newest_revision_and_ignores_lower_ones(store):
    plan(store)
    assert push(store).body == {"key_result": "KR1", "revision": 3, "result": "applied"}
    assert push(store, revision=2, value=0.1).body == {
        "key_result": "KR1", "revision": 2, "result": "ignored", "held": 3}  # fmt: skip
    assert push(store, revision=7, value=1.2).body["result"] == "applied"
    with store.reading() as connection:
        (shown,) = key_results(connection)
        history = updates(connection, "KR1", 10)
    assert (shown["value"], shown["revision"], shown["target"], shown["sources"]) == (1.2, 7, 1.33, [7])
    assert [row["revision"] for row in history] == [3, 7]


def test_the_same_revision_with_other_content_conflicts_and_changes_nothing(store):
    plan(store)
    push(store)
    assert push(store).body["result"] == "unchanged"
    with pytest.raises(Conflict, match="revision 3 is held"):
        push(store, value=1.3)
    with store.reading() as connection:
        assert key_results(connection)[0]["value"] == 1.1


def test_an_update_of_an_unknown_key_result_is_kept_and_the_next_plan_completes_it(store):
    assert push(store).body["result"] == "applied"
    with store.reading() as connection:
        (bare,) = key_results(connection)
        with pytest.raises(Missing, match="KR2"):
            updates(connection, "KR2", 10)
    assert (bare["title"], bare["objective"], bare["state"], bare["value"]) == ("KR1", "", "active", 1.1)
    plan(store)
    with store.reading() as connection:
        (whole,) = key_results(connection)
    assert (whole["title"], whole["objective"], whole["value"]) == ("Bore", "O1", 1.1)


def follow(store: Store, history: str) -> None:
    with store.writing() as connection:
        follow_history(connection, NOON, history, "plumbline")


def test_the_results_of_another_history_begin_anew_and_the_earlier_ones_are_kept(store):
    follow(store, "H1")
    plan(store, plan_seq=9)
    for revision, value in ((3, 1.1), (7, 1.2)):
        push(store, revision=revision, value=value)
    alarm(store, revision=4)
    follow(store, "H1")
    assert push(store, revision=1, value=0.5).body["result"] == "ignored"
    follow(store, "H2")
    with store.reading() as connection:
        assert key_results(connection)[0]["value"] == 1.2  # until newer ones come
    assert plan(store, plan_seq=1).body["result"] == "applied"
    assert push(store, revision=1, value=0.5).body["result"] == "applied"
    assert push(store, revision=3, value=0.6).body["result"] == "applied"
    assert alarm(store, revision=1, state="recovered").body["result"] == "applied"
    with store.reading() as connection:
        assert [row["value"] for row in updates(connection, "KR1", 10)] == [1.1, 1.2, 0.5, 0.6]
        assert key_results(connection)[0]["value"] == 0.6
        assert one_alert(connection, "E1")["state"] == "recovered"
        assert [line["subject"] for line in operations(connection, 100) if line["what"] == "history"] == ["H1", "H2"]


def test_answers_are_kept_for_thirty_days_of_the_stores_clock(store):
    def answer(key: str) -> int:
        return store.once(key, "plans", {}, lambda c, now: Answer(200, {"now": now})).body["now"]

    first = answer("a")
    tell(store, "2026-12-21T07:59:00Z")  # the first was at 2026-11-21T08:00
    answer("b")
    assert answer("a") == first
    tell(store, "2026-12-21T08:01:00Z")
    answer("c")
    assert answer("a") == "2026-12-21T08:01:00Z"


def test_a_database_of_version_1_is_brought_up_to_date(tmp_path):
    url = f"sqlite:///{tmp_path / 'okr.db'}"
    store = Store(url)
    uuid = store.uuid
    store.once("a", "plans", {}, lambda c, now: Answer(200, {}))
    with store.writing() as connection:
        connection.exec_driver_sql("DROP INDEX ix_idempotency_at")
        connection.exec_driver_sql("ALTER TABLE idempotency DROP COLUMN at")
        connection.execute(fact.update().where(fact.c.name == "schema_version").values(value="1"))
    store.close()
    again = Store(url)
    assert again.uuid == uuid
    assert again.once("a", "plans", {}, lambda c, now: Answer(500, {})).status == 200
    again.once("b", "plans", {}, lambda c, now: Answer(200, {}))
    again.close()


def test_the_same_key_gives_the_first_answer_and_changes_nothing(store):
    calls = []

    def act(connection, now):
        calls.append(now)
        return Answer(201, {"n": len(calls)})

    first = store.once("k", "plans", {"a": 1, "b": None}, act)
    assert store.once("k", "plans", {"b": None, "a": 1}, act) == first == Answer(201, {"n": 1})
    for path, content in (("plans", {"a": 2, "b": None}), ("alerts", {"a": 1, "b": None})):
        with pytest.raises(Conflict, match="'k'"):
            store.once("k", path, content, act)
    assert calls == ["2026-11-21T08:00:00Z"]


def test_a_refusal_undoes_everything_and_leaves_its_key_free(store):
    def refuse(connection, now):
        connection.execute(insert(fact).values(name="x", value="y"))
        raise Refused("no")

    with pytest.raises(Refused):
        store.once("k", "plans", {}, refuse)
    with store.reading() as connection:
        assert connection.execute(select(fact.c.name).where(fact.c.name == "x")).all() == []
    assert store.once("k", "plans", {}, lambda c, now: Answer(200, {})).status == 200


def test_a_task_takes_its_steps_in_order_only(store):
    alarm(store)
    for wrong in ("plan", "verify", "close"):
        with pytest.raises(Conflict, match="follows"):
            step(store, wrong)
    for event, state in (("acknowledge", "acknowledged"), ("plan", "planned"), ("verify", "verified"),
                         ("close", "closed")):  # fmt: skip
        assert step(store, event).body["task"]["state"] == state
    with pytest.raises(Conflict):
        step(store, "close")
    with store.reading() as connection:
        log = operations(connection, 100)
    assert [line["what"] for line in log] == ["alert", "acknowledge", "plan", "verify", "close"]
    assert log[1]["who"] == "wang"
    assert (log[1]["before"], log[1]["after"]) == (
        {"task_state": "open"}, {"task_state": "acknowledged", "text": "done"})  # fmt: skip


def test_a_plan_is_due_a_day_after_notice_by_the_plants_clock_and_escalates_once(store):
    tell(store, "2026-11-21T12:30:00Z")
    alarm(store)
    assert (task(store)["noticed_at"], task(store)["due_at"]) == ("2026-11-21T12:30:00Z", "2026-11-22T12:30:00Z")
    step(store, "acknowledge")
    assert tell(store, "2026-11-22T12:30:00Z") == []
    assert tell(store, "2026-11-22T12:31:00Z") == ["E1"]
    assert tell(store, "2026-11-22T12:32:00Z") == []
    assert (task(store)["escalated"], task(store)["escalated_at"]) == (True, "2026-11-22T12:30:00Z")
    assert step(store, "plan").body["events"][-2]["event"] == "escalate"


def test_an_escalation_is_as_of_the_due_time_however_late_the_store_is_told(store):
    alarm(store)
    assert tell(store, "2026-12-24T18:00:00Z") == ["E1"]
    assert task(store)["escalated_at"] == task(store)["due_at"] == "2026-11-22T12:00:00Z"
    with store.reading() as connection:
        assert one_alert(connection, "E1")["events"][-1]["at"] == "2026-11-22T12:00:00Z"


@pytest.mark.parametrize(("event", "lacks"), [("plan", "rectification plan"), ("verify", "verified"),
                                              ("close", "closes it")])  # fmt: skip
def test_a_step_without_its_text_is_refused_and_changes_nothing(store, event, lacks):
    alarm(store)
    for before in ("acknowledge", "plan", "verify", "close"):
        if before == event:
            break
        step(store, before)
    state = task(store)["state"]
    for empty in ("", "  "):
        with pytest.raises(Refused, match=lacks):
            step(store, event, text=empty)
    assert task(store)["state"] == state


def test_an_acknowledgement_needs_no_text(store):
    alarm(store)
    assert step(store, "acknowledge", text="").body["task"]["state"] == "acknowledged"


def test_a_planned_task_does_not_escalate(store):
    alarm(store)
    step(store, "acknowledge")
    step(store, "plan")
    assert tell(store, "2026-12-01T00:00:00Z") == []


@pytest.mark.parametrize("state", ["retracted", "withdrawn"])
def test_a_retracted_alert_stops_its_clock_and_a_recovered_one_does_not(store, state):
    alarm(store)
    alarm(store, revision=2, state="recovered")
    assert task(store)["due_at"] == "2026-11-22T12:00:00Z"
    alarm(store, revision=3, state=state)
    assert task(store)["due_at"] is None
    assert tell(store, "2026-12-01T00:00:00Z") == []


@pytest.mark.parametrize("found", [{"state": "recovered"}, {"state": "open", "clock": "none"}])
def test_an_alert_found_only_in_the_past_has_no_clock_until_a_newer_day_joins_it(store, found):
    alarm(store, **found)
    assert (task(store)["state"], task(store)["due_at"]) == ("open", None)
    assert tell(store, "2026-12-01T00:00:00Z") == []
    alarm(store, revision=2, state="open", clock="running")
    assert (task(store)["noticed_at"], task(store)["due_at"]) == ("2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z")


def test_a_retracted_alert_that_comes_back_is_due_anew(store):
    alarm(store)
    alarm(store, revision=2, state="retracted", clock="none", reason="no run of 3 bad days is left")
    assert (task(store)["state"], task(store)["due_at"]) == ("open", None)
    tell(store, "2026-11-23T12:00:00Z")
    alarm(store, revision=3)
    assert task(store)["due_at"] == "2026-11-24T12:00:00Z"


def test_a_relapse_needs_a_new_plan_only_where_the_old_one_was_done_with(store):
    alarm(store)
    step(store, "acknowledge")
    step(store, "plan")
    alarm(store, revision=2, state="recovered")
    alarm(store, revision=3)
    assert task(store)["state"] == "planned"
    step(store, "verify")
    alarm(store, revision=4, state="recovered")
    tell(store, "2026-11-29T00:00:00Z")
    alarm(store, revision=5)
    assert (task(store)["state"], task(store)["due_at"]) == ("open", "2026-11-30T00:00:00Z")


def test_the_alert_shows_its_state_and_the_reason(store):
    alarm(store)
    alarm(store, revision=2, state="withdrawn", clock="none", reason="characteristic removed on 2026-11-21")
    with store.reading() as connection:
        shown = one_alert(connection, "E1")
    assert (shown["state"], shown["reason"]) == ("withdrawn", "characteristic removed on 2026-11-21")


def test_a_reopened_episode_opens_its_closed_task_again(store):
    alarm(store)
    for event in ("acknowledge", "plan", "verify", "close"):
        step(store, event)
    alarm(store, revision=2, state="recovered")
    tell(store, "2026-11-29T00:00:00Z")
    alarm(store, revision=3, state="open")
    assert (task(store)["state"], task(store)["due_at"]) == ("open", "2026-11-30T00:00:00Z")
    with store.reading() as connection:
        assert len(alerts(connection)) == 1


def test_alert_revisions_are_ignored_below_and_conflict_at_the_one_held(store):
    alarm(store, revision=4)
    assert alarm(store, revision=3).body["result"] == "ignored"
    assert alarm(store, revision=4).body["result"] == "unchanged"
    with pytest.raises(Conflict):
        alarm(store, revision=4, state="recovered")


def test_the_clock_only_goes_forward(store):
    tell(store, "2026-11-21T12:00:00Z")
    tell(store, "2026-11-21T11:00:00Z")
    assert store.tick() == "2026-11-21T12:00:00Z"


def test_a_database_of_a_later_version_is_not_opened(tmp_path):
    url = f"sqlite:///{tmp_path / 'okr.db'}"
    store = Store(url)
    with store.writing() as connection:
        connection.execute(fact.update().where(fact.c.name == "schema_version").values(value="99"))
    store.close()
    with pytest.raises(StoreError, match="99"):
        Store(url)
