"""Journal entries into columns: each entry by the decoder of its connector's payload.

A decoder that remembers earlier entries (names that stand for numbers, running counters) gives what it remembers as
bytes, which are part of the framing step's state; the result depends on the entries alone, not on how they were cut.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np

from config.plan import Plan
from connectors.attributes import MeasurementGuard
from connectors.columns import Counts, Decoded, Readings
from connectors.decode_json import JsonDecoder
from connectors.decode_opcua import OpcuaDecoder
from connectors.decode_sparkplug import SparkplugDecoder
from connectors.repetition import Repetition
from connectors.segments import Entry


class PayloadDecoder(Protocol):
    """Decodes the entries of the connectors with one kind of payload; nothing that data hold makes it raise."""

    def decode(self, entries: Sequence[Entry], repetition: Repetition | None = None) -> Decoded:
        """What the entries give; `repetition` is advanced, and without it every message counts."""
        ...

    def to_bytes(self) -> bytes:
        """What it remembers of earlier entries; empty for nothing."""
        ...

    def resume(self, memory: bytes) -> None:
        """Go on with what another of its kind, perhaps of an earlier plan, remembered."""
        ...


# One more kind of payload is one more row.
DECODERS: dict[str, Callable[[Plan], PayloadDecoder]] = {
    "json": JsonDecoder,
    "sparkplug": SparkplugDecoder,
    "opcua": OpcuaDecoder,
}


class Decoder:
    """Decodes the entries of a plan's connectors; `memory` is what the decoders of an earlier plan remembered."""

    def __init__(self, plan: Plan, memory: Mapping[str, bytes] | None = None) -> None:
        self._guard = MeasurementGuard(plan)
        self._payload = {one.name: one.payload for one in plan.connectors}
        used = {"json", *self._payload.values()}
        self._decoders = {payload: DECODERS[payload](plan) for payload in sorted(used)}
        for payload, remembered in (memory or {}).items():
            if payload in self._decoders and remembered:
                self._decoders[payload].resume(remembered)

    def decode(self, entries: Sequence[Entry], repetition: Repetition | None = None) -> Decoded:
        """What the entries give; they must be those of connectors, not the journal's own."""
        return self._guard.kept(self._decoded(entries, repetition), entries)

    def _decoded(self, entries: Sequence[Entry], repetition: Repetition | None) -> Decoded:
        if len(self._decoders) == 1:
            return self._decoders["json"].decode(entries, repetition)
        parts = [
            decoder.decode(own, repetition)
            for payload, decoder in self._decoders.items()
            if (own := [entry for entry in entries if self._payload.get(entry.connector, "json") == payload])
        ]
        readings, counts = Readings.concat([part.readings for part in parts]), Counts()
        for part in parts:
            counts += part.counts
        return Decoded(
            readings.take(np.argsort(readings.seq, kind="stable")),
            sorted((one for part in parts for one in part.rejected), key=lambda one: one.seq),
            counts,
            sorted((one for part in parts for one in part.events), key=lambda one: one.seq),
            sorted((one for part in parts for one in part.marks), key=lambda one: one.seq),
        )

    def memory(self) -> dict[str, bytes]:
        """What the decoders remember, by payload."""
        remembered = {payload: decoder.to_bytes() for payload, decoder in self._decoders.items()}
        return {payload: some for payload, some in remembered.items() if some}
