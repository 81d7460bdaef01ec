"""Replay: measurements from files through the same flow, into a journal and a history of a folder of their own.

The journal is written whole (`flows.replay_entries`), then followed to its end as the engine does. Killed at any
moment it goes on where it was when it is started again with the same files, plan and last tick: the journal names
them by their hash. The history's kind is `what-if`: what files say is never pushed to InfluxDB or an OKR store.
"""

import dataclasses
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import file_digest, sha256
from pathlib import Path

import orjson

from config.models import PlantFile
from config.plan import ConnectorPlan, Plan
from connectors.errors import PlumblineError, WrongInput
from connectors.files import contents_of, read_measurements
from connectors.history import CommitUnit, HistoryWriter
from connectors.journal import REPLAY_STATE, JournalReader, JournalWriter
from connectors.measured_table import How
from flows.engine import follow
from flows.replay_entries import CONNECTOR, STEP_NS, ReplayEntries
from flows.replay_summary import MOST_REFUSED, Refused, Summary, listed, summary, unknown_names
from flows.ticks import SECOND_NS

FORMAT = "2"  # of what is made of the files: another one is another replay
BATCH = 200  # entries a transaction, at most 100,000 readings
WHOLE = 1 << 62  # the journal's only segment is never full

_STAGE = "replay.stage"

Progress = Callable[[int, int], None]  # (done, total) in readings


class NothingTaken(PlumblineError):  # noqa: N818 - says what is the case
    """No reading is of a characteristic that the plant file has."""


def run(
    plant: PlantFile,
    files: Sequence[Path],
    data: Path,
    until: int | None = None,
    progress: Progress | None = None,
    how: How | None = None,
) -> Summary:
    """Replay `files` into the folder `data`; `until` is the last tick in ns, else the last reading's time.

    `how` they are read, where they are those of another program.

    Raises `WrongInput` for files that cannot be used, an `until` before the last reading, and a folder that holds
    anything but this very replay, unfinished; `NothingTaken` where the plant file has none of their characteristics.
    """
    measured = read_measurements(files, plant.plant.timezone, how)
    readings = measured.readings
    unknown = unknown_names(readings, plant.characteristics)
    if sum(unknown.values()) == len(readings):
        raise NothingTaken(f"none of {len(readings):,} readings is of a characteristic of {plant.path}: "
                           f"they are of {listed(unknown)}")  # fmt: skip
    last_ns = int(readings["time_ns"][-1])
    if until is not None and until < last_ns:
        expected = f"expected a time not before the last reading's, {_shown(last_ns)}"
        raise WrongInput(f"--until: {expected}; got {_shown(until)}")
    plan = replay_plan(plant)
    entries = ReplayEntries(readings, plan, last_ns if until is None else until)
    report = _half(progress, len(readings))
    journal = JournalWriter(data / "journal", segment_bytes=WHOLE, segment_seconds=WHOLE // SECOND_NS)
    try:
        _claim(journal, data, _fingerprint(plan, files, until, how))
        _write(journal, entries, report)
        _follow(data, entries, report)
        journal.append([], {_STAGE: "finished"})
    finally:
        journal.close()
    told = Refused(tuple(measured.refused[:MOST_REFUSED]), measured.faults, measured.counts)
    return summary(data / "history.db", len(readings), unknown, told)


def replay_plan(plant: PlantFile) -> Plan:
    """The plant's plan, with the files as a connector and ticks of 60 s.

    No reading waits for a later one: the files are sorted, and after the last tick none would be let through.
    """
    plan = plant.plan(clock_step_seconds=STEP_NS // SECOND_NS)
    connector = ConnectorPlan(
        name=CONNECTOR,
        payload="json",
        topics=(CONNECTOR,),
        characteristic="{name}",
        time_zone=plant.plant.timezone,
        dedupe="none",
    )
    others = [one for one in plan.connectors if one.name != CONNECTOR]
    return dataclasses.replace(
        plan,
        connectors=tuple(sorted([*others, connector], key=lambda one: one.name)),
        characteristics=tuple(dataclasses.replace(spec, lateness_seconds=0.0) for spec in plan.characteristics),
    )


def _fingerprint(plan: Plan, files: Sequence[Path], until: int | None, how: How | None) -> str:
    contents = []
    for path in contents_of(files):
        with path.open("rb") as file:
            contents.append(file_digest(file, "sha256").hexdigest())
    read = [] if how is None else [repr(how)]
    return sha256(orjson.dumps([FORMAT, plan.to_json().decode(), contents, until, *read])).hexdigest()


def _claim(journal: JournalWriter, data: Path, fingerprint: str) -> None:
    """Make the empty journal this replay's, or see that it is."""
    held = journal.state(REPLAY_STATE)
    if held is None and journal.last_seq == 0:
        journal.append([], {REPLAY_STATE: fingerprint, _STAGE: "begun"})
    elif held is None:
        raise WrongInput(f"{data}: expected an empty folder, or one of this replay; got the journal of a plant")
    elif held != fingerprint:
        raise WrongInput(f"{data}: expected an empty folder; got a replay of other files, plan or --until")
    elif journal.state(_STAGE) == "finished":
        raise WrongInput(f"{data}: expected an empty folder; this replay is there already, finished")


def _write(journal: JournalWriter, entries: ReplayEntries, report: Callable[[int, int], None]) -> None:
    while journal.last_seq < len(entries):
        first = journal.last_seq
        journal.append(list(entries.rows(first, min(first + BATCH, len(entries)))))
        report(entries.readings_up_to(journal.last_seq), 0)


def _follow(data: Path, entries: ReplayEntries, report: Callable[[int, int], None]) -> None:
    """The flow over the whole journal; every reading is reported as its results are stored."""
    reader = JournalReader(data / "journal")
    written = entries.readings_up_to(len(entries))
    try:
        writer = _Reporting(data, reader.uuid, lambda seq: report(written, entries.readings_up_to(seq)))
        try:
            follow(data, reader, writer, lambda seq: seq >= len(entries))
            writer.finish_bulk()
        finally:
            writer.close()
    finally:
        reader.close()


class _Reporting(HistoryWriter):
    """The history of a replay, which says after each commit up to which entry it holds the results."""

    def __init__(self, data: Path, journal_uuid: str, report: Callable[[int], None]) -> None:
        super().__init__(data / "history.db", journal_uuid, kind="what-if", bulk=True)
        self._report = report

    def commit(self, unit: CommitUnit) -> None:
        """Store one unit, and say so."""
        super().commit(unit)
        self._report(self.meta.applied_seq)


def _half(progress: Progress | None, total: int) -> Callable[[int, int], None]:
    """Takes how many readings are in the journal, and in the history: half the way each."""

    def report(written: int, applied: int) -> None:
        if progress is not None:
            progress((written + applied) // 2, total)

    return report


def _shown(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns // SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
