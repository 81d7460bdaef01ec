"""A store-and-forward gateway sends its memory again, between what is new: nothing twice, nothing lost.

The oracle is the list of what was measured: each of it is in a point or kept as a late reading, exactly once, and its
day counts it once, whatever was sent how often in which order.
"""

import json
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.plan import ConnectorPlan, Dedupe
from rules.spec import CharacteristicSpec, FixedLimits
from tests.plants import MINUTE, Journal, at, make_plan, named, run_logics

START = at("2026-11-16 08:00")
MEASURED = 90  # one a minute
BORE = CharacteristicSpec("bore", lsl=9.4, usl=10.6, limits=FixedLimits(10.0, 0.1), minimum_n=10, day_basis="day")


def measured(k: int) -> tuple[int, float]:
    """When, and what; a coarse gauge: values are often equal."""
    return START + k * MINUTE, 10.0 + 0.1 * (k * 7 % 3 - 1)


def payload(k: int, named_by: Dedupe) -> bytes:
    time_ns, value = measured(k)
    body = {"time": time_ns // 1_000_000, "values": {"bore": value}}
    return json.dumps(body | {"id": f"gw1-{k}"} if named_by == "id" else body).encode()


def journal_of(sent: list[tuple[int, int]], dedupe: Dedupe) -> Journal:
    """Messages (minute of arrival, number) in that order, with the clock's ticks; then the day closes."""
    journal = Journal()
    line = ConnectorPlan("line", "json", ("plant/{kind}",), "{name}", "UTC", dedupe)
    journal.plan(START, make_plan(BORE, connectors=(line,)))
    journal.tick(START)
    for minute, number in sent:
        now = START + minute * MINUTE
        if now > journal.last_tick_ns:
            journal.tick(now)
        journal.add(now, "plant/m", payload(number, dedupe), connector="line", packet=len(journal.entries) % 7 + 1)
    journal.ticks(at("2026-11-17 00:15"), 30 * MINUTE)
    return journal


def taken(rows: dict[str, list[tuple[object, ...]]]) -> list[tuple[int, float]]:
    """(time, value) of every reading that is in a point or by itself, sorted."""
    found = [(row["time"], row["value"]) for row in named(rows, "reading")]
    for row in named(rows, "point"):
        times = np.frombuffer(row["refs"], np.int64).reshape(-1, 3)[:, 2]
        found += zip(times.tolist(), np.frombuffer(row["values"]).tolist(), strict=True)
    return sorted(found)


@st.composite
def sendings(draw: st.DrawFn) -> list[tuple[int, int]]:
    """What is measured live, but for a stretch without a line; then memory from some place on, once or more."""
    away = draw(st.integers(0, 60))
    back = draw(st.integers(away, 80))
    live = [(k, k) for k in range(MEASURED) if not away <= k < back]
    backlog: list[tuple[int, int]] = []
    for _ in range(draw(st.integers(1, 3))):
        since = draw(st.integers(max(0, away - 60), away))
        backlog += [(0, k) for k in range(since, back)]
    rng = Random(draw(st.integers(0, 10_000)))
    places = sorted(rng.randrange(len([k for k, _ in live if k < back]), len(live) + 1) for _ in backlog)
    merged, taken_of = [], 0
    for place, (minute, number) in enumerate(live):
        while taken_of < len(backlog) and places[taken_of] <= place:
            merged.append((max(minute, back), backlog[taken_of][1]))
            taken_of += 1
        merged.append((minute, number))
    return merged + [(MEASURED, number) for _, number in backlog[taken_of:]]


@pytest.mark.parametrize("dedupe", ["id", "payload"])
@settings(max_examples=20, deadline=None)
@given(sent=sendings(), cut=st.integers(0, 300))
def test_every_reading_counts_once_however_often_and_when_it_is_sent(
    dedupe: Dedupe, sent: list[tuple[int, int]], cut: int
) -> None:
    journal = journal_of(sent, dedupe)
    rows = run_logics(journal, resumes=[min(cut, len(journal.entries))])
    assert taken(rows) == sorted(measured(k) for k in range(MEASURED))
    (day,) = named(rows, "day")
    assert (day["n"], day["out_of_spec_day"]) == (MEASURED, 0)
    assert day["late"] == len([row for row in named(rows, "reading") if row["state"] == "late"])
    repeated = [row for row in named(rows, "rejected") if row["reason"] == "repeated"]
    assert max((row["count"] for row in repeated), default=0) == len(sent) - MEASURED


def test_what_the_broker_delivers_again_counts_once_and_equal_readings_of_two_parts_twice() -> None:
    """Packet ids go round; the last three are not acknowledged and come again, then the same values are measured."""
    journal = Journal()
    journal.plan(START, make_plan(BORE))
    journal.tick(START)
    body = json.dumps({"values": {"bore": 10.0}}).encode()  # no id and no time: all alike
    for packet in (1, 2, 3, 4):
        journal.add(START + packet, "plant/m", body, connector="line", packet=packet)
    for packet in (2, 3, 4):
        journal.add(START + 10 + packet, "plant/m", body, connector="line", packet=packet, dup=1)
    for packet in (5, 1, 2):
        journal.add(START + 20 + packet, "plant/m", body, connector="line", packet=packet)
    rows = run_logics(journal)
    assert len(taken(rows)) == 7
    assert [row["reason"] for row in named(rows, "rejected")] == ["repeated"] * 3
