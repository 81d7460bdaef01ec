"""JSON messages into columns, in bulk (design, section 5).

The result depends on the entries alone, not on how they were cut into lists: what the decoder keeps are caches.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.plan import Plan
from connectors.attributes import Inspected, Made
from connectors.blocks import BLOCK, Blocks
from connectors.columns import INVALID, PRODUCTION, UNKNOWN, Decoded, Readings, unknown_detail
from connectors.context import LONGEST, NOTHING, Context, read_context
from connectors.event_json import Wrong, kind_of, read_body
from connectors.event_time import SECONDS_NS, is_seconds
from connectors.json_payload import NonFinite, Unreadable, read_json
from connectors.repetition import Repetition
from connectors.routes import Names, Route, Source
from connectors.segments import Entry
from rules.events import KINDS, Event, Inspection

MEASUREMENTS = (None, "measurements", "measurement")  # the kinds of a message with values

LARGEST = 1e100  # what is beyond is a sentinel (DBL_MAX and the like), no measurement, and would overflow sums

_NUMBERS = frozenset((int, float))
_ARRAYS = frozenset((list,))
_NAN = float("nan")
_GOT = 60  # characters of a bad value that are shown

_Shared = tuple[int, int, int, int, int]  # the end of a block: what all blocks of one message share


class JsonDecoder:
    """Decodes the entries of a plan's JSON connectors. `decode` raises for nothing that a payload could hold."""

    def __init__(self, plan: Plan) -> None:
        numbers = {spec.id: number for number, spec in enumerate(plan.characteristics)}
        self._ids = [spec.id for spec in plan.characteristics]
        self._inspected = Inspected(plan)
        self._sources = {one.name: Source(number, one, numbers) for number, one in enumerate(plan.connectors)}

    def decode(self, entries: Sequence[Entry], repetition: Repetition | None = None) -> Decoded:
        """The readings of `entries` (in journal order, those of an entry in time order), what was refused, events.

        `repetition` is advanced; messages that it has seen before yield nothing and are among what was refused, as
        `repeated`: no loss, but nothing vanishes unseen. Without it every message counts. Entries must be those of
        connectors, not the journal's own.
        """
        work = _Work(repetition, self._inspected)
        messages = work.blocks.counts.messages
        for entry in entries:
            messages[entry.connector] = messages.get(entry.connector, 0) + 1
            source = self._sources.get(entry.connector)
            if source is None:
                detail = f"expected a connector of the plan, got {entry.connector!r}"
                work.blocks.reject(entry, 0, "unknown-topic", detail)
            else:
                work.entry(entry, source)
        readings, counts = work.blocks.readings(), work.blocks.counts
        beyond = np.abs(readings.value) > LARGEST
        if beyond.any():
            readings = self._without_sentinels(readings, beyond, entries, work.blocks)
        real = np.bincount(readings.connector[readings.state != INVALID], minlength=len(self._sources))
        counts.readings = {name: int(n) for name, n in zip(self._sources, real, strict=True) if n}
        return Decoded(readings, work.blocks.rejected, counts, work.blocks.events)

    def to_bytes(self) -> bytes:
        """Nothing: what it keeps are caches."""
        return b""

    def resume(self, memory: bytes) -> None:
        """Nothing to go on with."""

    def _without_sentinels(
        self, readings: Readings, beyond: NDArray[np.bool_], entries: Sequence[Entry], blocks: Blocks
    ) -> Readings:
        """Refuses the values `beyond` measure among those that were taken by the message, and so end no array."""
        of_seq = {entry.seq: entry for entry in entries}
        for row in np.flatnonzero(beyond):
            reason, detail = _fault(float(readings.value[row]))
            detail = f"{self._ids[readings.characteristic[row]]}: {detail}"
            blocks.reject(of_seq[int(readings.seq[row])], int(readings.idx[row]), reason, detail)
        blocks.rejected.sort(key=lambda one: one.seq)
        value, state = np.where(beyond, _NAN, readings.value), readings.state.copy()
        state[beyond & (state == PRODUCTION)] = INVALID
        return replace(readings, value=value, state=state).take(~beyond | (state == INVALID))


class _Work:
    """One call of `decode`: entry by entry, message by message, into blocks."""

    def __init__(self, repetition: Repetition | None, inspected: Inspected) -> None:
        self.blocks = Blocks()
        self._inspected = inspected
        self._repetition = repetition

    def entry(self, entry: Entry, source: Source) -> None:
        """Takes one entry."""
        blocks = self.blocks
        repetition = None if source.dedupe == "none" else self._repetition
        if repetition is not None and repetition.seen_packet(
            entry.connector, entry.packet_id, entry.dup, entry.payload
        ):
            detail = f"the broker delivered packet {entry.packet_id} again (DUP flag, same payload)"
            blocks.repeated(entry, 0, detail)
            return
        route = source.route(entry.topic)
        if route is None:
            detail = f"no topic pattern of connector {source.name} matches {entry.topic!r}"
            blocks.reject(entry, 0, "unknown-topic", detail)
            return
        try:
            document = read_json(entry.payload)
        except Unreadable as error:
            blocks.reject(entry, 0, error.reason, error.detail)
            return
        messages = document if type(document) is list else (document,)
        if repetition is not None and source.dedupe == "payload" and _seen_payload(entry, source, messages, repetition):
            blocks.repeated(entry, 0, "the same payload was there on this topic within 48 h of its time")
            return
        if not messages:
            blocks.reject(entry, 0, "no-values", "expected an object or objects with `values`, got an empty array")
        self._messages(entry, source, route, messages, repetition)

    def _messages(
        self, entry: Entry, source: Source, route: Route, messages: Sequence[Any], repetition: Repetition | None
    ) -> None:
        blocks = self.blocks
        idx, latest_ns = 0, None
        for message in messages:
            if type(message) is not dict:
                detail = f"expected an object with `values`, got {_shown(message)}"
                blocks.reject(entry, idx, "not-an-object", detail)
                continue
            stamp, identity, events = message.get("time"), message.get("id"), len(blocks.events)
            given_ns = None if stamp is None else source.times.ns(stamp)
            if identity is None or repetition is None or not self._repeated(entry, identity, idx, repetition):
                time_ns = entry.received_ns if stamp is None else given_ns
                if self._message(entry, source, route, message, idx, time_ns) and time_ns is not None:
                    blocks.unordered |= latest_ns is not None and time_ns < latest_ns
                    latest_ns = time_ns
            if len(messages) > 1:
                idx += 1 if len(blocks.events) > events else places(message.get("values"))

    def _repeated(self, entry: Entry, identity: object, idx: int, repetition: Repetition) -> bool:
        if type(identity) not in (str, int):
            detail = f"id: expected a string or a whole number, got {_shown(identity)}"
            self.blocks.reject(entry, idx, "wrong-type", detail)
            return False
        if not repetition.seen_id(entry.connector, str(identity)):
            return False
        self.blocks.repeated(entry, idx, f"id {_shown(identity)} was there before")
        return True

    def _message(
        self, entry: Entry, source: Source, route: Route, message: dict[str, Any], idx: int, time_ns: int | None
    ) -> bool:
        """Takes one message whose first value has the place `idx`; False when it was refused whole."""
        blocks = self.blocks
        kind = message.get("kind", route.kind)
        if kind not in MEASUREMENTS:
            return self._event(entry, source, route, message, idx, time_ns)
        values = message.get("values")
        if type(values) is not dict or not values:
            reason = "wrong-type" if values is not None and type(values) is not dict else "no-values"
            detail = f"values: expected an object of names and numbers, got {_shown(values)}"
            blocks.reject(entry, idx, reason, detail)
            return False
        if time_ns is None or (time_ns < SECONDS_NS and is_seconds(message.get("time"))):
            self._reject_time(entry, idx, message["time"])
            return False
        names = route.names(tuple(values), message)
        if names is None:
            detail = f"the characteristic's id needs strings or numbers as {', '.join(route.fields)}"
            blocks.reject(entry, idx, "template-field-missing", detail)
            return False
        context = self._context(entry, message, idx)
        number = 0 if context is NOTHING else blocks.contexts.setdefault(context.text, len(blocks.contexts))
        shared = (time_ns, entry.seq, context.change, number, source.number)
        if names.known and _NUMBERS.issuperset(map(type, values.values())):  # how large: `_without_sentinels`
            blocks.characteristic.frombytes(names.packed)
            blocks.value.extend(values.values())
            blocks.blocks.extend((len(values), idx, context.subgroup, 0, context.state, *shared))
        elif names.known and not context.subgroup and _ARRAYS.issuperset(map(type, values.values())):
            self._arrays(entry, route, names, values, idx, context, shared)
        else:
            self._one_by_one(entry, names, values, idx, context, shared)
        return True

    def _event(
        self, entry: Entry, source: Source, route: Route, message: dict[str, Any], idx: int, time_ns: int | None
    ) -> bool:
        """Takes one message of another kind; False when it was refused."""
        blocks = self.blocks
        kind = kind_of(message.get("kind", route.kind))
        if kind is None:
            expected = f"kind: expected one of {', '.join((*MEASUREMENTS[1:], *KINDS))}"
            detail = f"{expected}, got {_shown(message.get('kind', route.kind))}"
            blocks.reject(entry, idx, "unsupported-kind", detail)
            return False
        if time_ns is None or (time_ns < SECONDS_NS and is_seconds(message.get("time"))):
            self._reject_time(entry, idx, message["time"])
            return False
        place = route.place(message)
        if place is None:
            detail = f"the place {source.place!r} needs strings or numbers for its names"
            blocks.reject(entry, idx, "template-field-missing", detail)
            return False
        body = read_body(kind, message, time_ns, source.times)
        if isinstance(body, Wrong):
            blocks.reject(entry, idx, body.reason, body.detail)
            return False
        context = self._context(entry, message, idx)
        blocks.events.append(Event(entry.seq, idx, time_ns, source.number, kind, place, context.text, body))
        if isinstance(body, Inspection) and (around := route.around(message)) is not None:
            self._inspected.take(entry, Made(idx, time_ns, source.number), body, around, context, blocks)
        return True

    def _context(self, entry: Entry, message: dict[str, Any], idx: int) -> Context:
        """The message's context; what is wrong in it is told, and left out."""
        context = read_context(message)
        for field in context.bad:
            detail = f"{field}: expected a number or a string up to {LONGEST} characters, got {_shown(message[field])}"
            self.blocks.reject(entry, idx, "wrong-type", detail)
        return context

    def _reject_time(self, entry: Entry, idx: int, stamp: Any) -> None:
        got = _shown(stamp)
        if is_seconds(stamp):
            detail = f"time: expected milliseconds since 1970, got {got}: epoch seconds?"
            self.blocks.reject(entry, idx, "epoch-seconds", detail)
        else:
            detail = f"time: expected RFC 3339 or milliseconds since 1970, from 1823 to 2116, got {got}"
            self.blocks.reject(entry, idx, "bad-time", detail)

    def _arrays(
        self,
        entry: Entry,
        route: Route,
        names: Names,
        values: dict[str, list[Any]],
        idx: int,
        context: Context,
        shared: _Shared,
    ) -> None:
        """Takes whole subgroups at once, if all of their values are good."""
        lengths = tuple(map(len, values.values()))
        elements = list(chain.from_iterable(values.values()))
        if 0 in lengths or not _all_usable(elements):
            self._one_by_one(entry, names, values, idx, context, shared)
            return
        shape = route.shape(names, lengths)
        rows = np.empty((len(lengths), len(BLOCK)), np.int64)
        rows[:, :2] = shape.rows
        rows[:, 1] += idx
        rows[:, 2] = -1 - rows[:, 1]
        rows[:, 3:] = (1, context.state, *shared)
        self.blocks.characteristic.frombytes(shape.packed)
        self.blocks.value.extend(elements)
        self.blocks.blocks.frombytes(rows.tobytes())

    def _one_by_one(
        self, entry: Entry, names: Names, values: dict[str, Any], idx: int, context: Context, shared: _Shared
    ) -> None:
        """Takes values among which are arrays, bad ones or unknown ones."""
        blocks = self.blocks
        for place, value in enumerate(values.values()):
            characteristic = names.indices[place]
            elements: list[Any] = (value or [None]) if type(value) is list else [value]
            in_array = type(value) is list and not context.subgroup
            subgroup = -1 - idx if in_array else context.subgroup
            if characteristic < 0:
                detail = unknown_detail(names.ids[place])
                blocks.reject(entry, idx, UNKNOWN, detail, names.ids[place])
            elif _all_usable(elements):
                blocks.characteristic.extend([characteristic] * len(elements))
                blocks.value.extend(elements)
                blocks.blocks.extend((len(elements), idx, subgroup, in_array, context.state, *shared))
            else:
                self._reject_bad(entry, names.ids[place], elements, idx)
                for offset, element, ends, state in _singly(elements, context.state, in_array=in_array):
                    blocks.characteristic.append(characteristic)
                    blocks.value.append(element)
                    blocks.blocks.extend((1, idx + offset, subgroup, ends, state, *shared))
            idx += len(elements)

    def _reject_bad(self, entry: Entry, identity: str, elements: list[Any], idx: int) -> None:
        for offset, element in enumerate(elements):
            if not _usable(element):
                reason, detail = _fault(element)
                self.blocks.reject(entry, idx + offset, reason, f"{identity}: {detail}")


def _singly(elements: list[Any], state: int, *, in_array: bool) -> list[tuple[int, float, bool, int]]:
    """(offset, value, ends, state) of each element; a bad one has state 2, and its array ends at the last good one.

    What is no production breaks no chain of production: of it only the good values remain.
    """
    good = [offset for offset, element in enumerate(elements) if _usable(element)]
    closing = good[-1] if in_array and good else -1
    rows = []
    for offset, element in enumerate(elements):
        if _usable(element):
            rows.append((offset, element, offset == closing, state))
        elif state == PRODUCTION:
            rows.append((offset, _NAN, False, INVALID))
    return rows


def _seen_payload(entry: Entry, source: Source, messages: Sequence[Any], repetition: Repetition) -> bool:
    """Asks by the time of the first message; of receipt, when that gives none."""
    first = messages[0] if messages else None
    time_ns = source.times.ns(first.get("time")) if type(first) is dict else None
    return repetition.seen_payload(
        entry.connector, entry.topic, entry.payload, entry.received_ns if time_ns is None else time_ns
    )


def _fault(value: Any) -> tuple[str, str]:
    if value is None:
        return "absent-value", "expected a number, got none"
    if type(value) is NonFinite:
        return "not-finite", f"expected a finite number, got {value}"
    if type(value) in _NUMBERS:
        return "out-of-range", f"expected a number from -{LARGEST:g} to {LARGEST:g}, got {value}"
    return "wrong-type", f"expected a number, got {_shown(value)}"


def _usable(value: Any) -> bool:
    return type(value) in _NUMBERS and -LARGEST <= value <= LARGEST


def _all_usable(values: Collection[Any]) -> bool:
    """Whether all of at least one value are."""
    return _NUMBERS.issuperset(map(type, values)) and max(values) <= LARGEST and min(values) >= -LARGEST


def places(values: Any) -> int:
    """How many places `values` takes: an empty array takes that of the value that is not there."""
    if type(values) is not dict:
        return 0
    return sum((len(value) or 1) if type(value) is list else 1 for value in values.values())


def _shown(value: Any) -> str:
    """A bad value for a sentence; containers by their type (nested ones may be deeper than repr goes)."""
    if type(value) in (dict, list):
        return f"an {'empty ' * (not value)}{'object' if type(value) is dict else 'array'}"
    if value is None:
        return "none"
    return repr(value[:_GOT]) if isinstance(value, str) else repr(value)[:_GOT]
