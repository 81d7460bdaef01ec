"""Plant files gone wrong in every way that chance finds: each loads or is refused, nothing else happens."""

import tomllib
from copy import deepcopy
from datetime import UTC, date, datetime, time
from pathlib import Path
from random import Random
from typing import Any

import pytest

from config.check import check
from config.errors import PlantFileError
from config.load import TABLES, load
from config.plan import Plan
from tests.unit.plant_texts import write
from tests.unit.test_config_example import EXAMPLE

ODD: list[Any] = [
    *(None, True, -1, 0, 1, 2, 10**30, -(10**400), 0.5, -0.0, 1e308, float("nan"), float("inf")),
    *("", " ", "*", "[", "a" * 2000, "{", "{name}", "+", "#", "\n", "\x00", "😀", "ü/ß/ø", "nan", "2026-Q4", "wall"),
    *([], [[]], [""], ["*"], [{}], [1, "a"], {}, {"": ""}, {"a": {"b": []}}, {"from": []}, {"rule": [], "k": "x"}),
    *(date(1, 1, 1), date(9999, 12, 31), datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1), time(8)),
]


def places(node: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a tree."""
    keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else []
    return [place for key in keys for place in [(node, key), *places(node[key])]]


def toml(value: Any) -> str:
    """A value as TOML, tables inline."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml(str(key))} = {toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, str):
        return '"' + "".join(sign if sign.isalnum() else f"\\U{ord(sign):08x}" for sign in value) + '"'
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date | time) else repr(value)


def loads_or_is_refused(path: Path) -> None:
    try:
        plant_file = load(path)
    except PlantFileError as error:
        refused = error.problems
    else:
        plan = plant_file.plan()
        assert Plan.from_json(plan.to_json()).to_json() == plan.to_json()
        check(plant_file)
        return
    assert refused
    assert all(problem.path and problem.message for problem in refused)


def changed(random: Random, tree: dict[str, Any]) -> None:
    """One change at random: a value replaced, a key removed, renamed or added."""
    node, key = random.choice(places(tree))
    change = random.randrange(4)
    value = deepcopy(random.choice(ODD))  # it may come to hold what is put into it
    if change == 0 or value is None:
        del node[key]
    elif change == 1 and isinstance(node, dict):
        node[random.choice(["", "id", "id2", "a b", "password", str(key)[:-1]])] = node.pop(key)
    elif change == 2 and isinstance(node, dict):
        node[random.choice(["x", "rules", "limits", "parent", "from", "tls"])] = value
    else:
        node[key] = value


@pytest.mark.parametrize("seed", range(150))
def test_a_changed_plant_file_loads_or_is_refused(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    tree = tomllib.loads(EXAMPLE.read_text("utf-8"))
    for _ in range(random.choice([1, 1, 2, 5, 20])):
        if places(tree):
            changed(random, tree)
    text = "\n".join(f"{toml(str(key))} = {toml(value)}" for key, value in tree.items())
    loads_or_is_refused(write(tmp_path, text))


@pytest.mark.parametrize("table", TABLES)
def test_a_table_may_be_any_odd_thing(table: str, tmp_path: Path) -> None:
    for value in ODD[1:]:
        loads_or_is_refused(write(tmp_path, f"{table} = {toml(value)}\n" + '[plant]\nid = "p"\n' * (table != "plant")))


@pytest.mark.parametrize("seed", range(60))
def test_a_text_with_bytes_changed_loads_or_is_refused(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    text = bytearray(EXAMPLE.read_bytes())
    for _ in range(random.choice([1, 3, 30])):
        text[random.randrange(len(text))] = random.choice(b"\"'[]{}=.,#\n\0 aZ09\xff")
    path = tmp_path / "plant.toml"
    path.write_bytes(text)
    loads_or_is_refused(path)


@pytest.mark.parametrize("seed", range(60))
def test_a_table_of_characteristics_with_bytes_changed_loads_or_is_refused(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    text = bytearray(b"id,lsl,usl,chart,subgroup_size,rules,limits.center,limits.sigma,co_owners,window\n")
    text += b'a/b/c,1,2,xbar-r,5,nelson,1.5,0.1,"x;y",200\nd,,3,,,6-trending,,,,\n' * 2
    for _ in range(random.choice([1, 3, 10])):
        text[random.randrange(len(text))] = random.choice(b'",;\n\r\0 aZ09.-\xff')
    (tmp_path / "many.csv").write_bytes(text)
    loads_or_is_refused(write(tmp_path, 'characteristics_file = "many.csv"\n[plant]\nid = "p"\n'))
