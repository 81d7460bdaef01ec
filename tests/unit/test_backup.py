import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread

import pytest

from connectors.errors import AlreadyRunning, WrongInput
from connectors.history import CommitUnit, HistoryWriter
from connectors.journal import COMMAND, SYSTEM, TICK, JournalReader, JournalWriter, Row
from connectors.journal_retention import delete
from connectors.locking import RoleLock
from connectors.segments import segments
from connectors.snapshots import Damaged
from flows.backup import backup
from flows.backup_manifest import BackupError, read_manifest
from flows.restore import restore
from tests.history_rows import point

SECOND = 1_000_000_000


class Plant:
    """A data folder with its writers: a journal whose every entry makes one point, a store of orders, a cursor."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.journal = JournalWriter(data / "journal", segment_seconds=5)
        self.history = HistoryWriter(data / "history.db", self.journal.uuid)
        self.store = sqlite3.connect(data / "okr.db", isolation_level=None, check_same_thread=False)
        self.store.executescript("PRAGMA journal_mode = WAL; CREATE TABLE command(id INTEGER PRIMARY KEY, body TEXT)")
        self.orders = 0
        (data / "recovery").mkdir()
        with closing(sqlite3.connect(data / "recovery" / "part-0.sqlite3")) as db:
            db.executescript("CREATE TABLE offset(seq INTEGER)")

    def step(self, order: bool = False) -> None:
        """One entry (a tick, or an order that is in the store before) and what follows from it."""
        received = (self.journal.last_seq + 1) * SECOND
        entry: Row = (received, SYSTEM, TICK, 0, 0, b"%d" % received)
        if order:
            self.orders += 1
            self.store.execute("INSERT INTO command VALUES (?, '{}')", (self.orders,))
            entry = (received, SYSTEM, COMMAND, 0, 0, b"{}")
        self.journal.append([entry], {"command": str(self.orders)})
        last = self.journal.last_seq
        first, row = self.history.meta.applied_seq + 1, self.history.meta.last_row + 1
        points = [point(row + k, [1.0], cause_seq=first + k) for k in range(last + 1 - first)]
        self.history.commit(CommitUnit(first, last, received, {"point": points}))

    def close(self) -> None:
        self.journal.close()
        self.history.close()
        self.store.close()


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    (tmp_path / "data").mkdir()
    plant = Plant(tmp_path / "data")
    yield plant
    plant.close()


def test_a_backup_of_a_folder_that_is_written_to_all_the_time_fits_together(plant: Plant, tmp_path: Path) -> None:
    stop = Event()

    def go_on() -> None:
        while not stop.is_set():
            plant.step(order=plant.journal.last_seq % 3 == 0)

    thread = Thread(target=go_on)
    thread.start()
    try:
        for number in range(4):
            before = plant.journal.last_seq
            contents = backup(plant.data, tmp_path / f"b{number}").contents
            restored = tmp_path / f"r{number}"
            assert restore(tmp_path / f"b{number}", restored).contents == contents
            assert before <= contents.last_seq <= plant.journal.last_seq
            assert contents.applied_seq <= contents.last_seq
            with (
                closing(sqlite3.connect(restored / "okr.db")) as store,
                closing(JournalReader(restored / "journal")) as journal,
            ):
                (known,) = store.execute("SELECT count(*) FROM command").fetchone()
                entries = []
                while more := journal.read(len(entries)):
                    entries += more
            assert len(entries) == contents.last_seq
            assert sum(entry.topic == COMMAND for entry in entries) <= known
            with closing(sqlite3.connect(restored / "history.db")) as history:
                causes = [seq for (seq,) in history.execute('SELECT "cause_seq" FROM "point" ORDER BY "row"')]
            assert causes == list(range(1, contents.applied_seq + 1))
    finally:
        stop.set()
        thread.join()
    assert contents.last_seq > 12  # over several segments
    assert not list(tmp_path.glob("*.part"))


def test_the_copy_is_for_its_owner_alone_and_says_what_it_holds(plant: Plant, tmp_path: Path) -> None:
    for _ in range(5):
        plant.step()
    done = []
    backup(plant.data, tmp_path / "b", progress=lambda now, total: done.append((now, total)))
    said = read_manifest(tmp_path / "b")
    assert said.contents.journal_uuid == plant.journal.uuid
    assert said.contents.history_uuid == plant.history.meta.history_uuid
    assert (said.contents.first_seq, said.contents.last_seq, said.contents.last_row) == (1, 5, 5)
    names = {"journal/00000000000000000001.db", "history.db", "okr.db", "recovery/part-0.sqlite3"}
    assert said.files.keys() == names
    for name, (size, _) in said.files.items():
        assert (tmp_path / "b" / name).stat().st_size == size
        assert (tmp_path / "b" / name).stat().st_mode & 0o77 == 0
    assert {path.name for path in (tmp_path / "b").iterdir()} == {
        "journal", "history.db", "okr.db", "recovery", "manifest.json"
    }  # fmt: skip
    assert done[-1][0] == done[-1][1]


def test_nothing_is_overwritten(plant: Plant, tmp_path: Path) -> None:
    plant.step()
    backup(plant.data, tmp_path / "b")
    with pytest.raises(WrongInput, match="expected an empty folder or none, and nothing is overwritten"):
        backup(plant.data, tmp_path / "b")
    with pytest.raises(WrongInput, match="nothing is overwritten"):
        restore(tmp_path / "b", plant.data)
    (tmp_path / "empty").mkdir()
    restore(tmp_path / "b", tmp_path / "empty")


def test_a_file_that_is_not_what_the_manifest_says_is_not_restored(plant: Plant, tmp_path: Path) -> None:
    plant.step()
    backup(plant.data, tmp_path / "b")
    path = tmp_path / "b" / "history.db"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(BackupError, match=r"history.db: expected [0-9,]+ bytes with SHA-256"):
        restore(tmp_path / "b", tmp_path / "r")
    assert not (tmp_path / "r").exists()
    assert not list(tmp_path.glob("*.part"))


def test_what_is_no_backup_is_refused(plant: Plant, tmp_path: Path) -> None:
    plant.step()
    with pytest.raises(WrongInput, match=r"expected a backup, got no manifest\.json"):
        restore(plant.data, tmp_path / "r")
    backup(plant.data, tmp_path / "b")
    manifest = tmp_path / "b" / "manifest.json"
    said = json.loads(manifest.read_text())
    for wrong, expected in (
        (said | {"format": 2}, "made by another version"),
        (said | {"files": {"../x": [0, ""]}}, "expected files inside the backup"),
        ([], "expected what a backup says of itself"),
    ):
        manifest.write_text(json.dumps(wrong))
        with pytest.raises(WrongInput, match=expected):
            restore(tmp_path / "b", tmp_path / "r")


def test_a_folder_without_a_journal_or_with_a_broken_file_is_not_backed_up(plant: Plant, tmp_path: Path) -> None:
    with pytest.raises(WrongInput, match="got one without a journal"):
        backup(tmp_path / "nothing", tmp_path / "b")
    (plant.data / "recovery" / "part-0.sqlite3").write_bytes(b"not a database" * 100)
    with pytest.raises(Damaged, match=r"part-0.sqlite3: expected a SQLite database"):
        backup(plant.data, tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_an_order_that_the_store_has_lost_is_said(plant: Plant, tmp_path: Path) -> None:
    plant.step(order=True)
    plant.store.execute("DELETE FROM command")
    with pytest.raises(BackupError, match=r"the journal has 1, okr\.db 0"):
        backup(plant.data, tmp_path / "b")


def meanwhile(plant: Plant, part: Path, covered: int) -> Callable[[int, int], None]:
    """As soon as the history is being copied: the plant goes on, and the journal loses what `covered` covers."""

    def go_on(_: int, __: int) -> None:
        if (part / "history.db").exists() and segments(plant.data / "journal")[0] == 1:
            for _ in range(20):
                plant.step()
            firsts = segments(plant.data / "journal")
            for first, following in pairwise(firsts):
                if following - 1 <= covered:
                    delete(plant.data / "journal", first)

    return go_on


def test_segments_may_be_deleted_while_a_backup_is_made(plant: Plant, tmp_path: Path) -> None:
    for _ in range(20):
        plant.step()
    applied = plant.history.meta.applied_seq
    contents = backup(plant.data, tmp_path / "b", meanwhile(plant, tmp_path / "b.part", applied)).contents
    assert contents.applied_seq == applied
    assert 1 < contents.first_seq <= applied + 1
    assert contents.last_seq == plant.journal.last_seq
    assert restore(tmp_path / "b", tmp_path / "r").contents == contents


def test_a_backup_whose_history_the_journal_has_left_behind_is_refused(plant: Plant, tmp_path: Path) -> None:
    for _ in range(20):
        plant.step()
    with pytest.raises(BackupError, match=r"goes on from entry \d+, .* deleted while .* make it again"):
        backup(plant.data, tmp_path / "b", meanwhile(plant, tmp_path / "b.part", 1 << 60))
    assert not (tmp_path / "b").exists()


def test_two_at_a_time_are_one_too_many_and_what_a_killed_one_left_is_cleared(plant: Plant, tmp_path: Path) -> None:
    plant.step()
    with RoleLock(plant.data / "backup.lock", "backup"), pytest.raises(AlreadyRunning, match="backup: another one"):
        backup(plant.data, tmp_path / "b")
    left_over = tmp_path / "b.part"
    (left_over / "journal").mkdir(parents=True)
    (left_over / "history.db").write_bytes(b"half")
    with RoleLock(left_over / ".lock", "backup"), pytest.raises(AlreadyRunning, match="backup: another one"):
        backup(plant.data, tmp_path / "b")
    backup(plant.data, tmp_path / "b")
    assert not left_over.exists()


def test_a_plant_that_has_no_results_yet_can_be_backed_up(tmp_path: Path) -> None:
    journal = JournalWriter(tmp_path / "data" / "journal")
    journal.append([(1, SYSTEM, TICK, 0, 0, b"1")])
    contents = backup(tmp_path / "data", tmp_path / "b").contents
    journal.close()
    assert (contents.history_uuid, contents.last_seq) == ("", 1)
    assert restore(tmp_path / "b", tmp_path / "r").contents == contents
