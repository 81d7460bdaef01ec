"""The demo's embedded broker, over a real connection."""

import socket
from pathlib import Path

import paho.mqtt.client as mqtt

from tests.integration.test_run import FIRST_START_SECONDS, command, wait_until
from tests.servers import free_port

SLOW = "one delivery was not confirmed: Timeout waiting for PUBACK for packet ID 1"


def connected(name: str, port: int) -> mqtt.Client:
    client = mqtt.Client(
        mqtt.CallbackAPIVersion.VERSION2, client_id=name, clean_session=False, protocol=mqtt.MQTTv311, manual_ack=True
    )
    client.username_pw_set(name)
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client


def test_a_delivery_that_is_not_confirmed_in_time_is_one_line_of_the_log(tmp_path: Path):
    port = free_port()
    with command("broker", "embedded", str(port), str(tmp_path), log=tmp_path / "broker.log") as running:
        wait_until(lambda: "serves" in running.said() and listens(port), running, FIRST_START_SECONDS)
        reader, publisher = connected("reader", port), connected("publisher", port)
        got: list[bytes] = []
        reader.on_message = lambda client, data, message: got.append(bytes(message.payload))
        subscribed: list[bool] = []
        reader.on_subscribe = lambda *given: subscribed.append(True)
        wait_until(lambda: reader.is_connected() and publisher.is_connected(), running)
        reader.subscribe("plant/#", qos=1)
        wait_until(lambda: bool(subscribed), running)
        publisher.publish("plant/a", b"1", qos=1)
        wait_until(lambda: got == [b"1"], running)  # and is not acknowledged
        wait_until(lambda: publisher.publish("plant/b", b"2", qos=0).rc == 0 and SLOW in running.said(), running)
        for client in (reader, publisher):
            client.disconnect()
            client.loop_stop()
        assert running.stop() == 0
        assert "Traceback" not in running.said()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
