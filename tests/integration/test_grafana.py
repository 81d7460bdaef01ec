"""Every query of every Grafana board is asked of a real InfluxDB, filled by the forwarder with simulated days."""

import time
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from config.load import load
from connectors.history_reader import HistoryReader
from connectors.status import StatusFile, status_path
from flows.demo import plant_text
from flows.simulate import Settings
from tests import influxql
from tests.chaos.world import WRITTEN, served
from tests.forwarding import INFLUX, eventually, forwarding
from tests.grafana_asks import ALL, Asked, annotation_events, boards, every, fill_in
from tests.influx_server import InfluxServer, influx_server
from tests.plants import follow_to_the_end
from tests.servers import free_port
from tests.simulated_journal import write_journal
from tests.unit.test_grafana_provisioning import RULES, as_grafana_reads

DAYS = 8  # three bad ones of the bore among them, and the last, which is not over, brings a change of material
DAY_MS = 86_400_000
# Not everything happens to one characteristic, nor on one day: a bad bore, a depth out of specification and corrected,
# a width whose material changes; the last day, and the one after the bad days.
CHARACTERISTICS = ("line1/op10/P7/bore", "line1/op10/P7/depth", "line1/op20/P7/width")
DAYS_BEFORE = (0, 3)
MAY_BE_EMPTY = {"metric", "detail"}  # no alert here is a metric's; and this loss has nothing more to say
SORTS: dict[str, type | tuple[type, ...]] = {
    "timeseries": (int, float),
    "histogram": (int, float),
    "state-timeline": str,
}
SETTINGS = Settings(seed=8, days=4)
AWAY = {"connectors": ["gateways", "oven", "press"], "away": {"press": {}}, "disk": {"free_bytes": 78_919_413_760}}


class Filled:
    """A server with the results of simulated days; `variables` as a person has chosen them on each board."""

    def __init__(self, server: InfluxServer, from_ms: int, to_ms: int) -> None:
        self._server, self._from, self._to = server, from_ms, to_ms

    def ask(self, one: Asked, variables: dict[str, str], days_before: int = 0) -> list[dict[str, object]]:
        interval = one.interval if one.interval in ("15m", "1h") else "10m"  # of a range of a week on a usual screen
        to_ms = self._to - days_before * DAY_MS
        return self._server.query(fill_in(one.query, variables, self._from, to_ms, interval))

    def variables(self, uid: str, characteristic: str) -> dict[str, str]:
        """Each variable's value: this characteristic, else all, else the first that is offered."""
        chosen: dict[str, str] = {}
        for variable in boards()[uid]["templating"]["list"]:
            name = variable["name"]
            offered = [str(row["value"]) for row in self.ask(Asked(uid, name, "", variable["query"]["query"]), chosen)]
            assert offered, name
            chosen[name] = ALL if variable["includeAll"] else offered[0]
            if name == "characteristic":
                assert characteristic in offered
                chosen[name] = characteristic
        return chosen


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    folder = tmp_path_factory.mktemp("grafana")
    data = folder / "data"
    data.mkdir()
    with influx_server(folder / "influx") as server:
        text = plant_text("mosquitto", {"mqtt": 1, "opcua": 2, "intake": 3, "web": free_port()})
        (folder / "plant.toml").write_text(text + INFLUX.format(url=server.url))
        plant = load(folder / "plant.toml")
        write_journal(plant, data, settings=SETTINGS, days=DAYS)
        follow_to_the_end(data)
        gateway = StatusFile(status_path(data, "gateway"))
        gateway.write({"process": "gateway", "written_ns": time.time_ns(), "facts": AWAY})
        reader = HistoryReader(data / "history.db")
        last_ms = reader.meta().last_tick_ns // 1_000_000
        reader.close()
        with forwarding(plant, data):
            eventually(lambda: served(data, "influxdb", WRITTEN), "every row is forwarded", 120)
            eventually(lambda: server.count("service", "rows") > 0, "the service says how it is doing", 60)
        gateway.close()
        yield Filled(server, last_ms - (DAYS + 2) * DAY_MS, last_ms)


@pytest.mark.parametrize("one", every(), ids=str)
def test_every_query_gives_rows_of_the_columns_that_it_names(filled: Filled, one: Asked) -> None:
    named = influxql.read(one.query)
    wanted = {"key", "value"} if one.kind == "variable" else {"time", *named.aliases, *named.group_tags}
    found, empty = [], wanted
    for characteristic, days in product(CHARACTERISTICS, DAYS_BEFORE):
        found = filled.ask(one, filled.variables(one.board, characteristic), days)
        assert all(set(row) == wanted for row in found), found[0]
        empty = {name for name in wanted if all(row[name] in (None, "") for row in found)}
        if not empty - MAY_BE_EMPTY:
            break
    assert found
    assert not empty - MAY_BE_EMPTY


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["uid"])
def test_every_query_of_an_alert_rule_gives_what_it_compares(filled: Filled, rule: dict[str, Any]) -> None:
    query = as_grafana_reads(rule["data"][0]["model"]["query"])
    named = influxql.read(query)
    found = filled.ask(Asked("", rule["uid"], "rule", query), {})
    assert found
    (column,) = [name for name in found[0] if name not in ("time", *named.group_tags)]
    assert any(isinstance(row[column], int | float) for row in found)


@pytest.mark.parametrize("one", [one for one in every() if one.kind in SORTS], ids=str)
def test_a_panel_gets_the_sort_of_values_that_it_can_draw(filled: Filled, one: Asked) -> None:
    named = influxql.read(one.query)
    rows = filled.ask(one, filled.variables(one.board, CHARACTERISTICS[1]))
    values = [row[name] for row in rows for name in named.aliases if row[name] is not None]
    assert {isinstance(value, SORTS[one.kind]) for value in values} <= {True}


def test_what_the_boards_show_is_what_the_history_says(filled: Filled) -> None:
    """One alert is open, of the bore; two depths are out of specification; machines run, stop and are set up."""

    def shown(board: str, where: str, characteristic: str = CHARACTERISTICS[0]) -> list[dict[str, object]]:
        (one,) = (one for one in every() if one.board == f"plumbline-{board}" and one.where == where)
        return filled.ask(one, filled.variables(one.board, characteristic))

    assert [row["open"] for row in shown("plant", "Open alerts A")] == [1]
    (alert,) = shown("plant", "Open alerts, in full A")
    assert (alert["characteristic"], alert["bad days"], alert["owner"]) == (CHARACTERISTICS[0], 3, "turning")
    assert [row["readings"] for row in shown("plant", "Out of specification A")] == [2]
    assert [row["away"] for row in shown("service", "Connectors away A")] == [1]
    assert [row["disk_free_bytes"] for row in shown("service", "Disk free A")] == [78_919_413_760]
    assert {row["process"] for row in shown("service", "Lag A")} == {"engine", "forwarder", "gateway"}
    states = shown("machine", "States A")
    assert {str(row["state"]) for row in states} <= {"running", "idle", "setup", "down"}
    assert len(states) > 20


def test_marks_are_drawn_where_and_as_it_was_told(filled: Filled) -> None:
    """The voided reading, the change of material and the loss, as Grafana makes events of the answers."""
    board = boards()["plumbline-characteristic"]

    def events(name: str, characteristic: str) -> list[dict[str, object]]:
        (target,) = (one["target"] for one in board["annotations"]["list"] if one["name"] == name)
        asked = Asked(board["uid"], name, "annotation", target["query"])
        return annotation_events(target, filled.ask(asked, filled.variables(board["uid"], characteristic)))

    bore, depth, width = CHARACTERISTICS
    (void,) = events("Corrections", depth)
    assert (void["title"], void["text"]) == ("void", "wrong part")
    (change,) = events("Changes", width)
    assert (change["title"], change["text"]) == ("material", "bars of lot L72")
    (loss,) = events("Known losses", bore)
    assert (loss["title"], loss["text"]) == ("session-lost", "open")
    assert int(str(loss["timeEnd"])) * 1_000_000 - int(str(loss["time"])) == 15 * 60 * 1_000_000_000
    signals = events("Signals", bore)
    assert any(event["title"] == "beyond-3-sigma" for event in signals)
    assert all(str(event["text"]).count("limit") == 1 for event in signals if event["title"] == "beyond-3-sigma")
    assert {str(event["title"]) for event in events("Limits", bore)} == {"provisional"}
