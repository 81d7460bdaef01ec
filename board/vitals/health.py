"""How the processes are doing, as journal, history and the OKR store's clock tell: `/health` and `/metrics`."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple

import orjson
from fastapi import APIRouter, Query, Request, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from board.access.gate import known
from board.api.events import Feed
from board.history.queries import History, NoHistory, View, read_meta
from board.language import LANGUAGES, Language, language
from board.times import SECOND_NS, parse_time, rfc3339
from board.vitals.faults import ENGLISH, Problem, condition, problems
from board.vitals.trend import Trend

LATE_SECONDS = 60.0
LATELY_NS = 600 * SECOND_NS
MUCH = 100  # refusals: as many as the history keeps of a connector and reason (design, section 5)
PROCESSES = ("gateway", "engine", "forwarder", "web")


class Newest(NamedTuple):
    """The journal's newest entry: its number and when it was received (ns); or why that cannot be told."""

    seq: int = 0
    received_ns: int = 0
    problem: str = ""


class LateShare:
    """The share of late readings in each characteristic's latest production day; looked up once a minute."""

    def __init__(self) -> None:
        self._share: float | None = None
        self._until = -1.0

    def of(self, view: View) -> float | None:
        """None while no day has a reading."""
        if time.monotonic() >= self._until:
            late, n = view.db.execute(
                'SELECT sum(d."late"), sum(d."n") FROM (SELECT max("day"), "row" FROM "current_day" '
                'GROUP BY "characteristic") c JOIN "day" d ON d."row" = c."row"'
            ).fetchone()
            self._share, self._until = (late / n if n else None), time.monotonic() + LATE_SECONDS
        return self._share


@dataclass(frozen=True, slots=True)
class Sources:
    """What tells how the other processes are doing; whatever is not there yet gives None.

    `okr_tick`: the greatest tick that the OKR store was told, RFC 3339. `status`: what a process says of itself
    (`connectors.status`). `newest`: the journal's newest entry.
    `clock`: where the plant's time comes from; a `topic`'s cannot be compared with the wall clock.
    """

    okr_tick: Callable[[], str | None] = lambda: None
    status: Callable[[str], Mapping[str, Any] | None] = lambda process: None
    newest: Callable[[], Newest | None] = lambda: None
    clock: Literal["wall", "topic"] = "wall"
    late: LateShare = field(default_factory=LateShare)
    trend: Trend = field(default_factory=Trend)


def router(history: History, feed: Feed, sources: Sources) -> APIRouter:
    """`/health` (this process lives; how far the others are) and `/metrics` (Prometheus)."""
    routes = APIRouter(tags=["vitals"])
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(history, feed, sources))

    @routes.get("/health")
    def health(
        request: Request,
        code: Annotated[str, Query(alias="language", description="of the sentences: en or zh")] = "en",
    ) -> Response:
        """Liveness, with the lag of each process: seconds, null where it is not known yet. Without a token only that
        this process lives.
        """
        if known(request) is None:
            return Response(orjson.dumps({"status": "ok"}), media_type="application/json")
        spoken = language(code) if code in LANGUAGES else ENGLISH
        return Response(orjson.dumps(vitals(history, sources, spoken)), media_type="application/json")

    @routes.get("/metrics")
    def metrics() -> Response:
        """Counters and gauges in Prometheus text format."""
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")

    return routes


def vitals(history: History, sources: Sources, spoken: Language = ENGLISH) -> dict[str, Any]:
    """What `/health` says: `facts`, and `problems`, what is wrong, in sentences of a language."""
    health, wrong = facts(history, sources)
    return health | {"problems": [problem_told(problem, spoken) for problem in wrong]}


def problem_told(problem: Problem, spoken: Language) -> dict[str, Any]:
    """A problem as `/health` and the page say it."""
    shown = {name: getattr(problem, name) for name in ("code", "process", "severity", "since")}
    return shown | {"says": problem.says(spoken), "do": problem.what_to_do(spoken)}


def facts(history: History, sources: Sources) -> tuple[dict[str, Any], list[Problem]]:
    """How the processes are doing, and what is wrong.

    `lag_seconds`: of gateway and engine behind the wall clock, of the forwarder behind the engine, by the plant's
    clock. `behind_entries`, `behind_seconds`: of the engine behind the gateway. Of each process its `state`, and what
    it says of itself.
    """
    now = time.time_ns()
    newest, okr_tick = sources.newest(), sources.okr_tick()
    data: dict[str, Any] = {"open_gaps": 0, "late_share": None, "rejected": [], "refused_lately": []}
    meta = None
    with suppress(NoHistory), history.view() as view:
        meta, data = read_meta(view.db), _data(view) | {"late_share": sources.late.of(view)}
    told = None if meta is None else meta.last_tick_ns or None

    def behind_wall(time_ns: int | None) -> float | None:
        return None if time_ns is None or sources.clock == "topic" else (now - time_ns) / SECOND_NS

    received = None if newest is None else newest.received_ns or None
    said = {name: sources.status(name) for name in PROCESSES}
    own: dict[str, Mapping[str, Any]] = {name: (status or {}).get("facts", {}) for name, status in said.items()}
    gateway = {
        "last_seq": None if newest is None else newest.seq,
        "last_entry": None if received is None else rfc3339(received),
        "lag_seconds": behind_wall(received),
        "problem": None if newest is None else newest.problem or None,
        **{name: own["gateway"].get(name) for name in ("connectors", "disk", "clock_behind_seconds")},
        **{name: own["gateway"].get(name, {}) for name in ("away", "shut")},
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
        **{name: own["engine"].get(name) for name in ("waiting", "compiling")},
    }
    late = None if told is None or okr_tick is None else max(0, told - parse_time(okr_tick)) / SECOND_NS
    forwarder = {"last_tick": okr_tick, "lag_seconds": late, "targets": own["forwarder"].get("targets", {})}
    web = {"lag_seconds": 0.0, "store": own["web"].get("store")}
    parts = {"web": web, "gateway": gateway, "engine": engine, "forwarder": forwarder}
    processes = {name: part | condition(said[name], now) for name, part in parts.items()}
    health: dict[str, Any] = {"status": "ok", "time": rfc3339(now), "clock": sources.clock, "processes": processes}
    health["data"] = data
    if gateway["disk"]:
        sources.trend.note_free(gateway["disk"]["free_bytes"], time.monotonic())
    return health, problems(health, now)


def _data(view: View) -> dict[str, Any]:
    """How good the data are: open gaps, and what was refused."""
    counts = [{"connector": one, "reason": reason, "count": count} for one, reason, count in view.db.execute(_REJECTED)]
    lately = view.db.execute(_LATELY, (read_meta(view.db).last_tick_ns - LATELY_NS, MUCH))
    refused = [{"connector": connector, "reason": reason} for connector, reason in lately]
    return {"open_gaps": _open_gaps(view), "rejected": counts, "refused_lately": refused}


_REJECTED = (
    'SELECT "connector", "reason", max("count") FROM "rejected" GROUP BY "connector", "reason" '
    'ORDER BY "connector", "reason"'
)

# As many as are kept of a connector and reason, all of them of late; a repetition is no loss.
_LATELY = (
    'SELECT "connector", "reason" FROM "rejected" WHERE "time" > ? AND "reason" != \'repeated\' '
    'GROUP BY "connector", "reason" HAVING count(*) >= ? ORDER BY "connector", "reason"'
)


def _open_gaps(view: View) -> int:
    (count,) = view.db.execute(
        'SELECT count(*) FROM "current_gap" c JOIN "gap" g ON g."row" = c."row" WHERE g."state" = \'open\''
    ).fetchone()
    return int(count)


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

    def __init__(self, history: History, feed: Feed, sources: Sources) -> None:
        self._history = history
        self._feed = feed
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """One family after the other; while there is no history only those of the processes."""
        yield GaugeMetricFamily("plumbline_event_listeners", "Open event streams", value=self._feed.listeners)
        yield from _of_service(vitals(self._history, self._sources))
        with suppress(NoHistory), self._history.view() as view:
            yield from _families(view)


def _of_service(health: dict[str, Any]) -> Iterator[Metric]:
    """The processes, and what they say of themselves."""
    processes = health["processes"]
    up = GaugeMetricFamily("plumbline_up", "1 while a process runs and says so", labels=("process",))
    lag = GaugeMetricFamily("plumbline_lag_seconds", "How far a process is behind", labels=("process",))
    for name, part in processes.items():
        up.add_metric((name,), float(part["state"] == "runs"))
        if part["lag_seconds"] is not None:
            lag.add_metric((name,), part["lag_seconds"])
    gateway = processes["gateway"]
    connected = GaugeMetricFamily("plumbline_connected", "1 while a connector is connected", labels=("connector",))
    for name in gateway["connectors"] or ():
        connected.add_metric((name,), float(name not in gateway["away"]))
    away = GaugeMetricFamily("plumbline_target_away", "1 while a target takes nothing", labels=("target",))
    refused = CounterMetricFamily("plumbline_target_refused", "Entries that a target refused", labels=("target",))
    behind = GaugeMetricFamily("plumbline_target_behind_seconds", "Since it had everything", labels=("target",))
    for name, target in processes["forwarder"]["targets"].items():
        away.add_metric((name,), float("away" in target))
        refused.add_metric((name,), target.get("refused", 0))
        behind.add_metric((name,), target.get("behind_seconds", 0.0))
    yield from (up, lag, connected, away, refused, behind)
    yield GaugeMetricFamily(
        "plumbline_intake_shut", "1 while the gateway takes nothing in", float(bool(gateway["shut"]))
    )
    if gateway["disk"]:
        yield GaugeMetricFamily("plumbline_disk_free_bytes", "Free where the data lie", gateway["disk"]["free_bytes"])
    if health["data"]["late_share"] is not None:
        share = health["data"]["late_share"]
        yield GaugeMetricFamily("plumbline_late_share", "Late readings, of the latest production days'", share)


def _families(view: View) -> list[Metric]:
    meta = read_meta(view.db)
    rejected = CounterMetricFamily(
        "plumbline_rejected", "Values refused by connector and reason", labels=("connector", "reason")
    )
    for connector, reason, count in view.db.execute(_REJECTED):
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
    return [
        CounterMetricFamily("plumbline_history_rows", "Rows that the history has numbered", value=meta.last_row),
        GaugeMetricFamily("plumbline_applied_seq", "Last journal entry whose results are stored", meta.applied_seq),
        GaugeMetricFamily(
            "plumbline_last_tick_seconds", "The plant's clock, since the epoch", meta.last_tick_ns / SECOND_NS
        ),
        rejected,
        episodes,
        GaugeMetricFamily("plumbline_open_gaps", "Known losses that are not filled", _open_gaps(view)),
    ]
