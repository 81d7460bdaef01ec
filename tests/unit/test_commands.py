import sqlite3
from pathlib import Path

import orjson
import pytest

from connectors.commands import read_commands


def store(path: Path, *rows: tuple[str, str, str, str]) -> None:
    with sqlite3.connect(path) as db:
        db.execute(
            "CREATE TABLE command(id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT, who TEXT, kind TEXT, body TEXT)"
        )
        db.executemany("INSERT INTO command(at, who, kind, body) VALUES(?, ?, ?, ?)", rows)
    db.close()


def test_no_store_and_a_store_without_the_table_order_nothing(tmp_path: Path) -> None:
    assert read_commands(tmp_path / "okr.db", 0) == []
    sqlite3.connect(tmp_path / "okr.db").close()
    assert read_commands(tmp_path / "okr.db", 0) == []


def test_commands_come_after_the_last_known_and_what_they_say_of_themselves_wins(tmp_path: Path) -> None:
    body = '{"characteristic": "a", "who": "someone else"}'
    store(tmp_path / "okr.db", *[("2026-11-21T16:00:00+08:00", "anna", "accept-limits", body)] * 3)
    found = read_commands(tmp_path / "okr.db", 1)
    assert [command.id for command in found] == [2, 3]
    assert orjson.loads(found[0].payload) == {
        "id": "2",
        "kind": "accept-limits",
        "characteristic": "a",
        "who": "anna",
        "at_ns": 1_795_248_000_000_000_000,
    }


def test_a_file_that_is_no_database_is_an_error_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "okr.db").write_bytes(b"not a database, " * 100)
    with pytest.raises(sqlite3.DatabaseError):
        read_commands(tmp_path / "okr.db", 0)


@pytest.mark.parametrize(("at", "body"), [("noon", "{}"), ("2026-11-21T08:00:00", "{}"), ("2026-11-21T08:00:00Z", "[")])
def test_a_row_that_is_no_command_is_passed_over_with_a_warning(
    tmp_path: Path, at: str, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    store(tmp_path / "okr.db", (at, "a", "k", body), ("2026-11-21T08:00:00Z", "a", "k", "{}"))
    assert [command.id for command in read_commands(tmp_path / "okr.db", 0)] == [2]
    assert "command 1" in caplog.text


def test_a_command_of_a_time_that_no_journal_can_hold_is_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    far = ("9999-12-31T23:59:59Z", "eve", "accept-limits", '{"characteristic": "a"}')
    near = ("2026-11-21T08:00:00Z", "anna", "accept-limits", '{"characteristic": "a"}')
    store(tmp_path / "okr.db", far, near)
    assert [command.id for command in read_commands(tmp_path / "okr.db", 0)] == [2]
    assert "expected a time before 2262" in caplog.text
