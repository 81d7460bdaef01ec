"""Rational subgroups: readings wait in open places until their subgroup closes and becomes a point.

One closes when it is full, when its time is over, at a change of day, product, lot or tool, or when its array ends.
Named ones lie beside each other, `SLOTS` of them; those by count are named 0.
"""

from math import inf, isnan, sqrt
from typing import Any

from rules.charting import chart_point, find_day, give_loose, out_of_spec
from rules.compiled import compiled, inlined, inner
from rules.limits import XBAR_R
from rules.records import FAR, N_VALUES, NEXT_TIMEOUT, SINGLE, SLOTS, Columns, Output, Shard


@inlined
def take_member(shard: Shard, out: Output, frame: Columns, i: int) -> None:
    """Put a reading into its subgroup; full, timed out, changed or ended, the subgroup closes."""
    c = frame.characteristic[i]
    record = shard.records[c]
    name = frame.subgroup[i]
    time_ns = frame.time_ns[i]
    s = find_slot(shard, c, name)
    if s >= 0:
        slot = shard.slots[record.slot_offset + s]
        changed = name == 0 and slot.change != frame.change[i]
        if changed or slot.day != frame.day[i] or time_ns >= slot.first_time_ns + record.within_ns:
            close_subgroup(shard, out, c, s, frame.cause_seq[i])
            s = -1
    if s < 0:
        s = free_slot(shard, out, c, frame.cause_seq[i])
        slot = shard.slots[record.slot_offset + s]
        slot.name = name
        slot.first_time_ns = time_ns
        slot.change = frame.change[i]
        slot.day = frame.day[i]
        shard.clock[NEXT_TIMEOUT] = min(shard.clock[NEXT_TIMEOUT], time_ns + record.within_ns)
    slot = shard.slots[record.slot_offset + s]
    at = record.value_offset + s * record.subgroup_size + slot.count
    shard.values[at] = frame.value[i]
    put_ref(shard.refs, at, frame, i)
    slot.count += 1
    if slot.count == record.subgroup_size or frame.ends[i]:
        close_subgroup(shard, out, c, s, frame.cause_seq[i])


@inner
def take_void(shard: Shard, out: Output, frame: Columns, i: int) -> None:
    """A reading that does not count keeps its place, in time and in its subgroup, so that no other loses its own."""
    c = frame.characteristic[i]
    record = shard.records[c]
    record.started = 1
    record.last_time_ns = frame.time_ns[i]
    record.last_seq = frame.seq[i]
    if record.subgroup_size > 1:
        take_member(shard, out, frame, i)


@inner
def put_ref(refs: Any, at: int, frame: Columns, i: int) -> None:
    """Write where a value came from: its journal entry, place, time and context."""
    refs[at, 0] = frame.seq[i]
    refs[at, 1] = frame.idx[i]
    refs[at, 2] = frame.time_ns[i]
    refs[at, 3] = frame.context[i]


@inner
def find_slot(shard: Shard, c: int, name: int) -> int:
    """The open subgroup of that name (0: by count), −1 without one."""
    offset = shard.records[c].slot_offset
    for s in range(SLOTS):
        if shard.slots[offset + s].count > 0 and shard.slots[offset + s].name == name:
            return s
    return -1


@inner
def free_slot(shard: Shard, out: Output, c: int, cause_seq: int) -> int:
    """A place for a new subgroup; when all are taken, the oldest closes as it is."""
    offset = shard.records[c].slot_offset
    for s in range(SLOTS):
        if shard.slots[offset + s].count == 0:
            return s
    oldest = oldest_slot(shard, c, FAR, FAR)
    close_subgroup(shard, out, c, oldest, cause_seq)
    return oldest


@compiled
def close_day_subgroups(shard: Shard, out: Output, c: int, cause_seq: int, through: int) -> None:
    """Close the open subgroups of characteristic c that belong to a day up to `through`, oldest first."""
    close_subgroups(shard, out, c, cause_seq, through, FAR)


@inner
def close_subgroups(shard: Shard, out: Output, c: int, cause_seq: int, through: int, begun_by_ns: int) -> None:
    """Close the open subgroups of days up to `through` whose first reading is of `begun_by_ns` or before."""
    if shard.records[c].subgroup_size == 1:
        return
    s = oldest_slot(shard, c, through, begun_by_ns)
    while s >= 0:
        close_subgroup(shard, out, c, s, cause_seq)
        s = oldest_slot(shard, c, through, begun_by_ns)


@inner
def oldest_slot(shard: Shard, c: int, through: int, begun_by_ns: int) -> int:
    """Of the open subgroups as in `close_subgroups` the one begun first; −1 without one.

    Of several begun at one time it is the one whose first reading stands first in the journal.
    """
    record = shard.records[c]
    oldest = -1
    for s in range(SLOTS):
        slot = shard.slots[record.slot_offset + s]
        if slot.count == 0 or slot.day > through or slot.first_time_ns > begun_by_ns:
            continue
        if oldest < 0 or begun_before(shard, record, s, oldest):
            oldest = s
    return oldest


@inner
def begun_before(shard: Shard, record: Any, s: int, other: int) -> bool:
    """Whether open subgroup s has the earlier first reading, by (time, journal entry, place in it)."""
    own = shard.refs[record.value_offset + s * record.subgroup_size]
    its = shard.refs[record.value_offset + other * record.subgroup_size]
    if own[2] != its[2]:
        return bool(own[2] < its[2])
    return bool(own[0] < its[0] or (own[0] == its[0] and own[1] < its[1]))


@inner
def time_out_subgroups(shard: Shard, out: Output, tick_ns: int, tick_seq: int) -> None:
    """Close the subgroups whose time is over; remember when the next one is due."""
    due = FAR
    for c in range(len(shard.records)):
        record = shard.records[c]
        if record.subgroup_size == 1:
            continue
        close_subgroups(shard, out, c, tick_seq, FAR, tick_ns - record.within_ns)
        for s in range(SLOTS):
            slot = shard.slots[record.slot_offset + s]
            if slot.count > 0:
                due = min(due, slot.first_time_ns + record.within_ns)
    shard.clock[NEXT_TIMEOUT] = due


@inner
def close_subgroup(shard: Shard, out: Output, c: int, s: int, cause_seq: int) -> None:
    """Close open subgroup s of characteristic c: a point of n ≥ 2 values, or a single reading kept aside.

    Values that do not count (nan) have only kept their places.
    """
    record = shard.records[c]
    place = record.slot_offset + s
    slot = shard.slots[place]
    first = record.value_offset + s * record.subgroup_size
    at = out.counts[N_VALUES]
    n = 0
    mean = 0.0
    m2 = 0.0
    smallest = inf
    largest = -inf
    parts_out = 0
    for k in range(slot.count):
        value = shard.values[first + k]
        if isnan(value):
            continue
        out.values[at + n] = value
        for column in range(4):
            out.refs[at + n, column] = shard.refs[first + k, column]
        n += 1
        deviation = value - mean
        mean += deviation / n
        m2 += deviation * (value - mean)
        smallest = min(smallest, value)
        largest = max(largest, value)
        if out_of_spec(record, value):
            parts_out += 1
    slot.count = 0
    if n == 1:
        ref = out.refs[at]
        give_loose(out, c, cause_seq, ref[0], ref[1], ref[2], out.values[at], SINGLE, ref[3])
    if n < 2:
        return
    out.counts[N_VALUES] += n
    dispersion = largest - smallest if record.chart == XBAR_R else sqrt(m2 / (n - 1))
    d = find_day(shard, c, slot.day)
    chart_point(shard, out, c, d, cause_seq, mean, dispersion, m2, smallest, largest, parts_out, at, n)
