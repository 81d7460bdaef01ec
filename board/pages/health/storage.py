"""What the data take on disk, and for how long there is room."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from board.history.rows import Shown
from board.times import rfc3339
from board.vitals.trend import Trend

FOLDERS = ("journal", "archive", "recovery")


def storage(history: Path, disk: Mapping[str, Any] | None, trend: Trend) -> Shown:
    """Variables `sizes` (bytes by name), `recovered` (when the engine's state was last kept), `disk_left`."""
    sizes = {"history": _bytes([history, history.with_name(f"{history.name}-wal")])}
    for name in FOLDERS:
        files = [path for path in (history.parent / name).rglob("*") if path.is_file()]
        if files:
            sizes[name] = _bytes(files)
    return {
        "sizes": {name: size for name, size in sizes.items() if size},
        "recovered": _newest(history.parent / "recovery"),
        "disk_left": None if disk is None else trend.disk_left(disk["least_bytes"]),
    }


def _bytes(paths: list[Path]) -> int:
    total = 0
    for path in paths:
        with suppress(FileNotFoundError):  # a file that has just been closed or pruned
            total += path.stat().st_size
    return total


def _newest(folder: Path) -> str | None:
    times = [0]
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            times.append(path.stat().st_mtime_ns)
    return rfc3339(max(times)) if max(times) else None
