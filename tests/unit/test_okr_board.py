import pytest

from okr.alerts import apply_alert
from okr.board import Goals
from okr.models import Alert, Plan, Update
from okr.objectives import apply_plan, apply_update
from okr.store import Store, follow_history

NOW = "2026-11-21T00:15:00Z"
PLAN = {
    "plan_seq": 1,
    "objectives": [{"id": "O1", "title": "Capable", "level": "post", "owner": "wang", "period": "2026-Q4"}],
    "key_results": [
        {"id": "KR1", "objective": "O1", "title": "Bore", "metric": "bore_cpk", "start": 0.9, "target": 1.33},
        {"id": "KR2", "objective": "O1", "title": "Gauge study", "kind": "milestone"},
    ],
}
ALERT = {"alert": "a1", "revision": 1, "characteristic": "bore", "rule": "cpk-below-floor", "state": "open",
         "as_of": NOW, "days": []}  # fmt: skip


def update(revision: int, value: float) -> Update:
    return Update.model_validate({"key_result": "KR1", "revision": revision, "as_of": NOW, "value": value,
                                  "status": "green", "sources": [{"characteristic": "bore"}]})  # fmt: skip


@pytest.fixture
def store(tmp_path):
    found = Store(f"sqlite:///{tmp_path / 'okr.db'}")
    with found.writing() as connection:
        apply_plan(connection, NOW, Plan.model_validate(PLAN))
        apply_alert(connection, NOW, Alert.model_validate(ALERT))
    yield found
    found.close()


def push(store: Store, revision: int, value: float) -> None:
    with store.writing() as connection:
        apply_update(connection, NOW, update(revision, value))


def test_every_change_is_news_and_open_alerts_are_counted(store):
    goals = Goals(store)
    before, opened = goals.news()
    assert opened == 1
    push(store, 1, 1.1)
    after, _ = goals.news()
    assert after > before
    with store.writing() as connection:
        apply_alert(connection, NOW, Alert.model_validate({**ALERT, "revision": 2, "state": "recovered"}))
    assert goals.news() == (after + 1, 0)


def test_a_step_is_taken_once_however_often_it_is_sent(store):
    goals = Goals(store)
    assert goals.step("a1", "acknowledge", "wang", "", seen="open/0") == (201, "")
    assert goals.step("a1", "acknowledge", "wang", "", seen="open/0") == (201, "")
    assert [event["who"] for event in goals.alert("a1")["events"]] == ["wang"]
    assert [line["what"] for line in goals.log("a1")] == ["alert", "acknowledge"]


def test_a_step_on_a_task_that_was_opened_again_is_another_one(store):
    goals = Goals(store)
    for step, text, state in (("acknowledge", "", "open"), ("plan", "p", "acknowledged"), ("verify", "v", "planned")):
        assert goals.step("a1", step, "wang", text, seen=f"{state}/{len(goals.alert('a1')['events'])}")[0] == 201
    for revision, state in ((2, "recovered"), (3, "open")):
        with store.writing() as connection:
            apply_alert(connection, NOW, Alert.model_validate({**ALERT, "revision": revision, "state": state}))
    assert goals.alert("a1")["task"]["state"] == "open"
    assert goals.step("a1", "acknowledge", "wang", "", seen="open/3") == (201, "")
    assert goals.alert("a1")["task"]["state"] == "acknowledged"


def test_a_step_that_does_not_follow_or_says_too_little_is_refused_with_why(store):
    goals = Goals(store)
    assert goals.step("a1", "plan", "wang", "new tool", seen="open/0")[0] == 409
    assert goals.step("a1", "acknowledge", "", "", seen="open/0")[0] == 422
    assert goals.step("a1", "dance", "wang", "", seen="open/0")[0] == 422
    assert goals.step("none", "acknowledge", "wang", "", seen="open/0")[0] == 404
    assert goals.alert("a1")["events"] == []


def test_a_milestone_is_not_moved_from_where_it_is_no_more(store):
    goals = Goals(store)
    assert goals.move("KR2", "li", "report 4711", 0.5, seen="") == (201, "")
    assert goals.move("KR2", "li", "report 4711", 0.5, seen="") == (201, "")  # sent twice
    status, why = goals.move("KR2", "wang", "report 4712", 1.0, seen="")
    assert (status, "moved meanwhile" in why) == (409, True)
    assert goals.move("KR2", "wang", "report 4712", 1.0, seen="1") == (201, "")
    assert [(one["who"], one["progress"]) for one in goals.course("KR2")] == [("li", 0.5), ("wang", 1.0)]
    assert goals.move("KR2", "wang", "", 1.0, seen="2")[0] == 422
    assert goals.move("KR1", "wang", "no milestone", 1.0, seen="")[0] == 422


def test_the_course_has_every_update_without_its_lineage_and_keeps_up(store):
    goals = Goals(store)
    assert goals.course("KR1") == []
    push(store, 1, 1.1)
    assert [one["value"] for one in goals.course("KR1")] == [1.1]
    push(store, 2, 1.2)
    assert [(one["revision"], one["value"]) for one in goals.course("KR1")] == [(1, 1.1), (2, 1.2)]
    assert "sources" not in goals.course("KR1")[0]
    assert goals.update("KR1", 2)["sources"] == [{"characteristic": "bore"}]
    assert goals.update("KR1", 3) is None


def test_the_course_goes_on_when_the_history_is_another(store):
    goals = Goals(store)
    with store.writing() as connection:
        follow_history(connection, NOW, "H1", "plumbline")
    push(store, 1, 1.1)
    push(store, 2, 1.2)
    assert len(goals.course("KR1")) == 2
    with store.writing() as connection:
        follow_history(connection, NOW, "H2", "plumbline")
    for revision, value in ((1, 1.3), (2, 1.4), (3, 1.5)):
        push(store, revision, value)
    course = goals.course("KR1")
    assert [one["value"] for one in course] == [1.1, 1.2, 1.3, 1.4, 1.5]
    found = [goals.update("KR1", one["revision"]) for one in course]
    assert [one["value"] for one in found] == [1.1, 1.2, 1.3, 1.4, 1.5]


def test_what_is_not_there_is_none(store):
    goals = Goals(store)
    assert (goals.alert("none"), goals.key_result("none"), goals.course("none"), goals.log("none")) == (
        None,
        None,
        [],
        [],
    )
