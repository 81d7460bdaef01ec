"""The options of a connector to an OPC UA server."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from config.connector import LoginOptions, Template
from config.errors import Problem
from config.mqtt import is_loopback
from config.options import Text, Whole
from config.plan import ConnectorPlan
from config.tags import TagOptions, tag_problems
from config.topics import NAME, template_names

MOST_NODES = 100_000

_NODE_ID = re.compile(
    r"(?:(?:ns=\d{1,5}|nsu=[^;]+);)?(?:i=\d{1,10}|s=.+|b=[A-Za-z0-9+/]+=*|g=[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})",
    re.DOTALL,
)
_BROWSE_PATH = re.compile(r"(?:/(?:\d{1,5}:)?[^/]+)+", re.DOTALL)


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        fits = parts.scheme == "opc.tcp" and bool(parts.hostname and parts.port) and "@" not in parts.netloc
    except ValueError:
        fits = False
    if not fits:
        raise ValueError("expected opc.tcp://host:port, without a name or password in it")
    return text


class OpcuaOptions(LoginOptions):
    """`[connectors.…]` with `type = "opcua"`: a server, the nodes to subscribe to, and what they mean."""

    type: Literal["opcua"]
    """The kind of connector."""
    url: Annotated[Text, AfterValidator(_url)]
    """The server's endpoint, with its port."""
    security: Literal["None", "Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"] = "None"
    """The security policy of the connection; `None` is warned about beyond this machine."""
    mode: Literal["Sign", "SignAndEncrypt"] = "SignAndEncrypt"
    """Whether messages are signed only, or encrypted too."""
    certificate: Text = ""
    """Our certificate (DER or PEM), from the folder of the plant file; `plumbline certificate` makes it."""
    key: Text = ""
    """The key of our certificate (PEM)."""
    trust: Text = ""
    """The folder whose `trusted/` holds the certificates of servers that are trusted."""
    publishing_ms: Annotated[Whole, Field(ge=10, le=60_000)] = 250
    """How often the server sends what it has."""
    sampling_ms: Annotated[Whole, Field(ge=0, le=60_000)] = 100
    """How often the server looks at a node; 0: as often as it can. What changes faster is lost."""
    queue_size: Annotated[Whole, Field(ge=1, le=1_000_000)] = 1_000
    """How many values the server keeps for each node while nobody listens."""
    trigger: Literal["value", "timestamp"] = "value"
    """What is a new value: a change, or a newer time too, where a server sets the time with each part."""
    backfill_hours: Annotated[Whole, Field(ge=0, le=8_760)] = 168
    """How far back is asked for what was missed, where the server keeps a history."""
    tags: tuple[TagOptions, ...] = ()
    """The nodes that are subscribed to, and what each one means."""
    characteristic: Template = "{name}"
    """How the id of a characteristic is made of `{name}`, the name of the tag."""

    @property
    def address(self) -> str:
        """The server's endpoint, and how the way there is secured."""
        return self.url if self.security == "None" else f"{self.url} ({self.security}, {self.mode})"

    @property
    def nodes(self) -> tuple[str, ...]:
        """What is subscribed to: every tag that means something."""
        return tuple(tag.tag for tag in self.tags if tag.kind != "ignore")

    def warnings(self) -> Iterator[str]:
        """Nothing to subscribe to; what anybody on the way can read or change."""
        if not self.nodes:
            yield "no tags: nothing is subscribed to; `plumbline discover FILE --server NAME` lists what there is"
        if self.security == "None" and not is_loopback(urlsplit(self.url).hostname or ""):
            yield f'nothing that comes from {self.url} is signed or encrypted (security = "None")'

    def problems(self, path: str) -> Iterator[Problem]:
        """Security without its files, nodes that are none, and what a server's values have no use for."""
        yield from super().problems(path)
        for option in ("certificate", "key", "trust"):
            given = getattr(self, option)
            if self.security != "None" and not given:
                yield Problem(f"{path}.{option}", f'is required with security = "{self.security}"')
            elif self.security == "None" and given:
                yield Problem(f"{path}.{option}", f'is not used with security = "None" (got {given!r})')
        if len(self.nodes) > MOST_NODES:
            yield Problem(f"{path}.tags", f"expected at most {MOST_NODES} nodes a connector (got {len(self.nodes)})")
        for number, tag in enumerate(self.tags):
            if not _NODE_ID.fullmatch(tag.tag) and not _BROWSE_PATH.fullmatch(tag.tag):
                expected = 'expected a node id ("ns=2;s=Bore", "nsu=urn:plant;s=Bore") or a path ("/0:Objects/2:Bore")'
                yield Problem(f"{path}.tags[{number}].tag", f"{expected} (got {tag.tag!r})")
        yield from tag_problems(self.tags, path, ())
        for option, known in (("characteristic", [NAME]), ("place", list[str]())):
            for name in [name for name in template_names(getattr(self, option)) if name not in known]:
                expected = f"{{{name}}} is no part of a node's name"
                yield Problem(f"{path}.{option}", f"{expected} (got {getattr(self, option)!r})")
        for option in ("dedupe", "time_zone"):
            if getattr(self, option) != type(self).model_fields[option].default:
                yield Problem(f"{path}.{option}", f"is not used with OPC UA (got {getattr(self, option)!r})")

    def plan(self, name: str, plant_time_zone: str) -> ConnectorPlan:
        """What of it decides results."""
        return ConnectorPlan(
            name=name,
            payload="opcua",
            topics=(),
            characteristic=self.characteristic,
            time_zone=plant_time_zone,
            dedupe="none",
            place=self.place_template,
            tags=tuple(tag.plan() for tag in self.tags),
        )
