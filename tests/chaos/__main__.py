"""`python -m tests.chaos --seconds 60 --seed 7`: the kill loop; exit status 1, and the folder kept, when it differs."""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.run import run

ROUND_SECONDS = 90.0  # a longer run is made of such rounds, each with a plant and a seed of its own


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.chaos", description="Kill everything at random; compare what is left.")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long messages are published (hours are fine)")
    parser.add_argument(
        "--seed", type=int, help="what befalls whom, and what is sent; else a new one, which is printed"
    )
    parser.add_argument("--mutant", default="", help="a module of tests.mutants: a fault that the loop must find")
    parser.add_argument("--folder", type=Path, help="where the runs lie; else a temporary folder")
    asked = parser.parse_args()
    seed = random.SystemRandom().randrange(1_000_000) if asked.seed is None else asked.seed
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="plumbline-chaos-"))
    print(f"seed {seed}", flush=True)
    deadline, ok = time.monotonic() + asked.seconds, True
    while True:
        seconds = min(ROUND_SECONDS, max(deadline - time.monotonic(), 5.0))
        outcome = run(folder / f"seed-{seed}", seconds=seconds, seed=seed, mutant=asked.mutant)
        print("\n".join(outcome.lines), flush=True)
        ok, seed = ok and outcome.ok, seed + 1
        if not outcome.ok or time.monotonic() > deadline - 1.0:
            return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
