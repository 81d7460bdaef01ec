"""The options of a connector to an MQTT broker with `payload = "sparkplug"`: a host application of Sparkplug B 3.0."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from config.connector import Template
from config.errors import Problem
from config.mqtt import BrokerOptions
from config.options import Number, Text
from config.plan import ConnectorPlan
from config.tags import TagOptions, tag_problems
from config.topics import NAME, template_names

PARTS = ("group", "edge", "device")  # what templates know beside {name}, the metric's
NAMESPACE = "spBv1.0"


def _level(text: str) -> str:
    if not text or set(text) & set("/+#") or "\0" in text:
        raise ValueError("expected a text without '/', '+' and '#'")
    return text


Level = Annotated[Text, AfterValidator(_level)]


class SparkplugOptions(BrokerOptions):
    """`[connectors.…]` with `type = "mqtt"` and `payload = "sparkplug"`.

    The session is always a clean one, as the specification says; nothing waits at the broker while nobody listens.
    """

    payload: Literal["sparkplug"]
    """Says that it is Sparkplug B."""
    host_id: Level = "plumbline"
    """The name of this host application in its STATE; no two on one broker share it."""
    groups: tuple[Level, ...] = ()
    """The groups that are listened to; none said: all."""
    characteristic: Template = "{group}/{edge}/{device}/{name}"
    """How the id of a characteristic is made of `{group}`, `{edge}`, `{device}` and the metric's `{name}`."""
    dedupe: Literal["id", "none"] = "id"
    """What is a repetition: what the broker marks as one, or nothing."""
    tags: tuple[TagOptions, ...] = ()
    """What single metrics mean; one that is not named is a measurement."""
    reorder_timeout_seconds: Annotated[Number, Field(ge=0.0, le=60.0)] = 2.0
    """How long a message that has been overtaken is waited for; then it is a gap."""
    rebirth_interval_seconds: Annotated[Number, Field(ge=1.0, le=3600.0)] = 10.0
    """An edge node's births are asked for at most so often."""

    @property
    def patterns(self) -> tuple[str, ...]:
        """What it subscribes to: the state of the host application, and its groups."""
        groups = [f"{NAMESPACE}/{group}/#" for group in self.groups] or [f"{NAMESPACE}/#"]
        return (f"{NAMESPACE}/STATE/{self.host_id}", *groups)

    def template_problems(self, path: str) -> Iterator[Problem]:
        """Names in the templates that no topic gives; and what is wrong with the tags."""
        if NAME not in template_names(self.characteristic):
            expected = "expected {name} in it, the metric's"
            yield Problem(f"{path}.characteristic", f"{expected} (got {self.characteristic!r})")
        for option, known in (("characteristic", {NAME, *PARTS}), ("place", set(PARTS))):
            template = getattr(self, option)
            for name in template_names(template):
                if name not in known:
                    expected = f"{{{name}}} is none of {', '.join(sorted(known))}"
                    yield Problem(f"{path}.{option}", f"{expected} (got {template!r})")
        yield from tag_problems(self.tags, path, PARTS)

    def plan(self, name: str, plant_time_zone: str) -> ConnectorPlan:
        """What of it decides results."""
        return ConnectorPlan(
            name=name,
            payload="sparkplug",
            topics=self.patterns,
            characteristic=self.characteristic,
            time_zone=self.time_zone or plant_time_zone,
            dedupe=self.dedupe,
            place=self.place_template,
            tags=tuple(tag.plan() for tag in self.tags),
        )
