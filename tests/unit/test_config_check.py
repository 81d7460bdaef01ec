from dataclasses import replace
from itertools import product
from math import isnan
from pathlib import Path
from random import Random

import pytest

from config.check import check, expected_runs, false_breaches
from config.load import load
from rules.spec import BreachSpec, CalendarSpec, CharacteristicSpec
from tests.unit.plant_texts import SOUND, within, write

FIVE_DAYS = CalendarSpec(working_days=frozenset(range(5)))


@pytest.mark.parametrize(("p", "length", "days"), [(0.3, 1, 6), (0.3, 3, 9), (0.9, 2, 10), (0.5, 3, 3), (0.5, 4, 3)])
def test_expected_runs_are_those_of_all_sequences_of_days(p: float, length: int, days: int) -> None:
    expected = 0.0
    for sequence in product("bg", repeat=days):
        runs = [run for run in "".join(sequence).split("g") if len(run) >= length]
        expected += len(runs) * p ** sequence.count("b") * (1 - p) ** sequence.count("g")
    assert expected_runs(p, length, days) == pytest.approx(expected, rel=1e-12)


def test_false_breaches_are_near_what_a_capable_process_shows_when_simulated() -> None:
    """Ppk of 30 normal values a day, true value 1.33, three days below 1.2 in a row, 260 days a year.

    Bissell's normal approximation is good to some per cent of the index's error, which the third power of
    the share of bad days triples; 200 years leave about 4 %.
    """
    spec = CharacteristicSpec("a", lsl=-3.99, usl=3.99, breach=BreachSpec(index="ppk"))
    random, bad, runs, days = Random(7), 0, 0, 200 * 260
    for _ in range(days):
        values = [random.gauss(0.0, 1.0) for _ in range(30)]
        mean = sum(values) / 30
        sigma = (sum((value - mean) ** 2 for value in values) / 29) ** 0.5
        bad = bad + 1 if min(mean + 3.99, 3.99 - mean) / (3 * sigma) < 1.2 else 0
        runs += bad == 3
    assert false_breaches(spec, FIVE_DAYS) == pytest.approx(runs / 200, rel=0.35)


def test_more_readings_a_day_and_more_bad_days_make_fewer_false_breaches() -> None:
    spec = CharacteristicSpec("a", lsl=-1.0, usl=1.0)
    usual = false_breaches(spec, FIVE_DAYS)
    assert false_breaches(replace(spec, minimum_n=125), FIVE_DAYS) < usual
    assert false_breaches(replace(spec, breach=BreachSpec(breach_days=4)), FIVE_DAYS) < usual
    assert false_breaches(replace(spec, cpk_target=1.67), FIVE_DAYS) < usual
    assert false_breaches(replace(spec, chart="xbar-r", subgroup_size=5), FIVE_DAYS) < usual


def test_there_is_no_breach_to_expect_without_a_specification() -> None:
    assert isnan(false_breaches(CharacteristicSpec("a"), FIVE_DAYS))


def test_the_report_says_what_the_file_comes_to(tmp_path: Path) -> None:
    report = check(load(write(tmp_path, SOUND)))
    assert report.plant_id == "p1"
    assert report.days == "mon tue wed thu fri sat sun from 00:00 (UTC), 15 min grace"
    connector = report.connectors[0]
    assert (connector.name, connector.address) == ("press", "127.0.0.1:1883")
    assert connector.subscriptions == ("factory/+/+/measurements",)
    bore, depth = report.characteristics
    assert (bore.specification, bore.limits) == ("9.96 to 10.04", "from the first 25 subgroups")
    assert (depth.specification, depth.limits) == ("at least 4.9", "from the first 100 values")
    assert bore.rules == ("beyond-3-sigma", "9-on-one-side")
    assert (report.metrics[0].members, report.metrics[0].key_results) == (1, ("KR1",))
    assert (report.objectives, report.key_results, report.warnings) == (1, 1, ())


def test_what_looks_odd_is_warned_of(tmp_path: Path) -> None:
    text = within("connectors.press", 'host = "broker"\npassword_env = "PW"')
    text = within('characteristics."line1/op10/depth"', "cpk_target = 1.0", text)
    text += '[characteristics.force]\n[objectives.O2]\ntitle = "x"\nlevel = "post"\nperiod = "2026"\n'
    text += '[metrics.all]\nkind = "cpk"\nof = ["*"]\n'
    assert check(load(write(tmp_path, text))).warnings == (
        "connectors.press: the password goes to broker unencrypted; tls.ca switches TLS on",
        "force: neither lsl nor usl, so it has a chart and no Cpk",
        "force: no connector's template can give this id",
        "line1/op10/depth: cpk_target 1 is below cpk_floor 1.2",
        "metrics.all: force has no specification, so the metric is never complete",
        "objectives.O2: no key result and no objective under it",
    )


def test_an_empty_plant_is_sound_and_warned_of(tmp_path: Path) -> None:
    assert check(load(write(tmp_path, '[plant]\nid = "p"\n'))).warnings == (
        "connectors: there is none; only replay has anything to do",
        "characteristics: there is none; every reading will be set aside as unknown",
    )
