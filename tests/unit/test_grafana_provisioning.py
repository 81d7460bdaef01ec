"""What provisions Grafana: read as it reads it, and held to the boards."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.grafana.queries import SOURCE, SOURCE_UID
from connectors.influx_schema import BY_NAME
from tests import influxql
from tests.unit.test_grafana import FUNCTIONS, WORDS

FOLDER = Path(__file__).resolve().parents[2] / "config" / "grafana" / "provisioning"
INFLUXDB, EXPRESSION = SOURCE_UID, "__expr__"


def loaded(name: str) -> dict[str, Any]:
    found = yaml.safe_load((FOLDER / name).read_text("utf-8"))
    assert found["apiVersion"] == 1
    return dict(found)


RULES: list[dict[str, Any]] = loaded("alerting/service.yaml")["groups"][0]["rules"]


def as_grafana_reads(text: str) -> str:
    """Its values expand variables; two dollar signs are one that is left alone."""
    parts = text.split("$$")
    assert not any("$" in part for part in parts), text
    return "$".join(parts)


def test_there_is_one_data_source_with_its_secret_in_a_file() -> None:
    (source,) = loaded("datasources/plumbline.yaml")["datasources"]
    assert {"type": source["type"], "uid": source["uid"]} == SOURCE
    assert (source["access"], source["isDefault"], source["editable"]) == ("proxy", True, False)
    assert source["jsonData"]["version"] == "InfluxQL"
    assert source["jsonData"]["httpHeaderName1"] == "Authorization"
    assert source["secureJsonData"] == {"httpHeaderValue1": "Token $__file{/run/secrets/influxdb_token}"}
    named = set(re.findall(r"\$\{(\w+)\}", (FOLDER / "datasources/plumbline.yaml").read_text("utf-8")))
    assert named == {"INFLUXDB_URL", "INFLUXDB_DATABASE"}


def test_the_boards_come_from_one_folder_and_are_not_changed_in_place() -> None:
    (provider,) = loaded("dashboards/plumbline.yaml")["providers"]
    assert (provider["type"], provider["allowUiUpdates"], provider["disableDeletion"]) == ("file", False, True)
    assert provider["options"]["path"] == "/etc/grafana/dashboards"


def test_rules_are_of_the_service_only() -> None:
    uids = [rule["uid"] for rule in RULES]
    assert uids == [f"plumbline-{name}" for name in ("no-data", "lag", "away", "refused", "lines-refused")]
    for rule in RULES:
        named = influxql.read(as_grafana_reads(rule["data"][0]["model"]["query"]))
        assert named.measurements <= {"service", "rejected"}
        schema = BY_NAME[next(iter(named.measurements))]
        assert named.columns <= {*schema.tags, *schema.fields}
        assert named.words <= WORDS
        assert named.functions <= FUNCTIONS


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["uid"])
def test_a_rule_asks_reduces_and_compares(rule: dict[str, Any]) -> None:
    asked, reduced, compared = rule["data"]
    assert [part["refId"] for part in rule["data"]] == [part["model"]["refId"] for part in rule["data"]] == [*"ABC"]
    assert [part["datasourceUid"] for part in rule["data"]] == [INFLUXDB, EXPRESSION, EXPRESSION]
    assert asked["model"]["datasource"] == SOURCE
    assert asked["relativeTimeRange"]["from"] >= 600
    assert (reduced["model"]["type"], reduced["model"]["expression"]) == ("reduce", "A")
    assert (compared["model"]["type"], compared["model"]["expression"]) == ("threshold", "B")
    assert rule["condition"] == "C"
    only_without_data = "Alerting" if rule["uid"] == "plumbline-no-data" else "OK"
    assert (rule["noDataState"], rule["execErrState"]) == (only_without_data, "Error")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["uid"])
def test_a_rules_words_name_labels_that_its_query_gives(rule: dict[str, Any]) -> None:
    named = influxql.read(as_grafana_reads(rule["data"][0]["model"]["query"]))
    for text in rule["annotations"].values():
        said = as_grafana_reads(text)
        assert set(re.findall(r"\$labels\.(\w+)", said)) <= set(named.group_tags)
        assert said.endswith(".")
