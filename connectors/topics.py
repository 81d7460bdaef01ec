"""Topic patterns as connectors and decoders use them: what to subscribe to, and the named parts of a topic.

The syntax (`factory/{line}/{station}/measurements`, `+`, `#`) is `config.topics`'s.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from config.topics import TopicPattern


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern: `filter` is what MQTT is asked for."""

    filter: str
    _topics: TopicPattern

    def match(self, topic: str) -> dict[str, str] | None:
        """The named parts of a topic; None when it is not one of this pattern.

        >>> compile_pattern("factory/{line}/{station}/measurements").match("factory/line1/op10/measurements")
        {'line': 'line1', 'station': 'op10'}
        """
        return self._topics.match(topic)


def compile_pattern(text: str) -> Pattern:
    """The pattern written as `text`; `ValueError` says which level is wrong."""
    pattern = TopicPattern.parse(text)
    return Pattern(pattern.subscription, pattern)


def filters(patterns: Iterable[str]) -> tuple[str, ...]:
    """What to subscribe to for these patterns: each filter once, in their order."""
    return tuple(dict.fromkeys(compile_pattern(text).filter for text in patterns))
