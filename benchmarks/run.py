"""All figures in one run: `make bench`, or `python -m benchmarks.run PART...` (kernel, steps, flow, …: see `PARTS`).

Under five minutes. With `--curves` (and the options of `benchmarks.growth`) the cost as the work grows is measured.
"""

import sys
import time

import pytest
from rich.console import Console

from benchmarks import (
    bench_board,
    bench_broker,
    bench_flow,
    bench_kernel,
    bench_opcua,
    bench_sparkplug,
    bench_steps,
    growth,
)
from benchmarks.figures import Figure, save, show

PARTS = {
    "kernel": bench_kernel.figures,
    "steps": bench_steps.figures,
    "flow": bench_flow.figures,
    "sparkplug": bench_sparkplug.figures,
    "opcua": bench_opcua.figures,
    "broker": bench_broker.figures,
    "board": bench_board.figures,
}

USAGE = f"""usage: make bench ARGS="[{"] [".join(PARTS)}]"
       make bench ARGS="--curves [options]"

The figures beside their budgets and peers, as a table and as JSON; all parts when none is named.
--curves measures the cost as the work grows: `make bench ARGS="--curves --help"` lists its options.

Example: make bench ARGS="kernel flow"
"""


def main(arguments: list[str]) -> int:
    """Print the table and save it as JSON; status 2 for a part that is none."""
    if "--curves" in arguments:
        return growth.main([one for one in arguments if one != "--curves"])
    if "--help" in arguments or "-h" in arguments:
        print(USAGE, end="")
        return 0
    unknown = [name for name in arguments if name not in PARTS]
    if unknown:
        print(f"expected parts of {', '.join(PARTS)}, got {', '.join(unknown)}", file=sys.stderr)
        return 2
    console, found = Console(stderr=True), list[Figure]()
    for name in arguments or PARTS:
        began = time.monotonic()
        try:
            with console.status(f"measuring: {name}"):
                found += PARTS[name]()
        except pytest.skip.Exception as missing:  # how tests.servers says that a server is not installed
            console.print(f"{name}: not measured: {missing}")
            continue
        console.print(f"{name}: measured in {time.monotonic() - began:.0f} s")
    show(found)
    print(f"saved as {save(found)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
