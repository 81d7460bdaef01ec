"""Columns: what a decoder makes of journal entries. Many readings are one batch of arrays.

The order of the rows is the order in which everything downstream takes them. A batch says nothing about
how its entries were cut: the concatenation of two batches is the batch of both.
"""

import json
from ast import literal_eval
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from rules.events import Event

SCHEMA_VERSION = 2

PRODUCTION, OTHER_PURPOSE, INVALID, VOID, OVERDUE = range(5)  # the values of `state` …
ASIDE = 5  # … and of an implausible reading, where a past stretch is taken again: for who reviews it

REPEATED = "repeated"  # the reason that is no loss: what was there before changes nothing
UNKNOWN = "unknown-characteristic"
_NO_CHARACTERISTIC = "the plan has no characteristic "

PAYLOAD_KEPT = 512  # bytes of a refused payload that are kept
TEXT_KEPT = 500  # characters of its topic, of what is said of it, and of an unknown name

# Every array of Readings in order, with its little-endian type: what is stored, and what `empty` makes.
DTYPES = {
    "characteristic": "<i4",
    "time_ns": "<i8",
    "value": "<f8",
    "seq": "<i8",
    "idx": "<i4",
    "subgroup": "<i8",
    "ends": "|b1",
    "change": "<i8",
    "context": "<i4",
    "state": "|u1",
    "connector": "<i2",
    "size": "<f8",
}


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """Readings as equal-length arrays, in the order in which they are taken.

    `contexts[0]` is "" (no context). `subgroup` and `change` are 63-bit hashes, 0 for none. `state` is
    0 for production, 1 for another purpose, 2 for an invalid value of a known characteristic (its `value`
    is nan; it breaks a chain of moving ranges and enters nothing), 3 for one that a correction took out, 4 for
    production with a gauge past its calibration.
    """

    characteristic: npt.NDArray[np.int32]  # index into plan.characteristics
    time_ns: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]  # in the characteristic's unit
    seq: npt.NDArray[np.int64]  # the journal entry
    idx: npt.NDArray[np.int32]  # place within the entry, over all its values, in document order
    subgroup: npt.NDArray[np.int64]
    ends: npt.NDArray[np.bool_]  # the last value of an array: its subgroup closes after it
    change: npt.NDArray[np.int64]  # of (product, lot, tool)
    context: npt.NDArray[np.int32]  # index into contexts
    state: npt.NDArray[np.uint8]
    connector: npt.NDArray[np.int16]  # index into plan.connectors; -1: no longer in the plan
    size: npt.NDArray[np.float64]  # units inspected, of which `value` is a count; 0: a measurement
    contexts: list[str] = field(default_factory=lambda: [""])  # canonical JSON objects

    def __len__(self) -> int:
        return len(self.seq)

    @classmethod
    def empty(cls) -> Self:
        """No readings."""
        return cls(**{name: np.empty(0, dtype) for name, dtype in DTYPES.items()}, contexts=[""])

    @classmethod
    def concat(cls, batches: Sequence[Self]) -> Self:
        """The readings of all batches, one after the other, with one table of contexts."""
        batches = [batch for batch in batches if len(batch)]
        if not batches:
            return cls.empty()
        if len(batches) == 1:
            return batches[0]
        place: dict[str, int] = {"": 0}
        context = []
        for batch in batches:
            number = np.array([place.setdefault(text, len(place)) for text in batch.contexts], np.int32)
            context.append(number[batch.context])
        arrays = {name: np.concatenate([getattr(batch, name) for batch in batches]) for name in DTYPES}
        arrays["context"] = np.concatenate(context)
        return cls(**arrays, contexts=list(place))

    def take(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64] | slice) -> Self:
        """The chosen rows (a mask, indices in any order, or a slice), without contexts they do not use."""
        taken = {name: getattr(self, name)[rows] for name in DTYPES}
        if len(self.contexts) == 1:
            return type(self)(**taken, contexts=self.contexts)
        used = np.zeros(len(self.contexts), np.bool_)
        used[0] = True
        used[taken["context"]] = True
        if used.all():
            return type(self)(**taken, contexts=self.contexts)
        taken["context"] = (np.cumsum(used, dtype=np.int32) - 1)[taken["context"]]
        return type(self)(**taken, contexts=[self.contexts[i] for i in np.flatnonzero(used)])

    def renumber(self, characteristics: npt.NDArray[np.int32], connectors: npt.NDArray[np.int16]) -> Self:
        """The same readings under another plan: `new = characteristics[old]`, `new = connectors[old]`.

        A connector of -1 (left the plan) stays -1. Rows of characteristics that left it have -1: the caller
        takes them out.
        """
        arrays = {name: getattr(self, name) for name in DTYPES}
        arrays["characteristic"] = characteristics[self.characteristic]
        arrays["connector"] = np.append(connectors, np.int16(-1))[self.connector].astype("<i2")
        return type(self)(**arrays, contexts=self.contexts)

    def to_bytes(self) -> bytes:
        """The readings as state: equal rows give equal bytes, however their contexts were numbered."""
        used, first, inverse = np.unique(self.context, return_index=True, return_inverse=True)
        order = np.argsort(first[used != 0])  # contexts in the order of their first use
        texts = ["", *(self.contexts[i] for i in used[used != 0][order])]
        number = np.zeros(len(used), "<i4")
        number[np.flatnonzero(used != 0)[order]] = np.arange(1, len(texts))
        head = json.dumps({"schema_version": SCHEMA_VERSION, "rows": len(self), "contexts": texts}).encode()
        parts = [len(head).to_bytes(8, "little"), head]
        for name, dtype in DTYPES.items():
            column = number[inverse.reshape(-1)] if name == "context" else getattr(self, name)
            parts.append(np.ascontiguousarray(column, dtype).tobytes())
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, state: bytes) -> Self:
        """What `to_bytes` wrote. Raises `ValueError` for another schema version or another length."""
        start = 8 + int.from_bytes(state[:8], "little")
        head = json.loads(state[8:start])
        if head["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"readings: expected schema version {SCHEMA_VERSION}, got {head['schema_version']}")
        rows = head["rows"]
        arrays = {}
        for name, dtype in DTYPES.items():
            arrays[name] = np.frombuffer(state, dtype, rows, start).copy()  # aligned, as compiled code wants it
            start += arrays[name].nbytes
        if start != len(state):
            raise ValueError(f"readings: expected {start} bytes, got {len(state)}")
        return cls(**arrays, contexts=head["contexts"])


class Rejected(NamedTuple):
    """What was refused, and why.

    `idx` is the place of the value, or of the first value of a message that was refused whole; `reason` is
    a short word, `detail` a sentence; `payload` holds the entry's first 512 bytes; `name` the id that the plan does
    not know, where that is the reason.
    """

    seq: int
    idx: int
    connector: str
    topic: str
    reason: str
    detail: str
    payload: bytes
    name: str = ""


class Mark(NamedTuple):
    """What a characteristic (index into the plan) is told between its readings, by the journal entry `seq`.

    `stale`: nothing may be expected of it until its next reading, or until it is `live`: what it last said holds again.
    `unverified`: something of it has changed, and what was known of it has to be shown anew. A mark holds before the
    readings of its entry.
    """

    seq: int
    time_ns: int
    characteristic: int
    what: Literal["stale", "live", "unverified"]


def unknown_detail(name: str) -> str:
    """What is said of a reading whose characteristic the plan does not have."""
    return f"{_NO_CHARACTERISTIC}{name!r}"


def unknown_name(detail: str) -> tuple[str, int] | None:
    """The id in what `unknown_detail` said, and how often it had come by then; None where it was too long to be kept.

    >>> unknown_name(unknown_detail("line1/op10/width") + "; 10 so far")
    ('line1/op10/width', 10)
    """
    shown, _, count = detail.removeprefix(_NO_CHARACTERISTIC).rpartition("; ")
    try:
        name, times = literal_eval(shown), int(count.removesuffix(" so far"))
    except (ValueError, SyntaxError):
        return None
    return (name, times) if isinstance(name, str) else None


@dataclass(slots=True)
class Counts:
    """How many of what, by connector's name; `rejected` by (connector, reason)."""

    messages: dict[str, int] = field(default_factory=dict)  # journal entries
    readings: dict[str, int] = field(default_factory=dict)  # production and other purposes
    repeated: dict[str, int] = field(default_factory=dict)
    rejected: dict[tuple[str, str], int] = field(default_factory=dict)  # with the repetitions

    def __iadd__(self, other: Self) -> Self:
        for mine, theirs in (
            (self.messages, other.messages),
            (self.readings, other.readings),
            (self.repeated, other.repeated),
        ):
            _add(mine, theirs.items())
        for pair, n in other.rejected.items():
            self.rejected[pair] = self.rejected.get(pair, 0) + n
        return self


class Decoded(NamedTuple):
    """What entries give, each part in the order of the journal; the readings of an entry in time order."""

    readings: Readings
    rejected: list[Rejected]
    counts: Counts
    events: Sequence[Event] = ()
    marks: Sequence[Mark] = ()


def _add(counts: dict[str, int], more: Iterable[tuple[str, int]]) -> None:
    for name, n in more:
        counts[name] = counts.get(name, 0) + n
