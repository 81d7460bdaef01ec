"""The folder connector without a gateway: what it has under way, and when it holds back."""

import time
from collections.abc import Callable
from os import fsdecode
from pathlib import Path

import orjson
import pytest

from connectors.folder import MOST_UNDER_WAY, FolderConnector, FolderSettings
from connectors.intake import Intake, Message
from connectors.table_rows import PLAIN

ROWS = 200 * (MOST_UNDER_WAY + 10)  # ten entries more than may be under way


class Asked(Intake):
    """Counts how often it was asked whether more is wanted."""

    asked = 0

    @property
    def accepting(self) -> bool:
        self.asked += 1
        return super().accepting


def wait_until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold"
        time.sleep(0.01)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = (f"{1_795_248_000_000 + number},a,{number}\n" for number in range(ROWS))
    (tmp_path / "big.csv").write_text("time,characteristic,value\n" + "".join(lines))
    return tmp_path


def opened(folder: Path, intake: Intake, known: dict[str, str] | None = None) -> FolderConnector:
    settings = FolderSettings("cmm", folder, "*.csv", 0.1, "UTC", PLAIN)
    return FolderConnector(settings, intake, known or {}).open()


def taken(intake: Intake) -> list[Message]:
    return [item for item in intake.take(0.05) if isinstance(item, Message)]


def numbers(messages: list[Message]) -> list[int]:
    return [int(next(iter(one["values"].values()))) for message in messages for one in orjson.loads(message.row[5])]


def test_so_much_is_under_way_and_no_more_until_it_is_on_disk(folder: Path) -> None:
    intake = Intake()
    connector = opened(folder, intake)
    found: list[Message] = []
    try:
        wait_until(lambda: bool(found.extend(taken(intake)) or len(found) == MOST_UNDER_WAY))
        assert not taken(intake)  # nothing of it is on disk
        connector.acknowledge([message.token for message in found if message.token is not None])
        wait_until(lambda: bool(found.extend(taken(intake)) or len(found) == MOST_UNDER_WAY + 10))
        assert (folder / "big.csv").exists()  # the last ten are not on disk
        connector.acknowledge([message.token for message in found[MOST_UNDER_WAY:] if message.token is not None])
        wait_until((folder / "done" / "big.csv").exists)
    finally:
        connector.close()
    assert numbers(found) == list(range(ROWS))
    assert connector.failure is None


def test_a_shut_intake_gets_nothing_and_then_everything(folder: Path) -> None:
    intake = Asked()
    intake.shut("disk")
    connector = opened(folder, intake)
    try:
        wait_until(lambda: intake.asked > 3)  # it would go on
        assert not taken(intake)
        intake.reopen("disk")
        found: list[Message] = []
        wait_until(lambda: bool(found.extend(taken(intake)) or len(found) == MOST_UNDER_WAY))
    finally:
        connector.close()
    assert numbers(found) == list(range(200 * MOST_UNDER_WAY))


def test_it_goes_on_behind_the_entry_that_the_journal_has(folder: Path) -> None:
    intake = Intake()
    connector = opened(folder, intake)
    first: list[Message] = []
    try:
        wait_until(lambda: bool(first.extend(taken(intake)) or len(first) >= 3))
    finally:
        connector.close()
    state = first[2].state
    assert state is not None

    later = opened(folder, intake := Intake(), dict(state))
    rest: list[Message] = []
    try:
        wait_until(lambda: bool(rest.extend(taken(intake)) or len(rest) >= 3))
    finally:
        later.close()
    assert numbers(rest)[0] == 3 * 200  # behind the third entry of 200


@pytest.mark.parametrize("content", [b"time,characteristic,value\n1795248000000,a,1\nx,a,2\n", b"rubbish\n"])
def test_a_name_that_is_no_utf_8_is_told_with_question_marks_and_ends_nothing(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / fsdecode(b"Gr\xf6\xdfe.csv")
    file.write_bytes(content)
    connector = opened(tmp_path, intake := Intake())
    found: list[Message] = []

    def gone() -> bool:
        new = taken(intake)
        found.extend(new)
        connector.acknowledge([message.token for message in new if message.token is not None])
        return not file.exists()

    try:
        wait_until(gone)
    finally:
        connector.close()
    assert connector.failure is None
    assert {message.row[2] for message in found} == {"file/Gr??e.csv"}
    (reason,) = (tmp_path / "refused").glob("*.txt")
    assert "Gr??e.csv" in reason.read_text()
