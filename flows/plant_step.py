"""The plant step: gathers 16 answers of a frame, folds its ticks in order, and makes one commit unit of it."""

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from config.plan import Plan
from connectors.history import CommitUnit
from flows.day_book import DayBook
from flows.frames import SHARDS, Answer, Lead, PlantFrame, StepState, Ticks
from flows.framing import PLANT
from flows.goal_book import GoalBook
from flows.in_force import Held, from_plain, hold_back, plan_of_day, to_plain, without_skipped
from flows.outbox import plan_row
from flows.rows import Merged, Table, day_table, event_row, number_rows, table_of
from flows.shard import PlanAt
from flows.state import expect_plan, pack, unpack
from rules.calendar import production_day
from rules.event_tally import Tally
from rules.records import FIGURE
from rules.spec import ATTRIBUTE_CHARTS, CalendarSpec
from rules.timeline import Piece, Timeline

SCHEMA_VERSION = 8

Rows = dict[str, list[tuple[Any, ...]]]  # (cause_seq, ...) by kind
Waiting = dict[int, tuple[PlantFrame | None, list[Answer]]]  # by number: what has come of frames to be folded


class PlantLogic:
    """Everything that looks at more than one characteristic, in the order of ids, never of arrival."""

    def __init__(self, plan_at: PlanAt, state: bytes | None = None) -> None:
        self._plan_at = plan_at
        self._numbers: dict[str, int] = {}  # lasting numbers of all characteristics there ever were
        self._days = DayBook()
        self._held: tuple[Held, ...] = ()
        self._adopt(0, Plan("", CalendarSpec()))
        self._row = 0
        self._tick_ns = 0
        self._goals = GoalBook()
        self._timeline: Timeline = (Piece(CalendarSpec()),)  # comes with each frame
        self._waiting: Waiting = {}
        if state is not None:
            self._resume(state)

    def take(self, item: PlantFrame | Answer) -> list[CommitUnit]:
        """Take a frame or an answer; gives the frame's commit unit once all 16 answers are there."""
        frame, answers = self._waiting.get(item.number, (None, []))
        if isinstance(item, PlantFrame):
            frame = item
        else:
            answers.append(item)
        if frame is None or len(answers) < SHARDS:
            self._waiting[item.number] = (frame, answers)
            return []
        self._waiting.pop(item.number, None)
        return [self._fold(frame, answers)]

    def _fold(self, frame: PlantFrame, answers: list[Answer]) -> CommitUnit:
        rows: Rows = {}
        if frame.lead is not None:
            self._apply(frame.lead, rows)
        expect_plan("plant", frame.plan_seq, self._plan_seq)
        self._timeline = frame.timeline
        merged = Merged(answers, self._by_index, self._attribute)
        if not self._days.closed and len(frame.ticks.ns):  # the days before the journal began are none of it
            self._days.closed = production_day(self._plan.calendar, int(frame.ticks.ns[0])) - 1
        closed = self._days.closed
        self._collect(frame, answers, rows)
        stated = self._walk(frame, merged, rows)
        tables = merged.tables()
        tables["day"] = day_table(stated)
        for kind, some in rows.items():
            tables[kind] = _joined(tables.get(kind), table_of(kind, some))
        numbered, self._row = number_rows(tables, self._row)
        if len(frame.ticks.ns):
            self._tick_ns = int(frame.ticks.ns[-1])
        if frame.state is not None:
            numbered["checkpoint"] = self._checkpoint(frame.last_seq, frame.state, answers)
        return CommitUnit(frame.first_seq, frame.last_seq, self._tick_ns, numbered, _closings(frame.ticks, closed))

    def _checkpoint(self, seq: int, framing: StepState, answers: list[Answer]) -> list[tuple[Any, ...]]:
        """A row for the state of each step as of the entry, which causes nothing else; the step's own counts them.

        Frames are folded in their order, so that what waits is of later ones, and no part of the state.
        """
        states = sorted([framing, *(answer.state for answer in answers if answer.state is not None)])
        first = self._row + 1
        self._row += len(states) + 1
        states.append(StepState("fold_plant", PLANT, SCHEMA_VERSION, self._packed({})))
        return [(first + place, seq, place, *state) for place, state in enumerate(states)]

    def _walk(self, frame: PlantFrame, merged: Merged, rows: Rows) -> NDArray[Any]:
        """Fold the ticks in order: days close, metrics and key results follow; gives all day statements."""
        ticks = frame.ticks
        statements = [merged.days]
        taken_days = taken_windows = taken_events = 0
        for seq, ns, closed in zip(ticks.seq.tolist(), ticks.ns.tolist(), ticks.closed_through.tolist(), strict=True):
            new_day = closed > self._days.closed
            taken_events = self._take_events(frame, taken_events, seq)
            if taken_days < len(merged.days) and merged.days["cause_seq"][taken_days] <= seq:
                taken_days = self._take_days(merged.days, taken_days, seq, rows, closing=new_day)
            if not new_day and not self._goals.is_due(ns):
                continue
            taken_windows = self._take_windows(merged.windows, taken_windows, seq)
            if new_day:
                for day in range(self._days.closed + 1, closed + 1):
                    statements.append(self._close_day(day, (seq, ns), rows))
                    self._begin_day(day + 1, seq, rows)
                self._days.closed = closed
            else:
                self._look((seq, ns), rows, closed=False)
        self._take_events(frame, taken_events, frame.last_seq)
        self._take_days(merged.days, taken_days, frame.last_seq, rows)
        self._take_windows(merged.windows, taken_windows, frame.last_seq)
        stated = np.concatenate(statements) if len(merged.days) or len(statements) > 1 else np.zeros(0, FIGURE)
        return stated[np.lexsort((stated["characteristic"], stated["cause_seq"]))]

    def _close_day(self, day: int, tick: tuple[int, int], rows: Rows) -> NDArray[Any]:
        empty, episodes, alerts = self._days.close(
            day, tick, self._plan, self._by_index, happened=self._goals.events.has(day)
        )
        rows.setdefault("episode", []).extend(episodes)
        rows.setdefault("outbox", []).extend(alerts)
        if self._days.newest == day:  # a day without work and without data is none
            self._look(tick, rows, closed=True)
        return empty

    def _begin_day(self, day: int, seq: int, rows: Rows) -> None:
        """What was held back for production day `day` is in force from here on."""
        if not self._held or self._held[0].until_day > day:
            return
        before = self._plan
        self._held = tuple(one for one in self._held if one.until_day > day)
        self._use(day)
        self._give_characteristics(seq, before, rows)

    def _look(self, tick: tuple[int, int], rows: Rows, closed: bool) -> None:
        _extend(rows, self._goals.look(self._plan, self._numbers, self._days, tick, self._timeline, closed=closed))

    def _take_events(self, frame: PlantFrame, start: int, through_seq: int) -> int:
        """Fold the events up to an entry; gives how many have been folded in all."""
        end = start
        while end < len(frame.events) and frame.events[end].seq <= through_seq:
            end += 1
        if end > start:
            self._goals.take_events(frame.events[start:end], frame.timeline, self._days.closed, self._plan)
        return end

    def _take_days(self, days: NDArray[Any], start: int, through_seq: int, rows: Rows, closing: bool = False) -> int:
        """Note the day statements up to an entry; gives how many have been noted in all.

        What is restated at one tick is looked at together, and with the day that closes at it.
        """
        end = start + int(np.searchsorted(days["cause_seq"][start:], through_seq, side="right"))
        for place, row in enumerate(days[start:end], start + 1):
            who, seq = int(row["characteristic"]), int(row["cause_seq"])
            closed = self._days.closed
            figure = self._days.take(row, self._spec_of[who], who in self._members)
            if who in self._members:
                self._goals.take(who, figure, closed)
                readings = Tally(readings=int(row["own_n"]), out_of_spec=int(row["own_out"]))
                self._goals.events.take_readings(self._spec_of[who].id, figure.day, readings, closed)
            last = place == end or days["cause_seq"][place] != seq
            if last and not (closing and seq == through_seq):
                episodes, alerts = self._days.settle((seq, int(row["time"])), self._plan, self._by_index)
                rows.setdefault("episode", []).extend(episodes)
                rows.setdefault("outbox", []).extend(alerts)
        return end

    def _take_windows(self, windows: NDArray[Any], start: int, through_seq: int) -> int:
        end = start + int(np.searchsorted(windows["cause_seq"][start:], through_seq, side="right"))
        for row in windows[start:end][np.isin(windows["characteristic"][start:end], sorted(self._members))]:
            self._goals.members.windows[int(row["characteristic"])] = row.tobytes()
        return end

    def _apply(self, lead: Lead, rows: Rows) -> None:
        if lead.kind == "plan":
            self._change_plan(lead, rows)
        elif lead.kind == "gap":
            gap = orjson.loads(lead.body)
            values = (gap["gap"], gap["connector"], gap["reason"], gap["from_ns"], gap["to_ns"], gap["state"])
            rows.setdefault("gap", []).append((lead.seq, *values, gap.get("detail", "")))

    def _change_plan(self, lead: Lead, rows: Rows) -> None:
        """Number new characteristics, withdraw those that left, and tell the OKR store the goals if they changed.

        A segment of the journal begins with the plan in force: that is no change, and nothing follows from it.
        """
        told = plan_row(0, 0, self._adopted) if self._plan_seq else None
        before, when = self._plan, (lead.seq, lead.time_ns)
        plan = without_skipped(self._plan_at(lead.seq), self._adopted.calendar, lead)
        self._held = hold_back(self._held, self._adopted, plan, lead)
        self._adopt(lead.seq, plan)
        self._give_characteristics(lead.seq, before, rows)
        staying = {spec.id for spec in plan.characteristics}
        for spec in before.characteristics:
            if spec.id not in staying:
                episodes, alerts = self._days.withdraw(self._numbers[spec.id], when, spec)
                rows.setdefault("episode", []).extend(episodes)
                rows.setdefault("outbox", []).extend(alerts)
                self._goals.members.withdraw(self._numbers[spec.id])
        for metric in before.metrics:
            if metric.id not in {one.id for one in plan.metrics}:
                _extend(rows, self._goals.withdraw(before, metric, self._days, when))
        if plan_row(0, 0, plan) != told:
            rows.setdefault("outbox", []).append(plan_row(*when, plan))

    def _give_characteristics(self, seq: int, was: Plan, rows: Rows) -> None:
        """A row for every characteristic that is another than it was, or has left."""
        before = {spec.id: spec for spec in was.characteristics}
        now = {spec.id: spec for spec in self._plan.characteristics}
        for name in sorted(before.keys() | now.keys()):
            if before.get(name) != now.get(name):
                spec, state = now.get(name) or before[name], "active" if name in now else "withdrawn"
                row = _characteristic_row(seq, self._numbers[name], spec, state)
                rows.setdefault("characteristic", []).append(row)

    def _adopt(self, seq: int, plan: Plan) -> None:
        self._adopted, self._plan_seq = plan, seq
        for spec in plan.characteristics:
            self._numbers.setdefault(spec.id, len(self._numbers) + 1)
        self._use(self._days.closed + 1)

    def _use(self, day: int) -> None:
        """Go by what is in force for production day `day`."""
        plan = self._plan = plan_of_day(self._adopted, self._held, day)
        self._by_index = np.array([self._numbers[spec.id] for spec in plan.characteristics] or [0], np.int64)
        self._spec_of = {self._numbers[spec.id]: spec for spec in plan.characteristics}
        self._attribute = {who: spec.chart for who, spec in self._spec_of.items() if spec.chart in ATTRIBUTE_CHARTS}
        members = {name for metric in (*plan.metrics, *self._adopted.metrics) for name in metric.members}
        self._members = {who for who, spec in self._spec_of.items() if spec.id in members}

    def _collect(self, frame: PlantFrame, answers: list[Answer], rows: Rows) -> None:
        """Ready rows of the shards and of the decoder; plan indices become lasting numbers."""
        for answer in answers:
            for kind, some in answer.rows.items():
                for cause, who, *rest in some:
                    known = self._numbers[who] if isinstance(who, str) else int(self._by_index[who])
                    rows.setdefault(kind, []).append((cause, known, *rest))
        for kind in ("specification", "limits", "reading", "correction"):
            rows.get(kind, []).sort(key=lambda row: (row[0], row[1]))
        for kind, some in frame.rows.items():
            for cause, index, *rest in some:
                rows.setdefault(kind, []).append((cause, int(self._by_index[index]), *rest))
        rows.setdefault("event", []).extend(event_row(event) for event in frame.events)
        for one, time_ns, count in frame.rejected:
            cause = max(one.seq, frame.first_seq)
            row = (cause, one.connector, one.topic, one.reason, one.detail, one.seq, one.idx, time_ns, count)
            rows.setdefault("rejected", []).append((*row, one.payload))

    def to_bytes(self) -> bytes:
        """The state, with its schema version and the seq of its plan."""
        return self._packed(self._waiting)

    def _packed(self, waiting: Waiting) -> bytes:
        plain = {
            "plan_seq": self._plan_seq,
            "calendar": asdict(self._adopted.calendar),
            "held": to_plain(self._held),
            "numbers": self._numbers,
            "row": self._row,
            "tick_ns": self._tick_ns,
            "days": self._days.to_plain(),
            "goals": self._goals.to_plain(),
            "waiting": waiting,
        }
        return pack(SCHEMA_VERSION, plain)

    def _resume(self, state: bytes) -> None:
        (plain,) = unpack("plant", SCHEMA_VERSION, state)
        self._plan_seq = plain["plan_seq"]
        self._numbers = plain["numbers"]
        self._row, self._tick_ns = plain["row"], plain["tick_ns"]
        self._days = DayBook.from_plain(plain["days"])
        self._held = from_plain(plain["held"])
        if self._plan_seq:
            calendar = CalendarSpec(**plain["calendar"])
            self._adopt(self._plan_seq, replace(self._plan_at(self._plan_seq), calendar=calendar))
        self._goals = GoalBook.from_plain(plain["goals"])
        self._waiting = plain["waiting"]


def _closings(ticks: Ticks, closed: int) -> list[tuple[int, int]]:
    """Of the ticks with which production days close after the day `closed`: the last such day, seq."""
    newest = np.maximum.accumulate(np.append(closed, ticks.closed_through))
    at = np.flatnonzero(np.diff(newest))
    return list(zip(newest[at + 1].tolist(), ticks.seq[at].tolist(), strict=True))


def _extend(rows: Rows, more: Rows) -> None:
    """Put further rows of each kind behind those there are."""
    for kind, some in more.items():
        rows.setdefault(kind, []).extend(some)


def _joined(first: Table | None, second: Table) -> Table:
    """Two tables of one kind as one, in the order of their cause; rows of `second` after those of `first`."""
    if first is None or not len(first.cause_seq):
        return second
    cause = np.concatenate([first.cause_seq, second.cause_seq])
    order = np.argsort(cause, kind="stable").tolist()
    columns = [a + b for a, b in zip(first.columns, second.columns, strict=True)]
    return Table(cause[order], [[column[k] for k in order] for column in columns])


def _characteristic_row(seq: int, who: int, spec: Any, state: str) -> tuple[Any, ...]:
    return (seq, who, spec.id, spec.unit, spec.line, spec.station, spec.product, spec.chart, spec.subgroup_size) + (
        spec.cpk_target,
        spec.breach.floor,
        spec.minimum_n,
        spec.owner,
        spec.reaction,
        state,
    )
