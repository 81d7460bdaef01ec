"""From a journal to results, in one process: `python -m benchmarks.bench_flow [--profile]`. JSON of 100 values."""

import cProfile
import pstats
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path
from time import perf_counter, process_time

from benchmarks import bench_decode, bench_history
from benchmarks.figures import Figure, medians, show
from benchmarks.per_item import run_messages
from config.plan import Plan
from connectors.history import HistoryWriter
from connectors.journal import PLAN, SYSTEM, TICK, JournalReader, JournalWriter
from connectors.segments import Entry
from flows.engine import follow
from flows.frames import ShardFrame
from flows.framing import FramingLogic
from flows.journal_source import MOST_ENTRIES
from flows.shard import ShardLogic
from rules.spec import FixedLimits

MESSAGES = 4_000
PER_ITEM_MESSAGES = 400
VALUES = 100
SIZES = {"single values": 1, "subgroups of 5": 5}
SECOND_NS = 1_000_000_000


def plan(size: int) -> Plan:
    """100 values a message: individuals, or the subgroups of 20 characteristics."""
    given = bench_decode.plan(VALUES // size)
    chart = "individuals" if size == 1 else "xbar-r"
    changed = {"lsl": 9.96, "usl": 10.04, "chart": chart, "subgroup_size": size, "limits": FixedLimits(10.0, 0.01)}
    return replace(given, characteristics=tuple(replace(one, **changed) for one in given.characteristics))  # type: ignore[arg-type] # of mixed types


def journal(size: int, messages: int = MESSAGES) -> list[Entry]:
    """Plan, ticks every second, and 500 messages a second in between; received when they happened."""
    sent = bench_decode.entries(messages, VALUES, arrays_of=size if size > 1 else 0)
    start = bench_decode.START_NS // SECOND_NS * SECOND_NS
    rows: list[tuple[int, str, str, int, int, bytes]] = [(start, SYSTEM, PLAN, 0, 0, plan(size).to_json())]
    for second, some in groupby(enumerate(sent), lambda item: item[0] // 500):
        at = start + second * SECOND_NS
        rows.append((at, SYSTEM, TICK, 0, 0, b"%d" % at))
        rows += [(at + number % 500 * 2_000_000, *entry[2:]) for number, entry in some]
    return [Entry(seq, *row) for seq, row in enumerate(rows, 1)]


def through_logics(entries: Sequence[Entry]) -> float:
    """Values a second of a core: decoded, charted, judged, in days and windows."""
    of_plan = Plan.from_json(entries[0].payload)
    framing = FramingLogic(lambda seq: of_plan)
    shards: dict[str, ShardLogic] = {}
    charted = 0

    def take(stretch: Sequence[Entry]) -> int:
        found = 0
        for key, frame in framing.frames(stretch):
            if isinstance(frame, ShardFrame):
                logic = shards.setdefault(key, ShardLogic(lambda seq: of_plan))
                found += len(logic.answer(frame).values)
        return found

    take(entries[:1])
    began = process_time()
    for start in range(1, len(entries), MOST_ENTRIES):
        charted += take(entries[start : start + MOST_ENTRIES])
    took = process_time() - began
    assert charted == MESSAGES * VALUES
    return charted / took


def through_dataflow(entries: Sequence[Entry]) -> float:
    """Values a second by the wall clock, from the journal's file to the history's, written through to disk."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        writer = JournalWriter(data / "journal")
        writer.append([entry[1:] for entry in entries])
        writer.close()
        reader = JournalReader(data / "journal")
        history = HistoryWriter(data / "history.db", reader.uuid, bulk=True)
        began = perf_counter()
        follow(data, reader, history, lambda seq: seq >= len(entries))
        history.finish_bulk()
        history.sync()
        took = perf_counter() - began
        history.close()
        reader.close()
    return MESSAGES * VALUES / took


def through_bytewax(entries: Sequence[Entry], size: int, clock: str) -> float:
    """Values a second of the plain per-item dataflow, which stores nothing."""
    now = process_time if clock == "core" else perf_counter
    payloads = [entry.payload for entry in entries if entry.connector != SYSTEM][:PER_ITEM_MESSAGES]
    began = now()
    run_messages(payloads, size)
    return len(payloads) * VALUES / (now() - began)


def figures() -> list[Figure]:
    found = []
    for name, size in SIZES.items():
        entries = journal(size)
        through_logics(entries)  # compiled, or read from the disk
        ours, plain = medians(
            partial(through_logics, entries), partial(through_bytewax, entries, size, "core"), repeats=3
        )
        title = f"JSON of 100 {name}: decode, chart, capability"
        found.append(Figure(title, ours, "values/s", 3e6, "per-item Bytewax", plain))
        ours, plain = medians(
            partial(through_dataflow, entries), partial(through_bytewax, entries, size, "wall"), repeats=3
        )
        title = f"JSON of 100 {name}: journal to history, whole flow"
        peer = "per-item Bytewax, storing nothing"
        found.append(Figure(title, ours, "values/s", 0.0, peer, plain, "a row a point into SQLite"))
    for bulk, title, budget in ((False, "points stored, live", 40e3), (True, "points stored, replay", 150e3)):
        (rate,) = medians(partial(bench_history.run, 200_000, 1_000, bulk=bulk), repeats=3)
        binds = "SQLite's inserts" if bulk else "the index by (characteristic, time)"
        found.append(Figure(title, rate, "points/s", budget, binds=binds))
    return found


def profile(size: int) -> None:
    """Where the whole flow spends its time, in Python's functions."""
    entries = journal(size)
    through_dataflow(entries)
    profiled = cProfile.Profile()
    profiled.runcall(through_dataflow, entries)
    pstats.Stats(profiled).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    if "--profile" in sys.argv:
        profile(SIZES.get(sys.argv[-1], 1))
    else:
        show(figures())
