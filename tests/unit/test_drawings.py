from datetime import date
from math import nan

import numpy as np
import pytest

from board.figures.daily import BOTTOM, TOP, daily
from board.figures.histogram import Fitted, histogram
from board.figures.run import COLUMNS, Plotted, run
from board.figures.scale import ticks
from board.figures.table import bounds, lines, parts_per_million
from rules.capability import UPPER_95, bissell_bound
from rules.spec import CalendarSpec

ITEM = {"cpk_floor": 1.2, "cpk_target": 1.33}
MONDAY = date(2026, 11, 16).toordinal()


def day(number: int, cpk: float | None, **other: object) -> dict[str, object]:
    told = {"day": date.fromordinal(number).isoformat(), "revision": 1, "cpk": cpk, "cpk_lower": cpk and cpk * 0.9,
            "n": 80, "within_df": 57.6, "mean": 10.0, "verdicts": ["ok"]}  # fmt: skip
    return told | other


def test_a_histogram_has_a_bar_a_bin_its_marks_and_the_counts_beyond() -> None:
    values = np.round(np.random.default_rng(1).normal(10.0, 0.01, 500), 3)
    drawn = histogram(values, 0.001, (9.98, 10.0, 10.03), Fitted(10.0, 0.01, 0.009))
    assert drawn is not None
    assert sum(bar.readings for bar in drawn.bars) == drawn.n == 500
    assert (drawn.below, drawn.above) == (sum(values < 9.98), sum(values > 10.03))
    assert [mark.kind for mark in drawn.marks] == ["lsl", "target", "usl", "mean"]
    assert all(0 <= bar.x <= 560 and bar.y + bar.height == pytest.approx(206) for bar in drawn.bars)
    assert all(bar.outside == (bar.high <= 9.98 or bar.low >= 10.03) for bar in drawn.bars)
    tops = [float(pair.split(",")[1]) for pair in drawn.overall.split()]
    assert len(tops) == 97
    assert tops.index(min(tops)) == 48  # the mean is in the middle of its curve
    assert min(tops) > 28


def test_the_greatest_values_that_a_broken_gauge_tells_are_counted_and_in_no_bar() -> None:
    values = np.array([9.99, 10.0, 10.01, 1.7976931348623157e308, -1.7976931348623157e308])
    drawn = histogram(values, 0.001, (9.98, 10.0, 10.03), Fitted(nan, nan, nan))
    assert drawn is not None
    assert (drawn.n, drawn.below, drawn.above, sum(bar.readings for bar in drawn.bars)) == (5, 1, 1, 3)


def test_a_curve_without_a_sigma_is_not_drawn_and_no_reading_is_no_histogram() -> None:
    drawn = histogram(np.full(5, 3.0), nan, (nan, nan, nan), Fitted(3.0, 0.0, nan))
    assert drawn is not None
    assert (drawn.overall, drawn.within, len(drawn.bars)) == ("", "", 1)
    assert histogram(np.array([]), nan, (nan, nan, nan), Fitted(nan, nan, nan)) is None


def test_a_day_has_its_bounds_and_its_kind() -> None:
    rows = [day(MONDAY, 1.5), day(MONDAY + 1, 1.1), day(MONDAY + 2, 1.0)]
    rows.append(day(MONDAY + 3, 1.4, verdicts=["insufficient"]))
    rows.append(day(MONDAY + 4, None, verdicts=["resolution"]))
    rows.append(day(MONDAY + 7, 1.6, revision=3))
    weekdays = CalendarSpec(working_days=frozenset(range(5)))
    drawn = daily(rows, frozenset([str(rows[2]["day"])]), ITEM, weekdays)
    assert drawn is not None
    assert [one.kind for one in drawn.days] == ["good", "below", "breach", "hollow", "none", "good"]
    assert [one.restated for one in drawn.days] == [False] * 5 + [True]
    assert len(drawn.rest) == 2  # Saturday and Sunday
    first = drawn.days[0]
    assert (first.lower, first.upper) == (1.35, bissell_bound(1.5, 80, 57.6, UPPER_95))
    assert TOP <= first.y_upper < first.y < first.y_lower <= BOTTOM
    assert [name for name, _, _ in drawn.lines] == ["floor", "target"]
    assert drawn.days[4].y == BOTTOM


def test_days_of_an_attribute_chart_show_their_rate_without_floor_or_interval() -> None:
    drawn = daily([day(MONDAY, None, mean=0.02, verdicts=["no-spec"])], frozenset(), ITEM, CalendarSpec())
    assert drawn is not None
    assert (drawn.days[0].value, drawn.days[0].kind, drawn.lines) == (0.02, "good", ())
    assert np.isnan(drawn.days[0].upper)


def test_only_the_last_quarter_of_days_is_drawn_and_no_day_is_no_drawing() -> None:
    drawn = daily([day(MONDAY + place, 1.5) for place in range(200)], frozenset(), ITEM, CalendarSpec())
    assert drawn is not None
    assert len(drawn.days) == 92
    assert daily([], frozenset(), ITEM, CalendarSpec()) is None


def test_a_run_chart_of_many_points_keeps_every_extreme() -> None:
    values = np.random.default_rng(2).normal(0.0, 1.0, 10_000)
    values[[777, 5_001]] = 9.0, -9.0
    drawn = run([Plotted(value, (3.0, 0.0, -3.0), abs(value) > 3) for value in values.tolist()], (nan, nan))
    assert drawn is not None
    heights = [float(pair.split(",")[1]) for pair in drawn.line.split()]
    assert len(heights) <= 2 * COLUMNS
    assert (min(heights), max(heights)) == (pytest.approx(21.85, abs=0.2), pytest.approx(186.1, abs=0.2))
    assert len(drawn.beyond) == int(np.sum(np.abs(values) > 3))


def test_limits_step_where_a_revision_begins_and_are_absent_where_there_are_none() -> None:
    none, wide, narrow = (nan, nan, nan), (3.0, 0.0, -3.0), (2.0, 0.0, -2.0)
    points = [Plotted(0.5, limits, False) for limits in (none, none, wide, wide, narrow, narrow)]
    drawn = run(points, (nan, 50.0))
    assert drawn is not None
    upper = dict(drawn.limits)["ucl"]
    assert upper.count("M") == 1
    assert upper.count("L") == 3  # to the end of the wide ones, down, to the end of the narrow ones
    assert drawn.specification == ()  # far away
    assert run([], (nan, nan)) is None


@pytest.mark.parametrize(("low", "high"), [(9.958, 10.041), (0.0, 2.36), (-3.0, 1e6), (0.0199, 0.0201)])
def test_ticks_are_round_and_within(low: float, high: float) -> None:
    found = ticks(low, high, 5)
    assert 3 <= len(found) <= 8
    assert low - 1e-9 <= found[0] < found[-1] <= high + 1e-9
    assert all(len(f"{value:g}".replace("-", "").replace(".", "").strip("0")) <= 5 for value in found)


def test_the_table_has_the_stored_bound_and_the_upper_one_where_its_df_are_known() -> None:
    statement = {"cpk": 1.2, "cpk_lower": 1.05, "ppk": 1.1, "ppk_lower": 0.98, "n": 125, "mean": 10.0,
                 "sigma_within": 0.01, "cp": None}  # fmt: skip
    assert bounds(statement, "cpk") == "≥ 1.05"
    assert bounds(statement | {"within_df": 90.0}, "cpk") == f"1.05 … {bissell_bound(1.2, 125, 90, UPPER_95):.2f}"
    assert bounds(statement, "ppk") == f"0.98 … {bissell_bound(1.1, 125, 124, UPPER_95):.2f}"
    assert bounds(statement, "cp") == bounds(None, "cpk") == bounds({"cpk": None}, "cpk") == ""
    told = {line.name: line.values for line in lines([statement, None], "mm")}
    assert (told["cpk"], told["mean"], told["cp"]) == (("1.20", "–"), ("10 mm", "–"), ("–", "–"))


def test_the_parts_to_expect_out_are_those_of_montgomerys_table() -> None:
    three_sigma = {"mean": 0.0, "sigma_overall": 1.0}
    assert parts_per_million(three_sigma, -3.0, 3.0) == "2700"  # SQC, 8th ed., table 8.2: 2,700 ppm at 1.0
    assert parts_per_million(three_sigma, nan, nan) == parts_per_million(None, 0.0, 1.0) == "–"
