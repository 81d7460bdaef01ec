"""A metric's figure at one moment: what its row holds, and what updates of key results say of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rules.metrics import MetricValue


@dataclass(frozen=True, slots=True)
class Figure:
    """The value, the row's detail as JSON, and (asked for only where a key result is told) its sources."""

    value: MetricValue
    detail: bytes
    told: Callable[[], dict[str, Any]]
