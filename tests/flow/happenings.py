"""Messages of the other kinds, one of each, for journals that are to hold everything."""

from typing import Any

HAPPENINGS: tuple[dict[str, Any], ...] = (
    {"kind": "inspection", "inspected": 50, "rejected": 2, "reworked": 1, "scrapped": 1, "defects": {"scratch": 2}},
    {"kind": "state", "state": "running"},
    {"kind": "state", "state": "down", "reason": "tool"},
    {"kind": "count", "total": 12, "good": 11},
    {"kind": "complaint", "complaint": "C1", "class": "service", "urgent": True},
    {"kind": "change", "of": "tool", "note": "T3"},
    {"kind": "void", "ref": "m7", "who": "W5", "why": "wrong part"},
    {"kind": "correct", "ref": "m8", "value": 10.01, "who": "W5", "why": "comma"},
    {"kind": "state", "state": "asleep"},  # refused
)
