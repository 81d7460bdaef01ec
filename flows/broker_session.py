"""Have a broker keep what a plant's gateway is to receive, before the gateway runs for the first time."""

import os
from threading import Event
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from config.topics import TopicPattern
from flows.simulate import PROTOCOLS

if TYPE_CHECKING:
    from config.models import PlantFile

DAY_SECONDS = 86_400
SETTLED_SECONDS = 0.5  # until the embedded broker has noticed that the subscriber left, and keeps what comes


def open_session(plant: "PlantFile", *, stop: Event) -> None:
    """Subscribe under the name of the gateway's connector, and leave: the broker keeps the session.

    For a plant with its clock on a topic. Tries until the broker answers, or `stop`.
    """
    connector = plant.clock_connector
    options = plant.clock_broker
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        client_id=plant.client_id(connector),
        protocol=PROTOCOLS[options.mqtt_version],
        clean_session=False if options.mqtt_version == "3.1.1" else None,
    )
    password = plant.password(connector, os.environ)
    client.username_pw_set(options.username, None if password is None else password.get_secret_value())
    client.reconnect_delay_set(1, 1)
    filters = [*(TopicPattern.parse(topic).subscription for topic in options.topics), plant.clock.topic]
    subscribed = Event()

    def subscribe(client: mqtt.Client, _: Any, flags: Any, reason: ReasonCode, properties: Properties | None) -> None:
        client.subscribe([(topics, 1) for topics in filters])

    client.on_connect = subscribe
    client.on_subscribe = lambda *_: subscribed.set()
    if options.mqtt_version == "5":
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it so
        properties.SessionExpiryInterval = DAY_SECONDS
        client.connect_async(options.host, options.port, clean_start=False, properties=properties)
    else:
        client.connect_async(options.host, options.port)
    client.loop_start()
    while not subscribed.wait(0.05) and not stop.is_set():
        pass
    client.disconnect()
    client.loop_stop()
    stop.wait(SETTLED_SECONDS)
