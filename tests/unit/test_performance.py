"""The page of metrics: what it makes of stored sums and states, by published examples, an oracle and by hand."""

import json
import random
from collections import Counter
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from board.history.machine_states import Reason, downtime
from board.history.metric_days import MetricDay, metric_days
from board.history.queries import History
from board.pages.performance.choice import Choice, chosen
from board.pages.performance.figures import families, groups_of
from board.pages.performance.oee import Machine, advice, losses, machines, tally_of, without_cycle
from board.pages.performance.states import joined
from board.pages.performance.stops import bars
from config.load import load
from connectors.history import HistoryWriter
from rules.calendar import day_start_ns
from rules.event_metrics import EVENT_METRICS
from rules.events import MachineState
from rules.machine_spec import BreakSpec, MachineSpec
from rules.machine_time import MachineLine
from rules.spec import CalendarSpec
from tests.seeding import END_NS, LAST_DAY, Rows
from tests.seeding_machines import add_metric
from tests.truth_tables import load as load_truth
from tests.unit.plant_texts import SOUND, write

TRUTH = load_truth("oee_worked_examples")
MINUTE_NS = 60_000_000_000
DAY = date(2026, 11, 19).toordinal()  # a Thursday
CALENDAR = CalendarSpec()
MIDNIGHT_NS = day_start_ns(CALENDAR, DAY)


def group(planned: float, running: float, cycle_seconds: float, total: int, good: int) -> dict[str, Any]:
    """A machine's day in minutes as a stored detail names it: what it did not run it was down."""
    down = round((planned - running) * MINUTE_NS)
    return {
        "place": "m", "n": total, "counted": True, "reason": "", "total": total, "good": good, "down": {"tool": down},
        "value": good * cycle_seconds / 60 / planned, "planned_ns": round(planned * MINUTE_NS),
        "states": {"running": round(running * MINUTE_NS), "down": down, "planned-stop": 7 * MINUTE_NS},
        "ideal_ns": round(total * cycle_seconds * 1e9),
    }  # fmt: skip


def vorne() -> dict[str, Any]:
    data = TRUTH.data["vorne"]
    planned = data["shift_min"] - data["breaks_min"]
    good = data["total"] - data["rejects"]
    return group(planned, planned - data["downtime_min"], data["ideal_cycle_s"], data["total"], good)


def waycalculator() -> dict[str, Any]:
    data = TRUTH.data["waycalculator"]
    return group(data["planned_min"], data["run_min"], 60 * data["ideal_cycle_min"], data["total"], data["good"])


def stored(*groups: dict[str, Any], day: int = DAY) -> dict[int, MetricDay]:
    return {
        day + n: MetricDay("oee", day + n, 0, one["value"], None, one["n"], 1, 1, True, 1, (one,))
        for n, one in enumerate(groups)
    }


def plant_of(folder: Path, text: str) -> Any:
    return load(write(folder, SOUND + text))


def choice(of: str = "", **specs: MachineSpec) -> Choice:
    return Choice(of, DAY, DAY, DAY, DAY, MIDNIGHT_NS + 1440 * MINUTE_NS, CALENDAR, specs)


def oee_of(folder: Path, over: str, *groups: dict[str, Any]) -> Machine:
    text = f'[metrics.oee]\nkind = "oee"\nof = ["m"]\nover = "{over}"\n'
    (found,) = machines(choice(m=MachineSpec("m")), plant_of(folder, text).metrics, {"oee": stored(*groups)})
    return found


@pytest.mark.parametrize(("name", "example"), [("vorne", vorne()), ("waycalculator", waycalculator())])
def test_the_factors_of_published_examples_come_out_as_printed(
    name: str, example: dict[str, Any], tmp_path: Path
) -> None:
    (figure,) = oee_of(tmp_path, "day", example).figures
    printed = dict(TRUTH.value(name))
    assert figure.oee == pytest.approx(printed.pop("oee"), abs=TRUTH.tolerance(name))
    assert figure.factors == pytest.approx(printed, abs=TRUTH.tolerance(name))


def test_the_losses_lead_from_planned_time_to_that_of_good_units() -> None:
    found = {one.name: one for one in losses(tally_of(vorne()))}
    assert list(found) == ["planned", "down", "running", "speed", "rejects", "good"]
    hours = {name: round(one.hours * 3600) for name, one in found.items()}  # 420 min, 47 of them down, 1 s a unit
    assert hours == {"planned": 25200, "down": 2820, "running": 22380, "speed": 3109, "rejects": 423, "good": 18848}
    assert found["good"].high == TRUTH.approx("vorne_simple_oee")
    assert (found["down"].low, found["down"].high) == pytest.approx((22380 / 25200, 1.0))


def test_a_machine_faster_than_its_ideal_cycle_lost_less_than_nothing() -> None:
    found = {one.name: one for one in losses(tally_of(group(100, 100, 61, 100, 100)))}
    assert found["speed"].hours == pytest.approx(-100 / 3600)
    assert (found["speed"].low, found["speed"].high) == pytest.approx((1.0, 6100 / 6000))


def test_without_an_ideal_cycle_the_losses_end_with_the_running_time() -> None:
    lacking = vorne() | {"value": None, "reason": "no-ideal-cycle", "ideal_ns": 0}
    assert [one.name for one in losses(tally_of(lacking))] == ["planned", "down", "running"]
    assert list(losses(tally_of({"place": "m", "reason": "no-planned-time"}))) == []


def test_days_together_weigh_their_planned_time(tmp_path: Path) -> None:
    found = oee_of(tmp_path, "day", group(600, 600, 60, 600, 600), group(60, 60, 60, 0, 0))
    assert [one.oee for one in found.figures] == [1.0, 0.0]
    assert found.whole.oee == pytest.approx(600 / 660)
    assert found.whole.factors["performance"] == pytest.approx(600 / 660)


def test_of_a_metric_over_many_days_the_newest_is_the_whole(tmp_path: Path) -> None:
    found = oee_of(tmp_path, "trailing", group(600, 600, 60, 600, 600), vorne())
    assert (found.over, found.whole.oee) == ("trailing", TRUTH.approx("vorne_simple_oee"))


def test_a_metric_by_day_is_taken_before_one_over_many(tmp_path: Path) -> None:
    text = '[metrics.a]\nkind = "oee"\nof = ["m"]\nover = "day"\n[metrics.z]\nkind = "oee"\nof = ["m"]\n'
    days = {"a": stored(vorne()), "z": stored(waycalculator())}
    (found,) = machines(choice(m=MachineSpec("m")), plant_of(tmp_path, text).metrics, days)
    assert (found.metric, found.over) == ("a", "day")
    assert machines(choice("other", m=MachineSpec("m")), plant_of(tmp_path, text).metrics, days) == []


def test_the_advice_makes_a_plant_file_that_loads_and_then_there_is_none(tmp_path: Path) -> None:
    text = '[machines."line1/op10"]\nideal_cycle_seconds = 5.0\n[metrics.oee_by_day]\nkind = "downtime"\nof = ["x"]\n'
    plant = plant_of(tmp_path, text)
    places = ("line1/op10", 'odd "one" 1')
    asked = choice(**{place: MachineSpec(place) for place in places})
    told = advice(asked, plant.metrics, plant)
    better = load(write(tmp_path, SOUND + text + told))
    added = better.metrics["oee_by_day_2"]
    assert (added.kind, added.over, added.of) == ("oee", "day", places)
    assert set(better.machines) == set(places)
    assert advice(asked, better.metrics, better) == ""


def test_machines_whose_table_has_no_ideal_cycle_are_named(tmp_path: Path) -> None:
    plant = plant_of(tmp_path, '[machines."a"]\n[machines."b"]\nideal_cycle_seconds = 2.0\n')
    specs = {name: plant.machines[name].spec(name) for name in "ab"} | {"c": MachineSpec("c")}
    assert without_cycle(choice(**specs), plant) == ["a"]


def line(*messages: tuple[int, str, str]) -> MachineLine:
    found = MachineLine()
    for minute, state, reason in messages:
        found.take(MIDNIGHT_NS + minute * MINUTE_NS, MachineState(state, reason))  # type: ignore[arg-type] # words
    return found


# messages at minutes of the day; what the machine has besides; downtime by reason as (minutes, stops)
STOPS: dict[str, tuple[tuple[tuple[int, str, str], ...], dict[str, Any], dict[str, tuple[int, int]]]] = {
    "told twice is one stop": (
        ((0, "running", ""), (60, "down", "tool"), (90, "down", "tool"), (120, "running", "")), {}, {"tool": (60, 1)},
    ),
    "another reason is a stop of that one too": (
        ((60, "down", "tool"), (90, "down", "jam"), (120, "down", "tool"), (150, "running", "")), {},
        {"tool": (60, 2), "jam": (30, 1)},
    ),
    "a stop across a break is one": (
        ((60, "down", "tool"), (180, "running", "")), {"breaks": (BreakSpec(90, 30),)}, {"tool": (90, 1)},
    ),
    "it ran in the break: two": (
        ((60, "down", "tool"), (95, "running", ""), (100, "down", "tool"), (180, "running", "")),
        {"breaks": (BreakSpec(90, 30),)}, {"tool": (90, 2)},
    ),
    "planned stops are none": (((60, "down", "service"), (90, "running", "")), {"planned_stops": ("service",)}, {}),
    "idling is no downtime, and no reason is a reason": (
        ((0, "idle", "tool"), (60, "down", ""), (90, "running", "")), {}, {"": (30, 1)},
    ),
    "believed for two hours": (((60, "down", "tool"),), {"state_valid_hours": 2.0}, {"tool": (120, 1)}),
}  # fmt: skip


@pytest.mark.parametrize("case", STOPS)
def test_stops_are_counted_by_reason(case: str) -> None:
    messages, more, expected = STOPS[case]
    machine = MachineSpec("m", **more)
    found = downtime({"m": line(*messages)}, {"m": machine}, CALENDAR, [DAY], MIDNIGHT_NS + 1440 * MINUTE_NS)
    assert {one.reason: (one.ns // MINUTE_NS, one.stops) for one in found} == expected


def test_a_stop_over_midnight_is_one_and_the_future_is_no_downtime() -> None:
    told = line((-30, "down", "tool"))
    found = downtime({"m": told}, {"m": MachineSpec("m")}, CALENDAR, [DAY - 1, DAY], MIDNIGHT_NS + 10 * MINUTE_NS)
    assert [(one.reason, one.ns // MINUTE_NS, one.stops) for one in found] == [("tool", 40, 1)]


def test_downtime_by_reason_is_that_of_minutes_counted_one_by_one() -> None:
    chance = random.Random(34)
    for _ in range(20):
        minutes = sorted(chance.sample(range(1440), 30))
        messages = [(at, chance.choice(("running", "idle", "down")), chance.choice("ab")) for at in minutes]
        counted: Counter[str] = Counter()
        for minute in range(1440):
            before = [one for one in messages if one[0] <= minute]
            if before and before[-1][1] == "down":
                counted[before[-1][2]] += 1
        found = downtime(
            {"m": line(*messages)}, {"m": MachineSpec("m")}, CALENDAR, [DAY], MIDNIGHT_NS + 1440 * MINUTE_NS
        )
        assert {one.reason: one.ns // MINUTE_NS for one in found} == counted
        assert [one.ns for one in found] == sorted((one.ns for one in found), reverse=True)


def test_bars_add_up_and_the_others_are_one() -> None:
    reasons = [Reason("a", 60 * MINUTE_NS, 3, {"m", "n"}), Reason("b", 30 * MINUTE_NS, 1, {"m"}),
               Reason("c", 10 * MINUTE_NS, 2, {"o"})]  # fmt: skip
    assert [(one.reason, one.minutes, one.share, one.up_to) for one in bars(reasons)] == [
        ("a", 60, 0.6, 0.6), ("b", 30, 0.3, 0.9), ("c", 10, 0.1, 1.0)]  # fmt: skip
    rest = bars(reasons, 1)[-1]
    assert (rest.reason, rest.minutes, rest.stops, rest.up_to, rest.machines) == (None, 40, 3, 1.0, ("m", "o"))
    assert bars([]) == []


def test_the_time_line_has_no_holes_and_says_where_nothing_is_known() -> None:
    told = line((60, "running", ""), (120, "running", ""), (300, "down", "service"), (310, "down", "tool"))
    machine = MachineSpec("m", planned_stops=("service",), state_valid_hours=4.0)
    span = MIDNIGHT_NS, MIDNIGHT_NS + 720 * MINUTE_NS
    found = [(state, reason, (start - MIDNIGHT_NS) // MINUTE_NS, (end - MIDNIGHT_NS) // MINUTE_NS)
             for state, reason, start, end in joined(told, machine, span)]  # fmt: skip
    assert found == [("unknown", "", 0, 60), ("running", "", 60, 300), ("planned-stop", "service", 300, 310),
                     ("down", "tool", 310, 550), ("unknown", "", 550, 720)]  # fmt: skip


@pytest.fixture
def history(tmp_path: Path) -> History:
    writer = HistoryWriter(tmp_path / "history.db", "journal-1")
    rows = Rows(writer)
    one = {"place": "m", "value": 0.9, "n": 10, "counted": True, "reason": ""}
    add_metric(rows, "rate", LAST_DAY - 40, one)
    add_metric(rows, "rate", LAST_DAY - 1, one)
    add_metric(rows, "rate", LAST_DAY - 1, one)  # stated again, behind a restated one: the same
    add_metric(rows, "rate", LAST_DAY, one)
    add_metric(rows, "rate", LAST_DAY, one | {"value": 0.8}, restated=True)
    rows.commit(END_NS)
    writer.close()
    return History(tmp_path / "history.db", calendar=CalendarSpec("Asia/Shanghai"))


def test_the_newest_row_of_a_day_counts_and_says_what_stood_before(history: History) -> None:
    with history.view() as view:
        found = metric_days(view, LAST_DAY - 13, LAST_DAY)["rate"]
    assert {day: (one.value, one.was) for day, one in found.items()} == {
        LAST_DAY - 1: (0.9, ()), LAST_DAY: (0.8, (0.9,))}  # fmt: skip


@pytest.mark.parametrize(("over", "was"), [("day", (0.9,)), ("window", ())])
def test_a_window_that_moves_is_not_restated(
    history: History, tmp_path: Path, over: str, was: tuple[float, ...]
) -> None:
    plant = plant_of(tmp_path, f'[metrics.rate]\nkind = "defect-rate"\nof = ["m"]\nover = "{over}"\n')
    with history.view() as view:
        days = metric_days(view, LAST_DAY, LAST_DAY)
    found = {metric.name: metric for _, metrics in families(choice(), plant, days) for metric in metrics}
    latest = found["rate"].latest
    assert latest is not None
    assert latest.stored.was == was


def asked_for(history: History, view: object, **query: str) -> Any:
    return SimpleNamespace(view=view, query=query, board=SimpleNamespace(history=history, plant=None))


@pytest.mark.parametrize(
    ("query", "first", "last", "wrong"),
    [
        ({}, -12, 1, []),  # the plant's clock is in the day after LAST_DAY; each day is worked
        ({"from": "2026-11-18", "to": "2026-11-19"}, -2, -1, []),
        ({"from": "yesterday"}, -12, 1, ["performance.wrong_day"]),
        ({"from": "2026-11-20", "to": "2026-11-18"}, -15, -2, ["performance.wrong_order"]),
        ({"from": "2020-01-01"}, -90, 1, ["performance.wrong_length"]),
        ({"to": "2099-01-01"}, -12, 1, []),
        ({"of": "nowhere"}, -12, 1, ["performance.wrong_place"]),
    ],
)
def test_what_is_asked_for_is_taken_or_answered_in_words(
    history: History, query: dict[str, str], first: int, last: int, wrong: list[str]
) -> None:
    with history.view() as view:
        found = chosen(asked_for(history, view, **query))
    assert (found.first - LAST_DAY, found.last - LAST_DAY) == (first, last)
    assert [key for key, _ in found.wrong] == wrong


def test_of_a_large_plant_the_first_line_is_shown_until_all_are_asked_for(history: History) -> None:
    places = [f"line{1 + number // 10}/op{number % 10}" for number in range(25)]
    machines = {place: SimpleNamespace(spec=MachineSpec) for place in places}
    with history.view() as view:
        asked = {of: asked_for(history, view, **query) for of, query in
                 {"line1": {}, "": {"of": ""}, "line2": {"of": "line2"}}.items()}  # fmt: skip
        for of, one in asked.items():
            one.board.plant = SimpleNamespace(machines=machines)
            assert chosen(one).of == of


def test_the_usual_days_are_worked_ones(history: History) -> None:
    history = History(history.path, calendar=CalendarSpec("Asia/Shanghai", working_days=frozenset(range(5))))
    with history.view() as view:
        found = chosen(asked_for(history, view))
    # 2026-11-21, a Saturday, back over 14 week days to Tuesday the 3rd
    assert (found.iso(found.first), found.iso(found.last)) == ("2026-11-03", "2026-11-21")


def test_groups_are_named_by_what_they_are_of() -> None:
    detail = json.loads(
        '[{"place":"m","value":1,"n":2,"counted":true,"reason":""},'
        '{"supplier":"S2","value":null,"n":0,"counted":false,"reason":"undefined","warning":"ideal-cycle"},'
        '{"characteristic":"a/b/c","value":1.5,"lower":1.2,"n":9,"counted":true,"reason":""},{"more":3},{"open":1}]'
    )
    found = list(groups_of(detail))
    assert [(one.name, one.value, one.n, one.counted, one.words) for one in found] == [
        ("m", 1, 2, True, ()), ("S2", None, 0, False, ("undefined", "ideal-cycle")), ("a/b/c", 1.5, 9, True, ()),
    ]  # fmt: skip


def test_a_stored_oee_names_all_that_its_factors_take() -> None:
    assert EVENT_METRICS["oee"].shows == ("planned_ns", "states", "down", "total", "good", "ideal_ns")
