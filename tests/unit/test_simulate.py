import json
from collections import defaultdict
from datetime import date
from fnmatch import fnmatchcase
from math import sqrt
from statistics import mean, median, stdev
from threading import Event

import pytest

from config.load import load
from config.topics import TopicPattern
from flows.demo import PLANT_FILE
from flows.plant_model import PARTS, Sent, day_messages, production_day, start_ns
from flows.simulate import CLOSED_NS, MINUTE_NS, STRIDE_NS, Pace, Settings, steps

PLANT = load(PLANT_FILE)
# By the gateways: line 3 speaks for itself, and what is rejected is counted.
MEASURED = {name for name, one in PLANT.characteristics.items() if not name.startswith("line3/") and one.chart != "p"}
DAYS = 21
FAULT_FROM = 18


def characteristic(message: Sent, body: dict, name: str) -> str:
    _, line, station, _ = message.topic.split("/")
    return f"{line}/{station}/{body['product']}/{name}"


def readings(number: int, seed: int = 1) -> dict[str, list[float]]:
    """Each characteristic's values of one day, each message once."""
    found = defaultdict(list)
    seen = set()
    for message in day_messages(number, seed=seed, fault_from=FAULT_FROM):
        if message.values == 0 or message.payload in seen:
            continue
        seen.add(message.payload)
        body = json.loads(message.payload)
        for name, value in body["values"].items():
            found[characteristic(message, body, name)] += value if isinstance(value, list) else [value]
    return found


def cpk(name: str, values: list[float]) -> float:
    """With sigma from the moving ranges within each five or eight in a row: an estimate of its own."""
    options = PLANT.characteristics[name]
    size = max(options.subgroup_size, PARTS)
    groups = [values[i : i + size] for i in range(0, len(values), size)]
    within = sqrt(mean(stdev(group) ** 2 for group in groups if len(group) > 1))
    sides = []
    if options.usl is not None:
        sides.append((options.usl - mean(values)) / (3 * within))
    if options.lsl is not None:
        sides.append((mean(values) - options.lsl) / (3 * within))
    return min(sides)


def test_the_same_seed_gives_the_same_messages_and_another_seed_others():
    first = day_messages(3, seed=1, fault_from=FAULT_FROM)
    assert day_messages(3, seed=1, fault_from=FAULT_FROM) == first
    assert day_messages(3, seed=2, fault_from=FAULT_FROM) != first


def test_every_characteristic_of_the_demos_plant_file_is_measured_40_to_160_times_a_day_and_no_other():
    for number in (0, 5, 20):
        found = readings(number)
        assert found.keys() == MEASURED
        assert {name: len(values) for name, values in found.items() if not 40 <= len(values) <= 160} == {}


def test_the_days_are_those_of_the_plant_files_calendar():
    calendar = PLANT.plan().calendar
    days = [production_day(number) for number in range(30)]
    assert days[0] == date(2026, 10, 8)
    between = [date.fromordinal(n) for n in range(days[0].toordinal(), days[-1].toordinal() + 1)]
    assert days == [day for day in between if day.weekday() in calendar.working_days]
    assert calendar.holidays.isdisjoint(day.toordinal() for day in days)
    assert start_ns(days[0]) == 1_791_417_600 * 10**9  # 2026-10-08T00:00:00Z, 08:00 in Shanghai


def test_the_fault_brings_one_characteristic_under_its_floor_for_three_days_and_no_other():
    low = set()
    for number in range(DAYS + 4):
        found = readings(number)
        bad = FAULT_FROM <= number < FAULT_FROM + 3
        bore = cpk("line1/op10/P7/bore", found.pop("line1/op10/P7/bore"))
        assert bore < 1.1 if bad else bore > 1.3, number
        low |= {(name, number) for name, values in found.items() if cpk(name, values) < 1.2}
    assert len(low) <= 3  # of 475: 40 values a day scatter
    assert not any((name, number + 1) in low for name, number in low)


def test_a_capable_plant_is_behind_it():
    found = [readings(number) for number in range(FAULT_FROM)]
    for name in MEASURED:
        assert 1.45 < median(cpk(name, day[name]) for day in found) < 2.3, name


def test_the_tool_wears_and_the_new_lot_is_wider():
    worn = [readings(number)["line1/op30/P7/diameter"] for number in (4, 5)]
    assert mean(worn[1][-20:]) - mean(worn[0][:20]) > 0.002  # about 1.75 sigma
    old, new = (mean(mean(readings(n)["line1/op20/P7/width"]) for n in range(k, k + 7)) for k in (0, 7))
    assert new - old == pytest.approx(0.8 * 0.018, abs=3 * 0.018 / sqrt(7 * 80 / 2))  # three standard errors


def test_one_gateway_repeats_and_reorders_and_one_breaks_json():
    sent = [m for number in range(5) for m in day_messages(number, seed=1, fault_from=FAULT_FROM)]
    weld = [m for m in sent if m.gateway == "weld"]
    ids = [json.loads(m.payload)["id"] for m in weld]
    times = [json.loads(m.payload)["time"] for m in weld]
    assert 0.02 < 1 - len(set(ids)) / len(ids) < 0.09
    assert times != sorted(times)
    lateness = min(c.lateness_seconds for name, c in PLANT.characteristics.items() if fnmatchcase(name, "line2/op20/*"))
    held = max(m.at_ns - min(w.at_ns for w in weld if w.payload == m.payload) for m in weld)
    assert 0 < held < lateness * 10**9
    broken = [m for m in sent if m.values == 0]
    assert {m.gateway for m in broken} == {"final"}
    assert broken
    for message in broken:
        with pytest.raises(json.JSONDecodeError):
            json.loads(message.payload)


def test_its_topics_are_those_the_gateway_subscribes_to():
    pattern = TopicPattern.parse(PLANT.connectors["gateways"].topics[0])
    assert all(pattern.match(m.topic) for m in day_messages(0, seed=1, fault_from=FAULT_FROM))


def test_the_clock_never_jumps_and_no_reading_is_ahead_of_it_by_more_than_its_step():
    for number in (0, 2):  # a Thursday, and the Saturday before a Sunday
        now = start_ns(production_day(number))
        for step in steps(Settings(), number):
            assert 0 < step.at_ns - now <= STRIDE_NS
            assert all(now < message.at_ns <= step.at_ns for message in step.messages)
            if step.messages:
                assert step.at_ns - now == MINUTE_NS
            now = step.at_ns
        assert now == start_ns(production_day(number + 1))


def test_two_bad_days_are_over_with_the_first_days_and_the_third_is_watched():
    settings = Settings(days=20)
    assert [number for number in range(settings.fault_from, settings.fault_from + 3) if number < settings.days] == [
        18,
        19,
    ]
    pace = Pace(settings)
    assert pace.paced_from == start_ns(production_day(20)) + CLOSED_NS  # the twentieth day's grace is over


def test_a_simulated_day_takes_the_seconds_it_is_given():
    class Waited(Event):
        seconds = 0.0

        def wait(self, timeout: float | None = None) -> bool:
            self.seconds = timeout or 0.0
            return False

    pace, stop = Pace(Settings(days=20, day_seconds=60.0)), Waited()
    pace.wait(5, start_ns(production_day(5)), stop)
    assert stop.seconds == 0.0
    closes = start_ns(production_day(21)) + CLOSED_NS
    pace.wait(21, closes, stop)
    assert stop.seconds == pytest.approx(60.0, abs=0.1)
    pace.wait(20, start_ns(production_day(21)), stop)  # the night takes no time
    assert stop.seconds == pytest.approx(60.0 * (16 * 60 - 16) / (16 * 60), abs=0.1)
