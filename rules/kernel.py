"""The kernel: a frame's readings and ticks of one shard, in order, into points, signals, windows and days.

`advance` is the one compiled loop of the engine; the live flow, replay and the tests run the same. It
stops before an output array could overflow and says where, so that the caller empties the output and
calls again: how often that happens, and how the journal was cut into frames, never shows in the results.
"""

from math import isnan, nan
from typing import Any

import numpy as np

from rules.attributes import FIRST_ATTRIBUTE
from rules.charting import (
    chart_point,
    find_day,
    give_loose,
    give_reading_signal,
    out_of_spec,
    remember,
    revision_at,
    violated_limit,
)
from rules.compiled import compiled, inlined, inner
from rules.days import close_days, enter_day, open_day, restate_days
from rules.inspections import take_inspection, take_late_inspection
from rules.limits import INDIVIDUALS, beyond
from rules.overdue import OVERDUE_STATE, note_overdue
from rules.records import (
    CLOCK_FIELDS,
    CLOSED_THROUGH,
    FAR,
    FIGURE,
    LAST_CAPABILITY,
    LAST_RESTATED,
    LAST_TICK,
    LATE,
    LIMITS,
    LOOSE,
    MOST_POINTS,
    N_DAYS,
    N_LIMITS,
    N_LOOSE,
    N_POINTS,
    N_SIGNALS,
    N_VALUES,
    N_WINDOWS,
    NEXT_TIMEOUT,
    NO_LIMITS,
    OUTPUT_COUNTERS,
    POINT,
    PURPOSE,
    READING_SIGNAL,
    SLOTS,
    Columns,
    Output,
    Shard,
)
from rules.run_rules import reset_runs
from rules.subgroups import put_ref, take_member, take_void, time_out_subgroups
from rules.tally import add_value, give_window

CAPABILITY_NS = 10_000_000_000  # rolling capability at most every 10 s
RESTATE_NS = 60_000_000_000  # restated days at most once a minute
DREAM_NS = 3_900_000_000_000  # an hour, which a jump exceeds, and five minutes, the most a reading may be ahead
BESIDE_NS = 65_000_000_000  # what is not ahead of a clock with the coarsest step

OUT_OF_SPEC = 9
BEYOND_3_SIGMA = 0
PURPOSE_STATE, INVALID_STATE, VOID_STATE, REVIEWED_STATE = 1, 2, 3, 5


@compiled
def advance(shard: Shard, frame: Columns, out: Output, reading: int, tick: int) -> tuple[int, int]:
    """Take the frame from reading `reading` and tick `tick` on; returns where it stopped.

    `out.counts` must be zero at the call. The frame is done when both equal the frame's lengths.
    """
    readings = len(frame.value)
    ticks = len(frame.tick_ns)
    while reading < readings or tick < ticks:
        if nearly_full(shard, out):
            break
        if tick < ticks and frame.tick_at[tick] <= reading:
            take_tick(shard, out, frame.tick_ns[tick], frame.tick_seq[tick], frame.tick_closed[tick])
            tick += 1
        else:
            take_reading(shard, out, frame, reading)
            reading += 1
    return reading, tick


@inlined
def nearly_full(shard: Shard, out: Output) -> bool:
    """True when one more reading or tick could overflow an output array (see `output_lengths`)."""
    characteristics = len(shard.records)
    slots = len(shard.slots)
    longest = len(shard.values)
    counts = out.counts
    return bool(
        counts[N_POINTS] + shard.clock[MOST_POINTS] > len(out.points)
        or counts[N_VALUES] + longest + 2 > len(out.values)
        or counts[N_LOOSE] + slots + 2 > len(out.loose)
        or counts[N_SIGNALS] + 4 > len(out.signals)
        or counts[N_LIMITS] + slots + 2 > len(out.limits)
        or counts[N_WINDOWS] + characteristics > len(out.windows)
        or counts[N_DAYS] + shard.days.size + 2 > len(out.days)
    )


@inlined
def take_reading(shard: Shard, out: Output, frame: Columns, i: int) -> None:
    """Take one reading: specification, lateness, day, then its subgroup or its point."""
    c = frame.characteristic[i]
    record = shard.records[c]
    value, time_ns, seq = frame.value[i], frame.time_ns[i], frame.seq[i]
    if frame.state[i] == INVALID_STATE:
        record.chained = 0
        return
    if frame.state[i] == PURPOSE_STATE:
        give_loose(out, c, frame.cause_seq[i], seq, frame.idx[i], time_ns, value, PURPOSE, frame.context[i])
        return
    late = record.started == 1 and time_ns < record.last_time_ns
    if frame.state[i] == REVIEWED_STATE or (late and not dreamt(shard, record.last_time_ns, time_ns)):
        if frame.state[i] == VOID_STATE:
            return
        if record.chart >= FIRST_ATTRIBUTE:
            take_late_inspection(shard, out, frame, i)
        else:
            take_late(shard, out, frame, i)
        return
    if frame.state[i] == VOID_STATE:
        take_void(shard, out, frame, i)
        return
    if record.chart >= FIRST_ATTRIBUTE:
        take_inspection(shard, out, frame, i)
        return
    outside = out_of_spec(record, value)
    if outside:
        limit = violated_limit(value, record.lsl, record.usl)
        give_reading_signal(out, frame, i, c, OUT_OF_SPEC, limit, record.limits_revision)
    d = enter_day(shard, out, c, frame.day[i], frame.cause_seq[i])
    day = shard.days[c, d]
    add_value(day, value, outside, seq)
    note_overdue(record, day, frame.state[i], seq)
    if outside:
        day.signals += 1
    remember(record, frame, i)
    if record.chart == INDIVIDUALS:
        take_individual(shard, out, frame, i, d, outside)
    else:
        take_member(shard, out, frame, i)


@inlined
def dreamt(shard: Shard, last_time_ns: int, time_ns: int) -> bool:
    """Whether the chart's last reading bears a time of a clock jump that was none, so that this one is not late.

    It lies an hour and more ahead of the confirmed time, beside which the new one is.
    """
    now_ns = shard.clock[LAST_TICK]
    return bool(now_ns > 0 and last_time_ns > now_ns + DREAM_NS and time_ns <= now_ns + BESIDE_NS)


@inner
def take_late(shard: Shard, out: Output, frame: Columns, i: int) -> None:
    """A reading older than the last its chart took, or taken in on review: judged alone, counted in its day, in no
    pattern.
    """
    c = frame.characteristic[i]
    record = shard.records[c]
    value = frame.value[i]
    earlier = revision_at(shard, c, frame.time_ns[i])
    revision = record.limits_revision
    lsl, usl = record.lsl, record.usl
    center, sigma = record.center, record.sigma
    limited = record.chart == INDIVIDUALS and record.limits_state != NO_LIMITS
    if earlier >= 0:
        before = shard.revisions[c, earlier]
        revision = before.limits_revision
        lsl, usl = before.lsl, before.usl
        center, sigma = before.center, before.sigma
        limited = before.limited == 1
    limit = violated_limit(value, lsl, usl)
    outside = not isnan(limit)
    raised = 0
    if outside:
        give_reading_signal(out, frame, i, c, OUT_OF_SPEC, limit, revision)
        raised += 1
    if limited and shard.lengths[c, BEYOND_3_SIGMA] > 0:
        limit = beyond_limit(value, center, sigma)
        if not isnan(limit):
            give_reading_signal(out, frame, i, c, BEYOND_3_SIGMA, limit, revision)
            raised += 1
    give_loose(out, c, frame.cause_seq[i], frame.seq[i], frame.idx[i], frame.time_ns[i], value, LATE, frame.context[i])
    d = find_day(shard, c, frame.day[i])
    if d < 0:
        d = open_day(shard, out, c, frame.day[i], frame.cause_seq[i])
        if d < 0:
            return
    day = shard.days[c, d]
    day.late += 1
    add_value(day, value, outside, frame.seq[i])
    day.overdue = 1 if frame.state[i] == OVERDUE_STATE else day.overdue  # no window holds it
    day.signals += raised


@inner
def beyond_limit(value: float, center: float, sigma: float) -> float:
    """The 3-sigma limit that an individual is beyond; nan when it is within."""
    if beyond(value, center + 3.0 * sigma, True, sigma):
        return float(center + 3.0 * sigma)
    return float(center - 3.0 * sigma) if beyond(value, center - 3.0 * sigma, False, sigma) else nan


@inlined
def take_individual(shard: Shard, out: Output, frame: Columns, i: int, d: int, outside: bool) -> None:
    """An individual is a point at once; its moving range needs an unbroken chain to the one before."""
    c = frame.characteristic[i]
    record = shard.records[c]
    value = frame.value[i]
    if frame.change[i] != record.change:
        record.chained = 0
        record.change = frame.change[i]
    dispersion = abs(value - record.last_value) if record.chained == 1 else np.nan
    record.last_value = value
    record.chained = 1
    at = out.counts[N_VALUES]
    out.values[at] = value
    put_ref(out.refs, at, frame, i)
    out.counts[N_VALUES] += 1
    chart_point(shard, out, c, d, frame.cause_seq[i], value, dispersion, 0.0, value, value, 1 if outside else 0, at, 1)


@inner
def take_tick(shard: Shard, out: Output, tick_ns: int, tick_seq: int, closed_through: int) -> None:
    """What is due at a tick: subgroups time out, days close or are restated, windows are given out."""
    clock = shard.clock
    clock[LAST_TICK] = tick_ns
    if tick_ns >= clock[NEXT_TIMEOUT]:
        time_out_subgroups(shard, out, tick_ns, tick_seq)
    if closed_through > clock[CLOSED_THROUGH]:
        clock[CLOSED_THROUGH] = closed_through
        close_days(shard, out, tick_ns, tick_seq)
    if tick_ns >= clock[LAST_RESTATED] + RESTATE_NS:
        restate_days(shard, out, tick_ns, tick_seq)
    if tick_ns >= clock[LAST_CAPABILITY] + CAPABILITY_NS:
        give_windows(shard, out, tick_ns, tick_seq)


@inner
def give_windows(shard: Shard, out: Output, tick_ns: int, tick_seq: int) -> None:
    """Give out the windows that changed since they were last given out, or have just become stale."""
    given = False
    for c in range(len(shard.records)):
        record = shard.records[c]
        if record.started == 1 and record.stale == 0 and tick_ns >= record.last_time_ns + record.stale_ns:
            record.stale = 1
            record.dirty = 1
        if record.dirty == 1:
            give_window(shard, out, c, tick_seq, tick_ns)
            given = True
    if given:
        shard.clock[LAST_CAPABILITY] = tick_ns


@compiled
def break_chains(shard: Shard, connector: int) -> None:
    """A gap in a connector's data: no moving range reaches across it (−1: all connectors)."""
    for c in range(len(shard.records)):
        record = shard.records[c]
        if connector < 0 or record.connector == connector:
            record.chained = 0


@compiled
def forget_runs(shard: Shard, c: int) -> None:
    """Begin the run patterns of a characteristic anew."""
    reset_runs(shard.runs[c])
    shard.records[c].held_bits = 0


def make_clock(records: Any) -> Any:
    """A shard's clock before its first tick; MOST_POINTS bounds what one step can give out.

    A reading closes at most one subgroup and completes one baseline; a tick may close every open subgroup
    of the shard and complete the baseline of each.
    """
    clock = np.zeros(CLOCK_FIELDS, np.int64)
    clock[NEXT_TIMEOUT] = FAR
    subgroups = records["subgroup_size"] > 1
    clock[MOST_POINTS] = (
        SLOTS * int(subgroups.sum())
        + int(records["baseline_points"][subgroups].sum())
        + int(records["baseline_points"].max(initial=0))
        + SLOTS
        + 2
    )
    return clock


def output_lengths(shard: Shard, readings: int) -> dict[str, int]:
    """How long each array of an output must be: for a step of `shard` at least, and most frames of `readings`."""
    characteristics, slots = len(shard.records), len(shard.slots)
    taken = min(readings, 65_536) + 64
    values = taken + len(shard.values)
    return {
        "points": taken + int(shard.clock[MOST_POINTS]),
        "values": values,
        "refs": values,
        "loose": taken + slots,
        "signals": taken,
        "limits": 2 * characteristics + slots + 64,
        "windows": 2 * characteristics + 64,
        "days": shard.days.size + characteristics + 64,
        "counts": OUTPUT_COUNTERS,
    }


def make_output(lengths: dict[str, int]) -> Output:
    """Output arrays of these lengths (see `output_lengths`)."""
    return Output(
        points=np.zeros(lengths["points"], POINT),
        values=np.zeros(lengths["values"]),
        refs=np.zeros((lengths["refs"], 4), np.int64),
        loose=np.zeros(lengths["loose"], LOOSE),
        signals=np.zeros(lengths["signals"], READING_SIGNAL),
        limits=np.zeros(lengths["limits"], LIMITS),
        windows=np.zeros(lengths["windows"], FIGURE),
        days=np.zeros(lengths["days"], FIGURE),
        counts=np.zeros(lengths["counts"], np.int64),
    )
