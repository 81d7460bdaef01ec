"""`plumbline export --dfq`: the readings of a history out, and by `replay` in again."""

import random
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from config.load import load
from config.models import PlantFile
from connectors.dfq import Value, read_dfq
from connectors.errors import HistoryAbsent, WrongInput
from connectors.reading_pages import readings_of
from flows.export import export_dfq
from flows.replay import run

BORE = "line1/op10/bore"
PLANT = """
[plant]
id = "p1"
timezone = "Europe/Berlin"
[characteristics."line1/op10/bore"]
unit = "mm"
lsl = 9.96
usl = 10.04
chart = "xbar-r"
subgroup_size = 5
limits = { from = "baseline", subgroups = 4 }
[characteristics."depth"]
"""

Told = tuple[int, float, str, str, str, str]  # (time, value, lot, part, operator, purpose)


@pytest.fixture
def plant(tmp_path: Path) -> PlantFile:
    path = tmp_path / "plant.toml"
    path.write_text(PLANT, "utf-8")
    return load(path)


def written(path: Path) -> list[Told]:
    """A CSV file with 203 bores over the end of summer time, and what they were; a baseline is frozen in between."""
    draw = random.Random(11)
    start = round(datetime(2026, 10, 25, 1, 30, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()) * 10**9
    told, lines = [], ["time,characteristic,value,lot,part,operator,purpose"]
    for number in range(203):
        time_ns = start + number // 2 * 100 * 10**9 + draw.choice((0, 0, 250_000_000, 123_456_789))
        value, purpose = round(draw.gauss(10.0, 0.01), 4), "attribute 256" if number % 50 == 7 else ""
        row = (time_ns, value, f"Größe {number // 60}", f"SN{number}" * (number % 3 == 0), "W5", purpose)
        told.append(row)
        shown = datetime.fromtimestamp(time_ns // 10**9, ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%S")
        lines.append(f"{shown}.{time_ns % 10**9:09}Z,{BORE},{','.join(map(str, row[1:]))}")
        if number % 20 == 0:
            lines.append(f"{shown}Z,depth,{number},,,,")
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return sorted(told, key=lambda row: row[0])


def kept(data: Path, characteristic: str = BORE) -> list[Told]:
    found = sorted(readings_of(data / "history.db", characteristic), key=lambda one: (one.time_ns, one.seq, one.idx))
    names = ("lot", "part", "operator", "purpose")
    return [(one.time_ns, one.value, *(one.context.get(name, "") for name in names)) for one in found]  # type: ignore[misc] # of four


def test_what_is_exported_and_replayed_is_what_was_there(plant: PlantFile, tmp_path: Path) -> None:
    told, data, target = written(tmp_path / "measured.csv"), tmp_path / "data", tmp_path / "bore.dfq"
    until = told[-1][0] + 3600 * 10**9  # by then the last subgroup is no longer open
    run(plant, [tmp_path / "measured.csv"], data, until)
    assert kept(data) == told

    assert export_dfq(plant, data, BORE, target) == len(told)
    run(plant, [target], tmp_path / "again", until)

    assert kept(tmp_path / "again") == told
    assert target.read_bytes().startswith(b"\xef\xbb\xbfK0100 1\r\nK1001/1 line1/op10\r\n")
    with pytest.raises(WrongInput, match="expected a file that is not there yet"):
        export_dfq(plant, data, BORE, target)

    middle = told[100][0]
    part = [tmp_path / "first.dfq", tmp_path / "rest.dfq"]
    counts = export_dfq(plant, data, BORE, part[0], until_ns=middle), export_dfq(plant, data, BORE, part[1], middle)
    assert counts == (sum(row[0] < middle for row in told), sum(row[0] >= middle for row in told))
    both = [one.value for path in part for one in read_dfq(path, "Europe/Berlin") if isinstance(one, Value)]
    assert sorted(both) == sorted(row[1] for row in told)

    export_dfq(plant, data, "depth", tmp_path / "depth.dfq")  # an id without levels: the part is the plant
    assert {one.context["product"] for one in read_dfq(tmp_path / "depth.dfq", "UTC") if isinstance(one, Value)} == {
        "p1"
    }


def test_what_cannot_be_exported_is_said(plant: PlantFile, tmp_path: Path) -> None:
    with pytest.raises(WrongInput, match=r"expected a characteristic of .*, got 'line1/op10/bor'"):
        export_dfq(plant, tmp_path, "line1/op10/bor", tmp_path / "out.dfq")
    with pytest.raises(HistoryAbsent):
        export_dfq(plant, tmp_path, BORE, tmp_path / "out.dfq")
    (tmp_path / "one.csv").write_text(f"time,characteristic,value\n1,{BORE},1\n")
    run(plant, [tmp_path / "one.csv"], tmp_path / "data")
    with pytest.raises(WrongInput, match="expected readings in the history, got none"):
        export_dfq(plant, tmp_path / "data", "depth", tmp_path / "out.dfq")
    assert not list(tmp_path.glob("out.dfq*"))
