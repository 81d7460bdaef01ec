"""An asyncua server: `python -m tests.peers.asyncua_server PORT NODES HISTORIZED [PKI]`; told as server.js is.

With a folder PKI it offers no endpoint without security, and lets in who is `plumbline` with the password `secret`; its
certificate is written to `server.der` there.
"""

import asyncio
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from asyncua import Server, ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.user_managers import UserManager

from connectors.opcua.trust import make_certificate

URI = "urn:plumbline:peer-server"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Gatekeeper(UserManager):
    def get_user(
        self, iserver: Any, username: Any = None, password: Any = None, certificate: Any = None
    ) -> User | None:
        return User(role=UserRole.User) if (username, password) == ("plumbline", "secret") else None


async def secure(server: Server, pki: Path) -> None:
    certificate, key = pki / "server.der", pki / "server.pem"
    make_certificate(certificate, key, application_uri=URI, host="127.0.0.1")
    await server.set_application_uri(URI)
    await server.load_certificate(certificate)
    await server.load_private_key(key)
    kinds = ua.SecurityPolicyType
    server.set_security_policy(
        [
            kinds.Basic256Sha256_Sign,
            kinds.Basic256Sha256_SignAndEncrypt,
            kinds.Aes128Sha256RsaOaep_SignAndEncrypt,
            kinds.Aes256Sha256RsaPss_SignAndEncrypt,
        ]
    )


async def main(port: int, nodes: int, historized: int, pki: Path | None) -> None:
    server = Server(user_manager=None if pki is None else Gatekeeper())
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}")
    if pki is None:
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    else:
        await secure(server, pki)
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
    asyncio.run(main(*map(int, sys.argv[1:4]), pki=Path(sys.argv[4]) if len(sys.argv) > 4 else None))
