"""What goes wrong between a gauge and the history: brokers that go and forget, repetitions, disorder, bad bytes."""

import random
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from tests.influx_server import influx_server
from tests.servers import PERSISTENT, Mosquitto, free_port
from tests.spine import (
    CLOCK,
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    START_NS,
    Message,
    Spine,
    clock,
    connected,
    measured,
    passing,
    plant,
    rows,
)

SEED = 1_931
CLOSED_NS = START_NS + 17 * HOUR_NS
BORE = """
[characteristics."line1/op10/bore"]
lsl = 9.0
usl = 11.0
limits = { center = 10.0, sigma = 0.2 }
"""


def values(count: int) -> list[float]:
    """Readings with something in them for every rule: noise, then a shift."""
    chance = random.Random(SEED)
    return [round(chance.gauss(10.0 + 0.3 * (k > 2 * count // 3), 0.2), 3) for k in range(count)]


def bores(first: int, count: int) -> list[Message]:
    """Readings of the bore, a second apart, each followed by the clock when a minute is full."""
    stream = []
    for k, value in list(enumerate(values(1000)))[first : first + count]:
        at_ns = START_NS + (k + 1) * SECOND_NS
        stream.append(measured("line1/op10", at_ns, {"bore": value}, id=f"b-{k}"))
        if (k + 1) % 60 == 0:
            stream.append(clock(at_ns))
    return stream


def taken(spine: Spine, characteristic: str = "line1/op10/bore") -> list[float]:
    return [one["value"] for one in spine.get("readings", characteristic=characteristic)]


# --- the broker ---------------------------------------------------------------------------------------------------
def test_a_broker_that_goes_and_comes_back_loses_nothing_and_one_that_forgets_is_a_gap(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path / "broker", PERSISTENT) as broker,
        plant(tmp_path, BORE, broker=broker.port) as spine,
        connected(broker.port) as publisher,
    ):
        spine.start("run")
        spine.wait_ready(publisher, START_NS)
        publishing = Thread(target=publisher.send, args=(bores(0, 600),))
        publishing.start()
        spine.wait(lambda: publisher.sent > 200, "200 messages accepted")
        broker.stop()  # while messages flow: the publisher and the gateway connect again
        broker.start()
        publishing.join()
        spine.wait_through(START_NS + 600 * SECOND_NS)
        assert taken(spine) == values(1000)[:600]
        assert spine.get("gaps") == []

        broker.stop()
        (tmp_path / "broker" / "mosquitto.db").unlink()  # sessions and all
        broker.start()
        later_ns = START_NS + 30 * MINUTE_NS
        spine.wait_ready(publisher, later_ns)
        publisher.send([measured("line1/op10", later_ns, {"bore": x}) for x in (10.1, 10.2)])
        publisher.send([clock(later_ns + MINUTE_NS)])
        spine.wait_through(later_ns + MINUTE_NS)
        (gap,) = spine.get("gaps")
        assert [gap[name] for name in ("gap", "connector", "reason", "state")] == [
            "line1-1", "line1", "session-lost", "open"
        ]  # fmt: skip
        # by the plant's clock, which stood still meanwhile
        assert [gap["from_time"], gap["to_time"]] == ["2026-11-01T08:10:00Z", "2026-11-01T08:10:00Z"]
        before, after, last = spine.get("points")[-3:]
        assert before["dispersion"] == pytest.approx(abs(values(1000)[599] - values(1000)[598]))
        assert after["dispersion"] is None  # no moving range over what may have been lost
        assert last["dispersion"] == pytest.approx(0.1)


# --- repetition and disorder --------------------------------------------------------------------------------------
TWINS = "".join(
    f"""
[characteristics."{line}/op10/depth"]
lsl = 9.0
usl = 11.0
limits = {{ from = "baseline", subgroups = 60 }}
rules = "nelson"
lateness_seconds = {lateness}
[characteristics."{line}/op10/width"]
chart = "xbar-r"
subgroup_size = 5
limits = {{ from = "baseline", subgroups = 20 }}
rules = "nelson"
lateness_seconds = {lateness}
"""
    for line, lateness in (("straight", 0), ("shuffled", 45))
)
RUN_DEPENDENT = {"row", "cause_seq", "ordinal", "characteristic", "seq", "idx", "first_seq", "last_seq", "refs"}


def twins() -> list[Message]:
    """The same readings twice: `straight` as measured; `shuffled` up to 40 s late and 5 % of them twice."""
    chance = random.Random(SEED)
    sent: list[tuple[int, Message]] = []
    depths, widths = values(500), values(500)[::-1]
    for k in range(500):
        at_ns = START_NS + (k + 1) * 5 * SECOND_NS
        measurement = {"depth": depths[k], "width": widths[k]}
        sent.append((at_ns, measured("straight/op10", at_ns, measurement, id=f"straight-{k}")))
        message = measured("shuffled/op10", at_ns, measurement, id=f"shuffled-{k}")
        for _ in range(1 + (chance.random() < 0.05)):
            sent.append((at_ns + int(chance.uniform(0, 40) * SECOND_NS), message))
    minutes = range(1, 1 + (500 * 5 + 40) // 60)
    sent += [(START_NS + minute * MINUTE_NS, clock(START_NS + minute * MINUTE_NS)) for minute in minutes]
    return [message for _, message in sorted(sent, key=lambda item: item[0])]


def content(found: list[Any]) -> list[dict[str, Any]]:
    """Rows without the characteristic and what depends on the order of arrival."""
    return [{name: value for name, value in row.items() if name not in RUN_DEPENDENT} for row in found]


def test_repeated_and_shuffled_messages_give_what_the_straight_ones_give(tmp_path: Path) -> None:
    messages = twins()
    assert len(messages) > len(set(messages)) + 15  # there are repetitions
    times = [message.body for message in messages if b"shuffled" in message.body]
    assert times != sorted(times)
    with (
        Mosquitto(tmp_path / "broker") as broker,
        plant(tmp_path, TWINS, broker=broker.port) as spine,
        connected(broker.port) as publisher,
    ):
        spine.start("run")
        spine.wait_ready(publisher, START_NS)
        publisher.send([*messages, *passing(START_NS + 42 * MINUTE_NS, CLOSED_NS)])
        spine.wait_through(CLOSED_NS)
        for name, points in (("depth", 500), ("width", 100)):
            both = [f"straight/op10/{name}", f"shuffled/op10/{name}"]
            for path in ("readings", "points", "signals", "days"):
                straight, shuffled = (content(spine.get(path, characteristic=one)) for one in both)
                assert shuffled == straight, (name, path)
            assert len(spine.get("points", characteristic=both[1])) == points
            assert len(spine.get("readings", characteristic=both[1])) == 500
            assert spine.get("signals", characteristic=both[1])  # there was something to compare


class Wire:
    """Between the gateway and its broker: passes bytes on, or loses what the gateway says, or cuts the connection."""

    def __init__(self, port: int) -> None:
        self.port = free_port()
        self.deaf = Event()  # the broker hears nothing of the gateway
        self._broker, self._stop, self._cut = port, Event(), Event()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._listener.settimeout(0.05)
        self._thread = Thread(target=self._run)
        self._thread.start()

    def cut(self) -> None:
        """End the connection, and hear again from the next one on."""
        self._cut.set()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(5)
        self._listener.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                gateway, _ = self._listener.accept()
            except TimeoutError:
                continue
            with gateway, socket.create_connection(("127.0.0.1", self._broker)) as broker:
                self._pass(gateway, broker)

    def _pass(self, gateway: socket.socket, broker: socket.socket) -> None:
        while not self._stop.is_set():
            if self._cut.is_set():
                self._cut.clear()
                self.deaf.clear()
                return
            for source in select.select([gateway, broker], [], [], 0.02)[0]:
                data = source.recv(65_536)
                if not data:
                    return
                if source is broker:
                    gateway.sendall(data)
                elif not self.deaf.is_set():
                    broker.sendall(data)


@contextmanager
def wire_to(broker: Mosquitto) -> Iterator[Wire]:
    wire = Wire(broker.port)
    try:
        yield wire
    finally:
        wire.close()


def test_what_the_broker_delivers_again_counts_once_though_equal_readings_of_two_parts_count_twice(
    tmp_path: Path,
) -> None:
    equal = Message("factory/line1/op10/measurements", b'{"values": {"bore": 10.0}}')  # no id, no time
    with (
        Mosquitto(tmp_path / "broker") as broker,
        wire_to(broker) as wire,
        plant(tmp_path, BORE, broker=wire.port) as spine,
        connected(broker.port) as publisher,
    ):
        spine.start("run")
        spine.wait_ready(publisher, START_NS)
        entries = "SELECT count(*) FROM entry WHERE connector = 'line1' AND dup = ?"
        (segment,) = spine.data.glob("journal/*.db")
        wire.deaf.set()  # the acknowledgements are lost
        publisher.send([equal] * 100)
        spine.wait(lambda: rows(segment, entries, 0) == [(100,)], "100 messages in the journal")
        wire.cut()
        spine.wait(lambda: rows(segment, entries, 1) == [(100,)], "the same 100 again")
        publisher.send([equal] * 10)
        publisher.send([clock(START_NS + MINUTE_NS)])
        spine.wait_through(START_NS + MINUTE_NS)
        assert taken(spine) == [10.0] * 110


# --- bad bytes ----------------------------------------------------------------------------------------------------
BAD: tuple[tuple[bytes, str], ...] = (
    (b'{"values": {"bore": 10.', "not-json"),
    (b"\xff\xfe\x00", "not-json"),
    (b"", "not-json"),
    (b"17", "not-an-object"),
    (b'{"values": []}', "wrong-type"),
    (b'{"values": {}}', "no-values"),
    (b'{"values": {"bore": NaN}}', "not-finite"),
    (b'{"values": {"bore": null}}', "absent-value"),
    (b'{"values": {"bore": "10"}}', "wrong-type"),
    (b'{"values": {"bohr": 10.0}}', "unknown-characteristic"),
    (b'{"time": "yesterday", "values": {"bore": 10.0}}', "bad-time"),
    (b'{"time": "2026-11-01T12:00:00Z", "values": {"bore": 10.0}}', "ahead-of-clock"),
    (b'{"kind": "gossip", "values": {"bore": 10.0}}', "unsupported-kind"),
)


def test_bad_messages_are_kept_with_their_reasons_and_stop_nothing(tmp_path: Path) -> None:
    topic = "factory/line1/op10/measurements"
    with (
        Mosquitto(tmp_path / "broker") as broker,
        plant(tmp_path, BORE, broker=broker.port) as spine,
        connected(broker.port) as publisher,
    ):
        spine.start("run")
        spine.wait_ready(publisher, START_NS)
        for number, (payload, _) in enumerate(BAD):
            publisher.send([Message(topic, payload), *bores(number, 1)])
        publisher.send([Message(topic, b'{"values": {"bore": 10.5, "bohr": 1.0, "depth": "deep"}}')])
        publisher.send([Message(CLOCK, b"noon"), clock(START_NS + MINUTE_NS)])
        spine.wait_through(START_NS + MINUTE_NS)
        found = spine.get("rejected")
        assert [one["reason"] for one in found] == [*(reason for _, reason in BAD), "unknown-characteristic"]
        assert {one["connector"] for one in found} == {"line1"}
        assert all(one["detail"] for one in found)
        for one, (payload, reason) in zip(found, BAD, strict=False):
            if reason != "ahead-of-clock":  # refused as a reading: its detail says which, its message is not at hand
                assert (one["payload"], one["topic"]) == (payload.decode("utf-8", "replace"), topic)
        assert taken(spine) == [10.5, *values(1000)[: len(BAD)]]  # its time is that of receipt: the last tick


# --- InfluxDB -----------------------------------------------------------------------------------------------------
INFLUX = """
[influxdb]
url = "{url}"
bucket = "plumbline"
org = "plant"
token_env = "INFLUX_TOKEN"
"""


def test_influxdb_away_and_back_while_it_runs_has_every_point_in_the_end(tmp_path: Path) -> None:
    with (
        influx_server(tmp_path / "influx") as influx,
        Mosquitto(tmp_path / "broker") as broker,
        plant(tmp_path, BORE + INFLUX.format(url=influx.url), broker=broker.port) as spine,
        connected(broker.port) as publisher,
    ):
        spine.start("run")
        spine.wait_ready(publisher, START_NS)
        publisher.send(bores(0, 300))
        spine.wait(lambda: influx.count("chart") >= 100, "points in InfluxDB")
        influx.stop()
        publisher.send(bores(300, 600))
        spine.wait_through(START_NS + 900 * SECOND_NS)  # InfluxDB holds nobody up
        influx.start()
        spine.wait(lambda: influx.count("chart") == 900, "all 900 points in InfluxDB")
        assert len(spine.get("points")) == influx.count("reading") == 900
        assert influx.count("signal", "value") == len(spine.get("signals"))
