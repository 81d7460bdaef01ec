"""The end of an MQTT connection that is meant: what is still to be said, the disconnect, and that both go out."""

import select
import time
from collections.abc import Iterable

from paho.mqtt.client import Client

from connectors.mqtt_companion import Order
from connectors.mqtt_stream import PublishStream

PATIENCE_SECONDS = 1.0
POLL_MS = 20
BURST = 200  # packets taken at once


def take_leave(client: Client, stream: PublishStream, poller: select.poll, orders: Iterable[Order]) -> None:
    """Publish, disconnect, send; for 2 s at most. What still comes in is not taken.

    The broker has acknowledged what was published before it is left: it may send it back to us, and a broker that
    cannot write to a client publishes that client's will, disconnect or not.
    """
    said = [client.publish(*order) for order in orders]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not all(one.rc or one.is_published() for one in said) and time.monotonic() < deadline and not stream.ended:
        client.loop_write()
        if client.socket() is None:
            return
        poller.poll(POLL_MS)
        stream.receive()
        while stream.publishes(BURST) or stream.give_paho_one():
            client.loop_read()
    client.disconnect()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while client.socket() is not None and (client.want_write() or stream.waiting) and time.monotonic() < deadline:
        client.loop_write()
        stream.flush()
        poller.poll(POLL_MS)
