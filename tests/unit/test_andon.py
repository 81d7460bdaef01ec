import re

import pytest
from starlette.datastructures import QueryParams

from board.history.glance import Tile
from board.history.latest_points import KEPT, Latest, followed
from board.history.overview import STATUSES
from board.pages.andon.choice import LONGEST, SECONDS, SHORTEST, Choice
from board.pages.andon.drawing import HEIGHT, WIDTH, drawing
from board.pages.andon.order import GRAVITY, in_order, lines, tallies, tally
from board.pages.andon.wall import A_SLIDE, OF_WORST, slides
from rules.run_rules import RUN_RULES
from rules.verdicts import VERDICTS

BIT = {rule.name: 1 << rule.bit for rule in RUN_RULES}


def tile(name: str, status: str = "ok", cpk: float | None = 1.5, *points: Latest, **other: object) -> Tile:
    line, station = (name.split("/") + ["", ""])[:2] if "/" in name else ("", "")
    item = {"characteristic": name, "line": line, "station": station, "unit": "mm", "owner": "production",
            "product": "", "status": status, "capability": {"cpk": cpk}, "subgroup_size": 5, "lsl": None,
            "usl": None}  # fmt: skip
    return Tile(hash(name), 1, item | other, points, {})


def point(at: int, value: float | None, signals: int = 0, phase: int = 2, **other: float | None) -> Latest:
    return Latest(at, at, 0, value, 10.0, 10.5, 9.5, signals, phase)._replace(**other)


def test_every_status_there_is_has_its_place_among_the_grave_and_the_good() -> None:
    assert {word for word, _ in STATUSES} | set(VERDICTS) == set(GRAVITY)


def test_tiles_are_worst_first_and_do_not_change_places_for_a_small_change_of_cpk() -> None:
    names = ["a/1/z", "a/1/y", "a/1/x", "a/1/w", "a/1/v"]
    found = [tile("a/1/z"), tile("a/1/y", "signal"), tile("a/1/x", "alert", 1.1), tile("a/1/w", "alert", 0.4),
             tile("a/1/v", "no-figure", None)]  # fmt: skip
    assert [one.name for one in in_order(found)] == [names[at] for at in (3, 2, 1, 4, 0)]
    near = [tile("a/1/b", cpk=1.51), tile("a/1/a", cpk=1.59)]
    assert [one.name for one in in_order(near)] == ["a/1/a", "a/1/b"]
    below_zero = [tile("a/1/a", cpk=-0.3), tile("a/1/b", cpk=-2.0)]
    assert [one.name for one in in_order(below_zero)] == ["a/1/b", "a/1/a"]


def test_lines_and_stations_come_in_the_order_of_their_worst() -> None:
    found = lines([tile("a/1/x"), tile("a/2/x", "signal"), tile("b/1/x"), tile("b/3/x", "alert"), tile("loose")])
    assert [(line.name, [station.name for station in line.stations]) for line in found] == [
        ("b", ["3", "1"]),
        ("a", ["2", "1"]),
        ("", [""]),
    ]
    assert [(one.tone, one.sign, one.tiles) for one in tally(found[0].tiles)] == [("bad", "✕", 1), ("good", "✓", 1)]
    assert list(tallies([tile("a"), tile("b", "signal"), tile("c")]).items()) == [("signal", 1), ("ok", 2)]


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ("", {"a/1/bore", "a/2/force", "b/1/bore"}),
        ("line=a", {"a/1/bore", "a/2/force"}),
        ("line=a&station=1", {"a/1/bore"}),
        ("status=alert&status=ok", {"a/1/bore", "b/1/bore"}),
        ("q=BORE", {"a/1/bore", "b/1/bore"}),
        ("q=bore+signal", set()),
        ("q=production+signal", {"a/2/force"}),
        ("q=b/&status=alert", set()),
    ],
)
def test_filters_leave_what_they_say(query: str, seen: set[str]) -> None:
    choice = Choice.of(QueryParams(query))
    found = [tile("a/1/bore", "alert"), tile("a/2/force", "signal"), tile("b/1/bore")]
    assert {one.name for one in found if choice.matches(one)} == seen
    assert choice.is_all == (not query)


def test_an_address_says_what_is_chosen_and_is_read_back_the_same() -> None:
    choice = Choice(
        line=("line 1",), status=("alert", "ok"), q="a b&c", size="small", wall=True, by="worst", seconds=20
    )
    address = choice.link()
    assert Choice.of(QueryParams(address.partition("?")[2])) == choice
    assert choice.link(line=(), status=(), q="", size="", wall=False, by="line", seconds=SECONDS) == "/"
    assert ("status", "alert") in choice.hidden("line", "q")
    assert "line" not in dict(choice.hidden("line", "q"))


@pytest.mark.parametrize(
    ("seconds", "taken"),
    [("", SECONDS), ("20", 20), ("0", SHORTEST), ("99999", LONGEST), ("-4", SECONDS), ("²", SECONDS)],
)
def test_the_seconds_of_a_slide_are_within_reason(seconds: str, taken: int) -> None:
    assert Choice.of(QueryParams({"wall": "1", "seconds": seconds, "by": "nothing"})).seconds == taken


def test_a_wall_has_a_slide_for_each_line_or_station_or_for_the_worst() -> None:
    some = in_order([tile(f"a/{k % 2}/{k:02}", "signal" if k == 3 else "ok") for k in range(30)])
    (one,) = slides(some, "line")
    assert (one.line, one.station, len(one.tiles), len(one.more)) == ("a", "", A_SLIDE, 18)
    assert one.tiles[0].name == "a/1/03"
    assert [(slide.station, len(slide.tiles) + len(slide.more)) for slide in slides(some, "station")] == [
        ("1", 15),
        ("0", 15),
    ]
    (worst,) = slides(some, "worst")
    assert [one.name for one in worst.tiles] == ["a/1/03"]
    (calm,) = slides([tile(f"a/1/{k:02}") for k in range(30)], "worst")
    assert len(calm.tiles) == OF_WORST
    assert slides([], "line") == slides([], "worst") == []


def places(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](\d+) (\d+)", path)]


def test_a_drawing_has_the_values_from_left_to_right_and_higher_ones_higher() -> None:
    found = drawing(tile("a/1/x", "ok", 1.5, point(1, 10.1), point(2, 9.9), point(3, 10.5)))
    (first, second, third) = places(found.values)
    assert first[0] < second[0] < third[0] < WIDTH
    assert third[1] < first[1] < second[1] < HEIGHT
    assert found.dot == third
    assert found.marks == {}
    assert found.limits.count("M") == 2
    assert found.centre.count("M") == 1


def test_limits_step_where_their_revision_changed_and_break_where_there_are_none() -> None:
    narrow = {"ucl": 10.2, "lcl": 9.8}
    found = drawing(tile("x", "ok", 1.5, point(1, 10), point(2, 10, **narrow), point(3, 10, **narrow)))
    assert found.limits.count("V") == 2
    nothing = dict.fromkeys(("cl", "ucl", "lcl"))
    found = drawing(tile("x", "ok", 1.5, point(1, 10), point(2, 10, **nothing), point(3, None), point(4, 10)))
    assert (found.limits.count("M"), found.values.count("M")) == (4, 2)


def test_signals_have_the_shape_of_their_gravest_rule() -> None:
    points = (point(1, 10.6, BIT["beyond-3-sigma"] | BIT["9-on-one-side"]), point(2, 10, BIT["9-on-one-side"]),
              point(3, 11, BIT["out-of-spec"] | BIT["beyond-3-sigma"]), point(4, 10.6, BIT["beyond-3-sigma"], phase=1),
              point(5, 10))  # fmt: skip
    found = drawing(tile("x", "signal", 1.5, *points))
    assert {shape: path.count("M") for shape, path in found.marks.items()} == {"triangle": 1, "diamond": 1, "square": 1}
    assert found.signals == 3


def test_the_specification_is_drawn_for_single_readings_that_are_near_it_only() -> None:
    bounds = {"lsl": 9.2, "usl": 10.8}
    points = (point(1, 10.1), point(2, 9.9))
    assert drawing(tile("x", "ok", 1.5, *points, subgroup_size=1, **bounds)).specification.count("M") == 2
    assert drawing(tile("x", "ok", 1.5, *points, **bounds)).specification == ""
    assert drawing(tile("x", "ok", 1.5, *points, subgroup_size=1, lsl=0.0, usl=20.0)).specification == ""


def test_what_has_no_points_or_never_varies_is_drawn_all_the_same() -> None:
    assert drawing(tile("x")).dot is None
    flat = dict.fromkeys(("cl", "ucl", "lcl"))
    found = drawing(tile("x", "ok", 1.5, point(1, 5.0, **flat), point(2, 5.0, **flat)))
    assert len(places(found.values)) == 2
    assert found.limits == ""


def test_points_that_come_are_added_and_restated_ones_take_their_place() -> None:
    known = tuple(point(at, 10.0) for at in range(KEPT))
    later = followed(known, [point(KEPT, 11.0), point(5, 12.0), point(-1, 99.0), point(0, 13.0)])
    assert len(later) == KEPT
    assert (later[-1].value, later[4].value) == (11.0, 12.0)
    assert 99.0 not in [one.value for one in later]


def test_the_greatest_values_that_a_broken_gauge_tells_are_left_out_of_the_drawing() -> None:
    greatest = 1.7976931348623157e308

    def drawn(*values: float | None) -> str:
        return drawing(tile("bore", "ok", 1.5, *(point(at, value) for at, value in enumerate(values)))).values

    assert drawn(10.0, greatest, -greatest, 10.1) == drawn(10.0, None, None, 10.1) != ""
