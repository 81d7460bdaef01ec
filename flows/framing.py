"""From journal entries to frames: decode, recognise repetitions, hold back, and hand each shard its part.

The step keeps what decides a reading's fate before any chart sees it: what was seen before, what waits for
its tick, how far days may close, and how often each reason to refuse, and each unknown name, has occurred.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.plan import Plan
from connectors.columns import PAYLOAD_KEPT, TEXT_KEPT, UNKNOWN, Mark, Readings, Rejected
from connectors.decode import Decoder
from connectors.journal_past import Past
from connectors.repetition import Repetition
from connectors.segments import CHECKPOINT, Entry
from flows.changes import change_marks
from flows.corrections import Corrections
from flows.data_quality import DataQuality
from flows.frames import SHARDS, Lead, PlantFrame, ShardFrame, StepState, Ticks, shard_key, shard_of
from flows.holdback import HoldBack
from flows.remeasure import Stretch
from flows.retaken import Rebuild
from flows.shard import PlanAt
from flows.state import pack, unpack
from flows.ticks import TickState, tick_step
from flows.timely import TickStream, timely
from rules.spec import CalendarSpec
from rules.timeline import Piece, Timeline, change_calendar, closed_days, days_of, from_plain, to_plain

SCHEMA_VERSION = 6
DAY_NS = 86_400 * 1_000_000_000
MOST_REFUSALS = 20  # of one entry and reason that are kept; all are counted
MOST_NAMES = 1_000  # unknown ones that are counted each by itself, of a connector
SYSTEM = "_"  # the connector of the journal's own entries
LEADS = ("plan", "gap", "command")
PLANT = "plant"
NO_READINGS = Readings.empty()
NO_MEMORY: Mapping[str, bytes] = {}


class FramingLogic:
    """Turns stretches of the journal into frames. `plan_at` gives the plan of a journal entry.

    `past` is the journal, in which corrections look up what they mean; without it they change nothing.
    """

    def __init__(self, plan_at: PlanAt, state: bytes | None = None, past: Past | None = None) -> None:
        self._plan_at = plan_at
        self._plan_seq = 0
        self._ticks = TickState()
        self._counts: dict[tuple[str, str], int] = {}
        self._names: dict[str, dict[str, int]] = {}  # by connector: how often each unknown name came
        self._repetition = Repetition()
        self._adopt(Plan("", CalendarSpec()))
        self._hold = HoldBack(self._plan)
        self._timeline: Timeline = (Piece(self._plan.calendar),)
        self._quality = DataQuality(self._plan, self._timeline)
        self._corrections = Corrections(plan_at, past, self._scratch)
        if state is not None:
            self._resume(state)

    def frames(self, entries: Sequence[Entry]) -> Iterable[tuple[str, ShardFrame | PlantFrame]]:
        """The frames of a stretch: cut before every plan, gap and command and behind every checkpoint.

        For each, 16 parts and the plant's.
        """
        for stretch in _cut(entries):
            yield from self._frame(stretch)

    def _frame(self, entries: Sequence[Entry]) -> Iterable[tuple[str, ShardFrame | PlantFrame]]:
        lead = _lead(entries[0])
        refused: list[Rejected] = []
        if lead is not None and lead.kind == "plan":
            self._plan_seq = lead.seq
            self._adopt(self._plan_at(lead.seq), self._decoder.memory())
            lead = self._change_calendar(lead)
            refused += self._hold.replan(self._plan)
            refused += self._quality.replan(self._plan, self._timeline, self._ticks.effective_ns)
        messages = [entry for entry in entries if entry.connector != SYSTEM]
        tick_entries = [entry for entry in entries if entry.connector == SYSTEM and entry.topic == "tick"]
        decoded = self._decoder.decode(messages, self._repetition)
        before = self._ticks
        seqs, times, effective, closed = self._fold_ticks(tick_entries).T.copy()
        taken = self._hold.step(decoded.readings, seqs, times, effective)
        stream = TickStream(seqs, times, effective, before)
        events, untimely = timely(decoded.events, stream, self._plan)
        changed, unfound = change_marks(events, self._plan)
        held = Stretch(
            taken.readings, np.asarray(taken.cause_seq, np.int64), np.asarray(taken.tick_positions, np.int64)
        )
        checked = self._quality.step(held, seqs, effective, events, self._timeline, entries[0].seq)
        let_through, cause, positions = checked.stretch
        rebuilds, unmeant = self._corrections.take(events, stream, self._plan, self._timeline)
        readings = self._corrections.apply(let_through, cause, self._plan)
        self._corrections.forget(self._ticks.effective_ns, self._plan.restate_days)
        told: list[Mark | Rebuild] = [*decoded.marks, *changed, *checked.marks, *rebuilds]
        marks = sorted(told, key=lambda one: one.seq)  # stable
        forward = np.diff(effective, prepend=before.effective_ns) > 0  # the time stands while a jump is not confirmed
        ticks = Ticks(positions[forward], effective[forward], seqs[forward], closed[forward])
        days = days_of(self._timeline, readings.time_ns)
        checkpoint = _is_checkpoint(entries[-1])
        of_seq = {entry.seq: entry for entry in entries}
        refused += [*decoded.rejected, *taken.rejected, *untimely, *unfound, *unmeant]
        counted = tuple(self._counted(refused, of_seq, entries[0]))
        frame = PlantFrame(
            number=entries[0].seq,
            plan_seq=self._plan_seq,
            first_seq=entries[0].seq,
            last_seq=entries[-1].seq,
            lead=lead,
            ticks=ticks,
            rejected=counted,
            events=events,
            timeline=self._timeline,
            rows=checked.rows(_too_late_rows(taken.too_late)),
            state=StepState("frame_entries", PLANT, SCHEMA_VERSION, self.to_bytes()) if checkpoint else None,
        )
        yield PLANT, frame
        yield from self._parts(frame, readings, cause, days, marks)

    def waiting(self) -> Readings:
        """Readings that have come and are not taken yet."""
        return Readings.concat([self._hold.held, self._quality.waiting()])

    def _scratch(self, plan_seq: int) -> "FramingLogic":
        """A framing that has seen nothing, under the plan of entry `plan_seq` (0: none)."""
        logic = FramingLogic(self._plan_at)
        logic._quality = DataQuality(logic._plan, logic._timeline, keep_aside=True)
        if plan_seq:
            logic._plan_seq = plan_seq
            logic._adopt(self._plan_at(plan_seq))
            logic._hold = HoldBack(logic._plan)
            logic._timeline = self._timeline
            logic._quality = DataQuality(logic._plan, logic._timeline, keep_aside=True)
        return logic

    def _parts(
        self,
        whole: PlantFrame,
        readings: Readings,
        cause: NDArray[np.int64],
        days: NDArray[np.int64],
        marks: Sequence[Mark | Rebuild],
    ) -> Iterable[tuple[str, ShardFrame]]:
        """Each shard's readings with the ticks at their places among them, and its marks."""
        ticks = whole.ticks
        marks_of = defaultdict(list)
        for mark in marks:
            marks_of[int(self._shards[mark.characteristic])].append(mark)
        shard = self._shards[readings.characteristic]
        order = np.argsort(shard, kind="stable")  # of bytes: a radix sort
        bounds = np.concatenate([[0], np.cumsum(np.bincount(shard, minlength=SHARDS))])
        sorted_readings, sorted_cause, sorted_days = readings.take(order), cause[order], days[order]
        for number in range(SHARDS):
            rows = slice(bounds[number], bounds[number + 1])
            frame = ShardFrame(
                number=whole.number,
                shard=number,
                plan_seq=whole.plan_seq,
                lead=whole.lead,
                readings=sorted_readings.take(rows) if bounds[number] < bounds[number + 1] else NO_READINGS,
                cause_seq=sorted_cause[rows],
                day=sorted_days[rows],
                ticks=Ticks(np.searchsorted(order[rows], ticks.at), ticks.ns, ticks.seq, ticks.closed_through),
                marks=tuple(marks_of[number]),
                checkpoint=whole.state is not None,
            )
            yield shard_key(number), frame

    def _fold_ticks(self, entries: Sequence[Entry]) -> NDArray[np.int64]:
        """Of the ticks that count: seq, time, confirmed time and last closed day, int64[t, 4]."""
        rows: list[tuple[int, int, int, int]] = []
        for entry in entries:
            before = self._ticks
            self._ticks, effective_ns = tick_step(before, int(entry.payload))
            if self._ticks != before:
                closed = closed_days(self._timeline, effective_ns)
                self._corrections.pass_time(entry.seq, effective_ns, self._plan_seq)
                rows.append((entry.seq, self._ticks.last_ns, effective_ns, closed))
        return np.array(rows, np.int64).reshape(-1, 4)

    def _counted(
        self, rejected: Sequence[Rejected], of_seq: dict[int, Entry], first: Entry
    ) -> Iterable[tuple[Rejected, int, int]]:
        """Each refusal with the time of its entry and its running number; caused by an entry of this frame.

        An unknown name is told when it comes for the first, 10th, 100th, … time: a noisy one hides no other.
        """
        of_entry: dict[tuple[int, str], int] = {}
        for one in sorted(rejected, key=lambda refusal: (refusal.seq, refusal.idx)):
            pair = (one.connector, one.reason)
            self._counts[pair] = self._counts.get(pair, 0) + 1
            entry = of_seq.get(one.seq, first)
            if one.reason == UNKNOWN:
                of_name = self._count_name(one.connector, one.name[:TEXT_KEPT])
                if _is_power_of_ten(of_name):
                    told = one._replace(detail=f"{one.detail[:TEXT_KEPT]}; {of_name} so far")
                    yield _whole(told, entry), entry.received_ns, self._counts[pair]
                continue
            place = of_entry[one.seq, one.reason] = of_entry.get((one.seq, one.reason), 0) + 1
            if place <= MOST_REFUSALS:
                yield _whole(one, entry), entry.received_ns, self._counts[pair]

    def _count_name(self, connector: str, name: str) -> int:
        """How often an unknown name came; names beyond the first thousand of a connector count as one."""
        names = self._names.setdefault(connector, {})
        kept = name if name in names or len(names) < MOST_NAMES else ""
        names[kept] = names.get(kept, 0) + 1
        return names[kept]

    def _change_calendar(self, lead: Lead) -> Lead:
        """The plan's lead with the day from which its calendar, floors and metrics hold; at once before any tick."""
        now_ns, calendar = self._ticks.effective_ns, self._plan.calendar
        if not now_ns:
            self._timeline = (Piece(calendar),)
            return lead
        kept_ns = (self._plan.restate_days + 2) * DAY_NS
        self._timeline, following = change_calendar(self._timeline, calendar, now_ns, kept_ns)
        return replace(lead, from_day=following.from_day, from_ns=following.from_ns)

    def _adopt(self, plan: Plan, memory: Mapping[str, bytes] = NO_MEMORY) -> None:
        self._plan = plan
        self._decoder = Decoder(plan, memory)
        self._shards = np.array([shard_of(spec.id) for spec in plan.characteristics] or [0], np.uint8)

    def to_bytes(self) -> bytes:
        """The state, with its schema version and the seq of its plan."""
        return pack(
            SCHEMA_VERSION,
            self._plan_seq,
            (self._ticks.last_ns, self._ticks.effective_ns, self._ticks.pending_ns),
            sorted(self._counts.items()),
            sorted((connector, sorted(names.items())) for connector, names in self._names.items()),
            self._repetition.to_bytes(),
            self._hold.to_bytes(),
            to_plain(self._timeline),
            self._decoder.memory(),
            self._quality.to_plain(self._oldest_day()),
            self._corrections.to_plain(),
        )

    def _resume(self, state: bytes) -> None:
        parts = unpack("framing", SCHEMA_VERSION, state)
        self._plan_seq, ticks, counts, names, repetition, hold, timeline, memory, quality, corrections = parts
        if self._plan_seq:
            self._adopt(self._plan_at(self._plan_seq), memory)
        self._ticks = TickState(*ticks)
        self._timeline = from_plain(timeline)
        self._corrections.resume(corrections)
        self._counts = dict(counts)
        self._names = {connector: dict(of) for connector, of in names}
        self._repetition = Repetition.from_bytes(repetition)
        self._hold = HoldBack.from_bytes(self._plan, hold)
        self._quality.resume(quality, self._plan, self._timeline, self._ticks.effective_ns)

    def _oldest_day(self) -> int:
        """The oldest production day of which a reading may still be taken."""
        today = days_of(self._timeline, np.array([self._ticks.effective_ns], np.int64))
        return int(today[0]) - self._plan.restate_days - 2


def _is_power_of_ten(count: int) -> bool:
    text = str(count)
    return text == "1" + "0" * (len(text) - 1)


def _cut(entries: Sequence[Entry]) -> Iterable[Sequence[Entry]]:
    """The entries in stretches: each may begin with what changes the rules, and may end with a checkpoint."""
    starts = [
        place
        for place, (before, entry) in enumerate(pairwise(entries), 1)
        if (entry.connector == SYSTEM and entry.topic in LEADS) or _is_checkpoint(before)
    ]
    for start, end in zip([0, *starts], [*starts, len(entries)], strict=True):
        if end > start:
            yield entries[start:end]


def _is_checkpoint(entry: Entry) -> bool:
    return entry.connector == SYSTEM and entry.topic == CHECKPOINT


def _lead(entry: Entry) -> Lead | None:
    if entry.connector == SYSTEM and entry.topic in LEADS:
        return Lead(entry.seq, entry.received_ns, entry.topic, entry.payload)  # type: ignore[arg-type] # in LEADS
    return None


def _whole(refusal: Rejected, entry: Entry) -> Rejected:
    """The refusal with its topic and payload, where it came after decoding; no text of it is longer than is kept."""
    if not refusal.topic and refusal.seq == entry.seq:
        refusal = refusal._replace(topic=entry.topic, payload=entry.payload[:PAYLOAD_KEPT])
    if len(refusal.topic) > TEXT_KEPT or len(refusal.detail) > TEXT_KEPT:
        return refusal._replace(topic=refusal.topic[:TEXT_KEPT], detail=refusal.detail[: TEXT_KEPT + 20])
    return refusal


def _too_late_rows(readings: Readings) -> Iterable[tuple[Any, ...]]:
    """Rows `(cause_seq, plan index, seq, idx, time, value, state, context)` of readings that change nothing."""
    for k in range(len(readings)):
        seq = int(readings.seq[k])
        yield (seq, int(readings.characteristic[k]), seq, int(readings.idx[k]), int(readings.time_ns[k])) + (
            float(readings.value[k]),
            "too-late",
            readings.contexts[int(readings.context[k])] or None,
        )
