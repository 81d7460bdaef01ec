import sqlite3
import stat
from pathlib import Path

import pytest

from connectors.errors import (
    AlreadyRunning,
    JournalAbsent,
    JournalForeign,
    JournalHole,
    JournalShortened,
    JournalUnwritable,
)
from connectors.journal import CHECKPOINT, PLAN, SYSTEM, TICK, Entry, JournalReader, JournalWriter, Row
from connectors.segments import segment_name, segments

SECOND = 1_000_000_000
DAY = 86_400


def reading(number: int, received_ns: int = 1) -> Row:
    return received_ns, "line1", f"factory/{number}", number % 65_535, 0, b"%d" % number


def tick(at_ns: int) -> Row:
    return at_ns, SYSTEM, TICK, 0, 0, b"%d" % at_ns


def everything(reader: JournalReader, limit: int = 7) -> list[Entry]:
    found: list[Entry] = []
    while batch := reader.read(found[-1].seq if found else reader.first_seq - 1, limit):
        found += batch
    return found


def rolled(folder: Path, count: int = 30) -> None:
    """A journal with a plan, `count` readings with ticks four hours apart, and so a segment a day."""
    writer = JournalWriter(folder)
    writer.append([(1, SYSTEM, PLAN, 0, 0, b'{"plan":1}')])
    for number in range(count):
        writer.append([tick((1 + number * 4 * 3600) * SECOND), reading(number)])
    writer.close()


def test_what_is_appended_is_read_back_in_order_with_contiguous_numbers(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "journal")
    rows = [reading(number) for number in range(20)]
    assert writer.append(rows[:15]) == 1
    assert writer.append(rows[15:]) == 16
    reader = JournalReader(tmp_path / "journal")
    assert everything(reader) == [Entry(seq, *row) for seq, row in enumerate(rows, 1)]
    assert (reader.uuid, reader.first_seq, reader.last_seq(), writer.last_seq) == (writer.uuid, 1, 20, 20)
    assert reader.read(20) == []
    writer.append([reading(20)])
    assert [entry.seq for entry in reader.read(20)] == [21]
    assert reader.entry(3) == Entry(3, *rows[2])


def test_commits_are_written_through_to_the_disk_and_the_folder_is_private(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "journal")
    assert writer._db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert writer._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert stat.S_IMODE((tmp_path / "journal").stat().st_mode) == 0o700
    writer.close()


def test_a_second_writer_is_refused_until_the_first_has_closed(tmp_path: Path) -> None:
    first = JournalWriter(tmp_path)
    with pytest.raises(AlreadyRunning, match="journal: another one is running"):
        JournalWriter(tmp_path)
    first.close()
    JournalWriter(tmp_path).close()


def test_the_uuid_the_numbers_and_the_state_survive_a_restart(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    writer.append([reading(1)], state={"tick": "5"})
    writer.append([], state={"command": "7"})
    found = writer.uuid
    writer.close()
    writer = JournalWriter(tmp_path)
    assert (writer.uuid, writer.last_seq, writer.state("tick"), writer.state("command")) == (found, 1, "5", "7")
    assert writer.state("other") is None
    writer.close()


def test_a_segment_a_day_ends_with_a_checkpoint_and_the_next_begins_with_the_plan(tmp_path: Path) -> None:
    rolled(tmp_path)
    assert len(segments(tmp_path)) == 5
    entries = everything(JournalReader(tmp_path))
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    assert [entry.payload for entry in entries if entry.connector == "line1"] == [b"%d" % n for n in range(30)]
    ends = [entry.seq for entry in entries if (entry.connector, entry.topic) == (SYSTEM, CHECKPOINT)]
    assert [end + 1 for end in ends] == segments(tmp_path)[1:]
    for end in ends:
        assert entries[end][2:4] == (SYSTEM, PLAN)
        assert entries[end].payload == b'{"plan":1}'


def test_a_segment_ends_when_its_bytes_are_full_and_the_state_is_carried_over(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, segment_bytes=100_000)
    for number in range(30):
        writer.append([(1, "line1", "t", 1, 0, bytes(10_000))], state={"number": str(number)})
    writer.close()
    assert len(segments(tmp_path)) > 2
    assert JournalWriter(tmp_path).state("number") == "29"


def test_a_segment_ages_by_ticks_whatever_the_times_of_receipt(tmp_path: Path) -> None:
    start = 1_700_000_000 * SECOND
    writer = JournalWriter(tmp_path)
    writer.append([reading(1, 0), tick(start), reading(2, start + 900 * DAY * SECOND)])
    writer.append([tick(start + (DAY - 1) * SECOND), reading(3, 7)])
    assert segments(tmp_path) == [1]
    writer.close()
    writer = JournalWriter(tmp_path)  # the age is known after a restart
    writer.append([tick(start + DAY * SECOND)])
    assert segments(tmp_path) == [1]
    writer.append([reading(4, 0)])
    assert segments(tmp_path) == [1, 8]
    ended = JournalReader(tmp_path).entry(7)
    assert (ended.topic, ended.received_ns) == (CHECKPOINT, start + DAY * SECOND)  # the last tick's time
    writer.close()


def test_a_plan_larger_than_a_segment_fills_none(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, segment_bytes=200_000)
    writer.append([(1, SYSTEM, PLAN, 0, 0, b"%200000d" % 1)])
    for number in range(30):
        writer.append([reading(number)])
    assert segments(tmp_path) == [1, 3]
    writer.close()


def test_a_writer_killed_between_a_checkpoint_and_the_next_segment_goes_on(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    writer.append([reading(1), (1, SYSTEM, CHECKPOINT, 0, 0, b"{}")])
    writer.close()
    (tmp_path / "00000000000000000003.new").write_bytes(b"half a file")
    writer = JournalWriter(tmp_path)
    assert writer.append([reading(2)]) == 3
    assert segments(tmp_path) == [1, 3]
    assert [entry.seq for entry in everything(JournalReader(tmp_path))] == [1, 2, 3]
    writer.close()


def test_an_open_reader_follows_into_a_new_segment(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, segment_seconds=1)
    writer.append([tick(SECOND), tick(2 * SECOND)])
    reader = JournalReader(tmp_path)
    assert [entry.seq for entry in reader.read(0)] == [1, 2]
    assert reader.read(2) == []
    writer.append([reading(2)])
    assert [entry.topic for entry in everything(reader)] == [TICK, TICK, CHECKPOINT, "factory/2"]
    writer.close()


def test_a_missing_segment_is_a_hole_for_readers_and_for_the_writer(tmp_path: Path) -> None:
    rolled(tmp_path)
    reader = JournalReader(tmp_path)
    first, last = segments(tmp_path)[1:3]
    for file in tmp_path.glob(segment_name(first) + "*"):
        file.unlink()
    with pytest.raises(JournalHole, match=f"entries {first} to {last - 1} are missing"):
        JournalReader(tmp_path)
    with pytest.raises(JournalHole):
        JournalWriter(tmp_path)
    with pytest.raises(JournalHole):
        everything(reader)


def test_missing_entries_inside_a_segment_are_a_hole(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    writer.append([reading(number) for number in range(10)])
    writer.close()
    with sqlite3.connect(tmp_path / segment_name(1)) as db:
        db.execute("DELETE FROM entry WHERE seq = 5")
    db.close()
    with pytest.raises(JournalHole, match="missing after 0"):
        JournalReader(tmp_path).read(0)
    with pytest.raises(JournalHole):
        JournalReader(tmp_path).read(4, limit=1)


def test_reading_before_the_oldest_segment_that_is_kept_is_a_hole(tmp_path: Path) -> None:
    rolled(tmp_path)
    for file in tmp_path.glob(segment_name(1) + "*"):
        file.unlink()
    reader = JournalReader(tmp_path)
    assert reader.first_seq == segments(tmp_path)[0] > 1
    with pytest.raises(JournalHole, match="entry 1 is not there any more"):
        reader.read(0)


def test_a_shortened_journal_is_refused(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    writer.append([reading(1)])
    reader = JournalReader(tmp_path)
    with pytest.raises(JournalShortened, match="ends with 1; asked to read after 5"):
        reader.read(5)
    with pytest.raises(JournalShortened):
        reader.entry(2)
    writer.close()


def test_a_foreign_journal_is_refused(tmp_path: Path) -> None:
    rolled(tmp_path / "one")
    rolled(tmp_path / "other")
    with pytest.raises(JournalForeign, match="expected 4711"):
        JournalReader(tmp_path / "one", uuid="4711")
    last = segment_name(segments(tmp_path / "one")[-1])
    (tmp_path / "other" / last).replace(tmp_path / "one" / last)
    with pytest.raises(JournalForeign, match="belongs to journal"):
        JournalReader(tmp_path / "one")


def test_no_journal_and_another_format_are_said_clearly(tmp_path: Path) -> None:
    with pytest.raises(JournalAbsent, match="the gateway has not run there"):
        JournalReader(tmp_path / "nowhere")
    JournalWriter(tmp_path / "old").close()
    with sqlite3.connect(tmp_path / "old" / segment_name(1)) as db:
        db.execute("UPDATE meta SET schema_version = 99")
    db.close()
    with pytest.raises(JournalForeign, match="has format 99"):
        JournalReader(tmp_path / "old")


def test_a_transaction_that_fails_leaves_nothing_behind_and_can_be_repeated(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    writer.append([reading(1)], state={"tick": "1"})
    writer._db.execute(f"PRAGMA max_page_count={writer._db.execute('PRAGMA page_count').fetchone()[0]}")
    with pytest.raises(JournalUnwritable, match="full"):
        writer.append([(1, "line1", "t", 1, 0, bytes(100_000))], state={"tick": "2"})
    assert (writer.last_seq, writer.state("tick")) == (1, "1")
    writer._db.execute("PRAGMA max_page_count=1000000")
    assert writer.append([(1, "line1", "t", 1, 0, bytes(100_000))], state={"tick": "2"}) == 2
    assert [entry.seq for entry in everything(JournalReader(tmp_path))] == [1, 2]
    writer.close()


def test_a_look_tells_whether_something_may_follow(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, segment_bytes=200)
    writer.append([(1, "line1", "t", 0, 0, b"one")])
    reader = JournalReader(tmp_path)
    assert reader.may_follow(0)  # nothing has been read yet
    seen = 0
    for size in (3, 3, 300, 3, 3):  # a segment ends, and the next begins
        while entries := reader.read(seen):
            seen = entries[-1].seq
        reader.may_follow(seen)
        assert reader.read(seen) == []
        assert [reader.may_follow(seen) for _ in range(3)] == [False] * 3
        writer.append([(1, "line1", "t", 0, 0, b"x" * size)])
        assert reader.may_follow(seen)
    assert len(list(tmp_path.glob("*.db"))) > 1
    reader.close()
    writer.close()
