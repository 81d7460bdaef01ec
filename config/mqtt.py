"""The options of a connector to an MQTT broker."""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from config.connector import LoginOptions
from config.errors import Problem
from config.options import NOT_EMPTY, Options, Port, Text, Whole
from config.plan import ConnectorPlan
from config.topics import TopicPattern


def mqtt_topic(text: str) -> str:
    """The topic pattern when it is one, else `ValueError`."""
    TopicPattern.parse(text)
    return text


Topic = Annotated[str, AfterValidator(mqtt_topic)]


class TlsOptions(Options):
    """`ca` switches TLS on: "system" for the system's authorities, else a PEM file; cert and key log in."""

    ca: Text = ""
    """Switches TLS on: `system` for the authorities of this machine, or a PEM file of your own."""
    cert: Text = ""
    """A PEM file with the certificate to log in with."""
    key: Text = ""
    """A PEM file with the key of that certificate."""

    def problems(self, path: str) -> Iterator[Problem]:
        """A certificate without its key, or without TLS."""
        if bool(self.cert) != bool(self.key):
            yield Problem(f"{path}.{'key' if self.cert else 'cert'}", "is required: cert and key go together")
        if (self.cert or self.key) and not self.ca:
            yield Problem(f"{path}.ca", 'is required with cert and key: a PEM file, or "system"')


class BrokerOptions(LoginOptions):
    """A connector to an MQTT broker, whatever comes from there."""

    type: Literal["mqtt"]
    """The kind of connector."""
    host: Annotated[Text, Field(min_length=1)] = "127.0.0.1"
    """The broker's name or address."""
    port: Port = 1883
    """The broker's port; 8883 is usual with TLS."""
    tls: TlsOptions = TlsOptions()
    """Encryption, and a certificate to log in with."""
    mqtt_version: Literal["5", "3.1.1"] = "5"
    """What the broker speaks; `3.1.1` where it is an old one."""
    client_id: Text = ""
    """The name of the session at the broker, never shared; empty: `plumbline-<plant>-<connector>`."""
    keep_alive_seconds: Annotated[Whole, Field(ge=5, le=3600)] = 30
    """After how long without a word the connection is tried."""
    payload: Literal["json", "sparkplug"] = "json"
    """What the messages are: Plumbline's JSON, or Sparkplug B."""

    @property
    def address(self) -> str:
        """Host and port of the broker."""
        return f"{self.host}:{self.port}" + (" (TLS)" if self.tls.ca else "")

    def warnings(self) -> Iterator[str]:
        """A password that anybody on the way can read."""
        if (self.password_env or self.password_file) and not self.tls.ca and not is_loopback(self.host):
            yield f"the password goes to {self.host} unencrypted; tls.ca switches TLS on"

    def problems(self, path: str) -> Iterator[Problem]:
        """Names in the templates that no topic part or context field gives; secrets given twice."""
        yield from super().problems(path)
        yield from self.tls.problems(f"{path}.tls")


class MqttOptions(BrokerOptions):
    """`[connectors.…]` with `type = "mqtt"`: a broker, what to subscribe to, and how to name what comes."""

    session_expiry_days: Annotated[Whole, Field(ge=1, le=365)] = 7
    """How long the broker keeps what comes while the gateway is away (MQTT 5)."""
    topics: Annotated[tuple[Topic, ...], NOT_EMPTY]
    """What is subscribed to: names in braces fill a level each; `+` and `#` stand as in MQTT."""

    @property
    def patterns(self) -> tuple[str, ...]:
        """Its topics."""
        return self.topics

    def plan(self, name: str, plant_time_zone: str) -> ConnectorPlan:
        """What of it decides results."""
        return ConnectorPlan(
            name=name,
            payload=self.payload,
            topics=self.topics,
            characteristic=self.characteristic,
            time_zone=self.time_zone or plant_time_zone,
            dedupe=self.dedupe,
            place=self.place_template,
        )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine and nothing else."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
