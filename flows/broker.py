"""The demo's broker: Mosquitto where it is installed, else the embedded one (amqtt).

The embedded broker speaks MQTT 3.1.1 only and keeps its sessions in memory; it holds what arrives while a
subscriber is away, but does not deliver again what the subscriber had received and not acknowledged. That
is enough to look at Plumbline and not enough for a plant: a plant's broker is Mosquitto or its like.
"""

import asyncio
import logging
import os
import shutil
from pathlib import Path
from threading import Event
from typing import Literal

from connectors.errors import WrongInput

HOST = "127.0.0.1"
Version = Literal["5", "3.1.1"]
Kind = Literal["mosquitto", "embedded"]

_ALSO = ("/usr/sbin", "/usr/local/sbin")  # where Debian keeps servers; not on everybody's PATH
_PLUGIN = "amqtt.plugins.authentication.AnonymousAuthPlugin"
VERSIONS: dict[Kind, Version] = {"mosquitto": "5", "embedded": "3.1.1"}  # the newest that each speaks

logger = logging.getLogger("broker")


def usual_kind() -> Kind:
    """Mosquitto where it is installed."""
    return "mosquitto" if _mosquitto() else "embedded"


def run(kind: Kind, port: int, folder: Path, *, stop: Event) -> None:
    """Serve MQTT on 127.0.0.1 until `stop`; with Mosquitto, this process becomes it and never returns.

    Raises `WrongInput` when Mosquitto is asked for and not installed.
    """
    if kind == "embedded":
        logger.info("the embedded broker serves (amqtt, MQTT 3.1.1)")
        asyncio.run(_embedded(port, stop))
        return
    program = _mosquitto()
    if program is None:
        raise WrongInput("mosquitto is not installed; --broker embedded needs nothing")
    configuration = folder / "mosquitto.conf"
    user = "user root\n" if os.geteuid() == 0 else ""  # or it becomes another user, and outlives a killed supervisor
    configuration.write_text(
        f"{user}listener {port} {HOST}\nallow_anonymous true\nmax_queued_messages 0\nlog_type warning\nlog_type error\n"
    )
    os.execv(program, [program, "-c", str(configuration)])


def _mosquitto() -> str | None:
    return shutil.which("mosquitto", path=os.pathsep.join((os.environ.get("PATH", os.defpath), *_ALSO)))


def _one_line(record: logging.LogRecord) -> bool:
    """Say what amqtt says of a delivery without its traceback.

    It awaits each PUBACK for 5 s. When a subscriber connects while something is being delivered to it, it sends that
    twice and awaits both answers, of which only one comes; on a busy machine an answer can take longer. Nothing is
    lost by either: what it then gives up had been sent.
    """
    if record.exc_info and isinstance(record.exc_info[1], TimeoutError):
        record.msg, record.args = "one delivery was not confirmed: %s", (record.exc_info[1],)
        record.exc_info = None
    return True


async def _embedded(port: int, stop: Event) -> None:
    from amqtt.broker import Broker  # noqa: PLC0415 - not needed where Mosquitto is
    from amqtt.contexts import BrokerConfig  # noqa: PLC0415

    # A client with a name keeps its session over a disconnect; an anonymous one would not.
    logging.getLogger("amqtt.broker").addFilter(_one_line)
    listeners = {"default": {"type": "tcp", "bind": f"{HOST}:{port}"}}
    broker = Broker(BrokerConfig.from_dict({"listeners": listeners, "plugins": {_PLUGIN: {"allow_anonymous": False}}}))
    await broker.start()
    while not stop.is_set():
        await asyncio.sleep(0.1)
    await broker.shutdown()
