import logging
import random
import sqlite3
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event

import orjson
import pytest

from config.load import load
from connectors.errors import AlreadyRunning, JournalUnwritable
from connectors.journal import GAP, PLAN, TICK, JournalWriter, Row
from connectors.mqtt import MqttConnector
from flows.gateway import Gateway
from tests.gateway_runs import (
    Publisher,
    Running,
    bodies,
    entries,
    holds,
    payloads,
    start_process,
    subscribed,
    system,
    wait_until,
    write_plant,
)
from tests.servers import PERSISTENT, Mosquitto, free_port

SECOND = 1_000_000_000
TOPIC = "factory/line1/op10/measurements"


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_messages_come_in_order_as_they_were_with_plan_and_ticks_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data, sent = tmp_path / "data", [*bodies(0, 300), b"\xff not JSON \x00"]
    began = time.time_ns()
    with Mosquitto(tmp_path / "broker") as broker, Publisher(broker.port) as publisher:
        plant = write_plant(tmp_path, broker.port)
        with Running(plant, data):
            subscribed(caplog)
            publisher.send(sent)
            holds(data, len(sent))
    found = entries(data)
    assert payloads(data) == sent
    assert found[0].topic == PLAN
    assert found[0].payload == load(plant).plan().to_json()
    tick = 0
    for entry in found[1:]:
        assert began - SECOND <= entry.received_ns <= time.time_ns()
        if entry.connector == "_":
            assert entry.topic == TICK
            assert entry.payload == b"%d" % entry.received_ns
            assert entry.received_ns % SECOND == 0
            assert entry.received_ns > tick
            tick = entry.received_ns
        else:
            assert (entry.connector, entry.topic, entry.dup) == ("line1", TOPIC, 0)
            assert 0 <= entry.received_ns - tick < SECOND  # every grid tick up to it is written


def test_a_restart_writes_the_plan_again_only_when_it_differs_and_everything_was_acknowledged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "data"
    with Mosquitto(tmp_path / "broker") as broker, Publisher(broker.port) as publisher:
        plant = write_plant(tmp_path, broker.port)
        with Running(plant, data):
            subscribed(caplog)
            publisher.send(bodies(0, 2_500))  # more than may be unacknowledged at once
            holds(data, 2_500)
        with Running(plant, data):
            subscribed(caplog, 2)
            publisher.send(bodies(2_500, 10))
            holds(data, 2_510)
        assert payloads(data) == bodies(0, 2_510)  # nothing twice: it had been acknowledged
        assert len(system(data, PLAN)) == 1
        plant.write_text(plant.read_text().replace("usl = 10.0", "usl = 11.0"))
        with Running(plant, data):
            wait_until(lambda: len(system(data, PLAN)) == 2)


def test_the_brokers_session_holds_what_is_published_while_the_gateway_is_down(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "data"
    with Mosquitto(tmp_path / "broker") as broker, Publisher(broker.port) as publisher:
        plant = write_plant(tmp_path, broker.port)
        with Running(plant, data):
            subscribed(caplog)
        publisher.send(bodies(0, 3_000))
        assert payloads(data) == []
        with Running(plant, data):
            holds(data, 3_000)
        assert payloads(data) == bodies(0, 3_000)
        assert system(data, GAP) == []


def test_a_broker_that_stops_and_starts_costs_one_warning_one_line_and_no_message(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "data"
    with Mosquitto(tmp_path / "broker", PERSISTENT) as broker:
        with Running(write_plant(tmp_path, broker.port), data):
            subscribed(caplog)
            with Publisher(broker.port) as publisher:
                publisher.send(bodies(0, 100))
            broker.stop()
            time.sleep(2.5)  # several attempts to connect
            broker.start()
            with Publisher(broker.port) as publisher:
                publisher.send(bodies(100, 100))
            holds(data, 200)
        down = [record for record in caplog.records if record.levelno == logging.WARNING]
        up = [record for record in caplog.records if "connected to" in record.message and record not in down]
        assert (len(down), len(up)) == (1, 2)
        assert "not connected" in down[0].getMessage()
        assert "resumed" in up[1].getMessage()
        assert system(data, GAP) == []


def test_a_gateway_that_starts_before_its_broker_waits_for_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Mosquitto(tmp_path / "broker") as broker:
        broker.stop()
        with Running(write_plant(tmp_path, broker.port), data):
            time.sleep(0.5)
            broker.start()
            with Publisher(broker.port) as publisher:
                wait_until(lambda: bool(payloads(data)), doing=lambda: publisher.send([b"1"]))


def test_a_session_that_the_broker_has_lost_is_a_gap_from_the_last_that_is_known(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "data"
    with Mosquitto(tmp_path / "broker") as broker:  # without persistence: a restart forgets sessions
        plant = write_plant(tmp_path, broker.port)
        with Running(plant, data):
            subscribed(caplog)
            with Publisher(broker.port) as publisher:
                publisher.send(bodies(0, 10))
            holds(data, 10)
            assert system(data, GAP) == []  # the first session of all is not a loss
            received = entries(data)[-1].received_ns
        stopped = time.time_ns()
        broker.kill()
        broker.start()
        with Running(plant, data):
            wait_until(lambda: bool(system(data, GAP)))
        (entry,) = system(data, GAP)
        gap = orjson.loads(entry.payload)
        assert received <= gap["from_ns"] <= stopped < gap["to_ns"] == entry.received_ns
        assert gap | {"from_ns": 0, "to_ns": 0} == {
            "gap": "line1-1", "connector": "line1", "reason": "session-lost", "from_ns": 0, "to_ns": 0, "state": "open"
        }  # fmt: skip


def test_what_the_broker_accepted_is_in_the_journal_though_the_gateway_is_killed_again_and_again(
    tmp_path: Path,
) -> None:
    data, chance = tmp_path / "data", random.Random(11)
    with Mosquitto(tmp_path / "broker") as broker, Publisher(broker.port) as publisher:
        plant = write_plant(tmp_path, broker.port)
        gateway, sent = start_process(plant, data), 0
        try:
            wait_until(lambda: bool(payloads(data)), doing=lambda: publisher.send(bodies(0, 1)))
            for _ in range(4):
                ends = time.monotonic() + chance.uniform(0.3, 1.2)
                while time.monotonic() < ends:
                    publisher.send(bodies(sent, 50))
                    sent += 50
                gateway.kill()
                gateway.wait(10)
                gateway = start_process(plant, data)
            holds(data, sent)
        finally:
            gateway.kill()
            gateway.wait(10)
    found = [entry for entry in entries(data) if entry.connector == "line1" and entry.payload != bodies(0, 1)[0]]
    assert {entry.payload for entry in found} == set(bodies(1, sent - 1))
    seen: set[bytes] = set()
    for entry in found:
        assert entry.dup == 1 or entry.payload not in seen  # what comes again says so
        seen.add(entry.payload)
    assert system(data, GAP) == []


class Failing(JournalWriter):
    """A journal whose disk is full while `full` is set."""

    full = False

    def append(self, entries: Sequence[Row], state: Mapping[str, str] | None = None) -> int:
        if self.full:
            raise JournalUnwritable("journal: disk is full")
        return super().append(entries, state)


def connector_of(gateway: Gateway) -> MqttConnector:
    source = gateway._sources["line1"]
    assert isinstance(source, MqttConnector)
    return source


def test_nothing_is_acknowledged_before_it_is_committed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    stop = Event()
    with Mosquitto(tmp_path / "broker") as broker, Publisher(broker.port) as publisher:
        journal = Failing(tmp_path / "journal")
        gateway = Gateway(journal, tmp_path, {}, 0)
        gateway.adopt(load(write_plant(tmp_path, broker.port)), stop)
        source = connector_of(gateway)
        while source.stats()["connections"] == 0:
            gateway.step(stop)
        time.sleep(0.3)
        publisher.send(bodies(0, 20))
        wait_until(lambda: source.stats()["received"] == 20)
        journal.full = True
        stop.set()  # so that the first failure raises instead of being tried again
        with pytest.raises(JournalUnwritable):
            gateway.step(stop)
        time.sleep(0.3)
        assert source.stats()["acknowledged"] == 0
        gateway.close()
        stop.clear()
        journal.full = False
        gateway = Gateway(journal, tmp_path, {}, 0)
        gateway.adopt(load(write_plant(tmp_path, broker.port)), stop)
        source = connector_of(gateway)
        wait_until(lambda: source.stats()["acknowledged"] == 20, doing=lambda: gateway.step(stop))
        assert source.stats()["redelivered"] == 20
        gateway.close()
        journal.close()


def test_a_nearly_full_disk_disconnects_and_the_session_holds(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    stop = Event()
    with Mosquitto(tmp_path / "broker") as broker, Publisher(broker.port) as publisher:
        journal = JournalWriter(tmp_path / "data" / "journal")
        gateway = Gateway(journal, tmp_path, {}, 0)
        gateway.adopt(load(write_plant(tmp_path, broker.port)), stop)
        wait_until(lambda: "connected to" in caplog.text, doing=lambda: gateway.step(stop))
        time.sleep(0.2)
        gateway._min_free_bytes = 1 << 60
        wait_until(lambda: "nothing more is taken in" in caplog.text, doing=lambda: gateway.step(stop))
        publisher.send(bodies(0, 10))
        for _ in range(4):
            gateway.step(stop)
        assert payloads(tmp_path / "data") == []
        gateway._min_free_bytes = 0
        wait_until(lambda: len(payloads(tmp_path / "data")) == 10, doing=lambda: gateway.step(stop))
        gateway.close()
        journal.close()


def test_a_second_gateway_on_the_same_data_is_refused(tmp_path: Path) -> None:
    plant = write_plant(tmp_path, free_port())
    with Running(plant, tmp_path / "data"):
        wait_until(lambda: bool(entries(tmp_path / "data")))
        with pytest.raises(AlreadyRunning):
            Running(plant, tmp_path / "data").stop()


def test_a_simulated_plants_clock_comes_on_its_topic(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = tmp_path / "data"
    clock = '[clock]\nsource = "topic"\ntopic = "plant/clock"'
    with (
        Mosquitto(tmp_path / "broker") as broker,
        Publisher(broker.port) as publisher,
        Running(write_plant(tmp_path, broker.port, clock=clock), data),
    ):
        subscribed(caplog)
        publisher.send([b'{"time": "2026-01-05T08:00:00Z"}'], "plant/clock")
        publisher.send(bodies(0, 1))
        publisher.send([b'{"time": 1767600180000}', b"rubbish"], "plant/clock")  # 08:03
        publisher.send(bodies(1, 1))
        holds(data, 2)
    start = 1_767_600_000 * SECOND  # 2026-01-05T08:00:00Z
    ticks = [start + minute * 60 * SECOND for minute in range(4)]
    found = [(entry.topic, entry.received_ns) for entry in entries(data)]
    assert found == [
        (PLAN, 0), (TICK, ticks[0]), (TOPIC, ticks[0]), (TICK, ticks[1]), (TICK, ticks[2]), (TICK, ticks[3]),
        (TOPIC, ticks[3]),
    ]  # fmt: skip


def test_commands_from_the_okr_store_come_in_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    plant = write_plant(tmp_path, free_port())
    with Running(plant, data):
        time.sleep(0.6)  # no file yet
        with sqlite3.connect(data / "okr.db") as db:
            db.execute(
                "CREATE TABLE command(id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT, who TEXT, kind TEXT, body TEXT)"
            )
            order = ("2026-11-21T08:00:00.5Z", "anna", "accept-limits", '{"characteristic": "line1/op10/bore"}')
            db.execute("INSERT INTO command(at, who, kind, body) VALUES(?, ?, ?, ?)", order)
        db.close()
        wait_until(lambda: bool(system(data, "command")))
    with Running(plant, data):
        time.sleep(0.8)
    (entry,) = system(data, "command")
    assert orjson.loads(entry.payload) == {
        "id": "1",
        "kind": "accept-limits",
        "characteristic": "line1/op10/bore",
        "who": "anna",
        "at_ns": 1_795_248_000_500_000_000,
    }


def test_on_reload_a_changed_plan_is_written_and_its_topics_replace_the_old(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "data"
    with Mosquitto(tmp_path / "broker") as broker, Publisher(broker.port) as publisher:
        plant = write_plant(tmp_path, broker.port)
        with Running(plant, data) as running:
            subscribed(caplog)
            publisher.send([b"1"])
            holds(data, 1)
            good = plant.read_text()
            plant.write_text(good.replace("usl = 10.0", 'usl = "wide"'))
            running.reload.set()
            wait_until(lambda: "kept as it was" in caplog.text)
            plant.write_text(good.replace("factory/", "works/"))
            running.reload.set()
            subscribed(caplog, 2)
            publisher.send([b"2"])
            publisher.send([b"3"], "works/line1/op10/measurements")
            holds(data, 2)
        assert payloads(data) == [b"1", b"3"]
        assert len(system(data, PLAN)) == 2
