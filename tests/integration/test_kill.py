"""kill -9 of each of the four processes while a simulated plant's messages flow: the end state is that of an
undisturbed run.

What may differ between the two runs, and is therefore not compared: the journal's seq (a message that comes again
has an entry of its own) and what is made of it (`cause_seq`, `row`, keys of the outbox that hash it), uuids;
`escalated_at`, which is the first time the store was told that lies behind the due time; and how many messages came
again (`rejected` rows of reason `repeated`): a killed gateway is sent what it had not acknowledged, so there are at
least as many as in the undisturbed run. Everything else must be equal, row by row and in order: every kind of result
that the history has, what was pushed, and what the OKR store then shows. No message is lost and none counts twice, so
the readings are those that were published.
"""

import os
import random
import struct
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import orjson
import pytest

from board.times import parse_time
from flows.clocks import published_time
from flows.plant_model import TIMEZONE, production_day, start_ns
from flows.simulate import CLOSED_NS, Settings, steps
from rules.results import BY_NAME, KINDS, LEADING
from tests.servers import Mosquitto, free_port
from tests.spine import (
    CLOCK,
    MINUTE_NS,
    PROCESSES,
    ROOT,
    SECOND_NS,
    START_NS,
    Message,
    Publisher,
    Spine,
    clock,
    connected,
    measured,
    plant,
    rows,
    running,
)

SEED = 20_261
KILLS = 4  # of each process
DAYS = 9  # production days; the fault lasts from the third to the fifth, and is over three days later
SETTINGS = Settings(seed=3, days=4)
PROMPT = "set_tcp_nodelay true\n"  # or it says that it has ten messages 40 ms later
BATCH = 10  # messages published at once
ORDER_AT = 0.5  # the share of the messages after which a person accepts limits
SECONDS = 30.0  # how long the disturbed run publishes
END_NS = start_ns(production_day(DAYS)) + CLOSED_NS
RUN_DEPENDENT = {column.name for column in LEADING} | {"seq", "first_seq", "last_seq"}


@cache
def stream() -> tuple[Message, ...]:
    """All messages of the days, in the order of sending, with the clock's; every 20th comes again a day later."""
    messages: list[Message] = []
    yesterday: list[Message] = []
    for number in range(DAYS):
        today = []
        for step in steps(SETTINGS, number):
            today += [Message(sent.topic, sent.payload) for sent in step.messages if sent.values]
            messages += [Message(sent.topic, sent.payload) for sent in step.messages]
            messages.append(clock(step.at_ns))
        messages += yesterday[::20]
        yesterday = today
    return (*messages, clock(END_NS))


def spine_of(folder: Path, broker: Mosquitto) -> Spine:
    """The demo's plant on this broker."""
    web = free_port()
    text = (ROOT / "flows" / "demo.toml").read_text(encoding="utf-8")
    for old, new in (("port = 1883", f"port = {broker.port}"), ("port = 8080", f"port = {web}"),
                     ('topic = "plumbline/clock"', 'topic = "plant/clock"')):  # fmt: skip
        assert text.count(old) == 1
        text = text.replace(old, new)
    return Spine(folder, text, web=web)


class EndState(NamedTuple):
    """What a run has come to."""

    history: dict[str, list[dict[str, Any]]]  # by kind, in the order in which it appeared
    pushed: list[dict[str, Any]]  # the outbox's bodies
    store: dict[str, Any]  # what the OKR store shows
    repeated: int  # messages that had come before


def end_state(spine: Spine) -> EndState:
    history = {}
    for kind in KINDS:
        names = [column.name for column in LEADING + kind.columns]
        quoted = ", ".join(f'"{name}"' for name in names)
        found = rows(spine.data / "history.db", f'SELECT {quoted} FROM "{kind.name}" ORDER BY "row"')
        history[kind.name] = [comparable(dict(zip(names, row, strict=True))) for row in found]
    repeated = [row["count"] for row in history["rejected"] if row["reason"] == "repeated"]
    history["rejected"] = [row for row in history["rejected"] if row["reason"] != "repeated"]
    pushed = [orjson.loads(row["body"]) for row in history.pop("outbox")]
    names = [one["id"] for one in spine.get("key-results")]
    store = {
        "objectives": spine.get("objectives"),
        "updates": {name: spine.get(f"key-results/{name}/updates") for name in names},
        "alerts": [without_escalation(one) for one in spine.get("alerts")],
    }
    return EndState(history, [without_seq(body) for body in pushed], without_seq(store), max(repeated))


def comparable(row: dict[str, Any]) -> dict[str, Any]:
    """The row without what depends on the run."""
    kept = {name: value for name, value in row.items() if name not in RUN_DEPENDENT and name != "key"}
    if isinstance(kept.get("refs"), bytes):
        kept["refs"] = [ref[1:] for ref in struct.iter_unpack("<qqq", kept["refs"])]  # (idx, time)
    return kept


def without_seq(body: Any) -> Any:
    """A body without `cause_seq`, at any depth."""
    if isinstance(body, dict):
        return {name: without_seq(value) for name, value in body.items() if name != "cause_seq"}
    return [without_seq(value) for value in body] if isinstance(body, list) else body


def without_escalation(alert: dict[str, Any]) -> dict[str, Any]:
    """An alert without the time of its escalation."""
    task = {name: value for name, value in alert["task"].items() if name != "escalated_at"}
    events = [{**one, "at": None} if one["event"] == "escalate" else one for one in alert["events"]]
    return {**alert, "task": task, "events": events}


def published(messages: Iterable[Message]) -> Counter[tuple[str, int, float]]:
    """(characteristic, time, value) of every reading that was sent; what was sent twice, once; what is broken, not."""
    expected: Counter[tuple[str, int, float]] = Counter()
    for topic, body in set(messages):
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            continue
        if topic == CLOCK:
            continue
        _, line, station, _ = topic.split("/")
        for name, value in document["values"].items():
            characteristic = f"{line}/{station}/{document['product']}/{name}"
            for one in value if isinstance(value, list) else [value]:
                expected[characteristic, time_ns(document["time"]), one] += 1
    return expected


def time_ns(given: str | int) -> int:
    """A time in any of the forms that the gateways send, in ns; local times are the plant's."""
    if isinstance(given, int):
        return given * 1_000_000
    moment = datetime.fromisoformat(given)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=TIMEZONE)).timestamp()) * SECOND_NS


def taken(spine: Spine) -> Counter[tuple[str, int, float]]:
    """What `GET /api/v1/readings` gives, in the same form."""
    found = spine.get("readings")
    return Counter((one["characteristic"], parse_time(one["time"]), one["value"]) for one in found)


class Publishing(Thread):
    """Publishes the days evenly over some seconds, in a thread; at the end of one day a person accepts limits."""

    def __init__(self, spine: Spine, publisher: Publisher, seconds: float = 0.0) -> None:
        super().__init__()
        self.share, self.fault = 0.0, list[BaseException]()
        self._spine, self._publisher, self._seconds = spine, publisher, seconds

    def run(self) -> None:
        try:
            self._publish()
        except BaseException as error:  # raised in the test's own thread
            self.fault.append(error)
        self.share = 1.0

    def _publish(self) -> None:
        began, messages, ordered = time.monotonic(), stream(), False
        for first in range(0, len(messages), BATCH):
            batch = messages[first : first + BATCH]
            self._publisher.send(batch)
            self.share = first / len(messages)
            if not ordered and self.share > ORDER_AT:
                self._accept_limits(
                    max(published_time(body) or 0 for topic, body in messages[: first + BATCH] if topic == CLOCK)
                )
                ordered = True
            time.sleep(max(0.0, began + self.share * self._seconds - time.monotonic()))

    def _accept_limits(self, now_ns: int) -> None:
        """Both runs have the command at the same place: behind all that was published, before the rest."""
        spine = self._spine
        spine.wait(lambda: spine.journal_state("tick") == str(now_ns), "all that was published in the journal")
        order = {"kind": "accept-limits", "characteristic": "line1/op10/P7/bore", "who": "anna"}
        spine.post("commands", order, "accept")
        spine.wait(lambda: spine.journal_state("command") == "1", "the command in the journal")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> EndState:
    """The end state of a run that nobody disturbs, under `plumbline run`."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with (
        Mosquitto(folder / "broker", PROMPT) as broker,
        running(spine_of(folder, broker)) as spine,
        connected(broker.port) as publisher,
    ):
        spine.start("run")
        spine.wait_ready(publisher, start_ns(production_day(0)))
        publishing = Publishing(spine, publisher)
        publishing.run()
        assert not publishing.fault, publishing.fault
        spine.wait_through(END_NS)
        assert taken(spine) == published(stream())
        return end_state(spine)


def test_the_undisturbed_run_has_something_to_lose(undisturbed: EndState) -> None:
    counts = {kind: len(found) for kind, found in undisturbed.history.items()}
    assert counts["point"] > 3_000
    assert all(counts[kind] for kind in BY_NAME.keys() - {"reading", "gap", "checkpoint", "outbox"}), counts
    assert [alert["state"] for alert in undisturbed.store["alerts"]] == ["recovered"]
    assert undisturbed.history["episode"][0]["state"] == "open"
    assert [row["state"] for row in undisturbed.history["limits"]].count("accepted") == 1


@dataclass(frozen=True)
class Kill:
    """Kill `process` once `share` of the messages have been published, and `delay_seconds` after that."""

    share: float
    process: str
    delay_seconds: float


def kills(seed: int) -> list[Kill]:
    """At random moments; the forwarder's soon after the web process's, while what it pushes is not taken."""
    chance = random.Random(seed)
    moments = [(name, chance.uniform(0.02, 0.95)) for name in ("gateway", "engine", "web") for _ in range(KILLS)]
    moments += [("forwarder", at + chance.uniform(0.01, 0.05)) for name, at in moments if name == "web"]
    return sorted((Kill(share, name, chance.uniform(0.0, 0.05)) for name, share in moments), key=lambda one: one.share)


@pytest.mark.parametrize("seed", [int(os.environ.get("KILL_SEED", SEED))])
def test_killed_again_and_again_the_end_state_is_that_of_an_undisturbed_run(
    seed: int, undisturbed: EndState, tmp_path: Path
) -> None:
    killing = kills(seed)
    print(f"KILL_SEED={seed}:", ", ".join(f"{kill.process} at {kill.share:.1%}" for kill in killing))
    with (
        Mosquitto(tmp_path / "broker", PROMPT) as broker,
        running(spine_of(tmp_path, broker)) as spine,
        connected(broker.port) as publisher,
    ):
        for name in PROCESSES:
            spine.start(name)
        spine.wait_ready(publisher, start_ns(production_day(0)))
        publishing = Publishing(spine, publisher, SECONDS)
        publishing.start()
        try:
            for kill in killing:
                spine.wait(lambda kill=kill: publishing.share >= kill.share, f"{kill.share:.1%} published")
                time.sleep(kill.delay_seconds)
                spine.kill(kill.process)
                spine.start(kill.process)
        finally:
            publishing.join()
        assert not publishing.fault, publishing.fault
        spine.wait_through(END_NS)
        assert taken(spine) == published(stream())
        found = end_state(spine)
    for kind in found.history:
        assert found.history[kind] == undisturbed.history[kind], kind
    assert found.pushed == undisturbed.pushed
    assert found.store == undisturbed.store
    assert found.repeated >= undisturbed.repeated
    assert rows(tmp_path / "data" / "forwarder.db", "SELECT * FROM quarantine") == []


def test_an_engine_that_was_killed_while_it_made_or_dropped_its_recovery_folder_starts_again(tmp_path: Path) -> None:
    characteristic = '[characteristics."line1/op10/bore"]\nusl = 11.0\n'
    with (
        Mosquitto(tmp_path / "broker") as broker,
        plant(tmp_path, characteristic, broker=broker.port) as spine,
        connected(broker.port) as publisher,
    ):
        for folder, left_over in (("recovery.new", "part-0.sqlite3"), ("recovery", "part-0.sqlite3-wal")):
            (spine.data / folder).mkdir(parents=True)
            (spine.data / folder / left_over).touch()
        for name in PROCESSES:
            spine.start(name)
        spine.wait_ready(publisher, START_NS)
        publisher.send([measured("line1/op10", START_NS, {"bore": 10.0}), clock(START_NS + MINUTE_NS)])
        spine.wait_through(START_NS + MINUTE_NS)
        assert len(spine.get("points")) == 1
