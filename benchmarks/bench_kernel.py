"""How fast compiled charts take readings that are columns: `python -m benchmarks.bench_kernel`. Seconds of a core."""

from functools import partial
from time import process_time

import numpy as np

from benchmarks.figures import Figure, medians, show
from benchmarks.per_item import run_readings
from flows.layout import lay_out
from rules.charting import set_limits
from rules.kernel import advance, make_output, output_lengths
from rules.records import FIXED, Columns
from rules.spec import CharacteristicSpec, Chart

CHARACTERISTICS = 100
READINGS = 1_000_000
PER_ITEM_READINGS = 50_000
TICK_EVERY = 10_000
SIZES: dict[Chart, int] = {"individuals": 1, "xbar-r": 5}
FRAME = 4_000  # readings for which an output has room; a fuller one is emptied


def specs(chart: Chart) -> tuple[CharacteristicSpec, ...]:
    names = (f"c{number:03}" for number in range(CHARACTERISTICS))
    size = SIZES[chart]
    return tuple(CharacteristicSpec(name, lsl=9.9, usl=10.1, chart=chart, subgroup_size=size) for name in names)


def columns(readings: int = READINGS) -> Columns:
    """Readings of all characteristics in turn, 10,000 a second, with a tick every second; one in 1,200 out of spec."""
    number = np.arange(readings)
    times = number * 100_000 + 1
    nothing = np.zeros(readings, np.int64)
    ticks = np.arange(TICK_EVERY, readings + 1, TICK_EVERY)
    return Columns(
        characteristic=number % CHARACTERISTICS,
        time_ns=times,
        day=nothing + 1,
        value=np.random.default_rng(7).normal(10.0, 0.03, readings),
        seq=number + 1,
        idx=nothing,
        cause_seq=number + 1,
        subgroup=nothing,
        ends=nothing.astype(np.bool_),
        change=nothing,
        context=nothing,
        state=nothing.astype(np.uint8),
        connector=nothing,
        size=nothing.astype(np.float64),
        tick_at=ticks,
        tick_ns=times[ticks - 1],
        tick_seq=ticks,
        tick_closed=np.zeros(len(ticks), np.int64),
    )


def through_kernel(chart: Chart, frame: Columns) -> float:
    """Values a second: points, signals, days and rolling capability of each."""
    shard = lay_out(specs(chart), 7)
    for number in range(CHARACTERISTICS):
        set_limits(shard, number, 10.0, 0.03, FIXED, 0)
    output = make_output(output_lengths(shard, FRAME))
    reading = tick = points = 0
    began = process_time()
    while reading < len(frame.value) or tick < len(frame.tick_ns):
        output.counts[:] = 0
        reading, tick = advance(shard, frame, output, reading, tick)
        points += int(output.counts[0])
    took = process_time() - began
    assert points == len(frame.value) // SIZES[chart]
    return len(frame.value) / took


def through_numpy(chart: Chart, frame: Columns) -> float:
    """Values a second of the least that could be called a chart: plotted points against limits, a whole column at once.

    No memory, no rules of runs, no days and no capability: a floor for the time, not a peer in what it does.
    """
    size = SIZES[chart]
    began = process_time()
    table = frame.value.reshape(-1, size, CHARACTERISTICS)
    means = table.mean(axis=1)
    spread = np.abs(np.diff(means, axis=0)) if size == 1 else np.ptp(table, axis=1)
    beyond = np.abs(means - 10.0) > 0.09 / size**0.5
    outside = (table < 9.9) | (table > 10.1)
    took = process_time() - began
    assert beyond.size
    assert outside.size
    assert spread.size
    return len(frame.value) / took


def through_bytewax(chart: Chart, frame: Columns) -> float:
    """Values a second of the plain per-item dataflow."""
    some = slice(0, PER_ITEM_READINGS)
    names = [f"c{number:03}" for number in frame.characteristic[some].tolist()]
    pairs = zip(frame.time_ns[some].tolist(), frame.value[some].tolist(), strict=True)
    readings = list(zip(names, pairs, strict=True))
    began = process_time()
    run_readings(readings, SIZES[chart])
    return len(readings) / (process_time() - began)


def figures() -> list[Figure]:
    found = []
    frame = columns()
    for chart in SIZES:
        through_kernel(chart, columns(20_000))  # compiled, or read from the disk
        ours, least = medians(partial(through_kernel, chart, frame), partial(through_numpy, chart, frame))
        (plain,) = medians(partial(through_bytewax, chart, frame), repeats=3)
        name = f"kernel, {chart}"
        found.append(Figure(name, ours, "values/s", 10e6, "per-item Bytewax", plain, "one core"))
        found.append(Figure(f"{name}, beside the least numpy could do", ours, "values/s", 0.0, "numpy", least))
    return found


if __name__ == "__main__":
    show(figures())
