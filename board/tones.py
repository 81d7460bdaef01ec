"""How grave a word is: its tone gives the colour, and a sign says the same without it."""

from typing import Literal

Tone = Literal["good", "warn", "bad", "none"]

TONES: dict[Tone, tuple[str, ...]] = {
    "good": ("ok", "green", "recovered", "closed", "verified", "accepted", "fixed", "runs", "connected", "not-due",
             "running"),
    "warn": ("signal", "below-target", "yellow", "unstable", "drifting", "provisional", "acknowledged", "planned",
             "stale", "incomplete", "resolution", "stopped", "notice", "due-soon", "idle"),
    "bad": ("alert", "out-of-spec", "below-floor", "red", "open", "escalated", "rejected", "failed", "silent", "fault",
            "away", "overdue", "down"),
}  # fmt: skip
SIGNS: dict[Tone, str] = {"good": "✓", "warn": "▲", "bad": "✕", "none": "○"}


def tone(word: object) -> Tone:
    """The tone of a word; `none` of one that says neither good nor bad.

    >>> tone("ok"), tone("no-data")
    ('good', 'none')
    """
    return next((name for name, words in TONES.items() if word in words), "none")
