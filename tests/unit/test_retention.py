import json
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from threading import Event

import numpy as np
import polars as pl
import pytest

from connectors.archive import Archived, Stretch, archive
from connectors.history import CommitUnit, HistoryWriter
from connectors.history_reader import HistoryReader
from connectors.retention import ArchiveFailed, ArchiveProcess, Retention, archive_to
from flows.cursors import Cursor, Cursors, Refusal
from flows.forwarder import Follower
from flows.targets import State
from tests.history_rows import TIME, Row, characteristic, point, row_of

FIRST_DAY = date(2026, 11, 21).toordinal()
SECOND = 1_000_000_000
WHOLE = 1 << 40


class Inline:
    """An archive that is written as soon as it is begun, and told at the `looks`-th look; `faults` fail first."""

    def __init__(self, folder: Path, looks: int = 1, faults: int = 0) -> None:
        self.folder, self.looks, self.faults = folder, looks, faults
        self.begun: list[Stretch] = []
        self.abandoned = 0

    def __call__(self, history: Path, stretch: Stretch) -> "Inline":
        self.begun.append(stretch)
        self._left = self.looks
        self._outcome = archive(history, self.folder, stretch)
        return self

    def done(self) -> Archived | None:
        if self.faults:
            self.faults -= 1
            raise ArchiveFailed("No space left on device")
        self._left -= 1
        return self._outcome if self._left <= 0 else None

    def abandon(self) -> None:
        self.abandoned += 1


class Plant:
    """Makes units of one row each, an entry a row; a day closes when it is told to."""

    def __init__(self, folder: Path, keep_days: int = 2, stretch_rows: int = 1000) -> None:
        self.path, self.archive_folder = folder / "history.db", folder / "archive"
        self.inline = Inline(self.archive_folder)
        self.keep_days, self.keep_bytes, self.stretch_rows = keep_days, WHOLE, stretch_rows
        self.seq, self.day = 0, FIRST_DAY
        self.open()
        self.add(characteristic=[characteristic(1, 0, "l/s/bore"), characteristic(2, 1, "l/s/depth")])

    def open(self) -> None:
        keep = Retention(self.keep_days, self.keep_bytes, self.inline, self.stretch_rows)
        self.writer = HistoryWriter(self.path, "0123456789", retention=keep)

    def again(self) -> None:
        self.writer.close()
        self.open()

    @property
    def row(self) -> int:
        return self.writer.meta.last_row + 1

    def add(self, closed: bool = False, **rows: list[Row]) -> None:
        """One unit; the rows are caused by its last entry, at which, if `closed`, the day has closed."""
        first = self.seq + 1
        self.seq = max([first, *(int(str(row[1])) for some in rows.values() for row in some)])
        closings = [(self.day, self.seq)] if closed else []
        self.writer.commit(CommitUnit(first, self.seq, self.seq * SECOND, rows, closings))
        self.day += closed

    def measure(self, value: float, who: int = 0, **other: object) -> int:
        """A point of one reading; gives its row."""
        row = self.row
        entry = {"cause_seq": self.seq + 1, "seq": self.seq + 1, "time": TIME + self.seq * SECOND}
        self.add(point=[point(row, [value], characteristic=who, **(entry | other))])
        return row

    def idle(self, units: int) -> None:
        for _ in range(units):
            self.add()


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    plant = Plant(tmp_path)
    yield plant
    plant.writer.close()


def rows_of(path: Path, query: str, *values: object) -> list[Row]:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
        return db.execute(query, values).fetchall()


def archived(folder: Path, kind: str = "reading") -> pl.DataFrame:
    files = sorted((folder / kind).glob("*.parquet"))
    return pl.concat([pl.read_parquet(file) for file in files]) if files else pl.DataFrame()


def readings_in_history(path: Path) -> list[tuple[int, int]]:
    """(seq, idx) of every reading that the history holds and that the archive is yet to have."""
    gone = rows_of(path, 'SELECT "archived_row" FROM "retention"')[0][0]
    waits = f'("row" > {gone} OR "row" IN (SELECT "row" FROM "kept" WHERE NOT "archived"))'
    found = []
    for (refs,) in rows_of(path, f'SELECT "refs" FROM "point" WHERE "refs" NOT NULL AND "current" <> 0 AND {waits}'):
        found += [(int(seq), int(idx)) for seq, idx, _ in np.frombuffer(refs, np.int64).reshape(-1, 3)]  # type: ignore[call-overload] # bytes
    loose = rows_of(path, f'SELECT "seq", "idx" FROM "reading" WHERE {waits}')
    return found + [(int(str(seq)), int(str(idx))) for seq, idx in loose]


def test_rows_that_came_longer_ago_than_keep_days_are_archived_then_deleted(plant: Plant) -> None:
    old = plant.measure(10.1)
    plant.add(signal=[row_of("signal", plant.row, plant.seq + 1, characteristic=0, seq=2, time=TIME, rule="r")])
    plant.add(event=[row_of("event", plant.row, plant.seq + 1, kind="state", place="l/s", time=TIME, body="{}")])
    plant.add(day=[row_of("day", plant.row, plant.seq + 1, characteristic=0, day=FIRST_DAY, revision=1)])
    plant.add(closed=True)  # day 1
    kept = plant.measure(10.2)
    plant.add(closed=True)  # day 2
    plant.idle(3)
    assert plant.inline.begun == []
    plant.measure(10.3)
    plant.add(closed=True)  # day 3: what came up to the close of day 1 goes
    plant.idle(3)

    assert [stretch.day for stretch in plant.inline.begun] == [FIRST_DAY]
    assert [row[0] for row in rows_of(plant.path, 'SELECT "row" FROM "point" ORDER BY "row"')] == [kept, kept + 1]
    assert rows_of(plant.path, 'SELECT * FROM "signal"') == []
    assert len(rows_of(plant.path, 'SELECT * FROM "day"')) == 1
    assert len(rows_of(plant.path, 'SELECT * FROM "characteristic"')) == 2
    frame = archived(plant.archive_folder)
    assert frame["value"].to_list() == [10.1]
    assert frame["characteristic"].to_list() == ["l/s/bore"]
    assert archived(plant.archive_folder, "point")["row"].to_list() == [old]
    assert archived(plant.archive_folder, "signal")["rule"].to_list() == ["r"]
    assert rows_of(plant.path, 'SELECT * FROM "event"') == []
    assert archived(plant.archive_folder, "event").select("kind", "place", "body").rows() == [("state", "l/s", "{}")]
    names = {file.name for file in plant.archive_folder.rglob("*.parquet")}
    assert names == {f"2026-11-21-01234567-{kept - 1:012d}.parquet"}


def test_the_latest_point_and_capability_stay_until_others_take_their_place(plant: Plant) -> None:
    figure = row_of("capability", plant.row, plant.seq + 1, characteristic=1, time=TIME, n=1)
    plant.add(capability=[figure])
    silent = plant.measure(5.0, who=1)
    for _ in range(4):
        plant.add(closed=True)
    plant.idle(3)
    assert archived(plant.archive_folder).is_empty()
    assert rows_of(plant.path, 'SELECT "row" FROM "point"') == [(silent,)]
    assert len(rows_of(plant.path, 'SELECT * FROM "capability"')) == 1

    plant.measure(5.1, who=1)
    plant.idle(2)
    for _ in range(3):
        plant.add(closed=True)
    plant.idle(4)
    assert archived(plant.archive_folder)["value"].to_list() == [5.0]
    assert rows_of(plant.path, 'SELECT "row" FROM "point"') == [(plant.row - 1,)]
    assert rows_of(plant.path, 'SELECT "kind" FROM "kept" ORDER BY 1') == [("capability",), ("point",)]


def test_a_transaction_deletes_at_most_twice_what_it_adds(plant: Plant) -> None:
    count = 3000
    first = plant.row
    plant.add(point=[point(first + k, [1.0], cause_seq=plant.seq + 1, idx=k) for k in range(count)])
    for _ in range(3):
        plant.add(closed=True)
    seen = []
    for added in (500, 10, 0, 700, 0):
        before = len(rows_of(plant.path, 'SELECT 1 FROM "point" WHERE "row" < ?', first + count))
        rows = [point(plant.row + k, [2.0], cause_seq=plant.seq + 1, idx=k) for k in range(added)]
        plant.add(point=rows)
        after = len(rows_of(plant.path, 'SELECT 1 FROM "point" WHERE "row" < ?', first + count))
        seen.append(before - after)
    assert all(gone <= max(2 * added, 200) for gone, added in zip(seen, (500, 10, 0, 700, 0), strict=True))
    assert sum(seen) > 1000


def test_more_than_keep_gb_goes_though_it_is_young_but_never_the_day_at_hand(tmp_path: Path) -> None:
    plant = Plant(tmp_path, keep_days=1000)
    plant.keep_bytes = 1
    plant.again()
    plant.measure(10.1)
    plant.measure(10.2)
    plant.idle(3)
    assert plant.inline.begun == []
    plant.add(closed=True)
    plant.measure(10.3)
    plant.measure(10.4)
    plant.idle(3)
    plant.writer.close()
    assert [stretch.day for stretch in plant.inline.begun] == [FIRST_DAY]
    assert rows_of(plant.path, 'SELECT "value" FROM "point"') == [(10.2,), (10.3,), (10.4,)]  # one was current
    assert archived(plant.archive_folder)["value"].to_list() == [10.1]


def test_what_cannot_be_archived_is_not_deleted_and_tried_again_a_minute_later(
    plant: Plant, caplog: pytest.LogCaptureFixture
) -> None:
    plant.inline.faults = 1
    plant.measure(10.1)
    plant.measure(10.2)
    for _ in range(3):
        plant.add(closed=True)
    plant.idle(30)
    assert "No space left on device" in caplog.text
    assert len(rows_of(plant.path, 'SELECT * FROM "point"')) == 2
    assert len(plant.inline.begun) == 1
    plant.idle(60)
    assert len(rows_of(plant.path, 'SELECT * FROM "point"')) == 1
    assert archived(plant.archive_folder)["value"].to_list() == [10.1]


def test_a_point_restated_when_it_was_due_to_go_leaves_its_readings_to_the_archive(plant: Plant) -> None:
    plant.inline.looks = 1000  # the archive takes its time
    row = plant.measure(10.1)
    plant.measure(10.2)
    again = {"values": None, "refs": None, "contexts": None, "phase": 1}
    seq, time = rows_of(plant.path, 'SELECT "seq", "time" FROM "point" WHERE "row" = ?', row)[0]
    for _ in range(3):
        plant.add(closed=True)
    plant.add(point=[point(plant.row, [0.0], cause_seq=plant.seq + 1, **(again | {"seq": seq, "time": time}))])
    found = rows_of(plant.path, 'SELECT "current", "values" IS NULL FROM "point" ORDER BY "row"')
    assert found == [(2, 0), (1, 0), (1, 1)]


@pytest.mark.parametrize("seed", range(5))
def test_each_reading_is_once_in_history_or_archive_however_often_it_is_cut_off(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    plant = Plant(tmp_path, keep_days=draw.choice((1, 3)), stretch_rows=draw.choice((7, 40, 1000)))
    plant.inline.looks = draw.choice((1, 2, 5))
    sent: list[tuple[int, int]] = []
    points: list[tuple[int, int, int, int]] = []  # of the points: characteristic, seq, idx, time
    for _ in range(250):
        choice = draw.random()
        cause, row, time = plant.seq + 1, plant.row, TIME + plant.seq * SECOND
        if choice < 0.5:
            who, n = draw.randrange(2), draw.choice((1, 1, 3))
            plant.add(point=[point(row, [1.0] * n, cause_seq=cause, seq=cause, characteristic=who, time=time)])
            sent += [(cause, idx) for idx in range(n)]
            points.append((who, cause, n - 1, time))
        elif choice < 0.6:
            values = {"characteristic": 0, "seq": cause, "idx": 0, "time": time, "value": 1.0, "state": "late"}
            plant.add(reading=[row_of("reading", row, cause, **values)])
            sent.append((cause, 0))
        elif choice < 0.7 and points:
            who, seq, idx, at = draw.choice(points)  # however old
            key = {"characteristic": who, "seq": seq, "idx": idx, "time": at}
            absent = {"values": None, "refs": None, "contexts": None}
            plant.add(point=[point(row, [0.0], cause_seq=cause, **(key | absent))])
        elif choice < 0.85:
            plant.add(closed=True)
        elif choice < 0.9:
            plant.again()
        elif choice < 0.92:
            plant.inline.faults = 1
        else:
            plant.idle(draw.randrange(4))
    plant.inline.looks = 1
    plant.again()
    plant.idle(100)  # what was due has been archived: a stretch that was cut off has been written again
    plant.writer.close()
    frame = archived(plant.archive_folder)
    there = list(zip(frame["seq"].to_list(), frame["idx"].to_list(), strict=True))
    assert len(there) > 30
    assert Counter(there + readings_in_history(plant.path)) == Counter(sent)


def test_a_process_of_its_own_writes_the_archive(plant: Plant) -> None:
    context = json.dumps([{"lot": "L1", "part": 7}])
    row = plant.measure(10.1, contexts=context)
    plant.measure(10.2)
    job = archive_to(plant.archive_folder)(plant.path, Stretch("0123456789", FIRST_DAY, 0, row))
    assert isinstance(job, ArchiveProcess)
    job.wait()
    assert job.done() == Archived(1, [], [])
    (found,) = archived(plant.archive_folder).select("value", "lot", "part", "state").rows()
    assert found == (10.1, "L1", "7", "charted")

    missing = archive_to(plant.archive_folder)(plant.path.with_name("none.db"), Stretch("0123456789", 1, 0, row))
    missing.wait()
    with pytest.raises(ArchiveFailed, match="unable to open"):
        missing.done()


def test_readings_of_one_array_get_a_name_for_their_subgroup(plant: Plant) -> None:
    row, cause = plant.row, plant.seq + 1
    plant.add(point=[point(row, [1.0, 2.0, 3.0], cause_seq=cause, seq=cause)])
    plant.measure(4.0)
    archive(plant.path, plant.archive_folder, Stretch("0123456789", FIRST_DAY, 0, row))
    assert archived(plant.archive_folder)["subgroup"].to_list() == [f"{cause}/0"] * 3


class Sink:
    """A target that takes everything."""

    name, page = "sink", 100
    kinds: tuple[str, ...] = ("point", "day")

    def __init__(self) -> None:
        self.taken: list[int] = []

    def start(self, reader: HistoryReader, cursor: Cursor) -> None:
        pass

    def prepare(self, rows: list[tuple[str, Row]]) -> Callable[[], list[Refusal]]:
        def push() -> list[Refusal]:
            self.taken += [int(str(row[0])) for _, row in rows]
            return []

        return push

    def late(self) -> int:
        return 0

    def beat(self, reader: HistoryReader, state: State) -> None:
        if state.cursor.row == state.meta.last_row:
            self.stop.set()

    def close(self) -> None:
        pass


def test_a_target_that_was_away_for_too_long_says_what_it_has_not_had(plant: Plant, tmp_path: Path) -> None:
    plant.measure(10.1)
    row = plant.row
    plant.add(day=[row_of("day", row, plant.seq + 1, characteristic=0, day=FIRST_DAY, revision=1)])
    plant.measure(10.2)
    for _ in range(3):
        plant.add(closed=True)
    plant.idle(3)
    newest = plant.measure(10.3)
    cursors, sink = Cursors(tmp_path / "forwarder.db"), Sink()
    sink.stop = Event()
    follower = Follower(sink, cursors, plant.path, sink.stop, Event(), 0.1)
    follower.start()
    follower.join(30)
    cursors.close()
    assert follower.fault is None
    assert sink.taken == [row, newest - 1, newest]  # the day is kept for ever, and the then current point
    said = rows_of(tmp_path / "forwarder.db", "SELECT reason, row, detail FROM quarantine")
    expected = f"rows 1 to {newest - 1} have gone into the archive before they were pushed"
    assert said == [("archived", newest - 1, expected)]
