"""Metrics of events over random weeks with late messages, days off and restarts, against plain Python."""

from fractions import Fraction
from random import Random

import pytest

from rules.spec import CalendarSpec, MetricSpec
from tests.flow.test_event_metrics import begin, happen, local
from tests.oracle_metrics import DAY_NS, EPOCH, Asked, Told, in_time, value_of
from tests.plants import MINUTE, Journal, bits, named, run_logics

DAYS = 24
RESTATE_DAYS = 7
ASKED = {
    "day": Asked("defect-rate", ("*",), "day", "total"),
    "trailing": Asked("first-pass-yield", ("op*",), "trailing", "total"),
    "worst": Asked("first-pass-yield", ("*",), "trailing", "worst", by="supplier"),
    "mean": Asked("defect-rate", ("in", "op1"), "day", "mean"),
    "pareto": Asked("pareto", ("*",), "trailing", "total", where=(("supplier", "B"),)),
    "window": Asked("defect-rate", ("*",), "window", "total", window_hours=30),
}
CALENDAR = CalendarSpec(working_days=frozenset(range(5)))


def story(chance: Random) -> tuple[Journal, list[Told]]:
    """Some weeks of inspections, a fifth of them told late, some too late; many Sundays without any."""
    metrics = (
        MetricSpec(name, a.kind, a.of, a.over, a.reduce, where=a.where, by=a.by, window_hours=a.window_hours)
        for name, a in ASKED.items()
    )
    journal = begin(*metrics, calendar=CALENDAR, restate_days=RESTATE_DAYS)
    sent: list[tuple[int, int, str]] = []  # received, happened, place
    for day in range(1, DAYS + 1):
        for _ in range(chance.choice((0, 1, 3)) if day % 7 in (6, 0) else chance.randrange(8)):
            happened = local(day, chance.randrange(24 * 4) / 4)
            late = chance.choice((0, 0, 0, 0, chance.randrange(11 * 24 * 60))) * MINUTE
            sent.append((happened + late, happened, chance.choice(("in", "op1", "op2"))))
    told = []
    for received, happened, place in sorted(sent):
        if received > local(DAYS + 1):
            break
        if received > journal.last_tick_ns:
            journal.ticks(received, 55 * MINUTE)
        inspected, supplier = chance.choice((1, 20, 50, 62.5)), chance.choice(("", "A", "B"))
        rejected = chance.randrange(int(inspected) + 1)
        defects = {name: chance.randrange(4) for name in chance.sample(("burr", "dent", "stain", "crack", "chip"), 3)}
        body = {"inspected": inspected, "rejected": rejected, "defects": defects}
        happen(journal, place, happened, kind="inspection", **body, **({"supplier": supplier} if supplier else {}))
        told.append(Told(len(journal.entries), happened, place, Fraction(inspected), rejected, supplier, defects))
    journal.ticks(local(DAYS + 1, 2), 55 * MINUTE)
    return journal, told


@pytest.mark.parametrize("seed", range(2))
def test_every_row_and_what_stands_in_the_end_are_what_all_that_had_come_gives(seed: int) -> None:
    chance = Random(seed)
    journal, told = story(chance)
    ticks = [(entry.seq, int(entry.payload)) for entry in journal.entries if entry.topic == "tick"]
    counted = in_time(told, ticks, RESTATE_DAYS)
    assert len(counted) < len(told)
    rows = named(run_logics(journal), "metric")
    newest: dict[tuple[str, int], float | None] = {}
    restated = 0
    for row in rows:
        clock, asked = row["time"], ASKED[row["metric"]]
        known = [one for one in counted if one.seq < row["cause_seq"]]
        closed = (clock - CALENDAR.grace_minutes * MINUTE) // DAY_NS + EPOCH - 1
        production = _production(known, closed)
        as_of = row["day"] if row["day"] <= closed else _newest(counted, ticks, row["cause_seq"])
        expected = value_of(asked, known, as_of, clock, production)
        assert row["value"] == (None if expected is None else pytest.approx(expected, rel=1e-12)), row
        restated += (row["metric"], row["day"]) in newest and row["day"] <= closed
        newest[row["metric"], row["day"]] = row["value"]
    assert restated > 10
    closed, last = local(DAYS) // DAY_NS + EPOCH, ticks[-1][1]
    production = _production(counted, closed)
    for (name, day), value in newest.items():
        if ASKED[name].over != "window" and day <= closed and day in production:
            expected = value_of(ASKED[name], counted, day, last, production)
            assert value == (None if expected is None else pytest.approx(expected, rel=1e-12)), (name, day)


def test_restarts_and_cuts_change_no_row_of_it() -> None:
    journal, _ = story(Random(11))
    places = sorted(Random(5).sample(range(1, len(journal.entries)), 25))
    whole = bits(run_logics(journal))
    assert bits(run_logics(journal, cuts=places)) == whole
    assert bits(run_logics(journal, resumes=places)) == whole


def _newest(counted: list[Told], ticks: list[tuple[int, int]], seq: int) -> int:
    """The newest day that was a production day as it closed, by entry `seq`; 0 for none."""
    found = 0
    for day in range(1, DAYS + 1):
        closing = min((one for one, ns in ticks if ns >= local(day + 1) + CALENDAR.grace_minutes * MINUTE), default=seq)
        ordinal = local(day) // DAY_NS + EPOCH
        if closing < seq and ordinal in _production([one for one in counted if one.seq < closing], ordinal):
            found = ordinal
    return found


def _production(known: list[Told], closed: int) -> list[int]:
    """The closed days that were worked or have anything told of them."""
    first = local(1) // DAY_NS + EPOCH
    worked = {day for day in range(first, closed + 1) if (day - 1) % 7 < 5}
    return sorted(worked | {one.day for one in known if first <= one.day <= closed})
