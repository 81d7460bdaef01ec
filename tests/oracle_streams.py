"""Streams for the oracle and the kernel: events from a seed, the kernel run over them, and both held together."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import isnan
from random import Random
from typing import Any

import numpy as np
import pytest

from flows.layout import lay_out
from rules.charting import set_limits
from rules.kernel import advance, break_chains, make_output, output_lengths
from rules.records import (
    ACCEPTED,
    BASES,
    FIXED,
    LIMITS_STATES,
    PROVISIONAL,
    READING_STATES,
    Columns,
    Output,
)
from rules.spec import CharacteristicSpec, FixedLimits
from tests.oracle import Oracle
from tests.oracle_events import Accept, Event, Gap, Reading, Results, Tick

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
FIRST_DAY = 739_000

# Sums in another order: n additions err by at most n/2 ulp of the sum, here n < 1,000; a deviation that is small beside
# the mean loses mean/sigma < 10⁴ of that. 10³ · 10⁻¹⁶ · 10⁴ = 10⁻⁹.
CLOSE = 1e-9


def stream(rng: Random, specs: Sequence[CharacteristicSpec], days: int, per_day: int) -> list[Event]:
    """Readings of all specs in the order of the journal, with ticks, gaps, late ones and what else befalls them."""
    events: list[Event] = []
    seq, clock, last_tick = 0, 0, 0
    change = [0] * len(specs)
    names = [[0], [0, 0, 11, 12, 13], [21, 22, 23], [0, 31]]
    for day in range(days):
        clock = max(clock, day * DAY) + rng.randrange(1, 3600) * SECOND
        shift = rng.choice([0, 0, 0, 1.5, -4])  # of the process, on this day
        pace = DAY // (per_day + 1)
        for _ in range(rng.choice([0, 3, per_day, per_day, per_day])):
            clock += rng.choice([0, 1, pace // 2, pace, pace])
            while last_tick + 60 * SECOND <= clock:
                if clock - last_tick > 7200 * SECOND:  # an idle stretch collapses
                    last_tick = clock - 3600 * SECOND
                last_tick += rng.choice([60, 600, 1800]) * SECOND
                seq += 1
                events.append(Tick(seq, last_tick, closed_through(last_tick)))
            seq += 1
            number = rng.randrange(len(specs))
            if rng.random() < 0.05:
                change[number] = rng.randrange(5)
            if rng.random() < 0.02:
                events.append(Gap(0))
            if rng.random() < 0.01:
                events.append(Accept(number))
            time_ns = clock if rng.random() > 0.05 else max(0, clock - rng.randrange(1, 90_000) * SECOND)
            events += _message(rng, specs[number], number, (seq, time_ns, change[number], shift), names)
    for _ in range(3):
        seq, last_tick = seq + 1, max(last_tick, clock) + DAY
        events.append(Tick(seq, last_tick, closed_through(last_tick)))
    return events


def _message(
    rng: Random, spec: CharacteristicSpec, number: int, at: tuple[int, int, int, float], names: list[list[int]]
) -> Iterable[Reading]:
    """One message of one characteristic: a value, a few, or an array that is a whole subgroup."""
    seq, time_ns, change, shift = at
    array = spec.chart != "individuals" and rng.random() < 0.3
    count = rng.randrange(1, spec.subgroup_size + 1) if array else rng.choice([1, 1, 1, 2])
    name = seq + 1_000_000 if array else rng.choice(names[number % len(names)])
    for idx in range(count):
        state = rng.choices([0, 1, 2], [0.94, 0.03, 0.03])[0]
        value = rng.gauss(10 + 0.1 * shift, 0.1)
        if rng.random() < 0.02:
            value += rng.choice([-1, 1])
        if number % 2:
            value = round(value, 2)  # a coarse gauge: equal values, no spread
        yield Reading(
            number,
            time_ns,
            production_day(time_ns),
            float("nan") if state == 2 else value,
            seq,
            idx,
            subgroup=name,
            ends=array and idx == count - 1 and state == 0,
            change=change,
            context=change,
            state=state,
        )


def production_day(time_ns: int) -> int:
    return FIRST_DAY + time_ns // DAY


def closed_through(tick_ns: int) -> int:
    """Days close 15 minutes after their end."""
    return production_day(tick_ns - 900 * SECOND) - 1


def kernel(specs: Sequence[CharacteristicSpec], events: Sequence[Event], cuts: Sequence[int] = ()) -> Results:
    """What the kernel gives for the same events, run over the pieces between `cuts` (places in `events`)."""
    shard = lay_out(tuple(specs), restate_days=2)
    shard.records["specification_revision"] = 1
    for c, spec in enumerate(specs):
        if isinstance(spec.limits, FixedLimits):
            set_limits(shard, c, spec.limits.center, spec.limits.sigma, FIXED, 0)
    results = Results()
    bounds = {0, len(events), *cuts}
    bounds |= {at + one for at, event in enumerate(events) if isinstance(event, Gap | Accept) for one in (0, 1)}
    for start, end in pairwise(sorted(bounds)):
        piece = events[start:end]
        match piece:
            case [Gap() as gap]:
                break_chains(shard, gap.connector)
            case [Accept() as accept]:
                record = shard.records[accept.characteristic]
                record["limits_state"] = ACCEPTED if record["limits_state"] == PROVISIONAL else record["limits_state"]
            case _:
                columns = columns_of(piece)
                output = make_output(output_lengths(shard, 1))  # as small as may be: it is emptied often
                reading = tick = 0
                while reading < len(columns.value) or tick < len(columns.tick_ns):
                    output.counts[:] = 0
                    reading, tick = advance(shard, columns, output, reading, tick)
                    drain(output, results)
    return results


def columns_of(events: Sequence[Event]) -> Columns:
    readings = [event for event in events if isinstance(event, Reading)]
    before, ticks = 0, []
    for event in events:
        before += isinstance(event, Reading)
        if isinstance(event, Tick):
            ticks.append((before, event.ns, event.seq, event.closed))

    def column(name: str, dtype: Any = np.int64) -> Any:
        return np.array([getattr(reading, name) for reading in readings], dtype)

    at, ns, seqs, closed = np.array(ticks, np.int64).reshape(-1, 4).T.copy()
    return Columns(
        characteristic=column("characteristic"),
        time_ns=column("time_ns"),
        day=column("day"),
        value=column("value", np.float64),
        seq=column("seq"),
        idx=column("idx"),
        cause_seq=column("cause"),
        subgroup=column("subgroup"),
        ends=column("ends", np.bool_),
        change=column("change"),
        context=column("context"),
        state=column("state", np.uint8),
        connector=column("connector"),
        size=column("size", np.float64),
        tick_at=at,
        tick_ns=ns,
        tick_seq=seqs,
        tick_closed=closed,
    )


def drain(output: Output, results: Results) -> None:
    """Append what the output holds as dicts, words for codes."""
    fresh_at = sorted(output.points["at"][: output.counts[0]].tolist()) + [int(output.counts[1])]
    for place, name in enumerate(("points", "", "loose", "signals", "limits", "windows", "days")):
        if not name:
            continue
        for row in getattr(output, name)[: output.counts[place]]:
            given = {field: row[field].item() for field in row.dtype.names}
            if name == "points":
                at = given.pop("at")
                fresh = at >= 0
                own = slice(at, next((other for other in fresh_at if other > at), at))
                given["values"] = output.values[own].tolist() if fresh else None
                given["refs"] = [tuple(ref) for ref in output.refs[own].tolist()] if fresh else None
            for field, words in (("state", LIMITS_STATES if name == "limits" else READING_STATES), ("basis", BASES)):
                if field in given:
                    given[field] = words[given[field]]
            getattr(results, name).append(given)


def compare(given: Results, expected: Results) -> None:
    """Every row in order, of each characteristic: numbers within CLOSE, all else equal."""
    for name in ("points", "loose", "signals", "limits", "windows", "days"):
        ours, theirs = _ordered(getattr(given, name)), _ordered(getattr(expected, name))
        for got, want in zip(ours, theirs, strict=False):
            differing = {key: (got[key], value) for key, value in want.items() if not same(got[key], value)}
            assert not differing, f"{name} { ({k: want[k] for k in list(want)[:6]}) }: (given, expected) {differing}"
        assert len(ours) == len(theirs), f"{name}: {len(ours)} given, {len(theirs)} expected"


def _ordered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By characteristic and cause; several days of one tick by day, all else as it came."""
    return sorted(rows, key=lambda row: (row["characteristic"], row["cause_seq"], row.get("day", 0)))


def same(got: Any, want: Any) -> bool:
    if isinstance(want, float) and isnan(want):
        return isinstance(got, float) and isnan(got)
    if isinstance(want, float):
        return bool(got == pytest.approx(want, rel=CLOSE, abs=1e-12))  # abs: a difference of equal values
    return bool(got == want)


def told(specs: Sequence[CharacteristicSpec], events: Sequence[Event]) -> Results:
    return Oracle(specs).run(events)
