"""Sparkplug through the whole flow: a death makes stale at once, a birth makes live, wherever the journal is cut."""

import random
from typing import Any

from config.plan import ConnectorPlan, Plan
from config.tag_plan import Meaning, TagPlan
from connectors.sparkplug.encode import MetricOut, encode_payload
from connectors.sparkplug.types import BD_SEQ, DataType
from rules.spec import CharacteristicSpec, FixedLimits
from tests.plants import MINUTE, SECOND, Journal, Rows, at, bits, make_plan, named, run_logics

START = at("2026-03-26 06:00")
LIMITS = FixedLimits(10.0, 0.1)
BORE = CharacteristicSpec("plant/press/cell/bore", lsl=9.4, usl=10.6, limits=LIMITS, minimum_n=2)
DEPTH = CharacteristicSpec("plant/press/cell/depth", lsl=9.4, usl=10.6, limits=LIMITS, minimum_n=2)
VOLTS = CharacteristicSpec("plant/press/volts", lsl=9.4, usl=10.6, limits=LIMITS, minimum_n=2)
HELD = CharacteristicSpec("plant/press/cell/held", limits=LIMITS, minimum_n=2, lateness_seconds=120.0)
TAGS = (
    TagPlan("State", "state", meanings=(Meaning("0", "idle"), Meaning("1", "running"))),
    TagPlan("PartId", "context", field="part"),
)
CELLS = ConnectorPlan(
    "cells",
    "sparkplug",
    ("spBv1.0/STATE/plumbline", "spBv1.0/plant/#"),
    "{group}/{edge}/{device}/{name}",
    "UTC",
    "id",
    place="{group}/{edge}/{device}",
    tags=TAGS,
)


def the_plan() -> Plan:
    return make_plan(BORE, DEPTH, VOLTS, HELD, connectors=(CELLS,))


class Shift:
    """A journal of one edge node; time goes on by itself."""

    def __init__(self) -> None:
        self.journal, self.now = Journal(), START
        self.journal.plan(START, the_plan())
        self.journal.tick(START)

    def send(self, kind: str, device: str = "", **values: Any) -> int:
        """A message of these values, by name, 10 s after the last one; with it comes the clock's tick."""
        self.now += 10 * SECOND
        ms = self.now // 1_000_000
        types = {str: DataType.STRING, int: DataType.INT32}
        metrics = [
            MetricOut(name, value, types.get(type(value), DataType.DOUBLE), timestamp_ms=ms)
            for name, value in values.items()
        ]
        if kind in ("NBIRTH", "NDEATH"):
            metrics.append(MetricOut(BD_SEQ, 0, DataType.INT64))
        topic = f"spBv1.0/plant/{kind}/press" + (f"/{device}" if device else "")
        seq = self.journal.add(self.now, topic, encode_payload(ms, metrics, 0), connector="cells")
        self.tick()
        return seq

    def tick(self, minutes: int = 1) -> None:
        for _ in range(minutes):
            self.now += MINUTE
            self.journal.tick(self.now)

    def born(self, **values: float) -> int:
        self.send("NBIRTH", volts=10.0)
        return self.send("DBIRTH", "cell", **({"bore": 10.0, "depth": 10.0} | values))

    def measure(self, n: int) -> None:
        for k in range(n):
            self.send("DDATA", "cell", bore=10.0 + 0.01 * (k % 3), depth=10.0 - 0.01 * (k % 3))
            self.send("NDATA", volts=10.0 + 0.02 * (k % 2))


def stale(rows: Rows, characteristic: CharacteristicSpec) -> list[bool]:
    """What its rolling capability said, one after the other, each change once."""
    number = 1 + [spec.id for spec in the_plan().characteristics].index(characteristic.id)
    said = ["stale" in row["verdicts"] for row in named(rows, "capability") if row["characteristic"] == number]
    return [one for place, one in enumerate(said) if place == 0 or one != said[place - 1]]


def test_the_death_of_a_node_makes_all_it_measures_stale_at_once() -> None:
    shift = Shift()
    shift.born()
    shift.measure(5)
    shift.send("NDEATH")
    rows = run_logics(shift.journal)
    for one in (BORE, DEPTH, VOLTS):
        assert stale(rows, one) == [False, True]


def test_a_reading_that_was_held_back_from_before_a_death_is_no_life() -> None:
    shift = Shift()
    shift.born(held=10.0)
    for _ in range(3):
        shift.send("DDATA", "cell", held=10.1)
    shift.send("NDEATH")  # the last reading waits two minutes
    shift.tick(5)
    rows = run_logics(shift.journal)
    assert len([row for row in named(rows, "point") if row["characteristic"] == 3]) == 4
    assert stale(rows, HELD)[-1] is True


def test_the_death_of_a_device_leaves_its_node_alone() -> None:
    shift = Shift()
    shift.born()
    shift.measure(5)
    shift.send("DDEATH", "cell")
    rows = run_logics(shift.journal)
    assert [stale(rows, one)[-1] for one in (BORE, DEPTH, VOLTS)] == [True, True, False]


def test_a_birth_makes_live_what_it_names_and_measures_nothing_twice() -> None:
    shift = Shift()
    shift.born()
    shift.measure(5)
    before = len(named(run_logics(shift.journal), "point"))
    shift.send("NDEATH")
    shift.send("NBIRTH", volts=10.0)
    shift.send("DBIRTH", "cell", bore=10.01)  # what it said last; of depth nothing
    rows = run_logics(shift.journal)
    assert stale(rows, BORE) == [False, True, False]
    assert stale(rows, DEPTH) == [False, True]
    assert len(named(rows, "point")) == before


def test_a_new_session_of_the_gateway_makes_stale_who_is_not_heard_of_again() -> None:
    shift = Shift()
    shift.born()
    shift.measure(5)
    shift.journal.add(shift.now, "spBv1.0/STATE/plumbline", b'{"online":true,"timestamp":5}', connector="cells")
    shift.tick()
    assert stale(run_logics(shift.journal), BORE) == [False, True]


def everything(seed: int) -> Shift:
    rng, shift = random.Random(seed), Shift()
    shift.born()
    for _ in range(50):
        kind = rng.choice(["DDATA"] * 6 + ["NDATA", "NDEATH", "DDEATH", "born", "born", "born", "STATE", "tick"])
        if kind == "born":
            shift.born(bore=round(rng.gauss(10, 0.1), 2))
        elif kind == "tick":
            shift.tick(rng.randint(1, 30))
        elif kind == "STATE":
            said = b'{"online":true,"timestamp":%d}' % rng.randrange(3)
            shift.journal.add(shift.now, "spBv1.0/STATE/plumbline", said, connector="cells")
        elif kind == "DDATA":
            more: dict[str, Any] = {"State": rng.randrange(3)} if rng.random() < 0.7 else {}
            more |= {"PartId": f"SN{rng.randrange(9)}"} if rng.random() < 0.3 else {}
            shift.send(kind, "cell", bore=rng.gauss(10, 0.1), depth=rng.gauss(10, 0.1), **more)
        else:
            shift.send(
                kind, "cell" if kind[0] == "D" else "", **({"volts": rng.gauss(10, 0.1)} if kind == "NDATA" else {})
            )
    return shift


def test_where_the_journal_is_cut_and_resumed_changes_no_row() -> None:
    for seed in range(2):
        journal = everything(seed).journal
        whole = run_logics(journal)
        places = range(1, len(journal.entries))
        assert bits(run_logics(journal, cuts=places[::2])) == bits(whole)
        assert bits(run_logics(journal, resumes=places[::9])) == bits(whole)
        assert {"point", "event", "capability", "rejected"} <= whole.keys()
