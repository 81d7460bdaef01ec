"""Data quality among random readings, ticks and states, cut and resumed anywhere, against the plain oracle."""

import json
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pytest

from connectors.columns import OVERDUE
from flows.frames import PlantFrame, ShardFrame
from flows.framing import FramingLogic
from rules.calendar import EPOCH_DAY
from rules.data_quality import PARTS_KEPT, Measured, Parts, measured_again, stuck_at
from rules.spec import CalendarSpec, CharacteristicSpec, GaugeSpec
from tests.oracle_quality import Asked, Came, Quality
from tests.plants import SECOND, Journal, at, make_plan

START = at("2026-11-20 18:00")  # a Friday; the week-end is off
TODAY = START // SECOND // 86_400
OVERDUE_FROM = (("G1", TODAY + 1), ("G2", TODAY + 2))
ASKED = {
    "expected": Asked(expected_every=1_800),
    "often": Asked(expected_every=300, stuck=2),
    "stuck": Asked(stuck=3, plausible=(9.8, 10.2)),
    "gauged": Asked(gauge="G2", plausible=(9.7, 10.3)),
    "first": Asked(remeasure="first", stuck=2),
    "last": Asked(remeasure="last", within=300, gauge="G1", expected_every=3_600),
    "plain": Asked(),
}


def spec_of(name: str, asked: Asked) -> CharacteristicSpec:
    low, high = asked.plausible or (float("nan"), float("nan"))
    return CharacteristicSpec(
        name,
        expected_every_seconds=float(asked.expected_every),
        stuck=asked.stuck,
        plausible_low=low,
        plausible_high=high,
        remeasure=asked.remeasure,  # type: ignore[arg-type] # one of the three
        remeasure_within_seconds=float(asked.within),
        gauge=asked.gauge,
    )


PLAN = make_plan(
    *(spec_of(name, asked) for name, asked in ASKED.items()),
    calendar=CalendarSpec(working_days=frozenset(range(5))),
    gauges=tuple(GaugeSpec(gauge, day + EPOCH_DAY - 1) for gauge, day in OVERDUE_FROM),
)


def told(seed: int, moments: int, states: bool) -> tuple[Journal, dict[str, Quality]]:
    """A journal of three days and a half, and what the oracle of each characteristic makes of it."""
    rng, journal = Random(seed), Journal()
    days_off = frozenset((TODAY + 1, TODAY + 2))
    oracles = {name: Quality(asked._replace(overdue=OVERDUE_FROM, days_off=days_off)) for name, asked in ASKED.items()}
    journal.plan(START, PLAN)
    now = START // SECOND
    for _ in range(moments):
        now += rng.choice((10, 60, 60, 300, 1_200, 2_400))
        journal.tick(now * SECOND)
        for oracle in oracles.values():
            oracle.tick(now)
        act = rng.random()
        if states and act < 0.25:
            state, time = rng.choice(("running", "running", "down", "idle")), now + rng.choice((0, -30, 20))
            body = {"kind": "state", "state": state, "time": time * 1_000}
            journal.add(now * SECOND, "plant/m", json.dumps(body).encode(), connector="line")
            for oracle in oracles.values():
                oracle.machine(state, time)
        elif act < 0.9:
            _message(rng, journal, oracles, now)
    for _ in range(40):
        now += 600
        journal.tick(now * SECOND)
        for oracle in oracles.values():
            oracle.tick(now)
    return journal, oracles


def _message(rng: Random, journal: Journal, oracles: dict[str, Quality], now: int) -> None:
    time = now + rng.choice((0, 0, 0, 5, -20, -4_000))
    fields: dict[str, Any] = {}
    if rng.random() < 0.8:
        fields["part"] = rng.choice("ABC")
    if rng.random() < 0.5:
        fields["gauge"] = rng.choice(("G1", "G2", "G3"))
    if rng.random() < 0.05:
        fields["purpose"] = "setup"
    values: dict[str, Any] = {}
    for name in rng.sample(sorted(ASKED), rng.randrange(1, 5)):
        some = [round(rng.gauss(10, 0.1), 1) for _ in range(rng.choice((1, 1, 3)))]
        values[name] = some if len(some) > 1 else some[0]
    seq = journal.message(time * SECOND, values, received_ns=now * SECOND, **fields)
    idx = 0
    for name, some in values.items():
        for value in some if isinstance(some, list) else [some]:
            oracles[name].read(Came(seq, idx, time, value, **fields))
            idx += 1


def framed(journal: Journal, cuts: set[int]) -> dict[str, tuple[list[Any], list[Any], list[Any]]]:
    """Of each characteristic: signals, readings set aside, and what reaches its chart; resumed at every cut."""
    logic = FramingLogic(journal.plan_at)
    names = [spec.id for spec in PLAN.characteristics]
    found: dict[str, tuple[list[Any], list[Any], list[Any]]] = {name: ([], [], []) for name in names}
    bounds = [0, *sorted(cuts), len(journal.entries)]
    for start, end in pairwise(bounds):
        for _, frame in logic.frames(journal.entries[start:end]):
            if isinstance(frame, PlantFrame):
                for _, which, _, _, time, rule, *_ in frame.rows.get("signal", []):
                    found[names[which]][0].append((rule, time / SECOND))
                for _, which, seq, idx, _, _, state, _ in frame.rows["reading"]:
                    found[names[which]][1].append((seq, idx, state))
            else:
                _reach(frame, names, found)
        logic = FramingLogic(journal.plan_at, logic.to_bytes())
    return found


def _reach(frame: ShardFrame, names: list[str], found: dict[str, tuple[list[Any], list[Any], list[Any]]]) -> None:
    readings = frame.readings
    assert (np.diff(frame.cause_seq) >= 0).all()
    columns = (readings.characteristic, readings.seq, readings.idx, readings.state)
    for which, seq, idx, state in zip(*(column.tolist() for column in columns), strict=True):
        found[names[which]][2].append((seq, idx, state == OVERDUE))


@pytest.mark.parametrize("states", [False, True], ids=["by the calendar", "by machine states"])
@pytest.mark.parametrize("seed", range(6))
def test_what_becomes_of_readings_is_what_the_oracle_says_wherever_it_is_cut(seed: int, states: bool) -> None:
    journal, oracles = told(seed, 350, states)
    rng = Random(seed)
    for cuts in (set(), {rng.randrange(1, len(journal.entries)) for _ in range(60)}):
        found = framed(journal, cuts)
        for name, oracle in oracles.items():
            signals, aside, charted = found[name]
            assert sorted(signals) == sorted(oracle.signals), name
            assert sorted(aside) == sorted(oracle.aside), name
            assert charted == oracle.charted, name


def test_the_random_journals_hold_every_case() -> None:
    oracles = [oracle for states in (False, True) for oracle in told(0, 350, states)[1].values()]
    rules = {rule for oracle in oracles for rule, _ in oracle.signals}
    assert rules == {"missed-sample", "stale", "stuck", "gauge-overdue", "implausible"}
    assert {state for oracle in oracles for *_, state in oracle.aside} == {"implausible", "remeasured"}


def test_the_state_does_not_depend_on_cuts() -> None:
    journal, _ = told(3, 120, states=True)
    whole = FramingLogic(journal.plan_at)
    list(whole.frames(journal.entries))
    cut = FramingLogic(journal.plan_at)
    for entry in journal.entries:
        list(cut.frames([entry]))
        cut = FramingLogic(journal.plan_at, cut.to_bytes())
    assert cut.to_bytes() == whole.to_bytes()


def test_only_the_newest_parts_are_known_again() -> None:
    parts: Parts = {}
    measured_again([Measured(part, part, (part, 0)) for part in range(1, PARTS_KEPT + 2)], parts)
    assert len(parts) == PARTS_KEPT
    assert measured_again([Measured(0, 2, (9_000, 0)), Measured(1, 1, (9_001, 0))], parts) == [0]


def test_no_readings_are_never_stuck() -> None:
    nothing = np.empty(0, np.int64)
    assert not len(stuck_at(nothing, np.empty(0), nothing, np.empty(0), nothing))
