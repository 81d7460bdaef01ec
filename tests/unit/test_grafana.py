import json
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from config.grafana.boards import BOARDS
from config.grafana.export import FOLDER, file_name, text_of
from connectors.influx_schema import BY_NAME
from tests import influxql
from tests.grafana_asks import Asked, asked, boards, every, panels

ROOT = Path(__file__).resolve().parents[2]
SOURCE = {"type": "influxdb", "uid": "plumbline-influxdb"}
EVERY = every()
PANELS = [(uid, panel) for uid, board in boards().items() for panel in panels(board)]

# What InfluxQL of InfluxDB 1.8, 2 and 3 has in common, of that only what the boards need.
WORDS = {"SELECT", "AS", "FROM", "WHERE", "AND", "GROUP", "BY", "ORDER", "DESC", "LIMIT", "fill"}
WORDS |= {"SHOW", "TAG", "VALUES", "WITH", "KEY", "none"}
FUNCTIONS = {"last", "max", "min", "count", "sum", "time", "fill"}


def name_of(one: object) -> str:
    return str(one[1]["title"] if isinstance(one, tuple) else one)


def test_the_files_are_as_the_code_has_them() -> None:
    assert {path.name: path.read_text("utf-8") for path in FOLDER.iterdir()} == {
        file_name(board): text_of(board) for board in BOARDS
    }


def test_the_command_finds_nothing_to_say() -> None:
    command = [sys.executable, "-m", "config.grafana", "--check"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (found.returncode, found.stdout) == (0, "")


def test_uids_never_change() -> None:
    names = ("plant", "line", "characteristic", "machine", "goals", "service")
    assert [board.uid for board in BOARDS] == [f"plumbline-{name}" for name in names]


@pytest.mark.parametrize("uid", boards())
def test_panels_have_ids_and_titles_of_their_own_and_do_not_overlap(uid: str) -> None:
    shown = boards()[uid]["panels"]
    assert len({panel["id"] for panel in shown}) == len({panel["title"] for panel in shown}) == len(shown)
    for panel in shown:
        place = panel["gridPos"]
        assert place["x"] >= 0
        assert place["x"] + place["w"] <= 24
        assert place["h"] >= (1 if panel["type"] == "row" else 4)
    for one, other in combinations((panel["gridPos"] for panel in shown), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, (one, other)


@pytest.mark.parametrize("panel", PANELS, ids=name_of)
def test_every_panel_says_what_it_shows_in_which_unit_and_what_if_there_is_nothing(
    panel: tuple[str, dict[str, Any]],
) -> None:
    _, shown = panel
    assert shown["description"].endswith((".", "!"))
    assert len(shown["description"]) > 20
    defaults = shown["fieldConfig"]["defaults"]
    assert defaults["unit"]
    assert defaults["noValue"]
    assert shown["targets"]


@pytest.mark.parametrize("panel", PANELS, ids=name_of)
def test_overrides_name_series_and_columns_that_there_are(panel: tuple[str, dict[str, Any]]) -> None:
    _, shown = panel
    made = {"Time"}
    for target in shown["targets"]:
        named = influxql.read(target["query"])
        made |= {*named.aliases, *named.group_tags}
    for override in shown["fieldConfig"]["overrides"]:
        assert override["matcher"]["id"] == "byName"
        assert override["matcher"]["options"] in made
        assert override["properties"]
    for change in shown["transformations"]:
        assert change["id"] == "organize"
        assert {*change["options"]["indexByName"], *change["options"]["excludeByName"]} <= made
    renamed = {
        entry["value"]
        for override in shown["fieldConfig"]["overrides"]
        for entry in override["properties"]
        if entry["id"] == "displayName"
    }
    for sorting in shown["options"].get("sortBy", []):
        assert sorting["displayName"] in made | renamed


def sources(value: object) -> list[object]:
    """All data sources that are named anywhere."""
    if isinstance(value, dict):
        here = [value["datasource"]] if "datasource" in value else []
        return here + [found for inner in value.values() for found in sources(inner)]
    return [found for inner in value for found in sources(inner)] if isinstance(value, list) else []


@pytest.mark.parametrize("uid", boards())
def test_only_the_provisioned_data_source_is_asked(uid: str) -> None:
    named = sources(boards()[uid])
    assert named
    assert all(source == SOURCE for source in named)


@pytest.mark.parametrize("one", EVERY, ids=str)
def test_queries_keep_to_what_all_three_influxdbs_understand(one: Asked) -> None:
    named = influxql.read(one.query)
    assert named.words <= WORDS, named.words - WORDS
    assert named.functions <= FUNCTIONS, named.functions - FUNCTIONS
    assert "." not in re.sub(r"/[^/]+/|'[^']*'|\"[^\"]*\"", "", one.query), "no retention policy, no fraction"


@pytest.mark.parametrize("one", EVERY, ids=str)
def test_queries_name_only_what_the_schema_has(one: Asked) -> None:
    named = influxql.read(one.query)
    assert len(named.measurements) == 1
    schema = BY_NAME[named.measurements.pop()]
    assert named.columns <= {*schema.tags, *schema.fields}, named.columns - {*schema.tags, *schema.fields}
    assert set(named.group_tags) <= set(schema.tags)


@pytest.mark.parametrize("one", EVERY, ids=str)
def test_a_query_is_bounded_by_the_time_range_and_knows_its_variables(one: Asked) -> None:
    board = boards()[one.board]
    names = [variable["name"] for variable in board["templating"]["list"]]
    for name in re.findall(r"\$\{(\w+):regex\}", one.query):
        assert name in names
        if one.kind == "variable":  # chained: only by what is chosen before it
            assert names.index(name) < names.index(one.where.removeprefix("variable "))
    if one.kind != "variable":
        assert "$timeFilter" in one.query or "${__to}" in one.query


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ('SELECT sample("value", 3) FROM "chart"', "functions"),
        ('SELECT "value" INTO "other" FROM "chart"', "words"),
        ('SELECT "value" FROM "chart" SLIMIT 1', "words"),
        ("SELECT value FROM chart", "words"),
        ('SELECT percentile("value", 5) FROM "chart"', "functions"),
    ],
)
def test_the_allow_list_finds_what_one_of_them_lacks(query: str, wrong: str) -> None:
    named = influxql.read(query)
    assert getattr(named, wrong) - (WORDS if wrong == "words" else FUNCTIONS)


@pytest.mark.parametrize(
    "query", ['SELECT "value" FROM "week"."chart"', "SELECT * FROM /.*/", 'SELECT "v"::field FROM "chart"']
)
def test_what_the_reader_does_not_know_is_no_query(query: str) -> None:
    with pytest.raises(influxql.NotAQuery):
        influxql.read(query)


def links_in(value: object) -> list[str]:
    """Every address in a dashboard."""
    if isinstance(value, dict):
        here = [value["url"]] if isinstance(value.get("url"), str) else []
        return here + [found for inner in value.values() for found in links_in(inner)]
    return [found for inner in value for found in links_in(inner)] if isinstance(value, list) else []


@pytest.mark.parametrize("panel", PANELS, ids=name_of)
def test_links_lead_to_boards_that_there_are_with_time_range_and_variables(panel: tuple[str, dict[str, Any]]) -> None:
    _, shown = panel
    named = [influxql.read(target["query"]) for target in shown["targets"]]
    for url in links_in(shown):
        found = re.fullmatch(r"/d/([a-z-]+)\?\$\{__url_time_range\}((?:&var-\w+=\$\{[\w.]+:percentencode\})*)", url)
        assert found, url
        there = boards()[found[1]]
        variables = {variable["name"] for variable in there["templating"]["list"]}
        for name, kind, column in re.findall(r"&var-(\w+)=\$\{__(data\.fields|field\.labels)\.(\w+):", found[2]):
            assert name in variables
            assert all(column in one.group_tags for one in named), (kind, column)


def test_boards_link_to_each_other_and_are_all_reached() -> None:
    for board in boards().values():
        (link,) = board["links"]
        assert (link["type"], link["keepTime"], link["includeVars"]) == ("dashboards", True, True)
        assert set(link["tags"]) <= set(board["tags"])
    reached = {url.split("?")[0].removeprefix("/d/") for _, panel in PANELS for url in links_in(panel)}
    assert reached == {f"plumbline-{name}" for name in ("line", "characteristic", "machine", "goals", "service")}


def test_limits_of_a_process_come_from_the_data_never_from_the_board() -> None:
    """Thresholds stand only where they bound no process: lag, and counts that ought to be none."""
    bounded = {
        panel["title"]
        for _, panel in PANELS
        if len(panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])) > 1
    }
    assert bounded == {
        "Open alerts", "Key results in the red", "Out of specification", "Lag", "Connectors away", "Refused by InfluxDB"
    }  # fmt: skip
    for uid, panel in PANELS:
        for override in panel["fieldConfig"]["overrides"]:
            assert not any(entry["id"].startswith("thresholds") for entry in override["properties"]), (
                uid,
                panel["title"],
            )


def test_stored_limits_are_dashed_and_step() -> None:
    shown = {}
    for _, panel in PANELS:
        for override in panel["fieldConfig"]["overrides"]:
            name = override["matcher"]["options"]
            if panel["type"] == "timeseries" and (name in ("floor", "target") or name.endswith("limit")):
                shown[panel["title"], name] = {entry["id"]: entry["value"] for entry in override["properties"]}
    assert len(shown) == 10  # two of each of the three charts and of the two of Cpk
    for properties in shown.values():
        assert properties["custom.lineStyle"]["fill"] == "dash"
        assert properties["custom.lineInterpolation"] == "stepAfter"


def test_a_histogram_is_of_readings() -> None:
    drawn = [target["query"] for _, panel in PANELS if panel["type"] == "histogram" for target in panel["targets"]]
    assert len(drawn) == 3
    for query in drawn:
        assert influxql.read(query).measurements == {"reading"}
        assert not influxql.read(query).functions


def test_the_files_are_plain_json_and_small() -> None:
    for path in FOLDER.iterdir():
        assert path.stat().st_size < 100_000
        assert json.loads(path.read_text("utf-8"))["schemaVersion"] == 42


def test_each_board_asks_for_something() -> None:
    assert {uid: len(list(asked(board))) > 5 for uid, board in boards().items()} == dict.fromkeys(boards(), True)
