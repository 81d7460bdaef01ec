"""Random plants and what befalls them, drawn by hypothesis: the journals on which determinism is tried."""

import json
from dataclasses import replace
from functools import cache
from math import sqrt
from random import Random
from typing import Any

from hypothesis import strategies as st

from config.plan import ConnectorPlan, Plan
from rules.run_rules import RULE_SETS
from rules.spec import (
    BaselineLimits,
    BreachSpec,
    CalendarSpec,
    CharacteristicSpec,
    FixedLimits,
    GaugeSpec,
    KeyResultSpec,
    MetricSpec,
    ObjectiveSpec,
)
from tests.flow.happenings import HAPPENING_METRICS, HAPPENINGS
from tests.plants import MINUTE, SECOND, Journal, at, ordinal

NAMES = ("bore", "depth", "force", "leak", "late")
INSPECTED = ("rejected", "defects", "defects.scratch", "scrapped")  # what inspections are charted under
START = at("2026-03-27 05:00")  # a Friday: daylight saving begins on the 29th
DAY = 24 * 60 * MINUTE

NELSON = RULE_SETS["nelson"]
QUICK = BreachSpec(breach_days=2, recovery_days=1)
FIXED = FixedLimits(10.0, 0.1)
SINGLE = CharacteristicSpec("", lsl=9.7, usl=10.3, limits=FIXED, minimum_n=4, day_basis="day", breach=QUICK)
GROUPS = replace(SINGLE, chart="xbar-r", subgroup_size=3, subgroup_within_seconds=600.0)
VARIANTS = (  # what a name may be in a plan; None: not in it
    None,
    SINGLE,
    replace(SINGLE, lsl=9.5, limits=BaselineLimits(6), rules=NELSON, window=20, day_basis="auto"),
    replace(GROUPS, limits=BaselineLimits(4), rules=NELSON, breach=BreachSpec(breach_days=1, on_gap="reset")),
    replace(GROUPS, chart="xbar-s", subgroup_size=5, usl=float("nan"), resolution=0.1, day_basis="trailing"),
    replace(SINGLE, usl=10.2, lateness_seconds=420.0, breach=replace(QUICK, floor=0.6, index="min")),
    replace(GROUPS, lateness_seconds=300.0, breach=replace(QUICK, max_gap_days=1)),
    replace(
        SINGLE,
        expected_every_seconds=1800.0,
        stuck=2,
        plausible_low=9.8,
        plausible_high=10.2,
        remeasure="first",
        gauge="G1",
    ),
    replace(
        GROUPS,
        expected_every_seconds=600.0,
        stuck=2,
        plausible_high=10.15,
        remeasure="last",
        remeasure_within_seconds=240.0,
        lateness_seconds=60.0,
    ),
)
RATE = CharacteristicSpec("", chart="p", limits=FixedLimits(0.04, sqrt(0.04 * 0.96)), rules=NELSON, minimum_n=60)
DEFECTS = replace(RATE, chart="u", limits=BaselineLimits(5), usl=0.1, window=6)
RATES = (  # one of these in each plan; the last of the second is a chart of measurements, which takes no count
    (RATE, DEFECTS, replace(DEFECTS, chart="c", lateness_seconds=420.0), replace(RATE, chart="np")),
    (replace(RATE, usl=0.05), replace(DEFECTS, chart="c"), replace(DEFECTS, usl=float("nan")), SINGLE),
)
CALENDARS = (
    CalendarSpec(),
    CalendarSpec("Europe/Berlin", 360, frozenset(range(5)), frozenset({ordinal("2026-03-31")}), grace_minutes=10),
    CalendarSpec("Asia/Shanghai", 480, grace_minutes=5),
)
OVER = ("day", "trailing", "window", "period")
REDUCE = ("min", "mean", "share-at-target")

Choice = tuple[int, ...]
choices = st.tuples(*[st.integers(0, len(VARIANTS) - 1)] * len(NAMES), *[st.integers(0, 3)] * 3)


@cache
def plan_of(choice: Choice) -> Plan:
    """A plan by its choices: a variant for each name, the calendar, how far days are restated, the metric."""
    *variants, calendar, restate, metric = choice
    specs = [replace(VARIANTS[v], id=name) for name, v in zip(NAMES, variants, strict=True) if VARIANTS[v] is not None]
    members = tuple(sorted(spec.id for spec in specs))
    specs += [replace(one, id=name) for name, one in zip(INSPECTED, RATES[metric % 2], strict=True)]
    return Plan(
        plant_id="story",
        calendar=CALENDARS[calendar % len(CALENDARS)],
        connectors=tuple(_connector(name, dedupe) for name, dedupe in (("line", "id"), ("payload", "payload"))),
        characteristics=tuple(sorted(specs, key=lambda spec: spec.id)),
        restate_days=(0, 1, 3, 7)[restate],
        clock_step_seconds=60,
        gauges=(GaugeSpec("G1", ordinal("2026-03-28")), GaugeSpec("G2", ordinal("2026-03-27") + variants[0])),
        **_goals(members, metric),
    )


def _connector(name: str, dedupe: Any) -> ConnectorPlan:
    return ConnectorPlan(name, "json", ("plant/{kind}",), "{name}", "Europe/Berlin", dedupe)


def _goals(members: tuple[str, ...], metric: int) -> dict[str, Any]:
    if not members:
        return {}
    bound = MetricSpec("cpk", "cpk", members, over=OVER[metric], reduce=REDUCE[metric % 3], target=1.0)
    worst = MetricSpec("worst", "cpk", members, over="day", floor=0.9 if metric else float("nan"), breach_days=1)
    over = OVER[(metric + 1) % 4]
    defects = MetricSpec("defects", "defect-rate", ("*",), over=over, reduce="total", by="supplier", window_hours=5)
    first, last = ordinal("2026-03-26"), ordinal("2026-04-03")
    return {
        "metrics": (*HAPPENING_METRICS, bound, defects, worst),
        "objectives": (ObjectiveSpec("O1", "Capable", "post", "x", "", "own", first, last),),
        "key_results": (
            KeyResultSpec("KR1", "O1", "Cpk", "cpk", "reach", 1.33, start=0.0),
            KeyResultSpec("KR2", "O1", "Kept", "cpk", "maintain", 1.0),
            KeyResultSpec("KR3", "O1", "Few", "defects", "reach", 0.01, start=0.1, direction="at-most"),
        ),
    }


LATES = (0, 0, 0, 0, 30, 600, 4_000, 90_000, 200_000, 900_000, -3, -40, -200, -900)  # seconds; below 0: ahead
BAD = (
    b"{",
    b"[]",
    b"\xff\xfe",
    b'{"a": NaN}',
    b'{"values": {"nobody": 1}}',
    b'{"values": {"bore": null, "depth": 9.9}}',
)
small = st.integers(0, 7)

events = st.one_of(
    st.tuples(st.just("message"), st.sampled_from(NAMES), small, st.sampled_from(LATES)),
    st.tuples(st.just("burst"), st.sampled_from(NAMES), small, st.sampled_from(LATES)),
    st.tuples(st.just("burst"), st.sampled_from(NAMES), small, st.just(0)),
    st.tuples(st.just("wait"), st.sampled_from((1, 7, 20, 50, 59))),
    st.tuples(st.just("nights"), st.sampled_from((0, 1, 2))),
    st.tuples(st.just("days"), st.sampled_from(NAMES), st.sampled_from((1, 2, 3, 5)), st.booleans()),
    st.tuples(st.just("days"), st.sampled_from(NAMES), st.sampled_from((2, 3)), st.just(True)),
    st.tuples(st.just("again"), st.integers(0, 400), st.sampled_from(("dup", "sent"))),
    st.tuples(st.just("bad"), st.sampled_from(BAD)),
    st.tuples(st.just("happening"), st.integers(0, 30), st.sampled_from(LATES)),
    st.tuples(st.just("inspections"), st.integers(1, 6), st.sampled_from(LATES)),
    st.tuples(st.just("correct"), st.sampled_from(("void", "correct")), st.integers(1, 30)),
    st.tuples(st.just("gap"), small),
    st.tuples(st.just("accept"), st.sampled_from(NAMES)),
    st.tuples(st.just("plan"), choices),
    st.tuples(st.just("checkpoint")),
)
stories = st.tuples(st.integers(0, 1 << 20), choices, st.lists(events, min_size=4, max_size=40))


# What chance might pass over: an episode that opens, recovers and opens again, restated days, three plans, every form.
WHOLE = (
    7,
    (1, 2, 3, 4, 5, 0, 3, 1),
    [
        *[("message", name, form, 0) for form in range(8) for name in NAMES],
        ("days", "bore", 3, True),
        ("burst", "bore", 2, 90_000),
        ("correct", "void", 3),
        ("correct", "correct", 8),
        ("days", "bore", 2, False),
        ("wait", 20),
        ("days", "bore", 3, True),
        *[("message", "bore", 0, late) for late in LATES],
        *[("bad", payload) for payload in BAD * 3],
        *[("inspections", 4, late) for late in (0, 0, 0, 4_000, 90_000, -40)],
        *[("happening", which, late) for which in range(len(HAPPENINGS)) for late in (0, 4_000)],
        ("gap", 0),
        ("again", 3, "dup"),
        ("again", 5, "sent"),
        ("accept", "depth"),
        ("plan", (5, 2, 0, 6, 1, 1, 3, 0)),
        *[("burst", name, 3, 0) for name in NAMES],
        ("checkpoint",),
        ("nights", 1),
        ("plan", (1, 0, 3, 4, 5, 2, 1, 2)),
        ("days", "late", 3, True),
        ("gap", 1),
        ("plan", (7, 8, 3, 4, 5, 2, 1, 2)),
        *[("message", name, 7, 0) for _ in range(8) for name in NAMES],
        ("happening", 1, 0),
        ("wait", 59),
        ("message", "bore", 7, 0),
        ("happening", 2, 0),
        ("nights", 0),
        ("happening", 1, 0),
        ("message", "depth", 7, 0),
        ("checkpoint",),
        ("plan", (7, 1, 3, 4, 8, 2, 1, 2)),
        *[("message", name, 7, 0) for _ in range(8) for name in NAMES],
        ("plan", (0, 8, 3, 4, 0, 2, 1, 2)),
    ],
)


class Story:
    """A journal in the making, event by event; each event's kind is a method."""

    def __init__(self, seed: int, choice: Choice) -> None:
        self.journal, self._rng, self._now, self._number = Journal(), Random(seed), START, 0
        self._mean = 10.0
        self.journal.plan(START, plan_of(choice))
        self.journal.tick(START)

    def message(self, name: str, form: int, late: int) -> None:
        body = self._body(name, late)
        other = self._rng.choice(NAMES)
        body["values"] = {name: self._value(), other: self._value()}
        if form in (1, 2):
            body["values"] = {name: [self._value() for _ in range(form * 2)]}
        elif form == 3:
            body |= {"subgroup": self._rng.choice("AB"), "lot": f"L{self._number // 5}"}
        elif form == 4:
            body |= {"purpose": "rework", "operator": "ada"}
        elif form == 7:
            k = self._number
            body |= {"part": "PQ"[k // 2 % 2], "gauge": ("G1", "G2", "G3")[k % 3]}
            if k % 4 == 0:
                body["values"][name] = [body["values"][name]] * 2
        elif form == 5:
            body["values"] = {name: None, other: self._value(), "nobody": 1}
        self._send(body, "payload" if form == 6 else "line")

    def burst(self, name: str, form: int, late: int) -> None:
        """Twelve messages in one payload, a minute of the past between two: enough for a day's figures."""
        self._mean = (10.0, 10.0, 9.8, 10.2)[form % 4]
        bodies = [self._body(name, late + (11 - k) * 20) | {"values": {name: self._value()}} for k in range(12)]
        self._send(bodies, "line")

    def happening(self, which: int, late: int) -> None:
        """A message of another kind: an inspection, a machine's state, …"""
        name = NAMES[0]
        self._send(self._body(name, late) | HAPPENINGS[which % len(HAPPENINGS)], "line")

    def inspections(self, count: int, late: int) -> None:
        """So many inspections in one payload, of different size, one of them for another purpose; some are bad."""
        bodies = []
        for _ in range(count):
            inspected = self._rng.choice((50, 50, 20, 7.5))
            kinds = self._rng.choice(({}, {"scratch": 3}, {"scratch": 1, "dent": 2}, {"dent": self._number % 4}))
            body = {"kind": "inspection", "inspected": inspected, "rejected": self._rng.randrange(6), "defects": kinds}
            body |= {"lot": f"L{self._number // 5}"} | ({"purpose": "trial"} if self._rng.random() < 0.1 else {})
            bodies.append(self._body("", late) | body)
        self._send(bodies, "line")

    def correct(self, action: str, back: int) -> None:
        """A correction of a message of late."""
        said = {"kind": action, "who": "W5", "why": "wrong part", "value": 10.01}
        body = self._body("", 0)
        self._send(body | said | {"ref": f"m{max(self._number - back, 1)}"}, "line")

    def wait(self, minutes: int) -> None:
        self._now += minutes * MINUTE
        self.journal.tick(self._now // MINUTE * MINUTE)

    def nights(self, days: int) -> None:
        """Half a day, or days, with a tick every hour."""
        until = self._now + (days * DAY or DAY // 2)
        while self._now < until:
            self.wait(59)

    def days(self, name: str, count: int, bad: bool) -> None:
        """Days with a burst each, good or bad ones; the clock jumps over the rest, and is believed 11 minutes later."""
        for _ in range(count):
            self.burst(name, 2 if bad else 0, 0)
            self.wait(DAY // MINUTE - 13)
            self.wait(11)

    def again(self, which: int, how: str) -> None:
        sent = [entry for entry in self.journal.entries if entry.connector != "_"]
        if sent:
            one = sent[which % len(sent)]
            dup = how == "dup"
            packet = one.packet_id if dup else self._packet()
            self.journal.add(self._now, one.topic, one.payload, connector=one.connector, packet=packet, dup=int(dup))

    def bad(self, payload: bytes) -> None:
        topic = self._rng.choice(("plant/m", "elsewhere"))
        connector = self._rng.choice(("line", "payload", "who"))
        self.journal.add(self._now, topic, payload, connector=connector, packet=self._packet())

    def gap(self, form: int) -> None:
        connector = ("line", "payload", "gone")[form % 3]
        self.journal.gap(self._now, connector, form // 2, ("open", "closed")[form % 2])

    def accept(self, name: str) -> None:
        self.journal.accept(self._now, name)

    def plan(self, choice: Choice) -> None:
        self.journal.plan(self._now, plan_of(choice))

    def checkpoint(self) -> None:
        self.journal.add(self._now, "checkpoint", b"{}")

    def _body(self, name: str, late: int) -> dict[str, Any]:
        self._number += 1
        self._now += 10 * SECOND
        time_ns = self._now - late * SECOND
        return {"time": time_ns // 1_000_000, "id": f"m{self._number}"}

    def _value(self) -> float:
        return round(self._rng.gauss(self._mean, 0.1), self._rng.choice((1, 3)))

    def _packet(self) -> int:
        return self._number % 20 + 1

    def _send(self, body: Any, connector: str) -> None:
        self.journal.add(self._now, "plant/m", json.dumps(body).encode(), connector=connector, packet=self._packet())


def journal_of(seed: int, choice: Choice, happened: list[tuple[Any, ...]]) -> Journal:
    """The journal of a story; the clock goes on for two days at its end."""
    story = Story(seed, choice)
    for kind, *details in happened:
        getattr(story, kind)(*details)
    story.nights(2)
    return story.journal
