import logging
import shutil
from pathlib import Path

import pytest

from connectors.errors import JournalHole
from connectors.history import CommitUnit, HistoryWriter
from connectors.journal import CHECKPOINT, PLAN, SYSTEM, TICK, JournalReader, JournalWriter
from connectors.journal_retention import DAY_NS, Closed, JournalRetention, outdated
from connectors.segments import segment_name, segments
from tests.history_rows import row_of

SEGMENTS = 6
HOUR_NS = DAY_NS // 24


def write_journal(folder: Path) -> JournalWriter:
    """Segments of 28 hours: ticks every four hours with a reading behind each, seven a segment.

    The last tick is at 7 d 20 h; the closed segments end at 2 d 0 h, 3 d 4 h, 4 d 8 h, 5 d 12 h and 6 d 16 h, so that
    three of them are older than three days.
    """
    writer = JournalWriter(folder)
    writer.append([(1, SYSTEM, PLAN, 0, 0, b"{}")])
    for number in range(SEGMENTS * 7):  # a segment ends with the tick that completes its day
        at_ns = DAY_NS + number * 4 * HOUR_NS
        writer.append([(at_ns, SYSTEM, TICK, 0, 0, b"%d" % at_ns), (at_ns, "line", "t", 1, 0, b"x")])
    return writer


def cover(data: Path, uuid: str, seq: int) -> None:
    """A history whose newest checkpoint is at entry `seq`."""
    writer = HistoryWriter(data / "history.db", uuid)
    state = row_of("checkpoint", seq, seq, step="s", key="k", schema_version=1, state=b"")
    writer.commit(CommitUnit(writer.meta.applied_seq + 1, seq, 0, {"checkpoint": [state]}))
    writer.close()


def retention(data: Path, uuid: str, days: int = 3, gb: float = 50.0) -> JournalRetention:
    return JournalRetention(data / "journal", uuid, data / "history.db", keep_days=days, keep_gb=gb)


@pytest.fixture
def journal(tmp_path: Path) -> JournalWriter:
    writer = write_journal(tmp_path / "journal")
    assert len(segments(tmp_path / "journal")) == SEGMENTS
    return writer


def ends(folder: Path) -> list[int]:
    return [first - 1 for first in segments(folder)[1:]]


# (covered, keep_days, keep_bytes): how many of five closed segments of 10 bytes, which ended 5 to 1 days ago, may go
CASES = [
    ((500, 2.5, 1000), 3),  # three are older than two and a half days
    ((500, 3.0, 1000), 2),  # exactly three days old is not older
    ((250, 2.5, 1000), 2),  # only what is covered
    ((199, 2.5, 1000), 1),  # whole segments
    ((99, 0.0, 0), 0),
    ((500, 9.0, 45), 1),  # with the open one they take 55 bytes: one may go
    ((500, 9.0, 55), 0),
    ((500, 9.0, 0), 5),  # never the open one
    ((500, 0.0, 1000), 5),
]


@pytest.mark.parametrize(("given", "count"), CASES)
def test_what_may_go(given: tuple[int, float, int], count: int) -> None:
    covered, keep_days, keep_bytes = given
    closed = [Closed(100 * k + 1, 100 * k + 100, (10 + k) * DAY_NS, 10) for k in range(5)]
    going = outdated(
        closed,
        covered=covered,
        open_bytes=5,
        now_ns=15 * DAY_NS,
        keep_ns=int(keep_days * DAY_NS),
        keep_bytes=keep_bytes,
    )
    assert going == closed[:count]


def test_covered_segments_go_when_their_days_are_over_and_the_rest_is_read_as_before(
    tmp_path: Path, journal: JournalWriter
) -> None:
    folder = tmp_path / "journal"
    keeper = retention(tmp_path, journal.uuid)
    assert keeper.step() == []  # nothing is covered: there is no history
    first, second = ends(folder)[:2]
    cover(tmp_path, journal.uuid, first)
    reader = JournalReader(folder)
    assert reader.entry(1).seq == 1
    assert [one.last_seq for one in keeper.step()] == [first]
    cover(tmp_path, journal.uuid, ends(folder)[-1])
    assert keeper.step()[0].last_seq == second
    assert len(segments(folder)) == 3  # two that are younger, and the one that is open
    assert keeper.step() == []
    left = segments(folder)[0]
    assert reader.read(left - 1, 1)[0].topic == PLAN
    with pytest.raises(JournalHole, match=f"begins with {left}; entry 5 is not there any more"):
        reader.entry(5)
    assert JournalReader(folder).first_seq == left
    journal.append([(1, "line", "t", 1, 0, b"later")])
    assert reader.entry(journal.last_seq).payload == b"later"
    journal.close()
    assert (JournalWriter(folder).uuid, reader.uuid) == (journal.uuid, journal.uuid)


def test_by_size_all_but_the_open_segment_may_go(tmp_path: Path, journal: JournalWriter) -> None:
    folder = tmp_path / "journal"
    cover(tmp_path, journal.uuid, ends(folder)[-1])
    assert len(retention(tmp_path, journal.uuid, days=1000, gb=0.0).step()) == SEGMENTS - 1
    assert len(segments(folder)) == 1
    journal.close()


def test_the_history_of_another_journal_covers_nothing(tmp_path: Path, journal: JournalWriter) -> None:
    cover(tmp_path, "another", ends(tmp_path / "journal")[-1])
    assert retention(tmp_path, journal.uuid, days=0, gb=0.0).step() == []
    journal.close()


class Killed(BaseException):
    """What a kill does to the gateway."""


def test_a_gateway_killed_between_any_two_steps_of_deletion_leaves_a_whole_journal(
    tmp_path: Path, journal: JournalWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.close()
    cover(tmp_path, journal.uuid, ends(tmp_path / "journal")[-1])
    for first in segments(tmp_path / "journal"):  # as where a reader was there when the segment was closed
        for suffix in ("-wal", "-shm"):
            (tmp_path / "journal" / (segment_name(first) + suffix)).touch()
    unlink, steps = Path.unlink, 0

    def failing(path: Path, missing_ok: bool = False) -> None:
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1
        unlink(path, missing_ok)

    while True:
        data = tmp_path / f"after-{steps}"
        data.mkdir()
        shutil.copytree(tmp_path / "journal", data / "journal")
        shutil.copy(tmp_path / "history.db", data)
        left = steps
        monkeypatch.setattr(Path, "unlink", failing)
        try:
            done = len(retention(data, journal.uuid).step())
        except Killed:
            done = -1
        monkeypatch.setattr(Path, "unlink", unlink)
        folder = data / "journal"
        reader = JournalReader(folder)  # whole, from its first segment on
        entries = reader.read(reader.first_seq - 1)
        assert (entries[0].topic, entries[-1].topic) == (PLAN, CHECKPOINT)
        JournalWriter(folder).close()
        again = retention(data, journal.uuid)
        again.step()
        assert segments(folder) == segments(tmp_path / "journal")[3:]
        beside = {path.name[:23] for path in folder.glob("*.db-*")}
        assert beside <= {segment_name(first) for first in segments(folder)}
        if done >= 0:
            break
        steps += 1
    assert (steps, done) == (9, 3)  # three files each of three segments


def test_what_hinders_is_said_once_and_tried_again(
    tmp_path: Path, journal: JournalWriter, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "history.db").write_text("no database at all, but long enough to be taken for one" * 20)
    keeper = retention(tmp_path, journal.uuid)
    with caplog.at_level(logging.WARNING):
        assert keeper.step() == keeper.step() == []
    assert caplog.text.count("nothing is deleted from journal") == 1
    (tmp_path / "history.db").unlink()
    cover(tmp_path, journal.uuid, ends(tmp_path / "journal")[-1])
    assert len(keeper.step()) == 3
    journal.close()
