from dataclasses import replace
from math import isnan
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import PlanError
from config.load import load
from config.plan import ConnectorPlan, Plan
from rules.spec import (
    BaselineLimits,
    CalendarSpec,
    CharacteristicSpec,
    FixedLimits,
    KeyResultSpec,
    MetricSpec,
    ObjectiveSpec,
    RuleSpec,
)
from tests.unit.plant_texts import SOUND, within, write

FULL = Plan(
    plant_id="p1",
    calendar=CalendarSpec(
        *("Asia/Shanghai", 480, frozenset({5, 0, 1}), frozenset({739_159}), frozenset({739_200}), 20),
        shift_names=("a", "b"),
        shift_starts=(0, 720),
    ),
    connectors=(ConnectorPlan("a", "json", ("x/{line}/+", "y/#"), "{line}/{name}", "UTC", "payload"),),
    characteristics=(
        CharacteristicSpec(
            "l/s/a", lsl=9.96, usl=10.04, limits=FixedLimits(10.0, 0.1 + 0.2), rules=(RuleSpec("x", 7),)
        ),
        CharacteristicSpec("l/s/b", unit="µm", limits=BaselineLimits(25), co_owners=("q", "p"), rules=()),
    ),
    metrics=(MetricSpec("m", "ppk", ("l/s/a", "l/s/b"), "day", "share-at-target", "lower", 1.5),),
    objectives=(ObjectiveSpec("O", "T", "post", "me", "", "2026", 739_617, 739_981),),
    key_results=(KeyResultSpec("K", "O", "T", "m", "maintain", 0.9),),
    restate_days=3,
    clock_step_seconds=60,
)


def test_a_plan_comes_back_from_its_json_as_it_was() -> None:
    back = Plan.from_json(FULL.to_json())
    assert back == FULL
    assert back.to_json() == FULL.to_json()
    assert isinstance(back.calendar.holidays, frozenset)
    assert isinstance(back.characteristics[0].limits, FixedLimits)


def test_an_absent_number_is_null_in_the_json_and_nan_again_after_it() -> None:
    written = orjson.loads(FULL.to_json())
    assert written["characteristics"][1]["lsl"] is None
    back = Plan.from_json(FULL.to_json())
    assert isnan(back.characteristics[1].lsl)
    assert isnan(back.key_results[0].start)


@given(st.floats(allow_nan=True, allow_infinity=False), st.floats(allow_nan=True, allow_infinity=False))
def test_every_number_comes_back_bit_for_bit(lsl: float, start: float) -> None:
    plan = replace(
        FULL,
        characteristics=(CharacteristicSpec("a", lsl=lsl),),
        key_results=(replace(FULL.key_results[0], start=start),),
    )
    back = Plan.from_json(plan.to_json())
    assert repr(back) == repr(plan)


def test_the_json_is_canonical() -> None:
    written = FULL.to_json()
    assert written == orjson.dumps(orjson.loads(written), option=orjson.OPT_SORT_KEYS)
    assert orjson.loads(written)["calendar"]["working_days"] == [0, 1, 5]


def test_a_field_that_an_older_plan_lacks_has_its_default() -> None:
    older = orjson.loads(FULL.to_json())
    del older["characteristics"][0]["reaction"], older["restate_days"]
    back = Plan.from_json(orjson.dumps(older))
    assert back.characteristics[0].reaction == ""
    assert back.restate_days == 7


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a plan"),
        (b"[]", "expected dict"),
        (b"{}", "Plan lacks calendar, plant_id"),
        (b'{"plant_id":"p","calendar":{},"from_the_future":1}', "Plan has no from_the_future"),
        (b'{"plant_id":"p","calendar":{"day_starts_at":1.5}}', "expected int, got 1.5"),
        (b'{"plant_id":"p","calendar":{},"characteristics":[{"id":"a","chart":"ewma"}]}', "got 'ewma'"),
        (b'{"plant_id":"p","calendar":{},"characteristics":[{"id":"a","lsl":"9"}]}', "expected a number, got '9'"),
        (b'{"plant_id":"p","calendar":{},"characteristics":[{"id":"a","limits":{"x":1}}]}', "not a plan"),
        (b'{"plant_id":"p","calendar":{},"characteristics":[{"id":"a","day_basis":[]}]}', "not a plan"),
    ],
)
def test_what_is_no_plan_of_this_version_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        Plan.from_json(data)


def test_hosts_secrets_and_storage_do_not_change_the_plan(tmp_path: Path) -> None:
    shell = within(
        "connectors.press", 'host = "10.0.0.9"\nport = 8883\nusername = "u"\npassword_env = "PW"\nclient_id = "c"'
    )
    shell = within(
        "connectors.press", 'tls = { ca = "system" }\nsession_expiry_days = 9\nkeep_alive_seconds = 9', shell
    )
    shell += '[influxdb]\ntoken_env = "T"\n[okr]\nurl = "https://okr.example.com"\n'
    shell += '[web]\nport = 9\n[storage]\ndirectory = "d"\n'
    plain, moved = (load(write(tmp_path, text)).plan().to_json() for text in (SOUND, shell))
    assert plain == moved
    for word in (b"10.0.0.9", b"8883", b"PW", b"okr.example.com"):
        assert word not in moved


def test_the_order_of_the_file_does_not_change_the_plan(tmp_path: Path) -> None:
    other = '[connectors.a]\ntype = "mqtt"\ntopics = ["{line}/{station}"]\n'
    above, below = (load(write(tmp_path, text)).plan() for text in (other + SOUND, SOUND + other))
    assert above.to_json() == below.to_json()
    assert [connector.name for connector in above.connectors] == ["a", "press"]


def test_what_decides_results_changes_the_plan(tmp_path: Path) -> None:
    plans = [
        load(write(tmp_path, text)).plan().to_json()
        for text in (
            SOUND,
            within("plant", "grace_minutes = 20"),
            within("plant", 'timezone = "Asia/Shanghai"'),
            within("connectors.press", 'dedupe = "none"'),
            within('characteristics."line1/op10/bore"', "window = 130"),
            within("metrics.bore", 'over = "day"'),
            within("key_results.KR1", 'direction = "at-least"\nowner = 1').replace(
                "owner = 1\n", "required_share = 0.9\n"
            ),
        )
    ]
    assert len(set(plans)) == len(plans)


def test_the_step_of_the_clock_is_a_second_live_a_minute_simulated_or_as_given(tmp_path: Path) -> None:
    live = load(write(tmp_path, SOUND))
    simulated = load(write(tmp_path, SOUND + '[clock]\nsource = "topic"\ntopic = "clock"\n'))
    assert live.plan().clock_step_seconds == 1
    assert simulated.plan().clock_step_seconds == 60
    assert live.plan(clock_step_seconds=60).clock_step_seconds == 60
    assert (live.clock_connector, simulated.clock_connector) == ("", "press")
