"""What stays after a power cut: a file is made, renamed or deleted for good once its folder is synced."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """The names in the folder are on disk when this returns."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
