"""Real sample files: they are not part of the project, and may lie in a folder `shared/data` beside the checkout."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data"


def real_file(name: str) -> Path:
    """The file; where it is not there the test is skipped, and says so."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"needs the real file {name}, which is not part of the project")
    return path
