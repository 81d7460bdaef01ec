"""Who gets in at a real web process, and what for: tokens, roles, sessions, hosts and origins."""

import logging
import re
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from board.app import create_app
from board.goals import Okr
from config.roles import Role
from connectors.okr import OkrClient
from connectors.tokens import PUSH_FILE, add_token, revoke_token
from okr.api import router
from okr.board import Goals
from okr.store import Store
from tests.seeding import ALERT, BORE, NAMES, seed_history, seed_okr
from tests.serving import serving

API = "/api/v1"
ROLES = ("nobody", *Role)
LOOKING = {"read", "write", "admin"}
ACTING = {"write", "admin"}
PUSHING = {"push", "admin"}
# Everything but this is closed to who shows no token, and whatever is not here is LOOKING or ACTING by its method.
OPEN = {("GET", "/login"), ("POST", "/login"), ("POST", "/logout"), ("POST", "/preferences"), ("GET", "/health"),
        ("GET", "/favicon.ico"), ("GET", "/assets/board.css")}  # fmt: skip
SPECIAL = {
    ("GET", f"{API}/operations"): {"admin"},
    ("POST", f"{API}/plans"): PUSHING,
    ("POST", f"{API}/alerts"): PUSHING,
    ("POST", f"{API}/clock"): PUSHING,
    ("POST", f"{API}/key-results/x/updates"): ACTING | PUSHING,
}
BY_HAND = {"evidence": "report 7"}
UPDATE = {"key_result": "KR1", "revision": 99, "as_of": "2026-11-21T09:00:00Z", "status": "green"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("access")
    seed_history(folder / "history.db")
    seed_okr(f"sqlite:///{folder / 'okr.db'}")
    return folder


@pytest.fixture(scope="module")
def shown(data: Path) -> dict[str, dict[str, str]]:
    """The header that each role shows."""
    made = {str(role): {"Authorization": f"Bearer {add_token(data, f'the {role}', role)}"} for role in Role}
    return {"nobody": {}, **made}


@pytest.fixture(scope="module")
def client(data: Path, shown: dict[str, dict[str, str]]) -> Iterator[httpx.Client]:
    with serving(data) as client:
        yield client


def all_routes(folder: Path) -> list[tuple[str, str]]:
    """Method and an address of every route of the application."""
    store = Store(f"sqlite:///{folder / 'other.db'}")
    app = create_app(folder / "history.db", Okr(router(store), Goals(store)))
    store.close()
    found = set()
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, Mount):
            assert context.original_route.path == "/assets", "what is mounted there?"
            found.add(("GET", "/assets/board.css"))
            continue
        path = re.sub(r"\{[a-z_]+(:path)?\}", "x", context.path or "")
        found |= {(method, path) for method in context.methods or () if method != "HEAD"}
    return sorted(found)


def answer(client: httpx.Client, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    """The head of the answer: an event stream has no end."""
    with client.stream(method, path, headers=headers) as response:
        if "event-stream" not in response.headers.get("content-type", ""):
            response.read()
        return response


def test_every_route_is_closed_but_to_the_roles_that_need_it(
    client: httpx.Client, shown: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    routes = all_routes(tmp_path)
    assert set(routes) >= OPEN
    assert set(SPECIAL) <= set(routes)
    assert len(routes) > 30
    for method, path in routes:
        usual = LOOKING if method == "GET" else ACTING
        wanted = set(ROLES) if (method, path) in OPEN else SPECIAL.get((method, path), usual)
        for role in ROLES:
            status = answer(client, method, path, shown[role]).status_code
            let_in = status not in (401, 403) or (path == "/login" and method == "POST" and status == 403)
            assert let_in == (role in wanted), f"{role}: {method} {path}: {status}"
            if role == "nobody" and not let_in:
                assert status == 401


@pytest.mark.parametrize("path", ["/nothing", "/assets/../okr", "/assets", "/login/", "/health/", f"{API}/plans%0A",
                                  "//health", "/Health", "/%2e%2e/okr", f"{API}/alerts/a/b/c"])  # fmt: skip
def test_what_is_no_route_is_closed_too(client: httpx.Client, path: str) -> None:
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"):
        assert client.request(method, path).status_code in (401, 404), method


def test_a_route_that_matches_a_line_break_is_not_found(client: httpx.Client, shown: dict[str, dict[str, str]]) -> None:
    body = {"plan_seq": 9, "objectives": [], "key_results": []}
    for ending in ("%0A", "%0D", "%00"):
        done = client.post(f"{API}/plans{ending}", json=body, headers={**shown["write"], "Idempotency-Key": "n"})
        assert done.status_code == 404


def test_health_without_a_token_says_no_more_than_that_it_lives(
    client: httpx.Client, shown: dict[str, dict[str, str]]
) -> None:
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/health", headers=shown["read"]).json()["processes"]["engine"]["applied_seq"] > 0
    assert client.get("/metrics").status_code == 401
    assert "plumbline_up" in client.get("/metrics", headers=shown["read"]).text


def test_who_shows_a_token_is_who_did_it(client: httpx.Client, shown: dict[str, dict[str, str]]) -> None:
    step = client.post(f"{API}/alerts/{ALERT}/events", json={"event": "acknowledge", "who": "mallory"},
                       headers=shown["write"])  # fmt: skip
    assert (step.status_code, step.json()["events"][-1]["who"]) == (201, "the write")
    order = {"kind": "accept-limits", "characteristic": NAMES[BORE]}
    assert client.post(f"{API}/commands", json=order, headers=shown["admin"]).json()["who"] == "the admin"
    moved = {"headers": {**shown["write"], "Idempotency-Key": "by-hand"}, "json": BY_HAND}
    assert client.post(f"{API}/key-results/KR5/updates", **moved).json()["who"] == "the write"
    log = client.get(f"{API}/operations", headers=shown["admin"]).json()
    assert [line["who"] for line in log[-3:]] == ["the write", "the admin", "the write"]


def test_people_move_milestones_and_programs_all_else(client: httpx.Client, shown: dict[str, dict[str, str]]) -> None:
    def push(role: str, body: dict[str, object]) -> int:
        headers = {**shown[role], "Idempotency-Key": f"{role} {sorted(body)}"}
        return client.post(f"{API}/key-results/KR1/updates", json=body, headers=headers).status_code

    assert (push("write", UPDATE), push("push", BY_HAND)) == (403, 403)
    assert push("push", UPDATE) == 201
    assert push("write", BY_HAND) == 422  # KR1 is no milestone


def test_the_forwarder_gets_in_with_the_secret_beside_the_data(client: httpx.Client, data: Path) -> None:
    okr = OkrClient(str(client.base_url), token_file=data / PUSH_FILE, built_in=True)
    assert okr.post(f"{API}/clock", "k", '{"tick": "2026-11-21T13:00:00Z"}').status == 200
    okr.close()


def signed_in(client: httpx.Client, header: dict[str, str], **more: str) -> httpx.Response:
    token = header["Authorization"].removeprefix("Bearer ")
    return client.post("/login", data={"token": token, **more})


def test_a_browser_signs_in_once_acts_and_signs_out(client: httpx.Client, shown: dict[str, dict[str, str]]) -> None:
    html = {"Accept": "text/html"}
    asked = client.get("/okr?line=l1%2Fa&x=%22", headers=html)
    assert (asked.status_code, asked.headers["location"]) == (303, "/login?next=/okr%3Fline%3Dl1%252Fa%26x%3D%2522")
    form = client.get(asked.headers["location"])
    assert (form.status_code, 'value="/okr?line=l1%2Fa&amp;x=%22"' in form.text) == (200, True)
    done = signed_in(client, shown["write"], next="/okr?line=l1")
    assert (done.status_code, done.headers["location"]) == (303, "/okr?line=l1")
    cookie = SimpleCookie(done.headers["set-cookie"])["plumbline-suzhou-1"]
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"], cookie["path"]) == (True, "strict", "", "/")
    assert cookie["max-age"] == str(168 * 3600)
    session = {"Cookie": f"plumbline-suzhou-1={cookie.value}"}
    client.cookies.clear()
    assert client.get("/", headers={**html, **session}).status_code == 200
    assert "You are signed in as <strong>the write</strong>" in client.get("/login", headers=session).text

    port = client.base_url.port
    step = {"event": "plan", "text": "new tool"}
    own = {"Origin": f"http://127.0.0.1:{port}"}
    for other in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        assert client.post(f"{API}/alerts/{ALERT}/events", json=step, headers={**session, **other}).status_code == 403
    done = client.post(f"{API}/alerts/{ALERT}/events", json=step, headers={**session, **own})
    assert (done.status_code, done.json()["events"][-1]["who"]) == (201, "the write")

    left = client.post("/logout", headers={**session, **own})
    assert (left.status_code, left.headers["location"]) == (303, "/login")
    assert 'plumbline-suzhou-1=""' in left.headers["set-cookie"]
    assert client.get("/", headers={**html, **session}).status_code == 303


def test_a_link_on_another_site_leads_here_though_its_cookie_is_strict(client: httpx.Client) -> None:
    """The browser keeps the cookie back then; the page that it gets leads it on from here, and it sends it."""
    headers = {"Accept": "text/html", "Sec-Fetch-Site": "cross-site"}
    again = client.get('/characteristics/a%22%3E%3Cb?x="&y=<', headers=headers)
    assert again.status_code == 200
    assert 'content="0;url=/characteristics/a%22%3E%3Cb?x=' in again.text
    assert "<b" not in again.text


def test_a_session_and_a_stream_end_when_the_token_is_revoked(
    client: httpx.Client, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("board.api.events.HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr("board.access.gate.LOOK_SECONDS", 0.0)
    token = {"Authorization": f"Bearer {add_token(data, 'guest', Role.READ)}"}
    signed_in(client, token)
    with client.stream("GET", f"{API}/events") as events:
        lines = events.iter_lines()
        assert next(lines) == "retry: 1000"
        revoke_token(data, "guest")
        for _ in lines:
            pass  # it ends, or the client's time-out says that it does not
    assert client.get(f"{API}/characteristics").status_code == 401
    assert client.get(f"{API}/characteristics", headers=token).status_code == 401
    client.cookies.clear()


def test_guessing_is_slowed_down_and_no_token_comes_into_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shown = {str(role): {"Authorization": f"Bearer {add_token(tmp_path, f'the {role}', role)}"} for role in Role}
    with serving(tmp_path) as client:
        assert signed_in(client, shown["admin"]).status_code == 303
        client.cookies.clear()
        statuses = [client.post("/login", data={"token": f"plumbline_guess{k}"}).status_code for k in range(11)]
        assert statuses == [403] * 10 + [429]
        late = signed_in(client, shown["admin"])
        assert (late.status_code, 0 < int(late.headers["retry-after"]) <= 61) == (429, True)
        guess = {"Authorization": "Bearer plumbline_guess"}
        assert client.get("/okr", headers=guess).status_code == 429
        assert client.get("/", headers=shown["read"]).status_code == 200  # who has one is not kept out by others
    assert "the admin has signed in from 127.0.0.1 (admin)" in caplog.text
    assert "somebody at 127.0.0.1 tried to sign in with what is no token" in caplog.text
    secrets = [header["Authorization"].removeprefix("Bearer ") for header in shown.values()]
    for secret in (*secrets, "plumbline_guess", (tmp_path / PUSH_FILE).read_text()):
        assert secret not in caplog.text


def test_a_form_of_the_pushing_secret_or_of_rubbish_signs_nobody_in(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        add_token(tmp_path, "wang", Role.READ)
        for body in (f"token={(tmp_path / PUSH_FILE).read_text()}", "token=" + "x" * 5000, "\xff=\xfe", "&" * 100, "a"):
            assert client.post("/login", content=body.encode("latin-1")).status_code == 403


def test_beyond_this_machine_nobody_comes_in_before_there_is_a_token(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    more = 'host = "0.0.0.0"\npublic_urls = ["https://plumbline.plant.example", "http://board:8080"]\n'
    with serving(tmp_path, more) as client:
        assert "a token is needed, and there is none" in caplog.text
        assert "No token has been made yet" in client.get("/login").text
        assert [client.get(path).status_code for path in ("/health", "/", f"{API}/days")] == [200, 401, 401]
        header = {"Authorization": f"Bearer {add_token(tmp_path, 'first', Role.ADMIN)}"}
        assert client.get(f"{API}/objectives", headers=header).status_code == 200

        proxied = {"Host": "plumbline.plant.example", "Origin": "https://plumbline.plant.example"}
        token = header["Authorization"].removeprefix("Bearer ")
        done = client.post("/login", data={"token": token}, headers=proxied)
        assert (done.status_code, "; Secure" in done.headers["set-cookie"]) == (303, True)
        board = {"Host": "board:8080", "Origin": "http://board:8080"}
        assert "; Secure" not in client.post("/login", data={"token": token}, headers=board).headers["set-cookie"]
        assert client.get("/health", headers={"Host": "other.example"}).status_code == 421
        wrong = {"Host": "plumbline.plant.example", "Origin": "https://evil.example"}
        assert client.post("/login", data={"token": token}, headers=wrong).status_code == 403


def test_on_this_machine_alone_all_is_open_until_there_is_a_token(tmp_path: Path) -> None:
    with serving(tmp_path) as client:
        assert client.get(f"{API}/operations").status_code == 200
        assert "Nobody needs to sign in here" in client.get("/login").text
        add_token(tmp_path, "wang", Role.READ)
        assert client.get(f"{API}/operations").status_code == 401
