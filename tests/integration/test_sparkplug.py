"""A Sparkplug host application on a real broker, with a simulated edge node.

A test a rule, named after the specification's `tck-id` where the rule has one (Eclipse Sparkplug 3.0.0).
"""

import logging
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from connectors.journal import GAP
from tests.gateway_runs import Running, entries, system, wait_until, write_plant
from tests.servers import Mosquitto
from tests.sparkplug_node import EdgeNode, Watcher, take_over

STATE = "spBv1.0/STATE/plumbline"
CLIENT = "plumbline-p1-cells"
PLANT = """
[plant]
id = "p1"
{clock}
[connectors.cells]
type = "mqtt"
port = {port}
payload = "sparkplug"
groups = ["plant"]
reorder_timeout_seconds = 0.3
rebirth_interval_seconds = 1.0
{options}
[characteristics."plant/press/cell/depth"]
usl = 10.0
"""


class Site:
    """A broker that logs every packet, who watches it, and the gateway."""

    def __init__(self, folder: Path, options: str = "") -> None:
        self._folder = folder
        self.broker = Mosquitto(folder / "broker", "log_type all\n")
        self.data = folder / "data"
        self.plant = write_plant(folder, self.broker.port, options=options, text=PLANT)
        self.watcher = Watcher(self.broker.port)
        self._gateway: Running | None = None

    def start(self) -> "Site":
        """The gateway, up to its STATE."""
        before = len(self.online)
        self._gateway = Running(self.plant, self.data)
        wait_until(lambda: len(self.online) > before)
        return self

    def stop(self) -> None:
        if self._gateway is not None:
            self._gateway.stop()
            self._gateway = None

    def close(self) -> None:
        self.stop()
        self.watcher.__exit__()
        self.broker.stop()

    def node(self, edge: str = "press") -> EdgeNode:
        return EdgeNode(self.broker.port, edge)

    @property
    def online(self) -> list[int]:
        """The times with which it said that it is there."""
        return [one.said["timestamp"] for one in self.watcher.states() if one.said["online"]]

    @property
    def offline(self) -> list[int]:
        return [one.said["timestamp"] for one in self.watcher.states() if not one.said["online"]]

    @property
    def log(self) -> str:
        return (self._folder / "broker" / "mosquitto.log").read_text()

    def journal(self, kind: str) -> list[bytes]:
        """The payloads of one kind of message, as they lie in the journal."""
        return [entry.payload for entry in entries(self.data) if f"/{kind}/" in entry.topic]

    def taken(self, kind: str, count: int) -> None:
        wait_until(lambda: len(self.journal(kind)) >= count)

    def gaps(self) -> list[tuple[str, str]]:
        found = [orjson.loads(entry.payload) for entry in system(self.data, GAP)]
        return [(gap["reason"], gap.get("detail", "")) for gap in found]


@pytest.fixture
def site(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Site]:
    caplog.set_level(logging.INFO)
    with closing(Site(tmp_path)) as made:
        yield made.start()


def test_tck_id_message_flow_phid_sparkplug_clean_session_50(site: Site) -> None:
    (connected,) = re.findall(rf"as {CLIENT} \(p5, c(\d)", site.log)
    assert connected == "1"
    site.stop()
    site.start()
    assert len(re.findall(rf"as {CLIENT} \(p5, c1", site.log)) == 2
    assert re.search(rf"Sending CONNACK to {CLIENT} \(1,", site.log) is None  # 1: a session was kept


def test_tck_id_message_flow_phid_sparkplug_clean_session_311(tmp_path: Path) -> None:
    with closing(Site(tmp_path, 'mqtt_version = "3.1.1"')) as site:
        site.start()
        assert re.findall(rf"as {CLIENT} \(p2, c(\d)", site.log) == ["1"]


def test_tck_id_message_flow_phid_sparkplug_subscription(site: Site) -> None:
    """Its own state and its groups, before it says that it is there."""
    log = site.log
    subscribe = log.index(f"Received SUBSCRIBE from {CLIENT}")
    assert subscribe < log.index(f"Received PUBLISH from {CLIENT}")
    assert f"{STATE} (QoS 1)" in log[subscribe:]
    assert "spBv1.0/plant/# (QoS 1)" in log[subscribe:]


def test_tck_id_host_topic_phid_birth_payload(site: Site) -> None:
    (birth,) = site.watcher.states()
    assert set(birth.said) == {"online", "timestamp"}
    assert birth.said["online"] is True
    assert type(birth.said["timestamp"]) is int


def test_tck_id_host_topic_phid_birth_qos_and_retain(site: Site) -> None:
    (birth,) = site.watcher.states()
    assert (birth.qos, birth.retained) == (1, True)
    with Watcher(site.broker.port, as_published=False) as later:
        wait_until(lambda: [one.said["timestamp"] for one in later.states()] == site.online)


def test_tck_id_host_topic_phid_death_required(site: Site) -> None:
    """The will: at QoS 1 and retained, with the time of the birth; then it comes back with a new one."""
    take_over(site.broker.port, CLIENT)
    wait_until(lambda: len(site.online) >= 2)
    assert site.offline == site.online[:1]
    death = next(one for one in site.watcher.states() if not one.said["online"])
    assert (set(death.said), death.qos, death.retained) == ({"online", "timestamp"}, 1, True)
    assert site.online[1] > site.online[0]


def test_tck_id_operational_behavior_host_application_disconnect_intentional(site: Site) -> None:
    """It says that it goes, with the time at which it goes, and only then disconnects."""
    site.stop()
    wait_until(lambda: f"Client {CLIENT} disconnected." in site.log)
    assert len(site.offline) == 1  # and no will besides
    assert site.offline[0] > site.online[0]
    said = [m.start() for m in re.finditer(rf"Received PUBLISH from {CLIENT} .*'{STATE}'", site.log)]
    assert len(said) == 2
    assert said[1] < site.log.index(f"Received DISCONNECT from {CLIENT}")


def test_tck_id_message_flow_hid_sparkplug_state_message_delivered(site: Site) -> None:
    site.watcher.say(STATE, b'{"online":false,"timestamp":1}', retain=True)
    wait_until(lambda: len(site.online) == 2)
    assert site.online[1] == site.online[0]


def test_what_comes_is_in_the_journal_as_it_was_sent_with_its_own_state(site: Site) -> None:
    with site.node() as node:
        node.data(depth=5.1)
        site.taken("DDATA", 1)
        kinds = [entry.topic.split("/")[2] for entry in entries(site.data) if entry.topic.startswith("spBv1.0/plant")]
        assert kinds == ["NBIRTH", "DBIRTH", "DDATA"]
        sent = [one.payload for one in site.watcher.heard if "/DDATA/" in one.topic]
        assert site.journal("DDATA") == sent
        assert node.rebirths == 0
    assert [entry.payload for entry in entries(site.data) if entry.topic == STATE] == [
        one.payload for one in site.watcher.states()
    ]


def test_tck_id_operational_behavior_host_reordering_rebirth(site: Site) -> None:
    with site.node() as node:
        node.data(depth=5.1)
        node.data(depth=5.2, lost=True)
        node.data(depth=5.3)
        wait_until(lambda: node.rebirths == 1)
        site.taken("DBIRTH", 2)
        assert site.gaps() == [("sequence-lost", "plant/press: at least 1 messages by their sequence numbers")]
        node.data(depth=5.4)
        site.taken("DDATA", 3)
        assert node.rebirths == 1
    assert "NCMD" in "".join(one.topic for one in site.watcher.heard)


def test_tck_id_operational_behavior_host_reordering_success(site: Site) -> None:
    with site.node() as node, site.node("oven") as other:
        node.overtaken({"depth": 5.1}, {"depth": 5.2}, {"depth": 5.3})
        site.taken("DDATA", 3)
        other.data(lost=True, depth=1.0)  # the proof that the time is over: this one is lost in the same time
        other.data(depth=1.1)
        wait_until(lambda: other.rebirths == 1)
        assert node.rebirths == 0
    wait_until(lambda: [detail.split(":")[0] for _, detail in site.gaps()] == ["plant/oven"])


def test_an_unknown_alias_asks_for_the_births_at_most_so_often(site: Site) -> None:
    with site.node() as node:
        node.answers = False
        site.taken("DBIRTH", 1)
        for _ in range(20):
            node.data(alias=99, depth=5.1)
        wait_until(lambda: node.rebirths == 1)
        wait_until(lambda: node.rebirths == 2, doing=lambda: node.data(alias=99, depth=5.1))
        asked = [one for one in site.watcher.heard if "/NCMD/" in one.topic]
        assert len(asked) == 2


def test_data_of_a_node_that_was_never_born_here_ask_for_its_births(tmp_path: Path) -> None:
    with closing(Site(tmp_path)) as site, site.node() as node:
        site.start()
        assert node.rebirths == 0  # nobody has heard of it
        node.data(depth=5.1)
        wait_until(lambda: node.rebirths == 1)
        site.taken("DBIRTH", 1)


def test_after_a_restart_every_node_is_asked_for_its_births_and_the_time_between_is_a_gap(site: Site) -> None:
    with site.node() as node:
        site.taken("DBIRTH", 1)
        site.stop()
        node.data(depth=5.1)
        site.start()
        wait_until(lambda: node.rebirths == 1)
        site.taken("DBIRTH", 2)
    assert [reason for reason, _ in site.gaps()] == ["session-lost"]


def test_after_a_broken_connection_every_node_is_asked_for_its_births(site: Site) -> None:
    with site.node() as node:
        site.taken("DBIRTH", 1)
        take_over(site.broker.port, CLIENT)
        wait_until(lambda: node.rebirths == 1)
        site.taken("DBIRTH", 2)


def test_deaths_are_in_the_journal(site: Site) -> None:
    node = site.node().connect()
    node.device_dies()
    site.taken("DDEATH", 1)
    node.drop()
    site.taken("NDEATH", 1)
    node.connect()
    node.leave()
    site.taken("NDEATH", 2)


def test_what_is_no_sparkplug_stops_nothing(site: Site) -> None:
    for payload in (b"\x12", b"{}", b"", bytes(range(256))):
        site.watcher.say("spBv1.0/plant/NDATA/press", payload)
    site.watcher.say(STATE, b"OFFLINE")
    with site.node() as node:
        node.data(depth=5.1)
        site.taken("DDATA", 1)
    assert len(site.journal("NDATA")) == 4
