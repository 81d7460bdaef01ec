"""A study over exactly the readings of a production day gives that day's stored figures."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from math import isnan, nan

import pytest

from board.history.measured import Choice, Fix, Measured, Point, Reading
from board.history.queries import History, View, days
from board.history.selection import Selection, judged_by, select, specification_at
from board.history.statements import item
from board.period import period
from board.times import parse_day
from config.load import load
from config.models import PlantFile
from flows.replay import run
from rules.limits import CHART_CODES
from rules.study import figures
from rules.verdicts import names

PLANT = """
[plant]
id = "p1"
timezone = "Asia/Shanghai"
day_starts_at = "08:00"
[defaults]
lsl = 9.96
usl = 10.04
target = 10.0
resolution = 0.001
day_basis = "day"
[characteristics.single]
limits = { from = "baseline", subgroups = 20 }
[characteristics.range]
chart = "xbar-r"
subgroup_size = 5
limits = { center = 10.0, sigma = 0.008 }
[characteristics.spread]
chart = "xbar-s"
subgroup_size = 4
usl = 10.02
limits = { center = 10.0, sigma = 0.008 }
"""
FIGURES = ("n", "subgroups", "mean", "sigma_within", "within_df", "sigma_overall", "cp", "cpl", "cpu", "cpk",
           "cpk_lower", "pp", "ppl", "ppu", "ppk", "ppk_lower", "cpm", "out_of_spec", "beyond_limits")  # fmt: skip
DAYS = 5


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> PlantFile:
    path = tmp_path_factory.mktemp("study") / "plant.toml"
    path.write_text(PLANT, "utf-8")
    return load(path)


@pytest.fixture(scope="module")
def view(plant: PlantFile) -> Iterator[View]:
    """Five days of three charts: the process moves, lots change within subgroups, some subgroups stay short."""
    draw, start = random.Random(23), round(datetime(2026, 11, 2, 1, tzinfo=UTC).timestamp())
    lines = ["time,characteristic,value,lot"]
    for day in range(DAYS):
        for place in range(83):
            at = datetime.fromtimestamp(start + day * 86_400 + place * 300 + 4_000 * (place > 40), UTC)
            for name in ("single", "range", "spread"):
                value = round(draw.gauss(10.0 + 0.006 * (day - 1), 0.008), 3)
                lines.append(f"{at:%Y-%m-%dT%H:%M:%SZ},{name},{value},L{place // 33}")
    file = plant.path.parent / "measured.csv"
    file.write_text("\n".join(lines) + "\n", "utf-8")
    run(plant, [file], plant.path.parent / "data", (start + (DAYS + 1) * 86_400) * 10**9)
    with History(plant.path.parent / "data" / "history.db", calendar=plant.plant.calendar()).view() as found:
        yield found


@pytest.mark.parametrize("name", ["single", "range", "spread"])
def test_a_study_of_a_day_is_that_day(view: View, plant: PlantFile, name: str) -> None:
    own = item(view, name)
    stored = [day for day in days(view, [name], 0, parse_day("2027-01-01"), 100) if day["n"]]
    assert len(stored) == DAYS
    for day in stored[1:]:  # the first has the baseline, whose points were judged when it had closed
        text = str(day["day"])
        choice = Choice(*period(text, text, view.calendar))
        taken = select(view, own.number, str(own.shown["chart"]), choice)
        found = figures(taken.chosen(), judged_by(own.shown, specification_at(view, own.number, choice.end_ns), plant))
        for figure in FIGURES:
            expected = nan if day[figure] is None else day[figure]
            assert getattr(found, figure) == pytest.approx(expected, rel=1e-9, nan_ok=True), (text, figure)
        assert list(names(found.verdicts)) == day["verdicts"]
    assert any("ok" not in day["verdicts"] for day in stored)
    assert len({day["cpk"] for day in stored}) == DAYS


def test_a_lot_of_a_subgroup_is_studied_with_the_spread_of_what_is_left_of_it(view: View) -> None:
    number = item(view, "range").number
    whole = Measured(view, number).points(*period("", "", view.calendar))
    part = select(view, number, "xbar-r", Choice(context={"lot": "L0"}))
    assert 0 < len(part.readings) < sum(len(point.readings) for point in whole)
    assert {one.context["lot"] for one in part.readings} == {"L0"}


def reading(place: int, value: float, lot: str = "A") -> Reading:
    return Reading(place * 10**9, place, 0, value, "production", {"lot": lot})


def point(readings: list[Reading], dispersion: float) -> Point:
    values = [one.value for one in readings]
    last = readings[-1]
    return Point(last.seq, last.time_ns, sum(values) / len(values), dispersion, (nan, nan, nan), 0, 1, tuple(readings))


def test_what_is_left_of_a_subgroup_has_its_own_range_and_one_alone_is_no_point() -> None:
    taken = Selection(CHART_CODES["xbar-r"])
    taken.take(point([reading(1, 1.0), reading(2, 5.0, "B"), reading(3, 2.0)], 4.0), Choice(context={"lot": "A"}))
    taken.take(point([reading(4, 1.0), reading(5, 5.0, "B")], 4.0), Choice(context={"lot": "A"}))
    chosen = taken.chosen()
    assert chosen.values.tolist() == [1.0, 2.0, 1.0]
    assert (chosen.dispersions.tolist(), chosen.sizes.tolist()) == ([1.0], [2])


def test_a_moving_range_reaches_over_a_void_reading_and_never_over_one_that_is_not_chosen() -> None:
    void = reading(2, 9.0)._replace(fix=Fix("void", None, "ada", "burr", "restated"))
    taken = Selection(CHART_CODES["individuals"])
    first, last, other = reading(1, 1.0), reading(3, 4.0), reading(4, 7.0, "B")
    for one, dispersion in ((first, nan), (void, 8.0), (last, 5.0), (other, 3.0), (reading(5, 6.0), 1.0)):
        taken.take(point([one], dispersion), Choice(context={"lot": "A"}))
    ranges = taken.chosen().dispersions.tolist()
    assert isnan(ranges[0])
    assert ranges[1] == 3.0  # from 1 to 4, over the void one
    assert isnan(ranges[2])  # the one before it is of another lot
    assert taken.set_aside == {"void": 1}
