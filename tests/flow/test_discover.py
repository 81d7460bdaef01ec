"""What came in and has no place in the plant file comes out as TOML that fits into it."""

import json
import tomllib
from pathlib import Path

from config.load import load
from flows.discover import discovered
from tests.plants import MINUTE, Journal, at, follow_to_the_end

START = at("2026-11-16 08:00")
PLANT = """
[plant]
id = "p1"
timezone = "UTC"
[connectors.line]
type = "mqtt"
topics = ["plant/{{kind}}"]
characteristic = "{{name}}"
[characteristics.bore]
usl = 10.0
{more}
"""


def plant_file(folder: Path, more: str = "") -> Path:
    path = folder / "plant.toml"
    path.write_text(PLANT.format(more=more))
    return path


def ran(folder: Path, *messages: tuple[str, dict[str, object]]) -> None:
    journal = Journal()
    journal.plan(START, load(plant_file(folder)).plan())
    journal.tick(START)
    for number, (topic, values) in enumerate(messages):
        payload = json.dumps({"values": values}).encode()
        journal.add(START + number * MINUTE, topic, payload, connector="line")
        journal.tick(START + number * MINUTE)
    journal.write(folder)
    follow_to_the_end(folder)


def test_unknown_names_and_topics_become_tables_to_be_filled_in(tmp_path: Path) -> None:
    odd = 'sp"indle ø'
    ran(tmp_path, *[("plant/m", {"bore": 9.0, "width": 1.0, odd: 2.0})] * 12, ("shop/m", {"bore": 1.0}))
    lines = list(discovered(load(plant_file(tmp_path)), tmp_path))
    assert tomllib.loads("\n".join(lines)) == {"characteristics": {"width": {}, odd: {}}}
    assert any("seen at least 10 times" in line and "connector line on plant/m" in line for line in lines)
    assert '# topics = ["plant/{kind}", "shop/m"]' in lines
    mended = plant_file(tmp_path, "\n".join(lines))
    assert set(load(mended).characteristics) == {"bore", "width", odd}
    assert not any(line.startswith("[") for line in discovered(load(mended), tmp_path))


def test_where_all_is_known_it_says_so(tmp_path: Path) -> None:
    ran(tmp_path, ("plant/m", {"bore": 9.0}))
    assert list(discovered(load(plant_file(tmp_path)), tmp_path)) == [
        "# Everything that came in has its place in the plant file."
    ]


def test_a_name_that_can_be_no_id_is_a_comment(tmp_path: Path) -> None:
    ran(tmp_path, ("plant/m", {"a*b": 1.0}))
    lines = list(discovered(load(plant_file(tmp_path)), tmp_path))
    assert tomllib.loads("\n".join(lines)) == {}
    assert '# [characteristics."a*b"]' in lines
