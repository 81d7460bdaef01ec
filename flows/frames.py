"""What travels through the dataflow: frames to the shards, answers back, one commit unit out.

A frame is a stretch of the journal: its readings as columns and its ticks, in order. What applies before
its first reading (a plan, a gap, a command) is its `lead`; a frame is cut wherever one of those stands, and behind
every checkpoint entry. Its number is the seq of its first entry.
"""

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from connectors.columns import Mark, Readings, Rejected
from flows.retaken import Rebuild
from rules.events import Event
from rules.spec import CalendarSpec
from rules.timeline import Piece, Timeline

SHARDS = 16


def shard_of(characteristic: str) -> int:
    """The shard that keeps a characteristic: crc32 of its id, so that it never depends on a plan or machine."""
    return crc32(characteristic.encode()) % SHARDS


def shard_key(shard: int) -> str:
    """The key of a shard in the dataflow."""
    return f"{shard:02d}"


@dataclass(frozen=True, slots=True)
class Lead:
    """A journal entry that changes what holds from it on; `body` is its JSON.

    A plan's calendar, floors and metrics hold from the production day `from_day` on, which begins at `from_ns`
    (0: at once, nothing being in hand).
    """

    seq: int
    time_ns: int
    kind: Literal["plan", "gap", "command"]
    body: bytes
    from_day: int = 0
    from_ns: int = 0


class StepState(NamedTuple):
    """A step's state as of a checkpoint entry, under the step's id and the key that Bytewax knows it by."""

    step: str
    key: str
    schema_version: int
    state: bytes


@dataclass(frozen=True, slots=True)
class Ticks:
    """Ticks of a frame, t of them: after how many of the readings, when, which entry, last day closed by it."""

    at: NDArray[np.int64]
    ns: NDArray[np.int64]
    seq: NDArray[np.int64]
    closed_through: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ShardFrame:
    """One shard's part of a frame. `cause_seq` and `day` go with `readings`, row by row; `marks` are in order of seq.

    `checkpoint`: the frame ends with a checkpoint entry, and the shard's state goes into its answer.
    """

    number: int
    shard: int
    plan_seq: int
    lead: Lead | None
    readings: Readings
    cause_seq: NDArray[np.int64]
    day: NDArray[np.int64]
    ticks: Ticks
    marks: tuple[Mark | Rebuild, ...] = ()
    checkpoint: bool = False


@dataclass(frozen=True, slots=True)
class PlantFrame:
    """What the plant step needs of a frame besides the shards' answers.

    `events` are in the order of the journal; `timeline` says of which production days. `rows` are ready rows by kind,
    of characteristics by their index into the plan: (cause_seq, index, …).
    """

    number: int
    plan_seq: int
    first_seq: int
    last_seq: int
    lead: Lead | None
    ticks: Ticks
    rejected: tuple[tuple[Rejected, int, int], ...] = ()  # with time and running count
    events: tuple[Event, ...] = ()
    timeline: Timeline = (Piece(CalendarSpec()),)
    rows: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    state: StepState | None = None  # the framing's, where the frame ends with a checkpoint entry


@dataclass(frozen=True, slots=True)
class Answer:
    """What one shard makes of one frame; `characteristic` is the index into the plan everywhere.

    The arrays are of `rules.records`; `values` and `refs` are the pools to which `points["at"]` points,
    `contexts` what `refs[:, 3]` and `loose["context"]` number. `rows` are ready rows by kind, without their
    leading columns but the first: (cause_seq, ...).
    """

    number: int
    points: NDArray[Any]
    values: NDArray[np.float64]
    refs: NDArray[np.int64]
    contexts: list[str]
    loose: NDArray[Any]
    signals: NDArray[Any]
    limits: NDArray[Any]
    windows: NDArray[Any]
    days: NDArray[Any]
    rows: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    state: StepState | None = None  # the shard's, where the frame ends with a checkpoint entry
