"""A step's state as bytes: plain values and arrays under a schema version, refused by any other."""

import pickle
from io import BytesIO
from typing import Any

from connectors.errors import StateUnfit


def pack(version: int, *parts: Any) -> bytes:
    """The state's bytes: equal parts give equal bytes, whether or not they share objects (so no memo)."""
    text = BytesIO()
    pickler = pickle.Pickler(text, protocol=5)
    pickler.fast = True
    pickler.dump((version, parts))
    return text.getvalue()


def unpack(step: str, version: int, state: bytes) -> tuple[Any, ...]:
    """The parts that `pack` was given. Raises `StateUnfit` for a state of another schema version."""
    found, parts = pickle.loads(state)
    if found != version:
        raise StateUnfit(f"{step} state: expected schema version {version}, got {found}")
    return tuple(parts)


def expect_plan(step: str, frame_seq: int, state_seq: int) -> None:
    """Raise `StateUnfit` where a frame is of another plan than a step's state: its indices would mean others."""
    if frame_seq != state_seq:
        raise StateUnfit(f"{step} state: expected the plan of journal entry {frame_seq}, got that of {state_seq}")
