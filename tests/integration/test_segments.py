"""A journal that is cut by the hour, over real processes: what is covered goes, and all that may be lost is rebuilt."""

import shutil
import subprocess
import sys
from pathlib import Path

from connectors.segments import segments
from tests.servers import Mosquitto
from tests.spine import HOUR_NS, MINUTE_NS, ROOT, START_NS, Message, Spine, clock, connected, measured, plant, rows

BORE = """
[characteristics."line1/op10/bore"]
lsl = 9.0
usl = 11.0
limits = { center = 10.0, sigma = 0.2 }
[metrics.bore_cpk]
kind = "cpk"
of = ["line1/op10/bore"]
over = "window"
[objectives.O1]
title = "Make OP10 capable"
level = "department"
period = "2026-11"
[key_results.KR1]
objective = "O1"
title = "Bore Cpk at least 1.33"
metric = "bore_cpk"
start = 0.9
target = 1.33
[storage]
journal_segment_hours = 1
journal_keep_days = 9
journal_keep_gb = 0
"""


def hours(first: int, last: int) -> list[Message]:
    """A reading every five minutes, each followed by the clock."""
    stream = []
    for k in range(first * 12, last * 12):
        at_ns = START_NS + (k + 1) * 5 * MINUTE_NS
        stream += [measured("line1/op10", at_ns, {"bore": value(k)}, id=f"b-{k}"), clock(at_ns)]
    return stream


def value(k: int) -> float:
    return 10.0 + (k * 7 % 11 - 5) / 20


def taken(spine: Spine) -> list[float]:
    return [one["value"] for one in spine.get("readings", characteristic="line1/op10/bore")]


def history_uuid(spine: Spine) -> str:
    return str(rows(spine.data / "history.db", "SELECT history_uuid FROM meta")[0][0])


def test_covered_segments_go_and_recovery_folder_and_history_may_be_lost(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path / "broker") as broker,
        plant(tmp_path, BORE, broker=broker.port) as spine,
        connected(broker.port) as publisher,
    ):
        for name in ("gateway", "engine", "forwarder", "web"):
            spine.start(name)
        spine.wait_ready(publisher, START_NS)
        publisher.send(hours(0, 6))
        spine.wait_through(START_NS + 6 * HOUR_NS)
        spine.wait(lambda: len(segments(spine.data / "journal")) == 1, "all segments but the open one are deleted")
        assert segments(spine.data / "journal")[0] > 100

        spine.kill("engine")
        shutil.rmtree(spine.data / "recovery")
        spine.start("engine")
        publisher.send(hours(6, 8))
        spine.wait_through(START_NS + 8 * HOUR_NS)
        assert "the state is rebuilt from the checkpoint at entry" in spine.log("engine")
        assert taken(spine) == [value(k) for k in range(8 * 12)]
        (update,) = spine.get("key-results")
        before = history_uuid(spine)

        spine.kill("engine")
        command = [sys.executable, "-m", "flows.cli", "renew", str(spine.file), "--data", str(spine.data)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        spine.start("engine")
        publisher.send(hours(8, 12))
        spine.wait_through(START_NS + 12 * HOUR_NS)  # the OKR store has every row of the outbox, by its new history
        assert history_uuid(spine) != before
        assert rows(spine.data / "history-1.db", "SELECT history_uuid FROM meta") == [(before,)]
        left = taken(spine)  # of the hours before those that the journal still holds: an append is never cut
        assert left == [value(k) for k in range(12 * 12)][-len(left) :]
        assert 4 * 12 <= len(left) < 12 * 12
        (later,) = spine.get("key-results")
        assert later["as_of"] > update["as_of"]
        assert later["revision"] > 0
