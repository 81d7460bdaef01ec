"""Places where a process can be ended as by kill -9, so that a test need not wait for a kill that hits them."""

import os
import signal
import time
from collections.abc import Sequence

from connectors.history import CommitUnit, HistoryWriter
from connectors.journal import SYSTEM, JournalWriter, Row
from flows.journal_source import Batch, JournalPartition, Offset

HANGS_SECONDS = 0.5  # the disk, before the power fails: whoever did not wait for it has gone on


def die_at(point: str, number: int) -> None:
    """Have this process end itself at a point.

    `append`: before the number-th commit of messages into the journal, while the disk hangs. `commit`: before the
    number-th commit into the history. `durable`: when an epoch is durable that has read to entry `number` or beyond.
    """
    {"append": _before_append, "commit": _before_commit, "durable": _when_durable}[point](number)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _before_append(number: int) -> None:
    append, seen = JournalWriter.append, 0

    def dying(self: JournalWriter, entries: Sequence[Row], state: dict[str, str] | None = None) -> int:
        nonlocal seen
        seen += any(row[1] != SYSTEM for row in entries)
        if seen >= number:
            time.sleep(HANGS_SECONDS)
            _die()
        return append(self, entries, state)

    JournalWriter.append = dying


def _before_commit(number: int) -> None:
    commit, seen = HistoryWriter.commit, 0

    def dying(self: HistoryWriter, unit: CommitUnit) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            _die()
        commit(self, unit)

    HistoryWriter.commit = dying


def _when_durable(number: int) -> None:
    """The first batch after a snapshot is asked for when that snapshot's epoch is durable."""
    snapshot, next_batch = JournalPartition.snapshot, JournalPartition.next_batch
    taken = 0

    def noted(self: JournalPartition) -> Offset:
        nonlocal taken
        offset = snapshot(self)
        taken = offset[1]
        return offset

    def dying(self: JournalPartition) -> list[Batch]:
        if taken >= number:
            _die()
        return next_batch(self)

    JournalPartition.snapshot, JournalPartition.next_batch = noted, dying
