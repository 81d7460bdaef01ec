"""An asyncua server: `python -m tests.peers.asyncua_server PORT NODES HISTORIZED`; told what to do as server.js is."""

import asyncio
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from asyncua import Server, ua

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def main(port: int, nodes: int, historized: int) -> None:
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    index = await server.register_namespace("urn:plumbline:peer")
    folder = await server.nodes.objects.add_folder(index, "Line1")
    variables = [
        await folder.add_variable(ua.NodeId(f"n{number}", index), f"{index}:n{number}", 0.0) for number in range(nodes)
    ]
    await folder.add_variable(ua.NodeId("array", index), f"{index}:array", [1.5, 2.5, 3.5])
    async with server:
        for variable in variables[:historized]:
            await server.historize_node_data_change(variable, period=None, count=100_000)
        say({"ready": f"opc.tcp://127.0.0.1:{port}"})
        await obey(server, variables)


async def obey(server: Server, variables: list[Any]) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    written: list[list[tuple[int, int]]] = [[] for _ in variables]
    task: asyncio.Task[None] | None = None
    count = 0

    async def write(rate: float) -> None:
        nonlocal count
        began, first, last = time.monotonic(), count, EPOCH
        while True:
            while count - first < (time.monotonic() - began) * rate:
                count += 1
                last = max(datetime.now(UTC), last + timedelta(microseconds=1))  # each value has a time of its own
                value = ua.DataValue(ua.Variant(float(count)), SourceTimestamp=last, ServerTimestamp=last)
                at_ns = (last - EPOCH) // timedelta(microseconds=1) * 1_000
                for variable, kept in zip(variables, written, strict=True):
                    await server.write_attribute_value(variable.nodeid, value)
                    kept.append((count, at_ns))
            await asyncio.sleep(0.005)

    while line := (await reader.readline()).decode().split():
        if line[0] == "go":
            task = asyncio.create_task(write(float(line[1])))
        elif line[0] == "stop" and task is not None:
            task.cancel()
            say({"written": written})
        elif line[0] == "drop":
            service = server.iserver.subscription_service
            await service.delete_subscriptions(
                [one for one, sub in service.subscriptions.items() if sub.pub_request_callback]
            )
            say({"dropped": True})


def say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:4])))
