"""One of the four processes under test: `python -m tests.chaos.launch PROCESS FILE DATA [--mutant NAME]`.

As `plumbline PROCESS FILE --data DATA`, but with short epochs, so that a kill finds a snapshot to resume from, and with
a forwarder that gives up soon and comes back soon. With `--mutant` a fault is put into the program first
(`tests.mutants`); with `--die-at POINT:N` the process ends as by kill -9 there (`tests.chaos.fault_points`).
"""

import argparse
import importlib
import logging
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread

EPOCH_SECONDS = 0.3
TIMEOUT_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 1.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.chaos.launch")
    parser.add_argument("process", choices=("gateway", "engine", "forwarder", "web"))
    parser.add_argument("file", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--mutant", default="")
    parser.add_argument("--epoch", type=float, default=EPOCH_SECONDS)
    parser.add_argument("--die-at", default="")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    if asked.mutant:
        importlib.import_module(f"tests.mutants.{asked.mutant}").apply()
    if asked.die_at:
        from tests.chaos.fault_points import die_at

        point, _, number = asked.die_at.partition(":")
        die_at(point, int(number))
    starts: dict[str, Callable[[Path, Path, float], None]] = {"engine": engine, "forwarder": forwarder}
    if asked.process in starts:
        starts[asked.process](asked.file, asked.data, asked.epoch)
        return
    from flows.cli import main as command_line

    sys.argv = ["plumbline", asked.process, str(asked.file), "--data", str(asked.data)]
    command_line()


def engine(file: Path, data: Path, epoch_seconds: float) -> None:
    from config.load import load
    from flows.engine import run

    run(load(file), data, stop_on_term(), epoch=timedelta(seconds=epoch_seconds))


def forwarder(file: Path, data: Path, _: float) -> None:
    from config.load import load
    from flows.forwarder import run

    run(
        load(file),
        data,
        stop_on_term(),
        timeout_seconds=TIMEOUT_SECONDS,
        longest_pause_seconds=LONGEST_PAUSE_SECONDS,
    )


def stop_on_term() -> Event:
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: Thread(target=stop.set, daemon=True).start())
    return stop


if __name__ == "__main__":
    main()
