"""Which connector serves which options of the plant file: the gateway's sources are made here."""

import ssl
from collections.abc import Mapping

from config.errors import PlantFileError, Problem
from config.models import PlantFile
from connectors.intake import Intake, Source
from connectors.mqtt import MqttConnector, MqttSettings, tls_context
from connectors.topics import filters


def subscriptions(plant: PlantFile, name: str) -> tuple[str, ...]:
    """What connector `name` subscribes to: its topics, and the clock's if it comes there."""
    clock = [plant.clock.topic] if plant.clock_connector == name else []
    return filters([*plant.connectors[name].topics, *clock])


def settings_of(plant: PlantFile, name: str, environ: Mapping[str, str], subscribed: tuple[str, ...]) -> MqttSettings:
    """How connector `name` connects; `subscribed` is what it had subscribed to before.

    Raises `PlantFileError` when a password or certificate cannot be read.
    """
    options, wanted = plant.connectors[name], subscriptions(plant, name)
    password = plant.password(name, environ)
    return MqttSettings(
        name=name,
        client_id=plant.client_id(name),
        host=options.host,
        port=options.port,
        filters=wanted,
        forget=tuple(topics for topics in subscribed if topics not in wanted),
        username=options.username,
        password=password.get_secret_value() if password else None,
        tls=_tls(plant, name),
        session_expiry_seconds=options.session_expiry_days * 86_400,
        keep_alive_seconds=options.keep_alive_seconds,
        version=options.mqtt_version,
    )


def open_source(settings: MqttSettings, intake: Intake) -> Source:
    """The connector, connecting; one more kind of settings is one more case."""
    return MqttConnector(settings, intake).open()


def _tls(plant: PlantFile, name: str) -> ssl.SSLContext | None:
    tls = plant.connectors[name].tls
    if not tls.ca:
        return None
    ca, cert, key = (part if part in ("", "system") else str(plant.file(part)) for part in (tls.ca, tls.cert, tls.key))
    try:
        return tls_context(ca, cert, key)
    except OSError as error:  # ssl.SSLError is one
        expected = f"expected readable PEM files: {error} (got {ca!r}, {cert!r}, {key!r})"
        raise PlantFileError([Problem(f"connectors.{name}.tls", expected)]) from error
