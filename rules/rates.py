"""Figures of the attribute charts: of a day or of the rolling window, how many were found in how many units.

They have no capability index: their verdict is `no-spec`, whatever limit the rate has, and no breach rests on them.
`n` is the number of units inspected (rounded to a whole one where the unit is an area or a length), `mean` the rate,
`out_of_spec` what was found.
"""

from math import nan
from typing import Any

from rules.binomial import binomial_quantile
from rules.compiled import inner
from rules.records import BASIS_DAY, FLAG_BEYOND, FOUND, INSPECTED, Shard
from rules.verdicts import BEYOND_3_SIGMA, INSUFFICIENT, NO_SPEC, STABLE_SHARE, STALE, UNSTABLE, UNVERIFIED

MOST = 2.0**53  # a count that a float still holds exactly
MOST_32 = 2.0**31 - 1.0


@inner
def write_rate(  # noqa: PLR0913, PLR0917 (what the kernel has at hand; a record would be copied)
    row: Any,
    judged_by: Any,
    found: float,
    inspected: float,
    points: int,
    beyond: int,
    first_seq: int,
    last_seq: int,
    stale: bool,
) -> None:
    """Fill `row` (a FIGURE) with the rate of `found` in `inspected` units; every index is undefined (nan).

    `judged_by` is the characteristic's RECORD for its window, and the DAY for a day.
    """
    bits = NO_SPEC
    if inspected < judged_by.minimum_n:
        bits |= INSUFFICIENT
    if stale:
        bits |= STALE
    if judged_by.unverified == 1:
        bits |= UNVERIFIED
    if beyond > binomial_quantile(points, BEYOND_3_SIGMA, STABLE_SHARE):
        bits |= UNSTABLE
    row.first_seq = first_seq
    row.last_seq = last_seq
    row.n = int(min(inspected + 0.5, MOST))
    row.subgroups = points
    row.mean = found / inspected if inspected > 0.0 else nan
    row.sigma_within = row.sigma_overall = nan
    row.within_df = 0.0
    row.cp = row.cpl = row.cpu = row.cpk = row.cpk_lower = nan
    row.pp = row.ppl = row.ppu = row.ppk = row.ppk_lower = row.cpm = nan
    row.out_of_spec = int(min(found, MOST))
    row.beyond_limits = beyond
    row.verdicts = bits
    row.limits_revision = judged_by.limits_revision
    row.specification_revision = judged_by.specification_revision


@inner
def write_window_rate(shard: Shard, c: int, row: Any) -> None:
    """Fill `row` (a FIGURE) with the rate over the rolling window: the newest `window` inspections."""
    record = shard.records[c]
    found = 0.0
    inspected = 0.0
    beyond = 0
    first_seq = 0
    last_seq = 0
    points = min(record.ring_count, record.window)
    for back in range(points):
        place = (record.ring_next - 1 - back) % record.ring_length
        at = record.ring_offset + place * record.ring_stride
        found += shard.ring[at + FOUND]
        inspected += shard.ring[at + INSPECTED]
        if shard.flags[record.place_offset + place] & FLAG_BEYOND:
            beyond += 1
        first_seq = int(shard.seqs[record.place_offset + place])
        last_seq = max(last_seq, first_seq)
    write_rate(row, record, found, inspected, points, beyond, first_seq, last_seq, record.stale != 0)


@inner
def verify_rate(shard: Shard, c: int) -> None:
    """Verified again once the window, begun anew at the change, holds `minimum_n` units: there is no index to reach."""
    record = shard.records[c]
    inspected = 0.0
    for back in range(min(record.ring_count, record.window)):
        place = (record.ring_next - 1 - back) % record.ring_length
        inspected += shard.ring[record.ring_offset + place * record.ring_stride + INSPECTED]
    if inspected >= record.minimum_n:
        record.unverified = 0
        record.dirty = 1  # the window is stated anew, as verified


@inner
def write_day_rate(row: Any, day: Any) -> None:
    """Fill `row` (a FIGURE) with a day's rate; always of its own inspections."""
    write_rate(row, day, day.found, day.inspected, 0 + day.points, 0 + day.beyond, day.first_seq, day.last_seq, False)
    row.basis = BASIS_DAY
    row.out_of_spec_day = row.out_of_spec
    row.own_n = int(min(day.inspected + 0.5, MOST_32))
    row.own_mean = row.mean
    row.own_m2 = row.own_smallest = row.own_largest = nan
    row.own_out = int(min(day.found, MOST_32))
    row.own_points = day.points
    row.own_beyond = day.beyond
    row.own_within_sum = row.own_within_df = 0.0
    row.own_within_count = 0
    row.own_first_seq = day.first_seq
    row.own_last_seq = day.last_seq
