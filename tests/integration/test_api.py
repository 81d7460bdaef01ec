import json
import socket
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import HTTPException

from board.api.routes import answer
from board.history.queries import History
from connectors.errors import AlreadyRunning
from connectors.history import HistoryWriter
from flows import web
from rules.results import BY_NAME, LEADING
from tests.seeding import ALERT, BORE, END_NS, NAMES, POINTS, Rows, seed_history, seed_okr
from tests.serving import free_port, plant_file, serving

API = "/api/v1"
LISTS = (
    "characteristics",
    "points",
    "readings",
    "capability",
    "days",
    "signals",
    "rejected",
    "gaps",
    "metric-values",
    "shop-events",
)


@pytest.fixture(scope="module")
def seeded(tmp_path_factory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("seeded")
    seed_history(folder / "history.db")
    seed_okr(f"sqlite:///{folder / 'okr.db'}")
    with serving(folder) as client:
        yield client


@pytest.fixture
def empty(tmp_path) -> Iterator[httpx.Client]:
    with serving(tmp_path) as client:
        yield client


def rows(client: httpx.Client, path: str, **parameters: object) -> list[dict]:
    response = client.get(f"{API}/{path}", params={key.rstrip("_"): value for key, value in parameters.items()})
    assert response.status_code == 200, response.text
    return response.json()


def test_without_a_history_every_list_is_empty_and_the_process_is_well(empty):
    assert [rows(empty, path) for path in (*LISTS, "objectives", "key-results", "alerts")] == [[]] * 13
    health = empty.get("/health").json()
    assert (health["status"], health["processes"]["engine"]["applied_seq"]) == ("ok", None)
    assert "plumbline_event_listeners 0.0" in empty.get("/metrics").text


def test_characteristics_carry_what_is_current_of_them(seeded):
    bore, depth, force = rows(seeded, "characteristics")
    assert [item["characteristic"] for item in (bore, depth, force)] == sorted(NAMES.values())
    assert (bore["line"], bore["station"], bore["unit"], bore["chart"]) == ("line1", "op10", "mm", "xbar-r")
    assert (bore["lsl"], bore["usl"], bore["target"], bore["cpk_floor"]) == (9.96, 10.04, 10.0, 1.2)
    assert (bore["status"], bore["alert"]["episode"], bore["alert"]["first_day"]) == ("alert", ALERT, "2026-11-18")
    assert bore["signals"] == ["beyond-3-sigma", "9-on-one-side"]
    assert (bore["capability"]["cpk"], bore["capability"]["verdicts"]) == (1.02, ["ok"])
    assert (bore["day"]["day"], bore["day"]["cpk"]) == ("2026-11-20", 0.98)
    assert bore["point"]["time"] == "2026-11-21T12:55:00Z"
    assert (depth["limits"]["state"], depth["status"], depth["alert"]) == ("provisional", "ok", None)
    assert (force["usl"], force["capability"]["cp"], force["status"]) == (None, None, "below-floor")


def test_characteristics_are_chosen_by_id_and_by_glob(seeded):
    assert len(rows(seeded, "characteristics", characteristic="line1/*")) == 2
    both = rows(seeded, "characteristics", characteristic=[NAMES[BORE], "*/force"])
    assert [item["name"] for item in both] == ["line1/op10/bore", "line2/op30/force"]
    assert rows(seeded, "points", characteristic="nowhere") == []


def test_points_are_as_stored_with_the_fields_of_their_table(seeded):
    points = rows(seeded, "points", characteristic=NAMES[BORE])
    assert len(points) == POINTS
    assert [point["time"] for point in points] == sorted(point["time"] for point in points)
    first = points[0]
    fields = {column.name for column in LEADING + BY_NAME["point"].columns}
    assert first.keys() == fields | {"rules", "shift", "corrections"}
    assert (first["cl"], first["ucl"], first["lcl"]) == (10.0, 10.0134, 9.9866)
    assert len(first["values"]) == 5
    assert sum(first["values"]) / 5 == pytest.approx(first["value"])
    assert first["refs"][4] == {"seq": first["seq"], "idx": 4, "time": "2026-11-21T08:00:00Z"}
    assert first["contexts"][0] == {"part": f"SN{first['seq']}-0"}
    assert (points[-1]["signals"], points[-1]["rules"]) == (3, ["beyond-3-sigma", "9-on-one-side"])


def test_a_range_includes_its_start_and_not_its_end_and_the_newest_rows_are_kept(seeded):
    span = {"from": "2026-11-21T08:05:00Z", "to": "2026-11-21T16:15:00+08:00"}
    times = [point["time"] for point in rows(seeded, "points", characteristic=NAMES[BORE], **span)]
    assert times == ["2026-11-21T08:05:00Z", "2026-11-21T08:10:00Z"]
    newest = rows(seeded, "points", limit=4, characteristic=["line1/*"])
    assert [point["time"][11:16] for point in newest] == ["12:50", "12:50", "12:55", "12:55"]


def test_readings_are_there_once_those_in_points_and_those_in_none(seeded):
    found = rows(seeded, "readings", characteristic=NAMES[BORE], limit=100_000)
    assert len(found) == POINTS * 5 + 1
    (late,) = [reading for reading in found if reading["state"] == "late"]
    assert (late["value"], late["context"], late["seq"]) == (10.002, {"part": "SN7"}, 7)
    assert found[0]["context"]["part"].startswith("SN")
    assert len(rows(seeded, "readings", limit=3)) == 3


def test_who_was_on_stands_with_points_readings_and_signals(seeded):
    """Shifts start at 08:00 and 20:00 in Shanghai, 00:00 and 12:00 UTC."""
    for path in ("points", "readings", "signals"):
        found = rows(seeded, path, limit=100_000)
        assert {one["shift"] for one in found if "00:" <= one["time"][11:] < "12:"} <= {"day"}, path
        assert {one["shift"] for one in found if one["time"][11:] >= "12:"} <= {"night"}, path
    points = rows(seeded, "points", characteristic=NAMES[BORE])
    assert [point["shift"] for point in points] == ["day"] * 48 + ["night"] * 12  # every five minutes from 08:00


def test_days_signals_and_what_was_lost_are_listed(seeded):
    days = rows(seeded, "days", characteristic=NAMES[BORE], from_="2026-11-19", to="2026-11-20")
    assert [(day["day"], day["cpk"]) for day in days] == [("2026-11-19", 1.05), ("2026-11-20", 0.98)]
    assert {signal["rule"] for signal in rows(seeded, "signals")} == {
        "beyond-3-sigma", "9-on-one-side", "dispersion-beyond-limits"}  # fmt: skip
    (gap,) = rows(seeded, "gaps")
    assert (gap["from_time"], gap["to_time"], gap["state"]) == ("2026-11-21T08:00:00Z", None, "open")
    (refused,) = rows(seeded, "rejected")
    assert (refused["reason"], refused["payload"]) == ("not-json", '{"values": {"bore": ')
    (metric,) = rows(seeded, "metric-values", metric="bore*")
    assert (metric["value"], metric["day"]) == (1.05, "2026-11-20")
    assert rows(seeded, "metric-values", metric="other") == []


def test_what_happened_is_listed_by_place_and_kind(seeded):
    down, inspected = rows(seeded, "shop-events")
    assert (down["kind"], down["place"], down["body"]) == ("state", "line1/op10", {"reason": "tool", "state": "down"})
    assert (inspected["body"], inspected["context"]) == ({"inspected": 50, "rejected": 2}, {"supplier": "S2"})
    assert rows(seeded, "shop-events", place="line1/*") == rows(seeded, "shop-events", kind="state") == [down]
    assert rows(seeded, "shop-events", limit=1) == [inspected]
    assert rows(seeded, "shop-events", to=inspected["time"]) == [down]
    refused = seeded.get(f"{API}/shop-events", params={"kind": "party"})
    assert (refused.status_code, "inspection" in refused.json()["detail"]) == (422, True)


def test_a_restated_point_replaces_the_one_it_supersedes(tmp_path):
    path = tmp_path / "history.db"
    seed_history(path)
    with serving(tmp_path) as client:
        first = rows(client, "points", characteristic=NAMES[BORE])[0]
        writer = HistoryWriter(path, "journal-1")
        more = Rows(writer)
        stored = (column.name for column in BY_NAME["point"].columns)
        same = {name: first[name] for name in stored if name not in ("values", "refs", "contexts")}
        more.add("point", **{**same, "characteristic": BORE, "time": END_NS - POINTS * 300 * 10**9, "phase": 1})
        more.commit(END_NS)
        writer.close()
        again = rows(client, "points", characteristic=NAMES[BORE])
    assert len(again) == POINTS
    assert (again[0]["phase"], again[0]["values"]) == (1, first["values"])


@pytest.mark.parametrize(
    "path", ["points", "readings", "signals", "capability", "rejected", "gaps", "metric-values", "shop-events"]
)
def test_times_beyond_64_bits_are_the_first_and_the_last(seeded, path):
    wide = {"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59Z", "limit": 100_000}
    assert rows(seeded, path, **wide) == rows(seeded, path, limit=100_000) != []
    assert rows(seeded, path, **{"from": "9999-12-31T23:59:59Z"}) == [] or path == "gaps"
    assert rows(seeded, path, to="0001-01-01T00:00:00Z") == []


def test_every_answer_of_the_store_names_it_and_no_other_does(empty):
    answers = [push(empty, "plans", PLAN, "p1"), push(empty, "plans", {**PLAN, "key_results": []}, "p1")]
    answers += [push(empty, "plans", {}, "p2"), empty.get(f"{API}/key-results/none"), empty.get(f"{API}/objectives")]
    assert [answer.status_code for answer in answers] == [201, 409, 422, 404, 200]
    assert len({answer.headers["Plumbline-Store"] for answer in answers}) == 1
    others = [empty.get(f"{API}/points"), empty.put(f"{API}/plans"), empty.post(f"{API}/nowhere")]
    assert not any("Plumbline-Store" in answer.headers for answer in others)


def test_another_history_may_use_the_same_keys_and_begins_anew(empty):
    def told(path: str, body: object, key: str, history: str) -> tuple[int, str]:
        headers = {"Idempotency-Key": key, "Plumbline-History": history}
        answer = empty.post(f"{API}/{path}", json=body, headers=headers)
        return answer.status_code, answer.json()["result"]

    assert told("plans", PLAN, "p1", "H1") == (201, "applied")
    assert told("key-results/KR1/updates", {**UPDATE, "revision": 5}, "u5", "H1") == (201, "applied")
    other = {**UPDATE, "value": 0.4}
    assert told("key-results/KR1/updates", other, "u5", "H2") == (201, "applied")
    assert told("key-results/KR1/updates", other, "u5", "H2") == (201, "applied")
    (kr,) = rows(empty, "key-results")
    assert (kr["value"], kr["revision"]) == (0.4, 1)


@pytest.mark.parametrize(
    "query",
    ["points?from=yesterday", "points?from=2026-11-21T08:00:00", "points?limit=0", "points?limit=100001",
     "days?from=x", "events?kind=outbox"],
)  # fmt: skip
def test_a_wrong_parameter_is_a_problem_that_names_it(seeded, query):
    response = seeded.get(f"{API}/{query}")
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")
    assert query.split("?")[1].split("=")[0] in response.json()["detail"]


def test_head_is_answered_as_get_is_without_the_body(seeded):
    for path in ("/", "/health", "/metrics", f"{API}/characteristics", f"{API}/events", "/assets/board.css"):
        answer = seeded.head(path)
        assert (answer.status_code, answer.content) == (200, b""), path
        assert "Content-Security-Policy" in answer.headers
    assert seeded.head(f"{API}/nothing").status_code == 404


def test_a_browser_that_goes_astray_gets_a_page(seeded):
    answer = seeded.get("/nothing/<b>", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert "/nothing/&lt;b&gt;" in answer.text


def test_an_unknown_path_is_a_problem(seeded):
    response = seeded.get(f"{API}/nothing")
    assert (response.status_code, response.json()["title"]) == (404, "Not Found")
    assert response.headers["content-type"] == "application/problem+json"


def test_health_and_metrics_tell_how_far_the_engine_is(seeded):
    engine = seeded.get("/health").json()["processes"]["engine"]
    assert engine["last_tick"] == "2026-11-21T13:00:00Z"
    assert engine["last_row"] == engine["applied_seq"] > 200
    text = seeded.get("/metrics").text
    assert 'plumbline_rejected_total{connector="line1",reason="not-json"} 1.0' in text
    assert 'plumbline_alerts{state="open"} 2.0' in text
    assert "plumbline_open_gaps 1.0" in text


def test_every_answer_forbids_what_is_not_from_here(seeded):
    for path in ("/", "/health", f"{API}/nothing", "/assets/board.css"):
        headers = seeded.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'self'; ")
        assert "unsafe" not in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")


def test_other_hosts_and_other_origins_are_refused(seeded):
    assert seeded.get("/health", headers={"Host": "evil.example"}).status_code == 421
    port = seeded.base_url.port
    body = {"kind": "accept-limits", "characteristic": NAMES[BORE], "who": "mallory"}
    for origin in ("http://evil.example", f"http://127.0.0.1:{port + 1}", "null"):
        assert seeded.post(f"{API}/commands", json=body, headers={"Origin": origin}).status_code == 403
    own = {"Origin": f"http://localhost:{port}", "Host": f"localhost:{port}"}
    assert seeded.post(f"{API}/commands", json={**body, "who": ""}, headers=own).status_code == 422


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_long_is_refused(seeded, chunked):
    body = b" " * (1 << 20) + b"{}"
    content = iter([body]) if chunked else body
    response = seeded.post(f"{API}/commands", content=content, headers={"Content-Type": "application/json"})
    assert response.status_code == 413


def test_openapi_describes_the_fields_of_the_tables(seeded):
    paths = seeded.get("/openapi.json").json()["paths"]
    schema = paths[f"{API}/days"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert {"cpk", "cpk_lower", "verdict"} <= schema["items"]["properties"].keys()
    assert f"{API}/alerts/{{name}}/events" in paths
    for path, has in (("points", True), ("readings", True), ("signals", True), ("days", False)):
        schema = paths[f"{API}/{path}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        assert ("shift" in schema["items"]["properties"]) == has, path


# --- the OKR store over HTTP


PLAN = {
    "plan_seq": 1, "time": "2026-11-21T00:00:00Z",
    "objectives": [{"id": "O1", "title": "T", "level": "post", "owner": "", "parent": "", "period": "2026-Q4",
                    "first_day": "2026-10-01", "last_day": "2026-12-31"}],
    "key_results": [{"id": "KR1", "objective": "O1", "title": "T", "metric": "m", "kind": "reach", "start": 0.9,
                     "target": 1.33, "direction": "at-least", "required_share": None}],
}  # fmt: skip
UPDATE = {"key_result": "KR1", "revision": 1, "as_of": "2026-11-21T00:15:00.000Z", "day": "2026-11-20", "value": 1.1,
          "progress": 0.46, "expected": None, "status": "yellow", "reason": "behind", "n": 125, "lower": 1.0,
          "members": 1, "counted": 1, "verdicts": [], "sources": [], "history": {"rows": [1]}}  # fmt: skip


def push(client: httpx.Client, path: str, body: object, key: str | None) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(f"{API}/{path}", json=body, headers=headers)


def test_a_push_is_answered_once_and_conflicts_are_problems(empty):
    assert push(empty, "plans", PLAN, "p1").status_code == 201
    first = push(empty, "key-results/KR1/updates", UPDATE, "u1")
    assert (first.status_code, first.json()["result"]) == (201, "applied")
    again = push(empty, "key-results/KR1/updates", UPDATE, "u1")
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    for key in ("u1", "u2"):
        other = push(empty, "key-results/KR1/updates", {**UPDATE, "value": 1.2}, key)
        assert (other.status_code, other.headers["content-type"]) == (409, "application/problem+json")
    lower = push(empty, "key-results/KR1/updates", {**UPDATE, "revision": 0}, "u0")
    assert (lower.status_code, lower.json()["result"]) == (200, "ignored")
    assert push(empty, "key-results/KR1/updates", UPDATE, None).status_code == 422
    assert push(empty, "key-results/KR2/updates", UPDATE, "u3").status_code == 422
    assert push(empty, "key-results/KR2/updates", {**UPDATE, "key_result": "KR2"}, "u4").status_code == 201
    kr, bare = rows(empty, "key-results")
    assert (bare["title"], bare["objective"]) == ("KR2", "")
    assert (kr["value"], kr["status"], kr["history"], kr["target"]) == (1.1, "yellow", {"rows": [1]}, 1.33)
    assert empty.get(f"{API}/key-results/KR1").json() == kr
    assert [row["revision"] for row in rows(empty, "key-results/KR1/updates")] == [1]
    assert rows(empty, "objectives")[0]["key_results"] == [kr]


def test_numbers_that_are_none_are_refused(empty):
    push(empty, "plans", PLAN, "p1")
    content = json.dumps({**UPDATE, "value": float("nan")})
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    assert empty.post(f"{API}/key-results/KR1/updates", content=content, headers=headers).status_code == 422


def test_an_alerts_task_is_taken_through_its_steps(empty):
    alert = {"alert": "a/1", "revision": 1, "characteristic": NAMES[BORE], "rule": "cpk-below-floor", "state": "open",
             "days": [{"day": "2026-11-20", "cpk": 1.0, "n": 125, "verdict": "ok"}],
             "as_of": "2026-11-21T00:15:00Z"}  # fmt: skip
    assert push(empty, "alerts", alert, "a1").status_code == 201
    assert empty.post(f"{API}/clock", json={"tick": "2026-11-22T00:16:00Z"}).json()["escalated"] == ["a/1"]
    late = push(empty, "alerts/a/1/events", {"event": "plan", "who": "li", "text": "new tool"}, None)
    assert late.status_code == 409
    for event in ("acknowledge", "plan"):
        assert (
            push(
                empty, "alerts/a/1/events", {"event": event, "who": "li", "text": "new tool"}, f"e-{event}"
            ).status_code
            == 201
        )
    assert (
        push(empty, "alerts/a/1/events", {"event": "plan", "who": "li", "text": "new tool"}, "e-plan").status_code
        == 201
    )
    shown = empty.get(f"{API}/alerts/a/1").json()
    assert (shown["task"]["state"], shown["task"]["escalated"], shown["task"]["next"]) == ("planned", True, "verify")
    assert [event["event"] for event in shown["events"]] == ["escalate", "acknowledge", "plan"]
    assert rows(empty, "alerts", state="recovered") == []
    assert [line["who"] for line in rows(empty, "operations")] == ["plumbline", "clock", "li", "li"]
    assert empty.get(f"{API}/alerts/none").status_code == 404


def test_a_command_lies_in_the_table_that_the_gateway_reads(tmp_path):
    seed_history(tmp_path / "history.db")
    with serving(tmp_path) as client:
        client.post(f"{API}/clock", json={"tick": "2026-11-21T00:00:00Z"})
        body = {"kind": "accept-limits", "characteristic": NAMES[BORE], "who": "li"}
        assert push(client, "commands", body, "c1").json()["command"] == 1
        assert push(client, "commands", body, "c1").json()["command"] == 1
        assert push(client, "commands", {**body, "kind": "stop"}, "c2").status_code == 422
        unknown = push(client, "commands", {**body, "characteristic": "line9/op1/none"}, "c3")
        assert (unknown.status_code, unknown.json()["detail"]) == (404, "no characteristic 'line9/op1/none'")
        old = push(client, "commands", {**body, "revision": 2}, "c4")
        assert old.status_code == 409
        assert "have revision 1 by now, not 2" in old.json()["detail"]
        assert push(client, "commands", {**body, "revision": 1}, "c5").status_code == 201
    db = sqlite3.connect(tmp_path / "okr.db")
    row, seen = db.execute("SELECT id, at, who, kind, body FROM command").fetchall()
    db.close()
    assert json.loads(seen[4]) == {"characteristic": NAMES[BORE], "revision": 1}
    assert row[:4] == (1, "2026-11-21T00:00:00Z", "li", "accept-limits")
    assert json.loads(row[4]) == {"characteristic": NAMES[BORE]}


# --- the process


def test_a_question_that_takes_too_long_is_ended_and_lets_go_of_the_history(tmp_path: Path) -> None:
    seed_history(tmp_path / "history.db")
    history = History(tmp_path / "history.db", read_seconds=0.05)
    for_ever = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(HTTPException, match=r"took longer than 0\.05 s") as caught:
        answer(history, lambda view: view.db.execute(for_ever).fetchall())
    assert caught.value.status_code == 503


def test_a_second_web_process_is_refused(tmp_path):
    with serving(tmp_path), pytest.raises(AlreadyRunning, match="web"):
        web.run(plant_file(tmp_path, free_port()), tmp_path, threading.Event())


def test_a_port_in_use_is_one_clear_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(web.WebError, match=r"cannot listen at 127\.0\.0\.1:\d+: .*in use"):
            web.run(plant_file(tmp_path, taken.getsockname()[1]), tmp_path, threading.Event())


def test_a_clock_that_is_centuries_ahead_is_refused(tmp_path):
    with serving(tmp_path) as client:
        assert client.post(f"{API}/clock", json={"tick": "2026-11-21T00:00:00Z"}).status_code == 200
        answer = client.post(f"{API}/clock", json={"tick": "9999-12-31T23:59:59Z"})
        assert (answer.status_code, "before 2200" in answer.text) == (422, True)
