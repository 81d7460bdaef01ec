"""InfluxDB is served by time: what is not newer than the newest that was sent is taken for sent."""

from flows.targets import InfluxTarget, Push, Tagged
from rules.results import BY_NAME, LEADING
from tests.mutants import put


def apply() -> None:
    prepare = InfluxTarget.prepare
    newest = 0

    def newer(self: InfluxTarget, rows: list[Tagged]) -> Push:
        nonlocal newest
        kept = [row for row in rows if _time(row) is None or _time(row) > newest]
        newest = max([newest, *(time for row in rows if (time := _time(row)) is not None)])
        return prepare(self, kept)

    put(InfluxTarget, "prepare", newer)


def _time(row: Tagged) -> int | None:
    names = [column.name for column in LEADING + BY_NAME[row[0]].columns]
    return row[1][names.index("time")] if "time" in names else None
