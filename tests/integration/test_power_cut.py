"""The power is cut at any moment: what was promised is there, and the rest is whole or absent."""

import logging
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from connectors.history import CommitUnit, HistoryWriter
from connectors.journal import JournalReader, JournalWriter, Row
from flows.history_sink import HistoryPartition
from flows.patience import Patience
from flows.watchdog import Pulse
from tests.crash_disk import Disk, recorded
from tests.history_rows import point

UNITS = 60
READINGS = 50_000  # of each unit's only point: 400 kB, so that a run goes through a checkpoint and a second WAL


def unit(number: int) -> CommitUnit:
    values = random.Random(number).randbytes(8 * READINGS)
    return CommitUnit(number, number, number, {"point": [point(number, [0.0], values=values)]})


def history_after_cut(folder: Path) -> int:
    """How many units the history holds after a power cut: each of them whole, and none after a missing one."""
    writer = HistoryWriter(folder / "history.db", "J")
    applied = writer.meta.applied_seq
    writer.close()
    with closing(sqlite3.connect(folder / "history.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        held = db.execute('SELECT "row", "values" FROM "point" ORDER BY "row"').fetchall()
        assert db.execute('SELECT "last_row" FROM "meta"').fetchone() == (applied,)
    expected = [unit(number) for number in range(1, applied + 1)]
    names = [(row[0], row[-3]) for one in expected for row in one.rows["point"]]
    assert held == names
    return applied


def history_through_cuts(tmp_path: Path, patch: pytest.MonkeyPatch, seed: int, *, lies: bool = False) -> set[str]:
    """Write units, with an epoch's end now and then, and cut the power at random; what the cuts took."""
    draw, seen = random.Random(seed), set[str]()
    data = tmp_path / "data"
    disk = Disk(data, lies=lies)
    cuts: list[tuple[Path, int, int]] = []
    durable = number = 0

    def cut_off() -> None:
        if draw.random() < 0.15:
            cuts.append((tmp_path / f"cut-{len(cuts)}", durable, number))
            disk.cut(cuts[-1][0], draw.randrange(1 << 30))

    with recorded(disk, patch):
        writer = HistoryWriter(data / "history.db", "J")
        partition = HistoryPartition(writer, Patience(data, Pulse(), lambda: False, logging.getLogger()))
        partition.snapshot()
        disk.before_sync = cut_off
        for number in range(1, UNITS + 1):
            partition.write_batch([unit(number)])
            if draw.random() < 0.15:
                partition.snapshot()  # the epoch's barrier: from here on an offset may say that these are in
                durable = number
            cut_off()
        writer.close()
    for folder, promised, committed in cuts:
        applied = history_after_cut(folder)
        assert promised <= applied <= committed
        seen.add("nothing" if applied == committed else "something")
    return seen


@pytest.mark.parametrize("seed", [1, 2])
def test_what_an_epoch_ended_with_is_in_the_history_after_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    assert history_through_cuts(tmp_path, monkeypatch, seed) == {"nothing", "something"}


def journal_through_cuts(tmp_path: Path, patch: pytest.MonkeyPatch, seed: int, *, lies: bool = False) -> None:
    """Append transactions over several segments and cut the power between and behind them."""
    draw = random.Random(seed)
    data = tmp_path / "data"
    disk = Disk(data, lies=lies)
    cuts: list[tuple[Path, int, int]] = []
    sent: list[bytes] = []
    payloads: list[bytes] = []

    def cut_off() -> None:
        if draw.random() < 0.12:
            cuts.append((tmp_path / f"cut-{len(cuts)}", len(sent), len(payloads)))
            disk.cut(cuts[-1][0], draw.randrange(1 << 30))

    with recorded(disk, patch):
        journal = JournalWriter(data / "journal", segment_bytes=200_000)
        disk.before_sync = cut_off
        for number in range(120):
            payloads = [draw.randbytes(draw.randrange(1, 4_000)) for _ in range(draw.randrange(1, 4))]
            rows: list[Row] = [(number + 1, "line", "topic", 1, 0, payload) for payload in payloads]
            journal.append(rows, {"number": str(number)})
            sent += payloads  # from here on they may be acknowledged
            payloads = []
            cut_off()
        journal.close()
    for folder, acknowledged, under_way in cuts:
        writer = JournalWriter(folder / "journal", segment_bytes=200_000)
        state = int(writer.state("number") or -1)
        writer.append([(1_000, "line", "topic", 1, 0, b"after the cut")], {"number": str(state + 1)})
        writer.close()
        with closing(JournalReader(folder / "journal")) as reader:
            held: list[bytes] = []
            seq = 0
            while entries := reader.read(seq):
                held += [entry.payload for entry in entries if entry.connector == "line"]
                seq = entries[-1].seq
        assert held in ([*sent[:known], b"after the cut"] for known in (acknowledged, acknowledged + under_way))
    assert len(list((data / "journal").glob("*.db"))) > 2
    assert len(cuts) > 10


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_the_journal_has_acknowledged_is_in_it_after_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    journal_through_cuts(tmp_path, monkeypatch, seed)


def test_a_disk_that_forgets_to_sync_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises((AssertionError, sqlite3.DatabaseError)):  # or the tests above would prove nothing
        history_through_cuts(tmp_path / "history", monkeypatch, 1, lies=True)


def test_a_history_that_does_not_write_through_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HistoryWriter, "sync", lambda _: None)
    with pytest.raises(AssertionError, match="assert"):
        history_through_cuts(tmp_path, monkeypatch, 1)
