import json
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.plan import ConnectorPlan, Plan
from connectors.columns import DTYPES, Readings
from flows.holdback import HoldBack
from rules.spec import CalendarSpec, CharacteristicSpec

S = 1_000_000_000
START = 1_795_248_000 * S
LATENESS = {"a": 0.0, "b": 10.0, "c": 2.5}
CONNECTOR = ConnectorPlan("line1", "json", ("t",), "{name}", "UTC", "id")


def plan_of(lateness=LATENESS, *, restate_days=1, step=1, connectors=(CONNECTOR,)):
    characteristics = tuple(
        CharacteristicSpec(name, lateness_seconds=value) for name, value in sorted(lateness.items())
    )
    return Plan("p", CalendarSpec(), connectors, characteristics, restate_days=restate_days, clock_step_seconds=step)


class Reading(NamedTuple):
    seq: int
    idx: int
    characteristic: int
    seconds: float  # after START

    @property
    def time_ns(self):
        return START + round(self.seconds * 10) * (S // 10)


class Tick(NamedTuple):
    seq: int
    seconds: int
    confirmed: int | None = None  # seconds after START; None: the tick itself

    @property
    def ns(self):
        return START + self.seconds * S


def columns(readings):
    arrays = {name: np.zeros(len(readings), dtype) for name, dtype in DTYPES.items()}
    arrays["seq"][:] = [one.seq for one in readings]
    arrays["idx"][:] = [one.idx for one in readings]
    arrays["characteristic"][:] = [one.characteristic for one in readings]
    arrays["time_ns"][:] = [one.time_ns for one in readings]
    arrays["context"][:] = np.arange(1, len(readings) + 1)
    return Readings(**arrays, contexts=["", *(json.dumps({"part": one.seq * 100 + one.idx}) for one in readings)])


def keys(readings):
    for number, seq, idx in zip(readings.context, readings.seq, readings.idx, strict=True):
        assert json.loads(readings.contexts[number]) == {"part": seq * 100 + idx}  # contexts went with their rows
    return list(zip(readings.seq.tolist(), readings.idx.tolist(), strict=True))


def step(hold, stream):
    ticks = [one for one in stream if isinstance(one, Tick)]
    readings = columns([one for one in stream if isinstance(one, Reading)])
    seqs = np.array([tick.seq for tick in ticks], np.int64)
    ns = np.array([tick.ns for tick in ticks], np.int64)
    confirmed = [tick.ns if tick.confirmed is None else START + tick.confirmed * S for tick in ticks]
    taken = hold.step(readings, seqs, ns, np.array(confirmed, np.int64))
    assert len(taken.cause_seq) == len(taken.readings)
    return taken


def told(taken, stream):
    """[(cause, "tick", ns) | (cause, seq, idx)] in order."""
    ticks = [one for one in stream if isinstance(one, Tick)]
    events, start = [], 0
    rows = keys(taken.readings)
    for tick, stop in zip(ticks, taken.tick_positions.tolist(), strict=True):
        events += [(int(cause), *row) for cause, row in zip(taken.cause_seq[start:stop], rows[start:stop], strict=True)]
        events.append((tick.seq, "tick", tick.seconds))
        start = stop
    return events + [(int(cause), *row) for cause, row in zip(taken.cause_seq[start:], rows[start:], strict=True)]


def slowly(plan, stream):
    """The same one by one: (events, refused, too late)."""
    clock, confirmed, held, events, refused, too_late = None, None, [], [], [], []
    for one in stream:
        if isinstance(one, Tick):
            clock = one.ns
            confirmed = clock if one.confirmed is None else START + one.confirmed * S
            free = sorted(
                (row for row in held if row[0] <= confirmed), key=lambda row: (row[1].time_ns, row[1].seq, row[1].idx)
            )
            held = [row for row in held if row[0] > confirmed]
            events += [(one.seq, row[1].seq, row[1].idx) for row in free]
            events.append((one.seq, "tick", one.seconds))
            continue
        ahead = 0 if clock is None else one.time_ns - clock
        lateness = round(plan.characteristics[one.characteristic].lateness_seconds * 10) * S // 10
        if ahead > 300 * S:
            refused.append((one.seq, one.idx))
        elif confirmed is not None and confirmed - one.time_ns > plan.restate_days * 86_400 * S:
            too_late.append((one.seq, one.idx))
        elif lateness and (confirmed is None or one.time_ns + lateness > confirmed):
            held.append((one.time_ns + lateness, one))
        elif ahead > (5 + plan.clock_step_seconds) * S:
            held.append((one.time_ns, one))
        else:
            events.append((one.seq, one.seq, one.idx))
    return events, refused, too_late


def test_when_nothing_waits_the_columns_pass_as_they_are():
    hold = HoldBack(plan_of({"a": 0.0}))
    readings = columns([Reading(2, 0, 0, 0), Reading(2, 1, 0, 0), Reading(4, 0, 0, 1.5), Reading(5, 0, 0, -1000)])
    ticks = np.array([START, START + S, START + 2 * S])
    taken = hold.step(readings, np.array([1, 3, 6]), ticks, ticks)
    assert taken.readings is readings
    assert taken.cause_seq is readings.seq
    assert taken.tick_positions.tolist() == [0, 2, 4]
    assert (taken.rejected, len(taken.too_late), len(hold)) == ([], 0, 0)


@pytest.mark.parametrize(("step_seconds", "seconds", "waits"), [(1, 6.0, 0), (1, 6.1, 1), (60, 65.0, 0), (60, 65.1, 1)])
def test_five_seconds_and_a_step_ahead_is_near_enough(step_seconds, seconds, waits):
    hold = HoldBack(plan_of(step=step_seconds))
    step(hold, [Tick(1, 0), Reading(2, 0, 0, seconds)])
    assert len(hold) == waits


def test_a_reading_ahead_of_the_clock_waits_for_its_tick():
    hold = HoldBack(plan_of())
    stream = [Tick(1, 0), Reading(2, 0, 0, 20), Reading(3, 0, 0, 10), Reading(4, 0, 0, 1), Tick(5, 9), Tick(6, 30)]
    assert told(step(hold, stream), stream) == [
        (1, "tick", 0), (4, 4, 0), (5, "tick", 9), (6, 3, 0), (6, 2, 0), (6, "tick", 30),
    ]  # fmt: skip


def test_more_than_five_minutes_ahead_is_refused():
    hold = HoldBack(plan_of())
    taken = step(hold, [Tick(1, 0), Reading(2, 0, 0, 300), Reading(3, 1, 0, 300.1)])
    assert len(hold) == 1
    assert [(one.seq, one.idx, one.connector, one.reason) for one in taken.rejected] == [
        (3, 1, "line1", "ahead-of-clock")
    ]
    assert taken.rejected[0].detail == (
        "a: expected a time at most 300 s ahead of the last tick, got 2026-11-21T08:05:00Z, 300 s ahead"
    )


def test_older_than_restate_days_is_too_late():
    hold = HoldBack(plan_of(restate_days=2))
    taken = step(hold, [Tick(1, 0), Reading(2, 0, 0, -172_800), Reading(3, 0, 0, -172_800.1)])
    assert keys(taken.readings) == [(2, 0)]
    assert keys(taken.too_late) == [(3, 0)]


def test_an_unconfirmed_tick_makes_no_reading_too_late():
    year = 365 * 86_400
    hold = HoldBack(plan_of(restate_days=2))
    stream = [Tick(1, 0), Tick(2, year, confirmed=0), Reading(3, 0, 0, 1), Reading(4, 0, 0, -172_801)]
    taken = step(hold, stream)
    assert (keys(taken.readings), keys(taken.too_late)) == ([(3, 0)], [(4, 0)])
    resumed = HoldBack.from_bytes(plan_of(restate_days=2), hold.to_bytes())
    assert keys(step(resumed, [Reading(5, 0, 0, 2)]).readings) == [(5, 0)]
    confirmed = [Tick(6, year + 600), Reading(7, 0, 0, 3)]
    assert keys(step(resumed, confirmed).too_late) == [(7, 0)]


def test_an_unconfirmed_tick_releases_nothing_that_waits():
    """Three wait: two by their lateness of ten seconds, one for its tick; the jump of an hour turns out to be none."""
    hold = HoldBack(plan_of())
    stream = [Tick(1, 0), Reading(2, 0, 1, 3), Reading(3, 0, 1, 1), Reading(4, 0, 0, 7), Tick(5, 4000, confirmed=0)]
    assert told(step(hold, stream), stream) == [(1, "tick", 0), (5, "tick", 4000)]
    after = [Tick(6, 8), Tick(7, 13)]
    assert told(step(hold, after), after) == [(6, 4, 0), (6, "tick", 8), (7, 3, 0), (7, 2, 0), (7, "tick", 13)]


def test_lateness_puts_readings_in_time_order_before_the_tick_that_releases_them():
    hold = HoldBack(plan_of())
    stream = [Tick(1, 0), Reading(2, 0, 1, 3), Reading(3, 0, 1, 1), Reading(4, 0, 1, 2), Tick(5, 11), Tick(6, 20)]
    assert told(step(hold, stream), stream) == [
        (1, "tick", 0), (5, 3, 0), (5, "tick", 11), (6, 4, 0), (6, 2, 0), (6, "tick", 20),
    ]  # fmt: skip


def test_a_reading_later_than_its_lateness_is_taken_at_once():
    hold = HoldBack(plan_of())
    stream = [Tick(1, 10), Reading(2, 0, 1, 0), Reading(3, 0, 1, 0.1)]
    assert told(step(hold, stream), stream) == [(1, "tick", 10), (2, 2, 0)]
    assert len(hold) == 1


def test_before_the_first_tick_nothing_is_ahead_or_too_late():
    hold = HoldBack(plan_of())
    stream = [Reading(1, 0, 0, 1e6), Reading(2, 0, 0, -1e6), Reading(3, 0, 1, 0), Tick(4, 10)]
    assert told(step(hold, stream), stream) == [(1, 1, 0), (2, 2, 0), (4, 3, 0), (4, "tick", 10)]


def test_what_waits_goes_on_under_another_plan():
    hold = HoldBack(plan_of())
    step(hold, [Tick(1, 0), Reading(2, 0, 0, 20), Reading(3, 0, 1, 0), Reading(4, 0, 2, 0)])
    other = ConnectorPlan("line0", "json", ("u",), "{name}", "UTC", "id")
    rejected = hold.replan(plan_of({"aa": 0.0, "b": 0.0, "c": 0.0}, connectors=(other, CONNECTOR)))
    assert [(one.seq, one.reason, one.connector) for one in rejected] == [(2, "unknown-characteristic", "line1")]
    taken = step(hold, [Reading(5, 0, 1, 0), Tick(6, 30)])
    assert keys(taken.readings) == [(5, 0), (3, 0), (4, 0)]  # what waits keeps its tick, what comes does not wait
    assert taken.readings.characteristic.tolist() == [1, 1, 2]
    assert taken.readings.connector.tolist() == [0, 1, 1]


def test_state_of_another_version_is_refused():
    state = HoldBack(plan_of()).to_bytes()
    with pytest.raises(ValueError, match="expected schema version 2, got 9"):
        HoldBack.from_bytes(plan_of(), state.replace(b'"schema_version": 2', b'"schema_version": 9', 1))


@st.composite
def streams(draw):
    """Entries in order of seq; ticks, some unconfirmed, from which they may go back; readings before and after."""
    stream, clock, confirmed = [], 0, 0
    for seq in range(1, draw(st.integers(0, 40)) + 1):
        if draw(st.integers(0, 3)) == 0:
            if confirmed < clock and draw(st.booleans()):
                clock = confirmed  # the jump was none
            clock += draw(st.sampled_from([0, 1, 2, 5, 60, 400, 90_000]))
            confirmed = draw(st.sampled_from([clock, clock, confirmed]))
            stream.append(Tick(seq, clock, confirmed))
            continue
        offsets = sorted(
            draw(st.lists(st.sampled_from([-90_000, -400, -20, -3, -0.5, 0, 1, 6, 6.5, 20, 299, 301]), max_size=3))
        )
        for idx, offset in enumerate(offsets):
            stream.append(Reading(seq, idx, draw(st.integers(0, 2)), clock + offset))
    return stream


@settings(max_examples=150, deadline=None)
@given(streams(), st.lists(st.integers(0, 60), max_size=6), st.booleans())
def test_any_cut_and_resume_gives_what_one_by_one_gives(stream, cuts, resumed):
    plan = plan_of()
    events, refused, too_late = slowly(plan, stream)
    seqs = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    starts = [place for place in seqs if place in (0, len(stream)) or stream[place].seq != stream[place - 1].seq]
    hold, found, found_refused, found_late = HoldBack(plan), [], [], []
    for start, stop in pairwise(starts):
        piece = stream[start:stop]
        taken = step(hold, piece)
        found += told(taken, piece)
        found_refused += [(one.seq, one.idx) for one in taken.rejected]
        found_late += keys(taken.too_late)
        assert (np.diff(taken.cause_seq) >= 0).all()
        if resumed:
            hold = HoldBack.from_bytes(plan, hold.to_bytes())
    assert found == events
    assert found_refused == refused
    assert found_late == too_late
    whole = HoldBack(plan)
    step(whole, stream)
    assert whole.to_bytes() == hold.to_bytes()
