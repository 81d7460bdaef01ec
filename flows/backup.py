"""A plant's data folder in one copy that fits together, taken while its processes run.

The order decides that it fits: what follows from the journal is copied before it, so that nothing in the copy knows
more than the copied journal. First the recovery folder (its offset is never ahead of the history), then the history,
the forwarder's cursors, the journal's full segments, and at last, as of one moment, the OKR store and the journal's
newest segment. The store may know results that the copied history lacks: they follow from the copied journal, come
again under their keys and change nothing. An order of a person that is in the journal must be in the store too: that
is looked at, and another moment taken if it is not so.
"""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from connectors.errors import WrongInput
from connectors.locking import RoleLock
from connectors.new_folder import new_folder, require_absent
from connectors.segments import segment_name, segments
from connectors.snapshots import Damaged, Snapshot
from flows.backup_manifest import BackupError, Manifest, contents, databases, file_of

TRIES = 100  # to catch store and journal at a moment at which they fit

Progress = Callable[[int, int], None]  # (done, total) in MiB


class Meter:
    """Counts bytes, and reports them in MiB; the total grows where it proves too small."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def __call__(self, count: int) -> None:
        """So many bytes more."""
        self._done += count
        if self._progress is not None:
            self._progress(_mib(self._done), _mib(max(self._total, self._done)))

    def end(self) -> None:
        """That was all, whatever was expected."""
        self._total = self._done
        self(0)


def backup(data: Path, target: Path, progress: Progress | None = None) -> Manifest:
    """Copy the data folder to `target`, a new folder that is there once it is whole and on disk.

    Raises `WrongInput` (a target that is there already, a folder without a journal), `AlreadyRunning`, `BackupError`
    and `Damaged`.
    """
    require_absent(target)
    if not segments(data / "journal"):
        raise WrongInput(f"{data}: expected a plant's data folder, got one without a journal")
    with RoleLock(data / "backup.lock", "backup"), new_folder(target, "backup") as part:
        began = segments(data / "journal")[0]
        meter = Meter(progress, sum(path.stat().st_size for path in databases(data)))
        for path in sorted((data / "recovery").glob("*.sqlite3")):
            _copy(path, part / "recovery", meter)
        for path in (data / "history.db", data / "forwarder.db"):
            if path.exists():
                _copy(path, part, meter)
        newest = segments(data / "journal")[-1]
        _copy_full_segments(data / "journal", newest, part / "journal", meter)
        with ExitStack() as views:
            store, segment = _moment(data, views)
            _copy_full_segments(data / "journal", int(segment.path.stem), part / "journal", meter)
            for snapshot, folder in ((store, part), (segment, part / "journal")):
                if snapshot is not None:
                    snapshot.copy(folder / snapshot.path.name, meter)
        made_at = datetime.now(UTC).isoformat(timespec="seconds")
        held = contents(part)
        if began < held.first_seq and held.applied_seq + 1 < held.first_seq:
            raise BackupError(
                f"{data}: expected a journal that goes on from entry {held.applied_seq}, where the history ends; "
                f"those up to {held.first_seq - 1} were deleted while the backup was made: make it again"
            )
        files = {str(path.relative_to(part)): file_of(path) for path in databases(part)}
        manifest = Manifest(made_at, held, files)
        manifest.write(part)
        meter.end()
    return manifest


def _mib(size: int) -> int:
    return -(-size // (1 << 20))


def _copy(path: Path, folder: Path, meter: Meter) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    with Snapshot(path) as snapshot:
        snapshot.copy(folder / path.name, meter)


def _copy_full_segments(journal: Path, before: int, target: Path, meter: Meter) -> None:
    """The segments that begin before entry `before` and are not copied yet: they change no more."""
    target.mkdir(mode=0o700, exist_ok=True)
    for first in segments(journal):
        if first >= before or (target / segment_name(first)).exists():
            continue
        path = journal / segment_name(first)
        try:
            _copy(path, target, meter)
        except (FileNotFoundError, Damaged):
            if path.exists():
                raise
        if not path.exists():  # it has just gone with its age, as all before it; the copy need not be whole
            for older in target.iterdir():
                older.unlink()


def _moment(data: Path, held: ExitStack) -> tuple[Snapshot | None, Snapshot]:
    """The store and the newest segment at a moment at which all orders in the journal are in the store."""
    taken = known = 0
    for _ in range(TRIES):
        with ExitStack() as attempt:
            store = attempt.enter_context(Snapshot(data / "okr.db")) if (data / "okr.db").exists() else None
            newest = data / "journal" / segment_name(segments(data / "journal")[-1])
            segment = attempt.enter_context(Snapshot(newest))
            taken = int(segment.one("SELECT value FROM state WHERE key = 'command'") or 0)
            known = 0 if store is None else _newest_order(store)
            if taken <= known:
                held.push(attempt.pop_all())
                return store, segment
    raise BackupError(f"{data}: expected every order of the journal in okr.db; the journal has {taken}, okr.db {known}")


def _newest_order(store: Snapshot) -> int:
    """The id of the newest order; 0 in a store that is only being made."""
    if store.one("SELECT 1 FROM sqlite_master WHERE name = 'command'") is None:
        return 0
    return int(store.one("SELECT coalesce(max(id), 0) FROM command"))
