"""Blocks of values, gathered one by one and spread into columns once.

A block is a stretch of values with one time and one context: all values of a plain message, or one array. Values go
into flat arrays as they come, blocks beside them; numpy repeats the blocks over their values at the end.
"""

from array import array
from typing import Any

import numpy as np

from connectors.columns import PAYLOAD_KEPT, REPEATED, Counts, Readings, Rejected
from connectors.context import array_subgroups
from connectors.segments import Entry
from rules.events import Event

# What a block says of its values, one int64 each. A negative subgroup is that of the array whose first value has
# the place −1 − subgroup; `ends` is 1 for the block at whose last value its subgroup closes.
BLOCK = ("n", "idx", "subgroup", "ends", "state", "time_ns", "seq", "change", "context", "connector")


class Blocks:
    """What is being gathered from a list of entries.

    Whoever adds a block extends `blocks` by one row of `BLOCK`, and `characteristic` and `value` by its n values;
    `sizes` are (place among the values, units inspected) of those that an inspection counted; `unordered` is set when
    the messages of an entry are not in time order.
    """

    def __init__(self) -> None:
        self.characteristic = array("i")
        self.value = array("d")
        self.blocks = array("q")
        self.sizes: list[tuple[int, float]] = []
        self.unordered = False
        self.contexts = {"": 0}
        self.rejected: list[Rejected] = []
        self.events: list[Event] = []
        self.counts = Counts()

    def reject(self, entry: Entry, idx: int, reason: str, detail: str, name: str = "") -> None:
        """Notes a refusal; `idx` is the place of the value, or of the first of a refused message; see `Rejected`."""
        payload = entry.payload[:PAYLOAD_KEPT]
        self.rejected.append(Rejected(entry.seq, idx, entry.connector, entry.topic, reason, detail, payload, name))
        pair = (entry.connector, reason)
        self.counts.rejected[pair] = self.counts.rejected.get(pair, 0) + 1

    def repeated(self, entry: Entry, idx: int, detail: str) -> None:
        """Notes a repetition: of the entry, or of the message whose first value has the place `idx`."""
        self.counts.repeated[entry.connector] = self.counts.repeated.get(entry.connector, 0) + 1
        self.reject(entry, idx, REPEATED, detail)

    def readings(self) -> Readings:
        """All blocks as columns; values of one entry in time order. For once: the arrays are handed over."""
        if not self.value:
            return Readings.empty()
        table = np.frombuffer(self.blocks, np.int64).reshape(-1, len(BLOCK))
        of = {name: table[:, place] for place, name in enumerate(BLOCK)}
        n = of["n"]
        last = np.cumsum(n) - 1
        named = of["subgroup"] < 0
        subgroup = of["subgroup"].copy()
        subgroup[named] = array_subgroups(of["seq"][named], -1 - subgroup[named])
        ends = np.zeros(len(self.value), np.bool_)
        ends[last[of["ends"] != 0]] = True
        arrays: dict[str, Any] = {
            "characteristic": np.frombuffer(self.characteristic, np.int32),
            "value": np.frombuffer(self.value, np.float64),
            "idx": (np.arange(len(self.value)) - np.repeat(last + 1 - n - of["idx"], n)).astype(np.int32),
            "subgroup": np.repeat(subgroup, n),
            "ends": ends,
        }
        for name, dtype in (("context", np.int32), ("state", np.uint8), ("connector", np.int16)):
            arrays[name] = np.repeat(of[name].astype(dtype), n)
        for name in ("time_ns", "seq", "change"):
            arrays[name] = np.repeat(of[name], n)
        arrays["size"] = np.zeros(len(self.value))
        for place, inspected in self.sizes:
            arrays["size"][place] = inspected
        readings = Readings(**arrays, contexts=list(self.contexts))
        if self.unordered:
            return readings.take(np.lexsort((readings.time_ns, readings.seq)))
        return readings
