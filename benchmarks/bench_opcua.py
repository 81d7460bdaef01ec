"""How fast what an OPC UA server publishes is on disk and acknowledged: `python -m benchmarks.bench_opcua`.

A node-opcua server queues a burst of changes; measured is the time until the journal has all of them, with the
server's own work, one notification at a time. Beside it asyncua's subscription with a handler that counts, which keeps
nothing and acknowledges at once.
"""

import asyncio
import logging
import tempfile
import time
from pathlib import Path
from typing import Any

from asyncua.client.client import Client
from asyncua.common.node import Node

from benchmarks.figures import Figure, show
from connectors.opcua.settings import OpcuaSettings
from tests.gateway_runs import wait_until
from tests.opcua_peers import Peer, journal_behind

NODES, VALUES = 500, 200
BUDGET = 15_000.0
SECONDS = 120.0  # at most


def into_the_journal(peer: Peer, nodes: int, values: int) -> float:
    """Changes a second until they are on disk."""
    names = tuple(peer.node(f"n{number}") for number in range(nodes))
    url = f"opc.tcp://127.0.0.1:{peer.port}"
    settings = OpcuaSettings(
        "bench", url, names, "urn:plumbline:bench", publishing_ms=50, sampling_ms=0, queue_size=5_000
    )
    with tempfile.TemporaryDirectory() as folder, journal_behind(settings, Path(folder)) as behind:

        def on_disk() -> int:
            return behind.connector.stats()["values"]

        wait_until(lambda: on_disk() >= nodes, seconds=SECONDS)
        before = on_disk()
        peer.burst(values)
        began = time.perf_counter()
        wait_until(lambda: on_disk() >= before + nodes * values, seconds=SECONDS)
        return nodes * values / (time.perf_counter() - began)


def into_a_handler(peer: Peer, nodes: int, values: int) -> float:
    """Changes a second until asyncua has called a handler with each."""
    return asyncio.run(_into_a_handler(peer, nodes, values))


class _Counting:
    def __init__(self) -> None:
        self.count = 0

    def datachange_notification(self, node: Node, value: Any, data: Any) -> None:
        self.count += 1


async def _into_a_handler(peer: Peer, nodes: int, values: int) -> float:
    counting = _Counting()
    async with Client(f"opc.tcp://127.0.0.1:{peer.port}", timeout=30) as client:
        subscription = await client.create_subscription(50, counting)
        wanted = [client.get_node(peer.node(f"n{number}")) for number in range(nodes)]
        await subscription.subscribe_data_change(wanted, queuesize=5_000, sampling_interval=0.0)
        while counting.count < nodes:
            await asyncio.sleep(0.01)
        before, loop = counting.count, asyncio.get_running_loop()
        await loop.run_in_executor(None, peer.burst, values)
        began = time.perf_counter()
        while counting.count < before + nodes * values and time.perf_counter() < began + SECONDS:
            await asyncio.sleep(0.01)
        return (counting.count - before) / (time.perf_counter() - began)


def figures(nodes: int = NODES, values: int = VALUES) -> list[Figure]:
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
    with Peer("node-opcua", nodes=nodes) as peer:
        ours = into_the_journal(peer, nodes, values)
        theirs = into_a_handler(peer, nodes, values)
    name, bound = "OPC UA changes into the journal", "one notification at a time: server, decoding, commit"
    return [Figure(name, ours, "changes/s", BUDGET, "asyncua, kept nowhere", theirs, bound)]


if __name__ == "__main__":
    show(figures())
