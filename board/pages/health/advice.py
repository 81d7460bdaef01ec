"""What to do about what was refused or lost: which text of the catalogues goes with a reason."""

from board.history.rows import Shown

# Texts of `[health.refused]`, each with the reasons that it is for; another reason has `other`.
REFUSED: dict[str, tuple[str, ...]] = {
    "nothing": ("repeated", "earlier-death", "transient", "template", "dataset", "already"),
    "name": ("unknown-characteristic",),
    "topic": ("unknown-topic", "template-field-missing"),
    "sender": ("not-json", "not-an-object", "not-sparkplug", "no-values", "wrong-type", "absent-value", "not-finite",
               "out-of-range", "too-large", "too-deep", "wrong-field"),
    "birth": ("before-birth", "unknown-alias"),
    "many": ("too-many-devices", "too-many-metrics"),
    "source": ("quality-bad", "quality-uncertain", "quality-stale"),
    "tag": ("unknown-state", "unsupported-kind"),
    "clock": ("ahead-of-clock",),
    "time": ("bad-time", "epoch-seconds"),
    "late": ("too-late",),
    "chart": ("wrong-chart",),
    "correction": ("not-found", "not-counted", "ambiguous", "journal-gone"),
}  # fmt: skip

# The same of `[health.gap]`.
LOST: dict[str, tuple[str, ...]] = {
    "session": ("session-lost",),
    "stopped": ("restart", "not-taken-in"),
    "queue": ("overflow", "sequence"),
    "server": ("recreated", "went-silent", "node-missing"),
}


def of_refusal(reason: str) -> str:
    """The key of what to do about a refusal.

    >>> of_refusal("not-json"), of_refusal("new")
    ('sender', 'other')
    """
    return next((key for key, reasons in REFUSED.items() if reason in reasons), "other")


def of_gap(gap: Shown) -> str:
    """The key of what to do about a gap; a closed one needs nothing."""
    if gap["state"] != "open":
        return "closed"
    return next((key for key, reasons in LOST.items() if gap["reason"] in reasons), "other")
