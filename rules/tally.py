"""Tallies: the sums from which a capability statement is made, of a day or of the rolling window.

A tally is (n, mean, m2, smallest, largest, out, points, beyond, within_sum, within_count, within_df,
first_seq, last_seq). Deviations are accumulated about the running mean (Welford) and merged centred
(Chan, Golub and LeVeque 1979): never E[x²] − E[x]². The window's tally is summed afresh from its ring,
newest first, each time it is asked for, so that no rounding builds up and no cut of a batch shows.
"""

from math import inf, isnan, nan, sqrt
from typing import Any

from rules.attributes import FIRST_ATTRIBUTE
from rules.capability import indices, within_df
from rules.compiled import inlined, inner
from rules.constants import c4, d2
from rules.limits import INDIVIDUALS, XBAR_R
from rules.overdue import by_gauge
from rules.rates import verify_rate, write_window_rate
from rules.records import (
    BASIS_DAY,
    DISPERSION,
    FLAG_BEYOND,
    FLAG_CHAINED,
    FLAG_OUT,
    LARGEST,
    M2,
    MEAN,
    N_WINDOWS,
    OUT,
    SIZE,
    SMALLEST,
    Output,
    Shard,
)
from rules.verdicts import OK, UNVERIFIED, verdicts

Tally = tuple[int, float, float, float, float, int, int, int, float, int, float, int, int]


@inner
def clear_day(day: Any, number: int) -> None:
    """Make `day` (a DAY record) the empty tally of production day `number`."""
    day.day = number
    day.revision = 0
    day.dirty = 0
    day.late = 0
    day.signals = 0
    day.trailing = 0
    day.unverified = 0
    day.n = 0
    day.mean = 0.0
    day.m2 = 0.0
    day.smallest = inf
    day.largest = -inf
    day.out = 0
    day.points = 0
    day.beyond = 0
    day.within_sum = 0.0
    day.within_count = 0
    day.within_df = 0.0
    day.first_seq = 0
    day.last_seq = 0
    day.found = 0.0
    day.inspected = 0.0


@inlined
def add_value(day: Any, value: float, out: bool, seq: int) -> None:
    """Take one reading into a day: n, mean, m2 (Welford), extremes, parts out, first and last entry."""
    day.n += 1
    deviation = value - day.mean
    day.mean += deviation / day.n
    day.m2 += deviation * (value - day.mean)
    day.smallest = min(day.smallest, value)
    day.largest = max(day.largest, value)
    if out:
        day.out += 1
    if day.first_seq == 0:
        day.first_seq = seq
    day.last_seq = max(day.last_seq, seq)
    if day.revision > 0:
        day.dirty = 1


@inner
def sigma_of(chart: int, dispersion: float, n: int) -> float:
    """One point's estimate of sigma within, in the unit: MR/d2(2), R/d2(n) or s/c4(n)."""
    if chart == INDIVIDUALS:
        return float(dispersion / d2(2))
    if chart == XBAR_R:
        return float(dispersion / d2(n))
    return float(dispersion / c4(n))


@inlined
def add_point(day: Any, chart: int, dispersion: float, n: int, beyond: bool) -> None:
    """Take one charted point into a day: its estimate of sigma within, and whether it was beyond limits."""
    day.points += 1
    if beyond:
        day.beyond += 1
    if not isnan(dispersion):
        day.within_sum += sigma_of(chart, dispersion, n)
        day.within_count += 1
        day.within_df += within_df(chart, 1, max(n, 2))
    if day.revision > 0:
        day.dirty = 1


@inlined
def dispersion_at(shard: Shard, c: int, place: int) -> float:
    """The dispersion of the point in a ring's place; an individual's is its moving range, nan without one.

    A ring has room for the point before all that are asked for, so that a chained one has its neighbour.
    """
    record = shard.records[c]
    at = record.ring_offset + place * record.ring_stride
    if record.chart != INDIVIDUALS:
        return float(shard.ring[at + DISPERSION])
    if not shard.flags[record.place_offset + place] & FLAG_CHAINED:
        return nan
    before = record.ring_offset + (place - 1) % record.ring_length
    return float(abs(shard.ring[at] - shard.ring[before]))


@inner
def ring_tally(shard: Shard, c: int, wanted: int) -> Tally:
    """The tally of the newest charted points that together hold at least `wanted` values, or of all.

    The moving range of the oldest individual reaches outside the window and is left out.
    """
    record = shard.records[c]
    chart = record.chart
    stride = record.ring_stride
    n = 0
    mean = 0.0
    m2 = 0.0
    smallest = inf
    largest = -inf
    out = 0
    points = 0
    beyond = 0
    within_sum = 0.0
    within_count = 0
    df = 0.0
    first_seq = 0
    last_seq = 0
    for back in range(record.ring_count):
        if n >= wanted:
            break
        place = (record.ring_next - 1 - back) % record.ring_length
        at = record.ring_offset + place * stride
        flags = int(shard.flags[record.place_offset + place])
        size = 1
        size_m2 = 0.0
        low = shard.ring[at + MEAN]
        high = low
        if chart != INDIVIDUALS:
            size = int(shard.ring[at + SIZE])
            size_m2 = shard.ring[at + M2]
            low = shard.ring[at + SMALLEST]
            high = shard.ring[at + LARGEST]
            out += int(shard.ring[at + OUT])
        elif flags & FLAG_OUT:
            out += 1
        deviation = shard.ring[at + MEAN] - mean
        total = n + size
        mean += deviation * size / total
        m2 += size_m2 + deviation * deviation * n * size / total
        n = total
        smallest = min(smallest, low)
        largest = max(largest, high)
        points += 1
        if flags & FLAG_BEYOND:
            beyond += 1
        dispersion = dispersion_at(shard, c, place)
        oldest = n >= wanted or back == record.ring_count - 1
        if not isnan(dispersion) and not (chart == INDIVIDUALS and oldest):
            within_sum += sigma_of(chart, dispersion, size)
            within_count += 1
            df += within_df(chart, 1, max(size, 2))
        first_seq = int(shard.seqs[record.place_offset + place])
        last_seq = max(last_seq, first_seq)
    return n, mean, m2, smallest, largest, out, points, beyond, within_sum, within_count, df, first_seq, last_seq


@inner
def freeze_trailing(shard: Shard, c: int, day: Any) -> None:
    """Keep what a trailing day would rest on: the newest `minimum_n` values as they stand now."""
    if shard.records[c].chart >= FIRST_ATTRIBUTE:
        return  # its days rest on their own inspections
    t = ring_tally(shard, c, shard.records[c].minimum_n)
    day.trailing = 1
    day.t_n = t[0]
    day.t_mean = t[1]
    day.t_m2 = t[2]
    day.t_smallest = t[3]
    day.t_largest = t[4]
    day.t_out = t[5]
    day.t_points = t[6]
    day.t_beyond = t[7]
    day.t_within_sum = t[8]
    day.t_within_count = t[9]
    day.t_within_df = t[10]
    day.t_first_seq = t[11]
    day.t_last_seq = t[12]
    day.t_overdue = 1 if shard.records[c].overdue_seq >= t[11] else 0


@inner
def write_figures(row: Any, record: Any, tally: Tally, stale: bool) -> None:
    """Fill `row` (a FIGURE) with the indices, bounds and verdicts of a tally, by the specification of `record`.

    That is the characteristic's RECORD for its window, and the DAY for a day; each says whether it is unverified.
    """
    n, mean, m2, smallest, largest, out, points, beyond, within_sum, within_count, df, first_seq, last_seq = tally
    sigma_within = within_sum / within_count if within_count > 0 else nan
    sigma_overall = sqrt(m2 / (n - 1)) if n > 1 else nan
    if n == 0:
        mean = nan
    cp, cpl, cpu, cpk, cpk_lower, pp, ppl, ppu, ppk, ppk_lower, cpm = indices(
        n, mean, sigma_within, df, sigma_overall, record.lsl, record.usl, record.target
    )
    row.first_seq = first_seq
    row.last_seq = last_seq
    row.n = n
    row.subgroups = points
    row.mean = mean
    row.sigma_within = sigma_within
    row.sigma_overall = sigma_overall
    row.within_df = df
    row.cp = cp
    row.cpl = cpl
    row.cpu = cpu
    row.cpk = cpk
    row.cpk_lower = cpk_lower
    row.pp = pp
    row.ppl = ppl
    row.ppu = ppu
    row.ppk = ppk
    row.ppk_lower = ppk_lower
    row.cpm = cpm
    row.out_of_spec = out
    row.beyond_limits = beyond
    row.verdicts = verdicts(
        n,
        record.minimum_n,
        record.lsl,
        record.usl,
        sigma_within,
        sigma_overall,
        smallest,
        largest,
        record.resolution,
        stale,
        points,
        beyond,
        cpk,
        ppk,
        record.floor,
    )
    if record.unverified == 1:
        row.verdicts = (row.verdicts & ~OK) | UNVERIFIED
    row.limits_revision = record.limits_revision
    row.specification_revision = record.specification_revision


@inner
def give_window(shard: Shard, out: Output, c: int, cause_seq: int, tick_ns: int) -> None:
    """Give out the rolling window's capability as it stands at a tick."""
    record = shard.records[c]
    row = out.windows[out.counts[N_WINDOWS]]
    out.counts[N_WINDOWS] += 1
    verify(shard, c)
    if record.chart >= FIRST_ATTRIBUTE:
        write_window_rate(shard, c, row)
    else:
        write_figures(row, record, ring_tally(shard, c, record.window), record.stale != 0)
    row.verdicts = by_gauge(row.verdicts, record.overdue_seq >= row.first_seq)
    row.cause_seq = cause_seq
    row.characteristic = c
    row.time = tick_ns
    row.day = 0
    row.day_revision = 0
    row.basis = BASIS_DAY
    row.late = 0
    row.signals = 0
    row.out_of_spec_day = 0
    record.dirty = 0


@inner
def verify(shard: Shard, c: int) -> None:
    """A characteristic is verified again once its window, begun anew at the change, is capable.

    That is: `minimum_n` values, and a Cpk at its target; without a specification there is no Cpk to reach.
    """
    record = shard.records[c]
    if record.unverified == 0:
        return
    if record.chart >= FIRST_ATTRIBUTE:
        verify_rate(shard, c)
        return
    t = ring_tally(shard, c, record.window)
    if t[0] < record.minimum_n:
        return
    sigma = t[8] / t[9] if t[9] > 0 else nan
    cpk = indices(t[0], t[1], sigma, t[10], nan, record.lsl, record.usl, record.target)[3]
    if cpk >= record.cpk_target or (isnan(record.lsl) and isnan(record.usl)):
        record.unverified = 0
        record.dirty = 1  # the window is stated anew, as verified


@inner
def floor_of(record: Any, day: int) -> float:
    """The floor that production day `day` goes by: a changed one takes effect with the next day."""
    return float(record.next_floor if day >= record.floor_from else record.floor)


@inner
def judge_day_by(day: Any, record: Any) -> None:
    """A day that closes goes by what holds now, for good: a later revision applies forward only.

    Its floor it has from its beginning.
    """
    day.lsl = record.lsl
    day.usl = record.usl
    day.target = record.target
    day.resolution = record.resolution
    day.minimum_n = record.minimum_n
    day.limits_revision = record.limits_revision
    day.specification_revision = record.specification_revision
    day.unverified = record.unverified
