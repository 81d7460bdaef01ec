"""Points a second into the history: `python -m benchmarks.bench_history [points] [characteristics]`."""

import sys
import tempfile
from pathlib import Path
from time import perf_counter

from connectors.history import CommitUnit, HistoryWriter

PER_UNIT = 2000


def points(first_row: int, count: int, characteristics: int) -> list[tuple[object, ...]]:
    values, refs = b"\0" * 40, b"\0" * 120  # a subgroup of five
    figures = (10.0, 0.01, 5, 10.0, 10.1, 9.9, 0.01, 0.02, 0.0, 0, 2, 1, 1, values, refs, None)
    return [
        (row, row, 0, row * 7919 % characteristics, row, 0, 1_760_000_000_000_000_000 + row * 1_000_000, *figures)
        for row in range(first_row, first_row + count)
    ]


def run(total: int, characteristics: int, *, bulk: bool) -> float:
    with tempfile.TemporaryDirectory() as folder:
        writer = HistoryWriter(Path(folder) / "history.db", "journal", bulk=bulk)
        units = [
            CommitUnit(first, first + PER_UNIT - 1, first, {"point": points(first, PER_UNIT, characteristics)})
            for first in range(1, total, PER_UNIT)
        ]
        begun = perf_counter()
        for number, unit in enumerate(units):
            writer.commit(unit)
            if number % 100 == 99:
                writer.sync()
        if bulk:
            writer.finish_bulk()
        writer.sync()
        took = perf_counter() - begun
        writer.close()
    return len(units) * PER_UNIT / took


def main() -> None:
    total, characteristics = (int(text) for text in (sys.argv[1:] + ["400000", "1000"][len(sys.argv) - 1 :]))
    for bulk, name in ((False, "with the index by time"), (True, "replay, index at the end included")):
        rate = run(total, characteristics, bulk=bulk)
        print(f"history: {rate:,.0f} points/s ({name}; {characteristics} characteristics, {PER_UNIT} a transaction)")


if __name__ == "__main__":
    main()
