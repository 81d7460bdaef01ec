"""What the forwarder pushes to: InfluxDB gets all results as lines, an OKR store the outbox."""

from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic, time_ns
from typing import NamedTuple, Protocol

import orjson

from connectors.history import Meta
from connectors.history_reader import HistoryReader
from connectors.influx import InfluxWriter
from connectors.influx_happenings import rejected_line, service_line
from connectors.influx_lines import FOLLOWED, MEASUREMENTS, LineMaker
from connectors.influx_rows import Meant
from connectors.okr import OkrClient
from connectors.status import read_status, status_path
from flows.cursors import Cursor, Cursors, Refusal
from flows.outbox import rfc3339

Tagged = tuple[str, tuple[object, ...]]  # a row with its kind's name
# One page, made ready: pushing raises `TargetAway` or returns what was refused; pushing again changes nothing.
Push = Callable[[], list[Refusal]]

SERVICE_SECONDS = 10.0
CLOCK_SECONDS = 60.0
TOLD = ("gateway", "web")  # the processes of which a file beside the data tells


class State(NamedTuple):
    """Where things stand between two pages; `behind_seconds` since the target last had everything."""

    meta: Meta
    cursor: Cursor
    behind_seconds: float


class Target(Protocol):
    """One place to push to: `name` is its cursor's, `kinds` what it gets, `page` how many rows at once."""

    name: str
    kinds: tuple[str, ...]
    page: int

    def start(self, reader: HistoryReader, cursor: Cursor) -> None:
        """Be ready for the row after `cursor`."""

    def prepare(self, rows: list[Tagged]) -> Push:
        """Make one page ready."""

    def late(self) -> int:
        """How many late readings were among the rows so far."""

    def beat(self, reader: HistoryReader, state: State) -> None:
        """Say now and then how things stand; raises `TargetAway`."""

    def close(self) -> None:
        """Let go of the connections."""


class InfluxTarget:
    """All kinds of results as line protocol, and every ten seconds how the processes are doing."""

    name = "influxdb"
    kinds: tuple[str, ...] = (*FOLLOWED, *MEASUREMENTS)
    page = 2000

    def __init__(self, writer: InfluxWriter, cursors: Cursors, meant: Meant, data: Path) -> None:
        self._writer = writer
        self._cursors = cursors
        self._meant = meant
        self._data = data
        self._maker = LineMaker(meant)
        self._said = -SERVICE_SECONDS
        self._tick = (0, 0.0)  # the history's last tick, and when (monotonic) it was first seen

    def start(self, reader: HistoryReader, cursor: Cursor) -> None:
        """Know the characteristics and specifications as of the cursor's row."""
        self._maker = LineMaker(self._meant)
        self._maker.late = cursor.late
        for kind in FOLLOWED:
            for row in reader.as_of(kind, cursor.row):
                self._maker.lines(kind, row)

    def prepare(self, rows: list[Tagged]) -> Push:
        """The page's lines; a refused one is found by halving."""
        origin: dict[str, int] = {}
        for kind, row in rows:
            for line in self._maker.lines(kind, row):
                origin.pop(line, None)  # a restated point gives its readings' lines again: once a page is enough
                origin[line] = _number(row)
        lines = list(origin)

        def push() -> list[Refusal]:
            refused = self._writer.write(lines)
            return [Refusal(f"http-{r.status}", origin[r.line], r.answer, r.line) for r in refused]

        return push

    def late(self) -> int:
        """Late readings so far."""
        return self._maker.late

    def beat(self, reader: HistoryReader, state: State) -> None:
        """Lines for `service`: the engine by its last tick, the forwarder by how long it has been behind."""
        now = monotonic()
        tick = state.meta.last_tick_ns
        if tick != self._tick[0]:
            self._tick = (tick, now)
        if not tick or now - self._said < SERVICE_SECONDS:
            return
        refused = reader.refused_by_reason()
        late = self._maker.late
        processes: dict[str, Mapping[str, object]] = {
            "engine": {
                "lag_seconds": now - self._tick[1],
                "rejected": sum(refused.values()),
                "late": late,
                "rows": state.meta.last_row,
            },
            "forwarder": {
                "lag_seconds": state.behind_seconds,
                "rejected": self._cursors.refused(self.name),
                "late": late,
                "rows": state.cursor.row,
            },
        }
        processes |= {process: said for process in TOLD if (said := _told(self._data, process))}
        lines = [service_line(process, tick, values) for process, values in processes.items()]
        lines += [rejected_line(*of, count, tick) for of, count in refused.items()]
        self._writer.write(lines)
        self._said = now

    def close(self) -> None:
        """Close the client."""
        self._writer.close()


class OkrTarget:
    """The outbox, one row at a time in its order, and at most once a minute the plant's clock."""

    kinds: tuple[str, ...] = ("outbox",)
    page = 1

    def __init__(self, name: str, client: OkrClient, *, clock_seconds: float = CLOCK_SECONDS) -> None:
        self.name = name
        self._client = client
        self._clock_seconds = clock_seconds
        self._history = ""  # whose results these are: revisions and keys count within it
        self._said = (0, -clock_seconds)  # the last tick pushed, and when (monotonic)

    def start(self, reader: HistoryReader, cursor: Cursor) -> None:
        """A new history's clock is told anew."""
        self._history = reader.uuid
        self._said = (0, -self._clock_seconds)

    def prepare(self, rows: list[Tagged]) -> Push:
        """The pushes of these rows, each under its own key."""

        def push() -> list[Refusal]:
            return [refusal for _, row in rows for refusal in self._push(row)]

        return push

    def late(self) -> int:
        """None: readings do not pass here."""
        return 0

    def beat(self, reader: HistoryReader, state: State) -> None:
        """Tell the store the plant's time, once everything up to it has been pushed."""
        tick, now = state.meta.last_tick_ns, monotonic()
        if state.behind_seconds or tick <= self._said[0] or now - self._said[1] < self._clock_seconds:
            return
        body = orjson.dumps({"tick": rfc3339(tick)}).decode()
        self._client.post("/api/v1/clock", f"clock-{tick}", body, self._history)
        self._said = (tick, now)

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    def _push(self, row: tuple[object, ...]) -> list[Refusal]:
        number, _, _, path, key, body = row
        answer = self._client.post(str(path), str(key), str(body), self._history)
        if answer.taken:
            return []
        detail = f"POST {path}, key {key}: {answer.text}"
        return [Refusal(f"http-{answer.status}", _number((number,)), detail, str(body))]


def _told(data: Path, process: str) -> dict[str, object]:
    """What a process says of itself beside the data; its lag is how long ago it did."""
    status = read_status(status_path(data, process)) or {}
    written, facts = status.get("written_ns"), status.get("facts")
    if not isinstance(written, int) or not isinstance(facts, dict):
        return {}
    away, disk = facts.get("away"), facts.get("disk")
    return {
        "lag_seconds": max(0, time_ns() - written) / 1e9,
        "away": len(away) if isinstance(away, dict) else None,
        "disk_free_bytes": disk.get("free_bytes") if isinstance(disk, dict) else None,
    }


def _number(row: tuple[object, ...]) -> int:
    assert isinstance(row[0], int)
    return row[0]
