"""The sample plant file: every commented option has its default, and every option is in it."""

import re
import tomllib
from pathlib import Path

import pytest
from pydantic_core import to_jsonable_python

import config
from config.characteristic import CharacteristicOptions
from config.check import check
from config.connector import ConnectorOptions
from config.folder import FolderOptions
from config.gauges import GaugeOptions
from config.goals import KeyResultOptions, ObjectiveOptions
from config.http import HttpOptions
from config.load import TABLES, load
from config.machines import ComplaintOptions, MachineOptions
from config.metric import MetricOptions
from config.models import (
    ClockOptions,
    InfluxOptions,
    OkrOptions,
    PlantFile,
    PlantOptions,
    StorageOptions,
)
from config.mqtt import BrokerOptions, MqttOptions
from config.opcua import OpcuaOptions
from config.options import Options
from config.sparkplug import SparkplugOptions
from config.web import WebOptions

EXAMPLE = Path(config.__file__).parent / "plant.example.toml"
LINES = EXAMPLE.read_text("utf-8").split("\n")

OPTION = re.compile(r"(# )?([a-z_]+) = (.+)")
HEAD = re.compile(r"(# )?\[([a-z_]+)(\.[^]]+)?\]")
MODELS: dict[str, type[Options]] = {
    "plant": PlantOptions,
    "connectors.line1": MqttOptions,
    "connectors.forms": HttpOptions,
    "connectors.press": OpcuaOptions,
    "connectors.cmm": FolderOptions,
    "connectors.cells": SparkplugOptions,
    "clock": ClockOptions,
    "defaults": CharacteristicOptions,
    "characteristics": CharacteristicOptions,
    "machines": MachineOptions,
    "complaints": ComplaintOptions,
    "gauges": GaugeOptions,
    "metrics": MetricOptions,
    "objectives": ObjectiveOptions,
    "key_results": KeyResultOptions,
    "influxdb": InfluxOptions,
    "okr": OkrOptions,
    "web": WebOptions,
    "storage": StorageOptions,
}
# Options that a connector cannot do without, and that its commented table gives.
NEEDED = {"connectors.forms": {"token_env"}, "connectors.press": {"url"}}


def table_of(head: re.Match[str]) -> str:
    """Every connector has options of its own kind; other tables of one name share theirs."""
    return head[2] + head[3] if head[2] == "connectors" else head[2]


def commented() -> list[tuple[int, str, bool]]:
    """The commented options: their line, their table, and whether that is commented out as a whole."""
    found, table, off = [], "", False
    for number, line in enumerate(LINES):
        if head := HEAD.fullmatch(line.split("   #")[0].strip()):
            table, off = table_of(head), head[1] is not None
        elif (option := OPTION.fullmatch(line)) and option[1]:
            found.append((number, table, off))
    return found


def uncommented(*numbers: int) -> str:
    return "\n".join(line.removeprefix("# ") if number in numbers else line for number, line in enumerate(LINES))


def effective(plant_file: PlantFile) -> tuple[object, ...]:
    """All that a plant file comes to."""
    clients = [plant_file.client_id(name) for name in plant_file.connectors]
    shell = (plant_file.clock, plant_file.connectors, plant_file.influxdb, plant_file.okr, plant_file.web)
    return plant_file.plan().to_json(), *shell, plant_file.storage, clients


@pytest.mark.parametrize("number", [number for number, _, off in commented() if not off])
def test_a_commented_option_says_what_holds_without_it(number: int, tmp_path: Path) -> None:
    path = tmp_path / "plant.toml"
    path.write_text(uncommented(number), "utf-8")
    assert LINES[number].startswith("# ")
    assert effective(load(path)) == effective(load(EXAMPLE))


@pytest.mark.parametrize("number", [number for number, _, off in commented() if off])
def test_an_option_of_a_commented_table_shows_its_default(number: int) -> None:
    table = next(name for line, name, _ in commented() if line == number)
    ((name, value),) = tomllib.loads(LINES[number].removeprefix("# ")).items()
    field = MODELS[table].model_fields[name]
    default = to_jsonable_python(field.get_default(call_default_factory=True), fallback=repr)
    assert field.is_required() or name in NEEDED.get(table, ()) or value == default


def test_the_commented_tables_can_be_used_as_they_are(tmp_path: Path) -> None:
    heads = [number for number, line in enumerate(LINES) if line in ("# [influxdb]", "# [okr]")]
    path = tmp_path / "plant.toml"
    options = [number for number, table, off in commented() if off and table in ("influxdb", "okr")]
    path.write_text(uncommented(*heads, *options), "utf-8")
    plant_file = load(path)
    assert plant_file.influxdb == InfluxOptions()
    assert plant_file.okr is not None
    assert plant_file.plan() == load(EXAMPLE).plan()


@pytest.mark.parametrize("name", sorted({table for _, table, off in commented() if off and table[:3] == "con"}))
def test_a_commented_connector_can_be_used_as_it_is(name: str, tmp_path: Path) -> None:
    head = LINES.index(f"# [{name}]")
    path = tmp_path / "plant.toml"
    path.write_text(uncommented(head, *(number for number, table, _ in commented() if table == name)), "utf-8")
    assert isinstance(load(path).connectors[name.partition(".")[2]], MODELS[name])


def test_every_table_and_option_is_in_it() -> None:
    shown: dict[str, set[str]] = {}
    table = ""
    for line in LINES:
        if head := HEAD.fullmatch(line.split("   #")[0].strip()):
            table = table_of(head)
            shown.setdefault(table, set())
        elif table and (option := OPTION.match(line)):
            shown[table].add(option[2])
    shown["characteristics"] |= shown["defaults"]
    shown["defaults"] = shown["characteristics"]
    assert set(MODELS) == set(shown)
    assert {name.partition(".")[0] for name in MODELS} == set(TABLES) - {"characteristics_file"}
    assert "characteristics_file" in "\n".join(LINES)
    for name, model in MODELS.items():
        above = BrokerOptions if issubclass(model, BrokerOptions) else ConnectorOptions
        elsewhere = set(above.model_fields) if name[:3] == "con" and name != "connectors.line1" else set()
        assert shown[name] | elsewhere == set(model.model_fields), name


def test_it_is_sound_and_shows_what_the_charts_and_key_results_can_be() -> None:
    plant_file = load(EXAMPLE)
    plan = plant_file.plan()
    specs = {spec.id: spec for spec in plan.characteristics}
    assert specs["line1/op10/bore"].chart == "xbar-r"
    assert {spec.chart for spec in specs.values()} == {"individuals", "xbar-r", "xbar-s"}
    assert any(spec.lsl != spec.lsl and spec.usl == spec.usl for spec in specs.values())
    assert [objective.level for objective in plan.objectives] == ["company", "department", "post"]
    assert {objective.period for objective in plan.objectives} == {"2026-Q4"}
    assert {key_result.kind for key_result in plan.key_results} == {"reach", "maintain", "milestone"}
    assert plant_file.connectors["line1"].topics == ("factory/{line}/{station}/measurements",)
    assert (plant_file.connectors["line1"].host, plant_file.connectors["line1"].port) == ("127.0.0.1", 1883)
    assert check(plant_file).warnings == ()
