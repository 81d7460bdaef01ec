"""A folder that is there whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.durable import sync_folder
from connectors.errors import WrongInput
from connectors.locking import RoleLock

LOCK = ".lock"


@contextmanager
def new_folder(target: Path, role: str) -> Iterator[Path]:
    """A folder (0700) to be filled, beside `target`; at the end it is on disk under that name, or removed.

    Raises `WrongInput` when `target` is there and not an empty folder, `AlreadyRunning` when somebody else fills it.
    """
    require_absent(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    part.mkdir(mode=0o700, exist_ok=True)
    with RoleLock(part / LOCK, role):
        for left_over in part.iterdir():  # of one that was killed
            if left_over.is_dir():
                shutil.rmtree(left_over)
            elif left_over.name != LOCK:
                left_over.unlink()
        try:
            yield part
            require_absent(target)
        except BaseException:
            shutil.rmtree(part)
            raise
        (part / LOCK).unlink()
        for folder in (part, *(path for path in part.rglob("*") if path.is_dir())):
            sync_folder(folder)
        part.rename(target)
        sync_folder(target.parent)


def require_absent(target: Path) -> None:
    """Raise `WrongInput` unless there is nothing at `target`, or an empty folder."""
    if target.is_dir() and not any(target.iterdir()):
        return
    if os.path.lexists(target):
        raise WrongInput(f"{target}: expected an empty folder or none, and nothing is overwritten")
