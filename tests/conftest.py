"""What all tests share: the same drawn examples in every run, and logging as each found it."""

import logging
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("plumbline", deadline=None, derandomize=True)
settings.load_profile("plumbline")


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A command called in this process sets logging up for itself; the next test finds it as it was."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.setLevel(level)
    for handler in [one for one in root.handlers if one not in handlers]:
        root.removeHandler(handler)
