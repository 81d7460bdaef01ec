from pathlib import Path

import flows
from config.check import check
from config.load import load
from flows.check_lines import in_all, lines
from tests.unit.plant_texts import SOUND, within, write


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
    assert (report.metrics[0].of, report.metrics[0].key_results) == ("1 characteristic", ("KR1",))
    assert (report.objectives, report.key_results, report.warnings) == (1, 1, ())
    assert [(one.first, one.characteristics, one.setting.n) for one in report.expected] == [
        ("line1/op10/bore", 1, 30),
        ("line1/op10/depth", 1, 30),
    ]
    each = [one.breaches for one in report.expected if one.breaches is not None]
    assert report.breaches.value == sum(one.value for one in each)
    assert report.breaches.error == sum(one.error**2 for one in each) ** 0.5


def test_the_report_names_the_shifts_in_their_order(tmp_path: Path) -> None:
    late_first = 'shifts = [{ name = "late", starts_at = "14:00" }, { name = "early", starts_at = "06:00" }]'
    report = check(load(write(tmp_path, within("plant", late_first))))
    assert report.days.endswith("15 min grace, early from 06:00, late from 14:00")


def test_the_report_says_what_is_kept_how_long(tmp_path: Path) -> None:
    text = SOUND + "[storage]\nkeep_days = 400\nkeep_gb = 2.5\njournal_keep_days = 9\njournal_segment_mb = 64\n"
    assert check(load(write(tmp_path, text))).kept == (
        "kept: readings, points, signals and rolling capability 400 production days or 2.5 GB, whichever is less, then "
        "in the archive; days, key results, limits, specifications and alerts for ever",
        "kept: the journal 9 days or 50 GB, whichever is less, but always what no stored checkpoint covers; in files "
        "of 24 h or 64 MB",
    )


def test_equal_settings_are_simulated_once_and_summed_up(tmp_path: Path) -> None:
    same = '[characteristics."line1/op10/more"]\nlsl = 0\nusl = 1\nchart = "xbar-r"\nsubgroup_size = 5\n'
    report = check(load(write(tmp_path, SOUND + same)), per_day=60)
    assert [(one.first, one.characteristics, one.setting.n) for one in report.expected] == [
        ("line1/op10/bore", 2, 60),
        ("line1/op10/depth", 1, 60),
    ]
    two, one = report.expected
    assert report.alarms.value == 2 * two.alarms.value + one.alarms.value
    assert report.alarms.error == ((2 * two.alarms.error) ** 2 + one.alarms.error**2) ** 0.5


def test_where_no_day_can_count_it_says_so(tmp_path: Path) -> None:
    text = within('characteristics."line1/op10/depth"', 'day_basis = "day"')
    report = check(load(write(tmp_path, text)), per_day=20)
    assert report.expected[1].breaches is None
    assert report.warnings == (
        'line1/op10/depth: 20 values a day are fewer than minimum_n = 30 and day_basis is "day": no day counts, '
        "so there is never a breach",
    )


def test_what_looks_odd_is_warned_of(tmp_path: Path) -> None:
    text = within("connectors.press", 'host = "broker"\npassword_env = "PW"')
    text = within('characteristics."line1/op10/depth"', "cpk_target = 1.0", text)
    text += '[characteristics.force]\n[objectives.O2]\ntitle = "x"\nlevel = "post"\nperiod = "2026"\n'
    assert check(load(write(tmp_path, text))).warnings == (
        "connectors.press: the password goes to broker unencrypted; tls.ca switches TLS on",
        "force: neither lsl nor usl, so it has a chart and no Cpk",
        "force: no connector's template can give this id",
        "line1/op10/depth: cpk_target 1 is below cpk_floor 1.2",
        "objectives.O2: no key result and no objective under it",
    )


def test_an_empty_plant_is_sound_and_warned_of(tmp_path: Path) -> None:
    assert check(load(write(tmp_path, '[plant]\nid = "p"\n'))).warnings == (
        "connectors: there is none; only replay has anything to do",
        "characteristics: there is none; every reading will be set aside as unknown",
    )


def test_the_docs_show_what_is_expected_of_the_demo() -> None:
    root = Path(flows.__file__).parents[1]
    report = check(load(root / "flows" / "demo.toml"), per_day=60)
    told = [line for line in lines(report) if line.startswith("expected ")]
    shown = (root / "docs" / "what-to-expect.md").read_text("utf-8")
    assert len(told) == 6
    assert "\n".join([*told, in_all(report)]) in shown


def test_a_metric_of_events_is_of_places_and_attribute_charts_are_named_as_left_out(tmp_path: Path) -> None:
    inspected = '\n[characteristics."line1/op10/rejected"]\nchart = "p"\nusl = 0.1\n'
    oee = '\n[metrics.oee]\nkind = "oee"\nof = ["line1/*", "line2/op7"]\n'
    report = check(load(write(tmp_path, SOUND + inspected + oee)))
    (said,) = [line for line in lines(report) if line.startswith("metric oee")]
    assert said == "metric oee: kind oee; over trailing; reduce total; of places line1/*, line2/op7"
    assert in_all(report).endswith("; without 1 attribute chart, whose false alarms hang on the rate and on the size "
                                   "of each inspection")  # fmt: skip
    assert "attribute" not in in_all(check(load(write(tmp_path, SOUND))))
