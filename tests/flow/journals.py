"""A journal with everything in it: the stuff that cuts, resumes and crashes are tried on."""

import json
from math import nan
from random import Random

from config.plan import ConnectorPlan, Plan
from rules.run_rules import RULE_SETS
from rules.spec import BaselineLimits, CalendarSpec, CharacteristicSpec, FixedLimits, MetricSpec
from tests.flow.happenings import HAPPENINGS
from tests.plants import MINUTE, SECOND, Journal, at, make_plan, with_goal

NELSON = RULE_SETS["nelson"]
START = at("2026-03-26 05:00")
CALENDAR = CalendarSpec("Europe/Berlin", 360, frozenset(range(5)), grace_minutes=15)  # DST begins on the 29th
GOAL = with_goal(1.33, "2026-03-25", "2026-04-30")
GOAL["metrics"] += (MetricSpec("now", "ppk", ("bore", "depth"), over="window", reduce="mean"),)

BORE = CharacteristicSpec("bore", lsl=9.6, usl=10.4, limits=FixedLimits(10.0, 0.1), rules=NELSON, minimum_n=10)
DEPTH = CharacteristicSpec("depth", lsl=9.7, chart="individuals", limits=BaselineLimits(12), rules=NELSON, window=20)
FORCE = CharacteristicSpec(
    "force", lsl=9.5, usl=10.5, target=10.0, chart="xbar-r", subgroup_size=4, limits=BaselineLimits(6), rules=NELSON
)
LEAK = CharacteristicSpec("leak", chart="xbar-s", subgroup_size=3, limits=FixedLimits(10.0, 0.1), minimum_n=10)
LATE = CharacteristicSpec("late", lsl=9.7, usl=10.3, limits=BaselineLimits(10), lateness_seconds=600.0, minimum_n=10)
WIDTH = CharacteristicSpec(
    "width", usl=10.3, chart="xbar-s", subgroup_size=5, limits=BaselineLimits(5), resolution=0.1, lateness_seconds=300.0
)

PAYLOAD = ConnectorPlan("payload", "json", ("plant/{kind}",), "{name}", "Europe/Berlin", "payload")
LINE = ConnectorPlan("line", "json", ("plant/{kind}",), "{name}", "UTC", "id")


def first_plan() -> Plan:
    return make_plan(BORE, DEPTH, FORCE, LEAK, LATE, WIDTH, calendar=CALENDAR, connectors=(LINE, PAYLOAD), **GOAL)


def second_plan() -> Plan:
    """A wider tolerance, other rules, one characteristic fewer, one more, one whose chart begins anew."""
    bore = CharacteristicSpec("bore", lsl=9.5, usl=10.5, limits=FixedLimits(10.05, 0.1), minimum_n=10)
    force = CharacteristicSpec("force", lsl=9.5, usl=10.5, chart="xbar-r", subgroup_size=3, limits=BaselineLimits(6))
    added = CharacteristicSpec("added", lsl=9.5, limits=BaselineLimits(8))
    return make_plan(bore, DEPTH, force, LATE, WIDTH, added, calendar=CALENDAR, connectors=(LINE, PAYLOAD), **GOAL)


def everything(seed: int, messages: int = 260) -> Journal:
    """Five days of messages and ticks with two plans, gaps, commands, checkpoints, repetitions and bad ones."""
    rng, journal = Random(seed), Journal()
    journal.plan(START, first_plan())
    journal.tick(START)
    names = ["bore", "bore", "depth", "force", "force", "leak", "late", "width"]
    step = 5 * 24 * 60 * MINUTE // messages
    clock = START
    for k in range(messages):
        clock += rng.choice([step // 4, step, step, 7 * step // 4]) // SECOND * SECOND
        while clock - journal.last_tick_ns >= 20 * MINUTE:
            journal.tick(journal.last_tick_ns + rng.choice([1, 10, 20]) * MINUTE)
        if clock // MINUTE * MINUTE > journal.last_tick_ns:
            journal.tick(clock // MINUTE * MINUTE)
        if k == messages // 2:
            journal.plan(clock, second_plan())
            names.append("added")
        _befalls(rng, journal, clock, k)
        _message(rng, journal, clock, names, k)
    journal.ticks(clock + 2 * 24 * 60 * MINUTE, 40 * MINUTE)
    return journal


def _befalls(rng: Random, journal: Journal, clock: int, k: int) -> None:
    chance = rng.random()
    if chance < 0.02:
        journal.gap(clock, rng.choice(["line", "payload", "gone"]), k, rng.choice(["open", "closed"]))
    elif chance < 0.05:
        journal.accept(clock, rng.choice(["depth", "force", "late", "nothing"]))
    elif chance < 0.06:
        journal.add(clock, "checkpoint", b"{}")
    elif chance < 0.10:
        again = rng.choice(journal.entries)
        if again.connector != "_":  # the broker delivers it again
            journal.add(clock, again.topic, again.payload, connector=again.connector, packet=again.packet_id, dup=1)
    elif chance < 0.13:
        bad = rng.choice([b"{", b"[]", b'{"values": {"nobody": 1}}', b'{"values": 3}', b'{"time": "x", "values": {}}'])
        journal.add(clock, rng.choice(["plant/m", "elsewhere"]), bad, connector=rng.choice(["line", "payload", "who"]))
    elif chance < 0.2:
        late = rng.choice([0, 0, 30, 90_000, 800_000, -9, -900])
        body = rng.choice(HAPPENINGS) | {"time": (clock - late * SECOND) // 1_000_000}
        journal.add(clock, "plant/m", json.dumps(body).encode(), connector="line", packet=k % 50 + 1)


def _message(rng: Random, journal: Journal, clock: int, names: list[str], k: int) -> None:
    shift = -0.25 if k % 90 > 60 else 0.0

    def value() -> object:
        if rng.random() < 0.03:
            return rng.choice([None, "x", nan])
        return round(rng.gauss(10 + shift, 0.1), rng.choice([1, 4]))

    values: dict[str, object] = {}
    for name in rng.sample(sorted(set(names)), rng.choice([1, 1, 2, 4])):
        array = name in ("force", "leak", "width") and rng.random() < 0.4
        values[name] = [value() for _ in range(rng.randrange(0, 6))] if array else value()
    late = rng.choice([0] * 12 + [-1, 30, 4000, 90_000, 800_000, -9, -200, -900])  # seconds; ahead of the clock below 0
    body: dict[str, object] = {"time": (clock - late * SECOND) // 1_000_000, "values": values}
    if rng.random() < 0.7:
        body["id"] = f"m{k if rng.random() > 0.05 else max(0, k - 1)}"
    if rng.random() < 0.4:
        body |= {"lot": f"L{k // 40}", "operator": rng.choice(["ada", "bo"])}
    if rng.random() < 0.2:
        body["subgroup"] = rng.choice(["A", "B", "C"])
    if rng.random() < 0.04:
        body["purpose"] = "rework"
    document: object = body
    if rng.random() < 0.1:
        document = [body, body | {"id": f"second-{k}", "time": (clock - 2 * SECOND) // 1_000_000}]
    connector = "payload" if rng.random() < 0.2 else "line"
    journal.add(clock, "plant/m", json.dumps(document).encode(), connector=connector, packet=k % 50 + 1)
