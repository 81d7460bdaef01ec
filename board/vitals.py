"""How the processes are doing, as journal, history and the OKR store's clock tell: `/health` and `/metrics`."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, NamedTuple

import orjson
from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from board.events import Feed
from board.queries import History, NoHistory, View, read_meta
from board.times import SECOND_NS, parse_time, rfc3339


class Newest(NamedTuple):
    """The journal's newest entry: its number and when it was received (ns); or why that cannot be told."""

    seq: int = 0
    received_ns: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Sources:
    """What tells how the other processes are doing; whatever is not there yet gives None.

    `okr_tick`: the greatest tick that the OKR store was told, RFC 3339. `newest`: the journal's newest entry.
    `clock`: where the plant's time comes from; a `topic`'s cannot be compared with the wall clock.
    """

    okr_tick: Callable[[], str | None] = lambda: None
    newest: Callable[[], Newest | None] = lambda: None
    clock: Literal["wall", "topic"] = "wall"


def router(history: History, feed: Feed, sources: Sources) -> APIRouter:
    """`/health` (this process lives; how far the others are) and `/metrics` (Prometheus)."""
    routes = APIRouter(tags=["vitals"])
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(history, feed))

    @routes.get("/health")
    def health() -> Response:
        """Liveness, with the lag of each process: seconds, null where it is not known yet."""
        return Response(orjson.dumps(vitals(history, sources)), media_type="application/json")

    @routes.get("/metrics")
    def metrics() -> Response:
        """Counters and gauges in Prometheus text format."""
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")

    return routes


def vitals(history: History, sources: Sources) -> dict[str, object]:
    """What `/health` says. `lag_seconds`: of gateway and engine behind the wall clock, of the forwarder behind the
    engine, by the plant's clock. `behind_entries`, `behind_seconds`: of the engine behind the gateway.
    """
    now = time.time_ns()
    newest, okr_tick = sources.newest(), sources.okr_tick()
    try:
        with history.view() as view:
            meta = read_meta(view.db)
    except NoHistory:
        meta = None
    told = None if meta is None else meta.last_tick_ns or None

    def behind_wall(time_ns: int | None) -> float | None:
        return None if time_ns is None or sources.clock == "topic" else (now - time_ns) / SECOND_NS

    received = None if newest is None else newest.received_ns or None
    gateway = {
        "last_seq": None if newest is None else newest.seq,
        "last_entry": None if received is None else rfc3339(received),
        "lag_seconds": behind_wall(received),
        "problem": None if newest is None else newest.problem or None,
    }
    engine = {
        "history_uuid": None if meta is None else meta.history_uuid,
        "kind": None if meta is None else meta.kind,
        "applied_seq": None if meta is None else meta.applied_seq,
        "last_row": None if meta is None else meta.last_row,
        "last_tick": None if told is None else rfc3339(told),
        "lag_seconds": behind_wall(told),
        "written_seconds_ago": None if meta is None else max(0.0, now - _written_ns(history)) / SECOND_NS,
        **_behind(newest, 0 if meta is None else meta.applied_seq, told),
    }
    late = None if told is None or okr_tick is None else max(0, told - parse_time(okr_tick)) / SECOND_NS
    forwarder = {"last_tick": okr_tick, "lag_seconds": late}
    processes = {"web": {"lag_seconds": 0.0}, "gateway": gateway, "engine": engine, "forwarder": forwarder}
    return {"status": "ok", "time": rfc3339(now), "clock": sources.clock, "processes": processes}


def _behind(newest: Newest | None, applied_seq: int, told: int | None) -> dict[str, object]:
    """How far the engine is behind the gateway: in entries, and from its last tick to the newest entry."""
    if newest is None or newest.problem:
        return {"behind_entries": None, "behind_seconds": None}
    entries = max(0, newest.seq - applied_seq)
    if entries == 0:
        return {"behind_entries": 0, "behind_seconds": 0.0}
    seconds = None if told is None else max(0, newest.received_ns - told) / SECOND_NS
    return {"behind_entries": entries, "behind_seconds": seconds}


def _written_ns(history: History) -> int:
    """When the history was last written, as its files say; a reader alone makes an empty write-ahead log."""
    newest = 0
    for path in (history.path, history.path.with_name(f"{history.path.name}-wal")):
        with suppress(FileNotFoundError):
            found = os.stat(path)
            newest = max(newest, found.st_mtime_ns if found.st_size else 0)
    return newest


class _Figures(Collector):
    """The history's figures at the time of asking."""

    def __init__(self, history: History, feed: Feed) -> None:
        self._history = history
        self._feed = feed

    def collect(self) -> Iterator[Metric]:
        """One family after the other; while there is no history only that of the listeners."""
        yield GaugeMetricFamily("plumbline_event_listeners", "Open event streams", value=self._feed.listeners)
        try:
            with self._history.view() as view:
                yield from _families(view)
        except NoHistory:
            return


def _families(view: View) -> list[Metric]:
    meta = read_meta(view.db)
    rejected = CounterMetricFamily(
        "plumbline_rejected", "Values refused by connector and reason", labels=("connector", "reason")
    )
    counts = 'SELECT "connector", "reason", max("count") FROM "rejected" GROUP BY "connector", "reason"'
    for connector, reason, count in view.db.execute(counts):
        rejected.add_metric((connector, reason), count)
    episodes = GaugeMetricFamily("plumbline_alerts", "Alerts by what the data say", labels=("state",))
    found = dict(
        view.db.execute(
            'SELECT e."state", count(*) FROM "current_episode" c JOIN "episode" e ON e."row" = c."row" '
            'GROUP BY e."state"'
        ).fetchall()
    )
    for state in ("open", "recovered", "retracted", "withdrawn"):
        episodes.add_metric((state,), found.get(state, 0))
    gaps = view.db.execute(
        'SELECT count(*) FROM "current_gap" c JOIN "gap" g ON g."row" = c."row" WHERE g."state" = \'open\''
    ).fetchone()
    return [
        CounterMetricFamily("plumbline_history_rows", "Rows that the history has numbered", value=meta.last_row),
        GaugeMetricFamily("plumbline_applied_seq", "Last journal entry whose results are stored", meta.applied_seq),
        GaugeMetricFamily(
            "plumbline_last_tick_seconds", "The plant's clock, since the epoch", meta.last_tick_ns / SECOND_NS
        ),
        rejected,
        episodes,
        GaugeMetricFamily("plumbline_open_gaps", "Known losses that are not filled", gaps[0]),
    ]
