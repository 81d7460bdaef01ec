"""The options of a Sparkplug connector, and what of them decides results."""

from pathlib import Path

import pytest

from config.check import check
from config.errors import PlantFileError
from config.load import load
from config.sparkplug import SparkplugOptions
from config.tag_plan import Meaning, TagPlan
from connectors.decode import Decoder
from tests.unit.plant_texts import SOUND, write

CELLS = """
[connectors.cells]
type = "mqtt"
payload = "sparkplug"
"""


def loaded(folder: Path, more: str = "") -> SparkplugOptions:
    options = load(write(folder, SOUND + CELLS + more)).connectors["cells"]
    assert isinstance(options, SparkplugOptions)
    return options


def wrong(folder: Path, more: str) -> list[str]:
    with pytest.raises(PlantFileError) as caught:
        loaded(folder, more)
    return [str(problem) for problem in caught.value.problems]


def test_it_listens_to_all_groups_and_to_its_own_state(tmp_path: Path) -> None:
    options = loaded(tmp_path)
    assert options.patterns == ("spBv1.0/STATE/plumbline", "spBv1.0/#")
    assert (options.reorder_timeout_seconds, options.rebirth_interval_seconds) == (2.0, 10.0)
    plan = options.plan("cells", "Europe/Berlin")
    assert (plan.payload, plan.topics) == ("sparkplug", options.patterns)
    assert (plan.characteristic, plan.place) == ("{group}/{edge}/{device}/{name}", "{group}/{edge}/{device}")


def test_groups_and_host_are_in_the_subscriptions(tmp_path: Path) -> None:
    options = loaded(tmp_path, 'host_id = "h1"\ngroups = ["plant 1", "plant 2"]\n')
    assert options.patterns == ("spBv1.0/STATE/h1", "spBv1.0/plant 1/#", "spBv1.0/plant 2/#")


def test_tags_are_in_the_plan_and_the_decoder_takes_it(tmp_path: Path) -> None:
    state = '{ tag = "State", kind = "state", states = { "1" = "running" } }'
    tags = f'tags = [{state}, {{ tag = "bore", name = "{{edge}}/bore" }}]'
    plan = load(write(tmp_path, SOUND + CELLS + tags)).plan()
    connector = plan.connectors[0]
    assert connector.tags == (
        TagPlan("State", "state", meanings=(Meaning("1", "running"),)),
        TagPlan("bore", "measurement", name="{edge}/bore"),
    )
    assert connector.templates == ("{group}/{edge}/{device}/{name}", "{edge}/bore")
    assert type(plan).from_json(plan.to_json()) == plan
    Decoder(plan)


def test_a_tags_name_can_give_a_characteristics_id(tmp_path: Path) -> None:
    characteristic = '\n[characteristics."press/bore"]\nlsl = 1.0\n'
    sound = SOUND + CELLS + 'tags = [{ tag = "bore", name = "press/bore" }]\n' + characteristic
    assert not [one for one in check(load(write(tmp_path, sound))).warnings if one.startswith("press/bore: no conn")]


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ('host_id = "a/b"', "connectors.cells.host_id: expected a text without '/', '+' and '#' (got 'a/b')"),
        ('groups = [""]', "connectors.cells.groups[0]: expected a text without '/', '+' and '#' (got '')"),
        ('topics = ["a"]', "connectors.cells.topics: unknown option"),
        ("session_expiry_days = 3", "connectors.cells.session_expiry_days: unknown option"),
        ('dedupe = "payload"', "connectors.cells.dedupe: Input should be 'id' or 'none' (got 'payload')"),
        ('characteristic = "{edge}"', "connectors.cells.characteristic: expected {name} in it, the metric's"),
        ('characteristic = "{line}/{name}"', "connectors.cells.characteristic: {line} is none of device, edge, group"),
        ('place = "{name}"', "connectors.cells.place: {name} is none of device, edge, group"),
        ('tags = [{ tag = "a", kind = "state" }]', "connectors.cells.tags[0].states: is required"),
        ('tags = [{ kind = "ignore" }]', "connectors.cells.tags[0].tag: is required"),
        ("reorder_timeout_seconds = 100.0", "connectors.cells.reorder_timeout_seconds: Input should be less than"),
    ],
)
def test_what_is_wrong_is_said_with_its_path(tmp_path: Path, more: str, problem: str) -> None:
    (found,) = wrong(tmp_path, more)
    assert found.startswith(problem)
