"""Readings of files as journal entries: arrays of messages of the connector `replay`, between ticks of a 60 s grid.

The entries are a function of readings, plan and last tick alone, each made when it is asked for, so that a replay that
was killed goes on with the entry after the last that its journal holds.
"""

from collections.abc import Iterator

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray

from config.plan import Plan
from connectors.files import OPTIONAL
from connectors.journal import PLAN, SYSTEM, TICK, Row
from flows.ticks import CONFIRM_NS, JUMP_NS, SECOND_NS
from rules.calendar import next_due_tick

CONNECTOR = "replay"
MOST_READINGS = 500  # an entry's
STEP_NS = 60 * SECOND_NS
AWAKE_NS = 24 * 3_600 * SECOND_NS  # after a reading, at least, ticks are an hour apart at most

Int64s = NDArray[np.int64]


class ReplayEntries:
    """The entries of a replay: the plan, then ticks and readings. `len` is how many, numbered from 0.

    `readings` are those of `connectors.files.read_measurements`, at least one; the last tick is at `until_ns`, not
    before the last reading.
    """

    def __init__(self, readings: pl.DataFrame, plan: Plan, until_ns: int) -> None:
        self._times = readings["time_ns"].to_numpy()
        self._readings = readings
        self._plan = plan.to_json()
        self._tick_ns, before = _ticks(self._times, plan, until_ns)
        entry, self._starts = _cut(before, len(self._times))
        self._is_tick = np.zeros(len(self._tick_ns) + len(self._starts) - 1, np.bool_)
        self._is_tick[entry] = True
        # (entries + 1) how many ticks, arrays and readings come before each entry
        self._ticks_before = np.concatenate([[0], np.cumsum(self._is_tick)])
        self._arrays_before = np.concatenate([[0], np.cumsum(~self._is_tick)])

    def __len__(self) -> int:
        return 1 + len(self._is_tick)

    def readings_up_to(self, count: int) -> int:
        """How many readings the first `count` entries hold."""
        return int(self._starts[self._arrays_before[max(0, min(count, len(self)) - 1)]])

    def rows(self, first: int, last: int) -> Iterator[Row]:
        """The entries `first` up to, not including, `last`, as the journal's writer takes them."""
        if first == 0 < last:
            yield int(self._tick_ns[0]), SYSTEM, PLAN, 0, 0, self._plan
        first, last = max(first - 1, 0), max(last - 1, 0)
        ticks = iter(self._tick_ns[self._ticks_before[first] : self._ticks_before[last]].tolist())
        arrays = self._arrays(int(self._arrays_before[first]), int(self._arrays_before[last]))
        for is_tick in self._is_tick[first:last].tolist():
            if is_tick:
                tick_ns = next(ticks)
                yield tick_ns, SYSTEM, TICK, 0, 0, b"%d" % tick_ns
            else:
                yield next(arrays)

    def _arrays(self, first: int, last: int) -> Iterator[Row]:
        """Received with its last reading each."""
        starts = self._starts[first : last + 1]
        if len(starts) < 2:
            return
        texts = _texts(self._readings[int(starts[0]) : int(starts[-1])], np.diff(starts))
        for text, end in zip(texts, starts[1:].tolist(), strict=True):
            yield int(self._times[end - 1]), CONNECTOR, CONNECTOR, 0, 0, text.encode()


def _ticks(times: Int64s, plan: Plan, until_ns: int) -> tuple[Int64s, Int64s]:
    """When the ticks are, and how many readings come before each.

    The grid's tick at or before each reading, and the next one, at which it is judged what it changed; each close of a
    day; for a day after a reading, and while a subgroup may be open, never more than an hour apart, which would be a
    jump. When nothing but the closes of days is due any more each has one before it that confirms the jump to it. The
    last is at `until_ns`, after all readings: what lies exactly there is preceded by the tick before.
    """
    minutes = np.unique(times // STEP_NS)
    grid = np.union1d(minutes, minutes + 1) * STEP_NS
    if until_ns == times[-1] and until_ns % STEP_NS == 0:
        grid = np.union1d(grid, [until_ns - STEP_NS])
    wanted = grid[grid < until_ns].tolist()
    due = next_due_tick(plan.calendar, int(minutes[0]) * STEP_NS)
    while due < until_ns:
        wanted.append(due)
        due = next_due_tick(plan.calendar, due)
    coarse = np.unique(np.array([*wanted, until_ns], np.int64))
    pauses = np.flatnonzero(np.diff(coarse) > JUMP_NS)
    newest = times[np.maximum(np.searchsorted(times, coarse[pauses], side="right") - 1, 0)]
    idle = coarse[pauses] - newest > _awake_ns(plan)
    confirming = coarse[pauses[idle] + 1] - CONFIRM_NS
    between = [np.arange(coarse[k] + JUMP_NS, coarse[k + 1], JUMP_NS) for k in pauses[~idle]]
    ticks = np.unique(np.concatenate([coarse, confirming, *between]))
    before = np.searchsorted(times, ticks, side="left")
    before[-1] = len(times)
    return ticks, before


def _awake_ns(plan: Plan) -> int:
    """How long after a reading something may be due that is no close of a day: an open subgroup's end."""
    longest = max((spec.subgroup_within_seconds for spec in plan.characteristics), default=0.0)
    return max(AWAKE_NS, int(longest) * SECOND_NS + JUMP_NS)


def _cut(before: Int64s, readings: int) -> tuple[Int64s, Int64s]:
    """Which entries are ticks, and with which reading each array begins (and the last ends): at most 500 each."""
    bounds = np.unique(np.concatenate([[0], before, [readings]]))
    sizes = -(-np.diff(bounds) // MOST_READINGS)  # arrays between two bounds
    offset = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    starts = np.append(np.repeat(bounds[:-1], sizes) + offset * MOST_READINGS, readings)
    return np.searchsorted(starts[:-1], before, side="left") + np.arange(len(before)), starts


def _texts(readings: pl.DataFrame, sizes: Int64s) -> list[str]:
    """A JSON array for each stretch of `sizes` readings, which make up `readings`.

    Neighbours with one time and one context share a message; no characteristic is twice in it, since of two equal
    keys one would be lost. How readings are shared out never shows: their places in the entry stay the same.
    """
    context = _context_json(readings)
    entry_begins = np.zeros(len(readings), np.bool_)
    entry_begins[np.cumsum(sizes)[:-1]] = True
    entry_begins[0] = True
    begins = entry_begins | _changes(readings["time_ns"]) | _changes(context)
    message = np.cumsum(begins)
    twice = pl.DataFrame([pl.Series("message", message), readings["characteristic"]]).is_duplicated().to_numpy()
    begins |= np.bincount(message, twice)[message] > 0
    table = pl.DataFrame(
        [
            pl.Series("separator", np.where(entry_begins, "[", ",")),
            pl.Series("begins", begins),
            pl.Series("ends", np.append(begins[1:], True)),
            _time_json(readings["time_ns"]),
            context,
            _name_json(readings["characteristic"]),
            readings["value"].cast(pl.String),
        ]
    )
    head = pl.concat_str("separator", pl.lit('{"time":'), "time", "context", pl.lit(',"values":{'))
    piece = pl.concat_str(
        pl.when("begins").then(head).otherwise(pl.lit(",")),
        "name",
        pl.lit(":"),
        "value",
        pl.when("ends").then(pl.lit("}}")).otherwise(pl.lit("")),
    )
    pieces = table.select(piece).to_series().to_list()
    ends = np.cumsum(sizes)
    return ["".join(pieces[start:end]) + "]" for start, end in zip(ends - sizes, ends, strict=True)]


def _changes(column: pl.Series) -> NDArray[np.bool_]:
    return column.ne_missing(column.shift()).to_numpy()


def _name_json(names: pl.Series) -> pl.Series:
    known = names.unique()
    return names.replace_strict(known, pl.Series([orjson.dumps(name).decode() for name in known])).alias("name")


def _time_json(time_ns: pl.Series) -> pl.Series:
    """Epoch milliseconds, or RFC 3339 where that would lose digits."""
    if (time_ns % 1_000_000 == 0).all():
        return (time_ns // 1_000_000).cast(pl.String).alias("time")
    text = pl.from_epoch(time_ns, "ns").dt.strftime('"%Y-%m-%dT%H:%M:%S%.9fZ"')
    return text.alias("time")


def _context_json(readings: pl.DataFrame) -> pl.Series:
    """`,"lot":"L1","part":null` for each reading, empty without context: a null field is an absent one."""
    fields = [name for name in OPTIONAL if name in readings.columns and readings[name].null_count() < len(readings)]
    if not fields:
        return pl.Series("context", [""]).new_from_index(0, len(readings))
    body = readings.select(pl.struct(fields).struct.json_encode().str.slice(1)).to_series()
    return ("," + body.str.head(-1)).alias("context")
