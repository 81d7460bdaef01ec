"""The parts of the benchmarks that judge: what is flat, what is worse, and that curves are drawings.

And that what is measured runs, at a small size: the program changes, and nobody measures every day.
"""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks import bench_flow, bench_kernel, bench_sparkplug, bench_steps, compare, growth, run
from benchmarks.growth_page import write_page
from benchmarks.soak import MEASURES, Samples, judge, rise
from benchmarks.svg import chart
from rules.spec import Chart

NAMESPACE = "{http://www.w3.org/2000/svg}"


def saved(folder: Path, name: str, **values: float) -> str:
    figures: list[dict[str, Any]] = [
        {"name": key, "value": value, "unit": "ms" if key == "latency" else "values/s"} for key, value in values.items()
    ]
    run = {"time": "2026-11-21T08:00:00", "machine": {"summary": "two cores, load 1"}, "figures": figures}
    path = folder / name
    path.write_text(json.dumps(run), "utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("unit", "before", "after", "percent"),
    [("values/s", 100, 150, 50), ("values/s", 150, 100, -50), ("ms", 20, 10, 100), ("ms", 10, 20, -100)],
)
def test_better_is_more_of_a_rate_and_less_of_a_time(unit: str, before: float, after: float, percent: float) -> None:
    assert compare.change("x", unit, before, after) == pytest.approx(percent)


def test_a_figure_that_is_worse_by_more_than_told_is_status_1(tmp_path: Path) -> None:
    before = saved(tmp_path, "a.json", rate=100.0, latency=10.0, gone=1.0)
    assert compare.main([before, saved(tmp_path, "b.json", rate=90.0, latency=11.0, new=1.0)]) == 0
    assert compare.main([before, saved(tmp_path, "c.json", rate=100.0, latency=13.0)]) == 1
    assert compare.main([before, saved(tmp_path, "d.json", rate=90.0), "--worse", "5"]) == 1


def test_files_that_are_no_runs_are_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.json").write_text("[]")
    assert compare.main([str(tmp_path / "x.json"), str(tmp_path / "absent.json")]) == 2
    assert "expected runs" in capsys.readouterr().err
    assert compare.main([str(tmp_path / "x.json")]) == 2


def test_a_leak_is_not_flat_and_a_saw_is() -> None:
    samples = Samples()
    for number in range(200):
        minutes = number / 10
        samples.add("memory", "leaks", minutes, 200 + 2 * minutes)
        samples.add("memory", "steady", minutes, 200 + number % 7)
        samples.add("wal", "saw", minutes, number % 16)
        samples.add("files", "leaks", minutes, 10 + minutes)
        samples.add("memory", "warms up", minutes, 200 - 100 * 0.5**minutes)
    grown = {(measure, of) for measure, of, _, risen, allowed in judge(samples) if risen > allowed}
    assert grown == {("memory", "leaks"), ("files", "leaks")}
    assert samples.taken.keys() == MEASURES.keys()


def test_the_rise_is_that_of_the_line_behind_the_warm_up() -> None:
    risen, mean = rise([(float(k), 100.0 if k < 20 else 3.0 * k) for k in range(100)])
    assert risen == pytest.approx(3 * 79)
    assert mean == pytest.approx(3 * (20 + 99) / 2)
    assert rise([(0.0, 5.0)]) == (0.0, 5.0)


def test_curves_are_drawn_within_the_picture() -> None:
    series = {f"series & <{k}>": [(10.0**p, 10.0 ** (p - k)) for p in range(5)] for k in range(5)}
    for log in (False, True):
        drawn = ElementTree.fromstring(chart("A < B", "x", "y", series | {"none": []}, log_x=log, log_y=log))
        _, _, width, height = map(float, drawn.attrib["viewBox"].split())
        paths = drawn.findall(f"{NAMESPACE}path[@class='line']")
        assert len(paths) == len(series)
        for path in paths:
            for point in path.attrib["d"][1:].split("L"):
                x, y = map(float, point.split())
                assert 0 <= x <= width
                assert 0 <= y <= height
        texts = [text for text in drawn.iter(f"{NAMESPACE}text") if text.text and text.text.startswith("series")]
        assert len(texts) == len(series)
        assert all(float(text.attrib["y"]) < height for text in texts)


def test_a_curve_of_one_point_or_of_zeros_is_drawn() -> None:
    for points in ([(1.0, 1.0)], [(0.0, 0.0), (1.0, 0.0)]):
        assert ElementTree.fromstring(chart("T", "x", "y", {"a": points})).tag == f"{NAMESPACE}svg"


@pytest.mark.parametrize("chart_kind", bench_kernel.SIZES)
def test_the_kernel_is_measured(chart_kind: Chart) -> None:
    frame = bench_kernel.columns(10_000)
    assert bench_kernel.through_kernel(chart_kind, frame) > 0
    assert bench_kernel.through_numpy(chart_kind, frame) > 0


def test_the_steps_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_steps, "SMALL_FRAMES", 4)
    of_plan, entries = bench_flow.plan(1), bench_flow.journal(1, 20)
    rows, units = bench_steps.through_fold(bench_steps.answered(entries, of_plan), of_plan)
    assert min(rows, *bench_steps.small_frames(), bench_steps.through_polars(entries)) > 0
    assert bench_steps.through_lines(bench_steps.stored(units, tmp_path)) > 0
    assert bench_steps.through_journal(tmp_path, 500) > 0


def test_sparkplug_is_measured() -> None:
    sample = bench_sparkplug.payloads(200, 20)
    assert bench_sparkplug.through_ours(sample) > 0
    assert bench_sparkplug.through_protobuf(sample) > 0
    assert bench_sparkplug.through_decoder(sample, 20) > 0


def test_growth_is_measured_and_its_page_written(tmp_path: Path) -> None:
    found = {size: growth.through(size, 10, 200) for size in (10, 20)}
    page = write_page({"characteristics": found, "values": found}, tmp_path)
    assert "| 20 |" in page.read_text("utf-8")
    assert {path.stem for path in (tmp_path / "images").iterdir()} == {
        "growth-characteristics",
        "growth-memory",
        "growth-values",
    }


def test_help_of_make_bench_names_every_part_and_measures_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(part in said for part in run.PARTS)
    assert "Example: make bench ARGS=" in said
