"""Tags into readings, context and events, as the plant file's `tags` say (`config.tags`).

A measurement is a reading; an array of them a subgroup. A context tag fills a field (`part`, `lot`) of what is measured
at its place from then on: within one message for all of it, where it comes more than once for what is timed later.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from string import Formatter
from typing import Any, NamedTuple

from config.plan import ConnectorPlan
from config.tag_plan import TagPlan
from connectors.attributes import Around, Inspected, Made
from connectors.blocks import Blocks
from connectors.columns import INVALID, PRODUCTION, UNKNOWN, unknown_detail
from connectors.context import NOTHING, Context, read_context
from connectors.decode_json import LARGEST
from connectors.segments import Entry
from connectors.tag_events import TagEvents, Told
from connectors.tag_values import fault_of, shown
from rules.events import Event, Inspection

_NAN = float("nan")
_NUMBERS = (int, float)
_BEFORE_ALL = -(1 << 63)
_DEFAULT = TagPlan("", "measurement")


class Tag(NamedTuple):
    """One tag, resolved: its address, what it is, its place, and for a measurement its characteristic (−1: none)."""

    address: str
    plan: TagPlan
    place: str
    id: str
    characteristic: int
    words: dict[str, str]
    with_good: bool = False  # of the parts counted at its place the good ones are counted too


class TagValue(NamedTuple):
    """One value of a tag; `idx` its place in the entry, an array taking as many as it has elements (at least one).

    `quality` is empty for a good one, else a word (`bad`, `uncertain`). `historical`: it was kept back and is late.
    """

    tag: Tag
    value: Any
    time_ns: int
    idx: int
    quality: str = ""
    historical: bool = False


class TagMap:
    """What the tags of one connector mean; `characteristics` are the plan's, by id."""

    def __init__(self, plan: ConnectorPlan, characteristics: Mapping[str, int]) -> None:
        self._plan, self._characteristics = plan, characteristics
        self._tags = {tag.tag: tag for tag in plan.tags}
        self._words = {tag.tag: {one.value: one.word for one in tag.meanings} for tag in plan.tags}
        self._good = {tag.place for tag in plan.tags if tag.kind == "count" and tag.field == "good"}

    def tag(self, address: str, name: str, parts: Mapping[str, str]) -> Tag:
        """The tag at `address`, by that or by its `name`; what is not mapped is a measurement of the connector's
        template. `parts` are the names that templates know beside {name}.
        """
        plan = self._tags.get(address) or self._tags.get(name, _DEFAULT)
        known = {**parts, "name": name}
        place = filled(plan.place or self._plan.place, known)
        identity = filled(plan.name or self._plan.characteristic, known) if plan.kind == "measurement" else ""
        words = self._words.get(plan.tag, {})
        with_good = plan.kind == "count" and plan.place in self._good
        return Tag(address, plan, place, identity, self._characteristics.get(identity, -1), words, with_good)


class TagReader:
    """Takes the values of one connector's messages; what it remembers is contexts by place, and `TagEvents`."""

    def __init__(self, number: int, inspected: Inspected) -> None:
        self._number, self._inspected = number, inspected
        self._fields: dict[str, dict[str, Any]] = {}  # by place
        self._contexts: dict[str, Context] = {}  # the same, read
        self._events = TagEvents()

    @property
    def knows_context(self) -> bool:
        """Whether any field of any place has been told: if not, readings have none."""
        return bool(self._contexts)

    def take(self, entry: Entry, values: Sequence[TagValue], blocks: Blocks) -> None:
        """Takes the values of one message into `blocks`: readings, refusals and events."""
        if all(one.tag.plan.kind == "measurement" and not one.historical for one in values):
            self._measured(entry, values, blocks)
            return
        late = [one for one in values if one.historical]
        if late:  # they have a context of their own, or none
            kept, read, self._fields, self._contexts = self._fields, self._contexts, {}, {}
            self._in_order(entry, late, blocks)
            self._fields, self._contexts = kept, read
        self._in_order(entry, [one for one in values if not one.historical], blocks)

    def _in_order(self, entry: Entry, values: Sequence[TagValue], blocks: Blocks) -> None:
        times = Counter((one.tag.place, one.tag.plan.field) for one in values if one.tag.plan.kind == "context")

        def order(one: TagValue) -> tuple[int, bool]:
            is_context = one.tag.plan.kind == "context"
            once = is_context and times[one.tag.place, one.tag.plan.field] == 1
            return _BEFORE_ALL if once else one.time_ns, not is_context

        for one in sorted(values, key=order):
            kind = one.tag.plan.kind
            if kind == "measurement":
                self._measured(entry, (one,), blocks)
            elif kind == "context":
                self._set_context(entry, one, blocks)
            elif kind != "ignore" and self._usable(entry, one, blocks):
                self._take_event(entry, one, blocks)
        for found in self._events.happened():
            text = self._contexts.get(found.place, NOTHING).text
            event = Event(entry.seq, found.idx, found.time_ns, self._number, found.kind, found.place, text, found.body)
            blocks.events.append(event)
            if isinstance(found.body, Inspection):
                self._chart(entry, event, found.body, blocks)

    def _chart(self, entry: Entry, event: Event, body: Inspection, blocks: Blocks) -> None:
        """The inspection's counts as readings of the characteristics under its place."""
        around = Around(f"{event.place}/" if event.place else "", "")
        made = Made(event.idx, event.time_ns, self._number)
        self._inspected.take(entry, made, body, around, self._contexts.get(event.place, NOTHING), blocks)
        blocks.unordered = True

    def _measured(self, entry: Entry, values: Sequence[TagValue], blocks: Blocks) -> None:
        """Takes measurements: they come out in the order of their times."""
        latest_ns = _BEFORE_ALL
        for tag, value, time_ns, idx, quality, _ in values:
            if tag.characteristic < 0:
                blocks.reject(entry, idx, UNKNOWN, unknown_detail(tag.id), tag.id)
                continue
            blocks.unordered |= time_ns < latest_ns
            latest_ns = time_ns
            context = self._contexts.get(tag.place, NOTHING)
            number = 0 if context is NOTHING else blocks.contexts.setdefault(context.text, len(blocks.contexts))
            shared = (time_ns, entry.seq, context.change, number, self._number)
            if not quality and type(value) in _NUMBERS and -LARGEST <= value <= LARGEST:
                blocks.characteristic.append(tag.characteristic)
                blocks.value.append(value)
                blocks.blocks.extend((1, idx, context.subgroup, 0, context.state, *shared))
            else:
                self._one_by_one(entry, (tag, value, time_ns, idx, quality, False), context, shared, blocks)

    def _one_by_one(
        self,
        entry: Entry,
        one: tuple[Tag, Any, int, int, str, bool],
        context: Context,
        shared: tuple[int, int, int, int, int],
        blocks: Blocks,
    ) -> None:
        """Takes an array, or what is no good number: refused, and a break in what is measured."""
        tag, value, _, idx, quality, _ = one
        is_array = isinstance(value, list | tuple) and len(value) > 0
        elements: Sequence[Any] = value if is_array else (value,)
        faults = [(f"quality-{quality}", shown(each)) if quality else fault_of(each) for each in elements]
        in_array = is_array and not context.subgroup
        good = [place for place, fault in enumerate(faults) if fault is None]
        closing = good[-1] if in_array and good else -1
        for place, (element, fault) in enumerate(zip(elements, faults, strict=True)):
            if fault is not None:
                blocks.reject(entry, idx + place, fault[0], f"{tag.id}: {fault[1]}")
                if context.state != PRODUCTION:
                    continue
            state = context.state if fault is None else INVALID
            blocks.characteristic.append(tag.characteristic)
            blocks.value.append(element if fault is None else _NAN)
            subgroup = -1 - idx if in_array else context.subgroup
            blocks.blocks.extend((1, idx + place, subgroup, place == closing, state, *shared))

    def _set_context(self, entry: Entry, one: TagValue, blocks: Blocks) -> None:
        """Fills the field, or empties it: null, an empty text and what is not good are no part's number."""
        tag, field = one.tag, one.tag.plan.field
        fields = {name: value for name, value in self._fields.get(tag.place, {}).items() if name != field}
        if self._usable(entry, one, blocks, or_none=True) and one.value is not None and one.value != "":
            fields[field] = one.value
        context = read_context(fields)
        for bad in context.bad:
            detail = f"{tag.plan.tag}: expected a number or a short text as {bad}, got {shown(one.value)}"
            blocks.reject(entry, one.idx, "wrong-type", detail)
            fields.pop(bad)
        self._fields[tag.place], self._contexts[tag.place] = fields, context

    def _take_event(self, entry: Entry, one: TagValue, blocks: Blocks) -> None:
        tag = one.tag

        def refuse(reason: str, detail: str) -> None:
            blocks.reject(entry, one.idx, reason, detail)

        told = Told(one.value, one.time_ns, one.idx, one.historical, tag.with_good)
        self._events.take(tag.plan, tag.words, tag.address, tag.place, told, refuse)

    def _usable(self, entry: Entry, one: TagValue, blocks: Blocks, *, or_none: bool = False) -> bool:
        """Whether a value is good and there; what is not is refused."""
        if one.quality:
            blocks.reject(entry, one.idx, f"quality-{one.quality}", f"{one.tag.plan.tag}: {shown(one.value)}")
        elif one.value is None and not or_none:
            blocks.reject(entry, one.idx, "absent-value", f"{one.tag.plan.tag}: expected a value, got none")
        return not one.quality and (or_none or one.value is not None)

    def to_plain(self) -> list[Any]:
        """What is remembered, for JSON."""
        fields = sorted((place, sorted(fields.items())) for place, fields in self._fields.items() if fields)
        return [fields, self._events.to_plain()]

    def resume(self, plain: list[Any]) -> None:
        """Go on with what `to_plain` gave."""
        fields, events = plain
        self._fields = {place: dict(of) for place, of in fields}
        self._contexts = {place: read_context(of) for place, of in self._fields.items()}
        self._events.resume(events)


def places_of(value: Any) -> int:
    """How many places of an entry a value takes."""
    return len(value) or 1 if isinstance(value, list | tuple) else 1


def filled(template: str, known: Mapping[str, str]) -> str:
    """The template with its names filled in; of an empty one nothing is left, not its slash either.

    >>> filled("{edge}/{device}/{name}", {"edge": "press", "device": "", "name": "bore"})
    'press/bore'
    """
    made = ""
    for text, name, _, _ in Formatter().parse(template):
        at_slash = not made or made[-1] == "/"
        made += text.removeprefix("/") if at_slash and made else text
        made += known.get(name, "") if name else ""
    return made.rstrip("/")
