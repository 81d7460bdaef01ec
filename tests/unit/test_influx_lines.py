import json
import struct
from datetime import UTC, datetime
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from influxdb_client.client.write.point import Point

from connectors.influx_happenings import rejected_line, service_line
from connectors.influx_lines import MEASUREMENTS, LineMaker, sentence
from connectors.influx_rows import Meant
from connectors.influx_schema import BY_NAME
from connectors.influx_schema import MEASUREMENTS as SCHEMA
from connectors.influx_text import day_time, escape_tag, escape_text, line_time, make_fields, make_line
from rules.spec import KeyResultSpec, MetricSpec
from tests.history_rows import TIME, characteristic, point, row_of

MICROSECOND = TIME // 1000 * 1000
TAGS = "characteristic=line1/op10/bore,line=line1,station=op10"


def maker(**lengths: int) -> LineMaker:
    made = LineMaker(Meant({("line1/op10/bore", rule.replace("_", "-")): k for rule, k in lengths.items()}))
    made.lines("characteristic", characteristic(1))
    made.lines("specification", row_of("specification", 2, characteristic=0, revision=1, lsl=9.96, usl=10.04))
    return made


def test_a_subgroup_becomes_its_readings_and_one_chart_line() -> None:
    row = point(
        3,
        [9.5, 10.5],
        seq=7,
        dispersion=1.0,
        cl=10.0,
        ucl=10.2,
        lcl=9.8,
        dispersion_cl=0.5,
        dispersion_ucl=1.1,
        dispersion_lcl=0.0,
        signals=5,
        revision=2,
        contexts='[{"lot":"L 77","part":12},null]',
    )
    tags = "characteristic=line1/op10/bore,line=line1,station=op10"
    assert maker().lines("point", row) == [
        f'reading,{tags} value=9.5,lsl=9.96,usl=10.04,lot="L 77",part="12" {MICROSECOND + 301}',
        f"reading,{tags} value=10.5,lsl=9.96,usl=10.04 {MICROSECOND + 302}",
        f"chart,{tags},chart=xbar-r,unit=mm "
        "value=10.0,dispersion=1.0,n=2.0,cl=10.0,ucl=10.2,lcl=9.8,dispersion_cl=0.5,dispersion_ucl=1.1,"
        f"dispersion_lcl=0.0,signals=5i,revision=2i {MICROSECOND + 302}",
    ]


def test_each_reading_of_a_point_keeps_its_own_time() -> None:
    refs = struct.pack("<6q", 4, 0, 1_000_000_000, 5, 3, 2_000_000_000)
    lines = maker().lines("point", point(3, [1.0, 2.0], refs=refs))
    assert [line.rsplit(" ", 1)[1] for line in lines[:2]] == ["1000000172", "2000000218"]  # 43·4 + 0, 43·5 + 3


def test_undefined_numbers_are_left_out_and_empty_tags_too() -> None:
    plain = LineMaker()
    plain.lines("characteristic", characteristic(1, line="", station=None, chart="individuals"))
    lines = plain.lines("point", point(3, [10.0], value=nan, cl=inf, signals=None, revision=None))
    assert lines == [
        f"reading,characteristic=line1/op10/bore value=10.0 {MICROSECOND + 129}",
        f"chart,characteristic=line1/op10/bore,chart=individuals,unit=mm n=1.0 {MICROSECOND + 129}",
    ]
    assert plain.lines("metric", row_of("metric", 4, metric="m", time=TIME, value=nan)) == []


def test_a_restatement_without_its_readings_still_gives_its_chart_line() -> None:
    row = point(3, [10.0], phase=1)
    assert len(maker().lines("point", (*row[:-3], None, None, None))) == 1


def test_a_restated_point_falls_on_the_lines_of_the_first() -> None:
    first = maker().lines("point", point(3, [10.0, 11.0], seq=3))
    again = maker().lines("point", point(99, [10.0, 11.0], seq=3))
    assert first == again


def test_the_product_comes_from_the_plan_or_else_from_the_reading() -> None:
    row = point(3, [10.0], contexts='[{"product":"P7"}]')
    assert ",product=P7 " in maker().lines("point", row)[0]
    made = LineMaker()
    made.lines("characteristic", characteristic(1, product="P1"))
    assert ",product=P1 " in made.lines("point", row)[0]


def test_readings_in_no_point_are_shown_when_they_are_productions_own() -> None:
    made = maker()
    shown = {}
    for state in ("late", "too-late", "single", "purpose", "invalid"):
        row = row_of(
            "reading", 5, characteristic=0, seq=5, idx=1, time=TIME, value=9.9, state=state, context='{"lot":"L"}'
        )
        shown[state] = made.lines("reading", row)
    tags = "characteristic=line1/op10/bore,line=line1,station=op10"
    line = f'reading,{tags} value=9.9,lsl=9.96,usl=10.04,lot="L" {MICROSECOND + 216}'
    assert shown == {"late": [line], "single": [line], "too-late": [], "purpose": [], "invalid": []}
    assert made.late == 1


def test_a_signal_says_what_it_means() -> None:
    row = row_of(
        "signal", 5, characteristic=0, seq=5, idx=0, time=TIME, rule="9-on-one-side", part="location",
        value=10.031, limit=10.0,
    )  # fmt: skip
    assert maker(**{"9_on_one_side": 7}).lines("signal", row) == [
        f"signal,{TAGS},rule=9-on-one-side,part=location value=10.031,limit=10.0,"
        f'message="7 points in a row on one side of the centre line: value 10.031, limit 10" {MICROSECOND + 215}'
    ]


@pytest.mark.parametrize(
    ("rule", "value", "limit", "said"),
    [
        ("beyond-3-sigma", 10.2, 10.1, "a point beyond 3 sigma: value 10.2, limit 10.1"),
        ("9-on-one-side", nan, None, "9 points in a row on one side of the centre line"),
        ("6-trending", 10.2, nan, "6 points in a row, each above (or each below) the last: value 10.2"),
        ("of-a-later-release", 1.0, 2.0, "of-a-later-release: value 1, limit 2"),
    ],
)
def test_sentences(rule: str, value: object, limit: object, said: str) -> None:
    assert sentence(rule, value, limit) == said


def test_capability_of_the_window_and_of_the_day() -> None:
    figures = {
        "n": 125,
        "mean": 10.0,
        "cpk": 1.31,
        "cpk_lower": 1.18,
        "out_of_spec": 0,
        "verdict": "ok",
        "sigma_within": nan,
    }
    window = row_of("capability", 5, characteristic=0, time=TIME, **figures)
    day = row_of("day", 6, characteristic=0, day=datetime(2026, 11, 21).toordinal(), revision=1, **figures)
    fields = 'n=125i,mean=10.0,cpk=1.31,cpk_lower=1.18,out_of_spec=0i,verdict="ok",cpk_floor=1.2,cpk_target=1.33'
    noon = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()) * 1_000_000_000
    made = maker()
    made.lines("characteristic", characteristic(2, cpk_floor=1.2, cpk_target=1.33))
    assert made.lines("capability", window) == [f"capability,{TAGS},over=window {fields} {MICROSECOND}"]
    assert made.lines("day", day) == [f"capability,{TAGS},over=day {fields} {noon}"]
    assert day_time(datetime(1970, 1, 1).toordinal()) == 12 * 3600 * 1_000_000_000


def test_metrics_key_results_alerts_and_the_service() -> None:
    made = maker()
    metric = row_of("metric", 5, metric="bore_cpk", time=TIME, value=1, members=4, counted=3)
    assert made.lines("metric", metric) == [f"metric,metric=bore_cpk value=1.0,members=4i,counted=3i {MICROSECOND}"]
    key_result = row_of(
        "key_result",
        6,
        key_result="KR1",
        objective="O1",
        time=TIME,
        value=1.2,
        n=125,
        progress=0.5,
        status="red",
        reason="floor",
    )
    assert made.lines("key_result", key_result) == [
        "key_result,key_result=KR1,objective=O1 "
        f'value=1.2,n=125i,progress=0.5,status="red",reason="floor" {MICROSECOND}'
    ]
    episode = row_of(
        "episode", 7, episode="E1", characteristic=0, rule="cpk-below-floor", state="open", days="[739210,739211]",
        cpk=1.1, time=TIME,
    )  # fmt: skip
    made.lines("characteristic", characteristic(7, owner="turning"))
    assert made.lines("episode", episode) == [
        f'alert,{TAGS},episode=E1,rule=cpk-below-floor days=2i,state="open",cpk=1.1,owner="turning" {MICROSECOND}'
    ]
    of_a_metric = row_of(
        "episode", 8, episode="E2", metric="bore_cpk", state="open", days="[739210]", cpk=1.1, time=TIME
    )
    assert made.lines("episode", of_a_metric) == [
        f'alert,metric=bore_cpk,episode=E2 days=1i,state="open",cpk=1.1 {MICROSECOND}'
    ]
    values = {"lag_seconds": 2, "rejected": 1, "late": 0, "rows": 9}
    assert service_line("engine", TIME, values) == (
        f"service,process=engine lag_seconds=2.0,rejected=1i,late=0i,rows=9i {MICROSECOND}"
    )
    assert rejected_line("gateways", "not-json", 32, TIME) == (
        f"rejected,connector=gateways,reason=not-json count=32i {MICROSECOND}"
    )


def test_a_metric_and_a_key_result_say_what_the_plan_means_by_them() -> None:
    metrics = {"oee": MetricSpec("oee", "oee", ("line1/*",), over="day"),
               "down": MetricSpec("down", "downtime", ("line1/*",))}  # fmt: skip
    made = LineMaker(Meant({}, metrics, {"KR1": KeyResultSpec("KR1", "O1", "Better", "oee", "reach", 0.9, start=0.8)}))
    hour = 3_600_000_000_000
    oee = {"place": "line1/op10", "value": 0.59375, "n": 360, "counted": True, "reason": "", "planned_ns": 8 * hour,
           "states": {"running": 6 * hour, "setup": 2 * hour}, "down": {}, "total": 360, "good": 342,
           "ideal_ns": 5 * hour}  # fmt: skip
    missing = {"place": "line1/op20", "value": None, "n": 0, "counted": False, "reason": "missing"}
    row = row_of("metric", 5, metric="oee", time=TIME, value=0.59375, n=360, members=2, counted=1,
                 detail=json.dumps([oee, missing, {"more": 3}]))  # fmt: skip
    tags = "metric=oee,kind=oee,over=day"
    assert made.lines("metric", row) == [  # 6 of 8 hours, 5 of 6, and 342 of 360: docs/metrics.md's own case
        f"metric,{tags} value=0.59375,n=360i,members=2i,counted=1i {MICROSECOND}",
        f"place_metric,{tags},place=line1/op10 value=0.59375,availability=0.75,performance=0.8333333333333334,"
        f"quality=0.95,n=360i {MICROSECOND}",
        f"place_metric,{tags},place=line1/op20 n=0i {MICROSECOND}",
    ]
    down = {"place": "line1/op10", "value": 1.5, "n": 8, "down": {"tool": hour, "": hour // 2}}
    row = row_of("metric", 6, metric="down", time=TIME, value=1.5, detail=json.dumps([down]))
    assert made.lines("metric", row)[2:] == [
        f"downtime,metric=down,over=trailing,place=line1/op10,reason=tool hours=1.0 {MICROSECOND}",
        f"downtime,metric=down,over=trailing,place=line1/op10,reason=(none) hours=0.5 {MICROSECOND}",
    ]
    row = row_of("key_result", 7, key_result="KR1", objective="O1", time=TIME, value=0.85, expected=0.4)
    assert made.lines("key_result", row) == [
        f'key_result,key_result=KR1,objective=O1 value=0.85,expected=0.4,title="Better",target=0.9 {MICROSECOND}'
    ]


def test_events_limits_corrections_and_gaps() -> None:
    made, at = maker(), MICROSECOND + 215
    made.lines("characteristic", characteristic(3, number=1, name="line1/op20/width", station="op20"))

    def event(kind: str, place: str, **body: object) -> list[str]:
        row = row_of("event", 5, kind=kind, place=place, time=TIME, seq=5, idx=0, body=json.dumps(body))
        return made.lines("event", row)

    assert event("state", "line1/op10", state="down", reason="tool") == [
        f'machine,place=line1/op10 state="down",reason="tool" {at}'
    ]
    assert event("count", "line1/op10", total=12, good=11) == [f"count,place=line1/op10 total=12i,good=11i {at}"]
    assert event("inspection", "line1/op10", inspected=50, rejected=1, reworked=1, scrapped=0, missed=0) == [
        f"inspection,place=line1/op10 inspected=50.0,rejected=1i,reworked=1i,scrapped=0i,missed=0i {at}"
    ]
    change = {"of": "tool", "characteristics": [], "note": "T4"}
    assert event("change", "line1/op10", **change) == [f'change,{TAGS},place=line1/op10,of=tool note="T4" {at}']
    assert len(event("change", "", **change)) == 2  # without a place it touches all there are
    assert event("complaint", "line1/op10", id="C-1") == []
    limits = row_of("limits", 6, characteristic=0, revision=2, time=TIME, state="accepted", center=10, sigma=0.01,
                    reason="baseline")  # fmt: skip
    assert made.lines("limits", limits) == [
        f'limits,{TAGS} revision=2i,state="accepted",center=10.0,sigma=0.01,reason="baseline" {MICROSECOND}'
    ]
    correction = row_of("correction", 7, characteristic=0, seq=5, idx=0, time=TIME, action="void", was=9.1, who="ada",
                        why="wrong part")  # fmt: skip
    assert made.lines("correction", correction) == [
        f'correction,{TAGS},action=void was=9.1,who="ada",why="wrong part" {at}'
    ]
    gap = {"connector": "press", "reason": "session-lost", "from_time": TIME}
    assert made.lines("gap", row_of("gap", 8, **gap, state="open")) == [
        f'gap,connector=press,reason=session-lost state="open" {MICROSECOND}'
    ]
    until_ms = TIME // 1_000_000 + 60_000
    closed = row_of("gap", 9, **gap, to_time=TIME + 60_000_000_000, state="back-filled", detail="all of it")
    assert made.lines("gap", closed) == [
        f'gap,connector=press,reason=session-lost state="back-filled",detail="all of it",until_ms={until_ms}i '
        f"{MICROSECOND}"
    ]


def test_the_schema_names_every_measurement_that_a_kind_gives() -> None:
    given = {name for names in MEASUREMENTS.values() for name in names}
    assert given | {"service", "rejected"} == set(BY_NAME) == {one.name for one in SCHEMA}


def test_a_number_in_a_real_column_is_a_float_even_where_it_is_whole() -> None:
    assert " value=10.0,n=1.0" in maker().lines("point", point(3, [10.0], value=10))[1]


def test_kinds_that_influxdb_does_not_get_give_no_lines() -> None:
    made = maker()
    for kind in ("outbox", "rejected", "checkpoint"):
        assert kind not in MEASUREMENTS
        assert made.lines(kind, row_of(kind, 5)) == []


@given(st.text(min_size=1).filter(lambda text: not set(text) & set("\n\r\t\\")))
def test_tags_are_escaped_as_the_official_client_does(text: str) -> None:
    theirs = Point("m").tag("t", text).field("f", 1).time(1).to_line_protocol()
    assert make_line("m", [("t", text)], "f=1i", 1) == theirs


@given(st.text())
def test_text_fields_are_escaped_as_the_official_client_does(text: str) -> None:
    theirs = Point("m").field("f", text).time(1).to_line_protocol()
    assert make_line("m", [], make_fields([("f", text)]), 1) == theirs


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_come_back_exactly(value: float) -> None:
    written = make_fields([("f", value)]).removeprefix("f=")
    assert float(written) == value
    assert not written.endswith("i")
    assert set(written) & set(".e")  # never a bare whole number


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a b,c=d", "a\\ b\\,c\\=d"),
        ('quote " and back\\slash', 'quote\\ "\\ and\\ back\\slash'),
        ("ends with a backslash\\\\", "ends\\ with\\ a\\ backslash"),
        ("two\nlines\tand a tab", "two\\ lines\\ and\\ a\\ tab"),
        ("\\", ""),
    ],
)
def test_what_a_tag_cannot_hold_is_replaced(text: str, written: str) -> None:
    assert escape_tag(text) == written


def test_text_keeps_its_lines() -> None:
    assert escape_text('a "b"\\\nc') == '"a \\"b\\"\\\\\nc"'


@pytest.mark.parametrize(("entries", "readings"), [(20, 43), (90, 10), (1, 1000)])
def test_readings_with_one_time_get_times_of_their_own(entries: int, readings: int) -> None:
    for first in (1, 990, 123_456):
        times = {line_time(TIME, seq, idx) for seq in range(first, first + entries) for idx in range(readings)}
        assert len(times) == entries * readings
        assert {time // 1000 for time in times} == {TIME // 1000}
