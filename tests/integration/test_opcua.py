"""The OPC UA connector against servers of two makes, through a proxy that cuts: every value once, or a gap says which.

About a minute in all, most of it cuts of 1, 3 and 10 s.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.opcua.settings import OpcuaSettings
from tests.gateway_runs import wait_until
from tests.opcua_peers import Behind, CutProxy, Make, Peer, caught_up, journal_behind, missing_of
from tests.servers import free_port

MAKES: tuple[Make, ...] = ("asyncua", "node-opcua")
RATE = 100.0  # values a second and node


def settings(port: int, peer: Peer, nodes: int = 3) -> OpcuaSettings:
    """Every change is reported; what is wrong is noticed soon."""
    return OpcuaSettings(
        name="press",
        url=f"opc.tcp://127.0.0.1:{port}",
        nodes=tuple(peer.node(f"n{number}") for number in range(nodes)),
        application_uri="urn:plumbline:test",
        publishing_ms=100,
        sampling_ms=0,
        queue_size=10_000,
        request_seconds=3.0,
        keep_alive_seconds=0.5,
        probe_seconds=1.0,
    )


def let_pass(behind: Behind, values: int) -> None:
    """Wait until so many more values are on disk."""
    before = behind.connector.stats()["values"]
    wait_until(lambda: behind.connector.stats()["values"] >= before + values, seconds=60)


@contextmanager
def both(folder: Path, historized: int = 0) -> Iterator[list[tuple[Peer, CutProxy, Behind]]]:
    """A server of each make with a connector, at once: most of the time goes in waiting."""
    with ExitStack() as stack:
        peers = [stack.enter_context(Peer(make, nodes=3, historized=historized)) for make in MAKES]
        proxies = [stack.enter_context(CutProxy(peer.port)) for peer in peers]
        yield [
            (peer, proxy, stack.enter_context(journal_behind(settings(proxy.port, peer), folder / make)))
            for make, peer, proxy in zip(MAKES, peers, proxies, strict=True)
        ]


def test_cuts_of_1_3_and_10_seconds_and_a_way_on_which_nothing_passes_cost_nothing(tmp_path: Path) -> None:
    with both(tmp_path) as cases:
        for peer, _, _ in cases:
            peer.go(RATE)
        for seconds in (1.0, 3.0, 10.0):
            for _, _, behind in cases:
                let_pass(behind, 150)
            for _, proxy, _ in cases:
                proxy.cut()
            time.sleep(seconds)  # the fault itself
            for _, proxy, _ in cases:
                proxy.mend()
        for _, proxy, behind in cases:
            let_pass(behind, 300)
            proxy.hang()
        for _, proxy, behind in cases:
            wait_until(lambda behind=behind: behind.connector.trouble != "", seconds=60)
            proxy.mend()
        for peer, _, behind in cases:
            let_pass(behind, 300)
            written = peer.stop()
            kept, stats = caught_up(behind, written), behind.connector.stats()
            assert missing_of(kept, written) == {}
            assert kept.gaps == {}
            assert stats["resumed"] >= 4
            assert stats["recreated"] == 0


def test_a_subscription_that_the_server_has_dropped_is_made_anew_and_back_filled(tmp_path: Path) -> None:
    with both(tmp_path, historized=2) as cases:
        for peer, _, behind in cases:
            peer.go(RATE)
            let_pass(behind, 100)
            peer.drop_subscriptions()
        for peer, _, behind in cases:
            wait_until(lambda behind=behind: bool(behind.kept().gaps), seconds=60)
            let_pass(behind, 300)
            written = peer.stop()
            kept = caught_up(behind, written)
            assert [(gap["reason"], gap["state"]) for gap in kept.gaps.values()] == [("went-silent", "open")]
            assert set(missing_of(kept, written)) == {peer.node("n2")}  # the one without a history
            assert peer.node("n1") not in kept.gaps[1]["detail"]


@pytest.mark.parametrize("make", MAKES)
def test_what_went_by_while_the_gateway_did_not_run_is_back_filled(make: Make, tmp_path: Path) -> None:
    with Peer(make, nodes=2, historized=2) as peer:
        with journal_behind(settings(peer.port, peer, 2), tmp_path) as behind:
            peer.go(RATE)
            let_pass(behind, 200)
        time.sleep(1.0)  # the stretch that nobody saw
        with journal_behind(settings(peer.port, peer, 2), tmp_path) as behind:
            let_pass(behind, 400)
            written = peer.stop()
            kept = caught_up(behind, written)
        assert missing_of(kept, written) == {}
        assert [(gap["reason"], gap["state"]) for gap in kept.gaps.values()] == [("restart", "closed")]
        with journal_behind(settings(peer.port, peer, 2), tmp_path) as behind:  # nothing has changed since
            wait_until(lambda: behind.kept().gaps.get(2, {}).get("state") == "closed", seconds=60)
            again = behind.kept()
    assert {node: len(rows) for node, rows in again.rows.items()} == {n: len(rows) for n, rows in kept.rows.items()}


def test_a_server_that_has_begun_anew_is_a_gap(tmp_path: Path) -> None:
    port = free_port()
    with (
        Peer("node-opcua", nodes=1, port=port) as peer,
        CutProxy(port) as proxy,
        journal_behind(settings(proxy.port, peer, 1), tmp_path) as behind,
    ):
        peer.go(RATE)
        let_pass(behind, 100)
        first = peer.stop()
        caught_up(behind, first)
        peer.kill()
        wait_until(lambda: behind.connector.trouble != "", seconds=60)
        with Peer("node-opcua", nodes=1, port=port) as second:
            second.go(RATE)
            wait_until(lambda: bool(behind.kept().gaps), seconds=60)
            let_pass(behind, 100)
            written = second.stop()
            kept = caught_up(behind, written)
    node = peer.node("n0")
    assert [gap["reason"] for gap in kept.gaps.values()] == ["recreated"]
    assert missing_of(kept, {node: first[node] + written[node]}).keys() <= {node}


def test_a_queue_that_overflows_is_a_gap_of_those_nodes(tmp_path: Path) -> None:
    with Peer("node-opcua", nodes=2, historized=1) as peer:
        short = replace(settings(peer.port, peer, 2), queue_size=20)
        with journal_behind(short, tmp_path) as behind:
            peer.go(RATE)
            let_pass(behind, 50)
            behind.taking.clear()  # nothing is committed, so nothing is acknowledged or asked for
            time.sleep(2.0)  # a hundred and more values are lost
            behind.taking.set()
            let_pass(behind, 100)
            written = peer.stop()
            kept = caught_up(behind, written)
    assert {gap["reason"] for gap in kept.gaps.values()} == {"overflow"}
    assert set(missing_of(kept, written)) == {peer.node("n1")}


def test_the_first_connection_is_tried_until_there_is_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    with caplog.at_level(logging.INFO, "connectors.opcua.connector"):
        nodes = (
            "ns=2;s=n0",
            "/0:Objects/2:Line1/2:n1",
            "nsu=urn:plumbline:peer;s=array",
            "ns=2;s=nowhere",
            "/0:Nowhere",
        )
        waiting = OpcuaSettings("press", f"opc.tcp://127.0.0.1:{port}", nodes, "urn:plumbline:test", sampling_ms=50)
        with Behind(waiting, tmp_path) as behind:
            wait_until(lambda: "trying again" in caplog.text)
            with Peer("asyncua", nodes=2, port=port):
                wait_until(lambda: len(behind.kept().rows) == 3, seconds=60)
                kept = behind.kept()
    assert kept.rows["nsu=urn:plumbline:peer;s=array"][0][0] == [1.5, 2.5, 3.5]
    assert set(kept.rows) == set(nodes[:3])
    assert kept.gaps == {}
    assert "2 nodes cannot be read: /0:Nowhere (the server has no such node), ns=2;s=nowhere" in caplog.text
    assert "3 nodes are sampled more slowly than every 50 ms" in caplog.text
