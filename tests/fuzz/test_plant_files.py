"""Plant files and tables of characteristics gone wrong: each loads or is refused, with path, value and expectation.

`FUZZ_SEED` and `FUZZ_PLANT_FILES` say which and how many.
"""

import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner

from config.errors import PlantFileError, Problem
from config.load import load
from config.plan import Plan
from flows.cli import app
from tests.unit.test_config_example import EXAMPLE
from tests.unit.test_config_malformed import ODD, changed, places, toml

SEED = int(os.environ.get("FUZZ_SEED", "20261121"))
FILES = int(os.environ.get("FUZZ_PLANT_FILES", "2000"))
BY_COMMAND = 40  # of them, refused by the command line

HEADER = "id,lsl,usl,target,chart,subgroup_size,rules,limits.center,limits.sigma,co_owners,window,cpk_floor,unit"
ROWS = ('l/o/bore,9,11,10,xbar-r,5,nelson,10,0.1,"a;b",125,1.2,mm', "l/o/depth,,3,,individuals,,9-on-one-side,,,,,,")
CELLS = (
    "",
    " ",
    "nan",
    "inf",
    "-1",
    "1e400",
    "9" * 400,
    '"',
    '""',
    "a;b",
    "\x00",
    "ü",
    "😀",
    "xbar-r",
    "[]",
    "{}",
    "1,2",
)
BYTES = b"\"'[]{}=.,#;\n\r\0 aZ09-\xff\xc3\xef\xbb\xbf"


def spoilt(random: Random, text: bytes) -> bytes:
    """Some bytes replaced, cut out or put in."""
    found = bytearray(text)
    for _ in range(random.choice((1, 1, 3, 10))):
        place = random.randrange(len(found) + 1)
        found[place : place + random.randint(0, 3)] = bytes(random.choices(BYTES, k=random.randint(0, 3)))
    return bytes(found)


def table(random: Random) -> bytes:
    """A table of characteristics with odd cells and columns, sometimes in another encoding."""
    header, *rows = (line.split(",") for line in (HEADER, *random.choices(ROWS, k=random.randint(1, 6))))
    for _ in range(random.choice((0, 1, 4))):
        row = random.choice((header, *rows))
        row[random.randrange(len(row))] = random.choice((*CELLS, *header))
    if random.random() < 0.2:
        random.choice(rows).append("more")
    text = "\n".join(map(",".join, (header, *rows)))
    form = random.randrange(8)
    encoded = text.encode(("utf-16", "latin-1", "utf-8-sig")[form], "replace") if form < 3 else text.encode()
    return spoilt(random, encoded) if random.random() < 0.4 else encoded


def plant_text(random: Random) -> bytes:
    """The commented sample with odd values, keys and bytes, or a plant of one table."""
    form = random.random()
    if form < 0.35:
        return spoilt(random, EXAMPLE.read_bytes())
    if form < 0.6:
        return b'characteristics_file = "many.csv"\n[plant]\nid = "p"\n'
    tree = tomllib.loads(EXAMPLE.read_text("utf-8"))
    for _ in range(random.choice((1, 1, 2, 5, 20))):
        if places(tree):
            changed(random, tree)
    return "\n".join(f"{toml(str(key))} = {toml(value)}" for key, value in tree.items()).encode()


def read(path: Path) -> Plan | Sequence[Problem]:
    """The plan of a plant file, or what is wrong with it."""
    try:
        return load(path).plan()
    except PlantFileError as error:
        return error.problems


def test_every_plant_file_loads_or_is_refused(tmp_path: Path) -> None:
    print(f"\nFUZZ_SEED={SEED} FUZZ_PLANT_FILES={FILES}")
    random, path = Random(SEED), tmp_path / "plant.toml"
    loaded = 0
    refused: list[tuple[bytes, bytes]] = []
    for number in range(FILES):
        texts = plant_text(random), table(random)
        path.write_bytes(texts[0])
        (tmp_path / "many.csv").write_bytes(texts[1])
        found = read(path)
        if isinstance(found, Plan):
            assert Plan.from_json(found.to_json()).to_json() == found.to_json()
            loaded += 1
        else:
            assert found, f"FUZZ_SEED={SEED}, file {number}"
            assert all(problem.path and problem.message for problem in found)
            refused.append(texts)
    assert loaded > FILES / 20
    assert len(refused) > FILES / 4
    for plant, many in refused[:: max(1, len(refused) // BY_COMMAND)]:
        path.write_bytes(plant)
        (tmp_path / "many.csv").write_bytes(many)
        ended = CliRunner().invoke(app, ["check", str(path)])
        assert ended.exit_code == 2, ended.output
        assert "Traceback" not in ended.output
        assert ended.exception is None or isinstance(ended.exception, SystemExit)


@pytest.mark.parametrize("value", ODD)
def test_an_odd_thing_in_a_table_of_characteristics_is_refused_or_read(value: object, tmp_path: Path) -> None:
    (tmp_path / "many.csv").write_text(f"id,lsl,unit\na/b/c,{value},{value}\n", "utf-8")
    path = tmp_path / "plant.toml"
    path.write_text('characteristics_file = "many.csv"\n[plant]\nid = "p"\n', "utf-8")
    found = read(path)
    if isinstance(found, Plan):
        assert [spec.id for spec in found.characteristics] in ([], ["a/b/c"])
    else:
        assert all("many.csv" in str(problem) for problem in found)
