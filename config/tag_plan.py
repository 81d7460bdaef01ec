"""What of a connector's tags decides results: which value means what."""

from dataclasses import dataclass
from typing import Literal

TagKind = Literal["measurement", "context", "state", "reason", "count", "inspection", "ignore"]
Counting = Literal["running", "each"]

COUNT_FIELDS = ("total", "good")
INSPECTION_FIELDS = ("inspected", "rejected", "reworked", "scrapped", "missed")
DEFECT = "defects."  # and its name
LARGEST_WRAP = 1 << 53


@dataclass(frozen=True, slots=True)
class Meaning:
    """One value of a state or reason tag, as text, and the word that stands for it."""

    value: str
    word: str


@dataclass(frozen=True, slots=True)
class TagPlan:
    """One tag, as the decoders know it; `name` and `place` are templates, empty for the connector's."""

    tag: str
    kind: TagKind
    name: str = ""
    place: str = ""
    field: str = ""
    meanings: tuple[Meaning, ...] = ()
    counting: Counting = "running"
    wraps_at: int = 0
