"""What came before is taken again: no id, packet or payload is recognised."""

from connectors.repetition import Repetition


def apply() -> None:
    for question in ("seen_packet", "seen_id", "seen_payload"):
        setattr(Repetition, question, lambda *_: False)
