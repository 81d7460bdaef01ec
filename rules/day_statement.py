"""What is stated of a production day at its close, and again when it is restated."""

from typing import Any

from rules.attributes import FIRST_ATTRIBUTE
from rules.compiled import inner
from rules.overdue import by_gauge
from rules.rates import write_day_rate
from rules.records import BASIS_AUTO, BASIS_DAY, BASIS_TRAILING, N_DAYS, Output, Shard
from rules.tally import freeze_trailing, judge_day_by, verify, write_figures


@inner
def give_day(shard: Shard, out: Output, c: int, d: int, cause_seq: int, tick_ns: int) -> None:
    """Give out a day's capability: from its own readings, or trailing where it has too few of them."""
    record = shard.records[c]
    day = shard.days[c, d]
    if day.revision == 0:
        verify(shard, c)
        judge_day_by(day, record)
    row = out.days[out.counts[N_DAYS]]
    out.counts[N_DAYS] += 1
    if record.chart >= FIRST_ATTRIBUTE:
        write_day_rate(row, day)
    else:
        write_day(shard, c, day, row)
    day.revision += 1
    day.dirty = 0
    row.cause_seq = cause_seq
    row.characteristic = c
    row.time = tick_ns
    row.day = day.day
    row.day_revision = day.revision
    row.late = day.late
    row.signals = day.signals


@inner
def write_day(shard: Shard, c: int, day: Any, row: Any) -> None:
    """Fill `row` (a FIGURE) with a day's capability, and with what its own readings add up to."""
    record = shard.records[c]
    # The newest charted values hold one of this day only if it has a point of its own.
    trailing = day.points > 0 and (
        record.basis == BASIS_TRAILING or (record.basis == BASIS_AUTO and day.n < day.minimum_n)
    )
    if trailing and day.trailing == 0:
        freeze_trailing(shard, c, day)
    if trailing and day.t_n > 0:
        tally = (  # its counts as 64 bits, as the window's
            0 + day.t_n,
            day.t_mean,
            day.t_m2,
            day.t_smallest,
            day.t_largest,
            0 + day.t_out,
            0 + day.t_points,
            0 + day.t_beyond,
            day.t_within_sum,
            day.t_within_count,
            day.t_within_df,
            day.t_first_seq,
            day.t_last_seq,
        )
        row.basis = BASIS_TRAILING
    else:
        tally = (
            0 + day.n,
            day.mean,
            day.m2,
            day.smallest,
            day.largest,
            0 + day.out,
            0 + day.points,
            0 + day.beyond,
            day.within_sum,
            day.within_count,
            day.within_df,
            day.first_seq,
            day.last_seq,
        )
        row.basis = BASIS_DAY
    write_figures(row, day, tally, False)
    row.verdicts = by_gauge(row.verdicts, day.overdue == 1 or (row.basis == BASIS_TRAILING and day.t_overdue == 1))
    row.out_of_spec_day = day.out
    row.own_n = day.n
    row.own_mean = day.mean
    row.own_m2 = day.m2
    row.own_smallest = day.smallest
    row.own_largest = day.largest
    row.own_out = day.out
    row.own_points = day.points
    row.own_beyond = day.beyond
    row.own_within_sum = day.within_sum
    row.own_within_count = day.within_count
    row.own_within_df = day.within_df
    row.own_first_seq = day.first_seq
    row.own_last_seq = day.last_seq
