"""Messages of the other kinds, one of each, and metrics of them, for journals that are to hold everything."""

from typing import Any

from rules.spec import MetricSpec

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

HAPPENING_METRICS = (
    MetricSpec("answered", "complaints-answered-in-time", ("*",), over="period", reduce="total"),
    MetricSpec("availability", "availability", ("*",), over="day", reduce="total"),
    MetricSpec("mttr", "mttr", ("*",), reduce="total"),
    MetricSpec("used", "utilisation", ("*",), over="window", reduce="worst", window_hours=6),
    MetricSpec("yield", "first-pass-yield", ("*",), over="day", reduce="total"),
)
