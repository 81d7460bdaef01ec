"""What a page of the history becomes on its way to InfluxDB."""

from pathlib import Path

from connectors.influx import InfluxWriter, RefusedLine
from connectors.influx_rows import Meant
from flows.cursors import Cursors
from flows.targets import InfluxTarget
from tests.history_rows import point


class Refusing(InfluxWriter):
    """Keeps what it is given, and refuses every reading."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, lines: object) -> list[RefusedLine]:
        self.lines = list(lines)  # type: ignore[call-overload] # lines of a test
        return [RefusedLine(line, 400, "no") for line in self.lines if line.startswith("reading")]


def test_a_line_that_two_rows_of_a_page_give_is_sent_once_as_the_later_one(tmp_path: Path) -> None:
    """A restated point gives its readings' lines again."""
    cursors, writer = Cursors(tmp_path / "forwarder.db"), Refusing()
    try:
        rows = [("point", point(number, [10.0, 10.5], seq=7, cl=float(number))) for number in (3, 9)]
        refused = InfluxTarget(writer, cursors, Meant(), tmp_path).prepare(rows)()
    finally:
        cursors.close()
    assert [line.split(",")[0] for line in writer.lines] == ["chart", "reading", "reading", "chart"]
    assert [one.row for one in refused] == [9, 9]
