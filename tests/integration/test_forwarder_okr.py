import asyncio
import json
import logging
import socket
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
import uvicorn
from fastapi import FastAPI, Request, Response

from config.web import WebOptions
from connectors.errors import AlreadyRunning, TargetAway
from connectors.history import CommitUnit, HistoryWriter
from connectors.okr import OkrClient, header_value
from tests.forwarding import History, eventually, forwarder_process, forwarding, plant_file
from tests.history_rows import TIME, Row, row_of


class Recorder:
    """A store that records what is pushed and answers as told: a list of (status, seconds to wait) per path."""

    def __init__(self, port: int = 0) -> None:
        self.seen: list[tuple[str, str, str]] = []  # path, key, body
        self.histories: list[str] = []
        self.says_store = True
        self.told: dict[str, list[tuple[int, float]]] = {}
        # the protocol is named: asyncio switches Nagle's algorithm off only where it is
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self.port = int(self._socket.getsockname()[1])
        app = FastAPI()

        @app.post("/{path:path}")
        async def receive(request: Request) -> Response:
            path = request.url.path
            body = (await request.body()).decode()
            self.seen.append((path, request.headers["idempotency-key"], body))
            status, seconds = self.told[path].pop(0) if self.told.get(path) else (200, 0.0)
            await asyncio.sleep(seconds)
            headers = {"Plumbline-Store": "S"} if self.says_store else {}
            self.histories.append(request.headers.get("plumbline-history", ""))
            return Response(json.dumps({"said": status}), status, headers, "application/problem+json")

        self._server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
        self._thread = Thread(target=self._server.run, args=([self._socket],), daemon=True)
        self._thread.start()

    def pushed(self) -> list[str]:
        """The keys that came, the clock's left out."""
        return [key for path, key, _ in self.seen if path != "/api/v1/clock"]

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()


@pytest.fixture
def store() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    recorder.close()


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    made = History(tmp_path)
    yield made
    made.writer.close()


def outbox(row: int, path: str = "/api/v1/alerts") -> Row:
    return row_of("outbox", row, path=path, key=f"key-{row}", body=json.dumps({"row": row, "title": "Größe"}))


def quarantined(data: Path) -> list[Row]:
    db = sqlite3.connect(f"{(data / 'forwarder.db').as_uri()}?mode=ro", uri=True)
    found = db.execute(
        'SELECT "target", "reason", "row", "detail", "body" FROM "quarantine" ORDER BY "number"'
    ).fetchall()
    db.close()
    return found


def test_the_outbox_is_pushed_once_in_row_order_and_then_the_clock(
    store: Recorder, history: History, tmp_path: Path
) -> None:
    history.add(outbox=[outbox(1, "/api/v1/plans"), outbox(2), outbox(3)])
    history.add(metric=[row_of("metric", 4, metric="m")])
    history.add(outbox=[outbox(5, "/api/v1/key-results/KR1/updates")])
    with forwarding(plant_file(tmp_path, port=store.port), tmp_path):
        eventually(lambda: len(store.seen) == 5, "four rows and the clock")
    expected = [(row, f"key-{row}") for row in (1, 2, 3, 5)]
    assert store.pushed() == [key for _, key in expected]
    assert [json.loads(body)["row"] for _, _, body in store.seen[:4]] == [row for row, _ in expected]
    assert json.loads(store.seen[0][2])["title"] == "Größe"
    assert store.seen[0][0] == "/api/v1/plans"
    assert store.seen[4] == ("/api/v1/clock", "clock-5000000000", '{"tick":"1970-01-01T00:00:05.000Z"}')
    with forwarding(plant_file(tmp_path, port=store.port), tmp_path):
        eventually(lambda: len(store.seen) == 6, "after a restart only the clock is told again")
    assert store.pushed() == [key for _, key in expected]


def test_a_failing_store_is_tried_again_until_it_takes_the_row_and_order_is_kept(
    store: Recorder, history: History, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="forwarder")
    store.told["/api/v1/alerts"] = [(200, 0), (500, 0), (503, 0), (429, 0)]
    history.add(outbox=[outbox(1), outbox(2), outbox(3)])
    with forwarding(plant_file(tmp_path, port=store.port), tmp_path):
        eventually(lambda: len(store.pushed()) == 6, "all of them")
    assert store.pushed() == ["key-1", "key-2", "key-2", "key-2", "key-2", "key-3"]
    assert quarantined(tmp_path) == []
    assert sum("trying again" in record.message for record in caplog.records) == 3  # 500, 503, 429: once each
    assert sum("takes results again" in record.message for record in caplog.records) == 1


def test_a_hanging_store_gets_the_same_row_again(store: Recorder, history: History, tmp_path: Path) -> None:
    store.told["/api/v1/alerts"] = [(200, 2.0)]
    history.add(outbox=[outbox(1), outbox(2)])
    with forwarding(plant_file(tmp_path, port=store.port), tmp_path, timeout_seconds=0.3):
        eventually(lambda: len(store.pushed()) == 3, "the row that hung, once more, and the next")
    assert store.pushed() == ["key-1", "key-1", "key-2"]


def test_what_is_refused_is_kept_with_the_answer_and_the_next_row_goes_on(
    store: Recorder, history: History, tmp_path: Path
) -> None:
    store.told["/api/v1/alerts"] = [(409, 0), (200, 0), (422, 0)]
    history.add(outbox=[outbox(1), outbox(2), outbox(3), outbox(4)])
    with forwarding(plant_file(tmp_path, port=store.port), tmp_path):
        eventually(lambda: len(store.pushed()) == 4, "all four were pushed")
        eventually(lambda: len(quarantined(tmp_path)) == 2, "two are kept")
    assert store.pushed() == ["key-1", "key-2", "key-3", "key-4"]
    found = quarantined(tmp_path)
    assert [row[:3] for row in found] == [("store", "http-409", 1), ("store", "http-422", 3)]
    assert found[0][3] == 'POST /api/v1/alerts, key key-1: {"said": 409}'
    assert found[0][4] == json.dumps({"row": 1, "title": "Größe"})


def test_only_the_last_hundred_refusals_of_a_reason_are_kept(store: Recorder, history: History, tmp_path: Path) -> None:
    store.told["/api/v1/alerts"] = [(409, 0)] * 120
    history.add(outbox=[outbox(row) for row in range(1, 122)])
    with forwarding(plant_file(tmp_path, port=store.port), tmp_path):
        eventually(lambda: len(store.pushed()) == 121, "all were pushed")
        eventually(lambda: len(quarantined(tmp_path)) == 100, "the last hundred are kept")
    assert [row[2] for row in quarantined(tmp_path)] == list(range(21, 121))


def test_a_store_that_starts_later_gets_everything(tmp_path: Path, history: History) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    history.add(outbox=[outbox(1), outbox(2)])
    with forwarding(plant_file(tmp_path, port=port), tmp_path):
        time.sleep(0.7)
        store = Recorder(port)
        eventually(lambda: store.pushed() == ["key-1", "key-2"], "both, in order")
    store.close()


def test_an_absent_influxdb_does_not_hold_the_store_up(store: Recorder, history: History, tmp_path: Path) -> None:
    history.add(metric=[row_of("metric", 1, metric="m", time=TIME, value=1.0)])
    plant = plant_file(tmp_path, port=store.port, influx="http://127.0.0.1:9")  # discard: nobody is there
    with forwarding(plant, tmp_path):
        for row in range(2, 12):
            history.add(outbox=[outbox(row)])
        eventually(lambda: len(store.pushed()) == 10, "all ten rows")


def test_it_waits_for_the_history_and_notices_a_rebuilt_one(store: Recorder, tmp_path: Path) -> None:
    with forwarding(plant_file(tmp_path, port=store.port), tmp_path):
        time.sleep(0.3)
        first = History(tmp_path)
        first.add(outbox=[outbox(1)])
        eventually(lambda: store.pushed() == ["key-1"], "the first history's row")
        first.writer.close()
        for suffix in ("", "-wal", "-shm"):
            (tmp_path / f"history.db{suffix}").unlink(missing_ok=True)
        rebuilt = History(tmp_path)
        rebuilt.add(outbox=[outbox(1), outbox(2)])
        eventually(lambda: store.pushed() == ["key-1", "key-1", "key-2"], "from row 0, under the same keys")
    rebuilt.writer.close()


def test_a_what_if_is_never_pushed(store: Recorder, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    writer = HistoryWriter(tmp_path / "history.db", "J", kind="what-if")
    writer.commit(CommitUnit(1, 1, 1_000_000_000, {"outbox": [outbox(1)]}))
    with forwarding(plant_file(tmp_path, port=store.port), tmp_path):
        eventually(lambda: "holds a what-if" in caplog.text, "it is said")
        time.sleep(0.5)
    writer.close()
    assert store.seen == []


def test_killed_between_the_push_and_the_cursor_it_pushes_again_under_the_same_key(
    store: Recorder, history: History, tmp_path: Path
) -> None:
    store.told["/api/v1/alerts"] = [(200, 0), (200, 60.0)]  # the second is received, its answer never comes
    history.add(outbox=[outbox(1), outbox(2), outbox(3)])
    plant = plant_file(tmp_path, port=store.port)
    process = forwarder_process(plant, tmp_path)
    try:
        eventually(lambda: len(store.pushed()) == 2, "the second push is under way")
    finally:
        process.kill()
        process.wait(10)
    with forwarding(plant, tmp_path):
        eventually(lambda: len(store.pushed()) == 4, "the rest")
    assert store.pushed() == ["key-1", "key-2", "key-2", "key-3"]
    bodies = [body for _, key, body in store.seen if key == "key-2"]
    assert bodies[0] == bodies[1]


def test_a_second_forwarder_is_refused(store: Recorder, history: History, tmp_path: Path) -> None:
    plant = plant_file(tmp_path, port=store.port)
    history.add(outbox=[outbox(1)])
    with forwarding(plant, tmp_path):
        eventually(lambda: store.pushed() == ["key-1"], "the first one runs")
        with pytest.raises(AlreadyRunning), forwarding(plant, tmp_path) as second:
            second.join(10)


@pytest.mark.parametrize("status", [401, 403, 404, 405, 408, 421, 302])
def test_a_store_that_does_not_let_us_in_is_no_refusal(store: Recorder, status: int) -> None:
    store.told["/x"] = [(status, 0)]
    client = OkrClient(f"http://127.0.0.1:{store.port}", token="secret")
    with pytest.raises(TargetAway, match=f"POST /x: status {status}") as raised:
        client.post("/x", "k", "{}")
    assert raised.value.sort == str(status)
    assert "secret" not in str(raised.value)
    client.close()


@pytest.mark.parametrize("status", [200, 201, 400, 409, 422])
def test_another_server_at_the_stores_address_has_neither_taken_nor_refused(store: Recorder, status: int) -> None:
    store.says_store = False
    store.told["/x"] = [(status, 0), (status, 0)]
    client = OkrClient(f"http://127.0.0.1:{store.port}", built_in=True)
    with pytest.raises(TargetAway, match="something else answers there"):
        client.post("/x", "k", "{}")
    client.close()
    foreign = OkrClient(f"http://127.0.0.1:{store.port}")
    assert foreign.post("/x", "k", "{}").status == status
    foreign.close()


def test_a_body_that_is_too_long_is_refused_before_the_store_names_itself(store: Recorder) -> None:
    store.says_store = False
    store.told["/x"] = [(413, 0)]
    client = OkrClient(f"http://127.0.0.1:{store.port}", built_in=True)
    assert not client.post("/x", "k", "{}").taken
    client.close()


def test_what_is_pushed_names_its_history(store: Recorder, history: History, tmp_path: Path) -> None:
    history.add(outbox=[outbox(1)])
    with forwarding(plant_file(tmp_path, port=store.port), tmp_path):
        eventually(lambda: len(store.seen) == 2, "the row and the clock")
    assert store.histories == [history.writer.meta.history_uuid] * 2


def test_a_key_in_any_script_travels_in_a_header(store: Recorder) -> None:
    client = OkrClient(f"http://127.0.0.1:{store.port}")
    assert client.post("/x", "KR1:Größe 5%\n", "{}").taken
    client.close()
    assert store.seen[0][1] == "KR1:Gr%C3%B6%C3%9Fe%205%25%0A"
    assert header_value("KR1/2026-11-21/3/abc_DEF-0.9") == "KR1/2026-11-21/3/abc_DEF-0.9"


def test_the_built_in_store_is_found_on_this_machine() -> None:
    everywhere = {"public_urls": ("https://plumbline.plant.example",)}
    assert WebOptions().store_url == "http://127.0.0.1:8080"
    assert WebOptions(host="0.0.0.0", port=81, **everywhere).store_url == "http://127.0.0.1:81"
    assert WebOptions(host="::", port=81, **everywhere).store_url == "http://[::1]:81"
    assert WebOptions(internal_url="http://web:8080").store_url == "http://web:8080"
    assert WebOptions(tls={"cert": "a", "key": "b"}).store_url == "https://127.0.0.1:8080"
