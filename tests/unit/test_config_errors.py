from pathlib import Path

import pytest

from config.connectors import CONNECTOR_TYPES
from config.errors import PlantFileError, Problem
from config.load import load
from tests.unit.plant_texts import SOUND, instead, within, write

BORE = 'characteristics."line1/op10/bore"'
DEPTH = 'characteristics."line1/op10/depth"'
RULE_NAMES = (
    "beyond-3-sigma, 9-on-one-side, 6-trending, 14-alternating, 2-of-3-beyond-2-sigma, 4-of-5-beyond-1-sigma, "
    "15-within-1-sigma, 8-beyond-1-sigma, dispersion-beyond-limits, out-of-spec"
)
KINDS = ", ".join(CONNECTOR_TYPES)
SETS = "nelson, western-electric, aiag, juran, montgomery"
PERIOD = "expected a period such as 2026-Q4, 2026, 2026-11 or 2026-10-01..2026-12-31"
IDENTIFIER = "expected 1 to 100 letters, digits, '.', '_' and '-', the first a letter or digit"
O2 = '[objectives.O2]\ntitle = "x"\nlevel = "department"\nperiod = "2026"\nparent = "{parent}"\n'
KR = '[key_results.{id}]\nobjective = "O1"\ntitle = "x"\nmetric = "bore"\nstart = 0\ntarget = 1\n'
INFLUX = '[influxdb]\nurl = "{url}"\n'

# name: (plant file, path, message)
ONE_PROBLEM = {
    "a shift without a start": (
        within("plant", 'shifts = [{ name = "early" }]'),
        "plant.shifts[0].starts_at",
        "is required",
    ),
    "a shift that starts at no time of day": (
        within("plant", 'shifts = [{ name = "early", starts_at = "24:00" }]'),
        "plant.shifts[0].starts_at",
        "expected a time of day such as 08:00 (got '24:00')",
    ),
    "two shifts of one name": (
        within("plant", 'shifts = [{ name = "a", starts_at = "06:00" }, { name = "a", starts_at = "14:00" }]'),
        "plant.shifts[1].name",
        "is that of shifts[0] too (got 'a')",
    ),
    "two shifts at one time": (
        within("plant", 'shifts = [{ name = "a", starts_at = "06:00" }, { name = "b", starts_at = "06:00" }]'),
        "plant.shifts[1].starts_at",
        "is that of shifts[0] too (got '06:00')",
    ),
    "port too large": (
        within("connectors.press", "port = 99999"),
        "connectors.press.port",
        "Input should be less than or equal to 65535 (got 99999)",
    ),
    "a metric over what has no limits": (
        SOUND + '[characteristics.force]\n[metrics.all]\nkind = "ppk"\nof = ["*"]\n',
        "metrics.all.of",
        "ppk takes measurements with lsl or usl: force has neither",
    ),
    "a metric over several that have none": (
        SOUND + '[characteristics.f1]\n[characteristics.f2]\n[metrics.all]\nkind = "cpk"\nof = ["f*"]\n',
        "metrics.all.of",
        "cpk takes measurements with lsl or usl: f1 has neither (and 1 more)",
    ),
    "an index of an attribute chart": (
        SOUND + '[characteristics.r]\nchart = "p"\nusl = 0.1\n[metrics.all]\nkind = "cpk"\nof = ["r"]\n',
        "metrics.all.of",
        "cpk takes measurements with lsl or usl: r has a p chart",
    ),
    "a milestone with a target": (
        SOUND + '[key_results.KR2]\nobjective = "O1"\ntitle = "x"\nkind = "milestone"\ntarget = 1\n',
        "key_results.KR2.target",
        "a milestone is moved by hand and has no target (got 1.0)",
    ),
    "a milestone of a metric": (
        SOUND + '[key_results.KR2]\nobjective = "O1"\ntitle = "x"\nkind = "milestone"\nmetric = "bore"\n',
        "key_results.KR2.metric",
        "a milestone is moved by hand and has no metric (got 'bore')",
    ),
    "a key result without a target": (
        SOUND + '[key_results.KR2]\nobjective = "O1"\ntitle = "x"\nmetric = "bore"\nkind = "maintain"\n',
        "key_results.KR2.target",
        'is required, but for kind = "milestone"',
    ),
    "days without a floor": (
        SOUND + '[metrics.all]\nkind = "cpk"\nof = ["*bore"]\nbreach_days = 2\n',
        "metrics.all.breach_days",
        "is used with a floor only (got 2)",
    ),
    "a floor beyond all": (
        SOUND + '[metrics.all]\nkind = "cpk"\nof = ["*bore"]\nreduce = "share-at-target"\nfloor = 1.2\n',
        "metrics.all.floor",
        "expected a share from 0 to 1, as the metric is one (got 1.2)",
    ),
    "port as text": (
        within("connectors.press", 'port = "1883"'),
        "connectors.press.port",
        "Input should be a valid integer (got '1883')",
    ),
    "truth is no number": (
        within(BORE, "target = true"),
        f"{BORE}.target",
        "Input should be a valid number (got True)",
    ),
    "limit not finite": (within(DEPTH, "usl = inf"), f"{DEPTH}.usl", "Input should be a finite number (got inf)"),
    "inline password": (
        within("connectors.press", 'password = "hunter2"'),
        "connectors.press.password",
        "no secret stands in this file; name an environment variable with password_env, or a file with password_file",
    ),
    "inline token": (
        SOUND + '[influxdb]\napi_token = "hunter2"\n',
        "influxdb.api_token",
        "no secret stands in this file; name an environment variable with token_env, or a file with token_file",
    ),
    "two sources of a secret": (
        within("connectors.press", 'password_env = "A"\npassword_file = "b"'),
        "connectors.press.password_file",
        "expected password_env or password_file, not both (got 'b')",
    ),
    "misspelled option": (
        within("connectors.press", "prot = 1883"),
        "connectors.press.prot",
        "unknown option; did you mean port?",
    ),
    "misspelled option of limits": (
        within(BORE, "limits = { subgroup = 25 }"),
        f"{BORE}.limits.subgroup",
        "unknown option; did you mean subgroups?",
    ),
    "unheard-of option": (
        within("plant", "zzz = 1"),
        "plant.zzz",
        "unknown option; expected one of id, timezone, day_starts_at, working_days, holidays, extra_working_days, "
        "grace_minutes, restate_days, shifts",
    ),
    "misspelled table": (SOUND + "[storrage]\n", "storrage", "unknown table; did you mean storage?"),
    "no plant": (
        instead('[plant]\nid = "p1"\n', ""),
        "plant",
        "is required: a table with the plant's id",
    ),
    "no plant id": (instead('id = "p1"\n', ""), "plant.id", "is required"),
    "plant id with a space": (instead('"p1"', '"p 1"'), "plant.id", f"{IDENTIFIER} (got 'p 1')"),
    "unknown time zone": (
        within("plant", 'timezone = "Mars/Olympus"'),
        "plant.timezone",
        "expected an IANA time zone such as Europe/Berlin (got 'Mars/Olympus')",
    ),
    "unknown time zone of a connector": (
        within("connectors.press", 'time_zone = "../etc"'),
        "connectors.press.time_zone",
        "expected an IANA time zone such as Europe/Berlin (got '../etc')",
    ),
    "this machine's own time zone": (
        within("plant", 'timezone = "localtime"'),
        "plant.timezone",
        "expected an IANA time zone such as Europe/Berlin (got 'localtime')",
    ),
    "a time zone of this machine's folders": (
        within("plant", 'timezone = "posix/Europe/Berlin"'),
        "plant.timezone",
        "expected an IANA time zone such as Europe/Berlin (got 'posix/Europe/Berlin')",
    ),
    "a connector's time zone with leap seconds": (
        within("connectors.press", 'time_zone = "right/Europe/Berlin"'),
        "connectors.press.time_zone",
        "expected an IANA time zone such as Europe/Berlin (got 'right/Europe/Berlin')",
    ),
    "time of day": (
        within("plant", 'day_starts_at = "24:00"'),
        "plant.day_starts_at",
        "expected a time of day such as 08:00 (got '24:00')",
    ),
    "week day": (
        within("plant", 'working_days = ["mon", "mittwoch"]'),
        "plant.working_days[1]",
        "Input should be 'mon', 'tue', 'wed', 'thu', 'fri', 'sat' or 'sun' (got 'mittwoch')",
    ),
    "holiday": (
        within("plant", 'holidays = ["2026-02-30"]'),
        "plant.holidays[0]",
        "expected a date such as 2026-10-01 (got '2026-02-30')",
    ),
    "connector not in this version": (
        instead('type = "mqtt"', 'type = "fax"'),
        "connectors.press.type",
        f"expected one of {KINDS} (got 'fax')",
    ),
    "connector without a type": (
        instead('type = "mqtt"\n', ""),
        "connectors.press.type",
        "is required: one of mqtt, http, opcua, folder",
    ),
    "payload of another kind of connector": (
        within("connectors.press", 'payload = "opcua"'),
        "connectors.press.payload",
        "Input should be 'json' or 'sparkplug' (got 'opcua')",
    ),
    "topic with # in the middle": (
        within("connectors.press", 'characteristic = "{name}"', instead("{line}/{station}", "#")),
        "connectors.press.topics[0]",
        "'#' may only be the last level (got 'factory/#/measurements')",
    ),
    "part that does not fill a level": (
        instead("factory/{line}/", "factory/l{line}/"),
        "connectors.press.topics[0]",
        "level 'l{line}': a {part} (lower case), '+' or '#' fills a whole level "
        "(got 'factory/l{line}/{station}/measurements')",
    ),
    "no topics": (
        instead('["factory/{line}/{station}/measurements"]', "[]"),
        "connectors.press.topics",
        "expected at least one",
    ),
    "template with an unknown name": (
        within("connectors.press", 'characteristic = "{line}/{cell}/{name}"'),
        "connectors.press.characteristic",
        "{cell} is neither a part of topic 'factory/{line}/{station}/measurements' nor a context field "
        "(got '{line}/{cell}/{name}')",
    ),
    "template without a name": (
        within("connectors.press", 'characteristic = "{line}/{station}"'),
        "connectors.press.characteristic",
        "expected {name} in it, the key inside a message's values (got '{line}/{station}')",
    ),
    "template with a stray brace": (
        within("connectors.press", 'characteristic = "{line/{name}"'),
        "connectors.press.characteristic",
        "expected text and {names} in lower case; a brace stands alone or around something else (got '{line/{name}')",
    ),
    "certificate without a key": (
        within("connectors.press", 'tls = { ca = "system", cert = "c.pem" }'),
        "connectors.press.tls.key",
        "is required: cert and key go together",
    ),
    "certificate without TLS": (
        within("connectors.press", 'tls = { cert = "c.pem", key = "k.pem" }'),
        "connectors.press.tls.ca",
        'is required with cert and key: a PEM file, or "system"',
    ),
    "same client id": (
        within("connectors.press", 'client_id = "x"')
        + '[connectors.two]\ntype = "mqtt"\ntopics = ["{line}/{station}"]\nclient_id = "x"\n',
        "connectors.two.client_id",
        "expected another than connector press has (got 'x')",
    ),
    "clock without its topic": (
        SOUND + '[clock]\nsource = "topic"\n',
        "clock.topic",
        'is required with source = "topic"',
    ),
    "clock on a pattern": (
        SOUND + '[clock]\nsource = "topic"\ntopic = "clock/+"\n',
        "clock.topic",
        "expected one topic without parts and wildcards (got 'clock/+')",
    ),
    "clock on a topic of measurements": (
        SOUND + '[clock]\nsource = "topic"\ntopic = "factory/a/b/measurements"\n',
        "clock.topic",
        "is also a topic of connector press (got 'factory/a/b/measurements')",
    ),
    "clock of an unknown connector": (
        SOUND + '[clock]\nsource = "topic"\ntopic = "clock"\nconnector = "pres"\n',
        "clock.connector",
        "expected one of the connectors press (got 'pres')",
    ),
    "topic of a wall clock": (
        SOUND + '[clock]\ntopic = "clock"\n',
        "clock.topic",
        "is used by source = \"topic\" only (got 'clock')",
    ),
    "specification upside down": (
        instead("usl = 10.04", "usl = 9.96"),
        f"{BORE}.usl",
        "expected above lsl (9.96) (got 9.96)",
    ),
    "target outside": (
        within(BORE, "target = 11"),
        f"{BORE}.target",
        "expected within the specification 9.96 to 10.04 (got 11.0)",
    ),
    "target below a one-sided limit": (
        within(DEPTH, "target = 4.8"),
        f"{DEPTH}.target",
        "expected within the specification 4.9 to inf (got 4.8)",
    ),
    "chart not in this version": (
        within(DEPTH, 'chart = "ewma"'),
        f"{DEPTH}.chart",
        "Input should be 'individuals', 'xbar-r', 'xbar-s', 'p', 'np', 'c' or 'u' (got 'ewma')",
    ),
    "subgroup of one": (
        within(DEPTH, 'chart = "xbar-s"'),
        f"{DEPTH}.subgroup_size",
        "expected 2 to 1000 for chart 'xbar-s' (got 1)",
    ),
    "range of a large subgroup": (
        instead("subgroup_size = 5", "subgroup_size = 26"),
        f"{BORE}.subgroup_size",
        "expected 2 to 25 for chart 'xbar-r' (got 26)",
    ),
    "individuals in subgroups": (
        within(DEPTH, "subgroup_size = 5"),
        f"{DEPTH}.subgroup_size",
        "expected 1 for chart 'individuals' (got 5)",
    ),
    "limits of both kinds": (
        within(BORE, 'limits = { from = "baseline", center = 10, sigma = 1 }'),
        f"{BORE}.limits",
        'expected { from = "baseline", subgroups = … } or { center = …, sigma = … }, not both',
    ),
    "limits that are no table": (within(BORE, "limits = 5"), f"{BORE}.limits", "expected a table (got 5)"),
    "owners that are no list": (within(BORE, 'co_owners = "q"'), f"{BORE}.co_owners", "expected a list (got 'q')"),
    "limits without a sigma": (
        within(BORE, "limits = { center = 10 }"),
        f"{BORE}.limits.sigma",
        "is required: fixed limits have a center and a sigma",
    ),
    "limits from elsewhere": (
        within(BORE, 'limits = { from = "yesterday" }'),
        f"{BORE}.limits.from",
        "Input should be 'baseline' (got 'yesterday')",
    ),
    "unknown rule": (
        within(BORE, 'rules = ["beyond-3-sigma", "9-on-one-sied"]'),
        f"{BORE}.rules[1]",
        f"expected one of the rules {RULE_NAMES}; did you mean 9-on-one-side? (got '9-on-one-sied')",
    ),
    "unknown set": (
        within(BORE, 'rules = "westgard"'),
        f"{BORE}.rules",
        f"expected a list of rules or one of the sets {SETS} (got 'westgard')",
    ),
    "rule outside a list": (
        within(BORE, 'rules = "6-trending"'),
        f"{BORE}.rules",
        f'expected a list of rules or one of the sets {SETS}; a single rule stands in a list: ["6-trending"] '
        "(got '6-trending')",
    ),
    "length of a rule that has none": (
        within(BORE, 'rules = [{ rule = "beyond-3-sigma", k = 2 }]'),
        f"{BORE}.rules[0]",
        "beyond-3-sigma takes no k (got 2)",
    ),
    "length of one": (
        within(BORE, 'rules = [{ rule = "9-on-one-side", k = 1 }]'),
        f"{BORE}.rules[0]",
        "expected k from 2 to 1000 for 9-on-one-side (got 1)",
    ),
    "rule twice": (
        within(BORE, 'rules = ["6-trending", { rule = "6-trending", k = 7 }]'),
        f"{BORE}.rules",
        "expected each rule once; 6-trending is there 2 times",
    ),
    "window shorter than what suffices": (
        within(DEPTH, "window = 20"),
        f"{DEPTH}.window",
        "expected at least minimum_n (30), or no window is ever sufficient (got 20)",
    ),
    "lateness beyond the grace": (
        within(DEPTH, "lateness_seconds = 901"),
        f"{DEPTH}.lateness_seconds",
        "expected at most the grace of 15 minutes (900 s) (got 901)",
    ),
    "stale after more than a year": (
        within(DEPTH, "stale_after_hours = 1e308"),
        f"{DEPTH}.stale_after_hours",
        "Input should be less than or equal to 8784 (got 1e+308)",
    ),
    "recovery below the floor": (
        within(DEPTH, "recovery_cpk = 1.1"),
        f"{DEPTH}.recovery_cpk",
        "expected at least the floor of 1.2 (got 1.1)",
    ),
    "fault in the defaults": (
        SOUND + "[defaults]\nbreach_days = 0\n",
        "defaults.breach_days",
        "Input should be greater than or equal to 1 (got 0)",
    ),
    "glob as a characteristic": (
        SOUND + '[characteristics."line1/*"]\n',
        'characteristics."line1/*"',
        "expected 1 to 200 printable characters, no '*' or '?', no space at either end (got 'line1/*')",
    ),
    "characteristics as a list": (
        instead("[metrics.bore]", "[[metrics]]\n[metrics2.bore]").split("[metrics2")[0],
        "metrics",
        "expected tables such as [metrics.name]",
    ),
    "glob that finds nothing": (
        instead('of = ["line1/op10/bore"]', 'of = ["line1/op10/bore", "line2/*"]'),
        "metrics.bore.of[1]",
        "expected a characteristic or a glob that finds one (got 'line2/*')",
    ),
    "target of a metric that uses none": (
        within("metrics.bore", "target = 1.5"),
        "metrics.bore.target",
        "is used by reduce = \"share-at-target\" only (reduce is 'min')",
    ),
    "kind of metric that there is not": (
        instead('kind = "cpk"', 'kind = "defects"'),
        "metrics.bore.kind",
        "expected a kind of metric; did you mean defect-rate? (got 'defects')",
    ),
    "reduction of another kind of metric": (
        SOUND + '[metrics.bad]\nkind = "defect-rate"\nof = ["*"]\nreduce = "min"\n',
        "metrics.bad.reduce",
        "expected one of total, worst, mean with kind = \"defect-rate\" (got 'min')",
    ),
    "floor of a metric of events": (
        SOUND + '[metrics.bad]\nkind = "first-pass-yield"\nof = ["*"]\nfloor = 0.9\n',
        "metrics.bad.floor",
        "is used by cpk and ppk only: first-pass-yield has none",
    ),
    "group by what is no context field": (
        SOUND + '[metrics.bad]\nkind = "incoming-pass-rate"\nof = ["*"]\nby = "suplier"\n',
        "metrics.bad.by",
        "expected a context field (got 'suplier'); did you mean supplier?",
    ),
    "machine metric filtered by a context field": (
        SOUND + '[metrics.bad]\nkind = "oee"\nof = ["*"]\nwhere = { supplier = "S2" }\n',
        "metrics.bad.where.supplier",
        "oee is of whole places: what it is made of has no context",
    ),
    "window hours without a window": (
        SOUND + '[metrics.bad]\nkind = "scrap-rate"\nof = ["*"]\nwindow_hours = 8\n',
        "metrics.bad.window_hours",
        "is used by over = \"window\" only (over is 'trailing')",
    ),
    "context field of a metric of characteristics": (
        within("metrics.bore", 'by = "supplier"'),
        "metrics.bore.by",
        "is used by metrics of events only: cpk is an index",
    ),
    "unknown metric": (
        instead('metric = "bore"', 'metric = "bor"'),
        "key_results.KR1.metric",
        "unknown metric (got 'bor'); did you mean bore?",
    ),
    "unknown objective": (
        instead('objective = "O1"', 'objective = "X9"'),
        "key_results.KR1.objective",
        "unknown objective (got 'X9'); expected one of O1",
    ),
    "unknown parent": (
        SOUND + O2.format(parent="O3"),
        "objectives.O2.parent",
        "unknown objective (got 'O3'); expected one of O1, O2",
    ),
    "parent of no higher level": (
        within("objectives.O1", 'parent = "O2"') + O2.format(parent=""),
        "objectives.O1.parent",
        "expected an objective above level 'company'; O2 is 'department' (got 'O2')",
    ),
    "own parent": (
        within("objectives.O1", 'parent = "O1"'),
        "objectives.O1.parent",
        "leads back to itself: O1 → O1 (got 'O1')",
    ),
    "a sixth key result": (
        SOUND + "".join(KR.format(id=f"K{number}") for number in range(5)),
        "key_results.K4.objective",
        "expected at most 5 key results for an objective (got 'O1')",
    ),
    "start at the target": (
        instead("start = 0.9", "start = 1.33"),
        "key_results.KR1.start",
        'expected below the target of 1.33; to hold what is reached use kind = "maintain" (got 1.33)',
    ),
    "start beyond the target, at most": (
        within("key_results.KR1", 'direction = "at-most"'),
        "key_results.KR1.start",
        'expected above the target of 1.33; to hold what is reached use kind = "maintain" (got 0.9)',
    ),
    "no start": (
        instead("start = 0.9\n", ""),
        "key_results.KR1.start",
        "is required: the value from which the target is to be reached",
    ),
    "start of what is to be maintained": (
        within("key_results.KR1", 'kind = "maintain"'),
        "key_results.KR1.start",
        "a key result to maintain has no start (got 0.9)",
    ),
    "share above one": (
        within("metrics.bore", 'reduce = "share-at-target"'),
        "key_results.KR1.target",
        "expected a share from 0 to 1, as its metric is one (got 1.33)",
    ),
    "fifth quarter": (instead("2026-Q4", "2026-Q5"), "objectives.O1.period", f"{PERIOD} (got '2026-Q5')"),
    "thirteenth month": (instead("2026-Q4", "2026-13"), "objectives.O1.period", f"{PERIOD} (got '2026-13')"),
    "period that ends before it begins": (
        instead("2026-Q4", "2026-12-31..2026-10-01"),
        "objectives.O1.period",
        f"{PERIOD} (got '2026-12-31..2026-10-01')",
    ),
    "secret in an address": (
        SOUND + INFLUX.format(url="http://admin:hunter2@127.0.0.1:8086"),
        "influxdb.url",
        "expected an address without user and password; use token_env or token_file (got 'http://***@127.0.0.1:8086')",
    ),
    "address without a scheme": (
        SOUND + INFLUX.format(url="127.0.0.1:8086"),
        "influxdb.url",
        "expected an address such as http://127.0.0.1:8086 (got '127.0.0.1:8086')",
    ),
    "board at every address under no name": (
        SOUND + '[web]\nhost = "0.0.0.0"\n',
        "web.public_urls",
        "is required with host = '0.0.0.0': where browsers find it, such as https://plumbline.plant.example",
    ),
    "board under an address with a path": (
        SOUND + '[web]\npublic_urls = ["https://plant.example/plumbline"]\n',
        "web.public_urls[0]",
        "expected scheme, host and port such as https://plumbline.plant.example (got 'https://plant.example/plumbline')",
    ),
    "board with a certificate and no key": (
        SOUND + '[web]\ntls = { cert = "web.pem" }\n',
        "web.tls.key",
        "is required: cert and key go together",
    ),
    "line break in a text": (
        within(DEPTH, r'owner = "a\nb"'),
        f"{DEPTH}.owner",
        r"expected one line of text without control characters (got 'a\nb')",
    ),
}


@pytest.mark.parametrize("name", ONE_PROBLEM)
def test_a_problem_has_its_path_its_value_and_what_was_expected(name: str, tmp_path: Path) -> None:
    text, path, message = ONE_PROBLEM[name]
    with pytest.raises(PlantFileError) as caught:
        load(write(tmp_path, text))
    assert caught.value.problems == [Problem(path, message)]
    assert "hunter2" not in str(caught.value)


def test_all_problems_come_at_once_each_on_its_line(tmp_path: Path) -> None:
    text = within("connectors.press", "port = 99999", instead("usl = 10.04", "usl = 1.0"))
    text = within("plant", 'timezone = "Nowhere"', instead('metric = "bore"', 'metric = "x"', text))
    with pytest.raises(PlantFileError) as caught:
        load(write(tmp_path, text))
    assert str(caught.value).split("\n") == [
        "plant.timezone: expected an IANA time zone such as Europe/Berlin (got 'Nowhere')",
        "connectors.press.port: Input should be less than or equal to 65535 (got 99999)",
        f"{BORE}.usl: expected above lsl (9.96) (got 1.0)",
        "key_results.KR1.metric: unknown metric (got 'x'); expected one of bore",
    ]


def test_a_fault_in_the_defaults_is_told_once_and_hides_no_other(tmp_path: Path) -> None:
    text = within(DEPTH, "window = 1", SOUND + "[defaults]\nwindow = 0\nminimun_n = 9\n")
    with pytest.raises(PlantFileError) as caught:
        load(write(tmp_path, text))
    assert [problem.path for problem in caught.value.problems] == [
        "defaults.window",
        "defaults.minimun_n",
        f"{DEPTH}.window",
    ]


def test_a_circle_of_objectives_is_told_by_each_of_its_members_only(tmp_path: Path) -> None:
    text = within("objectives.O1", 'parent = "O2"') + O2.format(parent="O1")
    text += O2.format(parent="O2").replace("objectives.O2", "objectives.O3").replace("department", "post")
    with pytest.raises(PlantFileError) as caught:
        load(write(tmp_path, text))
    assert caught.value.problems == [
        Problem("objectives.O1.parent", "leads back to itself: O1 → O2 → O1 (got 'O2')"),
        Problem("objectives.O2.parent", "leads back to itself: O2 → O1 → O2 (got 'O1')"),
    ]


def test_a_metric_may_name_a_characteristic_that_has_a_fault_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(PlantFileError) as caught:
        load(write(tmp_path, within(BORE, "unit = 5")))
    assert caught.value.problems == [Problem(f"{BORE}.unit", "Input should be a valid string (got 5)")]


def test_a_fault_of_the_syntax_names_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, "[plant]\nid = \n")
    with pytest.raises(PlantFileError) as caught:
        load(path)
    assert caught.value.problems == [Problem(str(path), "expected TOML: Invalid value (at line 2, column 6)")]


def test_a_file_that_is_absent_a_folder_or_not_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b"\xff\xfe")
    for name, message in {
        "absent.toml": "expected a readable plant file: No such file or directory",
        ".": "expected a readable plant file: Is a directory",
        "latin.toml": "expected UTF-8 text: invalid start byte at byte 0",
    }.items():
        with pytest.raises(PlantFileError) as caught:
            load(tmp_path / name)
        assert caught.value.problems == [Problem(str(tmp_path / name), message)]


@pytest.mark.parametrize("text", ["a = " + "[" * 5000 + "]" * 5000, "a = " + "9" * 5000])
def test_what_the_parser_itself_cannot_bear_is_a_problem_too(text: str, tmp_path: Path) -> None:
    with pytest.raises(PlantFileError, match="expected TOML"):
        load(write(tmp_path, text))
