"""The production days of a shard's characteristics: a reading enters its own, a tick closes and restates them."""

from rules.charting import find_day
from rules.compiled import compiled, inlined, inner
from rules.day_statement import give_day
from rules.records import CLOSED_THROUGH, FAR, LAST_RESTATED, LAST_TICK, Output, Shard
from rules.subgroups import close_day_subgroups
from rules.tally import clear_day, floor_of, freeze_trailing, judge_day_by


@inlined
def enter_day(shard: Shard, out: Output, c: int, day: int, cause_seq: int) -> int:
    """The place of the reading's day; a new day closes what was open and breaks the moving range."""
    record = shard.records[c]
    if record.day_slot >= 0 and shard.days[c, record.day_slot].day == day:
        return int(record.day_slot)
    if record.day_slot >= 0:
        close_day_subgroups(shard, out, c, cause_seq, FAR)
        previous = shard.days[c, record.day_slot]
        if previous.trailing == 0:
            freeze_trailing(shard, c, previous)
    record.chained = 0
    d = find_day(shard, c, day)
    if d < 0:
        d = open_day(shard, out, c, day, cause_seq)
    record.day_slot = d
    return d


@inner
def open_day(shard: Shard, out: Output, c: int, day: int, cause_seq: int) -> int:
    """Make room for a day: a free place, or that of the oldest, which is given out first if still open.

    −1 when the day is older than all that are kept (it can no longer be restated).
    """
    days = shard.days[c]
    oldest = 0
    for d in range(1, len(days)):
        if days[d].day < days[oldest].day:
            oldest = d
    if days[oldest].day > day:
        return -1
    if days[oldest].day >= 0 and days[oldest].revision == 0:
        give_day(shard, out, c, oldest, cause_seq, shard.clock[LAST_TICK])
    clear_day(days[oldest], day)
    days[oldest].floor = floor_of(shard.records[c], day)
    if day <= shard.clock[CLOSED_THROUGH]:
        days[oldest].revision = 1  # the day closed without it, which was its first statement
        judge_day_by(days[oldest], shard.records[c])
        days[oldest].dirty = 1
    return oldest


@compiled
def begin_day(shard: Shard, out: Output, c: int, day: int, cause_seq: int) -> int:
    """The place of a day that had no reading until one was taken in on review; −1 where there is no room for it."""
    return open_day(shard, out, c, day, cause_seq)


@inner
def close_days(shard: Shard, out: Output, tick_ns: int, tick_seq: int) -> None:
    """Close every open day up to the clock's; its open subgroups belong to it and close with it."""
    through = shard.clock[CLOSED_THROUGH]
    for c in range(len(shard.records)):
        close_day_subgroups(shard, out, c, tick_seq, through)
        shard.records[c].floor = floor_of(shard.records[c], through + 1)
        days = shard.days[c]
        for _ in range(len(days)):
            first = -1
            for d in range(len(days)):
                due = 0 <= days[d].day <= through and days[d].revision == 0
                if due and (first < 0 or days[d].day < days[first].day):
                    first = d
            if first < 0:
                break
            give_day(shard, out, c, first, tick_seq, tick_ns)


@inner
def restate_days(shard: Shard, out: Output, tick_ns: int, tick_seq: int) -> None:
    """Give out again, as a new revision, the closed days that late data changed."""
    given = False
    for c in range(len(shard.records)):
        days = shard.days[c]
        for d in range(len(days)):
            if days[d].dirty == 1:
                give_day(shard, out, c, d, tick_seq, tick_ns)
                given = True
    if given:
        shard.clock[LAST_RESTATED] = tick_ns
