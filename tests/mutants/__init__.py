"""Faults put into the program on purpose, one a module: `apply()` patches it, and the kill loop must find it.

The program knows nothing of them: `tests.chaos.launch --mutant NAME` applies one before a process starts.
"""

from pathlib import Path

NAMES = tuple(sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py")))


def put(owner: object, name: str, what: object) -> None:
    """Put `what` in the place of an attribute, which there must be: else the mutant is none."""
    assert hasattr(owner, name), f"{owner} has no {name}: the mutant has to follow the program"
    setattr(owner, name, what)
