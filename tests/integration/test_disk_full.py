"""Each process in turn may write no further, then may again: afterwards everything is as if nothing had been.

`RLIMIT_FSIZE` of the running process stands for its full disk: a write beyond the first 16 KiB of a file fails, with
EFBIG. It can be set and lifted from outside, on any machine. Its status file is no longer than that, as it would have
its place on a disk that fills up.
"""

import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from connectors.status import SIZE, read_status, status_path
from tests.servers import PERSISTENT, Mosquitto
from tests.spine import (
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    START_NS,
    Message,
    Publisher,
    Spine,
    clock,
    connected,
    measured,
    passing,
    plant,
)

CLOSED_NS = START_NS + 17 * HOUR_NS
PLANT = """
[characteristics."line1/op10/bore"]
lsl = 9.0
usl = 11.0
limits = { center = 10.0, sigma = 0.2 }
minimum_n = 10

[metrics.bore_cpk]
kind = "cpk"
of = ["line1/op10/bore"]
over = "day"

[objectives.O1]
title = "Capable"
level = "post"
owner = "production"
period = "2026-Q4"

[key_results.KR1]
objective = "O1"
title = "Bore"
metric = "bore_cpk"
start = 0.0
target = 1.33
"""


def part(number: int) -> list[Message]:
    """Twenty readings in a minute, and the clock after them."""
    numbers = range(number * 20, number * 20 + 20)
    at = [START_NS + (k + 1) * 3 * SECOND_NS for k in numbers]
    values = [10.0 + 0.07 * (k % 7 - 3) for k in numbers]
    readings = zip(numbers, at, values, strict=True)
    sent = [measured("line1/op10", time_ns, {"bore": value}, id=f"b-{k}") for k, time_ns, value in readings]
    return [*sent, clock(at[-1])]


FAULTS = (("gateway", "shut-journal"), ("engine", "waits"), ("web", "store-unwritable"), ("forwarder", "waits"))


@contextmanager
def no_room_for(pid: int) -> Iterator[None]:
    """That process writes no further than what its status needs."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (SIZE, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def log(spine: Spine) -> str:
    return (spine.file.parent / "run.log").read_text()


def pids(spine: Spine) -> dict[str, int]:
    return {name: int(pid) for name, pid in re.findall(r"(\w+) started, pid (\d+)", log(spine))}


def problems(spine: Spine) -> set[tuple[str, str]]:
    return {(problem["process"], problem["code"]) for problem in spine.health()["problems"]}


def results(spine: Spine) -> dict[str, list[dict[str, Any]]]:
    """All results, without the numbers that depend on how often the clock ticked and messages came again."""
    unlike = {"row", "cause_seq", "ordinal", "seq", "refs", "first_seq", "last_seq"}
    return {
        path: [{name: value for name, value in row.items() if name not in unlike} for row in spine.get(path)]
        for path in ("readings", "points", "signals", "days", "metric-values", "gaps")
    }


def order(spine: Spine) -> int:
    body = {"kind": "accept-limits", "characteristic": "line1/op10/bore", "who": "li"}
    return spine.try_post("commands", body, "order-1")


def happens(spine: Spine, publisher: Publisher, number: int, name: str) -> None:
    publisher.send(part(number))
    if name == "forwarder":
        publisher.send(passing(START_NS + (number + 1) * MINUTE_NS, CLOSED_NS))  # the day closes: a push


def caught_up(spine: Spine, number: int, name: str) -> None:
    if name == "web":
        spine.wait(lambda: order(spine) == 201, "the order is taken")
    spine.wait_through(CLOSED_NS if name == "forwarder" else START_NS + (number + 1) * MINUTE_NS)


def epoch_begins(spine: Spine) -> None:
    """Return when the engine has just committed an epoch: for ten seconds it writes nothing but results."""

    def beats() -> object:
        said = read_status(status_path(spine.data, "engine"))
        return said and said["beats"]

    before = beats()
    spine.wait(lambda: beats() not in (before, None), "an epoch is committed")


def run(folder: Path, *, disturbed: bool) -> dict[str, list[dict[str, Any]]]:
    folder.mkdir()
    with (
        Mosquitto(folder / "broker", PERSISTENT) as broker,
        plant(folder, PLANT, broker=broker.port) as spine,
        connected(broker.port) as publisher,
    ):
        spine.start("run")
        spine.wait_ready(publisher, START_NS)
        publisher.send(part(0))
        spine.wait_through(START_NS + MINUTE_NS)
        ids = pids(spine)
        for number, (name, code) in enumerate(FAULTS, start=1):
            if disturbed:
                if name == "engine":
                    epoch_begins(spine)
                with no_room_for(ids[name]):
                    happens(spine, publisher, number, name)
                    assert name != "web" or order(spine) == 503
                    spine.wait(lambda name=name, code=code: (name, code) in problems(spine), f"{name} says {code}")
            else:
                happens(spine, publisher, number, name)
            caught_up(spine, number, name)
        spine.wait(
            lambda: not {code for _, code in problems(spine)} & {code for _, code in FAULTS}, "all is well again"
        )
        assert pids(spine) == ids  # nobody had to be started again
        assert "Traceback" not in log(spine)
        return results(spine)


def test_each_process_in_turn_has_no_room_and_nothing_is_lost_or_repeated(tmp_path: Path) -> None:
    undisturbed = run(tmp_path / "undisturbed", disturbed=False)
    assert len(undisturbed["readings"]) == 100
    assert undisturbed["days"]
    assert run(tmp_path / "disturbed", disturbed=True) == undisturbed
