"""What a backup says of itself: the files in it, and what they hold together."""

import json
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from connectors.errors import HistoryAbsent, PlumblineError, WrongInput
from connectors.history import Meta, read_meta
from connectors.journal_reader import JournalReader

FORMAT = 1
MANIFEST = "manifest.json"

File = tuple[int, str]  # bytes, SHA-256


class BackupError(PlumblineError):
    """A copy does not fit together, or is not what its manifest says."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What the files of a data folder hold together; empty and 0 where there is no history yet.

    `first_seq`, `last_seq`: the journal's entries; `applied_seq`: those whose results are in the history, up to row
    `last_row` and the tick `last_tick_ns`.
    """

    journal_uuid: str
    first_seq: int
    last_seq: int
    history_uuid: str = ""
    applied_seq: int = 0
    last_row: int = 0
    last_tick_ns: int = 0


@dataclass(frozen=True, slots=True)
class Manifest:
    """A backup: when it was made (RFC 3339), what it holds, its files by their paths in it."""

    made_at: str
    contents: Contents
    files: dict[str, File]

    def write(self, folder: Path) -> None:
        """Into the backup's folder."""
        text = json.dumps({"format": FORMAT} | asdict(self), indent=1, sort_keys=True)
        (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """What the backup in `folder` says it holds. Raises `WrongInput` where there is none that this version reads."""
    path = folder / MANIFEST
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        if said["format"] != FORMAT:
            raise WrongInput(f"{path}: expected format {FORMAT}, got {said['format']!r}: made by another version")
        files = {str(name): (int(size), str(digest)) for name, (size, digest) in said["files"].items()}
        manifest = Manifest(str(said["made_at"]), Contents(**said["contents"]), files)
    except (FileNotFoundError, NotADirectoryError):
        raise WrongInput(f"{folder}: expected a backup, got no {MANIFEST} in it") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WrongInput(f"{path}: expected what a backup says of itself, got: {error!r}") from error
    outside = [name for name in files if Path(name).is_absolute() or ".." in Path(name).parts]
    if outside:
        raise WrongInput(f"{path}: expected files inside the backup, got {outside[0]!r}")
    return manifest


def databases(folder: Path) -> list[Path]:
    """The files that make up a data folder, those that are there."""
    found = [*sorted((folder / "journal").glob("*.db")), *sorted((folder / "recovery").glob("*.sqlite3"))]
    return found + [path for name in ("history", "forwarder", "okr") if (path := folder / f"{name}.db").exists()]


def contents(folder: Path) -> Contents:
    """What a data folder that no process uses holds. Raises `BackupError` when its files do not fit together."""
    with closing(JournalReader(folder / "journal")) as journal:
        uuid, first_seq, last_seq = journal.uuid, journal.first_seq, journal.last_seq()
    meta = _meta(folder / "history.db")
    for left_over in (*folder.rglob("*-shm"), *folder.rglob("*-wal")):  # of looking
        left_over.unlink()
    if meta is None:
        return Contents(uuid, first_seq, last_seq)
    if meta.journal_uuid != uuid or meta.applied_seq > last_seq:
        raise BackupError(
            f"{folder}: expected the history of journal {uuid}, up to entry {last_seq} at most; "
            f"got one of {meta.journal_uuid}, up to {meta.applied_seq}"
        )
    return Contents(uuid, first_seq, last_seq, meta.history_uuid, meta.applied_seq, meta.last_row, meta.last_tick_ns)


def file_of(path: Path) -> File:
    """A file's bytes and SHA-256."""
    digest, size = sha256(), 0
    with path.open("rb") as file:
        while block := file.read(8 << 20):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()


def _meta(path: Path) -> Meta | None:
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            return read_meta(db, path)
    except HistoryAbsent:
        return None
