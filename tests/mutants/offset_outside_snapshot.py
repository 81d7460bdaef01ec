"""The offset is kept in a file of its own as each batch is handed on, and not in the snapshot with the state."""

from pathlib import Path

from flows.journal_source import Batch, JournalPartition, JournalSource, Offset
from tests.mutants import put


def apply() -> None:
    next_batch, build_part = JournalPartition.next_batch, JournalSource.build_part

    def noted(self: JournalPartition) -> list[Batch]:
        batch = next_batch(self)
        _file(self).write_text(str(self._after_seq))
        return batch

    def resumed(self: JournalSource, step_id: str, for_part: str, resume_state: Offset | None) -> JournalPartition:
        partition = build_part(self, step_id, for_part, resume_state)
        if _file(partition).exists() and not partition._ended:
            partition._after_seq = int(_file(partition).read_text() or 0)
        return partition

    put(JournalPartition, "next_batch", noted)
    put(JournalSource, "build_part", resumed)


def _file(partition: JournalPartition) -> Path:
    return Path(partition._reader._folder).parent / "offset"
