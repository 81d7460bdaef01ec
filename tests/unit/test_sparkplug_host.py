"""The rules of a host application without a broker: order, sessions, rebirths. On a broker: tests/integration.

Named after the specification's `tck-id` where it has one (Eclipse Sparkplug 3.0.0).
"""

import random

import orjson
import pytest

from connectors.mqtt_companion import Order
from connectors.sparkplug.encode import MetricOut, encode_payload
from connectors.sparkplug.host import HostSettings, Lost, SparkplugHost
from connectors.sparkplug.payload import Malformed, read_payload
from connectors.sparkplug.peek import MOST_METRICS, Unreadable, peek
from connectors.sparkplug.scan import HAS_ALIAS
from connectors.sparkplug.types import BD_SEQ, DataType
from tests.sparkplug_proto import Payload

NODE = "plant/press"
NCMD = "spBv1.0/plant/NCMD/press"
NOW_MS = 1_795_248_000_000


class Site:
    """A host application that has joined, and the edge node plant/press."""

    def __init__(self, nodes: tuple[str, ...] = (), timeout: float = 2.0) -> None:
        self.host = SparkplugHost(HostSettings("h1", timeout, 10.0), nodes)
        self.now = 100.0
        self.host.will(NOW_MS)
        self.host.joined(self.now, NOW_MS)
        self.start = self.orders()

    def send(self, kind: str, seq: int | None, *aliases: int, device: str = "", bd_seq: int | None = None) -> None:
        metrics = [MetricOut(f"m{alias}" if "BIRTH" in kind else "", 1.0, alias=alias) for alias in aliases]
        if bd_seq is not None:
            metrics.append(MetricOut(BD_SEQ, bd_seq, DataType.INT64))
        topic = f"spBv1.0/plant/{kind}/press" + (f"/{device}" if device else "")
        self.host.received(topic, encode_payload(NOW_MS, metrics, seq), self.now, NOW_MS)

    def born(self) -> None:
        self.send("NBIRTH", 0, 1, bd_seq=0)
        self.send("DBIRTH", 1, 2, device="cell")

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.host.poll(self.now, NOW_MS)

    def orders(self) -> list[Order]:
        found = list(self.host.orders)
        self.host.orders.clear()
        return found

    def asked(self) -> list[str]:
        """The topics of what was ordered."""
        return [order.topic for order in self.orders()]


def test_tck_id_host_topic_phid_death_payload_timestamp_connect() -> None:
    """The will's time is that of the connection, and the birth of the same session bears it too."""
    site = Site()
    will = site.host.will(NOW_MS + 5)
    assert will == Order("spBv1.0/STATE/h1", b'{"online":false,"timestamp":1795248000005}', 1, True)
    site.host.joined(site.now, NOW_MS + 9)
    assert site.orders() == [Order("spBv1.0/STATE/h1", b'{"online":true,"timestamp":1795248000005}', 1, True)]


def test_tck_id_host_topic_phid_death_payload_timestamp_disconnect_clean() -> None:
    """A disconnect that is meant bears its own time; one of a clock that went back, no earlier than the birth's."""
    site = Site()
    assert orjson.loads(site.host.leaving(NOW_MS + 7).payload) == {"online": False, "timestamp": NOW_MS + 7}
    assert orjson.loads(site.host.leaving(NOW_MS - 7).payload) == {"online": False, "timestamp": NOW_MS}


def test_tck_id_message_flow_hid_sparkplug_state_message_delivered() -> None:
    """Told that it is offline while it is not, the host says again that it is there, with its session's time."""
    site = Site()
    site.host.received("spBv1.0/STATE/h1", b'{"online":false,"timestamp":1}', site.now, NOW_MS + 50)
    assert site.orders() == site.start
    for topic, said in (("spBv1.0/STATE/h1", b'{"online":true}'), ("spBv1.0/STATE/h2", b'{"online":false}')):
        site.host.received(topic, said, site.now, NOW_MS)
    site.host.received("spBv1.0/STATE/h1", b"OFFLINE", site.now, NOW_MS)
    assert site.orders() == []


def test_every_node_that_was_met_is_asked_for_its_births_as_a_session_begins() -> None:
    site = Site(("plant/oven", NODE))
    assert [order.topic for order in site.start] == ["spBv1.0/STATE/h1", "spBv1.0/plant/NCMD/oven", NCMD]


def test_tck_id_payloads_ncmd_qos_and_retain() -> None:
    site = Site((NODE,))
    order = site.start[1]
    assert (order.qos, order.retain) == (0, False)
    (metric,) = Payload.FromString(order.payload).metrics
    assert (metric.name, metric.boolean_value) == ("Node Control/Rebirth", True)


def test_a_new_session_asks_again_and_knows_nothing_of_the_last_one() -> None:
    site = Site()
    site.born()
    site.host.left()
    site.host.joined(site.now, NOW_MS)
    assert site.asked() == ["spBv1.0/STATE/h1", NCMD]
    site.send("NDATA", 2, 1)
    assert site.asked() == []  # asked for a moment ago
    site.wait(10.0)
    assert site.asked() == [NCMD]


def test_data_of_a_node_without_a_birth_ask_for_one() -> None:
    site = Site()
    site.send("NDATA", 7, 1)
    assert site.asked() == [NCMD]
    assert list(site.host.nodes) == [NODE]


def test_what_is_in_order_is_asked_for_nothing() -> None:
    site = Site()
    site.born()
    for seq in range(2, 600):
        site.send("DDATA", seq % 256, 2, device="cell")
        site.wait(0.01)
    assert (site.asked(), list(site.host.losses)) == ([], [])


def test_tck_id_operational_behavior_host_reordering_param() -> None:
    site = Site(timeout=0.5)
    site.born()
    site.send("NDATA", 3, 1)
    site.wait(0.4)
    assert site.asked() == []
    site.wait(0.1)
    assert site.asked() == [NCMD]


def test_tck_id_operational_behavior_host_reordering_start() -> None:
    """The time begins with the first message that is ahead, not with a later one."""
    site = Site()
    site.born()
    site.send("NDATA", 3, 1)
    site.wait(1.5)
    site.send("NDATA", 4, 1)
    site.wait(0.5)
    assert site.asked() == [NCMD]


def test_tck_id_operational_behavior_host_reordering_rebirth() -> None:
    site = Site()
    site.born()
    site.wait(5.0)
    site.send("NDATA", 5, 1)
    site.send("NDATA", 6, 1)
    site.wait(2.0)
    assert site.asked() == [NCMD]
    assert list(site.host.losses) == [Lost(NODE, 100.0, 3)]  # 2, 3 and 4, after the last that was in order
    site.send("NBIRTH", 0, 1, bd_seq=0)
    site.send("NDATA", 1, 1)
    site.wait(20.0)
    assert site.asked() == []


def test_tck_id_operational_behavior_host_reordering_success() -> None:
    site = Site()
    site.born()
    site.send("NDATA", 3, 1)
    site.send("NDATA", 5, 1)
    site.wait(1.0)
    site.send("NDATA", 4, 1)
    site.send("NDATA", 2, 1)
    site.send("NDATA", 6, 1)
    site.wait(60.0)
    assert (site.asked(), list(site.host.losses)) == ([], [])


def test_the_last_message_once_more_is_no_gap() -> None:
    site = Site()
    site.born()
    site.send("NDATA", 2, 1)
    site.send("NDATA", 2, 1)
    site.wait(60.0)
    assert list(site.host.losses) == []


@pytest.mark.parametrize("kind", ["NDATA", "DDATA"])
def test_an_unknown_alias_asks_for_the_births(kind: str) -> None:
    site = Site()
    site.born()
    site.send(kind, 2, 1, 99, device="cell" if kind[0] == "D" else "")
    assert site.asked() == [NCMD]


def test_an_unknown_device_asks_for_the_births() -> None:
    site = Site()
    site.born()
    site.send("DDATA", 2, 2, device="other")
    assert site.asked() == [NCMD]


def test_a_device_that_died_is_unknown() -> None:
    site = Site()
    site.born()
    site.send("DDEATH", 2, device="cell")
    site.send("DDATA", 3, 2, device="cell")
    assert site.asked() == [NCMD]


def test_births_are_asked_for_at_most_so_often_and_then_again() -> None:
    site = Site()
    site.born()
    for seq in range(2, 12):
        site.send("NDATA", seq, 99)
        site.wait(1.0)
    assert site.asked() == [NCMD, NCMD]  # at once, and 10 s later
    site.send("NBIRTH", 0, 99, bd_seq=0)
    site.send("NDATA", 1, 99)
    site.wait(60.0)
    assert site.asked() == []


def test_tck_id_payloads_ndeath_bdseq() -> None:
    """After the death of this session data ask for a birth; that of an earlier one changes nothing."""
    site = Site()
    site.send("NBIRTH", 0, 1, bd_seq=4)
    site.send("NDEATH", None, bd_seq=3)
    site.send("NDATA", 1, 1)
    assert site.asked() == []
    site.send("NDEATH", None, bd_seq=4)
    site.wait(60.0)
    assert site.asked() == []  # who is dead is asked for nothing
    site.send("NDATA", 2, 1)
    assert site.asked() == [NCMD]


def test_what_is_no_sparkplug_changes_nothing() -> None:
    site = Site()
    for topic, payload in (
        ("factory/line1", b"{}"),
        ("spBv1.0/plant/NDATA/press", b"\x12"),
        ("spBv1.0/plant/NCMD/press", b""),
        ("spBv1.0/plant/NDEATH/press", b""),
    ):
        site.host.received(topic, payload, site.now, NOW_MS)
    assert (site.asked(), list(site.host.nodes)) == ([], [])


def test_nothing_is_asked_while_there_is_no_connection() -> None:
    site = Site()
    site.host.left()
    site.send("NDATA", 7, 1)
    assert site.asked() == []


def test_what_is_seen_of_a_payload_is_what_the_decoder_reads() -> None:
    rng = random.Random(5)
    for _ in range(300):
        theirs = Payload(timestamp=NOW_MS)
        if rng.random() < 0.8:
            theirs.seq = rng.randrange(256)
        for _ in range(rng.randrange(6)):
            made = theirs.metrics.add(datatype=8)
            if rng.random() < 0.5:
                made.name = rng.choice(["bdSeq", "bore"])
            if rng.random() < 0.7:
                made.alias = rng.randrange(2**63)
            made.properties.keys.append("Quality")
            made.properties.values.add(type=3, int_value=192)
            if made.name == "bdSeq" or rng.random() < 0.5:
                made.long_value = rng.randrange(256)
            else:
                made.double_value = 1.0
        payload = read_payload(theirs.SerializeToString())
        metrics = list(payload.metrics())
        numbers = [one.bits for one in metrics if one.name == "bdSeq"]
        found = peek(theirs.SerializeToString())
        assert found.seq == (payload.seq if payload.seq >= 0 else None)
        assert found.bd_seq == (numbers[-1] if numbers else None)
        assert found.aliases == {one.alias for one in metrics if one.flags & HAS_ALIAS}


def test_no_bytes_stop_the_look_into_a_payload() -> None:
    rng = random.Random(6)
    sound = encode_payload(NOW_MS, [MetricOut("bdSeq", 3, DataType.INT64, alias=7, quality=192)] * 3, 1)
    unread = 0
    for _ in range(5_000):
        data = bytearray(sound)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        broken = bytes(data[: rng.randrange(len(data) + 1)])
        try:
            peek(broken)
        except Unreadable:
            unread += 1
            with pytest.raises(Malformed):
                read_payload(broken)
    assert unread > 1_000


def test_no_more_of_data_is_looked_at_than_is_said() -> None:
    many = encode_payload(NOW_MS, [MetricOut(alias=alias, value=1.0) for alias in range(MOST_METRICS + 5)], 9)
    found = peek(many)
    assert (len(found.aliases), found.seq) == (MOST_METRICS, 9)
    assert len(peek(many, born=True).aliases) == MOST_METRICS + 5
