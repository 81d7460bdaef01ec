"""Which connector serves which options of the plant file: the gateway's sources are made here."""

import ssl
from collections.abc import Mapping
from dataclasses import replace

from config.errors import PlantFileError, Problem
from config.folder import FolderOptions
from config.http import HttpOptions
from config.models import PlantFile
from config.mqtt import BrokerOptions, MqttOptions
from config.opcua import OpcuaOptions
from config.secret import read_secret
from config.sparkplug import SparkplugOptions
from connectors.folder import FolderConnector, FolderSettings
from connectors.http_intake import HttpConnector, HttpSettings, check_certificate
from connectors.intake import Intake, Source
from connectors.mqtt import MqttConnector, MqttSettings, tls_context
from connectors.opcua.connector import OpcuaConnector
from connectors.opcua.settings import OpcuaSettings
from connectors.opcua.trust import check_own
from connectors.sparkplug.host import HostSettings
from connectors.sparkplug.session import SparkplugSession
from connectors.topics import filters
from flows.file_reading import how_of

# One frozen dataclass for each kind of connector.
Settings = MqttSettings | HttpSettings | OpcuaSettings | FolderSettings


def subscriptions(plant: PlantFile, name: str) -> tuple[str, ...]:
    """What connector `name` subscribes to: its topics, and the clock's if it comes there."""
    clock = [plant.clock.topic] if plant.clock_connector == name else []
    return filters([*plant.connectors[name].patterns, *clock])


def settings_of(plant: PlantFile, name: str, environ: Mapping[str, str], subscribed: tuple[str, ...]) -> Settings:
    """How connector `name` connects; `subscribed` is what it had subscribed to before.

    Raises `PlantFileError` when a password or certificate cannot be read. One more kind of options is one more case.
    """
    options = plant.connectors[name]
    if isinstance(options, BrokerOptions):
        return _mqtt(plant, name, options, environ, subscribed)
    if isinstance(options, HttpOptions):
        return _http(plant, name, options, environ)
    if isinstance(options, OpcuaOptions):
        return _opcua(plant, name, options, environ)
    if isinstance(options, FolderOptions):
        return _folder(plant, name, options)
    raise TypeError(f"connector {name}: no source for {type(options).__name__}")


def mark_of(settings: Settings) -> Settings:
    """What of the settings says whether a connector has to be opened anew.

    A TLS context equals only itself, so files that were renewed are read when their names or the rest change.
    """
    return replace(settings, tls=None, forget=()) if isinstance(settings, MqttSettings) else settings


def _mqtt(
    plant: PlantFile, name: str, options: BrokerOptions, environ: Mapping[str, str], subscribed: tuple[str, ...]
) -> MqttSettings:
    wanted = subscriptions(plant, name)
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
        tls=_tls(plant, name, options),
        session_expiry_seconds=options.session_expiry_days * 86_400 if isinstance(options, MqttOptions) else 0,
        keep_alive_seconds=options.keep_alive_seconds,
        version=options.mqtt_version,
        sparkplug=_host(options) if isinstance(options, SparkplugOptions) else None,
    )


def _opcua(plant: PlantFile, name: str, options: OpcuaOptions, environ: Mapping[str, str]) -> OpcuaSettings:
    password = plant.password(name, environ)
    certificate, key, trust = (
        plant.file(part) if part else None for part in (options.certificate, options.key, options.trust)
    )
    application_uri = f"urn:plumbline:{plant.plant.id}"
    if certificate is not None and key is not None:
        try:
            application_uri = check_own(certificate, key)
        except (OSError, ValueError) as error:
            expected = f"expected a certificate and its key, as `plumbline certificate` makes them: {error}"
            raise PlantFileError([Problem(f"connectors.{name}.certificate", expected)]) from error
    return OpcuaSettings(
        name=name,
        url=options.url,
        nodes=options.nodes,
        application_uri=application_uri,
        policy=options.security,
        mode=options.mode,
        certificate=certificate,
        key=key,
        trust=trust,
        username=options.username,
        password=password.get_secret_value() if password else None,
        publishing_ms=options.publishing_ms,
        sampling_ms=options.sampling_ms,
        queue_size=options.queue_size,
        trigger=options.trigger,
        backfill_hours=options.backfill_hours,
    )


def _host(options: SparkplugOptions) -> HostSettings:
    return HostSettings(options.host_id, options.reorder_timeout_seconds, options.rebirth_interval_seconds)


def _http(plant: PlantFile, name: str, options: HttpOptions, environ: Mapping[str, str]) -> HttpSettings:
    path = f"connectors.{name}"
    token_file = plant.file(options.token_file) if options.token_file else None
    token = read_secret(f"{path}.token", options.token_env, token_file, environ)
    assert token is not None, "checked by HttpOptions.problems"
    cert, key = (str(plant.file(part)) if part else "" for part in (options.tls.cert, options.tls.key))
    if cert:
        try:
            check_certificate(cert, key)
        except OSError as error:  # ssl.SSLError is one
            expected = f"expected readable PEM files: {error} (got {cert!r}, {key!r})"
            raise PlantFileError([Problem(f"{path}.tls", expected)]) from error
    return HttpSettings(name, options.host, options.port, token.get_secret_value(), plant.plan(), cert, key)


def _folder(plant: PlantFile, name: str, options: FolderOptions) -> FolderSettings:
    how, path = how_of(plant, name), plant.file(options.path)
    return FolderSettings(name, path, options.pattern, options.settle_seconds, how.time_zone, how.layout)


def open_source(settings: Settings, intake: Intake, known: Mapping[str, str]) -> Source:
    """The connector, connecting; `known`: what it kept in earlier runs. One more kind of settings is one more case."""
    if isinstance(settings, OpcuaSettings):
        return OpcuaConnector(settings, intake, known).open()
    if isinstance(settings, HttpSettings):
        return HttpConnector(settings, intake).open()
    if isinstance(settings, FolderSettings):
        return FolderConnector(settings, intake, known).open()
    if settings.sparkplug is not None:
        return MqttConnector(
            settings, intake, SparkplugSession(settings.name, settings.sparkplug, intake, known)
        ).open()
    return MqttConnector(settings, intake).open()


def _tls(plant: PlantFile, name: str, options: BrokerOptions) -> ssl.SSLContext | None:
    tls = options.tls
    if not tls.ca:
        return None
    ca, cert, key = (part if part in ("", "system") else str(plant.file(part)) for part in (tls.ca, tls.cert, tls.key))
    try:
        return tls_context(ca, cert, key)
    except OSError as error:  # ssl.SSLError is one
        expected = f"expected readable PEM files: {error} (got {ca!r}, {cert!r}, {key!r})"
        raise PlantFileError([Problem(f"connectors.{name}.tls", expected)]) from error
