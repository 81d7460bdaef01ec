"""What each step between the journal and InfluxDB takes by itself: `python -m benchmarks.bench_steps`. One core."""

import io
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np
import orjson
import polars as pl
from influxdb_client.client.write.point import Point

from benchmarks import bench_decode
from benchmarks.bench_flow import VALUES, journal, plan
from benchmarks.figures import Figure, medians, show
from config.plan import Plan
from connectors.decode import Decoder
from connectors.history import CommitUnit, HistoryWriter
from connectors.history_reader import HistoryReader
from connectors.influx_lines import FOLLOWED, MEASUREMENTS, LineMaker
from connectors.journal import JournalWriter
from connectors.repetition import Repetition
from connectors.segments import Entry
from flows.frames import Answer, PlantFrame
from flows.framing import FramingLogic
from flows.journal_source import MOST_ENTRIES
from flows.plant_step import PlantLogic
from flows.shard import ShardLogic

MESSAGES = 2_000
SMALL = 200  # messages that 20 ms bring at 10,000 a second
SMALL_FRAMES = 40
POINTS_AS_OBJECTS = 5_000
GROUP = 500  # messages of one commit of the journal
D2 = 1.1283791670955126  # of 2

Items = list[PlantFrame | Answer]


def stretches(entries: Sequence[Entry]) -> list[Sequence[Entry]]:
    """The plan by itself, then as much as the source hands on at once."""
    return [entries[:1]] + [entries[start : start + MOST_ENTRIES] for start in range(1, len(entries), MOST_ENTRIES)]


def through_decode(entries: Sequence[Entry], of_plan: Plan) -> float:
    """Values a second, JSON to columns."""
    messages = [entry for entry in entries if entry.connector != "_"]
    decoder, repetition = Decoder(of_plan), Repetition()
    began = process_time()
    rows = sum(len(decoder.decode(messages[at : at + 500], repetition)[0]) for at in range(0, len(messages), 500))
    return rows / (process_time() - began)


def through_orjson(entries: Sequence[Entry]) -> float:
    """Values a second of parsing alone."""
    payloads = [entry.payload for entry in entries if entry.connector != "_"]
    began = process_time()
    for payload in payloads:
        orjson.loads(payload)
    return len(payloads) * VALUES / (process_time() - began)


def through_frames(entries: Sequence[Entry], of_plan: Plan) -> float:
    """Values a second, JSON to the frames of 16 shards."""
    logic = FramingLogic(lambda _: of_plan)
    began = process_time()
    for stretch in stretches(entries):
        for _ in logic.frames(stretch):
            pass
    return MESSAGES * VALUES / (process_time() - began)


def answered(entries: Sequence[Entry], of_plan: Plan) -> list[Items]:
    """What the plant step gets of each stretch."""
    framing, shards = FramingLogic(lambda _: of_plan), dict[str, ShardLogic]()
    found: list[Items] = []
    for stretch in stretches(entries):
        items: Items = []
        for key, frame in framing.frames(stretch):
            if isinstance(frame, PlantFrame):
                items.append(frame)
            else:
                items.append(shards.setdefault(key, ShardLogic(lambda _: of_plan)).answer(frame))
        found.append(items)
    return found


def through_fold(arriving: list[Items], of_plan: Plan) -> tuple[float, list[CommitUnit]]:
    """Rows a second, 16 answers to a commit unit; and the units."""
    logic, units = PlantLogic(lambda _: of_plan), list[CommitUnit]()
    began = process_time()
    for items in arriving:
        for item in items:
            units += logic.take(item)
    took = process_time() - began
    return sum(len(rows) for unit in units for rows in unit.rows.values()) / took, units


def through_polars(entries: Sequence[Entry]) -> float:
    """Values a second of a plain batch job: all messages at once into a frame, limits, moving ranges, Cpk, signals."""
    payloads = [entry.payload for entry in entries if entry.connector != "_"]
    lines = b"\n".join(payloads)
    began = process_time()
    values = pl.read_ndjson(io.BytesIO(lines)).select("values").unnest("values")
    sigma = values.select(pl.all().diff().abs().mean() / D2)
    beyond = values.select((pl.all() - 10.0).abs() > 0.03).sum()
    mean = values.select(pl.all().mean())
    cpk = np.minimum(10.04 - mean.to_numpy(), mean.to_numpy() - 9.96) / (3 * sigma.to_numpy())
    took = process_time() - began
    assert beyond.width == cpk.size == VALUES
    return len(payloads) * VALUES / took


def stored(units: Sequence[CommitUnit], folder: Path) -> Path:
    path = folder / "history.db"
    writer = HistoryWriter(path, "journal", bulk=True)
    for unit in units:
        writer.commit(unit)
    writer.close()
    return path


def through_lines(path: Path) -> float:
    """Lines a second, rows of the history to line protocol."""
    reader, maker = HistoryReader(path), LineMaker()
    began, lines, after = process_time(), 0, 0
    while rows := reader.rows(after, 2_000, (*FOLLOWED, *MEASUREMENTS)):
        lines += sum(len(maker.lines(kind, row)) for kind, row in rows)
        number = rows[-1][1][0]
        assert isinstance(number, int)
        after = number
    took = process_time() - began
    reader.close()
    return lines / took


def through_points() -> float:
    """Lines a second of the library's own objects, with as many tags and fields as a `chart` has."""
    began = process_time()
    for number in range(POINTS_AS_OBJECTS):
        point = Point("chart").tag("characteristic", "line1/op10/bore").tag("chart", "individuals")
        point = point.tag("line", "line1").tag("station", "op10").time(number)
        for name in ("value", "dispersion", "cl", "ucl", "lcl", "dispersion_cl", "dispersion_ucl", "dispersion_lcl"):
            point = point.field(name, 10.012)
        for name in ("n", "signals", "revision"):
            point = point.field(name, number)
        point.to_line_protocol()
    return POINTS_AS_OBJECTS / (process_time() - began)


def through_journal(folder: Path, messages: int = 20_000) -> float:
    """Messages a second by the wall clock, each group written through to disk."""
    sample = bench_decode.entries(GROUP, 1)
    writer = JournalWriter(folder / "journal")
    began = perf_counter()
    for _ in range(messages // GROUP):
        writer.append([entry[1:] for entry in sample])
    took = perf_counter() - began
    writer.close()
    return messages // GROUP * GROUP / took


def small_frames() -> tuple[float, float]:
    """Milliseconds of a frame of 200 one-value messages through all logics, and of storing what it gives."""
    of_plan = bench_decode.plan(100)
    entries = [entry._replace(seq=entry.seq + 1) for entry in bench_decode.entries(SMALL * SMALL_FRAMES, 1)]
    framing, plant, shards = FramingLogic(lambda _: of_plan), PlantLogic(lambda _: of_plan), dict[str, ShardLogic]()
    begin = Entry(1, bench_decode.START_NS, "_", "plan", 0, 0, of_plan.to_json())
    frames_ms, store_ms = [], []
    with tempfile.TemporaryDirectory() as folder:
        writer = HistoryWriter(Path(folder) / "history.db", "journal")
        for stretch in ([begin], *(entries[at : at + SMALL] for at in range(0, len(entries), SMALL))):
            began = perf_counter()
            units = []
            for key, frame in framing.frames(stretch):
                if isinstance(frame, PlantFrame):
                    units += plant.take(frame)
                else:
                    units += plant.take(shards.setdefault(key, ShardLogic(lambda _: of_plan)).answer(frame))
            frames_ms.append((perf_counter() - began) * 1e3)
            began = perf_counter()
            for unit in units:
                writer.commit(unit)
            store_ms.append((perf_counter() - began) * 1e3)
        writer.close()
    return median(frames_ms[2:]), median(store_ms[2:])


def figures() -> list[Figure]:
    of_plan = plan(1)
    entries = journal(1, MESSAGES)
    arriving = answered(entries, of_plan)
    decode, parse, frames, batch = medians(
        partial(through_decode, entries, of_plan),
        partial(through_orjson, entries),
        partial(through_frames, entries, of_plan),
        partial(through_polars, entries),
        repeats=3,
    )
    (folded,) = medians(lambda: through_fold(arriving, of_plan)[0], repeats=3)
    found = [
        Figure("JSON to columns", decode, "values/s", 0.0, "orjson alone", parse, "parsing, and one dict a message"),
        Figure("JSON to frames", frames, "values/s", 0.0, "polars batch job, whole", batch, "sorting by shard"),
        Figure("answers to commit units", folded, "rows/s", binds="Python tuples, one a row, as SQLite takes them"),
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = stored(through_fold(arriving, of_plan)[1], Path(folder))
        lines, objects = medians(partial(through_lines, path), through_points, repeats=3)
        appended = through_journal(Path(folder))
    found.append(Figure("forwarder", lines, "lines/s", 0.0, "influxdb-client's Point", objects, "formatting text"))
    found.append(Figure(f"journal, groups of {GROUP}", appended, "messages/s", 20e3, binds="the disk's fsync"))
    frame, store = (median(column) for column in zip(*(small_frames() for _ in range(3)), strict=True))
    found.append(Figure(f"frame of {SMALL} messages", frame, "ms", 15.0, binds="16 shards' calls into compiled code"))
    found.append(Figure("its results stored, indexed", store, "ms", 20.0, binds="the index by time"))
    return found


if __name__ == "__main__":
    show(figures())
