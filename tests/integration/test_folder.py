"""Files dropped into a folder, on a real gateway: each reading once, whatever happens in between."""

import os
import signal
from collections import Counter
from pathlib import Path

import orjson
import polars as pl
import pytest

from config.load import load
from connectors.decode import Decoder
from connectors.files import read_measurements
from connectors.journal import SYSTEM
from connectors.repetition import Repetition
from flows.file_reading import how_of
from rules.events import Inspection
from tests.dfq_texts import compact, two_characteristics, written
from tests.gateway_runs import Running, entries, payloads, start_process, system, wait_until

PLANT = """
[plant]
id = "p1"
timezone = "Europe/Berlin"

[connectors.cmm]
type = "folder"
path = "incoming"
settle_seconds = 0.1
{options}

[characteristics."P-17/Bore"]
[characteristics."P-17/Depth"]
[characteristics."bore"]
[characteristics."depth"]
"""
CSV = 'pattern = "*.csv"\n'
T1, T2 = "21.11.2026/09:00:00", "21.11.2026/09:00:05"  # Berlin, winter: UTC + 1
MS1, MS2 = 1_795_248_000_000, 1_795_248_005_000
ROWS = 40_000

Message = dict[str, object]


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    folder = tmp_path / "incoming"
    folder.mkdir()
    return folder


def plant_file(folder: Path, options: str = "") -> Path:
    path = folder / "plant.toml"
    path.write_text(PLANT.format(options=options), "utf-8")
    return path


def messages(data: Path) -> list[Message]:
    """All messages of the journal, those of an array one by one."""
    found: list[Message] = []
    for payload in payloads(data):
        document = orjson.loads(payload)
        found += document if isinstance(document, list) else [document]
    return found


def without_ids(data: Path) -> list[Message]:
    return [{key: value for key, value in one.items() if key != "id"} for one in messages(data)]


def taken(plant: Path, data: Path) -> tuple[list[tuple[str, int, float]], Counter[str]]:
    """(characteristic, ms, value) of every reading that the engine's decoder makes of the journal; what it refuses."""
    plan = load(plant).plan()
    own = [entry for entry in entries(data) if entry.connector != SYSTEM]
    decoded = Decoder(plan).decode(own, Repetition())
    names = [spec.id for spec in plan.characteristics]
    readings = zip(decoded.readings.characteristic, decoded.readings.time_ns, decoded.readings.value, strict=True)
    return (
        [(names[which], int(time_ns) // 1_000_000, float(value)) for which, time_ns, value in readings],
        Counter(one.reason for one in decoded.rejected),
    )


def test_a_q_das_file_is_taken_and_moved(tmp_path: Path, incoming: Path) -> None:
    plant, data = plant_file(tmp_path), tmp_path / "data"
    lines = f"{compact([10.01, 0, T1, '', 'L1'], [5.02, 255, T1])}\n{compact([9.99, 0, T2])}\n"
    with Running(plant, data):
        part = incoming / "PART.DFQ.tmp"
        part.write_text(two_characteristics(lines), "utf-8")
        part.rename(incoming / "PART.DFQ")
        wait_until((incoming / "done" / "PART.DFQ").exists)

    assert without_ids(data) == [
        {"time": MS1, "values": {"Bore": 10.01}, "product": "P-17", "lot": "L1"},
        {"time": MS1, "values": {"Depth": 5.02}, "product": "P-17", "purpose": "attribute 255"},
        {"time": MS2, "values": {"Bore": 9.99}, "product": "P-17"},
    ]
    readings, refused = taken(plant, data)
    assert readings == [("P-17/Bore", MS1, 10.01), ("P-17/Depth", MS1, 5.02), ("P-17/Bore", MS2, 9.99)]
    assert not refused
    assert not (incoming / "refused").exists()


def test_bad_lines_are_told_and_a_file_of_nothing_else_is_refused(tmp_path: Path, incoming: Path) -> None:
    plant, data = plant_file(tmp_path), tmp_path / "data"
    some = compact([10.0, 0, T1]) + "\n" + compact(["ten", 0, T1]) + "\nwhat is this\n" + compact([9.0, 0, T2]) + "\n"
    with Running(plant, data):
        written(incoming, two_characteristics(some), "some.dfq")
        wait_until((incoming / "done" / "some.dfq").exists)
        written(incoming, "time,value\n1,2\n", "none.dfq")
        wait_until((incoming / "refused" / "none.dfq").exists)

    refused = incoming / "refused"
    told = (refused / "some.dfq.reason.txt").read_text("utf-8").splitlines()
    assert told[:3] == [
        "some.dfq: 2 messages were taken, 2 lines were not.",
        "line 20: expected a number as K0001/1, got 'ten'",
        "line 21: expected a key such as K0001/1 and its value, or a line of values, got 'what is this'",
    ]
    assert told[3].startswith("What to do: drop in a file with the corrected lines only")
    reason = (refused / "none.dfq.reason.txt").read_text("utf-8")
    assert reason.startswith("none.dfq was refused: nothing in it could be taken.\n")
    assert "expected the Q-DAS ASCII transfer format" in reason
    assert sorted(path.name for path in refused.iterdir()) == ["none.dfq", "none.dfq.reason.txt", "some.dfq.reason.txt"]
    readings, rejected = taken(plant, data)
    assert readings == [("P-17/Bore", MS1, 10.0), ("P-17/Bore", MS2, 9.0)]
    assert rejected == {"no-values": 3}  # on the board too


def test_counts_of_attributive_characteristics_are_inspections_at_the_place(tmp_path: Path, incoming: Path) -> None:
    plant, data = plant_file(tmp_path, 'place = "line1/op10"'), tmp_path / "data"
    text = f"K0100 1\nK1001/1 A\nK2002/1 Scratches\nK2004/1 1\nK0020/1 50\nK0021/1 2\nK0004/1 {T1}\n"
    with Running(plant, data):
        written(incoming, text, "attributive.dfq")
        wait_until((incoming / "done" / "attributive.dfq").exists)

    own = [entry for entry in entries(data) if entry.connector != SYSTEM]
    decoded = Decoder(load(plant).plan()).decode(own, Repetition())
    (event,) = decoded.events
    assert (event.place, event.time_ns // 1_000_000) == ("line1/op10", MS1)
    assert event.body == Inspection(50.0, rejected=2, defects=(("Scratches", 2),))
    assert not decoded.rejected


def test_the_same_file_again_counts_once(tmp_path: Path, incoming: Path) -> None:
    plant, data = plant_file(tmp_path), tmp_path / "data"
    text = two_characteristics(compact([10.0, 0, T1]) + "\n")
    with Running(plant, data):
        for name in ("one.dfq", "two.dfq", "one.dfq"):
            written(incoming, text, name)
            wait_until(lambda: not list(incoming.glob("*.dfq")))

    readings, rejected = taken(plant, data)
    assert readings == [("P-17/Bore", MS1, 10.0)]
    assert rejected.keys() <= {"repeated"}
    names = sorted(path.name for path in (incoming / "done").iterdir())
    assert [name[:4] for name in names] == ["one-", "one.", "two."]  # nothing is written over


def test_a_wide_csv_file_with_a_mapping(tmp_path: Path, incoming: Path) -> None:
    options = CSV + (
        'separator = ";"\ndecimal = ","\nencoding = "cp1252"\ntime_format = "%d.%m.%Y %H:%M:%S"\n'
        'columns = { time = "Zeit", lot = "Charge Nr." }\nvalues = { bore = "Bohrung Ø", depth = "Tiefe" }'
    )
    plant, data = plant_file(tmp_path, options), tmp_path / "data"
    text = (
        "Zeit;Charge Nr.;Bohrung Ø;Tiefe;Prüfer;machine\n"
        "21.11.2026 09:00:00;Größe 7;10,01;5,02;Li;M2\n"
        "21.11.2026 09:00:05;;9,99;;;\n"  # no depth was measured
        "21.11.2026 09:00:06;;x;5,03;;\n"  # its neighbour is taken
        "morgen;;1,0;2,0;;\n"
        "21.11.2026 09:00:07;1\n"
    )
    with Running(plant, data):
        (incoming / "wide.csv").write_bytes(text.encode("cp1252"))
        wait_until((incoming / "done" / "wide.csv").exists)

    readings, rejected = taken(plant, data)
    assert readings == [("bore", MS1, 10.01), ("depth", MS1, 5.02), ("bore", MS2, 9.99), ("depth", MS2 + 1000, 5.03)]
    assert rejected == {"no-values": 3}
    first = next(one for one in without_ids(data) if "values" in one)
    assert (first["lot"], first["machine"]) == ("Größe 7", "M2")
    again = read_measurements([incoming / "done" / "wide.csv"], "UTC", how_of(load(plant), "cmm"))  # a replay
    assert [(row[1], row[0] // 1_000_000, row[2]) for row in again.readings.rows()] == readings
    assert again.faults == 3
    told = (incoming / "refused" / "wide.csv.reason.txt").read_text("utf-8")
    assert "line 4: expected a finite number in column 'Bohrung Ø', got 'x'" in told
    assert "line 5: expected a time (%d.%m.%Y %H:%M:%S) in column 'Zeit', got 'morgen'" in told
    assert "line 6: expected 6 fields as in line 1, got '2 of them'" in told


def test_parquet_and_long_csv_files_give_the_same(tmp_path: Path, incoming: Path) -> None:
    rows = {"time": [MS1, MS2], "characteristic": ["bore", "depth"], "value": [1.5, -2e-3], "part": ["7", None]}
    got = []
    for pattern in ("*.parquet", "*.csv"):
        plant, data = plant_file(tmp_path, f'pattern = "{pattern}"'), tmp_path / pattern[2:]
        frame = pl.DataFrame(rows)
        with Running(plant, data):
            frame.write_parquet(incoming / "a.parquet") if "parquet" in pattern else frame.write_csv(incoming / "a.csv")
            wait_until(lambda: not list(incoming.glob("a.*")))
        got.append(without_ids(data))

    first = {"time": MS1, "values": {"bore": 1.5}, "part": "7"}
    assert got == [[first, {"time": MS2, "values": {"depth": -0.002}}]] * 2


def test_a_folder_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    plant, data = plant_file(tmp_path), tmp_path / "data"
    incoming = tmp_path / "incoming"
    with Running(plant, data):
        wait_until(lambda: bool(system(data, "tick")))
        incoming.mkdir()
        written(incoming, two_characteristics(compact([10.0, 0, T1]) + "\n"), "late.dfq")
        wait_until((incoming / "done" / "late.dfq").exists)

    assert len(messages(data)) == 1


def test_a_dfx_waits_for_its_dfd_and_both_are_moved(tmp_path: Path, incoming: Path) -> None:
    plant, data = plant_file(tmp_path, 'pattern = "*.dfx"'), tmp_path / "data"
    with Running(plant, data):
        written(incoming, compact([10.0, 0, T1]) + "\n", "part.dfx")
        wait_until(lambda: bool(system(data, "tick")))
        written(incoming, two_characteristics(""), "part.dfd")
        wait_until((incoming / "done" / "part.dfx").exists)

    assert sorted(path.name for path in (incoming / "done").iterdir()) == ["part.dfd", "part.dfx"]
    assert taken(plant, data)[0] == [("P-17/Bore", MS1, 10.0)]


def test_killed_in_the_middle_of_a_big_file_nothing_is_lost_and_nothing_comes_twice(
    tmp_path: Path, incoming: Path
) -> None:
    plant, data = plant_file(tmp_path, CSV), tmp_path / "data"
    lines = [f"{MS1 + number},{('bore', 'depth')[number % 2]},{number / 8}" for number in range(ROWS)]
    (incoming / "big.csv").write_text("time,characteristic,value\n" + "\n".join(lines) + "\n")
    process = start_process(plant, data)
    try:
        wait_until(lambda: bool(payloads(data)), seconds=60.0)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(20)
    assert 0 < len(payloads(data)) < ROWS / 200, "it was not killed in the middle"
    with Running(plant, data):
        wait_until((incoming / "done" / "big.csv").exists, seconds=60.0)

    ids = [str(one["id"]) for one in messages(data)]
    assert len(ids) == len(set(ids)) == ROWS  # the journal itself has each message once
    readings, rejected = taken(plant, data)
    assert not rejected
    assert sorted(value for _, _, value in readings) == [number / 8 for number in range(ROWS)]


def test_a_file_that_cannot_be_moved_is_told_and_tried_again(tmp_path: Path, incoming: Path) -> None:
    plant, data = plant_file(tmp_path), tmp_path / "data"
    (incoming / "done").write_text("no folder")
    with Running(plant, data):
        written(incoming, two_characteristics(compact([10.0, 0, T1]) + "\n"), "a.dfq")
        wait_until(lambda: len(messages(data)) >= 1)
        os.unlink(incoming / "done")
        wait_until((incoming / "done" / "a.dfq").exists)

    assert len(messages(data)) == 1
