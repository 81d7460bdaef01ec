"""Packages of npm that tests need, as the lock beside a package.json has them."""

import subprocess
from pathlib import Path

from tests.programs import require_program


def install(folder: Path, package: str) -> None:
    """What `folder`'s lock names, once; skips the test without npm. `package` is one of them."""
    npm = require_program("npm")
    if not (folder / "node_modules" / package).is_dir():
        command = [npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(command, cwd=folder, check=True, timeout=300, stdout=subprocess.DEVNULL)
