"""Key results in words, held against sentences written by hand from the design's section 9."""

import re

import pytest

from board.language import language
from board.pages.alerts import _urgency
from board.pages.goals_charts import Dot, Line, bar, chart, spark, ticks
from board.pages.goals_words import affects, course, waiting
from rules.spec import CalendarSpec

ENGLISH = language("en")
KR = {"id": "KR1", "kind": "reach", "start": 0.9, "target": 1.4, "direction": "at-least", "unit": "index",
      "metric": "m", "progress": 0.5, "expected": 0.5, "required_share": None, "status": "green", "reason": "on-course",
      "day": "2026-10-05", "sources": []}  # fmt: skip
OBJECTIVE = {"owner": "wang", "first_day": "2026-10-01", "last_day": "2026-12-31"}
CALENDAR = CalendarSpec(working_days=frozenset(range(6)))  # every day but Sunday
ALERT = {"alert": "a1", "characteristic": "bore", "metric": None, "owner": "li", "task": {"next": "plan"}}


def said(**changes: object) -> list[tuple[str, str]]:
    found = waiting(ENGLISH, KR | changes, OBJECTIVE, changes.pop("alerts", ()), CALENDAR)  # type: ignore[arg-type]
    return [(one.what, re.sub("<[^>]+>", "", str(one.says))) for one in found]


@pytest.mark.parametrize(
    ("changes", "what", "says"),
    [
        ({"status": "no-data", "reason": "no update yet"}, "data", "no update has come yet; the first comes when a "
         "production day closes."),
        ({"status": "stale", "reason": "no-usable-day", "sources": [{"last_day": "2026-10-02"}]}, "data",
         "a day with enough readings: the last one used was 2026-10-02."),
        ({"status": "red", "reason": "not-held-twice"}, "days",
         "it is better than its status says, and has to hold at two day closes running."),
        # 0.9 + 0.95 × 0.5 × 0.5 = 1.1375
        ({"status": "yellow", "reason": "behind"}, "data", "a value of 1.137 or better would be on course."),
        ({"kind": "maintain", "status": "red", "reason": "far-behind", "required_share": 0.95}, "days",
         "on course when 95 % of its days are at target."),
        ({"kind": "milestone", "progress": None}, "people", "wang is to say how far it is, with evidence."),
    ],
)  # fmt: skip
def test_it_says_what_it_waits_for(changes, what, says):
    assert said(**changes) == [(what, says)]


def test_the_beginning_of_a_period_is_counted_in_production_days():
    ((what, says),) = said(status="starting", reason="few-days")
    # from Thursday to Monday without the Sunday: 1, 2, 3 and 5 October; the quarter has 92 days, 13 of them Sundays;
    # 5 days are more than 5 % of the 79
    assert what == "days"
    assert says == "4 of the 79 production days of the period have passed; it is judged from the 5th on."


def test_members_without_a_figure_are_named_with_why_and_the_rest_counted():
    sources = [{"characteristic": f"c{n}", "counted": n == 0, "reason": "" if n == 0 else "stale"} for n in range(8)]
    ((what, says),) = said(status="incomplete", reason="stale", sources=sources, more=3)
    assert what == "data"
    assert says == "without a figure: c1 (stale), c2 (stale), c3 (stale), c4 (stale), c5 (stale), and 5 more."


def test_an_open_alert_leads_to_whose_step_is_next():
    found = waiting(ENGLISH, KR | {"status": "red", "reason": "floor"}, OBJECTIVE, [ALERT], CALENDAR)
    assert [one.what for one in found] == ["people"]
    assert 'href="/alerts/a1"' in found[0].says
    assert "next: Submit plan. Its owner is li." in found[0].says


def test_what_is_green_or_done_waits_for_nothing():
    assert said() == []
    assert said(kind="milestone", progress=1.0) == []


def test_names_are_escaped():
    found = waiting(ENGLISH, KR, OBJECTIVE, [ALERT | {"characteristic": "<b>"}], CALENDAR)
    assert "<b>" not in found[0].says


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"progress": 0.19}, "19 % of the way from 0.9 to 1.4; 50 % of the period is over"),
        ({"progress": -0.2}, "below its start of 0.9; 50 % of the period is over"),
        ({"progress": 1.2, "expected": None}, "target met"),
        ({"progress": None}, "no progress known"),
        ({"kind": "maintain", "progress": 0.9, "required_share": 0.95}, "at target on 86 % of its days, 95 % wanted"),
        ({"kind": "milestone", "progress": 0.5}, "50 % done"),
        ({"progress": -0.2, "direction": "at-most", "start": 2.0, "unit": "h", "expected": None},
         "above its start of 2 h"),
    ],
)  # fmt: skip
def test_its_course_in_words(changes, says):
    assert str(course(ENGLISH, KR | changes)) == says


def test_an_alert_concerns_its_metric_or_what_has_it_as_a_member():
    assert affects(ALERT, KR, {"m": {"bore"}})
    assert affects(ALERT, KR | {"sources": [{"characteristic": "bore"}]}, {})
    assert not affects(ALERT, KR, {"other": {"bore"}})
    assert affects(ALERT | {"metric": "m", "characteristic": None}, KR, {})
    assert not affects(ALERT | {"metric": "n", "characteristic": None}, KR, {"m": {"bore"}})


def test_open_alerts_come_first_the_overdue_before_them_and_done_ones_last():
    def alert(name: str, state: str, task: str, *, overdue: bool = False, day: int = 1) -> dict[str, object]:
        noticed = f"2026-11-0{day}T00:00:00Z"
        return {"alert": name, "state": state, "overdue": overdue, "task": {"state": task, "noticed_at": noticed}}

    some = [alert("done", "recovered", "closed"), alert("older", "open", "acknowledged"),
            alert("newer", "open", "acknowledged", day=2), alert("late", "open", "acknowledged", overdue=True),
            alert("fresh", "open", "open"), alert("left", "recovered", "planned")]  # fmt: skip
    ordered = [one["alert"] for one in sorted(some, key=_urgency)]
    assert ordered == ["late", "fresh", "newer", "older", "left", "done"]


def test_a_chart_breaks_its_line_where_a_day_has_no_value_and_shows_that_day_at_the_bottom():
    drawn = chart((0, 3), [Line("c", [(0, 1.0), (1, None), (2, 2.0), (3, 1.5)])],
                  [Dot(1, None, "dot", "circle", "no figure"), Dot(2, float("-inf"), "dot", "circle", "bad")],
                  says="values", x_labels=[(0, "first")])  # fmt: skip
    (path,) = re.findall(r'class="c" d="([^"]+)"', drawn)
    assert (path.count("M"), path.count("L")) == (2, 1)
    assert drawn.count(" 166m") == 2  # HEIGHT − BOTTOM
    assert not re.search("nan|inf", drawn)


def test_pictures_of_little_are_none_or_level():
    assert spark([1.0], 1.0, "one") == ""
    assert "nan" not in spark([1.0, 1.0], 1.0, "level")
    assert ticks(0.1, 0.1) == [0.1]
    assert 'width="100.0"' in bar(2.5, 0.4, "good", "met")
    assert 'width="0.0"' in bar(None, None, "none", "unknown")
