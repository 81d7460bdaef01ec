"""Single readings of one characteristic with the points that they made: chosen by time and context, page by page.

A page begins where the one before ended (time and row), never at a count, so that one far back costs what the first
does, and whoever reads much lets go of the view in between.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from math import nan
from typing import NamedTuple

from board.history.queries import DAY_NS, STRADDLING, View
from board.history.rows import json_of, refs_of
from board.times import FIRST_NS, LAST_NS
from rules.run_rules import RUN_RULES, SINGLE_POINT_BITS

POINTS_A_PAGE = 2_000
MOST_LOOKED_AT = 50_000  # readings, for a page of those that are chosen
COUNTED = frozenset(("production", "late", "single"))  # states of what counts in its day
CONTEXT = ("lot", "part", "product", "machine", "tool", "operator")  # what readings are chosen by
# A point with a reading out of specification is not therefore beyond its limits.
BEYOND_BITS = SINGLE_POINT_BITS & ~sum(1 << rule.bit for rule in RUN_RULES if rule.name == "out-of-spec")
BY_BEGINNING = frozenset(("part", "product"))

Numbers = tuple[float, ...]
Place = tuple[int, int, int]


class Fix(NamedTuple):
    """What a reading was corrected to: `value` None where it is void."""

    action: str
    value: float | None
    who: str
    why: str
    state: str


class Reading(NamedTuple):
    """One reading: `value` is what came, whatever it was corrected to; `state` is `production` inside a point."""

    time_ns: int
    seq: int
    idx: int
    value: float
    state: str
    context: Mapping[str, object]
    fix: Fix | None = None

    @property
    def place(self) -> Place:
        """Its place in time: a page goes on behind it."""
        return self.time_ns, self.seq, self.idx

    @property
    def counts_for(self) -> float | None:
        """The value that it counts for; None where it is void, or was never taken in."""
        if self.fix is not None:
            return self.fix.value
        return self.value if self.state in COUNTED else None


class Point(NamedTuple):
    """One charted point: `dispersion` nan where it has none, `limits` its ucl, cl and lcl, `rules` a bit set.

    `readings` is empty where they have gone with their age.
    """

    row: int
    time_ns: int
    value: float
    dispersion: float
    limits: Numbers
    rules: int
    revision: int
    readings: tuple[Reading, ...]

    @property
    def beyond(self) -> bool:
        """Whether it lies beyond the limits that it was judged by."""
        return bool(self.rules & BEYOND_BITS)


@dataclass(frozen=True, slots=True)
class Choice:
    """`start_ns` ≤ time < `end_ns`, and the context as said: parts and products by their beginning."""

    start_ns: int = FIRST_NS
    end_ns: int = LAST_NS
    context: Mapping[str, str] = field(default_factory=dict)

    def takes(self, reading: Reading) -> bool:
        """Whether a reading is chosen."""
        if not self.start_ns <= reading.time_ns < self.end_ns:
            return False
        return all(_is_told(reading.context.get(name), said, name) for name, said in self.context.items())


def _is_told(own: object, said: str, name: str) -> bool:
    told = "" if own is None else str(own)
    return told.startswith(said) if name in BY_BEGINNING else told == said


_COLUMNS = (
    '"row", "time", "value", "dispersion", "ucl", "cl", "lcl", "signals", "revision", "values", "refs", "contexts"'
)
_POINTS = f'SELECT {_COLUMNS} FROM "point" WHERE "characteristic" = ? AND "current" = 1'
_LOOSE = 'SELECT "time", "seq", "idx", "value", "state", "context" FROM "reading" WHERE "characteristic" = ?'
_FIXES = 'SELECT "seq", "idx", "action", "value", "who", "why", "state" FROM "correction" WHERE "characteristic" = ?'

Fixes = Mapping[tuple[int, int], Fix]


@dataclass(frozen=True, slots=True)
class Measured:
    """What the history of `view` has of the characteristic of that number."""

    view: View
    number: int

    def points(self, start_ns: int, end_ns: int, after: tuple[int, int] = (FIRST_NS, 0)) -> list[Point]:
        """The first points of that time behind `after` (time and row), at most a page; none: there are no more."""
        rows = self.view.db.execute(
            f'{_POINTS} AND "time" >= ? AND "time" < ? AND ("time", "row") > (?, ?) ORDER BY "time", "row" LIMIT ?',
            (self.number, max(start_ns, after[0]), end_ns, *after, POINTS_A_PAGE),
        ).fetchall()
        return self._points(rows)

    def newest_points(self, last_seq: int, count: int) -> list[Point]:
        """The newest `count` points up to the one of entry `last_seq`, oldest first: those of a rolling window."""
        rows = self.view.db.execute(
            f'{_POINTS} AND "seq" <= ? ORDER BY "time" DESC, "row" DESC LIMIT ?', (self.number, last_seq, count)
        ).fetchall()
        return self._points(rows[::-1])

    def loose(self, start_ns: int, end_ns: int) -> list[Reading]:
        """The readings of that time that are in no point, each as it was told last, oldest first."""
        rows = self.view.db.execute(
            f'{_LOOSE} AND "time" >= ? AND "time" < ? ORDER BY "row"', (self.number, start_ns, end_ns)
        ).fetchall()
        fixes = self._fixes(start_ns, end_ns) if rows else {}
        newest = {(row[1], row[2]): _loose(row, fixes) for row in rows}
        return sorted(newest.values(), key=lambda reading: reading.place)

    def page(
        self, choice: Choice, before: Place, size: int, *, loose_only: bool = False
    ) -> tuple[list[Reading], Place | None]:
        """The newest `size` chosen readings before a place, newest first, and before which place to go on.

        That is None when there are no more. After `MOST_LOOKED_AT` readings the page ends as it is.
        """
        end_ns = min(choice.end_ns, before[0] + 1)
        found: list[tuple[Place, Reading]] = []
        taken: set[Place] = set()

        def take(readings: Iterable[Reading]) -> None:
            for one in readings:
                if one.place < before and one.place not in taken and choice.takes(one):
                    taken.add(one.place)
                    insort(found, (one.place, one))

        if not loose_only:
            take(chain.from_iterable(point.readings for point in self._straddling(end_ns)))
        seen_from, looked = choice.start_ns, 0
        for point in () if loose_only else self._back(choice.start_ns, end_ns):
            newer = len(found) - bisect_right(found, (point.time_ns, LAST_NS), key=lambda item: item[0][:2])
            if newer > size or looked >= MOST_LOOKED_AT:
                seen_from = point.time_ns + 1
                break
            take(point.readings)
            looked += len(point.readings)
        take(self.loose(max(seen_from, found[-size - 1][0][0] if len(found) > size else seen_from), end_ns))
        newest = [one for _, one in reversed(found) if one.time_ns >= seen_from]
        if len(newest) > size:
            return newest[:size], newest[size - 1].place
        return newest, (seen_from, FIRST_NS, FIRST_NS) if seen_from > choice.start_ns else None

    def _straddling(self, end_ns: int) -> list[Point]:
        """Points that closed behind `end_ns` and may have begun before it."""
        if end_ns >= LAST_NS - DAY_NS:
            return []
        rows = self.view.db.execute(
            f'{_POINTS} AND "time" >= ? AND "time" < ? ORDER BY "time", "row" LIMIT ?',
            (self.number, end_ns, end_ns + DAY_NS, STRADDLING),
        ).fetchall()
        return self._points(rows)

    def _back(self, start_ns: int, end_ns: int) -> Iterator[Point]:
        """The points of that time, newest first."""
        at = (end_ns, FIRST_NS)
        while True:
            rows = self.view.db.execute(
                f'{_POINTS} AND "time" >= ? AND ("time", "row") < (?, ?) ORDER BY "time" DESC, "row" DESC LIMIT ?',
                (self.number, start_ns, *at, STRADDLING),
            ).fetchall()
            yield from self._points(rows)
            if len(rows) < STRADDLING:
                return
            at = (rows[-1][1], rows[-1][0])

    def _fixes(self, start_ns: int, end_ns: int) -> Fixes:
        """The newest correction of each reading of that time."""
        rows = self.view.db.execute(
            f'{_FIXES} AND "time" >= ? AND "time" < ? ORDER BY "row"', (self.number, start_ns, end_ns)
        )
        return {(row[0], row[1]): Fix(*row[2:]) for row in rows}

    def _points(self, rows: Sequence[Sequence[object]]) -> list[Point]:
        if not rows:
            return []
        times = [int(str(row[1])) for row in rows]
        fixes = self._fixes(max(min(times) - DAY_NS, FIRST_NS), max(times) + 1)
        return [_point(row, fixes) for row in rows]


def _point(row: Sequence[object], fixes: Fixes) -> Point:
    number, time_ns, value, dispersion, ucl, cl, lcl, rules, revision, values, refs, contexts = row
    return Point(
        int(str(number)), int(str(time_ns)), _float(value), _float(dispersion), (_float(ucl), _float(cl), _float(lcl)),
        int(str(rules)), int(str(revision or 0)), _readings(values, refs, contexts, fixes),
    )  # fmt: skip


def _readings(values: object, refs: object, contexts: object, fixes: Fixes) -> tuple[Reading, ...]:
    """Those of a point; none where they have gone with their age."""
    if not isinstance(values, bytes) or not isinstance(refs, bytes):
        return ()
    told = json_of(contexts)
    each = chain(told if isinstance(told, list) else (), iter(dict, None))
    return tuple(
        Reading(time_ns, seq, idx, value, "production", one or {}, fixes.get((seq, idx)))
        for value, (seq, idx, time_ns), one in zip(memoryview(values).cast("d"), refs_of(refs), each, strict=False)
    )


def _loose(row: Sequence[object], fixes: Fixes) -> Reading:
    time_ns, seq, idx, value, state, context = row
    told = json_of(context)
    place = int(str(seq)), int(str(idx))
    known = told if isinstance(told, dict) else {}
    return Reading(int(str(time_ns)), *place, _float(value), str(state), known, fixes.get(place))


def _float(value: object) -> float:
    return value if isinstance(value, float) else nan
