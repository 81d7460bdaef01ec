from datetime import date
from math import isnan
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.errors import PlantFileError
from config.goals import period_days
from config.load import load
from rules.run_rules import RULE_SETS, RUN_RULES
from rules.spec import BaselineLimits, FixedLimits, RuleSpec
from tests.unit.plant_texts import SOUND, instead, within, write

BORE = 'characteristics."line1/op10/bore"'
DEPTH = 'characteristics."line1/op10/depth"'


def test_a_small_plant_file_has_the_documented_defaults(tmp_path: Path) -> None:
    plant_file = load(write(tmp_path, SOUND))
    plan = plant_file.plan()
    bore, depth = plan.characteristics
    assert (bore.id, bore.line, bore.station, bore.product) == ("line1/op10/bore", "line1", "op10", "")
    assert (bore.chart, bore.subgroup_size, bore.limits) == ("xbar-r", 5, BaselineLimits(25))
    assert (depth.chart, depth.subgroup_size, depth.limits) == ("individuals", 1, BaselineLimits(100))
    assert (depth.window, depth.minimum_n, depth.cpk_target) == (125, 30, 1.33)
    assert (depth.stale_after_seconds, depth.subgroup_within_seconds, depth.lateness_seconds) == (86_400, 1800, 0)
    assert (depth.breach.floor, depth.breach.breach_days, depth.breach.recovery_days) == (1.2, 3, 3)
    assert (depth.breach.recovery_cpk, depth.breach.index, depth.breach.on_gap) == (1.2, "cpk", "skip")
    assert (depth.lsl, isnan(depth.usl), isnan(depth.target)) == (4.9, True, True)
    assert depth.rules == (RuleSpec("beyond-3-sigma"), RuleSpec("9-on-one-side"))
    assert (plan.calendar.timezone, plan.calendar.day_starts_at, plan.calendar.grace_minutes) == ("UTC", 0, 15)
    assert (plan.calendar.working_days, plan.restate_days) == (frozenset(range(7)), 7)
    assert plan.metrics[0].over == "trailing"
    assert (plan.objectives[0].first_day, plan.objectives[0].last_day) == (
        date(2026, 10, 1).toordinal(),
        date(2026, 12, 31).toordinal(),
    )
    connector = plant_file.connectors["press"]
    assert (connector.host, connector.port) == ("127.0.0.1", 1883)
    assert plant_file.client_id("press") == "plumbline-p1-press"
    assert (plant_file.web.host, plant_file.web.port, plant_file.storage.directory) == ("127.0.0.1", 8080, "data")
    assert plant_file.influxdb is None
    assert plant_file.okr is None


def test_a_calendar_is_read_in_the_cores_units(tmp_path: Path) -> None:
    text = within(
        "plant",
        'timezone = "Asia/Shanghai"\nday_starts_at = "07:30"\nworking_days = ["mon", "sun"]\n'
        'holidays = ["2026-10-01", 2026-10-02]\nextra_working_days = [2026-10-10]\ngrace_minutes = 0',
    )
    calendar = load(write(tmp_path, text)).plan().calendar
    assert (calendar.day_starts_at, calendar.working_days, calendar.grace_minutes) == (450, frozenset({0, 6}), 0)
    assert calendar.holidays == {date(2026, 10, 1).toordinal(), date(2026, 10, 2).toordinal()}
    assert calendar.extra_working_days == {date(2026, 10, 10).toordinal()}


def test_defaults_hold_where_a_characteristic_says_nothing(tmp_path: Path) -> None:
    text = within(DEPTH, 'chart = "individuals"\ncpk_floor = 1.5', SOUND)
    text += (
        '[defaults]\nchart = "xbar-s"\nsubgroup_size = 4\nunit = "mm"\ncpk_floor = 1.4\nlimits = { subgroups = 40 }\n'
    )
    bore, depth = load(write(tmp_path, text)).plan().characteristics
    assert (bore.chart, bore.subgroup_size, bore.unit, bore.breach.floor) == ("xbar-r", 5, "mm", 1.4)
    assert (depth.chart, depth.subgroup_size, depth.unit, depth.breach.floor) == ("individuals", 1, "mm", 1.5)
    assert (bore.limits, depth.limits) == (BaselineLimits(40), BaselineLimits(40))


def test_recovery_asks_for_the_floor_unless_it_says_otherwise(tmp_path: Path) -> None:
    text = within(DEPTH, "cpk_floor = 1.0\nrecovery_cpk = 1.1", within(BORE, "cpk_floor = 1.5"))
    bore, depth = load(write(tmp_path, text)).plan().characteristics
    assert (bore.breach.recovery_cpk, depth.breach.recovery_cpk) == (1.5, 1.1)


def test_limits_can_be_given(tmp_path: Path) -> None:
    bore, _ = load(write(tmp_path, within(BORE, "limits = { center = 10, sigma = 0.01 }"))).plan().characteristics
    assert bore.limits == FixedLimits(10.0, 0.01)


@pytest.mark.parametrize("name", [rule.name for rule in RUN_RULES])
def test_every_rule_of_the_table_can_be_chosen(name: str, tmp_path: Path) -> None:
    depth = load(write(tmp_path, within(DEPTH, f'rules = ["{name}"]'))).plan().characteristics[1]
    assert depth.rules == (RuleSpec(name),)


@pytest.mark.parametrize("name", RULE_SETS)
def test_every_set_of_the_table_can_be_chosen(name: str, tmp_path: Path) -> None:
    depth = load(write(tmp_path, within(DEPTH, f'rules = "{name}"'))).plan().characteristics[1]
    assert depth.rules == RULE_SETS[name]


def test_a_rule_can_have_a_length_and_its_usual_one_says_nothing_new(tmp_path: Path) -> None:
    rules = 'rules = [{ rule = "9-on-one-side", k = 8 }, { rule = "6-trending", k = 6 }, { rule = "14-alternating" }]'
    depth = load(write(tmp_path, within(DEPTH, rules))).plan().characteristics[1]
    assert depth.rules == (RuleSpec("9-on-one-side", 8), RuleSpec("6-trending"), RuleSpec("14-alternating"))


def test_labels_come_from_the_id_unless_given(tmp_path: Path) -> None:
    text = SOUND + '[characteristics."press/force"]\n[characteristics."a/b/c/d"]\nline = "L"\nproduct = "P7"\n'
    specs = {spec.id: spec for spec in load(write(tmp_path, text)).plan().characteristics}
    assert (specs["press/force"].line, specs["press/force"].station) == ("", "")
    assert (specs["a/b/c/d"].line, specs["a/b/c/d"].station, specs["a/b/c/d"].product) == ("L", "b", "P7")


@pytest.mark.parametrize(
    ("of", "members"),
    [
        (["line1/op10/bore"], ["line1/op10/bore"]),
        (["*"], ["line1/op10/bore", "line1/op10/depth"]),
        (["line1/*"], ["line1/op10/bore", "line1/op10/depth"]),
        (["*/dep??", "line1/op10/depth"], ["line1/op10/depth"]),
        (["line1/op10/[ab]*"], ["line1/op10/bore"]),
        (["line1/op10/depth", "line1/op10/bore"], ["line1/op10/bore", "line1/op10/depth"]),
    ],
)
def test_globs_find_characteristics_each_once_and_sorted(of: list[str], members: list[str], tmp_path: Path) -> None:
    text = instead('of = ["line1/op10/bore"]', f"of = {of}")
    assert list(load(write(tmp_path, text)).plan().metrics[0].members) == members


def test_an_id_with_brackets_is_found_by_itself(tmp_path: Path) -> None:
    both = '[characteristics."a[1]"]\nusl = 1\n[characteristics.a1]\nusl = 1\n'
    text = instead('of = ["line1/op10/bore"]', 'of = ["a[1]"]') + both
    assert load(write(tmp_path, text)).plan().metrics[0].members == ("a[1]",)


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        ("2026", date(2026, 1, 1), date(2026, 12, 31)),
        ("2026-Q1", date(2026, 1, 1), date(2026, 3, 31)),
        ("2026-Q4", date(2026, 10, 1), date(2026, 12, 31)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2026-11", date(2026, 11, 1), date(2026, 11, 30)),
        ("2026-10-01..2026-12-31", date(2026, 10, 1), date(2026, 12, 31)),
        ("2026-10-01..2026-10-01", date(2026, 10, 1), date(2026, 10, 1)),
    ],
)
def test_a_period_has_a_first_and_a_last_day(period: str, first: date, last: date) -> None:
    assert period_days(period) == (first, last)


@pytest.mark.parametrize(
    "period", ["", "26", "2026-Q0", "2026-00", "2026-1", "0000", "2026-Q4 ", "2026..2027", "a..b", ".."]
)
def test_a_period_of_no_known_form_is_refused(period: str) -> None:
    with pytest.raises(ValueError, match="expected a period"):
        period_days(period)


def test_a_key_result_to_maintain_needs_no_start(tmp_path: Path) -> None:
    text = instead("start = 0.9", 'kind = "maintain"\nrequired_share = 0.9')
    key_result = load(write(tmp_path, text)).plan().key_results[0]
    assert (key_result.kind, isnan(key_result.start), key_result.required_share) == ("maintain", True, 0.9)


def test_a_connector_reads_times_in_the_plants_zone_unless_it_has_its_own(tmp_path: Path) -> None:
    text = within("plant", 'timezone = "Europe/Berlin"')
    assert load(write(tmp_path, text)).plan().connectors[0].time_zone == "Europe/Berlin"
    text = within("connectors.press", 'time_zone = "UTC"', text)
    assert load(write(tmp_path, text)).plan().connectors[0].time_zone == "UTC"


def test_a_template_may_use_fields_of_the_message(tmp_path: Path) -> None:
    text = within("connectors.press", 'characteristic = "{line}/{product}/{cavity}/{name}"')
    assert load(write(tmp_path, text)).plan().connectors[0].characteristic == "{line}/{product}/{cavity}/{name}"


def test_secrets_come_from_the_environment_or_a_file(tmp_path: Path) -> None:
    write(tmp_path, "s3cret\n", "pw")
    by_env = load(write(tmp_path, within("connectors.press", 'password_env = "PRESS_PW"')))
    by_file = load(
        write(tmp_path, within("connectors.press", 'password_file = "pw"') + '[influxdb]\ntoken_env = "T"\n')
    )
    assert by_env.password("press", {"PRESS_PW": "s3cret"}) == SecretStr("s3cret")
    assert by_file.password("press", {}) == SecretStr("s3cret")
    assert by_file.token("influxdb", {"T": "tok"}) == SecretStr("tok")
    assert by_file.token("okr", {}) is None
    assert load(write(tmp_path, SOUND)).password("press", {}) is None
    assert "s3cret" not in repr(by_file.password("press", {}))


def test_a_secret_that_cannot_be_read_names_the_option(tmp_path: Path) -> None:
    write(tmp_path, "\n", "empty")
    for option, message in {
        'password_env = "PW"': "connectors.press.password_env: expected the environment variable PW to be set",
        'password_file = "no"': f"connectors.press.password_file: expected a readable file: No such file or directory "
        f"(got '{tmp_path}/no')",
        'password_file = "empty"': "connectors.press.password_file: expected a file with the secret in it; "
        f"'{tmp_path}/empty' is empty",
    }.items():
        plant_file = load(write(tmp_path, within("connectors.press", option)))
        with pytest.raises(PlantFileError) as caught:
            plant_file.password("press", {"PW": ""})
        assert str(caught.value) == message


def test_files_are_found_from_the_folder_of_the_plant_file(tmp_path: Path) -> None:
    assert load(write(tmp_path, SOUND)).file("certs/ca.pem") == tmp_path / "certs/ca.pem"
