from pathlib import Path

import pytest

from board.hand_in import Door, doors, hand_in
from board.pages.entry_form import NotANumber, number_of
from config.hand_entry import HandEntry, hand_entries, way_of
from config.load import load
from tests.seeding_plant import PLANT_TABLES


def plant(folder: Path, text: str):
    (folder / "plant.toml").write_text(f'[plant]\nid = "p1"\n{text}')
    return load(folder / "plant.toml")


def test_only_what_the_connector_names_is_entered_by_hand(tmp_path):
    found = hand_entries(plant(tmp_path, PLANT_TABLES))
    assert found == {
        "line1/op10/bore": HandEntry("gauges", "line1/op10/measurement", "bore"),
        "line1/op10/depth": HandEntry("gauges", "line1/op10/measurement", "depth"),
    }


@pytest.mark.parametrize(
    ("topic", "template", "characteristic", "expected"),
    [
        ("{line}/{station}", "{line}/{station}/{product}/{name}", "l1/op10/P7/bore",
         ("l1/op10", "bore", {"product": "P7"})),
        ("plant/+/{line}/#", "{line}-{name}", "l1-a-b", ("plant/entry/l1", "a-b", {})),
        ("{gateway}/m", "{name}", "l1/op10/bore", ("entry/m", "l1/op10/bore", {})),
        ("{line}", "{line}/{line}/{name}", "l1/l2/bore", None),
        ("{line}", "{line}/{line}/{name}", "l1/l1/bore", ("l1", "bore", {})),
        ("{line}", "{line}/{name}", "bore", None),
    ],
)  # fmt: skip
def test_an_id_is_taken_apart_as_the_gateway_puts_it_together(topic, template, characteristic, expected):
    way = way_of("forms", topic, template, characteristic, "measurement")
    assert (None if way is None else (way.topic, way.name, way.fields)) == expected


@pytest.mark.parametrize("text", ["", "12a3", "1.2.3", "ten", "5 µm", "--1", "inf", "nan"])
def test_what_is_no_number_in_the_unit_is_refused(text):
    with pytest.raises(NotANumber):
        number_of(text, "mm")


def test_a_door_without_its_token_is_shut_and_says_why(tmp_path):
    found = doors(plant(tmp_path, PLANT_TABLES), {})
    assert found["gauges"].shut.startswith("connectors.gauges.token_env")
    outcome = hand_in(found, "gauges", "line1/op10/measurement", {"values": {"bore": 1.0}})
    assert not outcome.is_on_disk
    assert "PLUMBLINE_TEST_INTAKE_TOKEN" in outcome.detail


def test_a_gateway_that_does_not_answer_is_an_outcome():
    outcome = hand_in({"gauges": Door("http://127.0.0.1:9/intake", "t")}, "gauges", "t", {})
    assert not outcome.is_on_disk
    assert outcome.detail.startswith("http://127.0.0.1:9/intake: ")


def test_the_intake_is_reached_on_this_machine_or_where_the_plant_file_says(tmp_path):
    tables = PLANT_TABLES.replace("port = 1\n", 'port = 8081\nhost = "0.0.0.0"\n')
    environ = {"PLUMBLINE_TEST_INTAKE_TOKEN": "t"}
    assert doors(plant(tmp_path, tables), environ)["gauges"].address == "http://127.0.0.1:8081/intake"
    elsewhere = tables.replace("port = 8081\n", 'port = 8081\nentry_url = "http://gateway:8081/"\n')
    assert doors(plant(tmp_path, elsewhere), environ)["gauges"].address == "http://gateway:8081/intake"
