"""The plant's dataflow, from the journal to one local transaction.

    journal ─> frame_entries ─┬─> chart_shards (16) ─> answers ─┬─> fold_plant ─> history
                              └────────── plant frames ─────────┘

Step ids are frozen: a renamed step would lose its state.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.operators import KeyedStream, StatefulBatchLogic

from connectors.journal_past import Past
from flows.framing import PLANT, FramingLogic
from flows.history_sink import HistorySink
from flows.journal_source import JournalSource
from flows.plant_step import PlantLogic
from flows.shard import PlanAt, ShardLogic

In = TypeVar("In")
Out = TypeVar("Out")


Stored = Callable[[str, str], bytes | None]  # the state that a rebuilt step begins with, by step id and key


def _nothing(_step: str, _key: str) -> bytes | None:
    return None


class Logic(Protocol):
    """What remembers: its state's bytes carry their own schema version."""

    def to_bytes(self) -> bytes:
        """The state as of now."""
        ...


class Step(StatefulBatchLogic[In, Out, bytes], Generic[In, Out]):
    """Wires a logic, tested without a dataflow, into one: item in, items out, state as bytes."""

    def __init__(self, logic: Logic, take: Callable[[In], Iterable[Out]]) -> None:
        self._logic = logic
        self._take = take

    def on_batch(self, values: list[In]) -> tuple[Iterable[Out], bool]:
        """Take each item in order; the state is kept for good."""
        return [out for value in values for out in self._take(value)], StatefulBatchLogic.RETAIN

    def snapshot(self) -> bytes:
        """The state as of now; later items cannot change it."""
        return self._logic.to_bytes()


def build(
    source: JournalSource, sink: HistorySink, plan_at: PlanAt, stored: Stored = _nothing, past: Past | None = None
) -> Dataflow:
    """The dataflow over a journal and a history; `plan_at` reads the plan of a journal entry, `past` what stands
    before one.

    A step that the recovery folder gives no state begins with what `stored` gives for its id and key, if anything.
    """

    def frame_entries(state: bytes | None) -> Step[Any, Any]:
        logic = FramingLogic(plan_at, stored("frame_entries", PLANT) if state is None else state, past)
        return Step(logic, logic.frames)

    def fold_plant(state: bytes | None) -> Step[Any, Any]:
        logic = PlantLogic(plan_at, stored("fold_plant", PLANT) if state is None else state)
        return Step(logic, logic.take)

    flow = Dataflow("plumbline")
    entries = op.input("read_journal", flow, source)
    framed = op.stateful_batch("frame_entries", entries, frame_entries)
    addressed = op.map("address_parts", framed, _address)
    parts = op.branch("part_plant_from_shards", addressed, _is_for_plant)
    charted = op.stateful_batch("chart_shards", parts.falses, _shard_step(plan_at, stored))
    answers = op.map("address_answers", charted, _to_plant)
    gathered: KeyedStream[Any] = op.merge("gather_answers", parts.trues, answers)
    units = op.stateful_batch("fold_plant", gathered, fold_plant)
    op.output("write_history", units, sink)
    return flow


def _shard_step(plan_at: PlanAt, stored: Stored) -> Callable[[bytes | None], Step[Any, Any]]:
    """A builder of shard steps; the shard learns its number from the first frame it is given."""

    def chart_shard(state: bytes | None) -> Step[Any, Any]:
        logic = ShardLogic(plan_at, state, partial(stored, "chart_shards"))
        return Step(logic, lambda frame: [logic.answer(frame)])

    return chart_shard


def _address(item: tuple[str, tuple[str, Any]]) -> tuple[str, Any]:
    return item[1]


def _is_for_plant(item: tuple[str, Any]) -> bool:
    return item[0] == PLANT


def _to_plant(item: tuple[str, Any]) -> tuple[str, Any]:
    return PLANT, item[1]
