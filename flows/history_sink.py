"""The dataflow's sink: commit units into the history, on disk before the epoch is."""

from typing import Any

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from connectors.history import CommitUnit, HistoryWriter


class HistoryPartition(StatefulSinkPartition[CommitUnit, None]):
    """Writes unit after unit. The writer passes over what it already holds, so nothing is stored twice."""

    def __init__(self, writer: HistoryWriter) -> None:
        self._writer = writer

    def write_batch(self, values: list[CommitUnit]) -> None:
        """One transaction a unit."""
        for unit in values:
            self._writer.commit(unit)

    def snapshot(self) -> None:
        """Written through to disk, inside the epoch's barrier: no offset is ever ahead of its results."""
        self._writer.sync()

    def close(self) -> None:
        """Nothing to do: the process that opened the history closes it."""


class HistorySink(FixedPartitionedSink[CommitUnit, None]):
    """One partition, the history. A fixed-partition sink is the only kind inside the snapshot's barrier."""

    def __init__(self, writer: HistoryWriter) -> None:
        self._writer = writer

    def list_parts(self) -> list[str]:
        """The history."""
        return ["history"]

    def build_part(self, step_id: str, for_part: str, resume_state: Any) -> HistoryPartition:
        """The partition; it has no state but the file."""
        return HistoryPartition(self._writer)
