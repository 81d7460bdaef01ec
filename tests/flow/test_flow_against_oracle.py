"""The engine's logics from messages to rows, each characteristic held against the oracle told of the same readings."""

import json
from random import Random
from typing import Any

import numpy as np
import pytest

from flows.frames import shard_of
from rules.run_rules import RULE_SETS, RULES_BY_NAME
from rules.spec import BaselineLimits, CalendarSpec, CharacteristicSpec, FixedLimits
from rules.verdicts import BITS
from tests.oracle import Oracle
from tests.oracle_events import Accept, Event, Gap, Reading, Tick
from tests.oracle_streams import DAY, SECOND, same
from tests.plants import MINUTE, Journal, Rows, at, make_plan, named, ordinal, run_logics

START = at("2026-11-16 00:15")  # a Monday; days are those of UTC and close at a quarter past midnight
RULES = RULE_SETS["nelson"]
LIMITS = {"lsl": 9.6, "usl": 10.4, "target": 10.0, "rules": RULES, "window": 30, "minimum_n": 12}
SPECS = (
    CharacteristicSpec("bore", limits=FixedLimits(10.0, 0.1), **LIMITS),  # type: ignore[arg-type] # by name
    CharacteristicSpec("depth", limits=BaselineLimits(20), **LIMITS),  # type: ignore[arg-type]
    CharacteristicSpec("force", chart="xbar-r", subgroup_size=4, limits=BaselineLimits(8), **LIMITS),  # type: ignore[arg-type]
    CharacteristicSpec("width", chart="xbar-s", subgroup_size=3, limits=FixedLimits(10.0, 0.1), **LIMITS),  # type: ignore[arg-type]
)
POINT_COLUMNS = "cause_seq seq idx time value dispersion n cl ucl lcl dispersion_cl dispersion_ucl dispersion_lcl"
FIGURES = (
    "cause_seq n subgroups mean sigma_within sigma_overall cp cpl cpu cpk cpk_lower pp ppl ppu ppk ppk_lower cpm "
    "out_of_spec beyond_limits first_seq last_seq limits_revision"
)


def both(rng: Random, days: int, messages: int) -> tuple[Journal, dict[str, list[Event]]]:
    """A journal, and what happened in it as the oracle of each characteristic is told."""
    journal = Journal()
    events: dict[str, list[Event]] = {spec.id: [] for spec in SPECS}

    def tick(time_ns: int) -> None:
        seq = journal.tick(time_ns)
        for told in events.values():
            told.append(Tick(seq, time_ns, time_ns // DAY + ordinal("1970-01-01") - 1 - (time_ns % DAY < 15 * MINUTE)))

    journal.plan(START, make_plan(*SPECS, calendar=CalendarSpec()))
    tick(START)
    clock, last, lot = START, START, 0
    for _ in range(messages):
        clock += rng.choice([1, 1, 2]) * days * DAY // messages // SECOND * SECOND
        while last + 30 * MINUTE < clock:
            last += 30 * MINUTE
            tick(last)
        if clock - clock % MINUTE > last:
            last = clock - clock % MINUTE
            tick(last)
        lot += rng.random() < 0.05
        if rng.random() < 0.02:
            journal.gap(clock, "line", lot)
            for told in events.values():
                told.append(Gap(0))
        if rng.random() < 0.02:
            journal.accept(clock, "depth")
            events["depth"].append(Accept(0))
        _message(rng, journal, events, clock, lot)
    for _ in range(50):
        last += 50 * MINUTE
        tick(last)
    return journal, events


def _message(rng: Random, journal: Journal, events: dict[str, list[Event]], clock: int, lot: int) -> None:
    time_ns = clock - rng.choice([0] * 15 + [3000, 90_000]) * SECOND
    shift = rng.choice([0.0, 0.0, -0.05])
    values: dict[str, Any] = {}
    name = rng.choice(["", "", "A", "B"])
    fields = {"lot": f"L{lot}"} | ({"subgroup": name} if name else {})
    if rng.random() < 0.03:
        fields["purpose"] = "setup"
    seq, idx = len(journal.entries) + 1, 0
    for spec in rng.sample(SPECS, rng.randrange(1, 4)):
        array = spec.chart != "individuals" and rng.random() < 0.4
        some = [round(rng.gauss(10 + shift, 0.1), 3) for _ in range(rng.randrange(1, spec.subgroup_size + 1))]
        some = some if array else some[:1]
        values[spec.id] = some if array else some[0]
        for place, value in enumerate(some):
            reading = Reading(
                0,
                time_ns,
                time_ns // DAY + ordinal("1970-01-01"),
                value,
                seq,
                idx,
                subgroup={"A": 1, "B": 2}.get(name, 1000 + seq if array else 0),
                ends=array and not name and place == len(some) - 1,
                change=lot,
                state=int("purpose" in fields),
            )
            events[spec.id].append(reading)
            idx += 1
    journal.message(time_ns, values, received_ns=clock, **fields)


@pytest.fixture(scope="module", params=range(3))
def runs(request: pytest.FixtureRequest) -> tuple[Rows, dict[str, Any], Journal]:
    journal, events = both(Random(f"flow {request.param}"), days=4, messages=350)
    told = {spec.id: Oracle([spec]).run(events[spec.id]) for spec in SPECS}
    return run_logics(journal, range(0, len(journal.entries), 111)), told, journal


def of(rows: Rows, kind: str, number: int) -> list[dict[str, Any]]:
    return [row for row in named(rows, kind) if row["characteristic"] == number]


def agree(given: list[dict[str, Any]], told: list[dict[str, Any]], columns: str) -> None:
    for row, want in zip(given, told, strict=True):
        differing = {name: (row[name], want[name]) for name in columns.split() if not same(row[name], want[name])}
        assert not differing, (row["row"], differing)


def test_every_characteristic_has_a_shard_of_its_own() -> None:
    """Windows and restatements are paced by the shard; one oracle is told of one characteristic."""
    assert len({shard_of(spec.id) for spec in SPECS}) == len(SPECS)


def test_points_are_the_oracles(runs: tuple[Rows, dict[str, Any], Journal]) -> None:
    rows, told, journal = runs
    for number, spec in enumerate(SPECS, 1):
        given = of(rows, "point", number)
        agree(given, told[spec.id].points, POINT_COLUMNS + " signals phase revision")
        for row, want in zip(given, told[spec.id].points, strict=True):
            if want["values"] is None:
                assert row["values"] is row["refs"] is row["contexts"] is None
                continue
            assert np.frombuffer(row["values"]).tolist() == want["values"]
            refs = [ref[:3] for ref in want["refs"]]
            assert [tuple(ref) for ref in np.frombuffer(row["refs"], np.int64).reshape(-1, 3).tolist()] == refs
            sent = [json.loads(journal.entries[seq - 1].payload) for seq, _, _ in refs]
            assert [context["lot"] for context in json.loads(row["contexts"])] == [body["lot"] for body in sent]


def test_signals_are_the_oracles(runs: tuple[Rows, dict[str, Any], Journal]) -> None:
    rows, told, _ = runs
    for number, spec in enumerate(SPECS, 1):
        expected = [
            (one["cause_seq"], one["seq"], one["idx"], rule.name, 2, one["limit"])
            for rule in RULES_BY_NAME.values()
            for one in told[spec.id].signals
            if one["bit"] == rule.bit
        ]
        given = of(rows, "signal", number)
        alone = [row for row in given if row["rule"] == "out-of-spec" or _late(row, told[spec.id])]
        shown = [(r["cause_seq"], r["seq"], r["idx"], r["rule"], r["phase"], r["limit"]) for r in alone]
        assert sorted(shown) == sorted(expected)
        raised = sorted(
            (point["cause_seq"], point["seq"], point["idx"], rule.name, point["phase"])
            for point in told[spec.id].points
            for rule in RULES_BY_NAME.values()
            if point["raised"] >> rule.bit & 1
        )
        others = [row for row in given if row not in alone]
        assert sorted((r["cause_seq"], r["seq"], r["idx"], r["rule"], r["phase"]) for r in others) == raised


def _late(row: dict[str, Any], told: Any) -> bool:
    return (row["seq"], row["idx"]) in {(one["seq"], one["idx"]) for one in told.loose if one["state"] == "late"}


def test_readings_in_no_point_and_limits_are_the_oracles(runs: tuple[Rows, dict[str, Any], Journal]) -> None:
    rows, told, _ = runs
    for number, spec in enumerate(SPECS, 1):
        agree(of(rows, "reading", number), told[spec.id].loose, "cause_seq seq idx time value state")
        found = [row for row in of(rows, "limits", number) if row["reason"] == "baseline"]
        agree(found, told[spec.id].limits, "cause_seq revision time state center sigma points excluded")


def test_windows_and_days_are_the_oracles(runs: tuple[Rows, dict[str, Any], Journal]) -> None:
    rows, told, _ = runs
    for number, spec in enumerate(SPECS, 1):
        windows, days = of(rows, "capability", number), [row for row in of(rows, "day", number) if row["n"]]
        agree(windows, told[spec.id].windows, FIGURES + " time")
        expected = [row | {"revision": row["day_revision"]} for row in told[spec.id].days]
        agree(days, expected, FIGURES + " day revision basis late signals out_of_spec_day within_df")
        for row, want in zip(windows + days, told[spec.id].windows + expected, strict=True):
            assert sum(BITS[word] for word in json.loads(row["verdicts"])) == want["verdicts"]
            assert row["verdict"] == json.loads(row["verdicts"])[0]
