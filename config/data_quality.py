"""The options of a characteristic that say when its readings are doubtful."""

import re
from collections.abc import Iterator
from math import inf, isfinite, isnan, nan
from typing import Annotated, Any

from pydantic import AfterValidator, Field, Strict

from config.errors import Problem
from config.options import Number, Options, Text, Whole, or_empty
from rules.spec import Remeasure

LONGEST_SECONDS = 31 * 86_400
_DURATION = re.compile(r"(\d{1,6}(?:\.\d{1,3})?) ?(s|min|h|d)")
_SECONDS = {"s": 1.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}


def seconds_of(duration: str) -> float:
    """The seconds of a text such as `30min`, `2h` or `1.5 d`; `ValueError` for another, or less than a second.

    >>> seconds_of("2h"), seconds_of("30min")
    (7200.0, 1800.0)
    """
    found = _DURATION.fullmatch(duration)
    seconds = float(found[1]) * _SECONDS[found[2]] if found else 0.0
    if not 1 <= seconds <= LONGEST_SECONDS:
        raise ValueError('expected a time from "1s" to "31d" such as "30min" or "2h"')
    return seconds


def _duration(text: str) -> str:
    seconds_of(text)
    return text


class DataQualityOptions(Options):
    """What is expected of readings; without any of it nothing is asked."""

    expected_every: Annotated[str, AfterValidator(or_empty(_duration))] = ""
    """How often a reading is expected while its machine runs (`30min`, `2h`); empty: not expected."""
    stuck: Annotated[Whole, Field(ge=0, le=1_000_000)] = 0
    """The same value so many times running raises the signal `stuck`; 0: it may. Mind coarse gauges."""
    plausible: tuple[Annotated[float, Strict()], Annotated[float, Strict()]] = (-inf, inf)
    """The lowest and highest value that can be; what is outside is kept for review and counts nothing."""
    remeasure: Remeasure = "all"
    """Which measurements of one part count: all of them, the first, or the last."""
    remeasure_within_minutes: Annotated[Number, Field(gt=0, le=720)] = 10.0
    """How long a part's readings wait for the last measurement; at most the plant's grace."""
    gauge: Text = ""
    """The gauge that measured where messages name none."""

    def quality_problems(self, path: str, *, grace_minutes: int, lateness_seconds: float) -> Iterator[Problem]:
        """What single options cannot show."""
        if self.stuck == 1:
            yield Problem(f"{path}.stuck", "expected 0 (off) or at least 2 (got 1)")
        low, high = self.plausible
        if isnan(low) or isnan(high) or not low < high:
            yield Problem(f"{path}.plausible", f"expected [low, high], low below high (got [{low!r}, {high!r}])")
        waits = self.remeasure_within_minutes * 60 + lateness_seconds
        if self.remeasure == "last" and waits > grace_minutes * 60:
            expected = f"expected at most the grace of {grace_minutes} minutes, less lateness_seconds"
            yield Problem(f"{path}.remeasure_within_minutes", f"{expected} (got {self.remeasure_within_minutes:g})")

    def quality_spec(self) -> dict[str, Any]:
        """These options as the core knows them: minutes and texts in seconds, absent bounds nan."""
        low, high = (bound if isfinite(bound) else nan for bound in self.plausible)
        return {
            "expected_every_seconds": seconds_of(self.expected_every) if self.expected_every else 0.0,
            "stuck": self.stuck,
            "plausible_low": low,
            "plausible_high": high,
            "remeasure": self.remeasure,
            "remeasure_within_seconds": self.remeasure_within_minutes * 60.0,
            "gauge": self.gauge,
        }
