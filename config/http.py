"""The options of a connector that takes messages over HTTP: for gauges and forms that speak no MQTT."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator

from config.connector import ConnectorOptions
from config.errors import Problem
from config.mqtt import Topic, is_loopback
from config.options import NOT_EMPTY, Options, Port, Text, or_empty, web_address
from config.plan import ConnectorPlan
from config.secret import secret_problems


class CertificateOptions(Options):
    """The server's certificate and key, PEM files; both or none."""

    cert: Text = ""
    """A PEM file with the server's certificate; it switches TLS on."""
    key: Text = ""
    """A PEM file with the key of that certificate."""

    def problems(self, path: str) -> Iterator[Problem]:
        """One without the other."""
        if bool(self.cert) != bool(self.key):
            yield Problem(f"{path}.{'key' if self.cert else 'cert'}", "is required: cert and key go together")


class HttpOptions(ConnectorOptions):
    """`[connectors.…]` with `type = "http"`: `POST /intake/<topic>` with a bearer token, the same JSON messages."""

    type: Literal["http"]
    """The kind of connector."""
    host: Text = "127.0.0.1"
    """The address on which the intake listens."""
    port: Port = 8081
    """The port on which it listens."""
    token_env: Text = ""
    """The environment variable that holds the token of every request; this or `token_file` is required."""
    token_file: Text = ""
    """The file that holds the token, from the folder of the plant file."""
    tls: CertificateOptions = CertificateOptions()
    """The server's certificate and key."""
    topics: Annotated[tuple[Topic, ...], NOT_EMPTY] = ("{line}/{station}",)
    """What may stand behind `/intake/`; names in braces fill a level each."""
    by_hand: tuple[Text, ...] = ("*",)
    """The characteristics (ids or globs) that the board's page Entry takes in through this connector."""
    entry_url: Annotated[str, AfterValidator(or_empty(web_address))] = ""
    """Where the board reaches this intake (`http://gateway:8081`); empty: at its host and port, on the same machine."""

    @property
    def patterns(self) -> tuple[str, ...]:
        """Its topics."""
        return self.topics

    @property
    def reached_at(self) -> str:
        """The address of the intake for the board, `/intake` included."""
        if self.entry_url:
            return f"{self.entry_url}/intake"
        everywhere = self.host in ("0.0.0.0", "::")
        return self.address.replace(self.host, "127.0.0.1", 1) if everywhere else self.address

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"{'https' if self.tls.cert else 'http'}://{self.host}:{self.port}/intake"

    def warnings(self) -> Iterator[str]:
        """A token that anybody on the way can read."""
        if not self.tls.cert and not is_loopback(self.host):
            yield f"the token comes to {self.host} unencrypted; tls.cert and tls.key switch TLS on"

    def problems(self, path: str) -> Iterator[Problem]:
        """No token, or two."""
        if not self.token_env and not self.token_file:
            yield Problem(f"{path}.token_env", "is required (or token_file): who may hand messages in")
        yield from secret_problems(path, "token", self.token_env, self.token_file)
        yield from self.tls.problems(f"{path}.tls")
        yield from super().problems(path)

    def plan(self, name: str, plant_time_zone: str) -> ConnectorPlan:
        """What of it decides results."""
        return ConnectorPlan(
            name=name,
            payload="json",
            topics=self.topics,
            characteristic=self.characteristic,
            time_zone=self.time_zone or plant_time_zone,
            dedupe=self.dedupe,
            place=self.place_template,
        )
