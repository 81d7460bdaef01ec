"""`python -m tests.mutants`: the kill loop with each mutant in turn; exit status 1 if one of them survives."""

import argparse
import subprocess
import sys

from tests.mutants import NAMES


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.mutants", description="Does the kill loop find each mutant?")
    parser.add_argument("names", nargs="*", default=NAMES, help=f"which; else all: {', '.join(NAMES)}")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long each is looked for")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    survivors = []
    for name in asked.names:
        arguments = ["--seconds", str(asked.seconds), "--seed", str(asked.seed), "--mutant", name]
        command = [sys.executable, "-m", "tests.chaos", *arguments]
        loop = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
        found = loop.returncode == 1 and "\ndifferent" in loop.stdout  # and not because the loop itself has failed
        print(f"{name}: {'found' if found else 'SURVIVED'}", flush=True)
        print("".join(f"  {line}\n" for line in loop.stdout.splitlines()), flush=True)
        if not found:
            survivors.append(name)
    print(f"survivors: {', '.join(survivors) or 'none'}")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
