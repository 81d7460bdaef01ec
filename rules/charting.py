"""Charting: a closed subgroup (or an individual) becomes a point, is judged, and enters the window.

A characteristic without limits collects its baseline (Phase I) from the newest points of its ring; when
that is full the limits are frozen, and the baseline's points are restated once with `phase` 1. The run
rules' memory goes on from the baseline into Phase II, since the same limits hold for both.
"""

from math import isnan, nan, sqrt
from typing import Any

import numpy as np

from rules.compiled import allocating, compiled, inlined, inner
from rules.limits import INDIVIDUALS, baseline, beyond, control_limits
from rules.records import (
    DISPERSION,
    FLAG_BEYOND,
    FLAG_CHAINED,
    FLAG_OUT,
    LARGEST,
    M2,
    MEAN,
    N_LIMITS,
    N_LOOSE,
    N_POINTS,
    N_SIGNALS,
    NO_LIMITS,
    OUT,
    PROVISIONAL,
    REJECTED,
    SIZE,
    SMALLEST,
    Columns,
    Output,
    Shard,
)
from rules.run_rules import SINGLE_POINT_BITS, new_signals, reset_runs, run_rules_step
from rules.tally import add_point, dispersion_at

BEYOND_3_SIGMA_BIT, DISPERSION_BIT, OUT_OF_SPEC_BIT = 1 << 0, 1 << 8, 1 << 9


@inlined
def remember(record: Any, frame: Columns, i: int) -> None:
    """Note a reading as the last that the chart took."""
    record.started = 1
    record.last_time_ns = frame.time_ns[i]
    record.last_seq = frame.seq[i]
    if record.stale == 1 or 1 < record.stale < frame.seq[i]:  # by age, or told so by an entry before this reading's
        record.stale = 0
        record.dirty = 1  # the window is no longer stale, charted or not
    record.connector = frame.connector[i]


@inner
def out_of_spec(record: Any, value: float) -> bool:
    """True when `value` lies strictly outside the specification; an absent limit (nan) excludes nothing."""
    return bool(value < record.lsl or value > record.usl)


@inner
def violated_limit(value: float, lsl: float, usl: float) -> float:
    """The specification limit that `value` is strictly outside of, in the unit; nan when it is within."""
    if value < lsl:
        return lsl
    return usl if value > usl else nan


@compiled
def remember_revision(shard: Shard, c: int, until_ns: int, limits_revision: int) -> None:
    """What holds now goes on for readings of before `until_ns`, as the revision `limits_revision` of the limits.

    Times of revisions only grow, so one that replaces another at the same time leaves nothing to remember; of more
    than are kept the oldest is forgotten.
    """
    record = shard.records[c]
    kept = shard.revisions[c]
    newest = 0
    oldest = 0
    for k in range(1, len(kept)):
        if kept[k].until_ns > kept[newest].until_ns:
            newest = k
        if kept[k].until_ns < kept[oldest].until_ns:
            oldest = k
    if until_ns <= kept[newest].until_ns:
        return
    row = kept[oldest]
    row.until_ns = until_ns
    row.lsl = record.lsl
    row.usl = record.usl
    row.center = record.center
    row.sigma = record.sigma
    row.limits_revision = limits_revision
    row.limited = 1 if record.limits_state != NO_LIMITS and record.subgroup_size == 1 else 0


@inner
def revision_at(shard: Shard, c: int, time_ns: int) -> int:
    """The place of the earlier revision that held at a time, −1 where it is the one in force."""
    kept = shard.revisions[c]
    found = -1
    for k in range(len(kept)):
        if time_ns < kept[k].until_ns and (found < 0 or kept[k].until_ns < kept[found].until_ns):
            found = k
    return found


@inner
def give_reading_signal(out: Output, frame: Columns, i: int, c: int, bit: int, limit: float, revision: int) -> None:
    """Raise the signal of a single reading: out of specification, or a late individual beyond 3 sigma."""
    row = out.signals[out.counts[N_SIGNALS]]
    out.counts[N_SIGNALS] += 1
    row.cause_seq = frame.cause_seq[i]
    row.characteristic = c
    row.seq = frame.seq[i]
    row.idx = frame.idx[i]
    row.time = frame.time_ns[i]
    row.bit = bit
    row.value = frame.value[i]
    row.limit = limit
    row.revision = revision


@inner
def give_loose(
    out: Output, c: int, cause_seq: int, seq: int, idx: int, time_ns: int, value: float, state: int, context: int
) -> None:
    """Give out a reading that is in no point."""
    row = out.loose[out.counts[N_LOOSE]]
    out.counts[N_LOOSE] += 1
    row.cause_seq = cause_seq
    row.characteristic = c
    row.seq = seq
    row.idx = idx
    row.time = time_ns
    row.value = value
    row.state = state
    row.context = context


@inlined
def judge(shard: Shard, c: int, mean: float, dispersion: float, n: int) -> int:
    """The bits that stand at a point under the characteristic's limits; advances the run rules."""
    record = shard.records[c]
    z = (mean - record.center) / (record.sigma / sqrt(n))
    bits = run_rules_step(z, shard.runs[c], shard.lengths[c])
    _, _, _, _, upper, lower = control_limits(record.chart, record.center, record.sigma, n)
    if not isnan(dispersion) and (
        beyond(dispersion, upper, True, record.sigma) or beyond(dispersion, lower, False, record.sigma)
    ):
        bits |= DISPERSION_BIT
    return int(bits)


@inlined
def write_limits(row: Any, record: Any, n: int) -> None:
    """Store with a point the limits that judged it (nan while there are none)."""
    if record.limits_state == NO_LIMITS:
        row.cl = row.ucl = row.lcl = nan
        row.dispersion_cl = row.dispersion_ucl = row.dispersion_lcl = nan
        return
    cl, ucl, lcl, dispersion_cl, dispersion_ucl, dispersion_lcl = control_limits(
        record.chart, record.center, record.sigma, n
    )
    row.cl = cl
    row.ucl = ucl
    row.lcl = lcl
    row.dispersion_cl = dispersion_cl
    row.dispersion_ucl = dispersion_ucl
    row.dispersion_lcl = dispersion_lcl


@inlined
def push_ring(
    shard: Shard,
    c: int,
    seq: int,
    mean: float,
    dispersion: float,
    n: int,
    m2: float,
    out: int,
    smallest: float,
    largest: float,
    flags: int,
) -> None:
    """Put a charted point into the rolling window; the oldest falls out of a full one."""
    record = shard.records[c]
    at = record.ring_offset + record.ring_next * record.ring_stride
    place = record.place_offset + record.ring_next
    shard.ring[at + MEAN] = mean
    shard.seqs[place] = seq
    shard.flags[place] = flags
    if record.chart != INDIVIDUALS:
        shard.ring[at + DISPERSION] = dispersion
        shard.ring[at + SIZE] = n
        shard.ring[at + M2] = m2
        shard.ring[at + OUT] = out
        shard.ring[at + SMALLEST] = smallest
        shard.ring[at + LARGEST] = largest
    record.ring_next = (record.ring_next + 1) % record.ring_length
    record.ring_count = min(record.ring_count + 1, record.ring_length)
    record.dirty = 1


@inner
def restate_baseline(shard: Shard, out: Output, c: int, cause_seq: int) -> None:
    """Judge the baseline's points by the limits they gave, in order, and give each out again with phase 1."""
    record = shard.records[c]
    reset_runs(shard.runs[c])
    held = 0
    for back in range(record.baseline_points - 1, -1, -1):
        place = (record.ring_next - 1 - back) % record.ring_length
        at = record.ring_offset + place * record.ring_stride
        origin = shard.origins[origin_place(record, record.baseline_count - 1 - back)]
        n = 1 if record.chart == INDIVIDUALS else int(shard.ring[at + SIZE])
        mean = shard.ring[at + MEAN]
        dispersion = dispersion_at(shard, c, place)
        flags = int(shard.flags[record.place_offset + place])
        bits = judge(shard, c, mean, dispersion, n)
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
        row.value = mean
        row.dispersion = dispersion
        row.n = n
        write_limits(row, record, n)
        row.signals = bits
        row.raised = new_signals(bits, held) & ~OUT_OF_SPEC_BIT
        row.phase = 1
        row.revision = record.limits_revision
        row.specification_revision = record.specification_revision
        row.at = -1
        held = bits
    record.held_bits = held


@inlined
def origin_place(record: Any, j: int) -> int:
    """Where the origin of the j-th point of the running baseline lies; of more than it takes the newest are kept."""
    return int(record.origin_offset + j % record.baseline_points)


@allocating
def collect_baseline(shard: Shard, out: Output, c: int, cause_seq: int, idx: int, time_ns: int) -> None:
    """Count a point into the running baseline; when it is full, freeze the limits or reject it.

    A rejected baseline (see `rules.limits.baseline`) is given out as such and collection begins anew.
    """
    record = shard.records[c]
    origin = shard.origins[origin_place(record, record.baseline_count)]
    origin.time_ns = time_ns
    origin.idx = idx
    record.baseline_count += 1
    m = record.baseline_points
    if record.baseline_count < m:
        return
    means = np.empty(m)
    dispersions = np.empty(m)
    sizes = np.empty(m)
    for k in range(m):
        place = (record.ring_next - m + k) % record.ring_length
        at = record.ring_offset + place * record.ring_stride
        means[k] = shard.ring[at + MEAN]
        dispersions[k] = dispersion_at(shard, c, place)
        sizes[k] = 1.0 if record.chart == INDIVIDUALS else shard.ring[at + SIZE]
    if record.chart == INDIVIDUALS:
        dispersions[0] = nan  # its moving range reaches before the baseline
    ok, center, sigma, excluded, _ = baseline(record.chart, means, dispersions, sizes)
    row = out.limits[out.counts[N_LIMITS]]
    out.counts[N_LIMITS] += 1
    record.limits_revision += 1
    row.cause_seq = cause_seq
    row.characteristic = c
    row.revision = record.limits_revision
    row.time = time_ns
    row.center = center
    row.sigma = sigma
    row.points = m
    row.excluded = excluded
    if not ok:
        row.state = REJECTED
        record.baseline_count = 0
        return
    row.state = PROVISIONAL
    remember_revision(shard, c, time_ns, record.limits_revision - 1)
    record.limits_points = m
    record.limits_excluded = excluded
    record.limits_state = PROVISIONAL
    record.center = center
    record.sigma = sigma
    restate_baseline(shard, out, c, cause_seq)
    record.baseline_count = 0


@inlined
def chart_point(
    shard: Shard,
    out: Output,
    c: int,
    d: int,
    cause_seq: int,
    mean: float,
    dispersion: float,
    m2: float,
    smallest: float,
    largest: float,
    parts_out: int,
    at: int,
    n: int,
) -> None:
    """Judge one point, give it out, and enter it into its day (place d), the window and the baseline.

    Its values and references are already in the output's pools from place `at` on, n of them.
    """
    record = shard.records[c]
    bits = 0
    if record.limits_state != NO_LIMITS:
        bits = judge(shard, c, mean, dispersion, n)
    beyond_limits = (bits & SINGLE_POINT_BITS) != 0
    if parts_out > 0:
        bits |= OUT_OF_SPEC_BIT
    raised = new_signals(bits, record.held_bits) & ~OUT_OF_SPEC_BIT
    record.held_bits = bits
    last = at + n - 1
    row = out.points[out.counts[N_POINTS]]
    out.counts[N_POINTS] += 1
    row.cause_seq = cause_seq
    row.characteristic = c
    row.seq = out.refs[last, 0]
    row.idx = out.refs[last, 1]
    row.time = out.refs[last, 2]
    row.value = mean
    row.dispersion = dispersion
    row.n = n
    write_limits(row, record, n)
    row.signals = bits
    row.raised = raised
    row.phase = 0 if record.limits_state == NO_LIMITS else 2
    row.revision = record.limits_revision
    row.specification_revision = record.specification_revision
    row.at = at
    day = shard.days[c, d]
    add_point(day, record.chart, dispersion, n, beyond_limits)
    day.signals += count_bits(raised)
    day.trailing = 0  # what was frozen, if the day had closed, has moved on
    flags = (FLAG_BEYOND if beyond_limits else 0) | (FLAG_OUT if parts_out > 0 else 0)
    flags |= 0 if isnan(dispersion) else FLAG_CHAINED
    push_ring(shard, c, row.seq, mean, dispersion, n, m2, parts_out, smallest, largest, flags)
    if record.limits_state == NO_LIMITS and record.baseline_points > 0:
        collect_baseline(shard, out, c, cause_seq, row.idx, row.time)


@inner
def count_bits(bits: int) -> int:
    """How many bits are set."""
    count = 0
    while bits:
        bits &= bits - 1
        count += 1
    return count


@inner
def find_day(shard: Shard, c: int, day: int) -> int:
    """The place of a day's record, −1 when the characteristic has none of it."""
    days = shard.days[c]
    for d in range(len(days)):
        if days[d].day == day:
            return d
    return -1


@compiled
def set_limits(shard: Shard, c: int, center: float, sigma: float, state: int, since_ns: int) -> None:
    """Put limits in force from the next point on, as a new revision; run patterns begin anew."""
    record = shard.records[c]
    remember_revision(shard, c, since_ns, record.limits_revision)
    record.center = center
    record.sigma = sigma
    record.limits_state = state
    record.limits_revision += 1
    record.held_bits = 0
    record.limits_points = 0
    record.limits_excluded = 0
    record.baseline_count = 0
    reset_runs(shard.runs[c])
