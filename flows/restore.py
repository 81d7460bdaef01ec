"""A backup put into a folder of its own, from which the plant goes on."""

import os
from dataclasses import fields
from hashlib import sha256
from pathlib import Path

from connectors.new_folder import new_folder, require_absent
from connectors.snapshots import require_whole
from flows.backup import Meter, Progress
from flows.backup_manifest import BackupError, Contents, File, Manifest, contents, read_manifest

BLOCK = 8 << 20


def restore(source: Path, data: Path, progress: Progress | None = None) -> Manifest:
    """Put the backup `source` into `data`, a new or empty folder, which holds it whole and on disk at the end.

    Raises `WrongInput` (a folder that holds anything, a source that is no backup), `AlreadyRunning`, `BackupError` (a
    file that is not what the manifest says) and `Damaged`. Whether the recovery folder fits is the engine's to judge.
    """
    require_absent(data)
    manifest = read_manifest(source)
    with new_folder(data, "restore") as part:
        meter = Meter(progress, sum(size for size, _ in manifest.files.values()))
        for name, expected in manifest.files.items():
            found = _copy(source / name, part / name, meter)
            if found != expected:
                raise BackupError(f"{source / name}: expected {_shown(expected)}, got {_shown(found)}")
            require_whole(part / name)
        _require_same(manifest.contents, contents(part))
        meter.end()
    return manifest


def _copy(source: Path, target: Path, meter: Meter) -> File:
    """Copy a file that nobody writes to, through to the disk; gives its bytes and SHA-256."""
    digest, size = sha256(), 0
    target.parent.mkdir(mode=0o700, exist_ok=True)
    with source.open("rb") as reader, target.open("xb") as writer:
        target.chmod(0o600)
        while block := reader.read(BLOCK):
            digest.update(block)
            writer.write(block)
            size += len(block)
            meter(len(block))
        writer.flush()
        os.fsync(writer.fileno())
    return size, digest.hexdigest()


def _require_same(said: Contents, found: Contents) -> None:
    for field in fields(Contents):
        expected, got = getattr(said, field.name), getattr(found, field.name)
        if expected != got:
            raise BackupError(f"expected {field.name} {expected!r} as the manifest says, got {got!r}")


def _shown(file: File) -> str:
    return f"{file[0]:,} bytes with SHA-256 {file[1][:12]}…"
