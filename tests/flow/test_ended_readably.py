"""What ends the dataflow is said in one line: no panic of Rust, no frames."""

from datetime import timedelta
from pathlib import Path

import pytest

from connectors.history import HistoryWriter
from connectors.journal_reader import JournalReader
from flows.engine import follow
from flows.engine_run import PRINTED, DataflowEnded
from tests.flow.journals import everything


@pytest.mark.parametrize("damaged", ["recovery", "history"])
def test_a_damaged_file_ends_the_engine_with_one_line(
    damaged: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    journal = everything(1, messages=20)
    journal.write(tmp_path)
    reader = JournalReader(tmp_path / "journal")
    writer = HistoryWriter(tmp_path / "history.db", reader.uuid)

    def damage(seq: int) -> bool:
        """Called when all has been read: then there are epochs to end."""
        for path in (tmp_path / "recovery").glob("*.sqlite3*"):
            path.write_bytes(b"no database " * 1000)
        return False

    def break_history(seq: int) -> bool:
        raise OSError(5, "Input/output error", str(tmp_path / "history.db"))

    finished = damage if damaged == "recovery" else break_history
    with pytest.raises(DataflowEnded) as ended:
        follow(tmp_path, reader, writer, finished, timedelta(seconds=0.05))
    assert "\n" not in str(ended.value)
    assert str(tmp_path / ("recovery" if damaged == "recovery" else "history.db")) in str(ended.value)
    assert capfd.readouterr().err == ""
    assert (tmp_path / PRINTED).stat().st_size > 0
    writer.close()
    reader.close()
