"""The forwarder: rows of the history to InfluxDB, rows of the outbox to the OKR stores.

Each target has its own thread and its own cursor, so that one that is away holds up nothing but itself. A
cursor moves when its page has been taken; what was sent in between and not remembered is sent again, under
the same keys and with the same bytes, and changes nothing.
"""

import logging
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from threading import Event, Thread
from time import monotonic, time_ns
from typing import TypeVar

from config.models import PlantFile
from connectors.errors import HistoryAbsent, TargetAway
from connectors.history_reader import HistoryReader
from connectors.history_schema import ARCHIVED
from connectors.influx import InfluxWriter
from connectors.influx_rows import Meant
from connectors.okr import OkrClient
from connectors.tokens import PUSH_FILE
from flows.cursors import Cursor, Cursors, Refusal
from flows.failures import named
from flows.patience import Interrupted, Patience
from flows.targets import InfluxTarget, OkrTarget, Push, State, Target
from flows.watchdog import Pulse

POLL_SECONDS = 0.2
LOOK_SECONDS = 1.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
TIMEOUT_SECONDS = 10.0
STOP_SECONDS = 2.5  # a request under way is waited for this long; what it sent is sent again next time

GOING = frozenset(ARCHIVED)

logger = logging.getLogger("forwarder")

Result = TypeVar("Result")


def run(  # the defaults suit a plant; tests shorten them
    plant: PlantFile,
    data: Path,
    stop: Event,
    *,
    environ: Mapping[str, str] = os.environ,
    timeout_seconds: float = TIMEOUT_SECONDS,
    longest_pause_seconds: float = LONGEST_PAUSE_SECONDS,
    pulse: Pulse | None = None,
) -> None:
    """Push until `stop` is set. Raises what stops a target for good (never that it is away or refuses)."""
    pulse = pulse or Pulse()
    with named(data / "forwarder.db"):
        cursors = Cursors(data / "forwarder.db")
    try:
        ended = Event()
        followers = []
        for target, pulse_of_one in targets_of(plant, data, cursors, environ, timeout_seconds):
            path = data / "history.db"
            one = Follower(target, cursors, path, stop, ended, longest_pause_seconds, pulse_of_one)
            followers.append(one)
        for follower in followers:
            follower.start()
        together = Together(pulse, {follower.target_name: follower.pulse for follower in followers})
        while not stop.is_set() and not ended.is_set():
            together.look()
            ended.wait(LOOK_SECONDS)
        stop.set()
        until = monotonic() + STOP_SECONDS
        for follower in followers:
            follower.join(max(0.0, until - monotonic()))
        for follower in followers:
            if follower.fault is not None:
                raise follower.fault
    finally:
        cursors.close()


def targets_of(
    plant: PlantFile, data: Path, cursors: Cursors, environ: Mapping[str, str], timeout_seconds: float
) -> list[tuple[Target, Pulse]]:
    """The built-in store, and what `[influxdb]` and `[okr]` name, each with a pulse of its own."""
    store = OkrClient(
        plant.web.store_url,
        token_file=data / PUSH_FILE,
        timeout_seconds=timeout_seconds,
        built_in=True,
        certificate=plant.file(plant.web.tls.cert) if plant.web.tls.cert and not plant.web.internal_url else None,
    )
    targets: list[tuple[Target, Pulse]] = [(OkrTarget("store", store), Pulse())]
    if plant.okr is not None:
        token = plant.token("okr", environ)
        secret = token.get_secret_value() if token else ""
        other = OkrClient(plant.okr.url, token=secret, timeout_seconds=timeout_seconds)
        targets.append((OkrTarget("okr", other), Pulse()))
    if plant.influxdb is not None:
        token, pulse = plant.token("influxdb", environ), Pulse()
        writer = InfluxWriter(
            plant.influxdb.url,
            bucket=plant.influxdb.bucket,
            org=plant.influxdb.org,
            token=token.get_secret_value() if token else "",
            timeout_seconds=timeout_seconds,
            answered=pulse.beat,
        )
        targets.append((InfluxTarget(writer, cursors, Meant.of(plant.plan()), data), pulse))
    return targets


class Together:
    """One pulse of several: it beats when each of them has, and tells what each has told."""

    def __init__(self, pulse: Pulse, parts: Mapping[str, Pulse]) -> None:
        self._pulse, self._parts = pulse, parts
        self._seen = dict.fromkeys(parts, 0)

    def look(self) -> None:
        """Look at all of them."""
        if all(part.beats != self._seen[name] for name, part in self._parts.items()):
            self._seen = {name: part.beats for name, part in self._parts.items()}
            self._pulse.beat()
        self._pulse.tell(targets={name: part.facts() for name, part in self._parts.items()})


class Follower(Thread):
    """Follows the history for one target, page by page, for ever."""

    def __init__(
        self,
        target: Target,
        cursors: Cursors,
        path: Path,
        stop: Event,
        ended: Event,
        longest_pause_seconds: float,
        pulse: Pulse | None = None,
    ) -> None:
        super().__init__(name=f"forward-{target.name}", daemon=True)
        self.fault: BaseException | None = None
        self.target_name, self.pulse = target.name, pulse or Pulse()
        self._target = target
        self._cursors = cursors
        self._path = path
        self._patience = Patience(path.with_name("forwarder.db"), self.pulse, stop.is_set, logger)
        self._stop_asked = stop
        self._ended = ended
        self._longest_pause = longest_pause_seconds
        self._since_ns = 0  # of this outage
        self._nothing_to = -1  # the history's last row up to which there is nothing for this target
        self._refused = 0
        self._pause = 0.0  # 0 while the target takes what it gets
        self._told: set[str] = set()  # the sorts of this outage that are in the log
        self._caught_up = monotonic()
        self._missed = False  # whether it has been said that rows have gone before they were pushed

    def run(self) -> None:
        """The thread: one history after another until stopped; an unexpected error ends the process."""
        try:
            while not self._stop_asked.is_set():
                self._follow_one()
        except Interrupted as waited:  # what was sent and not remembered is sent again, and changes nothing
            logger.warning("%s: %s", self._target.name, waited)
        except Exception as error:  # handed to the main thread, which raises it
            self.fault = error
        finally:
            self._target.close()
            self._ended.set()

    def _follow_one(self) -> None:
        """Follow the history that is there until another one takes its place."""
        self.pulse.beat()
        try:
            reader = HistoryReader(self._path)
        except HistoryAbsent:
            self._stop_asked.wait(POLL_SECONDS)
            return
        try:
            if reader.meta().kind != "plant":
                logger.warning("%s: %s holds a what-if, nothing of it is pushed", self._target.name, self._path)
                while not reader.replaced() and not self._stop_asked.wait(POLL_SECONDS):
                    self.pulse.beat()
                return
            self._caught_up = monotonic()
            cursor = self._cursors.get(self._target.name, reader.uuid)
            self._nothing_to, self._refused = -1, self._cursors.refused(self._target.name)
            self._target.start(reader, cursor)
            while not self._stop_asked.is_set() and not reader.replaced():
                cursor = self._one_page(reader, cursor)
        finally:
            reader.close()

    def _one_page(self, reader: HistoryReader, cursor: Cursor) -> Cursor:
        self._look_for_gone(reader, cursor)
        self.pulse.beat()
        meta = reader.meta()  # before the rows: when none are left, all up to this tick has been pushed
        new = meta.last_row != self._nothing_to
        rows = reader.rows(cursor.row, self._target.page, self._target.kinds) if new else []
        if rows:
            last = rows[-1][1][0]
            assert isinstance(last, int)
            push = self._target.prepare(rows)
            cursor = self._push(push, reader.uuid, cursor, Cursor(last, self._target.late()))
        else:
            self._caught_up, self._nothing_to = monotonic(), meta.last_row
        behind = monotonic() - self._caught_up if rows else 0.0
        self.pulse.tell(behind_seconds=round(behind, 3), row=cursor.row, refused=self._refused)
        try:
            self._target.beat(reader, State(meta, cursor, behind))
            self._up()
        except TargetAway as away:
            self._wait(away)
        if not rows:
            self._stop_asked.wait(POLL_SECONDS)
        return cursor

    def _look_for_gone(self, reader: HistoryReader, cursor: Cursor) -> None:
        """Say, once a stretch, that the history has let go of rows that this target has not had."""
        gone = reader.gone_row() if not GOING.isdisjoint(self._target.kinds) else 0
        if cursor.row >= gone:
            self._missed = False
        elif not self._missed:
            self._missed = True
            detail = f"rows {cursor.row + 1} to {gone} have gone into the archive before they were pushed"
            refusals = [Refusal("archived", gone, detail, "")]
            self._patience.until_done(partial(self._cursors.advance, self._target.name, reader.uuid, cursor, refusals))
            logger.warning("%s: %s", self._target.name, detail)

    def _push(self, push: Push, history_uuid: str, before: Cursor, after: Cursor) -> Cursor:
        """Push one page until it is taken; the cursor after it, or as before when stopped."""
        while not self._stop_asked.is_set():
            try:
                refusals = push()
            except TargetAway as away:
                self._wait(away)
                continue
            self._up()
            remember = partial(self._cursors.advance, self._target.name, history_uuid, after, refusals)
            self._patience.until_done(remember)
            if refusals:
                self._refused = self._cursors.refused(self._target.name)
                detail = refusals[0].detail
                logger.warning("%s refused %d; kept in forwarder.db: %s", self._target.name, len(refusals), detail)
            return after
        return before

    def _up(self) -> None:
        if self._pause:
            logger.info("%s takes results again", self._target.name)
            self._pause = 0.0
            self._told.clear()
            self.pulse.tell(away=None)

    def _wait(self, away: TargetAway) -> None:
        """Back off; one line in the log for each sort of fault in an outage."""
        if away.sort not in self._told:
            logger.warning("%s: %s; trying again until it takes results", self._target.name, away)
            self._told.add(away.sort)
        if not self._pause:
            self._since_ns = time_ns()
        behind = monotonic() - self._caught_up
        self.pulse.tell(away={"why": str(away), "since_ns": self._since_ns}, behind_seconds=round(behind, 3))
        self._pause = min(max(2 * self._pause, FIRST_PAUSE_SECONDS), self._longest_pause)
        self.pulse.beat()
        self._stop_asked.wait(self._pause)
