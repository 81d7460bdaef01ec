"""The dataflow's source: the journal, read forward; its snapshot is the offset (journal uuid and seq)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.journal_reader import JournalReader
from connectors.segments import Entry
from flows.framing import PLANT
from flows.patience import Patience

POLL = timedelta(milliseconds=5)
# When nothing has come for a while, several looks are taken in one call: each call costs half a millisecond.
LOOKS = 16
QUIET_POLL_SECONDS = 0.010
QUIET_SECONDS = 0.25
MOST_ENTRIES = 2_000  # a frame's: about 15 ms of work at full load

Offset = tuple[str, int]  # journal uuid, the last seq that was handed on
Batch = tuple[str, list[Entry]]
Finished = Callable[[int], bool]  # told the last seq handed on, when nothing new is there
Stopped = Callable[[], bool]  # true: end now, whatever is left to read
Begins = Callable[[Offset | None], int | None]  # the seq to go on after; None: the offset does not fit


class JournalPartition(StatefulSourcePartition[Batch, Offset | None]):
    """Hands on the entries after `after_seq`; ends where `finished` says so, and at once where that is None."""

    def __init__(
        self,
        reader: JournalReader,
        offset: Offset | None,
        after_seq: int | None,
        finished: Finished,
        stopped: Stopped,
        patience: Patience,
    ) -> None:
        self._reader = reader
        self._patience = patience
        self._saved = False  # an epoch ends; the next batch is asked for when all of it is on disk
        self._offset = offset
        self._after_seq = 0 if after_seq is None else after_seq
        self._finished = finished
        self._stopped = stopped
        self._idle = self._quiet = False
        self._quiet_at = 0.0  # (monotonic) from when on it is quiet
        self._ended = after_seq is None

    def next_batch(self) -> list[Batch]:
        """The next stretch of entries, or nothing."""
        if self._saved:
            self._saved = False
            self._patience.pulse.beat()
        if self._ended or self._stopped():
            raise StopIteration
        entries = self._reader.read(self._after_seq, MOST_ENTRIES)
        if not entries and self._finished(self._after_seq):
            raise StopIteration
        self._quiet = not entries and monotonic() >= self._quiet_at
        if self._quiet:
            entries = self._wait()
        self._idle = not entries
        if not entries:
            return []
        self._after_seq = entries[-1].seq
        self._offset = (self._reader.uuid, self._after_seq)
        self._quiet_at = monotonic() + QUIET_SECONDS
        return [(PLANT, entries)]

    def next_awake(self) -> datetime | None:
        """Soon again when there was nothing and little time has passed since, else at once."""
        return datetime.now(UTC) + POLL if self._idle and not self._quiet else None

    def _wait(self) -> list[Entry]:
        """Look a few times more; nothing else is to be done meanwhile."""
        for _ in range(LOOKS):
            sleep(QUIET_POLL_SECONDS)
            if self._stopped():
                break
            if self._reader.may_follow(self._after_seq):
                return self._reader.read(self._after_seq, MOST_ENTRIES)
        return []

    def snapshot(self) -> Offset | None:
        """The offset; in the same epoch as the states of all steps. None until an entry has been handed on.

        Until then no step has a state, and a state that is rebuilt from a checkpoint would be lost. All are written
        next, by Bytewax, which ends the process where it cannot: so there must be room for them.
        """
        self._patience.for_room()
        self._saved = True
        return self._offset


class JournalSource(FixedPartitionedSource[Batch, Offset | None]):
    """One partition, the journal, from where `begins` says."""

    def __init__(
        self, reader: JournalReader, finished: Finished, stopped: Stopped, begins: Begins, patience: Patience
    ) -> None:
        self._reader = reader
        self._patience = patience
        self._finished = finished
        self._stopped = stopped
        self._begins = begins

    def list_parts(self) -> list[str]:
        """The journal."""
        return ["journal"]

    def build_part(self, step_id: str, for_part: str, resume_state: Offset | None) -> JournalPartition:
        """The partition, after its offset or after what the steps are rebuilt from."""
        after_seq = self._begins(resume_state)
        return JournalPartition(self._reader, resume_state, after_seq, self._finished, self._stopped, self._patience)
