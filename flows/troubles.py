"""Since when what is wrong has been wrong."""

import time
from collections.abc import Callable, Mapping


class Troubles:
    """Remembers when each trouble of some sort began; gives `{name: {"why": …, "since_ns": …}}`, wall clock."""

    def __init__(self, now: Callable[[], int] = time.time_ns) -> None:
        self._now = now
        self._since: dict[str, int] = {}

    def of(self, holding: Mapping[str, str]) -> dict[str, dict[str, object]]:
        """What holds now: why, by name. What does not hold any more is forgotten."""
        self._since = {name: self._since.get(name) or self._now() for name in holding}
        return {name: {"why": why, "since_ns": self._since[name]} for name, why in holding.items()}
