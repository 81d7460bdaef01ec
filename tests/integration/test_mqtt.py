import logging
import subprocess
import time
from pathlib import Path

import pytest

from config.errors import PlantFileError
from connectors.intake import Intake, Message, Token
from connectors.journal import GAP
from connectors.mqtt import MqttConnector, MqttSettings
from tests.gateway_runs import (
    Publisher,
    Running,
    bodies,
    holds,
    payloads,
    subscribed,
    system,
    wait_until,
    write_plant,
)
from tests.servers import PERSISTENT, Mosquitto, server_program


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_acknowledgements_of_an_earlier_connection_are_dropped(tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "broker", PERSISTENT) as broker:
        intake = Intake()
        source = MqttConnector(MqttSettings("line1", "c1", "127.0.0.1", broker.port, ("factory/#",)), intake).open()
        wait_until(lambda: source.stats()["connections"] == 1)
        time.sleep(0.2)
        with Publisher(broker.port) as publisher:
            publisher.send(bodies(0, 5))
        tokens = tokens_of(intake, 5)
        broker.stop()
        broker.start()
        wait_until(lambda: source.stats()["connections"] == 2)
        again = tokens_of(intake, 5)
        source.acknowledge(tokens)
        source.acknowledge(again)
        wait_until(lambda: source.stats()["acknowledged"] == 5)
        assert source.stats()["stale"] == 5
        assert source.stats()["redelivered"] == 5
        source.close()


def tokens_of(intake: Intake, count: int) -> list[Token]:
    found: list[Token] = []
    while len(found) < count:
        found += [item.token for item in intake.take(1.0) if isinstance(item, Message) and item.token]
    return found


@pytest.mark.parametrize("patience", [30.0, 0.3])
def test_a_full_queue_stops_reading_then_disconnects_and_everything_comes_once_it_has_drained(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, patience: float
) -> None:
    monkeypatch.setattr("connectors.mqtt.DRAIN_SECONDS", patience)
    with Mosquitto(tmp_path / "broker") as broker, Publisher(broker.port) as publisher:
        intake = Intake(max_messages=50)
        source = MqttConnector(MqttSettings("line1", "c1", "127.0.0.1", broker.port, ("factory/#",)), intake).open()
        wait_until(lambda: source.stats()["connections"] == 1)
        time.sleep(0.2)
        publisher.send(bodies(0, 500))
        wait_until(lambda: not intake.accepting)
        time.sleep(0.8)
        taken: list[bytes] = []
        deadline = time.monotonic() + 60
        while len(set(taken)) < 500 and time.monotonic() < deadline:
            messages = [item for item in intake.take(0.1) if isinstance(item, Message)]
            taken += [message.row[5] for message in messages]
            source.acknowledge([message.token for message in messages if message.token])
        assert set(taken) == set(bodies(0, 500))
        if patience > 1.0:
            assert (len(taken), source.stats()["connections"]) == (500, 1)
        else:
            assert source.stats()["connections"] > 1
            assert sum("the queue" in record.getMessage() for record in caplog.records) >= 1
        source.close()


@pytest.mark.parametrize(("version", "larger"), [("5", False), ("3.1.1", True)])
def test_of_a_payload_that_is_too_large_no_more_is_kept_than_shows_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, version: str, larger: bool
) -> None:
    data, limit = tmp_path / "data", 1 << 20
    with Mosquitto(tmp_path / "broker") as broker, Publisher(broker.port) as publisher:
        plant = write_plant(tmp_path, broker.port, options=f'mqtt_version = "{version}"')
        with Running(plant, data):
            subscribed(caplog)
            publisher.send([b"a" * limit, b"b" * (limit + 5000), b"c" * (3 * limit), b"d"])
            wait_until(lambda: b"d" in payloads(data))
    kept = [b"a" * limit, b"b" * (limit + 1), *([b"c" * (limit + 1)] if larger else []), b"d"]
    assert payloads(data) == kept  # by MQTT 5 the broker keeps what is above 2 MiB to itself


def test_qos_0_is_warned_about_once_and_taken_in(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = tmp_path / "data"
    with (
        Mosquitto(tmp_path / "broker") as broker,
        Publisher(broker.port) as publisher,
        Running(write_plant(tmp_path, broker.port), data),
    ):
        subscribed(caplog)
        publisher.send(bodies(0, 5), qos=0)
        holds(data, 5)
    assert sum("QoS 0" in record.getMessage() for record in caplog.records) == 1


def test_a_broker_of_mqtt_3_1_1_keeps_its_session_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = tmp_path / "data"
    with Mosquitto(tmp_path / "broker") as broker, Publisher(broker.port) as publisher:
        plant = write_plant(tmp_path, broker.port, options='mqtt_version = "3.1.1"')
        with Running(plant, data):
            subscribed(caplog)
        publisher.send(bodies(0, 10))
        with Running(plant, data):
            holds(data, 10)
        assert system(data, GAP) == []


def test_a_broker_that_asks_for_a_password_gets_it_and_refuses_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "broker").mkdir()
    passwords = tmp_path / "broker" / "passwords"
    subprocess.run([server_program("mosquitto_passwd"), "-b", "-c", passwords, "line1", "secret"], check=True)
    config = f"allow_anonymous false\npassword_file {passwords}\n"
    with Mosquitto(tmp_path / "broker", config) as broker:
        with Running(write_plant(tmp_path, broker.port), tmp_path / "data"):
            wait_until(lambda: "Not authorized" in caplog.text)
        options = 'username = "line1"\npassword_env = "PASSWORD"'
        with Running(write_plant(tmp_path, broker.port, options=options), tmp_path / "data"):
            subscribed(caplog)
    assert "secret" not in caplog.text


# paho leaves the socket of a handshake that has failed to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_broker_behind_tls_is_checked_against_its_authority(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "broker"
    folder.mkdir()
    for name in ("ours", "other"):
        subprocess.run(
            [
                *(server_program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
                *("-nodes", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"),
                *("-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"),
            ],
            check=True,
            stderr=subprocess.DEVNULL,
        )
    tls = f"certfile {folder}/ours.pem\nkeyfile {folder}/ours.key\n"
    with Mosquitto(folder, tls=tls) as broker:
        plant = write_plant(tmp_path, broker.port, options='tls = { ca = "broker/other.pem" }')
        with Running(plant, tmp_path / "data"):
            wait_until(lambda: "certificate verify failed" in caplog.text)
        plant = write_plant(tmp_path, broker.port, options='tls = { ca = "broker/ours.pem" }')
        with Running(plant, tmp_path / "data"):
            subscribed(caplog)
            with Publisher(broker.port, folder / "ours.pem") as publisher:
                publisher.send(bodies(0, 300))
            holds(tmp_path / "data", 300)
    missing = write_plant(tmp_path, 1, options='tls = { ca = "nowhere.pem" }')
    with pytest.raises(PlantFileError, match=r"connectors\.line1\.tls"):
        Running(missing, tmp_path / "data").stop()
