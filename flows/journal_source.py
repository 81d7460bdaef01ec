"""The dataflow's source: the journal, read forward; its snapshot is the offset (journal uuid and seq)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.journal_reader import JournalReader
from connectors.segments import Entry
from flows.framing import PLANT

POLL = timedelta(milliseconds=5)
MOST_ENTRIES = 2_000  # a frame's: about 15 ms of work at full load

Offset = tuple[str, int]  # journal uuid, the last seq that was handed on
Batch = tuple[str, list[Entry]]
Finished = Callable[[int], bool]  # told the last seq handed on, when nothing new is there
Stopped = Callable[[], bool]  # true: end now, whatever is left to read
Fits = Callable[[Offset | None], bool]


class JournalPartition(StatefulSourcePartition[Batch, Offset]):
    """Hands on the entries after an offset; ends where `finished` says so."""

    def __init__(
        self, reader: JournalReader, after_seq: int, finished: Finished, stopped: Stopped, *, ended: bool = False
    ) -> None:
        self._reader = reader
        self._after_seq = after_seq
        self._finished = finished
        self._stopped = stopped
        self._idle = False
        self._ended = ended

    def next_batch(self) -> list[Batch]:
        """The next stretch of entries, or nothing."""
        if self._ended or self._stopped():
            raise StopIteration
        entries = self._reader.read(self._after_seq, MOST_ENTRIES)
        self._idle = not entries
        if entries:
            self._after_seq = entries[-1].seq
            return [(PLANT, entries)]
        if self._finished(self._after_seq):
            raise StopIteration
        return []

    def next_awake(self) -> datetime | None:
        """Soon again when there was nothing, else at once."""
        return datetime.now(UTC) + POLL if self._idle else None

    def snapshot(self) -> Offset:
        """The offset; in the same epoch as the states of all steps."""
        return self._reader.uuid, self._after_seq


class JournalSource(FixedPartitionedSource[Batch, Offset]):
    """One partition, the journal. Where an offset does not fit (`fits`), it ends at once and hands on nothing."""

    def __init__(self, reader: JournalReader, finished: Finished, stopped: Stopped, fits: Fits) -> None:
        self._reader = reader
        self._finished = finished
        self._stopped = stopped
        self._fits = fits

    def list_parts(self) -> list[str]:
        """The journal."""
        return ["journal"]

    def build_part(self, step_id: str, for_part: str, resume_state: Offset | None) -> JournalPartition:
        """The partition from its offset, or from the journal's beginning."""
        fits = self._fits(resume_state)
        after_seq = resume_state[1] if resume_state else self._reader.first_seq - 1
        return JournalPartition(self._reader, after_seq, self._finished, self._stopped, ended=not fits)
