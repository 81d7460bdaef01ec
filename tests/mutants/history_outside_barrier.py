"""The newest results wait for company before they are stored: an epoch is durable before all of its results are."""

from threading import Lock, Timer

from connectors.history import CommitUnit, HistoryWriter
from flows.history_sink import HistoryPartition
from tests.mutants import put

WAIT_SECONDS = 5.0  # then they are stored by themselves


def apply() -> None:
    waiting: list[tuple[HistoryWriter, CommitUnit]] = []
    one = Lock()
    timers: list[Timer] = []

    def store(keep: int) -> None:
        with one:
            while len(waiting) > keep:
                writer, unit = waiting.pop(0)
                writer.commit(unit)

    def write_batch(self: HistoryPartition, values: list[CommitUnit]) -> None:
        waiting.extend((self._writer, unit) for unit in values)
        store(keep=1)
        while timers:
            timers.pop().cancel()
        timers.append(Timer(WAIT_SECONDS, store, [0]))
        timers[0].daemon = True
        timers[0].start()

    put(HistoryPartition, "write_batch", write_batch)
    put(HistoryPartition, "snapshot", lambda self: None)
