"""What the options of every kind of connector share: how what comes in is named, dated and recognised."""

from collections.abc import Iterator
from string import Formatter
from typing import Annotated

from pydantic import AfterValidator

from config.errors import Problem
from config.options import Options, Text, known_time_zone, or_empty
from config.plan import ConnectorPlan, Dedupe
from config.secret import secret_problems
from config.topics import CONTEXT_FIELDS, NAME, TopicPattern, template_names


def _template(text: str) -> str:
    template_names(text)
    return text


Template = Annotated[str, AfterValidator(_template)]


class ConnectorOptions(Options):
    """`[connectors.…]`: each `type` is a model of its own (`config.connectors`)."""

    type: str
    """The kind of connector."""
    characteristic: Template = "{line}/{station}/{name}"
    """How the id of a characteristic is made: parts of the topic, `{name}` and context fields."""
    place: Template = ""
    """Where events happen; empty: the characteristic's template up to the first name that is no part of the topic."""
    time_zone: Annotated[str, AfterValidator(or_empty(known_time_zone))] = ""
    """The IANA time zone of times without an offset; empty: the plant's."""
    dedupe: Dedupe = "id"
    """What is a repetition: the same message id, the same bytes on the same topic, or nothing."""

    @property
    def patterns(self) -> tuple[str, ...]:
        """The patterns of the topics it takes in; none where there are no topics."""
        return ()

    @property
    def address(self) -> str:
        """What it is connected to, for people."""
        return ""

    def warnings(self) -> Iterator[str]:
        """What is allowed, and not wise."""
        yield from ()

    @property
    def place_template(self) -> str:
        """Where events happen, as a template.

        >>> ConnectorOptions(type="mqtt", characteristic="{line}/{station}/{product}/{name}", place="").place_template
        '{line}/{station}'
        """
        if self.place:
            return self.place
        taken = ""
        for literal, name, _, _ in Formatter().parse(self.characteristic):
            if name is None or name == NAME or name in CONTEXT_FIELDS:
                break
            taken += f"{literal}{{{name}}}"
        return taken

    def problems(self, path: str) -> Iterator[Problem]:
        """What single options cannot show."""
        yield from self.template_problems(path)

    def template_problems(self, path: str) -> Iterator[Problem]:
        """Names in the templates that no topic part or context field gives."""
        names = template_names(self.characteristic)
        if NAME not in names:
            expected = "expected {name} in it, the key inside a message's values"
            yield Problem(f"{path}.characteristic", f"{expected} (got {self.characteristic!r})")
        yield from self._unknown_names(f"{path}.characteristic", self.characteristic, {NAME, *CONTEXT_FIELDS})
        yield from self._unknown_names(f"{path}.place", self.place, set(CONTEXT_FIELDS))

    def _unknown_names(self, path: str, template: str, known: set[str]) -> Iterator[Problem]:
        for name in template_names(template):
            lacking = [topic for topic in self.patterns if name not in TopicPattern(topic).parts]
            if name not in known and lacking:
                expected = f"{{{name}}} is neither a part of topic {lacking[0]!r} nor a context field"
                yield Problem(path, f"{expected} (got {template!r})")

    def plan(self, name: str, plant_time_zone: str) -> ConnectorPlan:
        """What of it decides results."""
        raise NotImplementedError


class LoginOptions(ConnectorOptions):
    """A connector that logs in with a name and a password."""

    username: Text = ""
    """The name to log in with; empty: no login."""
    password_env: Text = ""
    """The environment variable that holds the password."""
    password_file: Text = ""
    """The file that holds the password, from the folder of the plant file."""

    def problems(self, path: str) -> Iterator[Problem]:
        """A password given twice."""
        yield from secret_problems(path, "password", self.password_env, self.password_file)
        yield from self.template_problems(path)
