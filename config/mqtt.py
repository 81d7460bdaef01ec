"""The options of a connector to an MQTT broker, and the table of the kinds of connectors."""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from config.errors import Problem
from config.options import NOT_EMPTY, Options, Port, Text, Whole, known_time_zone, or_empty
from config.plan import ConnectorPlan, Dedupe, Payload
from config.topics import CONTEXT_FIELDS, NAME, TopicPattern, template_names


def mqtt_topic(text: str) -> str:
    """The topic pattern when it is one, else `ValueError`."""
    TopicPattern.parse(text)
    return text


def _template(text: str) -> str:
    template_names(text)
    return text


Topic = Annotated[str, AfterValidator(mqtt_topic)]
Template = Annotated[str, AfterValidator(_template)]


class TlsOptions(Options):
    """`ca` switches TLS on: "system" for the system's authorities, else a PEM file; cert and key log in."""

    ca: Text = ""
    cert: Text = ""
    key: Text = ""

    def problems(self, path: str) -> Iterator[Problem]:
        """A certificate without its key, or without TLS."""
        if bool(self.cert) != bool(self.key):
            yield Problem(f"{path}.{'key' if self.cert else 'cert'}", "is required: cert and key go together")
        if (self.cert or self.key) and not self.ca:
            yield Problem(f"{path}.ca", 'is required with cert and key: a PEM file, or "system"')


class MqttOptions(Options):
    """`[connectors.…]` with `type = "mqtt"`: a broker, what to subscribe to, and how to name what comes."""

    type: Literal["mqtt"]
    host: Annotated[Text, Field(min_length=1)] = "127.0.0.1"
    port: Port = 1883
    username: Text = ""
    password_env: Text = ""
    password_file: Text = ""
    tls: TlsOptions = TlsOptions()
    mqtt_version: Literal["5", "3.1.1"] = "5"  # what the broker speaks
    client_id: Text = ""  # empty: plumbline-<plant>-<connector>
    session_expiry_days: Annotated[Whole, Field(ge=1, le=365)] = 7
    keep_alive_seconds: Annotated[Whole, Field(ge=5, le=3600)] = 30
    payload: Payload = "json"
    topics: Annotated[tuple[Topic, ...], NOT_EMPTY]
    characteristic: Template = "{line}/{station}/{name}"
    time_zone: Annotated[str, AfterValidator(or_empty(known_time_zone))] = ""  # empty: the plant's
    dedupe: Dedupe = "id"

    def problems(self, path: str) -> Iterator[Problem]:
        """Names in the template that no topic part or context field gives; secrets given twice."""
        yield from secret_problems(path, "password", self.password_env, self.password_file)
        yield from self.tls.problems(f"{path}.tls")
        names = template_names(self.characteristic)
        if NAME not in names:
            expected = "expected {name} in it, the key inside a message's values"
            yield Problem(f"{path}.characteristic", f"{expected} (got {self.characteristic!r})")
        for name in names:
            lacking = [topic for topic in self.topics if name not in TopicPattern(topic).parts]
            if name != NAME and name not in CONTEXT_FIELDS and lacking:
                expected = f"{{{name}}} is neither a part of topic {lacking[0]!r} nor a context field"
                yield Problem(f"{path}.characteristic", f"{expected} (got {self.characteristic!r})")

    def plan(self, name: str, plant_time_zone: str) -> ConnectorPlan:
        """What of it decides results."""
        return ConnectorPlan(
            name=name,
            payload=self.payload,
            topics=self.topics,
            characteristic=self.characteristic,
            time_zone=self.time_zone or plant_time_zone,
            dedupe=self.dedupe,
        )


# One more kind of connector is one more row; its options are a model with `problems` and `plan`.
ConnectorOptions = MqttOptions
CONNECTOR_TYPES: dict[str, type[ConnectorOptions]] = {"mqtt": MqttOptions}


def secret_problems(path: str, secret: str, env: str, file: str) -> Iterator[Problem]:
    """A secret that is to come from two places."""
    if env and file:
        yield Problem(f"{path}.{secret}_file", f"expected {secret}_env or {secret}_file, not both (got {file!r})")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine and nothing else."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
