"""Inspections in the kernel: each is a point of an attribute chart at once, judged by limits of its own size.

A reading's `value` is the count (rejected units, defects), its `size` the units inspected. The point plots the rate or
the count (`rules.attributes`); the run rules see it standardised, so that inspections of different size can follow each
other.
"""

from math import isnan, nan
from typing import Any

import numpy as np

from rules.attributes import attribute_baseline, attribute_limits, plotted, standardised
from rules.charting import (
    OUT_OF_SPEC_BIT,
    count_bits,
    find_day,
    give_loose,
    origin_place,
    remember,
    remember_revision,
    revision_at,
    violated_limit,
)
from rules.compiled import allocating, inner
from rules.days import enter_day, open_day
from rules.records import (
    FLAG_BEYOND,
    FLAG_OUT,
    FOUND,
    INSPECTED,
    LATE,
    N_LIMITS,
    N_POINTS,
    N_SIGNALS,
    N_VALUES,
    NO_LIMITS,
    PROVISIONAL,
    REJECTED,
    Columns,
    Output,
    Shard,
)
from rules.run_rules import SINGLE_POINT_BITS, new_signals, reset_runs, run_rules_step
from rules.subgroups import put_ref

BEYOND_3_SIGMA, OUT_OF_SPEC = 0, 9  # bits of the table of run rules
LIMIT_SIGMA = 3.0 + 1e-12  # a count exactly on a limit is not beyond it (NIST e-Handbook 6.3.3.1)


@inner
def take_inspection(shard: Shard, out: Output, frame: Columns, i: int) -> None:
    """Take one inspection in its order: into its day, the chart, the window and the baseline."""
    c = frame.characteristic[i]
    record = shard.records[c]
    count = frame.value[i]
    n = frame.size[i]
    limit = violated_limit(count / n, record.lsl, record.usl)
    outside = not isnan(limit)
    if outside:
        give_inspection_signal(out, frame, i, OUT_OF_SPEC, count / n, limit, record.limits_revision)
    d = enter_day(shard, out, c, frame.day[i], frame.cause_seq[i])
    day = shard.days[c, d]
    add_inspection(day, count, n, frame.seq[i])
    if outside:
        day.signals += 1
    remember(record, frame, i)
    bits = judge_inspection(shard, c, count, n)
    beyond = (bits & SINGLE_POINT_BITS) != 0
    if outside:
        bits |= OUT_OF_SPEC_BIT
    raised = new_signals(bits, record.held_bits) & ~OUT_OF_SPEC_BIT
    record.held_bits = bits
    at = out.counts[N_VALUES]
    out.values[at] = count
    put_ref(out.refs, at, frame, i)
    out.counts[N_VALUES] += 1
    row = out.points[out.counts[N_POINTS]]
    out.counts[N_POINTS] += 1
    row.cause_seq = frame.cause_seq[i]
    row.characteristic = c
    row.seq = frame.seq[i]
    row.idx = frame.idx[i]
    row.time = frame.time_ns[i]
    row.signals = bits
    row.raised = raised
    row.phase = 0 if record.limits_state == NO_LIMITS else 2
    row.at = at
    write_plotted(row, record, count, n)
    day.points += 1
    if beyond:
        day.beyond += 1
    day.signals += count_bits(raised)
    place = record.ring_next
    push_inspection(shard, c, count, n, frame.seq[i])
    flags = (FLAG_BEYOND if beyond else 0) | (FLAG_OUT if outside else 0)
    shard.flags[record.place_offset + place] = flags
    if record.limits_state == NO_LIMITS and record.baseline_points > 0:
        collect_inspections(shard, out, frame, i)


@inner
def add_inspection(day: Any, count: float, n: float, seq: int) -> None:
    """Take one inspection into a day."""
    day.found += count
    day.inspected += n
    if day.first_seq == 0:
        day.first_seq = seq
    day.last_seq = max(day.last_seq, seq)
    if day.revision > 0:
        day.dirty = 1


@inner
def judge_inspection(shard: Shard, c: int, count: float, n: float) -> int:
    """The bits that stand at an inspection under the limits in force, none without; advances the run rules."""
    record = shard.records[c]
    if record.limits_state == NO_LIMITS:
        return 0
    z = standardised(count, n, record.center, record.sigma)
    return int(run_rules_step(z, shard.runs[c], shard.lengths[c]))


@inner
def write_plotted(row: Any, record: Any, count: float, n: float) -> None:
    """What is drawn of an inspection: its statistic, its size, and the limits of that size (nan without any)."""
    row.value = plotted(record.chart, count, n)
    row.n = n
    row.dispersion = row.dispersion_cl = row.dispersion_ucl = row.dispersion_lcl = nan
    row.cl = row.ucl = row.lcl = nan
    if record.limits_state != NO_LIMITS:
        row.cl, row.ucl, row.lcl = attribute_limits(record.chart, record.center, record.sigma, n)
    row.revision = record.limits_revision
    row.specification_revision = record.specification_revision


@inner
def push_inspection(shard: Shard, c: int, count: float, n: float, seq: int) -> None:
    """Put an inspection into the rolling window; the oldest falls out of a full one."""
    record = shard.records[c]
    at = record.ring_offset + record.ring_next * record.ring_stride
    shard.ring[at + FOUND] = count
    shard.ring[at + INSPECTED] = n
    shard.seqs[record.place_offset + record.ring_next] = seq
    record.ring_next = (record.ring_next + 1) % record.ring_length
    record.ring_count = min(record.ring_count + 1, record.ring_length)
    record.dirty = 1


@allocating
def collect_inspections(shard: Shard, out: Output, frame: Columns, i: int) -> None:
    """Count an inspection into the running baseline; when it is full, freeze the limits or reject it.

    A rejected baseline (see `rules.attributes.attribute_baseline`) is given out as such and collection begins anew.
    """
    c = frame.characteristic[i]
    record = shard.records[c]
    origin = shard.origins[origin_place(record, record.baseline_count)]
    origin.time_ns = frame.time_ns[i]
    origin.idx = frame.idx[i]
    record.baseline_count += 1
    m = record.baseline_points
    if record.baseline_count < m:
        return
    counts = np.empty(m)
    sizes = np.empty(m)
    for k in range(m):
        at = record.ring_offset + (record.ring_next - m + k) % record.ring_length * record.ring_stride
        counts[k] = shard.ring[at + FOUND]
        sizes[k] = shard.ring[at + INSPECTED]
    ok, center, sigma, excluded = attribute_baseline(record.chart, counts, sizes)
    record.limits_revision += 1
    row = out.limits[out.counts[N_LIMITS]]
    out.counts[N_LIMITS] += 1
    row.cause_seq = frame.cause_seq[i]
    row.characteristic = c
    row.revision = record.limits_revision
    row.time = frame.time_ns[i]
    row.center = center
    row.sigma = sigma
    row.points = m
    row.excluded = excluded
    row.state = PROVISIONAL if ok else REJECTED
    if ok:
        remember_revision(shard, c, frame.time_ns[i], record.limits_revision - 1)
        record.limits_points = m
        record.limits_excluded = excluded
        record.limits_state = PROVISIONAL
        record.center = center
        record.sigma = sigma
        restate_inspections(shard, out, c, frame.cause_seq[i])
    record.baseline_count = 0


@inner
def restate_inspections(shard: Shard, out: Output, c: int, cause_seq: int) -> None:
    """Judge the baseline's inspections by the limits they gave, in order, and give each out again with phase 1."""
    record = shard.records[c]
    reset_runs(shard.runs[c])
    held = 0
    for back in range(record.baseline_points - 1, -1, -1):
        place = (record.ring_next - 1 - back) % record.ring_length
        at = record.ring_offset + place * record.ring_stride
        origin = shard.origins[origin_place(record, record.baseline_count - 1 - back)]
        count = shard.ring[at + FOUND]
        n = shard.ring[at + INSPECTED]
        flags = int(shard.flags[record.place_offset + place])
        bits = judge_inspection(shard, c, count, n)
        if bits & SINGLE_POINT_BITS:
            shard.flags[record.place_offset + place] = flags | FLAG_BEYOND
        if flags & FLAG_OUT:
            bits |= OUT_OF_SPEC_BIT
        row = out.points[out.counts[N_POINTS]]
        out.counts[N_POINTS] += 1
        row.cause_seq = cause_seq
        row.characteristic = c
        row.seq = shard.seqs[record.place_offset + place]
        row.idx = origin.idx
        row.time = origin.time_ns
        write_plotted(row, record, count, n)
        row.signals = bits
        row.raised = new_signals(bits, held) & ~OUT_OF_SPEC_BIT
        row.phase = 1
        row.at = -1
        held = bits
    record.held_bits = held


@inner
def take_late_inspection(shard: Shard, out: Output, frame: Columns, i: int) -> None:
    """An inspection older than the last that its chart took: judged alone by what held at its time, in no pattern."""
    c = frame.characteristic[i]
    record = shard.records[c]
    count = frame.value[i]
    n = frame.size[i]
    earlier = revision_at(shard, c, frame.time_ns[i])
    revision = record.limits_revision
    lsl, usl = record.lsl, record.usl
    center, sigma = record.center, record.sigma
    limited = record.limits_state != NO_LIMITS
    if earlier >= 0:
        before = shard.revisions[c, earlier]
        revision = before.limits_revision
        lsl, usl = before.lsl, before.usl
        center, sigma = before.center, before.sigma
        limited = before.limited == 1
    raised = 0
    limit = violated_limit(count / n, lsl, usl)
    if not isnan(limit):
        give_inspection_signal(out, frame, i, OUT_OF_SPEC, count / n, limit, revision)
        raised += 1
    if limited and shard.lengths[c, BEYOND_3_SIGMA] > 0:
        z = standardised(count, n, center, sigma)
        if abs(z) > LIMIT_SIGMA:
            _, upper, lower = attribute_limits(record.chart, center, sigma, n)
            limit = upper if z > 0.0 else lower
            give_inspection_signal(out, frame, i, BEYOND_3_SIGMA, plotted(record.chart, count, n), limit, revision)
            raised += 1
    give_loose(out, c, frame.cause_seq[i], frame.seq[i], frame.idx[i], frame.time_ns[i], count, LATE, frame.context[i])
    d = find_day(shard, c, frame.day[i])
    if d < 0:
        d = open_day(shard, out, c, frame.day[i], frame.cause_seq[i])
        if d < 0:
            return
    day = shard.days[c, d]
    day.late += 1
    add_inspection(day, count, n, frame.seq[i])
    day.signals += raised


@inner
def give_inspection_signal(
    out: Output, frame: Columns, i: int, bit: int, value: float, limit: float, revision: int
) -> None:
    """Raise the signal of a single inspection: its rate beyond its limit, or late and beyond 3 sigma."""
    row = out.signals[out.counts[N_SIGNALS]]
    out.counts[N_SIGNALS] += 1
    row.cause_seq = frame.cause_seq[i]
    row.characteristic = frame.characteristic[i]
    row.seq = frame.seq[i]
    row.idx = frame.idx[i]
    row.time = frame.time_ns[i]
    row.bit = bit
    row.value = value
    row.limit = limit
    row.revision = revision
