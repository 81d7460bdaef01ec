"""Topic patterns with named levels, and the templates that make a characteristic's id of them.

`factory/{line}/{station}/measurements` is subscribed to as `factory/+/+/measurements` and gives the parts
`line` and `station`; `+` and `#` stand as in MQTT, without a name.
"""

import re
from dataclasses import dataclass
from functools import cached_property

CONTEXT_FIELDS = (
    *("subgroup", "part", "product", "lot", "supplier", "machine", "tool"),
    *("cavity", "fixture", "gauge", "operator", "order", "purpose"),
)
NAME = "name"  # the key inside a message's "values"
KIND = "kind"  # the topic part that may say what kind of message it is, where the message does not

_PART = re.compile(r"\{([a-z][a-z0-9_]*)\}")


@dataclass(frozen=True)
class TopicPattern:
    """A topic as the plant file writes it: levels are text, `{part}`, `+` or, at the end, `#`."""

    text: str

    @staticmethod
    def parse(text: str) -> "TopicPattern":
        """The pattern, or `ValueError` that says which level is wrong."""
        if not text or "\0" in text or len(text.encode("utf-8", "surrogatepass")) > 65_535:
            raise ValueError("expected an MQTT topic of 1 to 65535 bytes")
        if text.startswith("$share/"):
            raise ValueError("shared subscriptions lose and reorder messages; expected a plain topic")
        levels = text.split("/")
        for number, level in enumerate(levels, 1):
            if level == "#" and number < len(levels):
                raise ValueError("'#' may only be the last level")
            if level not in ("+", "#") and not _PART.fullmatch(level) and set(level) & set("{}+#"):
                raise ValueError(f"level {level!r}: a {{part}} (lower case), '+' or '#' fills a whole level")
        pattern = TopicPattern(text)
        repeated = sorted({name for name in pattern.parts if pattern.parts.count(name) > 1})
        if repeated:
            raise ValueError(f"part {{{repeated[0]}}} occurs twice")
        if NAME in pattern.parts:
            raise ValueError("{name} is the key inside a message's values; expected another part name")
        return pattern

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """The names of the levels, in the order of the topic."""
        return tuple(_PART.findall(self.text))

    @property
    def subscription(self) -> str:
        """The filter to subscribe with: every `{part}` is a `+`."""
        return _PART.sub("+", self.text)

    def match(self, topic: str) -> dict[str, str] | None:
        """The named levels of a topic, or None when it is not one of this pattern (`#` matches no level too)."""
        if topic.startswith("$") and self.text[0] in "+#{":  # MQTT 5, 4.7.2
            return None
        found = self._expression.fullmatch(topic)
        return found.groupdict() if found else None

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        expression = ""
        for number, level in enumerate(self.text.split("/")):
            slash = "/" if number else ""
            part = _PART.fullmatch(level)
            if level == "#":
                expression += f"({slash}.*)?" if number else ".*"
            elif level == "+":
                expression += slash + "[^/]*"
            else:
                expression += slash + (f"(?P<{part[1]}>[^/]*)" if part else re.escape(level))
        return re.compile(expression, re.DOTALL)


def template_names(text: str) -> tuple[str, ...]:
    """The names in a template such as `{line}/{station}/{name}`; `ValueError` for stray braces."""
    if set(_PART.sub("", text)) & set("{}"):
        raise ValueError("expected text and {names} in lower case; a brace stands alone or around something else")
    return tuple(_PART.findall(text))


def could_be(template: str, characteristic: str) -> bool:
    """Whether the template can give this id with some parts and fields."""
    pieces = _PART.split(template)  # text, name, text, name, …
    expression = "".join(".+" if number % 2 else re.escape(piece) for number, piece in enumerate(pieces))
    return re.fullmatch(expression, characteristic, re.DOTALL) is not None
