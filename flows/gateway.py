"""The gateway process: what connectors receive goes into the journal, in order, with the clock's ticks between.

Acknowledged is only what is on disk. Everything that decides results and is not a reading comes in here too: the plan,
known losses (gaps), and what people ordered (commands). Nothing is decoded.
"""

import logging
import os
import shutil
import sqlite3
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event, Thread

import orjson

from config.connector import ConnectorOptions
from config.errors import PlantFileError
from config.load import load
from config.models import PlantFile
from config.plan import Plan
from connectors.commands import read_commands
from connectors.errors import JournalUnwritable, PlumblineError, WrongInput
from connectors.intake import Intake, Message, Notice, Source, Token
from connectors.journal import COMMAND, GAP, PLAN, REPLAY_STATE, SYSTEM, TICK, JournalWriter, Row
from connectors.journal_retention import JournalRetention
from flows.clocks import Clock, TopicClock, WallClock
from flows.due import earlier_calendars, next_due
from flows.failures import named
from flows.sources import Settings, mark_of, open_source, settings_of, subscriptions
from flows.ticks import TickState
from flows.troubles import Troubles
from flows.wall import SteadyWall
from flows.watchdog import Pulse

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5  # how often commands, the disk and the connectors are looked after
PRUNE_SECONDS = 10.0  # how often the journal is looked at for segments that may go
# Together below the 4 s that a supervisor waits; what is not taken in by then stays with the brokers.
FINISH_SECONDS = 1.5
CLOSE_SECONDS = 2.0
BEHIND_NS = 10_000_000_000  # so far behind the journal the clock is wrong
SOURCE = "source"  # begins the keys of what connectors keep in the journal's state
MIN_FREE_BYTES = 200 << 20  # with less free disk nothing more is taken in


class GatewayError(PlumblineError):
    """The gateway cannot go on; its supervisor starts it again."""


def run(
    plant: PlantFile,
    data: Path,
    *,
    stop: Event,
    reload: Event | None = None,
    environ: Mapping[str, str] | None = None,
    min_free_bytes: int = MIN_FREE_BYTES,
    pulse: Pulse | None = None,
) -> None:
    """Run until `stop` is set; what was received by then is in the journal and acknowledged. `reload`: see `adopt`.

    Raises `AlreadyRunning`, `JournalError`, `PlantFileError` (a secret or certificate that cannot be read),
    `WrongInput` (the folder holds a replay) and `GatewayError`.
    """
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    storage, folder = plant.storage, data / "journal"
    with named(folder):
        journal = JournalWriter(
            folder,
            segment_bytes=storage.journal_segment_mb << 20,
            segment_seconds=storage.journal_segment_hours * 3600,
        )
    keep = {"keep_days": storage.journal_keep_days, "keep_gb": storage.journal_keep_gb}
    retention = JournalRetention(folder, journal.uuid, data / "history.db", **keep)
    prune_at = 0.0
    if journal.last_seq == 0 and (data / "history.db").exists():
        log.warning("%s begins anew beside a history: if it was lost, stop and restore a backup", folder)
    gateway = Gateway(journal, data, os.environ if environ is None else environ, min_free_bytes, pulse)
    try:
        if journal.state(REPLAY_STATE) is not None:
            raise WrongInput(f"{data}: expected an empty folder, or one of a plant; got the journal of a replay")
        gateway.adopt(plant, stop)
        while not stop.is_set():
            if reload is not None and reload.is_set():
                reload.clear()
                gateway.read_again(plant.path, stop)
            gateway.step(stop)
            if time.monotonic() >= prune_at:
                prune_at = time.monotonic() + PRUNE_SECONDS
                retention.step()
        gateway.finish(stop)
    finally:
        gateway.close()
        journal.close()


class Gateway:
    """One writer: `step` takes what has come, commits it, and only then has it acknowledged."""

    def __init__(
        self,
        journal: JournalWriter,
        data: Path,
        environ: Mapping[str, str],
        min_free_bytes: int,
        pulse: Pulse | None = None,
    ) -> None:
        self._pulse, self._away, self._shut = pulse or Pulse(), Troubles(), Troubles()
        self._journal, self._data, self._environ, self._min_free_bytes = journal, data, environ, min_free_bytes
        self._intake = Intake()
        self._sources: dict[str, Source] = {}
        self._opened: dict[str, tuple[ConnectorOptions, Settings]] = {}  # what each was opened with
        self._up: set[str] = set()
        self._plant: PlantFile
        self._wall = SteadyWall()
        self._clock: Clock
        self._look_at = 0.0
        self._said_disk = self._said_unwritable = self._said_okr = False

    def adopt(self, plant: PlantFile, stop: Event) -> None:
        """Put a changed plan into the journal, and open, close or reopen connectors as it says.

        A plan applies from its entry on: the clock is brought up to now before it, except before the first. When
        a secret or certificate cannot be read nothing has changed (`PlantFileError`). When `stop` is set meanwhile
        the plan stays as it was: the next start adopts the other.
        """
        settings = {name: self._settings(plant, name) for name in plant.connectors}
        marks = {name: (plant.connectors[name], mark_of(made)) for name, made in settings.items()}
        for name in [name for name in self._sources if self._opened[name] != marks.get(name)]:
            self._sources.pop(name).close()
        plan = plant.plan()
        body, known = plan.to_json(), self._journal.plan
        waiting = self._intake.waiting if self._opened else 0  # what came under the old plan
        while waiting > 0:
            if stop.is_set():
                return
            waiting -= self._take(0.0, stop)
        calendars = earlier_calendars(self._journal.state("calendars"), known, plan, self._wall.now())
        self._plant, self._clock = plant, self._make_clock(plant, plan, calendars)
        if known is not None:
            self._commit(self._tick_rows(self._clock.due()), {"calendars": calendars}, stop)
        if body != known:
            self._commit([(self._now(), SYSTEM, PLAN, 0, 0, body)], {}, stop)
            log.info("the plan %s", "has changed" if known else "begins the journal")
        for name in settings.keys() - self._sources.keys():
            self._sources[name] = open_source(settings[name], self._intake, self._known(name))
        self._opened = marks

    def read_again(self, path: Path, stop: Event) -> None:
        """Adopt the plant file as it is now; when something is wrong with it, say so and keep the old one."""
        try:
            self.adopt(load(path), stop)
        except PlantFileError as error:
            log.error("the plant file is kept as it was: %s", error)

    def step(self, stop: Event) -> None:
        """Take what has come, or wait for what is due next; commit; acknowledge."""
        self._pulse.beat()
        rest = self._look_at - time.monotonic()
        self._take(max(0.0, min(rest, self._clock.seconds_to_next())), stop)
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_SECONDS
            self._look(stop)

    def finish(self, stop: Event) -> None:
        """Take nothing more in; commit and acknowledge what there is, for 1.5 s at most; close the connectors."""
        for source in self._sources.values():
            source.quiesce()
        deadline = time.monotonic() + FINISH_SECONDS
        while self._take(0.05, stop) and time.monotonic() < deadline:
            pass
        self.close()
        self._take(0.0, stop)  # their last notices

    def close(self) -> None:
        """Close the connectors, within 2 s; what is not yet in the journal stays with their brokers."""
        for source in self._sources.values():
            source.quiesce()
        closing = [Thread(target=source.close, daemon=True) for source in self._sources.values()]  # each may wait
        self._sources.clear()
        for thread in closing:
            thread.start()
        deadline = time.monotonic() + CLOSE_SECONDS
        for thread in closing:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _take(self, timeout_seconds: float, stop: Event) -> int:
        """Commit and acknowledge what came; how many messages and notices that were."""
        items = self._intake.take(timeout_seconds)
        rows: list[Row] = []
        state: dict[str, str] = {}
        tokens: defaultdict[Source, list[Token]] = defaultdict(list)
        for item in items:
            if isinstance(item, Notice):
                self._note(item, rows, state)
                continue
            rows += self._rows(item)
            state[f"alive.{item.row[1]}"] = str(self._clock.received(item.row[0]))
            state |= {f"{SOURCE}.{item.row[1]}.{key}": text for key, text in (item.state or {}).items()}
            if item.token is not None:
                tokens[item.source].append(item.token)
        beats = self._clock.due()
        rows += self._tick_rows(beats)
        if beats:
            state |= {f"alive.{name}": str(self._now()) for name in self._up}
        self._commit(rows, state, stop)
        for source, acknowledged in tokens.items():
            source.acknowledge(acknowledged)
        return len(items)

    def _rows(self, message: Message) -> list[Row]:
        row = message.row
        if row[2] == self._plant.clock.topic and row[1] == self._plant.clock_connector:
            return self._tick_rows(self._clock.published(row[5]))
        ticks = self._tick_rows(self._clock.before(row[0]))
        return [*ticks, (self._clock.received(row[0]), *row[1:])]

    def _tick_rows(self, ticks: Sequence[int]) -> list[Row]:
        return [(tick, SYSTEM, TICK, 0, 0, b"%d" % tick) for tick in ticks]

    def _note(self, notice: Notice, rows: list[Row], state: dict[str, str]) -> None:
        """Keep in mind what befell a connector; write a gap where something is lost for good."""
        name, at = notice.connector, self._clock.received(notice.at_ns)

        def known(key: str) -> str | None:
            return state.get(key) or self._journal.state(key)

        if (notice.kind == "new-session" and known(f"session.{name}")) or notice.kind == "dropped":
            number = int(known(f"gaps.{name}") or 0) + 1
            state[f"gaps.{name}"] = str(number)
            reason = "session-lost" if notice.kind == "new-session" else "not-taken-in"
            since = int(known(f"alive.{name}") or at)
            gap = {"gap": f"{name}-{number}", "connector": name, "reason": reason, "from_ns": since, "to_ns": at}
            rows.append((at, SYSTEM, GAP, 0, 0, orjson.dumps(gap | {"state": "open"})))
            log.warning("%s: messages may have been lost (%s)", name, reason)
        if notice.gap is not None:
            found = notice.gap
            last = int(known(f"gaps.{name}") or 0)
            number = found.number or last + 1
            state[f"gaps.{name}"] = str(max(number, last))
            gap = {"gap": f"{name}-{number}", "connector": name, "reason": found.reason, "state": found.state}
            gap |= {"from_ns": found.from_ns, "to_ns": found.to_ns, "detail": found.detail}
            rows.append((at, SYSTEM, GAP, 0, 0, orjson.dumps(gap)))
            log.warning("%s: a gap (%s) is %s: %s", name, found.reason, found.state, found.detail)
        if notice.kind == "lost":
            self._up.discard(name)
        elif notice.kind in ("new-session", "resumed"):
            self._up.add(name)
            state[f"session.{name}"] = self._plant.client_id(name)
            state[f"filters.{name}"] = orjson.dumps(subscriptions(self._plant, name)).decode()
        state[f"alive.{name}"] = str(at)

    def _commit(self, rows: list[Row], state: dict[str, str], stop: Event) -> None:
        """Rows and state on disk; while the journal cannot be written the intake is shut and it is tried again."""
        if any(row[1] == SYSTEM and row[2] == TICK for row in rows):
            ticks = self._clock.state
            state["tick"], state["tick.confirmed"] = str(ticks.last_ns), str(ticks.effective_ns)
            state["tick.pending"] = str(ticks.pending_ns)
        while rows or state:
            try:
                self._journal.append(rows, state)
            except JournalUnwritable as error:
                if not self._said_unwritable:
                    log.warning("%s; nothing is acknowledged, trying again", error)
                self._said_unwritable = True
                self._intake.shut("journal")
                self._pulse.beat()  # it goes on, and starting it again would not help
                self._tell(shutil.disk_usage(self._data))
                if stop.wait(1.0):
                    raise
                continue
            if self._said_unwritable:
                self._said_unwritable = False
                self._intake.reopen("journal")
                log.info("the journal is written again")
            return

    def _look(self, stop: Event) -> None:
        """Bring commands in; see to the disk and the connectors."""
        self._bring_commands_in(stop)
        disk = shutil.disk_usage(self._data)
        free = disk.free
        if free < self._min_free_bytes and not self._said_disk:
            self._said_disk = True
            self._intake.shut("disk")
            log.warning("%s: %d MiB free; nothing more is taken in", self._data, free >> 20)
        elif self._said_disk and free > self._min_free_bytes * 1.1:
            self._said_disk = False
            self._intake.reopen("disk")
            log.info("%s: %d MiB free again", self._data, free >> 20)
        for name, source in self._sources.items():
            if source.failure is not None:
                raise GatewayError(f"connector {name} has ended: {source.failure!r}") from source.failure

        self._tell(disk)

    def _tell(self, disk: "shutil._ntuple_diskusage") -> None:
        """How it is doing, for the board: who is away, why nothing is taken in, the disk, the clock."""
        troubles = {name: source.trouble for name, source in self._sources.items()}
        behind = 0 if isinstance(self._clock, TopicClock) else self._clock.state.last_ns - self._wall.now()
        self._pulse.tell(
            connectors=sorted(troubles),
            away=self._away.of({name: why for name, why in troubles.items() if why}),
            shut=self._shut.of({reason: reason for reason in self._intake.shut_for}),
            disk={"free_bytes": disk.free, "total_bytes": disk.total, "least_bytes": self._min_free_bytes},
            clock_behind_seconds=behind / 1e9 if behind > BEHIND_NS else None,
        )

    def _bring_commands_in(self, stop: Event) -> None:
        """What people ordered; a broken `okr.db` costs their orders and nothing else."""
        try:
            commands = read_commands(self._data / "okr.db", int(self._journal.state("command") or 0))
        except sqlite3.Error as error:
            if not self._said_okr:
                log.warning("%s cannot be read: %s; no orders come in from it", self._data / "okr.db", error)
            self._said_okr = True
            return
        self._said_okr = False
        if commands:
            rows = [(self._now(), SYSTEM, COMMAND, 0, 0, command.payload) for command in commands]
            self._commit(rows, {"command": str(commands[-1].id)}, stop)

    def _now(self) -> int:
        return self._clock.received(time.time_ns())

    def _known(self, name: str) -> dict[str, str]:
        """What a connector had kept, when it last lived, and the number of its newest gap."""
        kept = self._journal.states(f"{SOURCE}.{name}.")
        return kept | {key: self._journal.state(f"{key}.{name}") or "0" for key in ("alive", "gaps")}

    def _settings(self, plant: PlantFile, name: str) -> Settings:
        subscribed = tuple(orjson.loads(self._journal.state(f"filters.{name}") or "[]"))
        return settings_of(plant, name, self._environ, subscribed)

    def _make_clock(self, plant: PlantFile, plan: Plan, calendars: str) -> Clock:
        last, step_ns = self._journal.state("tick") or "0", plan.clock_step_seconds * 1_000_000_000
        confirmed, pending = self._journal.state("tick.confirmed") or last, self._journal.state("tick.pending") or "0"
        known = TickState(int(last), int(confirmed), int(pending))
        if plant.clock.source == "topic":
            return TopicClock(known, step_ns)
        return WallClock(known, step_ns, next_due(plan.calendar, calendars), self._wall)
