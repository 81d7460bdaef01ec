"""One shard's logic: the characteristics of one key of the dataflow, advanced frame by frame.

The numbers are the kernel's (`rules.kernel`); here stands what the kernel cannot know: plans and their
revisions, commands, and the contexts of readings that wait in open subgroups.
"""

from collections.abc import Callable
from math import isnan, nan
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from config.plan import Plan
from flows.desk import DESK
from flows.frames import Answer, Lead, ShardFrame, StepState, shard_key, shard_of
from flows.layout import carry_days, carry_over, chart_changes, close_unstated, lay_out, same
from flows.marks import apply_mark, stretches
from flows.rebuild import correction_rows, rebuild
from flows.retaken import Rebuild
from flows.state import expect_plan, pack, unpack
from rules import records
from rules.charting import remember_revision, set_limits
from rules.kernel import advance, break_chains, forget_runs, make_output, output_lengths
from rules.records import (
    ACCEPTED,
    FAR,
    FIXED,
    LIMITS_STATES,
    N_DAYS,
    N_LIMITS,
    N_LOOSE,
    N_POINTS,
    N_SIGNALS,
    N_VALUES,
    N_WINDOWS,
    NO_LIMITS,
    PROVISIONAL,
    SLOTS,
    Columns,
    Output,
    Shard,
)
from rules.spec import CharacteristicSpec, FixedLimits
from rules.subgroups import close_day_subgroups

SCHEMA_VERSION = records.SCHEMA_VERSION  # a shard's state is its records

Rows = dict[str, list[tuple[Any, ...]]]  # (cause_seq, plan index or id, ...) by kind
PlanAt = Callable[[int], Plan]  # the plan of a journal entry

# Of a characteristic that left: the numbers of its newest specification and limits, its days and earlier revisions.
Retired = tuple[int, int, NDArray[Any], NDArray[Any]]

SPECIFIED = ("lsl", "usl", "target")  # what a revision of the specification is
JUDGED_BY = (*SPECIFIED, "limits", "chart", "subgroup_size")  # what a reading is judged by

# The arrays of an output, with the counter of each; `refs` shares the counter of `values`.
PARTS = (
    ("points", N_POINTS),
    ("values", N_VALUES),
    ("refs", N_VALUES),
    ("loose", N_LOOSE),
    ("signals", N_SIGNALS),
    ("limits", N_LIMITS),
    ("windows", N_WINDOWS),
    ("days", N_DAYS),
)


class ShardLogic:
    """The state of one shard, and what it makes of a frame. `plan_at` gives the plan of an entry.

    Without a state it begins with what `stored` gives for its key, if anything: its first frame says which it is.
    """

    def __init__(
        self, plan_at: PlanAt, state: bytes | None = None, stored: Callable[[str], bytes | None] | None = None
    ) -> None:
        self._stored = stored
        self._number = -1  # the first frame says
        self._plan_at = plan_at
        self._plan_seq = 0
        self._specs: tuple[CharacteristicSpec, ...] = ()
        self._connectors: list[str] = []
        self._index: NDArray[np.int64] = np.zeros(0, np.int64)  # plan index of each local one
        self._local: NDArray[np.int64] = np.zeros(0, np.int64)  # local index of each plan one, -1: elsewhere
        self._shard = lay_out((), 0)
        self._slot_first: NDArray[np.int64] = np.zeros(0, np.int64)  # where each open subgroup's values begin
        self._contexts = [""]  # those of readings in open subgroups
        self._retired: dict[str, Retired] = {}
        if state is not None:
            self._resume(state)

    def answer(self, frame: ShardFrame) -> Answer:
        """What the frame gives; always an answer, empty or not. Raises `StateUnfit` for a state of another plan."""
        if self._number < 0:
            self._begin(frame.shard)
        drained: list[dict[str, NDArray[Any]]] = []
        rows: Rows = {}
        if frame.lead is not None:
            self._apply(frame.lead, drained, rows)
        expect_plan(f"shard {frame.shard}", frame.plan_seq, self._plan_seq)
        contexts = self._advance(frame, drained, rows)
        parts = _joined(drained)
        for name in ("points", "loose", "signals", "limits", "windows", "days"):
            if len(parts[name]):
                parts[name]["characteristic"] = self._index[parts[name]["characteristic"]]
        state = None
        if frame.checkpoint:
            state = StepState("chart_shards", shard_key(frame.shard), SCHEMA_VERSION, self.to_bytes())
        return Answer(frame.number, contexts=contexts, rows=rows, state=state, **parts)

    def _advance(self, frame: ShardFrame, drained: list[dict[str, NDArray[Any]]], rows: Rows) -> list[str]:
        """Run the kernel over the frame; returns the contexts that the output's numbers mean."""
        kept = len(self._contexts)
        contexts = self._contexts + frame.readings.contexts[1:]
        for columns, mark in stretches(self._columns(frame, kept - 1), frame.marks):
            self._run(columns, drained)
            if isinstance(mark, Rebuild):
                c = int(self._local[mark.characteristic])
                done = rebuild(self._shard, c, self._specs[c], mark)
                rows.setdefault("correction", []).extend(correction_rows(mark, int(self._index[c]), done))
            elif mark is not None:
                apply_mark(self._shard, int(self._local[mark.characteristic]), mark)
        if len(frame.readings) or len(frame.ticks.ns):
            self._keep_contexts(contexts)
        return contexts

    def _run(self, columns: Columns, drained: list[dict[str, NDArray[Any]]]) -> None:
        if len(columns.value) == 0 and len(columns.tick_ns) == 0:
            return
        output = DESK.output_for(self._shard, len(columns.value))
        reading = tick = 0
        while reading < len(columns.value) or tick < len(columns.tick_ns):
            output.counts[:] = 0
            reading, tick = advance(self._shard, columns, output, reading, tick)
            drained.append(_drain(output))

    def _columns(self, frame: ShardFrame, shift: int) -> Columns:
        readings = frame.readings
        context = readings.context.astype(np.int64)
        if shift:
            context[context > 0] += shift
        return Columns(
            characteristic=self._local[readings.characteristic],
            time_ns=readings.time_ns,
            day=frame.day,
            value=readings.value,
            seq=readings.seq,
            idx=readings.idx.astype(np.int64),
            cause_seq=frame.cause_seq,
            subgroup=readings.subgroup,
            ends=readings.ends,
            change=readings.change,
            context=context,
            state=readings.state,
            connector=readings.connector.astype(np.int64),
            size=readings.size,
            tick_at=frame.ticks.at,
            tick_ns=frame.ticks.ns,
            tick_seq=frame.ticks.seq,
            tick_closed=frame.ticks.closed_through,
        )

    def _keep_contexts(self, contexts: list[str]) -> None:
        """Keep only the contexts of readings in open subgroups, numbered anew."""
        if len(contexts) == 1:
            return
        places = self._open_places()
        used, numbers = np.unique(np.append(self._shard.refs[places, 3], 0), return_inverse=True)
        self._shard.refs[places, 3] = numbers[:-1]
        self._contexts = [contexts[old] for old in used]

    def _open_places(self, c: int | None = None) -> NDArray[np.int64]:
        """The places in the pool of values that open subgroups use, of all characteristics or of one."""
        counts, first = self._shard.slots["count"], self._slot_first
        if c is not None:
            record = self._shard.records[c]
            grouped = record["subgroup_size"] > 1
            own = slice(int(record["slot_offset"]), int(record["slot_offset"]) + SLOTS * int(grouped))
            counts, first = counts[own], first[own]
        before = np.cumsum(counts) - counts
        return np.repeat(first - before, counts) + np.arange(counts.sum())

    def _apply(self, lead: Lead, drained: list[dict[str, NDArray[Any]]], rows: Rows) -> None:
        if lead.kind == "plan":
            self._change_plan(lead, drained, rows)
        elif lead.kind == "gap":
            name = orjson.loads(lead.body)["connector"]
            if name in self._connectors:
                break_chains(self._shard, self._connectors.index(name))
        else:
            self._command(lead, rows)

    def _change_plan(self, lead: Lead, drained: list[dict[str, NDArray[Any]]], rows: Rows) -> None:
        """Lay the records out anew, carry over what stays, and give every changed revision a row."""
        old, old_specs = self._shard, {spec.id: c for c, spec in enumerate(self._specs)}
        plan = self._plan_at(lead.seq)
        specs = tuple(spec for spec in plan.characteristics if shard_of(spec.id) == self._number)
        new = lay_out(specs, plan.restate_days)
        self._close_what_ends(lead, old_specs, specs, new, drained)
        self._remember(lead, specs)
        self._withdraw(lead, old_specs, {spec.id for spec in specs}, rows)
        carry_over(old, old_specs, new, specs, lead.from_day)
        self._shard = new
        self._renumber_connectors(plan)
        before = {spec.id: spec for spec in self._specs}
        self._adopt(lead.seq, plan, specs)
        for c, spec in enumerate(specs):
            self._revise(c, spec, before.get(spec.id), lead, rows)

    def _renumber_connectors(self, plan: Plan) -> None:
        """Say in the new plan's numbers through which connector each characteristic was last heard of."""
        names = [connector.name for connector in plan.connectors]
        numbers = [names.index(name) if name in names else -1 for name in self._connectors]
        connector = self._shard.records["connector"]
        connector[:] = np.array([*numbers, -1], np.int64)[connector]  # -1 stays -1

    def _remember(self, lead: Lead, specs: tuple[CharacteristicSpec, ...]) -> None:
        """Keep the specification and limits that end here for the readings of their time that come late."""
        staying = {spec.id: spec for spec in specs}
        for c, before in enumerate(self._specs):
            spec = staying.get(before.id)
            if spec is None or any(not same(getattr(before, name), getattr(spec, name)) for name in JUDGED_BY):
                remember_revision(self._shard, c, lead.time_ns, int(self._shard.records[c]["limits_revision"]))

    def _close_what_ends(
        self,
        lead: Lead,
        old_at: dict[str, int],
        specs: tuple[CharacteristicSpec, ...],
        new: Shard,
        drained: list[dict[str, NDArray[Any]]],
    ) -> None:
        """Close the open subgroups of characteristics whose chart changes; their readings are not lost."""
        staying = {spec.id: c for c, spec in enumerate(specs)}
        for name, c in old_at.items():
            if name in staying and chart_changes(self._shard.records[c], new.records[staying[name]]):
                output = make_output(output_lengths(self._shard, 0))
                close_day_subgroups(self._shard, output, c, lead.seq, FAR)
                part = _drain(output)
                for array in ("points", "loose", "signals", "limits"):
                    part[array]["characteristic"] = staying[name]
                drained.append(part)

    def _withdraw(self, lead: Lead, old_at: dict[str, int], staying: set[str], rows: Rows) -> None:
        """Keep the readings of open subgroups of characteristics that leave, and the numbers of their revisions."""
        for name, c in old_at.items():
            if name in staying:
                continue
            record = self._shard.records[c]
            numbers = int(record["specification_revision"]), int(record["limits_revision"])
            self._retired[name] = (*numbers, self._shard.days[c].copy(), self._shard.revisions[c].copy())
            for place in self._open_places(c):
                seq, idx, time_ns, context = self._shard.refs[place].tolist()
                value, text = float(self._shard.values[place]), self._contexts[context] or None
                if not isnan(value):  # it counts
                    row = (lead.seq, name, seq, idx, time_ns, value, "withdrawn", text)
                    rows.setdefault("reading", []).append(row)

    def _adopt(self, seq: int, plan: Plan, specs: tuple[CharacteristicSpec, ...]) -> None:
        self._plan_seq = seq
        self._specs = specs
        self._connectors = [connector.name for connector in plan.connectors]
        own = [i for i, spec in enumerate(plan.characteristics) if shard_of(spec.id) == self._number]
        self._index = np.array(own, np.int64)
        self._local = np.full(len(plan.characteristics), -1, np.int64)
        self._local[self._index] = np.arange(len(own))
        grouped = self._shard.records[self._shard.records["subgroup_size"] > 1]
        sizes = np.arange(SLOTS) * grouped["subgroup_size"][:, None]  # (characteristics with subgroups, SLOTS)
        self._slot_first = (grouped["value_offset"][:, None] + sizes).reshape(-1)

    def _revise(
        self,
        c: int,
        spec: CharacteristicSpec,
        before: CharacteristicSpec | None,
        lead: Lead,
        rows: Rows,
    ) -> None:
        """Number what changed of a characteristic's specification, limits and rules; forward only."""
        record = self._shard.records[c]
        plan_index = int(self._index[c])
        restarted = before is not None and (before.chart, before.subgroup_size) != (spec.chart, spec.subgroup_size)
        reason = "plan" if before else "first plan"
        if before is None and spec.id in self._retired:  # it comes back: its days and revisions go on
            specified, limited, days, self._shard.revisions[c] = self._retired.pop(spec.id)
            record["specification_revision"], record["limits_revision"] = specified, limited
            carry_days(days, self._shard.days[c])
            close_unstated(self._shard, c)
            restarted, reason = limited > 0, "back in the plan"
        if before is None or any(not same(getattr(before, name), getattr(spec, name)) for name in SPECIFIED):
            record["specification_revision"] += 1
            record["dirty"] = record["started"]  # the window is stated anew, by the new specification
            rows.setdefault("specification", []).append(
                (lead.seq, plan_index, int(record["specification_revision"]), lead.time_ns)
                + (spec.lsl, spec.usl, spec.target, reason)
            )
        if before is not None and before.rules != spec.rules:
            forget_runs(self._shard, c)
        if isinstance(spec.limits, FixedLimits):
            if record["limits_state"] != FIXED or (record["center"], record["sigma"]) != (
                spec.limits.center,
                spec.limits.sigma,
            ):
                set_limits(self._shard, c, spec.limits.center, spec.limits.sigma, FIXED, lead.time_ns)
                rows.setdefault("limits", []).append(self._limits_row(c, lead, "plan"))
        elif record["limits_state"] == FIXED or restarted:
            self._begin_baseline(c, lead, rows)

    def _begin_baseline(self, c: int, lead: Lead, rows: Rows) -> None:
        """No limits from here on until a new baseline is full: a revision of its own."""
        record = self._shard.records[c]
        set_limits(self._shard, c, nan, nan, NO_LIMITS, lead.time_ns)
        rows.setdefault("limits", []).append(self._limits_row(c, lead, "a new baseline begins"))
        record["baseline_count"] = 0

    def _limits_row(self, c: int, lead: Lead, reason: str) -> tuple[Any, ...]:
        record = self._shard.records[c]
        return (lead.seq, int(self._index[c]), int(record["limits_revision"]), lead.time_ns) + (
            LIMITS_STATES[record["limits_state"]],
            float(record["center"]),
            float(record["sigma"]),
            int(record["limits_points"]),
            int(record["limits_excluded"]),
            reason,
        )

    def _command(self, lead: Lead, rows: Rows) -> None:
        """Accept the provisional limits of a characteristic, as a person ordered: those of the revision they saw."""
        command = orjson.loads(lead.body)
        if command.get("kind") != "accept-limits":
            return
        for c, spec in enumerate(self._specs):
            record = self._shard.records[c]
            seen = command.get("revision") in (None, int(record["limits_revision"]))
            if spec.id == command.get("characteristic") and record["limits_state"] == PROVISIONAL and seen:
                record["limits_state"] = ACCEPTED
                reason = f"accepted by {command.get('who', 'unknown')}"
                rows.setdefault("limits", []).append(self._limits_row(c, lead, reason))

    def to_bytes(self) -> bytes:
        """The state, with its schema version and the seq of its plan; its bytes do not depend on how frames were cut.

        So contexts are numbered in the order of their places, each text once, and none stands where nothing waits.
        """
        places, refs = self._open_places(), self._shard.refs.copy()
        contexts = {"": 0}
        numbers = [contexts.setdefault(self._contexts[n], len(contexts)) for n in refs[places, 3].tolist()]
        refs[:, 3] = 0
        refs[places, 3] = numbers
        arrays = self._shard._replace(refs=refs)._asdict()
        return pack(SCHEMA_VERSION, self._number, self._plan_seq, list(contexts), self._retired, arrays)

    def _begin(self, number: int) -> None:
        state = self._stored(shard_key(number)) if self._stored is not None else None
        if state is not None:
            self._resume(state)
        self._number = number

    def _resume(self, state: bytes) -> None:
        self._number, plan_seq, self._contexts, self._retired, arrays = unpack("shard", SCHEMA_VERSION, state)
        self._shard = Shard(**arrays)
        if plan_seq:
            plan = self._plan_at(plan_seq)
            specs = tuple(spec for spec in plan.characteristics if shard_of(spec.id) == self._number)
            self._adopt(plan_seq, plan, specs)


def _drain(output: Output) -> dict[str, NDArray[Any]]:
    """Copies of what the output holds; of what it holds nothing, the one empty array."""
    counts = output.counts.tolist()
    return {
        name: getattr(output, name)[: counts[counter]].copy() if counts[counter] else EMPTY[name]
        for name, counter in PARTS
    }


def _joined(drained: list[dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """The parts one after the other; points keep pointing at their values."""
    if not drained:
        return EMPTY
    before = 0
    if len(drained) == 1:
        return drained[0]
    for part in drained:
        part["points"]["at"][part["points"]["at"] >= 0] += before
        before += len(part["values"])
    return {name: np.concatenate([part[name] for part in drained]) for name, _ in PARTS}


NOTHING = make_output(output_lengths(lay_out((), 0), 0))
EMPTY: dict[str, NDArray[Any]] = {name: getattr(NOTHING, name)[:0].copy() for name, _ in PARTS}
