"""`plumbline replay` whole: files in, a history out, through the journal and the engine's dataflow."""

import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from config.load import load
from config.models import PlantFile
from connectors.archive import Stretch, archive
from connectors.errors import WrongInput
from connectors.journal import JournalWriter
from flows.replay import run
from rules.results import KINDS
from tests import truth_tables
from tests.dfq_texts import compact, two_characteristics, written

PLANT = """
[plant]
id = "p1"
timezone = "Europe/Berlin"
day_starts_at = "06:00"

[characteristics."l/s/bore"]
lsl = 9.96
usl = 10.04
chart = "xbar-r"
subgroup_size = 5
minimum_n = 10
window = 25

[characteristics."l/s/depth"]
lsl = 4.9
minimum_n = 10
window = 20
limits = { from = "baseline", subgroups = 20 }
lateness_seconds = 60

[metrics.bore]
kind = "cpk"
of = ["l/s/bore"]
over = "day"

[objectives.O1]
title = "Capable"
level = "company"
period = "2026-Q4"

[key_results.KR1]
objective = "O1"
title = "Bore"
metric = "bore"
start = 0.9
target = 1.33
"""

Row = tuple[object, ...]


@pytest.fixture
def plant(tmp_path: Path) -> PlantFile:
    path = tmp_path / "plant.toml"
    path.write_text(PLANT, "utf-8")
    return load(path)


def results(data: Path) -> dict[str, list[Row]]:
    """Every row of every kind, and what is current."""
    with closing(sqlite3.connect(data / "history.db")) as db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        found = {name: db.execute(f'SELECT * FROM "{name}"').fetchall() for name in names if name != "meta"}
    assert {kind.name for kind in KINDS} <= found.keys()
    return found


def meta(data: Path) -> tuple[str, int, int]:
    with closing(sqlite3.connect(data / "history.db")) as db:
        kind, applied, tick = db.execute('SELECT "kind", "applied_seq", "last_tick_ns" FROM "meta"').fetchone()
        return kind, applied, tick


def measurements(days: int = 4, a_day: int = 400, seed: int = 1) -> pl.DataFrame:
    """Subgroups of bore and single depths, a lot a day, now and then an unknown name; in the order of time."""
    draw = random.Random(seed)
    rows = []
    for day in range(days):
        time = datetime(2026, 10, 5 + day, 4, 30, tzinfo=UTC)
        for number in range(a_day):
            time += timedelta(milliseconds=draw.choice((0, 0, 250, 30_000, 60_000)))
            name = draw.choice(("l/s/bore", "l/s/bore", "l/s/bore", "l/s/depth", "l/s/new"))
            mean, sigma = (10.0, 0.012) if name == "l/s/bore" else (5.0, 0.04)
            part = f"P{number}" if number % 7 == 0 else None
            rows.append((time, name, round(draw.gauss(mean, sigma), 4), f"L{day}", part))
    return pl.DataFrame(
        rows,
        {"time": pl.Datetime("us", "UTC"), "characteristic": pl.String, "value": pl.Float64}
        | {"lot": pl.String, "part": pl.String},
        orient="row",
    )


def as_csv(frame: pl.DataFrame, path: Path) -> Path:
    frame.with_columns(pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")).write_csv(path)
    return path


def test_csv_and_parquet_in_any_order_of_rows_give_the_same_history(plant: PlantFile, tmp_path: Path) -> None:
    frame = measurements()
    frame = frame.filter(frame["time"].is_first_distinct())  # of equal times the order of rows decides
    first, second = frame[::2], frame[1::2]
    parquet, plain = tmp_path / "all.parquet", as_csv(frame, tmp_path / "all.csv")
    frame.write_parquet(parquet)
    shuffled = [as_csv(second.sample(fraction=1.0, shuffle=True, seed=3), tmp_path / "b.csv"), tmp_path / "a.parquet"]
    first.sample(fraction=1.0, shuffle=True, seed=4).write_parquet(shuffled[1])
    seen: list[tuple[int, int]] = []

    run(plant, [plain], tmp_path / "csv", progress=lambda done, total: seen.append((done, total)))
    run(plant, [parquet], tmp_path / "parquet")
    run(plant, shuffled, tmp_path / "shuffled")

    expected = results(tmp_path / "csv")
    assert results(tmp_path / "parquet") == expected
    assert results(tmp_path / "shuffled") == expected
    assert len(expected["day"]) >= 6
    unknown = frame.filter(frame["characteristic"] == "l/s/new")
    assert [row[10] for row in expected["rejected"]] == [1, 10, 100, 1_000][: len(str(len(unknown)))]  # `count`
    assert {row[5] for row in expected["rejected"]} == {"unknown-characteristic"}
    total = len(frame)
    assert seen[-1] == (total, total)
    assert seen == sorted(seen)


def test_every_reading_is_in_a_point_or_by_itself_or_refused_or_in_an_open_subgroup(
    plant: PlantFile, tmp_path: Path
) -> None:
    frame = measurements(days=2)
    run(plant, [as_csv(frame, tmp_path / "a.csv")], tmp_path / "data")

    found = results(tmp_path / "data")
    numbers = {row[4]: row[3] for row in found["characteristic"]}
    with closing(sqlite3.connect(tmp_path / "data" / "history.db")) as db:
        query = 'SELECT sum("n") FROM "point" WHERE "characteristic" = ? AND "current" = 1'
        charted = {name: db.execute(query, (number,)).fetchone()[0] for name, number in numbers.items()}
    known = frame.group_by("characteristic").len().rows()
    expected = {name: count for name, count in known if name in numbers}
    loose = sum(1 for row in found["reading"] if row[3] == numbers["l/s/bore"])
    assert charted["l/s/depth"] == expected["l/s/depth"]
    assert 0 <= expected["l/s/bore"] - charted["l/s/bore"] - loose < 5
    assert len(found["capability"]) > 100


def test_the_last_tick_is_the_last_reading_or_until(plant: PlantFile, tmp_path: Path) -> None:
    frame = measurements(days=1)
    path = as_csv(frame, tmp_path / "a.csv")
    last_ns = frame["time"].cast(pl.Datetime("ns", "UTC")).to_physical()[-1]
    until_ns = last_ns + 2 * 86_400 * 1_000_000_000

    run(plant, [path], tmp_path / "plain")
    run(plant, [path], tmp_path / "longer", until=until_ns)

    assert meta(tmp_path / "plain")[2] == last_ns
    assert meta(tmp_path / "longer")[2] == until_ns
    assert results(tmp_path / "plain")["day"] == []
    closed = {row[4] for row in results(tmp_path / "longer")["day"]}
    assert datetime(2026, 10, 5, tzinfo=UTC).toordinal() in closed
    with pytest.raises(WrongInput, match="--until: expected a time not before"):
        run(plant, [path], tmp_path / "shorter", until=last_ns - 1)


def test_published_x_bar_r_limits_come_out_of_a_csv_file(tmp_path: Path) -> None:
    case = truth_tables.load("sas_partgaps_xbar_r")  # SAS/QC, SHEWHART XCHART: 21 samples of 5
    text = (
        '[plant]\nid = "p"\n[characteristics.gap]\nchart = "xbar-r"\nsubgroup_size = 5\nlsl = 240\nusl = 270\n'
        'limits = { from = "baseline", subgroups = 21 }\nrules = "nelson"\nwindow = 105\n'
    )
    (tmp_path / "plant.toml").write_text(text, "utf-8")
    lines = ["time,characteristic,value"]
    for sample, values in enumerate(case.data["subgroups"]):
        at = datetime(2026, 10, 5, 8, tzinfo=UTC) + timedelta(minutes=5 * sample)
        lines += [f"{at + timedelta(seconds=k):%Y-%m-%dT%H:%M:%SZ},gap,{value:g}" for k, value in enumerate(values)]
    (tmp_path / "gaps.csv").write_text("\n".join(lines), "utf-8")

    run(load(tmp_path / "plant.toml"), [tmp_path / "gaps.csv"], tmp_path / "data")

    with closing(sqlite3.connect(tmp_path / "data" / "history.db")) as db:
        db.row_factory = sqlite3.Row
        points = db.execute('SELECT * FROM "point" WHERE "current" = 1 ORDER BY "time"').fetchall()
        signals = db.execute('SELECT "rule", "time" FROM "signal" WHERE "part" = ?', ("location",)).fetchall()
        window = db.execute('SELECT * FROM "capability" ORDER BY "row" DESC LIMIT 1').fetchone()
    assert [point["value"] for point in points[:5]] == case.approx("subgroup_means_first5")
    assert [point["dispersion"] for point in points] == case.approx("subgroup_ranges")
    for point in points:
        assert point["phase"] == 1
        assert point["cl"] == case.approx("mean")
        assert (point["ucl"], point["lcl"]) == (case.approx("UCLx"), case.approx("LCLx"))
        assert (point["dispersion_ucl"], point["dispersion_lcl"]) == (case.approx("UCLr"), case.approx("LCLr"))
        assert point["dispersion_cl"] == case.approx("Rbar")
    assert [name for name, _ in signals] == ["2-of-3-beyond-2-sigma"]
    assert signals[0]["time"] == points[case.value("nelson_test_5")[0] - 1]["time"]
    assert window["n"] == 105
    for column, name in (("cp", "Cp"), ("cpl", "Cpl"), ("cpu", "Cpu"), ("cpk", "Cpk"), ("sigma_within",) * 2):
        assert window[column] == case.approx(name)


CHILD = """
import sys
from pathlib import Path
from config.load import load
from flows.replay import run

plant, file, data = map(Path, sys.argv[1:])
run(load(plant), [file], data, progress=lambda done, total: print(done, total, flush=True))
"""


def killed_at(arguments: list[str], reached: Callable[[int, int], bool]) -> int:
    """Start a replay in a process of its own and kill it -9 once `reached(done, total)`; gives its exit status."""
    with subprocess.Popen([sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if reached(*map(int, line.split())):
                child.kill()
                break
    return child.returncode


def test_killed_again_and_again_it_gives_the_rows_of_an_undisturbed_one(plant: PlantFile, tmp_path: Path) -> None:
    path = as_csv(measurements(days=8, a_day=1500), tmp_path / "a.csv")
    run(plant, [path], tmp_path / "whole")

    data = tmp_path / "killed"
    arguments = [str(plant.path), str(path), str(data)]
    while_writing = killed_at(arguments, lambda done, total: done > total // 8)
    while_following = killed_at(arguments, lambda done, total: done > 5 * total // 8)
    later = killed_at(arguments, lambda done, total: done > 7 * total // 8)
    assert [while_writing, while_following, later] == [-signal.SIGKILL] * 3
    run(plant, [path], data)

    assert meta(data) == meta(tmp_path / "whole")
    assert results(data) == results(tmp_path / "whole")
    assert meta(data)[0] == "what-if"


def test_the_archive_of_four_days_replays_to_the_very_same_rows(plant: PlantFile, tmp_path: Path) -> None:
    frame = measurements(days=5).filter(pl.col("characteristic") != "l/s/new")  # what is refused is not archived
    path = as_csv(frame.filter(frame["time"].is_first_distinct()), tmp_path / "a.csv")
    run(plant, [path], tmp_path / "whole")
    closed = datetime(2026, 10, 9, 4, 15, tzinfo=UTC)  # the fourth day, with its grace
    with closing(sqlite3.connect(tmp_path / "whole" / "history.db")) as db:
        (through,) = db.execute('SELECT "row" FROM "closed" ORDER BY "day" DESC LIMIT 1').fetchone()
        (uuid,) = db.execute('SELECT "journal_uuid" FROM "meta"').fetchone()
    for after, last in pairwise((0, through // 3, through // 2, through)):
        archive(tmp_path / "whole" / "history.db", tmp_path / "archive", Stretch(uuid, closed.toordinal(), after, last))

    files = sorted((tmp_path / "archive" / "reading").glob("*.parquet"))
    run(plant, files, tmp_path / "again", until=round(closed.timestamp()) * 1_000_000_000)

    _, last_seq, _ = meta(tmp_path / "again")
    expected, found = results(tmp_path / "whole"), results(tmp_path / "again")
    assert len(files) == 3
    for kind in KINDS:
        assert found[kind.name] == [row for row in expected[kind.name] if int(str(row[1])) <= last_seq], kind.name
    assert len({row[4] for row in found["day"]}) == 4
    assert len(found["point"]) > 300


def test_it_ends_with_a_summary_and_with_status_1_when_the_plant_has_none_of_the_names(
    plant: PlantFile, tmp_path: Path
) -> None:
    frame = measurements(days=2)
    unknown = frame.filter(pl.col("characteristic") == "l/s/new")
    program = [sys.executable, "-m", "flows.cli", "replay", str(plant.path)]
    said = [
        subprocess.run(
            [*program, str(as_csv(some, tmp_path / f"{name}.csv")), "--data", str(tmp_path / name)],
            capture_output=True, text=True, check=False,
        )
        for name, some in (("all", frame), ("none", unknown))
    ]  # fmt: skip

    assert [done.returncode for done in said] == [0, 1]
    found = results(tmp_path / "all")
    current = [row for row in found["point"] if row[-1] == 1]
    days = len({row[1] for row in found["current_day"]})
    assert said[0].stdout == (
        f"{len(frame) - len(unknown):,} readings: {len(current):,} points, {len(found['signal']):,} signals, "
        f"{days} days, 0 alerts; refused were {len(unknown)} of unknown characteristics: 'l/s/new' ({len(unknown)})\n"
    )
    none = f"plumbline: none of {len(unknown)} readings is of a characteristic of {plant.path}: they are of 'l/s/new'"
    assert said[1].stderr.startswith(none)
    assert not (tmp_path / "none" / "history.db").exists()


def test_a_folder_that_holds_anything_else_is_refused(plant: PlantFile, tmp_path: Path) -> None:
    frame = measurements(days=1, a_day=20)
    path = as_csv(frame, tmp_path / "a.csv")
    other = as_csv(frame[1:], tmp_path / "b.csv")
    live = JournalWriter(tmp_path / "live" / "journal")
    live.append([(1, "_", "tick", 0, 0, b"1")])
    live.close()
    run(plant, [path], tmp_path / "data")

    for files, data, got in (
        ([path], tmp_path / "live", "got the journal of a plant"),
        ([other], tmp_path / "data", "got a replay of other files"),
        ([path], tmp_path / "data", "this replay is there already, finished"),
    ):
        with pytest.raises(WrongInput, match=got):
            run(plant, files, data)


def test_a_q_das_file_gives_the_history_of_the_same_readings_in_csv(tmp_path: Path) -> None:
    path = tmp_path / "plant.toml"
    ids = PLANT.replace("l/s/bore", "P-17/Bore").replace("l/s/depth", "P-17/Depth")
    path.write_text(ids, "utf-8")
    draw = random.Random(7)
    rows, lines = [], []
    for number in range(60):
        time = datetime(2026, 10, 5, 6, 0) + timedelta(seconds=20 * number)  # Berlin's, in summer
        bore, depth = round(draw.gauss(10.0, 0.012), 4), round(draw.gauss(5.0, 0.04), 4)
        lot = f"L{number // 25}"
        stamp = time.strftime("%d.%m.%Y/%H:%M:%S")
        lines.append(compact([bore, 0, stamp, "", lot], [depth, 255 if number == 9 else 0, stamp, "", lot]))
        purpose = "attribute 255" if number == 9 else ""
        rows += [f"{time.isoformat()}+02:00,P-17/Bore,{bore},{lot},P-17,",
                 f"{time.isoformat()}+02:00,P-17/Depth,{depth},{lot},P-17,{purpose}"]  # fmt: skip
    lines[30:30] = ["nonsense", compact(["x", 0, "05.10.2026/06:09:59"])]
    plain = tmp_path / "same.csv"
    plain.write_text("\n".join(["time,characteristic,value,lot,product,purpose", *rows]) + "\n")
    dfq = written(tmp_path, two_characteristics("\n".join(lines)))

    done = run(load(path), [dfq], tmp_path / "dfq")
    run(load(path), [plain], tmp_path / "csv")

    assert results(tmp_path / "dfq") == results(tmp_path / "csv")
    assert (done.readings, done.refused.faults, done.refused.counts) == (120, 2, 0)
    assert [line.removeprefix(f"{dfq}: ").partition(":")[0] for line in done.refused.lines] == ["line 49", "line 50"]
    assert "refused were 2 lines of files" in str(done)
    with pytest.raises(WrongInput, match="finished"):  # the same files: known again
        run(load(path), [dfq], tmp_path / "dfq")


def test_a_q_das_file_without_a_readable_value_is_refused_with_its_lines(plant: PlantFile, tmp_path: Path) -> None:
    dfq = written(tmp_path, two_characteristics("K0001/1 x\nK0004/1 05.10.2026/06:09:59\n"))

    with pytest.raises(WrongInput, match=r"part\.dfq: line 19: expected a number as K0001/1, got 'x'"):
        run(plant, [dfq], tmp_path / "data")
