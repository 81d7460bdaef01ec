"""Small plants for tests: plans, journals of entries, the logics run over them, and the whole flow on disk."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import date, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from config.plan import ConnectorPlan, Plan
from connectors.history import HistoryWriter
from connectors.history_schema import column_names
from connectors.journal import COMMAND, GAP, PLAN, SYSTEM, TICK, Entry, JournalReader, JournalWriter
from connectors.journal_past import Past
from flows.engine import follow
from flows.frames import SHARDS, Answer, PlantFrame
from flows.framing import PLANT, FramingLogic
from flows.plant_step import PlantLogic
from flows.shard import PlanAt, ShardLogic
from rules.results import BY_NAME, KINDS
from rules.spec import (
    CalendarSpec,
    CharacteristicSpec,
    FixedLimits,
    KeyResultSpec,
    MetricSpec,
    ObjectiveSpec,
)
from tests.past import EntriesPast

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
TOPIC = "plant/m"
BORE = CharacteristicSpec("bore", lsl=9.4, usl=10.6, limits=FixedLimits(10.0, 0.1), minimum_n=30)

Rows = dict[str, list[tuple[object, ...]]]


def at(text: str, zone: str = "UTC") -> int:
    """Nanoseconds of a local time such as `2026-03-29 01:30`; the first of two that are the same."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * SECOND


def ordinal(day: str) -> int:
    return date.fromisoformat(day).toordinal()


def make_plan(*characteristics: CharacteristicSpec, calendar: CalendarSpec | None = None, **more: Any) -> Plan:
    """A plan with one connector `line`; a message's values are named as the characteristics are."""
    line = ConnectorPlan("line", "json", ("plant/{kind}",), "{name}", "UTC", "id")
    return Plan(
        plant_id="test",
        calendar=calendar or CalendarSpec(),
        connectors=more.pop("connectors", (line,)),
        characteristics=tuple(sorted(characteristics, key=lambda spec: spec.id)),
        clock_step_seconds=more.pop("clock_step_seconds", 60),
        **more,
    )


def with_goal(target: float, first: str, last: str, **metric: Any) -> dict[str, Any]:
    """A metric `cpk` over `bore` and a key result bound to it that begins at 0."""
    goal = {"over": "day"} | metric
    return {
        "metrics": (MetricSpec("cpk", "cpk", ("bore",), **goal),),
        "objectives": (ObjectiveSpec("O1", "Capable", "post", "x", "", "own", ordinal(first), ordinal(last)),),
        "key_results": (KeyResultSpec("KR1", "O1", "Cpk", "cpk", "reach", target, start=0.0),),
    }


class Journal:
    """Entries in the making, numbered from 1."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.last_tick_ns = 0

    def add(
        self, received_ns: int, topic: str, payload: bytes, *, connector: str = SYSTEM, packet: int = 0, dup: int = 0
    ) -> int:
        self.entries.append(Entry(len(self.entries) + 1, received_ns, connector, topic, packet, dup, payload))
        return len(self.entries)

    def plan(self, time_ns: int, plan: Plan) -> int:
        return self.add(time_ns, PLAN, plan.to_json())

    def tick(self, time_ns: int) -> int:
        self.last_tick_ns = time_ns
        return self.add(time_ns, TICK, str(time_ns).encode())

    def ticks(self, until_ns: int, step_ns: int) -> None:
        """Ticks every `step_ns` after the last one, and one at `until_ns`."""
        for time_ns in range(self.last_tick_ns + step_ns, until_ns, step_ns):
            self.tick(time_ns)
        self.tick(until_ns)

    def gap(self, time_ns: int, connector: str, number: int, state: str = "open") -> int:
        body = {"gap": f"g{number}", "connector": connector, "reason": "session-lost", "from_ns": time_ns - MINUTE}
        return self.add(time_ns, GAP, json.dumps(body | {"to_ns": time_ns, "state": state}).encode())

    def accept(self, time_ns: int, characteristic: str) -> int:
        body = {"id": "1", "kind": "accept-limits", "characteristic": characteristic, "who": "ada", "at_ns": time_ns}
        return self.add(time_ns, COMMAND, json.dumps(body).encode())

    def message(self, time_ns: int, values: dict[str, Any], received_ns: int | None = None, **fields: Any) -> int:
        """A message of connector `line`; its time to the millisecond."""
        body = {"time": time_ns // 1_000_000, "values": values} | fields
        received_ns = time_ns if received_ns is None else received_ns
        return self.add(received_ns, TOPIC, json.dumps(body).encode(), connector="line")

    def plan_at(self, seq: int) -> Plan:
        return Plan.from_json(self.entries[seq - 1].payload)

    def write(self, folder: Path, upto: int | None = None) -> None:
        """The entries as a journal on disk."""
        writer = JournalWriter(folder / "journal")
        writer.append([entry[1:] for entry in self.entries[:upto]])
        writer.close()


class Logics:
    """The engine's logics wired together as `flows.plant.build` does it, without Bytewax."""

    def __init__(self, plan_at: PlanAt, states: dict[str, bytes] | None = None, past: Past | None = None) -> None:
        states = states or {}
        self._plan_at = plan_at
        self._framing = FramingLogic(plan_at, states.get("framing"), past)
        self._plant = PlantLogic(plan_at, states.get(PLANT))
        named = {key: state for key, state in states.items() if key not in ("framing", PLANT)}
        self._shards = {key: ShardLogic(plan_at, state) for key, state in named.items()}

    def take(self, entries: Sequence[Entry], rows: Rows, *, backwards: bool = False) -> None:
        """Append what `entries` give to `rows`; `backwards`: what makes up a frame arrives in the other order."""
        arriving: list[PlantFrame | Answer] = []
        for key, item in self._framing.frames(entries):
            if isinstance(item, PlantFrame):
                arriving = [item]
                continue
            shard = self._shards.setdefault(key, ShardLogic(self._plan_at))
            arriving.append(shard.answer(item))
            if len(arriving) == SHARDS + 1:
                for one in reversed(arriving) if backwards else arriving:
                    for unit in self._plant.take(one):
                        for kind, some in unit.rows.items():
                            rows.setdefault(kind, []).extend(some)

    def states(self) -> dict[str, bytes]:
        return {
            "framing": self._framing.to_bytes(),
            PLANT: self._plant.to_bytes(),
            **{key: shard.to_bytes() for key, shard in self._shards.items()},
        }


def run_logics(journal: Journal, cuts: Iterable[int] = (), resumes: Iterable[int] = ()) -> Rows:
    """All rows of a journal cut at the places `cuts`, with states resumed from their bytes at `resumes`."""
    resumes = set(resumes)
    bounds = sorted({0, len(journal.entries), *cuts, *resumes})
    plan_at = cache(journal.plan_at)
    past = EntriesPast(journal.entries)
    logics, rows = Logics(plan_at, past=past), Rows()
    for number, (start, end) in enumerate(pairwise(bounds)):
        logics.take(journal.entries[start:end], rows, backwards=number % 2 == 1)
        if end in resumes:
            logics = Logics(plan_at, logics.states(), past)
    return rows


def named(rows: Rows, kind: str) -> list[dict[str, Any]]:
    """Rows of a kind as dicts."""
    names = column_names(BY_NAME[kind])
    return [dict(zip(names, row, strict=True)) for row in rows.get(kind, [])]


def follow_to_the_end(folder: Path, epoch: timedelta = timedelta(seconds=10), *, verify: bool = False) -> None:
    """The real dataflow over the journal on disk, until nothing new is there."""
    reader = JournalReader(folder / "journal")
    writer = HistoryWriter(folder / "history.db", reader.uuid, verify=verify)
    try:
        follow(folder, reader, writer, lambda _: True, epoch)
    finally:
        writer.close()
        reader.close()


def stored(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row and column of every table of a history, but its uuids."""
    with closing(sqlite3.connect(f"file:{folder / 'history.db'}?mode=ro", uri=True)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        assert {kind.name for kind in KINDS} < set(tables)
        held = {name: sorted(db.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr) for name in tables}
        held["meta"] = db.execute(
            "SELECT applied_seq, last_tick_ns, kind, schema_version, last_row FROM meta"
        ).fetchall()
    return held


def query(folder: Path, text: str) -> list[dict[str, Any]]:
    """Rows of a query on a history, as dicts."""
    with closing(sqlite3.connect(f"file:{folder / 'history.db'}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute(text).fetchall()]


def bits(rows: Rows) -> str:
    """All rows, shown to the last bit; nan equals nan."""
    return repr(sorted((kind, some) for kind, some in rows.items() if some))
