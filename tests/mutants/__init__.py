"""Faults put into the program on purpose, one a module: `apply()` patches it, and the kill loop must find it.

The program knows nothing of them: `tests.chaos.launch --mutant NAME` applies one before a process starts.
"""

from pathlib import Path

NAMES = tuple(sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py")))
