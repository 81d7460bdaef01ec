"""A day restated without the readings that were voided, and with those that were corrected.

The readings of the characteristic from that day on are taken once more, twice over: as they counted before the
correction, which must give what its records hold, and as they count now. The kernel does it, on records of its own. A
correction changes what a reading counts for and never how the others were taken: what it was that closed a subgroup, or
made another one late, stays so; a voided reading keeps its place and counts for nothing.

What was charted stays: points, signals, run patterns, limits. The days' tallies, the rolling window, the open subgroups
and the end of the chain of moving ranges become what they are without the fault.
"""

from collections.abc import Iterator, Mapping
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.columns import ASIDE, OTHER_PURPOSE
from flows.layout import lay_out
from flows.marks import apply_mark, between, stretches
from flows.retaken import Piece, Place, Rebuild
from rules.days import begin_day
from rules.kernel import VOID_STATE, advance, break_chains, make_output, output_lengths
from rules.limits import INDIVIDUALS
from rules.records import (
    DISPERSION,
    FIXED,
    FLAG_BEYOND,
    FLAG_CHAINED,
    MEAN,
    N_DAYS,
    N_POINTS,
    NO_LIMITS,
    SLOTS,
    Columns,
    Shard,
)
from rules.spec import CharacteristicSpec

# Of a day's tally: what is as it is taken now, and what is judged, of which only the difference is known.
TAKEN = ("n", "mean", "m2", "smallest", "largest", "points", "within_sum", "within_df", "within_count") + (
    "first_seq",
    "last_seq",
    "late",
    "overdue",
    "found",
    "inspected",
)
JUDGED = ("out", "beyond", "signals")
TRAILING = ("t_n", "t_out", "t_points", "t_beyond", "t_mean", "t_m2", "t_smallest", "t_largest", "t_within_sum") + (
    "t_within_df",
    "t_within_count",
    "t_first_seq",
    "t_last_seq",
)


def rebuild(shard: Shard, c: int, spec: CharacteristicSpec, told: Rebuild) -> bool:
    """Take the correction into the records of characteristic `c`; False where its day cannot be computed again.

    That is where the readings taken again do not give what the records hold: its chart was changed since.
    """
    record = shard.records[c]
    before, charted = _taken(shard, c, spec, told, told.before, 0)
    if charted < record["ring_count"]:
        older = int(record["ring_count"]) - charted
        before, _ = _taken(shard, c, spec, told, told.before, older)
        now, remaining = _taken(shard, c, spec, told, told.now, older)
    else:
        now, remaining = _taken(shard, c, spec, told, told.now, 0)
    if not _restate(shard, c, before, now, told):
        return False
    _replace_window(shard, c, before, now, charted - remaining)
    if record["chart"] == INDIVIDUALS and record["last_seq"] == before.records[0]["last_seq"]:
        for name in ("last_value", "chained"):
            record[name] = now.records[0][name]
    _replace_open(shard, c, told.now)
    record["dirty"] = 1
    return True


def _taken(
    shard: Shard, c: int, spec: CharacteristicSpec, told: Rebuild, counts: Mapping[Place, float], older: int
) -> tuple[Shard, int]:
    """Records of their own after the pieces, begun with the `older` points of the window; how many were charted."""
    one = lay_out((spec,), shard.days.shape[1] - 2)
    record = one.records[0]
    record["baseline_points"] = 0  # the limits are those there were
    one.revisions[0] = shard.revisions[c]
    _put_ring(one, shard, c, older)
    longest = max((len(piece.readings) for piece in told.pieces), default=0)
    output = make_output(output_lengths(one, longest))
    regimes = _Regimes(shard, c)
    charted = 0
    for piece in told.pieces:
        if piece.gap >= 0:
            break_chains(one, piece.gap)
        for columns, mark in stretches(_columns(piece, counts), piece.marks):
            for part in regimes.parts(columns, record):
                reading = tick = 0
                while reading < len(part.value) or tick < len(part.tick_ns):
                    output.counts[:] = 0
                    reading, tick = advance(one, part, output, reading, tick)
                    charted += int(output.counts[N_POINTS])
            if mark is not None:
                apply_mark(one, 0, mark)
    return one, charted


def _columns(piece: Piece, counts: Mapping[Place, float]) -> Columns:
    """The piece's columns, with what its readings count for; implausible ones only where somebody took them in."""
    readings = piece.readings
    value, state = readings.value.copy(), readings.state.copy()
    there = state != ASIDE
    if counts:
        seqs = np.array(sorted({seq for seq, _ in counts}), np.int64)
        for row in np.flatnonzero(np.isin(readings.seq, seqs)).tolist():
            place = (int(readings.seq[row]), int(readings.idx[row]))
            if place in counts and state[row] != OTHER_PURPOSE:
                value[row] = counts[place]
                if not isnan(value[row]):
                    there[row] = True
                elif state[row] != ASIDE:
                    state[row] = VOID_STATE
    if not there.all():
        kept = np.flatnonzero(there)
        piece = piece.only(kept)
        readings, value, state = piece.readings, value[kept], state[kept]
    return Columns(
        characteristic=np.zeros(len(readings), np.int64),
        time_ns=readings.time_ns,
        day=piece.day,
        value=value,
        seq=readings.seq,
        idx=readings.idx.astype(np.int64),
        cause_seq=piece.cause_seq,
        subgroup=readings.subgroup,
        ends=readings.ends,
        change=readings.change,
        context=np.zeros(len(readings), np.int64),
        state=state,
        connector=readings.connector.astype(np.int64),
        size=readings.size,
        tick_at=piece.tick_at,
        tick_ns=piece.tick_ns,
        tick_seq=piece.tick_seq,
        tick_closed=piece.tick_closed,
    )


class _Regimes:
    """The specification and limits of each time, as the records still know them."""

    def __init__(self, shard: Shard, c: int) -> None:
        kept = shard.revisions[c]
        self._kept = np.sort(kept[kept["until_ns"] > 0], order="until_ns")
        self._current = shard.records[c].copy()
        self._last_ns = 0

    def parts(self, columns: Columns, record: Any) -> Iterator[Columns]:
        """The columns cut where another revision begins, each taken with what `record` then holds."""
        begins = np.maximum.accumulate(np.append(self._last_ns, columns.time_ns))[1:]
        self._last_ns = int(begins[-1]) if len(begins) else self._last_ns
        number = np.searchsorted(self._kept["until_ns"], begins, side="right")
        starts = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist()]
        ends = [*starts[1:], len(begins)]
        tick = 0
        for start, end in zip(starts, ends, strict=True):
            last = end == len(begins)
            until = len(columns.tick_ns) if last else int(np.searchsorted(columns.tick_at, end))
            if len(begins):
                self._hold(record, int(number[start]))
            yield between(columns, (start, tick), (end, until))
            tick = until

    def _hold(self, record: Any, number: int) -> None:
        from_row = self._kept[number] if number < len(self._kept) else self._current
        for name in ("lsl", "usl", "center", "sigma"):
            record[name] = from_row[name]
        record["limits_state"] = NO_LIMITS if isnan(record["center"]) else FIXED


def _restate(shard: Shard, c: int, before: Shard, now: Shard, told: Rebuild) -> bool:
    """Put the day's tally right, and those trailing ones of later days that rest on it."""
    days = {int(day["day"]): day for day in shard.days[c]}
    was = {int(day["day"]): day for day in before.days[0]}
    becomes = {int(day["day"]): day for day in now.days[0]}
    empty = np.zeros((), before.days.dtype)
    day, old, new = days.get(told.day), was.get(told.day, empty), becomes.get(told.day)
    if day is None and new is not None:
        out = make_output(output_lengths(shard, 0))
        place = begin_day(shard, out, c, told.day, told.seq)
        if place < 0 or out.counts[N_DAYS]:  # no day that is open gives way
            return False
        day = shard.days[c][place]
        days[told.day] = day
    if day is None:
        return not any(len(piece.readings) for piece in told.pieces)
    if any(day[name] != old[name] for name in ("n", "late", "points", "within_count", "inspected")):
        return False
    if new is None or (new["n"] == 0 and new["inspected"] == 0):
        new = empty.copy()
        new["smallest"], new["largest"] = np.inf, -np.inf
    for name in TAKEN:
        day[name] = new[name]
    for name in JUDGED:
        day[name] += new[name] - old[name]
    day["dirty"] = int(day["revision"] > 0)
    first = min(seq for seq, _ in told.now)
    for number in sorted(days):
        if number >= told.day and days[number]["trailing"] == 1:
            _restate_trailing(days[number], was.get(number), becomes.get(number), first)
    return True


def _restate_trailing(day: Any, old: Any, new: Any, first_seq: int) -> None:
    """What a trailing day rests on; its own readings where values from before it can no longer be told."""
    known = old is not None and new is not None and all(day[name] == old[name] for name in ("t_n", "t_mean", "t_m2"))
    if known:
        if all(new[name] == old[name] for name in TRAILING):
            return
        for name in TRAILING:
            day[name] = new[name]
    elif day["t_first_seq"] <= first_seq or day["t_n"] == 0:
        day["t_n"] = 0
    else:
        return
    day["dirty"] = int(day["revision"] > 0)


def _ring(shard: Shard, c: int) -> NDArray[np.int64]:
    """The places of the window's points, oldest first."""
    record = shard.records[c]
    count, length = int(record["ring_count"]), int(record["ring_length"])
    places: NDArray[np.int64] = (int(record["ring_next"]) - count + np.arange(count)) % max(length, 1)
    return places


def _points(shard: Shard, c: int) -> NDArray[np.float64]:
    """The window's points, oldest first: float64[points, stride]."""
    record = shard.records[c]
    stride = int(record["ring_stride"])
    region = shard.ring[record["ring_offset"] :][: record["ring_length"] * stride].reshape(-1, stride)
    points: NDArray[np.float64] = region[_ring(shard, c)]
    return points


def _put_ring(one: Shard, shard: Shard, c: int, count: int) -> None:
    """Begin with the oldest `count` points of the window."""
    record, offset = one.records[0], int(shard.records[c]["place_offset"])
    stride = int(record["ring_stride"])
    one.ring[: count * stride] = _points(shard, c)[:count].reshape(-1)
    places = offset + _ring(shard, c)[:count]
    one.seqs[:count], one.flags[:count] = shard.seqs[places], shard.flags[places]
    record["ring_count"], record["ring_next"] = count, count % int(record["ring_length"])


def _replace_window(shard: Shard, c: int, before: Shard, now: Shard, gone: int) -> None:
    """The window as it is now, `gone` points fewer; begun anew where what it held is not what its readings give.

    Points that did not change keep their entries, and whether they were beyond limits.
    """
    record = shard.records[c]
    if not np.array_equal(_points(shard, c), _points(before, 0), equal_nan=True):
        record["ring_count"] = 0
        return
    old, new = _judged_by(before), _judged_by(now)
    places = int(record["place_offset"]) + _ring(shard, c)
    seqs, beyond = shard.seqs[places], shard.flags[places] & np.uint8(FLAG_BEYOND)
    newer = _same(old[::-1], new[::-1])
    _drop_from_baseline(record, shard, _same(old[::-1, :2], new[::-1, :2]), gone)
    stride, length = int(record["ring_stride"]), int(record["ring_length"])
    own = slice(int(record["place_offset"]), int(record["place_offset"]) + length)
    shard.ring[record["ring_offset"] :][: length * stride] = now.ring
    shard.seqs[own], shard.flags[own] = now.seqs, now.flags
    record["ring_next"], record["ring_count"] = now.records[0]["ring_next"], now.records[0]["ring_count"]
    kept = int(record["place_offset"]) + _ring(shard, c)
    if not gone:
        shard.seqs[kept] = seqs
    older = min(_same(old, new), len(new) - newer)
    for mine, theirs in ((kept[:older], beyond[:older]), (kept[len(new) - newer :], beyond[len(old) - newer :])):
        shard.flags[mine] = (shard.flags[mine] & ~np.uint8(FLAG_BEYOND)) | theirs


def _judged_by(one: Shard) -> NDArray[np.float64]:
    """Of each point of the window, oldest first: its mean, its entry and its dispersion (0: none)."""
    points, places = _points(one, 0), _ring(one, 0)
    if one.records[0]["chart"] == INDIVIDUALS:
        ranges = np.abs(np.diff(points[:, MEAN], prepend=0.0))
        dispersion = np.where(one.flags[places] & FLAG_CHAINED, ranges, 0.0)
    else:
        dispersion = points[:, DISPERSION]
    return np.column_stack([points[:, MEAN], one.seqs[places], dispersion])


def _same(old: NDArray[np.float64], new: NDArray[np.float64]) -> int:
    """How many points at the beginning are the same."""
    count = min(len(old), len(new))
    differ = np.flatnonzero((old[:count] != new[:count]).any(axis=1))
    return int(differ[0]) if len(differ) else count


def _drop_from_baseline(record: Any, shard: Shard, newer: int, gone: int) -> None:
    """Points that left the window, `newer` of its points after them, leave a running baseline too."""
    count, most = int(record["baseline_count"]), int(record["baseline_points"])
    end = count - newer
    if gone <= 0 or end <= 0:
        return
    kept = np.delete(np.arange(count), slice(max(end - gone, 0), end))
    offset = int(record["origin_offset"])
    origins = shard.origins[offset + kept % most].copy()
    shard.origins[offset + np.arange(len(kept)) % most] = origins
    record["baseline_count"] = len(kept)


def _replace_open(shard: Shard, c: int, counts: Mapping[Place, float]) -> None:
    """What readings in open subgroups count for."""
    record = shard.records[c]
    if record["subgroup_size"] == 1:
        return
    for s in range(SLOTS):
        first = int(record["value_offset"] + s * record["subgroup_size"])
        for place in range(first, first + int(shard.slots[record["slot_offset"] + s]["count"])):
            ref = (int(shard.refs[place, 0]), int(shard.refs[place, 1]))
            shard.values[place] = counts.get(ref, shard.values[place])


def correction_rows(told: Rebuild, index: int, done: bool) -> list[tuple[Any, ...]]:
    """The rows of kind `correction`; `done`: whether its day is restated, or cannot be."""
    return [(told.seq, index, *row, "restated" if done else "not-restated") for row in told.rows]
