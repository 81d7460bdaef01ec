"""Every point, signal, reading, baseline, window and day of the history held against the plain oracle of the charts."""

import json
import struct
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import Any

from flows.frames import shard_of
from rules.run_rules import RULES_BY_NAME
from rules.verdicts import BITS
from tests.chaos.compare import Findings
from tests.chaos.oracle import Told
from tests.chaos.plant import CHANGED
from tests.chaos.pushed import Row, table
from tests.oracle import Oracle
from tests.oracle_events import Accept, Event, Reading, Results
from tests.oracle_streams import same
from tests.spine import Message

POINT = "cause_seq seq idx time value dispersion n cl ucl lcl dispersion_cl dispersion_ucl dispersion_lcl signals phase"
FIGURES = (
    "cause_seq n subgroups mean sigma_within sigma_overall cp cpl cpu cpk cpk_lower pp ppl ppu ppk ppk_lower cpm "
    "out_of_spec beyond_limits first_seq last_seq limits_revision"
)
UNKNOWN = "unknown-characteristic"
DAY = FIGURES + " day revision basis late signals out_of_spec_day within_df"


def compare_charts(found: Findings, data: Path, told: Told) -> None:
    """(b) Of every characteristic; of one that the change of the plan touches, up to there."""
    assert told.plan is not None
    charts = _Charts(found, data, told)
    shards: dict[int, list[str]] = {}
    for spec in told.plan.characteristics:
        shards.setdefault(shard_of(spec.id), []).append(spec.id)
    for names in shards.values():
        charts.shard(names)
    charts.too_late()
    charts.refused()
    if (len(told.plan_seqs), told.orders) != (2, 1):
        found.differs("orders", f"expected two plans and one order, got {len(told.plan_seqs)} and {told.orders}")
    found.counts |= {"readings": told.readings, "told": found.counts.get("told", 0) + charts.compared}


class _Charts:
    def __init__(self, found: Findings, data: Path, told: Told) -> None:
        self._found, self._told, self._data = found, told, data
        self._tables = {
            kind: table(data, kind) for kind in ("point", "signal", "reading", "limits", "capability", "day")
        }
        self._numbers = {row["name"]: row["characteristic"] for row in table(data, "characteristic")}
        self._changed_at = told.plan_seqs[1] if len(told.plan_seqs) > 1 else 1 << 62
        self.compared = 0

    def shard(self, names: list[str]) -> None:
        """The characteristics of one shard, whose windows and restatements are paced together."""
        plan = self._told.plan
        assert plan is not None
        specs = [spec for spec in plan.characteristics if spec.id in names]
        before = self._changed_at if any(name in CHANGED for name in names) else 1 << 62
        streams = [
            [_numbered(event, number) for event in self._told.events[spec.id]] for number, spec in enumerate(specs)
        ]
        results = Oracle(specs).run(_merged(streams, before))
        for number, spec in enumerate(specs):
            self._characteristic(spec.id, _of(results, number), before)

    def _characteristic(self, name: str, told: Results, before: int) -> None:
        points = self._rows("point", name, before)
        self._agree("point", name, points, told.points, POINT + " revision")
        for row, want in zip(points, told.points, strict=False):
            if want["values"] is not None:
                values = [value for (value,) in struct.iter_unpack("<d", row["values"])]
                refs = [tuple(ref) for ref in struct.iter_unpack("<qqq", row["refs"])]
                wanted = want["values"], [tuple(ref[:3]) for ref in want["refs"]]
                if (values, refs) != wanted:
                    self._found.differs("point", f"{name}: got {values} {refs}, the oracle has {wanted}")
        loose = [row for row in self._rows("reading", name, before) if row["state"] not in ("too-late", "withdrawn")]
        self._agree("reading", name, loose, told.loose, "cause_seq seq idx time value state")
        frozen = [row for row in self._rows("limits", name, before) if row["reason"] == "baseline"]
        columns = "cause_seq revision time state center sigma points excluded"
        self._agree("limits", name, frozen, told.limits, columns)
        windows = self._rows("capability", name, before)
        self._agree("capability", name, windows, told.windows, FIGURES + " time", verdicts=True)
        days = [row for row in self._rows("day", name, before) if row["n"]]
        stated = [row | {"revision": row["day_revision"]} for row in told.days]
        self._agree("day", name, days, stated, DAY, verdicts=True)
        self._signals(name, told, before)

    def _signals(self, name: str, told: Results, before: int) -> None:
        late = {(row["seq"], row["idx"]) for row in told.loose if row["state"] == "late"}
        rules = {rule.bit: rule.name for rule in RULES_BY_NAME.values()}
        expected = [(one["cause_seq"], one["seq"], one["idx"], rules[one["bit"]], 2) for one in told.signals]
        for point in told.points:
            at = point["cause_seq"], point["seq"], point["idx"]
            expected += [(*at, rule, point["phase"]) for bit, rule in rules.items() if point["raised"] >> bit & 1]
        given = [
            (row["cause_seq"], row["seq"], row["idx"], row["rule"], row["phase"])
            for row in self._rows("signal", name, before)
        ]
        self.compared += len(given)
        for one in sorted(set(given) ^ set(expected)):
            where = "is there, the oracle has it not" if one in given else "is missing"
            self._found.differs("signal", f"{name}: {one} {where}{', late' if one[1:3] in late else ''}")
        if len(given) != len(set(given)):
            self._found.differs("signal", f"{name}: a signal is there twice")

    def too_late(self) -> None:
        """What came too late is kept, and changes nothing."""
        names = {number: name for name, number in self._numbers.items()}
        given = sorted(
            (names[row["characteristic"]], row["seq"], row["idx"], row["time"], row["value"])
            for row in self._tables["reading"]
            if row["state"] == "too-late"
        )
        self.compared += len(given)
        if given != sorted(self._told.too_late):
            self._found.differs("too late", f"got {given}, the oracle has {sorted(self._told.too_late)}")

    def refused(self) -> None:
        """What was refused is counted by its reason; an unknown name is told when it comes the first, 10th, … time."""
        given: dict[str, int] = {}
        for row in table(self._data, "rejected"):
            given[row["reason"]] = max(given.get(row["reason"], 0), row["count"])
        expected = dict(self._told.refused)
        if 0 < given.get(UNKNOWN, 0) <= expected.get(UNKNOWN, 0):
            given[UNKNOWN] = expected[UNKNOWN]
        if given != expected:
            self._found.differs("refused", f"got {given}, the oracle has {expected}")

    def _rows(self, kind: str, name: str, before: int) -> list[Row]:
        number = self._numbers[name]
        rows = self._tables[kind]
        return [row for row in rows if row["characteristic"] == number and row["cause_seq"] < before]

    def _agree(
        self,
        kind: str,
        name: str,
        given: list[Row],
        told: list[dict[str, Any]],
        columns: str,
        *,
        verdicts: bool = False,
    ) -> None:
        self.compared += len(given)
        for row, want in zip(given, told, strict=False):
            different = {
                column: (row[column], want[column])
                for column in columns.split()
                if not same(nan if row[column] is None else row[column], want[column])
            }
            if verdicts and sum(BITS[word] for word in json.loads(row["verdicts"])) != want["verdicts"]:
                different["verdicts"] = row["verdicts"], want["verdicts"]
            if different:
                self._found.differs(kind, f"{name}, row {row['row']}: (there, told by the oracle) {different}")
        if len(given) != len(told):
            self._found.differs(kind, f"{name}: {len(given)} rows, the oracle has {len(told)}")


def _numbered(event: Event, number: int) -> Event:
    return replace(event, characteristic=number) if isinstance(event, Reading | Accept) else event


def _merged(streams: list[list[Event]], before: int) -> Iterable[Event]:
    """One stream of a shard's events: those of one entry in the order of the characteristics, ticks and gaps once."""
    places = [0] * len(streams)
    while True:
        for number, stream in enumerate(streams):
            while places[number] < len(stream) and isinstance(stream[places[number]], Reading | Accept):
                event = stream[places[number]]
                if isinstance(event, Accept) or event.cause < before:
                    yield event
                places[number] += 1
        if places[0] >= len(streams[0]):
            return
        shared = streams[0][places[0]]  # a tick or a gap, which all have
        if not hasattr(shared, "seq") or shared.seq < before:
            yield shared
        places = [place + 1 for place in places]


def _of(results: Results, number: int) -> Results:
    mine = {name: [row for row in getattr(results, name) if row["characteristic"] == number] for name in vars(results)}
    return Results(**mine)


def compare_taken(found: Findings, data: Path, acknowledged: list[Message], told: Told) -> None:
    """(a) Every reading of a message that was acknowledged is taken once, whoever sent it again and how often.

    Told from the messages themselves. Left out are those that the program cannot know: messages without an id, which
    a broker that was restarted may deliver twice, and characteristics that the plan had not or no longer has.
    """
    expected = Counter(  # an array may hold the same value twice
        (f"{message.topic[8:-13]}/{name}", body["time"] * 1_000_000, value)
        for message in set(acknowledged)
        if (body := _document(message)) is not None
        for name, some in body["values"].items()
        for value in (some if isinstance(some, list) else [some])
        if value is not None and f"{message.topic[8:-13]}/{name}" in told.events
    )
    names = {row["characteristic"]: row["name"] for row in table(data, "characteristic")}
    taken: Counter[tuple[str, int, float]] = Counter()
    for row in table(data, "reading"):
        taken[names[row["characteristic"]], row["time"], row["value"]] += 1
    for row in table(data, "point"):
        if row["phase"] != 1:  # the baseline's points come once more when it is full
            values, refs = struct.iter_unpack("<d", row["values"]), struct.iter_unpack("<qqq", row["refs"])
            for (value,), (_, _, time_ns) in zip(values, refs, strict=True):
                taken[names[row["characteristic"]], time_ns, value] += 1
    for key, times in expected.items():
        if taken[key] > times:
            found.differs("taken", f"{key} is taken {taken[key]} times, sent {times} times")
    missing = [key for key, times in expected.items() if taken[key] < times and key[0] not in CHANGED]
    if len(missing) > told.refused["ahead-of-clock"]:
        found.differs("taken", f"{len(missing)} readings are not in the history, such as {missing[:3]}")


def _document(message: Message) -> Row | None:
    """What a message says, if it is whole and has an id."""
    try:
        body: Row = json.loads(message.body)
    except ValueError:
        return None
    return body if "id" in body and isinstance(body["time"], int) else None
