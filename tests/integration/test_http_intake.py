"""The HTTP intake on a real gateway: answered once on disk, told what is wrong, refused without the token."""

import json
import socket
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from config.load import load
from connectors.journal import SYSTEM, JournalReader
from flows.gateway import run
from tests.servers import free_port

PLANT = """
[plant]
id = "p1"
timezone = "UTC"
[connectors.forms]
type = "http"
port = {port}
token_env = "TOKEN"
topics = ["{{line}}/{{station}}/{{kind}}"]
[characteristics."line1/op10/bore"]
usl = 10.0
"""
BEARER = {"Authorization": "Bearer s3cret"}


class Gateway:
    """A gateway with an HTTP connector, in a thread."""

    def __init__(self, folder: Path, port: int) -> None:
        (folder / "plant.toml").write_text(PLANT.format(port=port))
        self.data, self._stop = folder / "data", threading.Event()
        self._thread = threading.Thread(target=run, args=(load(folder / "plant.toml"), self.data), kwargs=self._options)
        self.url = f"http://127.0.0.1:{port}/intake"
        self._thread.start()

    @property
    def _options(self) -> dict[str, object]:
        return {"stop": self._stop, "environ": {"TOKEN": "s3cret"}}

    def post(self, topic: str, body: object, headers: dict[str, str] = BEARER) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        with httpx.Client(transport=httpx.HTTPTransport(retries=20)) as client:
            return client.post(f"{self.url}/{topic}", content=content, headers=headers, timeout=30.0)

    def entries(self) -> list[tuple[str, bytes]]:
        reader = JournalReader(self.data / "journal")
        return [(one.topic, one.payload) for one in reader.read(0, 1000) if one.connector != SYSTEM]

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(20.0)
        assert not self._thread.is_alive()


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    running = Gateway(tmp_path, free_port())
    yield running
    running.stop()


def test_a_message_is_on_disk_when_it_is_answered(gateway: Gateway) -> None:
    answer = gateway.post("line1/op10/measurements", {"values": {"bore": 9.5}, "id": "g1"})
    assert (answer.status_code, answer.json()) == (200, {"state": "on disk", "refused": []})
    assert gateway.entries() == [("line1/op10/measurements", b'{"values": {"bore": 9.5}, "id": "g1"}')]


def test_the_topic_may_stand_behind_the_question_mark(gateway: Gateway) -> None:
    url = f"{gateway.url}?topic=line1/op10/measurements"
    with httpx.Client(transport=httpx.HTTPTransport(retries=20)) as client:
        assert client.post(url, content=b'{"values": {"bore": 9.5}}', headers=BEARER, timeout=30.0).status_code == 200
        assert client.post(gateway.url, content=b"{}", headers=BEARER, timeout=30.0).status_code == 404
    assert gateway.entries() == [("line1/op10/measurements", b'{"values": {"bore": 9.5}}')]


def test_the_word_bearer_may_be_written_as_one_likes(gateway: Gateway) -> None:
    for scheme in ("bearer", "BEARER "):
        headers = {"Authorization": f"{scheme} s3cret"}
        assert gateway.post("line1/op10/measurements", {"values": {"bore": 9.5}}, headers).status_code == 200
    assert gateway.post("line1/op10/measurements", {}, {"Authorization": "Basic s3cret"}).status_code == 401


def test_another_method_or_place_is_told_what_is_expected(gateway: Gateway) -> None:
    with httpx.Client(transport=httpx.HTTPTransport(retries=20)) as client:
        answers = [client.get(f"{gateway.url}/line1/op10/x"), client.post(gateway.url.replace("intake", "other"))]
    assert [answer.status_code for answer in answers] == [405, 404]
    for answer in answers:
        assert answer.headers["content-type"] == "application/problem+json"
        assert "POST /intake/" in answer.json()["detail"]


def test_what_of_a_message_is_wrong_is_told_and_the_message_is_kept(gateway: Gateway) -> None:
    answer = gateway.post("line1/op10/inspection", {"inspected": 5, "rejected": 6})
    assert answer.status_code == 200
    ((refusal),) = answer.json()["refused"]
    assert (refusal["idx"], refusal["reason"]) == (0, "wrong-field")
    assert refusal["detail"] == "inspection: rejected: expected at most inspected (5), got 6"
    assert len(gateway.entries()) == 1


@pytest.mark.parametrize(
    ("topic", "body", "headers", "status", "said"),
    [
        ("line1/op10/measurements", {"values": {"bore": 1}}, {}, 401, "Authorization: Bearer"),
        ("line1/op10/measurements", {"values": {"bore": 1}}, {"Authorization": "Bearer other"}, 401, "Bearer"),
        ("line1", {"values": {"bore": 1}}, BEARER, 404, "expected a topic such as {line}/{station}/{kind}"),
        ("line1/op10/measurements", b"{", BEARER, 400, "expected one JSON message"),
        ("line1/op10/measurements", b"3", BEARER, 400, "expected one JSON message"),
        ("line1/op10/measurements", b" " * 1_048_577, BEARER, 413, "at most 1048576 bytes"),
    ],
)
def test_a_request_that_is_not_taken_says_why(
    gateway: Gateway, topic: str, body: object, headers: dict[str, str], status: int, said: str
) -> None:
    answer = gateway.post(topic, body, headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert said in answer.json()["detail"]
    assert gateway.entries() == []


def test_a_hundred_at_once_are_all_there(gateway: Gateway) -> None:
    answers: list[int] = []
    lock = threading.Lock()

    def hand_in(first: int) -> None:
        for number in range(first, first + 10):
            status = gateway.post(
                "line1/op10/measurements", {"values": {"bore": number}, "id": f"g{number}"}
            ).status_code
            with lock:
                answers.append(status)

    threads = [threading.Thread(target=hand_in, args=(first,)) for first in range(0, 100, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 100
    kept = [json.loads(payload)["values"]["bore"] for _, payload in gateway.entries()]
    assert sorted(kept) == list(range(100))


def test_an_occupied_port_is_waited_for(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        running = Gateway(tmp_path, port)
    try:
        answer = running.post("line1/op10/measurements", {"values": {"bore": 9.5}})
        assert answer.status_code == 200
    finally:
        running.stop()


def test_an_unwritable_journal_answers_nothing_as_taken(gateway: Gateway) -> None:
    assert gateway.post("line1/op10/measurements", {"values": {"bore": 1}}).status_code == 200
    (segment,) = (gateway.data / "journal").glob("*.db")
    other = sqlite3.connect(segment, isolation_level=None, timeout=0)
    other.execute("BEGIN IMMEDIATE")  # the journal's file is locked by somebody else
    answer = gateway.post("line1/op10/measurements", {"values": {"bore": 2}})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    other.execute("ROLLBACK")
    other.close()
