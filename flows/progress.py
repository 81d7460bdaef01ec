"""Progress of long work: a bar on a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINE_EVERY_SECONDS = 5.0

Report = Callable[[int, int], None]  # (done, total)


@contextmanager
def progress_of(noun: str) -> Iterator[Report]:
    """Gives a function to be called with how many of `noun` are done, and how many there are."""
    if sys.stderr.isatty():
        columns = (TextColumn(noun), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(noun, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
        return
    yield Lines(noun)


class Lines:
    """Progress in lines on stderr: one every five seconds, and one at the end."""

    def __init__(self, noun: str, now: Callable[[], float] = time.monotonic) -> None:
        self._noun, self._now = noun, now
        self._next = now() + LINE_EVERY_SECONDS
        self._ended = False

    def __call__(self, done: int, total: int) -> None:
        """Say how far it is, unless that was said a moment ago."""
        ends = done >= total and not self._ended
        if not ends and self._now() < self._next:
            return
        self._next = self._now() + LINE_EVERY_SECONDS
        self._ended = self._ended or ends
        print(f"{done:,} of {total:,} {self._noun}", file=sys.stderr, flush=True)
