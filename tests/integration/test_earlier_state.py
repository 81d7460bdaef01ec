"""State and history of earlier versions, resumed by this one: the rows go on as if nothing had been."""

import json
import logging
import shutil
import tarfile
from pathlib import Path

import pytest

from tests.fixtures.make import ARCHIVE, LARGEST
from tests.plants import follow_to_the_end, query, stored


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """The data folder that version 1 of the layouts left behind, in the middle of its journal."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path / "left", filter="data")
    return tmp_path / "left"


def half_of(folder: Path) -> int:
    return int(json.loads((folder / "about.json").read_text())["half"])


def test_what_was_left_is_gone_on_with(left: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    undisturbed = tmp_path / "undisturbed"
    undisturbed.mkdir()
    shutil.copytree(left / "journal", undisturbed / "journal")
    follow_to_the_end(undisturbed)
    before = stored(left)
    uuid = query(left, 'SELECT "history_uuid" FROM "meta"')
    assert query(left, 'SELECT "applied_seq" FROM "meta"') == [{"applied_seq": half_of(left)}]
    caplog.clear()
    follow_to_the_end(left, verify=True)
    warned = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert not warned, f"not resumed: {warned} (layouts of no release yet: python -m tests.fixtures.make)"
    assert stored(left) == stored(undisturbed)
    assert query(left, 'SELECT "history_uuid" FROM "meta"') == uuid
    assert all(row in stored(left)["day"] for row in before["day"])


def test_it_was_left_in_the_middle_of_everything(left: Path) -> None:
    """An episode and subgroups open, a baseline begun, readings waiting for their tick."""
    half = half_of(left)
    assert {row["state"] for row in query(left, 'SELECT "state" FROM "episode"')} == {"open"}
    follow_to_the_end(left)
    later = f'"cause_seq" > {half} AND "seq" <= {half}'
    assert query(left, f'SELECT * FROM "point" WHERE {later}'), "readings waited"
    assert query(left, f'SELECT * FROM "limits" WHERE "points" = 90 AND "cause_seq" > {half}'), "a baseline"
    assert query(left, f'SELECT * FROM "checkpoint" WHERE "cause_seq" = {half + 1}')
    opened = query(left, f'SELECT "refs" FROM "point" WHERE "cause_seq" > {half} AND "n" = 5 ORDER BY "row" LIMIT 1')
    assert int.from_bytes(opened[0]["refs"][:8], "little") <= half, "a subgroup was open"


def test_it_is_small() -> None:
    assert ARCHIVE.stat().st_size < LARGEST
