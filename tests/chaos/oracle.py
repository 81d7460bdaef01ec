"""The journal read slowly and plainly (design, sections 5 and 6): what each characteristic's chart is told, in order.

Decoding is `tests.oracle_decode`; here are repetition, what waits for its tick, what comes too late, and the days that
a tick finds closed. The plant is that of the kill loop: one connector, ids that are strings, one calendar.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from config.plan import Plan
from connectors.journal import COMMAND, GAP, PLAN, SYSTEM, TICK, Entry
from tests import oracle_decode
from tests.oracle_events import Accept, Event, Gap, Reading, Tick

SECOND_NS = 1_000_000_000
WAITS_NS, REFUSED_NS = 5 * SECOND_NS, 300 * SECOND_NS  # ahead of the last tick: it waits (and a step), it is refused

Row = dict[str, Any]


@dataclass
class Told:
    """What the journal says."""

    events: dict[str, list[Event]] = field(default_factory=dict)  # by characteristic
    too_late: list[tuple[str, int, int, int, float]] = field(default_factory=list)  # (name, seq, idx, time, value)
    refused: Counter[str] = field(default_factory=Counter)  # by reason
    readings: int = 0  # taken
    plan_seqs: list[int] = field(default_factory=list)  # where the plan begins and changes
    plan: Plan | None = None  # the first
    orders: int = 0  # of people


class JournalOracle:
    """Reads entry after entry."""

    def __init__(self) -> None:
        self.told = Told()
        self._plan: Plan
        self._body = b""
        self._ids: set[str] = set()
        self._packets: dict[int, bytes] = {}  # the last payload of each packet id
        self._tick_ns = 0
        self._held: list[tuple[int, Row]] = []  # (the time from which a tick releases it, the reading)
        self._labels: dict[Any, int] = {}
        self._changes: dict[Any, int] = {}

    def run(self, entries: Sequence[Entry]) -> Told:
        """Everything that the entries say."""
        for entry in entries:
            if entry.connector != SYSTEM:
                self._message(entry)
            elif entry.topic == PLAN and entry.payload != self._body:
                self._adopt(entry)
            elif entry.topic == TICK and int(entry.payload) > self._tick_ns:
                self._tick(entry)
            elif entry.topic == GAP:
                self._tell_all(Gap(0))
            elif entry.topic == COMMAND:
                self._command(json.loads(entry.payload))
        return self.told

    def _adopt(self, entry: Entry) -> None:
        self._plan, self._body = Plan.from_json(entry.payload), entry.payload
        self.told.plan = self.told.plan or self._plan
        self.told.plan_seqs.append(entry.seq)
        numbered = [spec.id for spec in self._plan.characteristics]
        kept = []
        for release, row in self._held:
            if row["name"] in numbered:
                kept.append((release, row))
            else:
                self.told.refused["unknown-characteristic"] += 1
        self._held = kept
        for name in numbered:
            self.told.events.setdefault(name, [])

    def _message(self, entry: Entry) -> None:
        before, self._packets[entry.packet_id] = self._packets.get(entry.packet_id), entry.payload
        if (entry.dup and before == entry.payload) or self._seen(entry.payload):
            self.told.refused["repeated"] += 1
            return
        rows, refused = oracle_decode.decode(self._plan, [entry])
        self.told.refused.update(reason for _, _, reason in refused)
        for row in rows:
            row["name"] = self._plan.characteristics[row["characteristic"]].id
            self._reading(row)

    def _seen(self, payload: bytes) -> bool:
        """Whether a message with this id was there before."""
        try:
            identity = json.loads(payload).get("id")
        except ValueError:
            return False
        if identity is None:
            return False
        seen = identity in self._ids
        self._ids.add(identity)
        return seen

    def _reading(self, row: Row) -> None:
        spec = self._plan.characteristics[row["characteristic"]]
        lateness_ns = round(spec.lateness_seconds * SECOND_NS)
        ahead_ns = row["time_ns"] - self._tick_ns if self._tick_ns else 0
        waits_ns = WAITS_NS + self._plan.clock_step_seconds * SECOND_NS
        if self._tick_ns and self._tick_ns - row["time_ns"] > self._plan.restate_days * 86_400 * SECOND_NS:
            self.told.too_late.append((row["name"], row["seq"], row["idx"], row["time_ns"], row["value"]))
        elif ahead_ns > REFUSED_NS:
            self.told.refused["ahead-of-clock"] += 1
        elif ahead_ns > (-lateness_ns if lateness_ns else waits_ns):
            self._held.append((row["time_ns"] + lateness_ns, row))
        else:
            self._take(row, row["seq"])

    def _tick(self, entry: Entry) -> None:
        self._tick_ns = int(entry.payload)
        due = [row for release_ns, row in self._held if release_ns <= self._tick_ns]
        self._held = [(release_ns, row) for release_ns, row in self._held if release_ns > self._tick_ns]
        for row in sorted(due, key=lambda row: (row["time_ns"], row["seq"], row["idx"])):
            self._take(row, entry.seq)
        self._tell_all(Tick(entry.seq, self._tick_ns, production_day(self._plan, self._tick_ns, grace=True) - 1))

    def _take(self, row: Row, cause: int) -> None:
        self.told.readings += row["state"] == 0
        label = row["subgroup"]
        self.told.events[row["name"]].append(
            Reading(
                0,
                row["time_ns"],
                production_day(self._plan, row["time_ns"]),
                float("nan") if row["value"] is None else row["value"],
                row["seq"],
                row["idx"],
                cause_seq=cause,
                subgroup=0 if label is None else self._labels.setdefault(label, len(self._labels) + 1),
                ends=row["ends"],
                change=self._changes.setdefault(row["change"], len(self._changes)),
                state=row["state"],
            )
        )

    def _command(self, order: Row) -> None:
        self.told.orders += 1
        if order["kind"] == "accept-limits" and order["characteristic"] in self.told.events:
            self.told.events[order["characteristic"]].append(Accept(0))

    def _tell_all(self, event: Event) -> None:
        for told in self.told.events.values():
            told.append(event)


def production_day(plan: Plan, time_ns: int, *, grace: bool = False) -> int:
    """The production day of an instant, or of the grace before it: the local date, counted from its start."""
    calendar = plan.calendar
    before = timedelta(minutes=calendar.grace_minutes if grace else 0)
    local = (datetime.fromtimestamp(time_ns // SECOND_NS, UTC) - before).astimezone(ZoneInfo(calendar.timezone))
    return (local.replace(tzinfo=None) - timedelta(minutes=calendar.day_starts_at)).date().toordinal()
