"""The dataflow's sink: commit units into the history, on disk before the epoch is."""

from functools import partial
from typing import Any

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from connectors.history import CommitUnit, HistoryWriter
from flows.patience import Patience


class HistoryPartition(StatefulSinkPartition[CommitUnit, None]):
    """Writes unit after unit. The writer passes over what it already holds, so nothing is stored twice.

    What a full disk refuses is tried again here: the dataflow stands still meanwhile, and nothing is lost.
    """

    def __init__(self, writer: HistoryWriter, patience: Patience) -> None:
        self._writer, self._patience = writer, patience

    def write_batch(self, values: list[CommitUnit]) -> None:
        """One transaction a unit."""
        for unit in values:
            self._patience.until_done(partial(self._writer.commit, unit))

    def snapshot(self) -> None:
        """Written through to disk, inside the epoch's barrier: no offset is ever ahead of its results."""
        self._writer.sync()

    def close(self) -> None:
        """Nothing to do: the process that opened the history closes it."""


class HistorySink(FixedPartitionedSink[CommitUnit, None]):
    """One partition, the history. A fixed-partition sink is the only kind inside the snapshot's barrier."""

    def __init__(self, writer: HistoryWriter, patience: Patience) -> None:
        self._writer, self._patience = writer, patience

    def list_parts(self) -> list[str]:
        """The history."""
        return ["history"]

    def build_part(self, step_id: str, for_part: str, resume_state: Any) -> HistoryPartition:
        """The partition; it has no state but the file."""
        return HistoryPartition(self._writer, self._patience)
