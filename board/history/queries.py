"""What the API asks of the history: read-only SQL, one short view each.

A row that a later row of the same key supersedes is not shown. Nothing here is recomputed: limits, signals and
figures are those that were stored with the point.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase, translate
from heapq import merge
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import numpy as np

from board.history.rows import Row, Shown, columns_of, json_of, refs_of, show
from board.times import FIRST_NS, LAST_NS, SECOND_NS, rfc3339
from rules.calendar import shifts_at
from rules.results import BY_NAME
from rules.spec import CalendarSpec

# The rows of these columns are the same fact told again: the newest is shown.
IDENTITY: dict[str, tuple[str, ...]] = {
    "reading": ("characteristic", "seq", "idx"),
    "signal": ("characteristic", "seq", "idx", "rule"),
    "correction": ("characteristic", "seq", "idx"),
    "capability": ("characteristic", "time"),
    "metric": ("metric", "time", "day"),
}
WITH_SHIFT = frozenset(("point", "reading", "signal"))  # what somebody made, whose shift is asked for
BY_INDEX = 200  # up to as many characteristics are looked up one by one, more by walking back row by row
STRADDLING = 100  # subgroups that began before an end of a range and closed within a day after it
DAY_NS = 86_400 * SECOND_NS
READ_SECONDS = 20.0  # of a view: at 40 MB/s the write-ahead log grows by 800 MB meanwhile
STEPS = 20_000  # of SQLite's machine, about a millisecond, between two looks at the clock
_NUMBERS = ("row", "cause_seq", "ordinal")
_WILD = frozenset("*?[")  # what makes a name a glob


class NoHistory(Exception):  # noqa: N818 - says what is the case
    """The engine has not made a history yet."""


class TooLong(Exception):  # noqa: N818 - says what is the case
    """A question to the history took longer than a view may be held."""


class Meta(NamedTuple):
    """What the history says of itself."""

    history_uuid: str
    journal_uuid: str
    applied_seq: int
    last_tick_ns: int
    kind: str
    last_row: int


@dataclass(frozen=True, slots=True)
class Range:
    """What is asked for: `start_ns` ≤ time < `end_ns`, the newest `limit` rows."""

    start_ns: int = FIRST_NS
    end_ns: int = LAST_NS
    limit: int = 1000


class View:
    """One snapshot of the history; `names` are its characteristics by number, `calendar` says who was on."""

    def __init__(self, db: sqlite3.Connection, names: Mapping[int, str], calendar: CalendarSpec) -> None:
        self.db = db
        self.names = names
        self.calendar = calendar

    def numbers(self, globs: Sequence[str]) -> list[int] | None:
        """The characteristics whose names match any of `globs`; None when none is given: all."""
        if not globs:
            return None
        exact = frozenset(globs)
        patterns = [re.compile(translate(glob)) for glob in globs if not _WILD.isdisjoint(glob)]
        return [
            number
            for number, name in self.names.items()
            if name in exact or any(pattern.match(name) for pattern in patterns)
        ]

    def show(self, kind: str, row: Sequence[object]) -> Shown:
        """`row` as the API shows it."""
        return self.show_all(kind, [row])[0]

    def show_all(self, kind: str, rows: Sequence[Sequence[object]]) -> list[Shown]:
        """`rows` as the API shows them; those of `WITH_SHIFT` with the shift of their time, null without shifts."""
        shown = [show(BY_NAME[kind], row, self.names) for row in rows]
        if kind in WITH_SHIFT:
            place = columns_of(BY_NAME[kind]).index("time")
            for one, name in zip(shown, self.shifts([int(str(row[place])) for row in rows]), strict=True):
                one["shift"] = name
        return shown

    def shifts(self, time_ns: Sequence[int]) -> list[str | None]:
        """The shift that was on at each time."""
        return [name or None for name in shifts_at(self.calendar, np.array(time_ns, np.int64))]


class History:
    """The history at `path`, which may not be there yet.

    A view that reads for longer than `read_seconds` is ended: the engine's write-ahead log grows while it is held.
    """

    def __init__(
        self,
        path: Path,
        read_seconds: float = READ_SECONDS,
        calendar: CalendarSpec = CalendarSpec(),  # noqa: B008 - frozen
    ) -> None:
        self.path = path
        self._calendar = calendar
        self._read_seconds = read_seconds
        self._known: tuple[tuple[str, int], dict[int, str]] = (("", 0), {})

    def connect(self) -> sqlite3.Connection:
        """A connection that can only read. Raises `NoHistory` while there is none."""
        try:
            db = self._open()
        except sqlite3.OperationalError as error:
            if not self.path.exists():
                raise NoHistory(f"{self.path}: there is no history yet") from error
            db = self._open()  # it may have been made just now
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone() is None:
            db.close()
            raise NoHistory(f"{self.path} holds no history yet")
        return db

    def _open(self) -> sqlite3.Connection:
        uri = f"{self.path.absolute().as_uri()}?mode=ro"
        return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=5.0)

    @contextmanager
    def view(self) -> Iterator[View]:
        """One snapshot, let go of at the end. Raises `NoHistory` while there is none, `TooLong` after its time."""
        until = monotonic() + self._read_seconds
        with closing(self.connect()) as db:
            db.set_progress_handler(lambda: monotonic() > until, STEPS)
            try:
                yield self.snapshot(db)
            except sqlite3.OperationalError as error:
                if str(error) != "interrupted":
                    raise
                raise TooLong(f"the answer took longer than {self._read_seconds:g} s: ask for less time, or for fewer "
                              "characteristics") from error  # fmt: skip

    def snapshot(self, db: sqlite3.Connection) -> View:
        """What `db` sees from now on; the names are read anew only when there are others."""
        db.execute("BEGIN")
        asked: tuple[str, int] = db.execute(
            'SELECT "history_uuid", coalesce((SELECT max("row") FROM "characteristic"), 0) FROM "meta"'
        ).fetchone()
        known, names = self._known
        if known != asked:
            names = dict(db.execute('SELECT "characteristic", "name" FROM "characteristic" ORDER BY "row"').fetchall())
            self._known = (asked, names)
        return View(db, names, self._calendar)


def read_meta(db: sqlite3.Connection) -> Meta:
    """The history's single row about itself."""
    names = ", ".join(f'"{name}"' for name in Meta._fields)
    return Meta(*db.execute(f'SELECT {names} FROM "meta"').fetchone())


def select(kind: str, alias: str = "") -> str:
    """The column list of `kind`, each quoted."""
    prefix = f"{alias}." if alias else ""
    return ", ".join(f'{prefix}"{name}"' for name in columns_of(BY_NAME[kind]))


def rows_in(view: View, kind: str, globs: Sequence[str], asked: Range) -> list[Row]:
    """The newest rows of `kind` (one with a characteristic and a time) that were asked for, oldest first."""
    numbers = view.numbers(globs)
    base = f'SELECT {select(kind)} FROM "{kind}" WHERE "time" >= ? AND "time" < ?'
    if kind == "point":
        base += ' AND "current" = 1'
    times = (asked.start_ns, asked.end_ns)
    if numbers is not None and len(numbers) <= BY_INDEX:
        statement = f'{base} AND "characteristic" = ? ORDER BY "time" DESC, "row" DESC'
        found = [view.db.execute(statement, (*times, number)) for number in numbers]
    else:
        among = "" if numbers is None else f'AND +"characteristic" IN ({listed(numbers)})'
        found = [view.db.execute(f'{base} {among} ORDER BY "row" DESC LIMIT ?', (*times, asked.limit))]
    place = columns_of(BY_NAME[kind]).index("time")
    if len(found) > 1:
        newest = list(islice(merge(*found, key=lambda row: (row[place], row[0]), reverse=True), asked.limit))
    else:
        newest = list(islice((row for cursor in found for row in cursor), asked.limit))
    return sorted(_latest(kind, newest), key=lambda row: (row[place], row[0]))


def _latest(kind: str, rows: list[Row]) -> list[Row]:
    if kind not in IDENTITY:
        return rows
    places = [columns_of(BY_NAME[kind]).index(name) for name in IDENTITY[kind]]
    by_number = sorted(rows, key=lambda row: int(str(row[0])))
    return list({tuple(row[place] for place in places): row for row in by_number}.values())


def listed(numbers: Iterable[int]) -> str:
    """Numbers as an SQL list."""
    return ", ".join(str(int(number)) for number in numbers)


def series(view: View, kind: str, globs: Sequence[str], asked: Range) -> list[Shown]:
    """`rows_in` as the API shows them: points, signals, capability."""
    return view.show_all(kind, rows_in(view, kind, globs, asked))


def readings(view: View, globs: Sequence[str], asked: Range, *, loose_only: bool = False) -> list[Shown]:
    """Every reading once: those inside points (state `production`; not with `loose_only`), and those that are in none.

    Fields: characteristic, seq, idx, time, value, state, context, shift; oldest first.
    """
    columns = columns_of(BY_NAME["point"])
    name, values, refs, contexts = (columns.index(word) for word in ("characteristic", "values", "refs", "contexts"))
    points = [] if loose_only else rows_in(view, "point", globs, asked)
    if asked.end_ns != LAST_NS and not loose_only:
        after = Range(asked.end_ns, min(asked.end_ns + DAY_NS, LAST_NS), asked.limit)
        points += rows_in(view, "point", globs, after)[:STRADDLING]
    found: list[tuple[int, int, int, Shown]] = []
    for row in points:
        blob, raw = row[values], row[refs]
        if not isinstance(blob, bytes) or not isinstance(raw, bytes):
            continue  # restated after its readings had gone with their age
        context = json_of(row[contexts])
        each = context if isinstance(context, list) else [None] * len(refs_of(raw))
        for value, (seq, idx, time), one in zip(memoryview(blob).cast("d"), refs_of(raw), each, strict=True):
            if asked.start_ns <= time < asked.end_ns:
                shown = {"characteristic": view.names.get(int(str(row[name]))), "seq": seq, "idx": idx,
                         "time": rfc3339(time), "value": value, "state": "production", "context": one}  # fmt: skip
                found.append((time, seq, idx, shown))
    loose = columns_of(BY_NAME["reading"])
    places = [loose.index(word) for word in ("time", "seq", "idx")]
    for row in rows_in(view, "reading", globs, asked):
        shown = {key: value for key, value in show(BY_NAME["reading"], row, view.names).items() if key not in _NUMBERS}
        time, seq, idx = (int(str(row[place])) for place in places)
        found.append((time, seq, idx, shown))
    found.sort(key=lambda item: item[:3])
    newest = found[-asked.limit :]
    shifts = view.shifts([time for time, *_ in newest])
    return [shown | {"shift": shift} for (*_, shown), shift in zip(newest, shifts, strict=True)]


def days(view: View, globs: Sequence[str], first: int, last: int, limit: int) -> list[Shown]:
    """The newest revision of each production day from `first` to `last` (ordinals, both included), oldest first."""
    numbers = view.numbers(globs)
    among = "" if numbers is None else f'AND c."characteristic" IN ({listed(numbers)})'
    rows = view.db.execute(
        f'SELECT {select("day", "d")} FROM "current_day" c JOIN "day" d ON d."row" = c."row" '
        f'WHERE c."day" BETWEEN ? AND ? {among} ORDER BY c."day" DESC, c."characteristic" DESC LIMIT ?',
        (first, last, limit),
    ).fetchall()
    return [view.show("day", row) for row in reversed(rows)]


def rejected(view: View, asked: Range) -> list[Shown]:
    """The newest refused values with their reasons, oldest first; `count` counts per connector and reason."""
    rows = view.db.execute(
        f'SELECT {select("rejected")} FROM "rejected" WHERE "time" >= ? AND "time" < ? ORDER BY "row" DESC LIMIT ?',
        (asked.start_ns, asked.end_ns, asked.limit),
    ).fetchall()
    return [view.show("rejected", row) for row in reversed(rows)]


def gaps(view: View, asked: Range) -> list[Shown]:
    """Known losses that touch the range, each in its newest state, oldest first; `to_time` null: it goes on."""
    rows = view.db.execute(
        f'SELECT {select("gap", "g")} FROM "current_gap" c JOIN "gap" g ON g."row" = c."row" '
        'WHERE g."from_time" < ? AND (g."to_time" IS NULL OR g."to_time" >= ?) '
        'ORDER BY g."from_time" DESC, g."row" DESC LIMIT ?',
        (asked.end_ns, asked.start_ns, asked.limit),
    ).fetchall()
    return [view.show("gap", row) for row in reversed(rows)]


def limits_revision(history: History, characteristic: str) -> int | None:
    """The newest revision of its limits: 0 while there are none, None for an unknown characteristic."""
    try:
        with history.view() as view:
            row = view.db.execute(
                'SELECT (SELECT max("revision") FROM "current_limits" l WHERE l."characteristic" = c."characteristic") '
                'FROM "characteristic" c WHERE c."name" = ? LIMIT 1',
                (characteristic,),
            ).fetchone()
    except NoHistory:
        return None
    return None if row is None else int(row[0] or 0)


def shop_events(view: View, places: Sequence[str], kinds: Sequence[str], asked: Range) -> list[Shown]:
    """The newest events at places that match any of `places` (globs; none: all), of these kinds, oldest first."""
    of, place = (columns_of(BY_NAME["event"]).index(name) for name in ("kind", "place"))
    rows = view.db.execute(
        f'SELECT {select("event")} FROM "event" WHERE "time" >= ? AND "time" < ? ORDER BY "time" DESC, "row" DESC',
        (asked.start_ns, asked.end_ns),
    )
    wanted = (
        row
        for row in rows
        if (not kinds or row[of] in kinds)
        and (not places or any(fnmatchcase(str(row[place]), glob) for glob in places))
    )
    return [view.show("event", row) for row in reversed(list(islice(wanted, asked.limit)))]


def metric_values(view: View, metrics: Sequence[str], asked: Range) -> list[Shown]:
    """The newest values of the metrics whose ids match any of `metrics` (globs; none: all), oldest first."""
    place = columns_of(BY_NAME["metric"]).index("metric")
    rows = view.db.execute(
        f'SELECT {select("metric")} FROM "metric" WHERE "time" >= ? AND "time" < ? ORDER BY "row" DESC',
        (asked.start_ns, asked.end_ns),
    )
    wanted = (row for row in rows if not metrics or any(fnmatchcase(str(row[place]), glob) for glob in metrics))
    newest = _latest("metric", list(islice(wanted, asked.limit)))
    return [view.show("metric", row) for row in newest]
